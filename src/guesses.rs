//! Guessing a key or a token: whoever sends wrong ones has to wait.
//!
//! An address has so many wrong ones at once ([`Plane`]), which come back one by
//! one. A bucket is one time: when it will be full again.
//!
//! On the admin plane who has none left is not even looked at: not the right
//! token is found that way. On the data plane many clients may come from one
//! address, and a right key is never refused: it does not ask here at all. What
//! waits there are wrong ones, so that whoever tries them is seen and slow.
//!
//! *Source*: the generic cell rate algorithm, ITU-T I.371.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::metrics;

/// What is guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// The admin token: ten wrong ones at once, one more each second.
    Admin,
    /// Clients' keys: a hundred at once, ten more each second, as many clients
    /// may be behind one address.
    Data,
}

impl Plane {
    /// Returns the fixed word for metrics and logs.
    fn label(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Data => "data",
        }
    }

    /// How many wrong ones an address may send at once.
    fn burst(self) -> u32 {
        match self {
            Self::Admin => 10,
            Self::Data => 100,
        }
    }

    /// How long it takes until it may send one more.
    fn every(self) -> Duration {
        match self {
            Self::Admin => Duration::from_secs(1),
            Self::Data => Duration::from_millis(100),
        }
    }
}

/// Addresses that are told apart; while there are as many, others share a bucket.
const MOST: usize = 1024;

/// What became of a key or token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is the right one.
    Right,
    /// It is not.
    Wrong,
    /// There were too many wrong ones: this one is for later.
    Later(Duration),
}

/// Who has sent wrong ones. See the [module](self).
#[derive(Debug)]
pub struct Guesses {
    plane: Plane,
    buckets: Mutex<HashMap<Peer, Bucket>>,
}

/// An address as far as it is told apart; `None` stands for all others.
type Peer = Option<IpAddr>;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: Instant,
    /// Whether the log has it.
    told: bool,
}

impl Bucket {
    fn wait(&self, plane: Plane, now: Instant) -> Option<Duration> {
        let missing = self.full_at.saturating_duration_since(now);
        let wait = missing.saturating_sub(plane.every() * (plane.burst() - 1));
        (!wait.is_zero()).then_some(wait)
    }
}

impl Guesses {
    /// Nobody has guessed yet.
    pub fn new(plane: Plane) -> Self {
        Self {
            plane,
            buckets: Mutex::default(),
        }
    }

    /// Learns of a wrong one that came from `address`; never [`Judged::Right`].
    pub fn wrong(&self, address: Option<IpAddr>, now: Instant) -> Judged {
        self.judge(address, now, || false)
    }

    /// Judges one that came from `address`; `is_right` compares it, unless it
    /// has to wait.
    pub fn judge(
        &self,
        address: Option<IpAddr>,
        now: Instant,
        is_right: impl FnOnce() -> bool,
    ) -> Judged {
        let (plane, mut buckets) = (self.plane, self.buckets.lock());
        let mut peer = address.map(household);
        if !buckets.contains_key(&peer) && buckets.len() >= MOST {
            buckets.retain(|_, it| it.full_at > now);
            peer = peer.filter(|_| buckets.len() < MOST);
        }
        let known = buckets.get(&peer).filter(|it| it.full_at > now);
        if let Some(wait) = known.and_then(|it| it.wait(plane, now)) {
            metrics::credentials_refused(plane.label(), "throttled");
            return Judged::Later(wait);
        }
        if is_right() {
            return Judged::Right;
        }
        let mut bucket = known.copied().unwrap_or(Bucket {
            full_at: now,
            told: false,
        });
        bucket.full_at += plane.every();
        let is_news =
            bucket.wait(plane, now).is_some() && !std::mem::replace(&mut bucket.told, true);
        buckets.insert(peer, bucket);
        // Others need not wait for who reads the log.
        drop(buckets);
        metrics::credentials_refused(plane.label(), "wrong");
        if is_news {
            let address = peer.map(tracing::field::display);
            let plane = plane.label();
            tracing::warn!(
                plane,
                address,
                "too many wrong keys or tokens: it has to wait"
            );
        }
        Judged::Wrong
    }
}

/// Returns the address, or of an IPv6 one the network that one host has all of.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) => IpAddr::V6((it.to_bits() & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use breakerbox_actors::clock;

    use super::*;

    const BURST: u32 = 10;
    const EVERY: Duration = Duration::from_secs(1);

    fn address(last: u32) -> Option<IpAddr> {
        Some(IpAddr::V4((0x0a00_0000 + last).into()))
    }

    #[test]
    fn an_address_that_guesses_waits_and_nobody_else_does() {
        let (guesses, now) = (Guesses::new(Plane::Admin), clock::now());
        let wrong = |peer, now| guesses.judge(peer, now, || false);
        let right = |peer, now| guesses.judge(peer, now, || true);
        for _ in 0..100 {
            assert_eq!(right(address(1), now), Judged::Right);
        }
        for _ in 0..BURST {
            assert_eq!(wrong(address(1), now), Judged::Wrong);
        }
        // Not even the right one is looked at, or it could be found all the same.
        assert_eq!(right(address(1), now), Judged::Later(EVERY));
        assert_eq!(right(address(2), now), Judged::Right);
        assert_eq!(wrong(address(1), now + EVERY), Judged::Wrong);
        assert_eq!(wrong(address(1), now + EVERY), Judged::Later(EVERY));
        assert_eq!(right(address(1), now + 2 * EVERY), Judged::Right);
        let later = now + 2 * EVERY * BURST;
        for _ in 0..BURST {
            assert_eq!(wrong(address(1), later), Judged::Wrong);
        }
    }

    #[test]
    fn who_has_a_network_has_one_bucket_and_many_addresses_take_no_memory() {
        let (guesses, now) = (Guesses::new(Plane::Admin), clock::now());
        let of = |text: &str| Some(text.parse().unwrap());
        for last in 0..BURST {
            guesses.judge(of(&format!("2001:db8::{last}")), now, || false);
        }
        let neighbour = guesses.judge(of("2001:db8::ffff:0:1"), now, || true);
        assert_eq!(neighbour, Judged::Later(EVERY));
        assert_eq!(
            guesses.judge(of("2001:db8:0:1::1"), now, || true),
            Judged::Right
        );
        for last in 0..10 * MOST as u32 {
            guesses.judge(address(last), now, || false);
        }
        assert_eq!(guesses.buckets.lock().len(), MOST + 1);
        let shared = guesses.judge(address(u32::from(u16::MAX)), now, || true);
        assert!(matches!(shared, Judged::Later(_)), "{shared:?}");
        guesses.judge(address(0), now + EVERY * 100_000, || false);
        assert_eq!(
            guesses.buckets.lock().len(),
            MOST + 1,
            "forgotten when room is needed"
        );
        guesses.judge(address(70_000), now + EVERY * 100_000, || false);
        assert_eq!(guesses.buckets.lock().len(), 2);
    }

    #[test]
    fn wrong_keys_wait_and_right_ones_do_not_ask() {
        let (guesses, now) = (Guesses::new(Plane::Data), clock::now());
        for _ in 0..100 {
            assert_eq!(guesses.wrong(address(1), now), Judged::Wrong);
        }
        let wait = Duration::from_millis(100);
        assert_eq!(guesses.wrong(address(1), now), Judged::Later(wait));
        assert_eq!(guesses.wrong(address(2), now), Judged::Wrong);
        let later = now + Duration::from_secs(1);
        for _ in 0..10 {
            assert_eq!(guesses.wrong(address(1), later), Judged::Wrong);
        }
        assert_eq!(guesses.wrong(address(1), later), Judged::Later(wait));
    }
}
