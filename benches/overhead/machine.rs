//! What the kernel says: cores, limits, CPU time and memory of a process and its children.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which core runs what. On a single core both are 0 and latencies mean little.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// The proxy under test, alone.
    pub(crate) proxy: usize,
    /// The load generator and the upstreams.
    pub(crate) load: usize,
}

impl Cores {
    /// The first two cores this process may use, or the only one twice.
    pub(crate) fn allowed() -> Self {
        let allowed = field("/proc/self/status", "Cpus_allowed_list:").unwrap_or_default();
        let mut cores = allowed.split(',').flat_map(|range| {
            let (first, last) = range.trim().split_once('-').unwrap_or((range, range));
            let first = first.trim().parse::<usize>().unwrap_or(0);
            first..=last.trim().parse::<usize>().unwrap_or(first)
        });
        let proxy = cores.next().unwrap_or(0);
        Self {
            proxy,
            load: cores.next().unwrap_or(proxy),
        }
    }
}

/// A command that starts `program` on one core with as many open files as the machine lets it have.
pub(crate) fn pinned(core: usize, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), "sh", "-c"]);
    command.arg("ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -H -n); exec \"$@\"");
    command.args(["pinned", program]);
    command
}

/// How many files this process may have open.
pub(crate) fn open_files() -> usize {
    field("/proc/self/limits", "Max open files")
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(1024)
}

/// The processor's name and the kernel's version, for the head of the report.
pub(crate) fn describe() -> String {
    let model = field("/proc/cpuinfo", "model name").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, Linux {}",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim()
    )
}

/// CPU time of a process and all its descendants so far, threads that have ended excepted.
///
/// *Source*: the first number of `/proc/PID/task/TID/schedstat`, nanoseconds on a core.
pub(crate) fn cpu_time(root: u32) -> Duration {
    let nanos = tree(root)
        .into_iter()
        .flat_map(|pid| tasks(pid).into_iter())
        .filter_map(|task| {
            let text = fs::read_to_string(task.join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        })
        .sum();
    Duration::from_nanos(nanos)
}

/// Resident memory of a process and all its descendants, in bytes; pages they share count for each.
pub(crate) fn resident(root: u32) -> u64 {
    tree(root)
        .into_iter()
        .filter_map(|pid| {
            let text = field(&format!("/proc/{pid}/status"), "VmRSS:")?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        })
        .map(|kib| kib * 1024)
        .sum()
}

/// Nanoseconds since 1970: the one clock that two processes of a machine share.
#[expect(
    clippy::disallowed_methods,
    reason = "a chunk's age is taken across two processes"
)]
pub(crate) fn wall_nanos() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn tasks(pid: u32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        next += 1;
        for task in tasks(pid) {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    all
}

/// What follows `name` on the first line of `file` that starts with it.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .map(|rest| rest.trim().to_owned())
}
