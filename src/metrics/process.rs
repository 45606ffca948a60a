//! This process as the kernel sees it.

use breakerbox_actors::metrics::Metric;
use procfs::{
    ProcResult, WithCurrentSystemInfo,
    process::{LimitValue, Process},
};

use super::catalogue::{CPU, MAX_FDS, OPEN_FDS, RESIDENT, STARTED_AT, THREADS, VIRTUAL};

/// Writes what `/proc` tells; what it does not tell stays as it was.
pub(super) fn show() {
    if let Err(error) = read() {
        tracing::debug!(%error, "metrics of the process");
    }
}

fn read() -> ProcResult<()> {
    let set = |metric: Metric, value: f64| metric.gauge([]).set(value);
    let process = Process::myself()?;
    let stat = process.stat()?;
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    set(CPU, seconds(stat.utime + stat.stime));
    set(RESIDENT, stat.rss_bytes().get() as f64);
    set(VIRTUAL, stat.vsize as f64);
    set(THREADS, stat.num_threads as f64);
    set(OPEN_FDS, process.fd_count()? as f64);
    set(
        MAX_FDS,
        match process.limits()?.max_open_files.soft_limit {
            LimitValue::Unlimited => f64::INFINITY,
            LimitValue::Value(most) => most as f64,
        },
    );
    let booted = procfs::boot_time_secs()? as f64;
    set(STARTED_AT, booted + seconds(stat.starttime));
    Ok(())
}
