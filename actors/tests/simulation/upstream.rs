//! Upstreams that are well, ill and everything between.

use std::time::Duration;

use breakerbox_actors::state::event::{FailureKind, Outcome, Pong, ProviderLimits, Remaining};
use rand::{RngExt, rngs::StdRng};

/// How an upstream behaves for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Slow,
    Failing,
    Flaky,
    /// Takes requests and never answers.
    Silent,
    /// Answers the head and streams for long.
    Streaming,
    Limiting,
    RejectingKey,
}

const MOODS: [Mood; 8] = [
    Mood::Well,
    Mood::Slow,
    Mood::Failing,
    Mood::Flaky,
    Mood::Silent,
    Mood::Streaming,
    Mood::Limiting,
    Mood::RejectingKey,
];

/// What becomes of one request, and when, counted from its start.
pub(crate) struct Answer {
    /// The first byte of a good answer.
    pub(crate) first_byte: Option<Duration>,
    pub(crate) end: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) limits: ProviderLimits,
}

impl Mood {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        MOODS[rng.random_range(0..MOODS.len())]
    }

    pub(crate) fn answer(self, rng: &mut StdRng) -> Answer {
        let ms = |rng: &mut StdRng, range: std::ops::Range<u64>| {
            Duration::from_millis(rng.random_range(range))
        };
        let good = |first: Duration, stream: Duration| Answer {
            first_byte: Some(first),
            end: first + stream,
            outcome: Outcome::Success,
            limits: ProviderLimits::default(),
        };
        let bad = |end: Duration, outcome| Answer {
            first_byte: None,
            end,
            outcome,
            limits: ProviderLimits::default(),
        };
        let kind = FailureKind::ALL[rng.random_range(0..FailureKind::ALL.len())];
        let failure = Outcome::Failure(kind);
        let mut answer = match self {
            Self::Well => good(ms(rng, 50..300), ms(rng, 0..3_000)),
            Self::Slow => good(ms(rng, 3_000..9_000), ms(rng, 0..3_000)),
            Self::Failing => bad(ms(rng, 1..20), failure),
            Self::Flaky if rng.random_bool(0.5) => bad(ms(rng, 1..500), failure),
            Self::Flaky => good(ms(rng, 50..300), ms(rng, 0..3_000)),
            Self::Silent => bad(
                Duration::from_secs(60),
                Outcome::Failure(FailureKind::Timeout),
            ),
            Self::Streaming => good(ms(rng, 50..300), ms(rng, 20_000..90_000)),
            Self::Limiting => {
                let retry_after = [None, Some(0), Some(2), Some(20), Some(1_000_000)]
                    [rng.random_range(0..5)]
                .map(Duration::from_secs);
                let daily = rng.random_bool(0.01);
                bad(ms(rng, 1..20), Outcome::RateLimited { retry_after, daily })
            }
            Self::RejectingKey => bad(ms(rng, 1..20), Outcome::KeyRejected),
        };
        match rng.random_range(0..100) {
            0..4 => {
                answer.outcome = Outcome::Cancelled;
                answer.end = ms(rng, 0..2_000);
                answer.first_byte = answer.first_byte.filter(|first| *first < answer.end);
            }
            4..6 => answer.outcome = Outcome::ClientFault,
            6..9 => {
                let left = rng.random_range(0..20);
                let reset = rng.random_bool(0.5).then(|| ms(rng, 0..30_000));
                answer.limits.requests = Some(Remaining { left, reset });
            }
            _ => {}
        }
        answer
    }

    pub(crate) fn pong(self, rng: &mut StdRng) -> Pong {
        let latency = match self {
            Self::Slow => Duration::from_millis(rng.random_range(2_000..7_000)),
            _ => Duration::from_millis(rng.random_range(5..500)),
        };
        match self {
            Self::Failing | Self::Silent => Pong::Failed,
            Self::RejectingKey => Pong::KeyRejected,
            Self::Flaky if rng.random_bool(0.5) => Pong::Failed,
            _ => Pong::Alive { latency },
        }
    }
}
