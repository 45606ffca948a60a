//! Keeps the series of the catalogue, and lets go of those whose names have
//! left the configuration. (The recorder of the Prometheus exporter forgets
//! what was idle for a while, which would also be every error that is rare.)

use std::{
    cell::Cell,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use breakerbox_actors::metrics::{Kind, Metric};
use metrics::{
    Counter, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use metrics_util::registry::{Registry, Storage};

use super::catalogue::catalogue;

/// The process's recorder. Cheap to clone.
#[derive(Clone)]
pub(super) struct Recorder {
    registry: Arc<Registry<Key, Shelves>>,
    /// Counts the series that have come or gone.
    changes: Arc<AtomicU64>,
}

/// Where one series is kept; holds nothing itself.
pub(super) enum Place {
    Counter(Weak<AtomicU64>),
    Gauge(Weak<AtomicU64>),
    Histogram(Weak<Buckets>),
}

impl Place {
    /// Returns what the series holds now; `None` once it is forgotten.
    pub(super) fn read(&self) -> Option<Value> {
        Some(match self {
            Self::Counter(it) => Value::Whole(it.upgrade()?.load(Ordering::Acquire)),
            Self::Gauge(it) => Value::Real(f64::from_bits(it.upgrade()?.load(Ordering::Acquire))),
            Self::Histogram(it) => Value::Distribution(it.upgrade()?.read()),
        })
    }
}

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
        let changes = Arc::<AtomicU64>::default();
        let shelves = Shelves(changes.clone());
        Self {
            registry: Arc::new(Registry::new(shelves)),
            changes,
        }
    }

    /// Returns how many series have come or gone so far: while this stays as
    /// it is, the series are the same.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Shows `see` every series, in no order.
    pub(super) fn visit(&self, mut see: impl FnMut(&Key, Place)) {
        let registry = &self.registry;
        registry.visit_counters(|key, it| see(key, Place::Counter(Arc::downgrade(it))));
        registry.visit_gauges(|key, it| see(key, Place::Gauge(Arc::downgrade(it))));
        registry.visit_histograms(|key, it| see(key, Place::Histogram(Arc::downgrade(it))));
    }

    /// Forgets the series that are not `known`, unless someone holds a handle:
    /// an endpoint that is gone from the configuration is still counted while
    /// requests to it are under way. Returns how many are kept for that.
    pub(super) fn retain(&self, known: impl Fn(&Key) -> bool) -> usize {
        let held = Cell::new(0);
        let stays = |key: &Key, handles: usize| {
            if known(key) {
                return true;
            }
            // One is the registry's own.
            let is_held = handles > 1;
            match is_held {
                true => held.set(held.get() + 1),
                false => drop(self.changes.fetch_add(1, Ordering::AcqRel)),
            }
            is_held
        };
        let registry = &self.registry;
        // Handles are handed out under the lock that these take.
        registry.retain_counters(|key, it| stays(key, Arc::strong_count(it)));
        registry.retain_gauges(|key, it| stays(key, Arc::strong_count(it)));
        registry.retain_histograms(|key, it| stays(key, Arc::strong_count(it)));
        held.get()
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
                self.registry.get_or_create_counter(key, shared)
            }
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match entry(key) {
            None => Gauge::noop(),
            Some(_) => {
                let shared = |it: &Arc<AtomicU64>| it.clone().into();
                self.registry.get_or_create_gauge(key, shared)
            }
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match entry(key) {
            None => Histogram::noop(),
            Some(_) => {
                let shared = |it: &Arc<Buckets>| Histogram::from_arc(it.clone());
                self.registry.get_or_create_histogram(key, shared)
            }
        }
    }
}

fn entry(key: &Key) -> Option<&'static Metric> {
    catalogue().find(|metric| metric.name == key.name())
}

/// Makes the place of a new series, and counts it.
struct Shelves(Arc<AtomicU64>);

impl Shelves {
    fn new_one<T>(&self, shelf: T) -> Arc<T> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Arc::new(shelf)
    }
}

impl Storage<Key> for Shelves {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<Buckets>;

    fn counter(&self, _: &Key) -> Self::Counter {
        self.new_one(AtomicU64::default())
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        self.new_one(AtomicU64::default())
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let bounds = match entry(key).map(|metric| metric.kind) {
            Some(Kind::Histogram(bounds)) => bounds,
            _ => &[],
        };
        self.new_one(Buckets::new(bounds))
    }
}

/// A histogram that counts as it records: no sample is kept, so nothing piles
/// up between two scrapes.
pub(super) struct Buckets {
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
