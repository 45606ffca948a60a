//! The engine's part of the one metric catalogue, and the only way to record.
//!
//! The gateway adds its own entries and prints all of them; nothing anywhere
//! names a metric but through a [`Metric`]. Handles are cached by whoever
//! records often.

mod actors;
mod endpoint;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, SharedString, Unit};

pub use actors::{ACTOR_CATALOGUE, mailbox_depth};
pub(crate) use actors::{
    ProberMetrics, actor_gone, actor_restarted, actor_up, house_actor_restarted,
};
pub use endpoint::{ENDPOINT_CATALOGUE, in_flight};
pub(crate) use endpoint::{EndpointMetrics, clear, transition};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution, in buckets.
    Histogram,
}

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name, with the prefix `breakerbox_`.
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
        let key = self.key(Kind::Counter, values);
        metrics::with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
    }

    /// Returns the gauge with these label values, in the order of `labels`.
    pub fn gauge<const N: usize>(&self, values: [SharedString; N]) -> Gauge {
        let key = self.key(Kind::Gauge, values);
        metrics::with_recorder(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    /// Returns the histogram with these label values, in the order of `labels`.
    pub fn histogram<const N: usize>(&self, values: [SharedString; N]) -> Histogram {
        let key = self.key(Kind::Histogram, values);
        metrics::with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    /// Tells the recorder what this metric is.
    pub fn describe(&self) {
        let (name, unit, help) = (self.name.into(), Some(self.unit), self.help.into());
        metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram => recorder.describe_histogram(name, unit, help),
        });
    }

    fn key<const N: usize>(&self, kind: Kind, values: [SharedString; N]) -> Key {
        debug_assert_eq!(self.kind, kind, "{}", self.name);
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
