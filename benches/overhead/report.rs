//! One table of what was measured, and the medians in it.

use std::process::Command;

use crate::load::Round;
use crate::machine::{self, Cores};
use crate::{Plan, body, pacer, servers};

/// One line: a measure of the upstream alone, through nginx and through the gateway.
pub(crate) struct Row {
    pub(crate) measure: String,
    pub(crate) unit: &'static str,
    pub(crate) direct: Option<f64>,
    pub(crate) nginx: f64,
    pub(crate) gateway: f64,
    pub(crate) ratio: Option<f64>,
    /// What the design asks of the ratio, or of the gateway's own figure; at most.
    pub(crate) goal: Option<Goal>,
}

/// A bound the design sets.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    Ratio(f64),
    Value(f64),
}

/// The rounds of one load on the three ways.
#[derive(Default)]
pub(crate) struct Rounds {
    pub(crate) direct: Vec<Round>,
    pub(crate) nginx: Vec<Round>,
    pub(crate) gateway: Vec<Round>,
}

impl Rounds {
    /// A row of medians over the rounds; the ratio is the median of each round's own.
    pub(crate) fn row(
        &self,
        measure: String,
        unit: &'static str,
        with_direct: bool,
        goal: Option<f64>,
        of: impl Fn(&Round) -> f64,
    ) -> Row {
        let all = |rounds: &[Round]| median(rounds.iter().map(&of));
        Row {
            measure,
            unit,
            direct: with_direct.then(|| all(&self.direct)),
            nginx: all(&self.nginx),
            gateway: all(&self.gateway),
            ratio: Some(median(
                self.nginx
                    .iter()
                    .zip(&self.gateway)
                    .map(|(n, g)| of(g) / of(n)),
            )),
            goal: goal.map(Goal::Ratio),
        }
    }

    /// What a proxy adds to the upstream's own latency at `quantile`: the median of each round's difference.
    pub(crate) fn added(&self, measure: String, quantile: f64) -> Row {
        let over = |rounds: &[Round]| {
            let pairs = self.direct.iter().zip(rounds);
            median(pairs.map(|(direct, round)| {
                round.quantile_micros(quantile) - direct.quantile_micros(quantile)
            }))
        };
        let (nginx, gateway) = (over(&self.nginx), over(&self.gateway));
        let ratio = (nginx > 0.0).then(|| gateway / nginx);
        Row {
            measure,
            unit: "µs",
            direct: None,
            nginx,
            gateway,
            ratio,
            goal: None,
        }
    }
}

/// The middle value; of an even number, the mean of the two.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The table as text.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<34} {:>7} {:>10} {:>10} {:>10} {:>7}  {}\n",
        "", "unit", "direct", "nginx", "breakerbox", "ratio", "goal"
    );
    for row in rows {
        let goal = match row.goal {
            None => String::new(),
            Some(Goal::Ratio(most)) => verdict(row.ratio.unwrap_or(f64::NAN), most, "×"),
            Some(Goal::Value(most)) => verdict(row.gateway, most, row.unit),
        };
        text += &format!(
            "{:<34} {:>7} {:>10} {:>10} {:>10} {:>7}  {goal}\n",
            row.measure,
            row.unit,
            row.direct.map_or_else(|| "–".to_owned(), number),
            number(row.nginx),
            number(row.gateway),
            row.ratio
                .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
        );
    }
    text
}

fn verdict(value: f64, most: f64, unit: &str) -> String {
    let word = if value <= most { "met" } else { "MISSED" };
    format!("≤ {most} {unit} {word}")
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// What is told of requests on `c` connections.
pub(crate) fn request_rows(rounds: &Rounds, c: usize) -> Vec<Row> {
    vec![
        rounds.row(
            format!("CPU per request, c={c}"),
            "µs",
            false,
            Some(1.5),
            Round::cpu_micros_each,
        ),
        rounds.row(
            format!("latency p50, c={c}"),
            "µs",
            true,
            Some(1.25),
            |r| r.quantile_micros(0.5),
        ),
        rounds.row(format!("latency p99, c={c}"), "µs", true, Some(1.5), |r| {
            r.quantile_micros(0.99)
        }),
        rounds.added(format!("added latency p50, c={c}"), 0.5),
        rounds.row(
            format!("requests, c={c}"),
            "1/s",
            true,
            None,
            Round::per_second,
        ),
    ]
}

/// What is told of streams.
pub(crate) fn stream_rows(rounds: &Rounds) -> Vec<Row> {
    let name = |what: &str| format!("{what}, 64 streams");
    vec![
        rounds.row(
            name("CPU per stream of 50 chunks"),
            "µs",
            false,
            Some(1.5),
            Round::cpu_micros_each,
        ),
        rounds.row(name("age of a chunk p50"), "µs", true, Some(1.25), |r| {
            r.quantile_micros(0.5)
        }),
        rounds.row(name("age of a chunk p99"), "µs", true, Some(1.5), |r| {
            r.quantile_micros(0.99)
        }),
        rounds.row(name("streams"), "1/s", true, None, Round::per_second),
    ]
}

/// How it was measured.
pub(crate) fn head(cores: Cores, plan: &Plan) -> String {
    let version = Command::new("nginx").arg("-v").output().map_or_else(
        |_| String::from("nginx"),
        |output| {
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace("nginx version: ", "")
        },
    );
    let pinned = if cores.proxy == cores.load {
        "ONE CORE ONLY: everything shares it, latencies mean little".to_owned()
    } else {
        format!(
            "proxy under test alone on core {}, load and upstreams on core {}",
            cores.proxy, cores.load
        )
    };
    format!(
        "\nHow it was measured\n\
         \x20 machine    {}\n\
         \x20 cores      {pinned}\n\
         \x20 proxies    {version}, one worker, proxy_pass with upstream keep-alive, no access log; breakerbox, one worker, with client key,\n\
         \x20            limits, breaker, pings and metrics on\n\
         \x20 upstream   nginx `return 200` of {} bytes for a request of {} bytes; streams: {} chunks {} ms apart, nginx unbuffered\n\
         \x20 rounds     {} of {:?} for each line and way, the ways in turn, order reversed each round; any answer but a 200 ends the run\n\
         \x20 figures    medians of the rounds; ratio = median of each round's breakerbox ÷ nginx; CPU = time on core of all threads\n\
         \x20            (schedstat) ÷ requests; added = through the proxy − direct;\n\
         \x20            a scrape's share = its CPU ÷ that of 10,000 requests, one scrape a second at 10,000 requests/s;\n\
         \x20            p99 is that of the machine where it has other work{}\n",
        machine::describe(),
        servers::ANSWER.len(),
        body("bench-chat", "").len(),
        pacer::CHUNKS,
        pacer::PACE.as_millis(),
        plan.rounds,
        plan.lasting,
        if plan.quick {
            "\n  QUICK      few and short rounds: a smoke test, not a measurement"
        } else {
            ""
        },
    )
}
