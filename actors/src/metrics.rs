//! The engine's part of the one metric catalogue, and the only way to record.
//!
//! The gateway adds its own entries and prints all of them; nothing anywhere
//! names a metric but through a [`Metric`]. Who records often keeps its
//! handles; a handle that is kept also keeps its series shown.

mod actors;
mod endpoint;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, SharedString, Unit};

pub use actors::ACTOR_CATALOGUE;
pub(crate) use actors::{ActorMetrics, Timed};
pub use endpoint::ENDPOINT_CATALOGUE;
pub(crate) use endpoint::EndpointMetrics;

/// Bounds in seconds of what a model takes, from a refusal to a long answer. Steps of two or less where
/// people set timeouts and thresholds, 500 ms to two minutes, so that a percentile between two bounds is near.
pub const SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 600.0,
];

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// A counter of parts of its unit. Recorded through a gauge's handle, for
    /// the facade's counters are whole numbers.
    Sum,
    /// Goes up and down.
    Gauge,
    /// A distribution, in buckets with these upper bounds, which grow.
    Histogram(&'static [f64]),
}

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name, with the prefix `breakerbox_`, or `process_` for what every
    /// Prometheus client calls so.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// Its labels; their values come from the configuration or from closed sets.
    pub labels: &'static [&'static str],
    /// What it tells, in one sentence.
    pub help: &'static str,
}

static METADATA: Metadata<'static> = Metadata::new("breakerbox", Level::INFO, None);

impl Metric {
    /// Returns the counter with these label values, in the order of `labels`.
    pub fn counter<const N: usize>(&self, values: [SharedString; N]) -> Counter {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        let key = self.key(values);
        metrics::with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
    }

    /// Returns the gauge with these label values, in the order of `labels`.
    pub fn gauge<const N: usize>(&self, values: [SharedString; N]) -> Gauge {
        let kept = matches!(self.kind, Kind::Gauge | Kind::Sum);
        debug_assert!(kept, "{}", self.name);
        let key = self.key(values);
        metrics::with_recorder(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    /// Returns the histogram with these label values, in the order of `labels`.
    pub fn histogram<const N: usize>(&self, values: [SharedString; N]) -> Histogram {
        debug_assert!(matches!(self.kind, Kind::Histogram(_)), "{}", self.name);
        let key = self.key(values);
        metrics::with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    fn key<const N: usize>(&self, values: [SharedString; N]) -> Key {
        debug_assert_eq!(self.labels.len(), N, "{}", self.name);
        let labels: Vec<Label> = self
            .labels
            .iter()
            .zip(values)
            .map(|(name, value)| Label::new(*name, value))
            .collect();
        Key::from_parts(self.name, labels)
    }
}
