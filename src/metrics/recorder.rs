//! Keeps the series of the catalogue, and lets go of those whose names have
//! left the configuration. (The recorder of the Prometheus exporter forgets
//! what was idle for a while, which would also be every error that is rare.)

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use breakerbox_actors::metrics::{Kind, Metric};
use metrics::{
    Counter, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use metrics_util::registry::{Registry, Storage};

use super::catalogue::catalogue;

/// The process's recorder. Cheap to clone.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Registry<Key, Shelves>>);

/// What a series holds.
pub(super) enum Value {
    Whole(u64),
    Real(f64),
    Distribution(Distribution),
}

/// A histogram at one moment.
pub(super) struct Distribution {
    /// How many samples are not above each of the metric's bounds.
    pub(super) totals: Vec<u64>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self(Arc::new(Registry::new(Shelves)))
    }

    /// Shows `see` every series, in no order.
    pub(super) fn visit(&self, mut see: impl FnMut(&Key, Value)) {
        self.0.visit_counters(|key, counter| {
            see(key, Value::Whole(counter.load(Ordering::Acquire)));
        });
        self.0.visit_gauges(|key, gauge| {
            see(
                key,
                Value::Real(f64::from_bits(gauge.load(Ordering::Acquire))),
            );
        });
        self.0.visit_histograms(|key, histogram| {
            see(key, Value::Distribution(histogram.read()));
        });
    }

    /// Forgets the series that are not `known`, unless someone holds a handle:
    /// an endpoint that is gone from the configuration is still counted while
    /// requests to it are under way.
    pub(super) fn retain(&self, known: impl Fn(&Key) -> bool) {
        let registry = &self.0;
        // Handles are handed out under the lock that these take.
        registry.retain_counters(|key, it| known(key) || Arc::strong_count(it) > 1);
        registry.retain_gauges(|key, it| known(key) || Arc::strong_count(it) > 1);
        registry.retain_histograms(|key, it| known(key) || Arc::strong_count(it) > 1);
    }
}

/// What is not in the catalogue is not recorded.
impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match entry(key) {
            None => Counter::noop(),
            Some(_) => {
                let shared = |it: &Arc<AtomicU64>| it.clone().into();
                self.0.get_or_create_counter(key, shared)
            }
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match entry(key) {
            None => Gauge::noop(),
            Some(_) => {
                let shared = |it: &Arc<AtomicU64>| it.clone().into();
                self.0.get_or_create_gauge(key, shared)
            }
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match entry(key) {
            None => Histogram::noop(),
            Some(_) => {
                let shared = |it: &Arc<Buckets>| Histogram::from_arc(it.clone());
                self.0.get_or_create_histogram(key, shared)
            }
        }
    }
}

fn entry(key: &Key) -> Option<&'static Metric> {
    catalogue().find(|metric| metric.name == key.name())
}

/// Makes the place of a new series.
struct Shelves;

impl Storage<Key> for Shelves {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<Buckets>;

    fn counter(&self, _: &Key) -> Self::Counter {
        Arc::default()
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        Arc::default()
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let bounds = match entry(key).map(|metric| metric.kind) {
            Some(Kind::Histogram(bounds)) => bounds,
            _ => &[],
        };
        Arc::new(Buckets::new(bounds))
    }
}

/// A histogram that counts as it records: no sample is kept, so nothing piles
/// up between two scrapes.
struct Buckets {
    bounds: &'static [f64],
    /// One for each bound, and one for what is above all.
    counts: Vec<AtomicU64>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    fn read(&self) -> Distribution {
        let mut count = 0;
        let mut up_to = |it: &AtomicU64| {
            count += it.load(Ordering::Acquire);
            count
        };
        let mut totals: Vec<u64> = self.counts.iter().map(&mut up_to).collect();
        // The last is of what is above all bounds, too: the count.
        totals.truncate(self.bounds.len());
        Distribution {
            totals,
            count,
            sum: f64::from_bits(self.sum.load(Ordering::Acquire)),
        }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Release);
        }
        GaugeFn::increment(&self.sum, value);
    }
}

#[cfg(test)]
mod tests;
