//! `/metrics`: what is measured, as Prometheus reads it.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    time::Duration,
};

use breakerbox_actors::{
    clock,
    engine::Engine,
    metrics::{Kind, Metric},
};
use metrics::Key;
use metrics_exporter_prometheus::{
    LabelSet,
    formatting::{write_help_line, write_type_line},
};

use super::{
    ApiMetrics,
    catalogue::{
        BUILD, CONFIG_GENERATION, CONFIG_INFO, CONFIG_OK, CONFIG_OK_AT, CONFIG_RELOADS, FAILOVERS,
        LOOP_LAG, QUEUE_LENGTH, RETRY_BUDGET, catalogue,
    },
    models, process,
    recorder::{Recorder, Value},
};
use crate::{
    config::{AUTO, Config},
    dialect::Api,
    generation::Generation,
};

/// How often an event loop's lag is measured.
const LAG_EVERY: Duration = Duration::from_millis(100);

/// Metrics cannot be recorded: another recorder is installed in this process.
#[derive(Debug, thiserror::Error)]
#[error("metrics: another recorder is installed in this process already")]
pub struct NotInstalled;

/// The process's recorder, installed once. Cheap to clone.
#[derive(Clone)]
pub struct Exposition {
    recorder: Recorder,
}

impl std::fmt::Debug for Exposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exposition")
    }
}

impl Exposition {
    /// Installs the process's recorder.
    ///
    /// # Errors
    ///
    /// [`NotInstalled`] if this process has a recorder already.
    pub fn install() -> Result<Self, NotInstalled> {
        let recorder = Recorder::new();
        metrics::set_global_recorder(recorder.clone()).map_err(|_| NotInstalled)?;
        BUILD.gauge([env!("CARGO_PKG_VERSION").into()]).set(1.0);
        CONFIG_OK.gauge([]).set(1.0);
        for result in ["applied", "refused"] {
            CONFIG_RELOADS.counter([result.into()]).increment(0);
        }
        Ok(Self { recorder })
    }

    /// Lets the series start at 0 that need no configuration, for a gateway
    /// of so many `workers`.
    pub(crate) fn begin(&self, workers: usize) {
        for api in Api::ALL {
            ApiMetrics::new(api);
        }
        models::retries();
        for worker in 0..workers {
            LOOP_LAG.gauge([worker.to_string().into()]).set(0.0);
        }
    }

    /// Forgets the series of endpoints and models that `generation` does not
    /// have, as far as no request to them is under way.
    pub(crate) fn forget(&self, generation: &Generation) {
        let known = Known::of(&generation.config, generation.number);
        self.recorder.retain(|key| known.all_of(key));
    }

    /// Returns everything measured, in Prometheus's text format.
    pub fn render(&self, engine: &Engine, generation: &Generation) -> String {
        QUEUE_LENGTH.gauge([]).set(engine.waiting() as f64);
        RETRY_BUDGET.gauge([]).set(engine.retry_budget());
        CONFIG_GENERATION.gauge([]).set(generation.number as f64);
        CONFIG_OK_AT.gauge([]).set(generation.made_at);
        CONFIG_INFO
            .gauge([
                generation.number.to_string().into(),
                generation.config.sha256.to_string().into(),
            ])
            .set(1.0);
        engine.show();
        process::show();
        self.forget(generation);
        self.text()
    }

    /// Writes every series of the catalogue, in its order.
    fn text(&self) -> String {
        let mut series: HashMap<&str, Vec<String>> = HashMap::new();
        let catalogue: Vec<&'static Metric> = catalogue().collect();
        let names: HashSet<&str> = catalogue.iter().map(|it| it.name).collect();
        self.recorder.visit(|key, value| {
            if let Some(name) = names.get(key.name()) {
                series.entry(name).or_default().push(lines(key, &value));
            }
        });
        let mut text = String::new();
        for metric in catalogue {
            let Some(mut mine) = series.remove(metric.name) else {
                continue;
            };
            mine.sort_unstable();
            write_help_line(&mut text, metric.name, None, None, metric.help);
            let kind = match metric.kind {
                Kind::Counter | Kind::Sum => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            write_type_line(&mut text, metric.name, None, None, kind);
            text.extend(mine);
        }
        text
    }
}

/// Writes one series. Its labels are made once: a histogram has them on every line.
fn lines(key: &Key, value: &Value) -> String {
    let labels = LabelSet::from_key_and_global(key, &Default::default());
    let labels = labels.to_strings().collect::<Vec<_>>().join(",");
    let mut text = String::new();
    let mut write = |suffix: &str, bound: Option<f64>, value: f64| {
        text += key.name();
        text += suffix;
        let comma = if labels.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        match bound {
            Some(bound) => write!(text, "{{{labels}{comma}le=\"{}\"}}", Shown(bound)),
            None if labels.is_empty() => Ok(()),
            None => write!(text, "{{{labels}}}"),
        }
        .and_then(|()| writeln!(text, " {}", Shown(value)))
        .ok();
    };
    match value {
        Value::Whole(value) => write("", None, *value as f64),
        Value::Real(value) => write("", None, *value),
        Value::Distribution(all) => {
            for (bound, count) in &all.buckets {
                write("_bucket", Some(*bound), *count as f64);
            }
            write("_bucket", Some(f64::INFINITY), all.count as f64);
            write("_sum", None, all.sum);
            write("_count", None, all.count as f64);
        }
    }
    text
}

/// A number as Prometheus spells it.
struct Shown(f64);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == f64::INFINITY {
            f.write_str("+Inf")
        } else {
            self.0.fmt(f)
        }
    }
}

/// The names of a configuration, as labels have them.
struct Known<'a> {
    endpoints: HashSet<&'a str>,
    models: HashSet<&'a str>,
    targets: HashSet<(&'a str, &'a str)>,
    actors: HashSet<String>,
    generation: String,
}

impl<'a> Known<'a> {
    fn of(config: &'a Config, generation: u64) -> Self {
        let targets = config.endpoints.iter().flat_map(|endpoint| {
            let models = endpoint.models.iter();
            models.map(|model| (&*endpoint.name, &*model.name))
        });
        let targets: HashSet<_> = targets.collect();
        let models = config.models.iter().map(|model| &*model.name);
        let auto = (!config.routes.is_empty()).then_some(AUTO);
        Self {
            endpoints: targets.iter().map(|(endpoint, _)| *endpoint).collect(),
            models: models.chain(auto).chain([super::OTHER]).collect(),
            actors: targets
                .iter()
                .map(|(e, m)| format!("endpoint:{e}/{m}"))
                .collect(),
            targets,
            generation: generation.to_string(),
        }
    }

    /// Returns whether all names of the series are in force.
    fn all_of(&self, key: &Key) -> bool {
        let (mut endpoint, mut model) = (None, None);
        for label in key.labels() {
            let value = label.value();
            let known = match label.key() {
                "endpoint" => {
                    endpoint = Some(value);
                    self.endpoints.contains(value)
                }
                "model" => {
                    model = Some(value);
                    self.models.contains(value)
                }
                "from" | "to" if key.name() == FAILOVERS.name => self.endpoints.contains(value),
                // The actors that are not an endpoint's hold their handles.
                "actor" => self.actors.contains(value),
                "generation" => self.generation == value,
                _ => true,
            };
            if !known {
                return false;
            }
        }
        let target = endpoint.zip(model);
        target.is_none_or(|target| self.targets.contains(&target))
    }
}

/// Records what came of a reload; `read` says that the configuration was read
/// anew, so that this tells whether what there is to read is sound.
pub(crate) fn reloaded(applied: bool, read: bool) {
    if read {
        CONFIG_OK.gauge([]).set(if applied { 1.0 } else { 0.0 });
    }
    let result = if applied { "applied" } else { "refused" };
    CONFIG_RELOADS.counter([result.into()]).increment(1);
}

/// Measures the event loop of the current thread for as long as it runs.
pub async fn lag_of(worker: usize) {
    let gauge = LOOP_LAG.gauge([worker.to_string().into()]);
    loop {
        let mut worst = Duration::ZERO;
        for _ in 0..10 {
            let due = clock::now() + LAG_EVERY;
            tokio::time::sleep_until(due.into()).await;
            worst = worst.max(clock::now().saturating_duration_since(due));
        }
        gauge.set(worst.as_secs_f64());
    }
}
