//! Memory: at rest, after many requests, with many open streams.

use std::time::Duration;

use crate::report::{Goal, Rounds, Row};
use crate::{Fallible, WAYS, Ways, load, machine};

const MIB: f64 = 1024.0 * 1024.0;
/// How long memory and closing connections get to settle.
const SETTLE: Duration = Duration::from_millis(500);

/// Resident memory after start, before any load.
pub(crate) fn idle_row(nginx: u64, gateway: u64) -> Row {
    row(
        "memory at rest".to_owned(),
        nginx as f64 / MIB,
        gateway as f64 / MIB,
        Some(20.0),
    )
}

fn row(measure: String, nginx: f64, gateway: f64, most: Option<f64>) -> Row {
    let (direct, ratio) = (None, None);
    Row {
        measure,
        unit: "MiB",
        direct,
        nginx,
        gateway,
        ratio,
        goal: most.map(Goal::Value),
    }
}

/// Whether memory grows with the requests served: looks after each load and compares the last look with the first.
pub(crate) struct Growth {
    gateway_pid: u32,
    nginx_pid: u32,
    looks: Vec<(u64, u64)>,
    requests: u64,
}

impl Growth {
    pub(crate) fn new(gateway_pid: u32, nginx_pid: u32) -> Self {
        Self {
            gateway_pid,
            nginx_pid,
            looks: Vec::new(),
            requests: 0,
        }
    }

    /// Looks once more, after `rounds`.
    pub(crate) fn seen(&mut self, rounds: &Rounds) {
        // The first look is the base: what was served before it has already paid for buffers and connections.
        if !self.looks.is_empty() {
            self.requests += rounds.gateway.iter().map(|round| round.done).sum::<u64>();
        }
        self.looks.push((
            machine::resident(self.nginx_pid),
            machine::resident(self.gateway_pid),
        ));
    }

    pub(crate) fn row(&self) -> Row {
        let grown = |of: fn(&(u64, u64)) -> u64| {
            let (first, last) = (
                self.looks.first().map_or(0, of),
                self.looks.last().map_or(0, of),
            );
            (last as f64 - first as f64) / MIB
        };
        let measure = format!("memory grown over {} requests", self.requests);
        row(
            measure,
            grown(|look| look.0),
            grown(|look| look.1),
            Some(4.0),
        )
    }
}

/// Memory with many streams open and silent, and a note where the machine does not allow as many as asked.
pub(crate) async fn open_streams(
    ways: &Ways,
    asked: usize,
    quick: bool,
) -> Fallible<(Row, String)> {
    // A proxy holds two sockets a stream, and some of its own.
    let room = machine::open_files().saturating_sub(200) / 2;
    let count = asked.min(room);
    let note = if count < asked {
        format!(
            "\x20 limits     {count} open streams, not {asked}: a process may have {} files open here (ulimit -n)\n",
            machine::open_files()
        )
    } else {
        String::new()
    };
    let mut measured = [0.0; 2];
    for (slot, name, aim, pid) in [
        (0, WAYS[1], &ways.nginx, ways.nginx_pid),
        (1, WAYS[2], &ways.gateway, ways.gateway_pid),
    ] {
        let open = load::held(aim, count).await;
        let open = open.map_err(|why| format!("{name}, {count} open streams: {why}"))?;
        tokio::time::sleep(SETTLE).await;
        measured[slot] = machine::resident(pid) as f64 / MIB;
        drop(open);
        tokio::time::sleep(SETTLE).await;
    }
    let most = (!quick).then_some(300.0 * count as f64 / 10_000.0);
    Ok((
        row(
            format!("memory with {count} open streams"),
            measured[0],
            measured[1],
            most,
        ),
        note,
    ))
}
