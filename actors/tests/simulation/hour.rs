//! No slice of 60 seconds ever holds more than the limit.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use crate::cell::{Endpoint, Kind, Lease};
use breakerbox_actors::{
    clock,
    state::{
        event::{Event, Outcome, ProviderLimits, Tokens},
        luck::Luck,
        policy::{
            BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings,
            Weight,
        },
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const MS: Duration = Duration::from_millis(1);
const HOUR: u64 = 3_600_000;
const MINUTE: usize = 60_000;
const RPM: u32 = 90;
const TPM: u32 = 6_000;

fn policy() -> EndpointPolicy {
    EndpointPolicy {
        weight: Weight::new(1.0).expect("valid"),
        breaker: BreakerPolicy::new(&BreakerSettings::default()).expect("valid"),
        limits: Limits {
            rpm: NonZeroU32::new(RPM),
            tpm: NonZeroU32::new(TPM),
            rpd: NonZeroU32::new(RPM * 50),
            max_in_flight: None,
        },
        probe: ProbePolicy::new(&ProbeSettings::default()).expect("valid"),
    }
}

/// What happened in each of the last 60,000 milliseconds, and its sum.
struct Slice {
    by_ms: VecDeque<u64>,
    sum: u64,
}

impl Slice {
    fn new() -> Self {
        Self {
            by_ms: VecDeque::from(vec![0; MINUTE]),
            sum: 0,
        }
    }

    fn next_ms(&mut self) {
        self.sum -= self.by_ms.pop_front().expect("a minute");
        self.by_ms.push_back(0);
    }

    fn add(&mut self, amount: u64) {
        *self.by_ms.back_mut().expect("a minute") += amount;
        self.sum += amount;
    }

    /// Takes `amount` back from `age` milliseconds ago.
    fn refund(&mut self, age: usize, amount: u64) {
        if age < MINUTE {
            self.by_ms[MINUTE - 1 - age] -= amount;
            self.sum -= amount;
        }
    }
}

/// One hour, millisecond by millisecond: bursts that empty the cell at once,
/// trickles, silence, looks that are late by up to 70 seconds, settlements at
/// any later time.
fn an_hour(seed: u64) -> u64 {
    let mut rng = StdRng::seed_from_u64(seed);
    let t0 = clock::now();
    let mut endpoint = Endpoint::new(policy(), t0);
    let (mut requests, mut tokens) = (Slice::new(), Slice::new());
    let mut open: Vec<(u64, Lease)> = Vec::new();
    let (mut eagerness, mut estimate, mut ending) = (1.0, 1..=2, 0.01);
    let mut look = 0;
    let mut taken = 0;
    for ms in 0..HOUR {
        let now = t0 + MS * ms as u32;
        requests.next_ms();
        tokens.next_ms();
        if ms % 20_000 == 0 {
            eagerness = [0.0005, 0.005, 0.05, 1.0][rng.random_range(0..4)];
            ending = [0.01, 0.000_3][rng.random_range(0..2)]; // seconds, minutes
            estimate = [1..=2, 1..=200, 500..=1000][rng.random_range(0..3)].clone();
        }
        let mut burst = eagerness == 1.0;
        while burst || rng.random_bool(eagerness) {
            let Some(lease) = endpoint.cell.take(rng.random_range(estimate.clone())) else {
                break;
            };
            assert_eq!(lease.kind, Kind::Credit);
            requests.add(1);
            tokens.add(lease.reserved);
            open.push((ms, lease));
            taken += 1;
            burst = burst && rng.random_bool(0.999);
        }
        let mut event = Event::Tick;
        if !open.is_empty() && rng.random_bool(ending) {
            let (at, lease) = open.swap_remove(rng.random_range(0..open.len()));
            let used = rng.random_range(0..=lease.reserved);
            tokens.refund((ms - at) as usize, lease.reserved - used);
            event = settled(lease, used);
        }
        if ms >= look || event != Event::Tick {
            endpoint.tell(event, now, Luck::EVEN, |_| {});
            let longest = [10, 1_000, 3_000, 70_000][rng.random_range(0..4)];
            look = ms + rng.random_range(1..=longest);
        }
        assert!(
            requests.sum <= u64::from(RPM),
            "seed {seed} ms {ms}: {} requests",
            requests.sum
        );
        assert!(
            tokens.sum <= u64::from(TPM),
            "seed {seed} ms {ms}: {} tokens",
            tokens.sum
        );
    }
    taken
}

fn settled(lease: Lease, used: u64) -> Event {
    Event::Settled {
        epoch: lease.epoch,
        outcome: Outcome::Success,
        latency: None,
        limits: ProviderLimits::default(),
        tokens: Tokens {
            mark: lease.mark,
            reserved: lease.reserved,
            used: Some(used),
        },
    }
}

#[test]
fn no_millisecond_of_an_hour_ends_a_minute_above_its_limit() {
    let taken = an_hour(1);
    assert!(
        taken > 1_500,
        "only {taken}: the test must press against the limit"
    );
}

#[test]
fn an_eager_router_gets_nearly_the_whole_limit() {
    let t0 = clock::now();
    let mut endpoint = Endpoint::new(policy(), t0);
    let mut now = t0;
    let mut taken = 0;
    while now < t0 + MS * HOUR as u32 {
        while endpoint.cell.take(1).is_some() {
            taken += 1;
        }
        let at = |now: Instant| endpoint.machine.next_deadline(now);
        let next = at(now).unwrap_or(now + Duration::from_secs(1));
        now = next.min(now + Duration::from_secs(1));
        endpoint.tell(Event::Tick, now, Luck::EVEN, |_| {});
    }
    let share = f64::from(taken) / f64::from(RPM * 50); // the day ends it at 50 minutes' worth
    assert!(share > 0.95, "{share}");
}
