//! What a scrape of `/metrics` costs, beside the requests of the time between two.

use std::time::Duration;

use crate::http::{self, Connection};
use crate::report::{Goal, Row, median};
use crate::servers::Gateway;
use crate::{Aim, Fallible, Plan, load, machine};

/// Endpoints of the second gateway, for the page grows with them.
pub(crate) const CROWD: usize = 100;

/// At so many requests a second the share is told.
const REQUESTS: f64 = 10_000.0;
/// The most that a scrape a second may take of the requests' CPU, in percent.
const MOST: f64 = 2.0;
/// Scrapes in a row whose CPU is read; the kernel counts it exactly, but other work of the process comes in.
const SCRAPES: u32 = 10;

/// The rows of one gateway: the share of a scrape a second, and the size of the page. Rounds of requests and of scrapes in
/// turn, so that the page is as it is under load and caches hold what requests left there.
pub(crate) async fn rows(aim: &Aim, gateway: &Gateway, plan: &Plan) -> Fallible<Vec<Row>> {
    let pid = gateway.server.pid();
    let request = http::get("/metrics");
    let (mut each, mut shares, mut size) = (Vec::new(), Vec::new(), 0);
    for _ in 0..plan.rounds {
        let round = load::requests(aim, 64, plan.lasting, Some(pid)).await?;
        // A new one: rounds may last longer than an idle connection is kept.
        let mut connection = Connection::open(gateway.admin).await?;
        let before = machine::cpu_time(pid);
        for _ in 0..SCRAPES {
            connection.exchange(&request).await?;
        }
        size = connection.answered();
        let scrape = (machine::cpu_time(pid).saturating_sub(before)) / SCRAPES;
        each.push(micros(scrape));
        shares.push(100.0 * micros(scrape) / (REQUESTS * round.cpu_micros_each()));
    }
    let endpoints = gateway.endpoints;
    let row = |measure: &str, unit, value, goal: Option<f64>| Row {
        measure: format!("{measure}, {endpoints} endpoints"),
        unit,
        direct: None,
        nginx: f64::NAN,
        gateway: value,
        ratio: None,
        goal: goal.map(Goal::Value),
    };
    let most = (!plan.quick).then_some(MOST);
    Ok(vec![
        row("CPU of a scrape", "µs", median(each.into_iter()), None),
        row("its share", "%", median(shares.into_iter()), most),
        row("page of metrics", "KiB", size as f64 / 1024.0, None),
    ])
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
