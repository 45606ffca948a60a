//! Settings that no machine can misread: checked once, valid ever after.
//!
//! Each `…Settings` struct is plain data with the product's defaults; its
//! `…Policy` twin can only be built from settings that make sense. The
//! machines take policies, so they never check again.

use std::{num::NonZeroU32, time::Duration};

use crate::error::InvalidPolicy;

/// Parts per million in one whole; ratios are stored so, to be `Eq` and `Hash`.
pub(crate) const PPM: u32 = 1_000_000;

/// A share from 0 to 1, exact to a millionth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u32);

impl Ratio {
    /// The whole.
    pub const ONE: Self = Self(PPM);

    /// Returns the share `value`, or `None` outside `0.0..=1.0` and for NaN.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0)
            .contains(&value)
            .then(|| Self((value * f64::from(PPM)).round() as u32))
    }

    /// Returns the share as a number from 0.0 to 1.0.
    pub fn get(self) -> f64 {
        f64::from(self.0) / f64::from(PPM)
    }

    /// Returns the share in parts per million.
    pub fn ppm(self) -> u32 {
        self.0
    }
}

/// What opens a circuit and what closes it again: plain numbers, unchecked.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row that open the circuit; 1 or more.
    pub failure_threshold: u32,
    /// Share of failures that opens the circuit; above 0, up to 1.
    pub failure_rate: f64,
    /// Answers within `window` below which `failure_rate` is not judged; 1 or more.
    pub min_requests: u32,
    /// How far back `failure_rate` looks; 10 ms or more.
    pub window: Duration,
    /// How long an open circuit refuses before its first trial.
    pub recovery_timeout: Duration,
    /// The longest an open circuit refuses, however many trials failed.
    pub max_recovery_timeout: Duration,
    /// Successful trials, one at a time, that close a half-open circuit; 1 or more.
    pub half_open_requests: u32,
    /// How long a trial may stay silent before it has failed.
    pub trial_timeout: Duration,
    /// How long the weight grows from 10 % to 100 % after closing; may be zero.
    pub ramp: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            failure_rate: 0.5,
            min_requests: 20,
            window: Duration::from_secs(10),
            recovery_timeout: Duration::from_secs(60),
            max_recovery_timeout: Duration::from_secs(300),
            half_open_requests: 3,
            trial_timeout: Duration::from_secs(30),
            ramp: Duration::from_secs(10),
        }
    }
}

/// When a breaker opens and how it recovers. Valid by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BreakerPolicy {
    pub(crate) failure_threshold: NonZeroU32,
    pub(crate) failure_rate: Ratio,
    pub(crate) min_requests: NonZeroU32,
    pub(crate) window: Duration,
    pub(crate) recovery_timeout: Duration,
    pub(crate) max_recovery_timeout: Duration,
    pub(crate) half_open_requests: NonZeroU32,
    pub(crate) trial_timeout: Duration,
    pub(crate) ramp: Duration,
}

impl BreakerPolicy {
    /// Checks `settings` and builds a policy from them.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] names the first key that is out of range and what was
    /// expected there.
    ///
    /// # Example
    ///
    /// ```
    /// use breakerbox_actors::state::policy::{BreakerPolicy, BreakerSettings};
    ///
    /// assert!(BreakerPolicy::new(&BreakerSettings::default()).is_ok());
    /// let wrong = BreakerSettings { failure_threshold: 0, ..BreakerSettings::default() };
    /// assert_eq!(
    ///     BreakerPolicy::new(&wrong).unwrap_err().to_string(),
    ///     "failure_threshold: expected 1 or more",
    /// );
    /// ```
    pub fn new(settings: &BreakerSettings) -> Result<Self, InvalidPolicy> {
        let rate = Ratio::new(settings.failure_rate).filter(|rate| rate.ppm() > 0);
        if settings.max_recovery_timeout < settings.recovery_timeout {
            return Err(InvalidPolicy::new(
                "max_recovery_timeout",
                "recovery_timeout or more",
            ));
        }
        Ok(Self {
            failure_threshold: count("failure_threshold", settings.failure_threshold)?,
            failure_rate: rate.ok_or(InvalidPolicy::new("failure_rate", "above 0, up to 1"))?,
            min_requests: count("min_requests", settings.min_requests)?,
            window: at_least(
                "window",
                settings.window,
                Duration::from_millis(10),
                "10ms or more",
            )?,
            recovery_timeout: some_time("recovery_timeout", settings.recovery_timeout)?,
            max_recovery_timeout: settings.max_recovery_timeout,
            half_open_requests: count("half_open_requests", settings.half_open_requests)?,
            trial_timeout: some_time("trial_timeout", settings.trial_timeout)?,
            ramp: settings.ramp,
        })
    }
}

/// How much one endpoint may be asked for; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Requests in any 60 seconds.
    pub rpm: Option<NonZeroU32>,
    /// Tokens, in and out together, in any 60 seconds.
    pub tpm: Option<NonZeroU32>,
    /// Requests in any 24 hours.
    pub rpd: Option<NonZeroU32>,
    /// Requests under way at once.
    pub max_in_flight: Option<NonZeroU32>,
}

/// How pings are judged and how often they are due: plain numbers, unchecked.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeSettings {
    /// Whether pings are sent at all.
    pub enabled: bool,
    /// Time between two pings; jittered.
    pub interval: Duration,
    /// Time to the first ping once the circuit is open; backs off to `interval`.
    pub interval_open: Duration,
    /// How long a ping may take before it has failed.
    pub timeout: Duration,
    /// Good pings in a row that half-open an open circuit; 1 or more.
    pub healthy_threshold: u32,
    /// Failed pings in a row that open a closed circuit; 1 or more.
    pub unhealthy_threshold: u32,
    /// Latency above which an endpoint is degraded.
    pub degraded_latency: Duration,
    /// Ping latency above which the ping has failed.
    pub unhealthy_latency: Duration,
    /// Whether a ping is a request to the model, which the provider counts and
    /// bills. Others ask for no model: one speaks for all of its endpoint.
    pub billed: bool,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(30),
            interval_open: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            healthy_threshold: 3,
            unhealthy_threshold: 3,
            degraded_latency: Duration::from_secs(3),
            unhealthy_latency: Duration::from_secs(5),
            billed: false,
        }
    }
}

/// How an endpoint is pinged and what its pings mean. Valid by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProbePolicy {
    pub(crate) enabled: bool,
    pub(crate) interval: Duration,
    pub(crate) interval_open: Duration,
    pub(crate) timeout: Duration,
    pub(crate) healthy_threshold: NonZeroU32,
    pub(crate) unhealthy_threshold: NonZeroU32,
    pub(crate) degraded_latency: Duration,
    pub(crate) unhealthy_latency: Duration,
    pub(crate) billed: bool,
}

impl ProbePolicy {
    /// Checks `settings` and builds a policy from them.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] names the first key that is out of range and what was
    /// expected there.
    pub fn new(settings: &ProbeSettings) -> Result<Self, InvalidPolicy> {
        if settings.interval_open > settings.interval {
            return Err(InvalidPolicy::new("interval_open", "interval or less"));
        }
        if settings.unhealthy_latency < settings.degraded_latency {
            return Err(InvalidPolicy::new(
                "unhealthy_latency",
                "degraded_latency or more",
            ));
        }
        let floor = Duration::from_millis(10);
        Ok(Self {
            enabled: settings.enabled,
            interval: at_least("interval", settings.interval, floor, "10ms or more")?,
            interval_open: at_least(
                "interval_open",
                settings.interval_open,
                floor,
                "10ms or more",
            )?,
            timeout: some_time("timeout", settings.timeout)?,
            healthy_threshold: count("healthy_threshold", settings.healthy_threshold)?,
            unhealthy_threshold: count("unhealthy_threshold", settings.unhealthy_threshold)?,
            degraded_latency: some_time("degraded_latency", settings.degraded_latency)?,
            unhealthy_latency: settings.unhealthy_latency,
            billed: settings.billed,
        })
    }

    /// Returns how long a ping may take before it has failed.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// An endpoint's configured share of the traffic, relative to its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(NonZeroU32);

impl Weight {
    /// Returns the weight `value`.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] unless `value` is from 0.001 to 1000; weights are
    /// exact to a thousandth.
    pub fn new(value: f64) -> Result<Self, InvalidPolicy> {
        let refused = InvalidPolicy::new("weight", "0.001 to 1000");
        if !(0.001..=1000.0).contains(&value) {
            return Err(refused);
        }
        NonZeroU32::new((value * 1000.0).round() as u32)
            .map(Self)
            .ok_or(refused)
    }

    /// Returns the weight as a number.
    pub fn get(self) -> f64 {
        f64::from(self.0.get()) / 1000.0
    }
}

/// Tokens that a billed ping uses: one word in the frame of a chat, and one
/// token of an answer, on the safe side.
pub(crate) const PING_TOKENS: u32 = 16;

/// All that one endpoint actor needs to know of its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndpointPolicy {
    /// Share of the traffic.
    pub weight: Weight,
    /// When the circuit opens and closes.
    pub breaker: BreakerPolicy,
    /// How much it may be asked for.
    pub limits: Limits,
    /// How it is pinged.
    pub probe: ProbePolicy,
}

impl EndpointPolicy {
    /// Returns the limits of what routers may start: where pings are billed,
    /// room for one is not theirs, so that it never comes on top of a full
    /// window. A limit with no room for both stays as it is.
    pub(crate) fn lendable(&self) -> Limits {
        let less = |limit: NonZeroU32, room| NonZeroU32::new(limit.get().saturating_sub(room));
        let but =
            |limit: Option<NonZeroU32>, room| limit.map(|limit| less(limit, room).unwrap_or(limit));
        let limits = self.limits;
        if !self.probe.billed {
            return limits;
        }
        Limits {
            rpm: but(limits.rpm, 1),
            tpm: but(limits.tpm, PING_TOKENS),
            rpd: but(limits.rpd, 1),
            max_in_flight: limits.max_in_flight,
        }
    }
}

fn count(key: &'static str, value: u32) -> Result<NonZeroU32, InvalidPolicy> {
    NonZeroU32::new(value).ok_or(InvalidPolicy::new(key, "1 or more"))
}

fn some_time(key: &'static str, value: Duration) -> Result<Duration, InvalidPolicy> {
    at_least(key, value, Duration::from_millis(1), "1ms or more")
}

fn at_least(
    key: &'static str,
    value: Duration,
    floor: Duration,
    expected: &'static str,
) -> Result<Duration, InvalidPolicy> {
    if value < floor {
        return Err(InvalidPolicy::new(key, expected));
    }
    Ok(value)
}
