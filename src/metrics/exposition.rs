//! `/metrics`: what is measured, as Prometheus reads it.

use std::time::Duration;

use actix_rt::ArbiterHandle;
use breakerbox_actors::{clock, engine::Engine, metrics as engine_metrics};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::catalogue::{
    BUILD, CONFIG_GENERATION, CONFIG_OK, CONFIG_RELOADS, COST, LOOP_LAG, QUEUE_LENGTH,
    RETRY_BUDGET, catalogue,
};
use crate::generation::Generation;

/// Seconds, from a fast gateway's share to a slow model's whole answer.
const BUCKETS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];
/// How often histograms put their samples into buckets.
const UPKEEP: Duration = Duration::from_secs(5);
/// How often an event loop's lag is measured.
const LAG_EVERY: Duration = Duration::from_millis(100);

/// Metrics cannot be recorded: another recorder is installed in this process.
#[derive(Debug, thiserror::Error)]
#[error("metrics: another recorder is installed in this process already")]
pub struct NotInstalled;

/// The process's recorder, installed once. Cheap to clone.
#[derive(Clone)]
pub struct Exposition {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Exposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exposition")
    }
}

impl Exposition {
    /// Installs the process's recorder and describes the whole catalogue.
    ///
    /// # Errors
    ///
    /// [`NotInstalled`] if this process has a recorder already.
    pub fn install() -> Result<Self, NotInstalled> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
            .map_err(|_| NotInstalled)?;
        let handle = builder.install_recorder().map_err(|_| NotInstalled)?;
        for metric in catalogue() {
            metric.describe();
        }
        BUILD.gauge([env!("CARGO_PKG_VERSION").into()]).set(1.0);
        CONFIG_OK.gauge([]).set(1.0);
        for result in ["applied", "refused"] {
            CONFIG_RELOADS.counter([result.into()]).increment(0);
        }
        Ok(Self { handle })
    }

    /// Keeps samples from piling up between two scrapes; on an arbiter that
    /// serves no requests.
    pub fn keep_up(&self, arbiter: &ArbiterHandle) {
        let handle = self.handle.clone();
        arbiter.spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        });
    }

    /// Returns everything measured, in Prometheus's text format.
    pub fn render(&self, engine: &Engine, generation: &Generation) -> String {
        QUEUE_LENGTH.gauge([]).set(engine.waiting() as f64);
        RETRY_BUDGET.gauge([]).set(engine.retry_budget());
        CONFIG_GENERATION.gauge([]).set(generation.number as f64);
        for target in engine.table().targets() {
            engine_metrics::in_flight(target);
            engine_metrics::mailbox_depth(target);
        }
        let name = COST.name;
        let (gauge, counter) = ["gauge", "counter"]
            .map(|kind| format!("# TYPE {name} {kind}\n"))
            .into();
        self.handle.render().replacen(&gauge, &counter, 1)
    }
}

/// Records what came of a reload.
pub(crate) fn reloaded(applied: bool) {
    CONFIG_OK.gauge([]).set(if applied { 1.0 } else { 0.0 });
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
