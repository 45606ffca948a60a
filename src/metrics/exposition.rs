//! `/metrics`: what is measured, as Prometheus reads it.

use std::{sync::Arc, time::Duration};

use breakerbox_actors::{clock, engine::Engine};
use foldhash::HashSet;
use metrics::Key;
use parking_lot::Mutex;

use super::{
    ApiMetrics,
    catalogue::{
        BUILD, CONFIG_GENERATION, CONFIG_INFO, CONFIG_OK, CONFIG_OK_AT, CONFIG_RELOADS,
        CREDENTIALS_REFUSED, FAILOVERS, LOOP_LAG, QUEUE_LENGTH, RETRY_BUDGET,
    },
    models,
    page::Page,
    process,
    recorder::Recorder,
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
    /// What the last scrape has left for the next.
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    page: Option<Page>,
    /// The generation, and the [changes](Recorder::changes) there had been, when
    /// there was nothing left to forget.
    clean: Option<(u64, u64)>,
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
        for plane in ["admin", "data"] {
            for reason in ["wrong", "throttled"] {
                let labels = [plane.into(), reason.into()];
                CREDENTIALS_REFUSED.counter(labels).increment(0);
            }
        }
        let kept = Arc::default();
        Ok(Self { recorder, kept })
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
        let number = generation.number;
        let before = (number, self.recorder.changes());
        let mut kept = self.kept.lock();
        if kept.clean == Some(before) {
            return;
        }
        let known = Known::of(&generation.config, number);
        let held = self.recorder.retain(|key| known.all_of(key));
        // What came meanwhile was not looked at.
        let unchanged = self.recorder.changes() == before.1;
        kept.clean = (held == 0 && unchanged).then_some(before);
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
        let mut kept = self.kept.lock();
        let page = kept.page.take().filter(|page| page.is_of(&self.recorder));
        let page = page.unwrap_or_else(|| Page::of(&self.recorder));
        kept.page.insert(page).text()
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

/// Records that a key or token was refused, on which plane, and why.
pub(crate) fn credentials_refused(plane: &'static str, reason: &'static str) {
    let labels = [plane.into(), reason.into()];
    CREDENTIALS_REFUSED.counter(labels).increment(1);
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

#[cfg(test)]
mod tests;
