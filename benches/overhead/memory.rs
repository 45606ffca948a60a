//! Memory: at rest, after many requests, with many open streams.

use std::time::Duration;

use crate::report::{Goal, Row};
use crate::{Fallible, WAYS, Ways, load, machine};

const MIB: f64 = 1024.0 * 1024.0;
/// Between two looks at memory.
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

/// Whether memory grows with the requests served: the highest look of the second half of `looks` less that of the first.
/// Highest, because histograms are emptied every few seconds; all loads ran before, so buffers are paid for.
pub(crate) async fn growth(ways: &Ways, looks: usize, goal: bool) -> Fallible<Row> {
    let mut grown = [0.0; 2];
    let mut requests = 0;
    for (slot, aim, pid) in [
        (0, &ways.nginx, ways.nginx_pid),
        (1, &ways.gateway, ways.gateway_pid),
    ] {
        let mut highest = [0; 2];
        requests = 0;
        for look in 0..looks {
            requests += load::requests(aim, 64, SETTLE, None).await?.done;
            let half = &mut highest[usize::from(look >= looks / 2)];
            *half = machine::resident(pid).max(*half);
        }
        grown[slot] = (highest[1] as f64 - highest[0] as f64) / MIB;
    }
    let measure = format!("memory grown, {requests} requests");
    Ok(row(measure, grown[0], grown[1], goal.then_some(4.0)))
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
