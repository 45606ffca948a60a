//! What a simulated provider does: the script, as written in a file or built by a test.

use std::time::Duration;

use serde::Deserialize;

use super::dialect::Dialect;
use super::fault::{Timed, Window};

mod file;

pub use file::ScriptError;

/// Shorter cycles would keep the provider busy with nothing else.
const SHORTEST_CYCLE: Duration = Duration::from_millis(1);

/// The behaviour of one simulated provider. The default answers everybody, at once and without limits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// The API it speaks.
    pub dialect: Dialect,
    /// Whether OpenAI's dialect refuses what OpenAI refuses and many a server that speaks it lets pass:
    /// unknown fields, roles and values, results of tools that were not called. The other dialects always
    /// do as their providers.
    pub strict: bool,
    /// Varies content, latencies and which requests an error share hits. The same seed and the same
    /// requests in the same order give the same answers.
    pub seed: u64,
    /// Names that are served; any other is a 404. Empty: every name is served.
    pub models: Vec<String>,
    /// Keys that are let in. Empty: no key is asked for.
    pub api_keys: Vec<String>,
    /// Time to the first byte of an answer to a POST.
    pub latency: Latency,
    /// Pace of an answer after its first byte, in tokens per second. None: all at once.
    pub tokens_per_second: Option<f64>,
    /// Length of an answer; a smaller `max_tokens` of the request cuts it.
    pub tokens: Tokens,
    /// How many tools an answer calls at once, if the request has as many and allows it. 1 to 16.
    pub calls: u32,
    /// Share of a prompt's tokens that is told as read from a cache, 0 to 1.
    pub cached: f64,
    /// What one model may be asked per window.
    pub limits: Limits,
    /// Random errors of POSTs, each with its share of the requests.
    pub errors: Vec<ErrorShare>,
    /// What goes wrong, and when. Of several that are active and hit, the first acts.
    pub faults: Vec<Timed>,
    /// The times of `faults` start over whenever this has passed. None: they pass once.
    #[serde(with = "optional_duration")]
    pub cycle: Option<Duration>,
    /// Idle connections are closed after this. None: never.
    #[serde(with = "optional_duration")]
    pub idle_close: Option<Duration>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            strict: false,
            seed: 0,
            models: Vec::new(),
            api_keys: Vec::new(),
            latency: Latency::Fixed(Duration::ZERO),
            tokens_per_second: None,
            tokens: Tokens { min: 20, max: 60 },
            calls: 1,
            cached: 0.0,
            limits: Limits::default(),
            errors: Vec::new(),
            faults: Vec::new(),
            cycle: None,
            idle_close: None,
        }
    }
}

/// Distribution of the time to the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Fixed(#[serde(with = "duration")] Duration),
    /// Log-normal: half of the answers are faster than `median`; `ln` of the latency has the standard
    /// deviation `sigma` (0.3 is a calm provider, 1 a restless one).
    LogNormal {
        /// The latency that half of the answers beat.
        #[serde(with = "duration")]
        median: Duration,
        /// Standard deviation of the logarithm, 0 to 5.
        sigma: f64,
    },
}

/// Bounds of the length of an answer, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// At least so many, 1 or more.
    pub min: u32,
    /// At most so many, 100,000 or fewer.
    pub max: u32,
}

/// Rate limits of each model, over a window that slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests per window. None: any number.
    pub rpm: Option<u64>,
    /// Tokens of prompt and answer per window. None: any number.
    pub tpm: Option<u64>,
    /// Length of the window. A minute, unless a test or a demo is in a hurry.
    #[serde(with = "duration")]
    pub window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rpm: None,
            tpm: None,
            window: Duration::from_secs(60),
        }
    }
}

/// A share of the POSTs that gets an error instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorShare {
    /// 0 to 1.
    pub share: f64,
    /// 400 to 599.
    pub status: u16,
    /// Sent as `retry-after`, in whole seconds rounded up, and as `retry-after-ms`.
    #[serde(default, with = "optional_duration")]
    pub retry_after: Option<Duration>,
}

impl Script {
    /// Finds every value that cannot be obeyed: its path and what is wrong with it. A script built in
    /// code is checked when it is started; one read by [`Script::parse`] has been.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut expect = |good: bool, path: &str, text: &str| {
            if !good {
                found.push((path.to_owned(), text.to_owned()));
            }
        };
        if let Latency::LogNormal { sigma, .. } = self.latency {
            let good = (0.0..=5.0).contains(&sigma);
            expect(good, "latency.log_normal.sigma", "must be 0 to 5");
        }
        if let Some(pace) = self.tokens_per_second {
            let good = pace > 0.0 && pace.is_finite();
            expect(good, "tokens_per_second", "must be above 0");
        }
        let lengths = self.tokens;
        expect(lengths.min >= 1, "tokens.min", "must be 1 or more");
        expect(
            lengths.max <= 100_000,
            "tokens.max",
            "must be 100000 or less",
        );
        expect(
            lengths.max >= lengths.min,
            "tokens.max",
            "must not be below tokens.min",
        );
        let good = (1..=16).contains(&self.calls);
        expect(good, "calls", "must be 1 to 16");
        let good = (0.0..=1.0).contains(&self.cached);
        expect(good, "cached", "must be 0 to 1");
        let window = self.limits.window;
        expect(!window.is_zero(), "limits.window", "must be above 0s");
        expect(self.limits.rpm != Some(0), "limits.rpm", "must be above 0");
        expect(self.limits.tpm != Some(0), "limits.tpm", "must be above 0");
        for (index, error) in self.errors.iter().enumerate() {
            let path = |key: &str| format!("errors[{index}].{key}");
            let good = (0.0..=1.0).contains(&error.share);
            expect(good, &path("share"), "must be 0 to 1");
            let good = (400..=599).contains(&error.status);
            expect(good, &path("status"), "must be 400 to 599");
        }
        for (index, timed) in self.faults.iter().enumerate() {
            for (key, text) in timed.problems() {
                expect(false, &format!("faults[{index}].{key}"), text);
            }
            if let Some(cycle) = self.cycle {
                let path = |key: &str| format!("faults[{index}].{key}");
                let Window { from, until } = timed.window;
                expect(from < cycle, &path("from"), "must be before the cycle ends");
                let good = until.is_none_or(|until| until <= cycle);
                expect(good, &path("until"), "must not be after the cycle ends");
            }
        }
        let good = self.cycle.is_none_or(|cycle| cycle >= SHORTEST_CYCLE);
        expect(good, "cycle", "must be 1ms or more");
        found
    }

    /// Stretches of the script in which the provider is gone altogether.
    pub(super) fn outages(&self) -> impl Iterator<Item = Window> + '_ {
        let refusals = self.faults.iter().filter(|timed| timed.is_outage());
        refusals.map(|timed| timed.window)
    }
}

/// Durations as people write them: `250ms`, `1m 30s`.
pub(super) mod duration {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, de::Error};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is not a duration; write it as 250ms, 10s or 5m"
            ))
        })
    }
}

/// A duration that may be left out.
pub(super) mod optional_duration {
    use super::{Deserialize, Duration};
    use serde::Deserializer;

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        struct Text(#[serde(with = "super::duration")] Duration);
        Ok(Option::<Text>::deserialize(from)?.map(|text| text.0))
    }
}
