//! How long both sides have been without a byte.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use breakerbox_actors::clock;
use tokio::time::{Sleep, sleep_until};

/// What a silence has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The upstream has been silent for too long.
    Limit,
    /// The client wants a sign of life.
    Sign,
}

/// Two stopwatches and one timer.
///
/// A read costs one look at the clock, when it is followed by silence. The
/// timer is not touched then: it is re-armed when it fires, for what is left.
#[derive(Default)]
pub(super) struct Silence {
    timer: Option<Pin<Box<Sleep>>>,
    /// When the upstream was first found silent since its last byte. Not the
    /// time of that byte: while the client does not read, nobody looks.
    upstream: Option<Instant>,
    /// How long it was waited for since its last event, in silences that
    /// something else has ended.
    quiet: Duration,
    /// When the client was first left waiting since the last it was given.
    client: Option<Instant>,
}

impl Silence {
    /// The upstream has sent something, an `event` or only a sign of life.
    pub(super) fn upstream_sent(&mut self, event: bool) {
        let silent = self.upstream.take();
        if event {
            self.quiet = Duration::ZERO;
        } else if let Some(since) = silent {
            self.quiet += clock::now().saturating_duration_since(since);
        }
    }

    /// Returns how long the upstream had been waited for without an event when
    /// it sent its last byte.
    pub(super) fn quiet(&self) -> Duration {
        self.quiet
    }

    /// The client has been given something.
    pub(super) fn client_got(&mut self) {
        self.client = None;
    }

    /// Is ready once the upstream has been silent for `limit`, or the client
    /// has been without anything for `sign`; wakes the task then.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        limit: Duration,
        sign: Option<Duration>,
    ) -> Poll<Due> {
        let (upstream, client) = match (self.upstream, self.client) {
            (Some(upstream), Some(client)) => (upstream, client),
            (upstream, client) => {
                let now = clock::now();
                (upstream.unwrap_or(now), client.unwrap_or(now))
            }
        };
        self.upstream = Some(upstream);
        self.client = Some(client);
        let limit = upstream.checked_add(limit);
        let sign = sign.and_then(|sign| client.checked_add(sign));
        let Some(next) = [limit, sign].into_iter().flatten().min() else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(next.into())));
        if timer.deadline() > next.into() {
            timer.as_mut().reset(next.into());
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            let now = clock::now();
            if limit.is_some_and(|limit| limit <= now) {
                return Poll::Ready(Due::Limit);
            }
            if sign.is_some_and(|sign| sign <= now) {
                self.client = None;
                return Poll::Ready(Due::Sign);
            }
            timer.as_mut().reset(next.into());
        }
    }
}
