//! `breakerbox status`: how a running gateway is, on one screen.

use std::io::{self, Write};

use actix_rt::System;
use actix_web::http::Method;
use clap::Args;
use serde_json::Value;

use super::{FAILED, check::Format, remote::Remote, say};

/// Shows how a running gateway is: its traffic, every endpoint and why it is
/// as it is, and what is wrong.
#[derive(Args, Debug)]
pub(super) struct Status {
    #[command(flatten)]
    remote: Remote,
    /// How to print the answer; `json` is that of `/api/status`.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Status {
    /// Asks, prints to `out` and returns the exit code: 0, or 1 if the gateway
    /// cannot be asked.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub(super) fn run(self, out: &mut dyn Write) -> io::Result<u8> {
        let asked = self
            .remote
            .find()
            .and_then(|gateway| System::new().block_on(gateway.ask(Method::GET, "/api/status")));
        let (_, state) = match asked {
            Ok(state) => state,
            Err(why) => {
                say(&why);
                return Ok(FAILED);
            }
        };
        if let Format::Json = self.format {
            writeln!(out, "{state:#}")?;
            return Ok(0);
        }
        for line in head(&state) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        let rows: Vec<_> = [TITLES.map(str::to_owned)]
            .into_iter()
            .chain(rows(&state))
            .collect();
        let widths = widths(&rows);
        for row in &rows {
            let cells = row.iter().zip(widths);
            let cells: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            writeln!(out, "{}", cells.join("  ").trim_end())?;
        }
        let open = open_alerts(&state);
        if !open.is_empty() {
            writeln!(out, "\nalerts:")?;
        }
        for alert in open {
            writeln!(out, "  {alert}")?;
        }
        Ok(0)
    }
}

/// What stands above the columns of [`rows`].
pub(super) const TITLES: [&str; 8] = [
    "ENDPOINT",
    "MODEL",
    "STATUS",
    "BREAKER",
    "SHARE",
    "LATENCY",
    "IN FLIGHT",
    "WHY",
];

/// What there is to say of the whole, in two lines.
pub(super) fn head(state: &Value) -> [String; 2] {
    let (traffic, reload) = (&state["traffic"], &state["reload"]);
    let going = if state["draining"] == true {
        ", going down"
    } else {
        ""
    };
    let refused = if reload["ok"] == true {
        ""
    } else {
        " (the last reload was refused)"
    };
    [
        format!(
            "breakerbox {}, generation {} {}{refused}{going}",
            text(&state["version"]),
            state["generation"],
            text(&state["config_sha"]),
        ),
        format!(
            "{} requests/s, errors {}, p95 {}, {} $/h, {} in flight, {} waiting",
            number(&traffic["requests_per_second"], 1.0, 1, ""),
            number(&traffic["error_ratio"], 100.0, 1, " %"),
            number(&traffic["p95_ms"], 1.0, 0, " ms"),
            number(&traffic["usd_per_hour"], 1.0, 2, ""),
            traffic["in_flight"],
            traffic["queue_length"],
        ),
    ]
}

/// One row for each target.
pub(super) fn rows(state: &Value) -> Vec<[String; 8]> {
    let endpoints = state["endpoints"].as_array().map_or(&[][..], Vec::as_slice);
    let row = |it: &Value| {
        [
            text(&it["endpoint"]),
            text(&it["model"]),
            text(&it["status"]),
            text(&it["breaker"]["state"]),
            number(&it["share"], 100.0, 0, " %"),
            number(&it["latency_ms"], 1.0, 0, " ms"),
            it["in_flight"].to_string(),
            it["reason"].as_str().unwrap_or_default().to_owned(),
        ]
    };
    endpoints.iter().map(row).collect()
}

/// The alerts that are not resolved, newest first.
pub(super) fn open_alerts(state: &Value) -> Vec<String> {
    let alerts = state["alerts"].as_array().map_or(&[][..], Vec::as_slice);
    let open = alerts.iter().filter(|it| it["resolved_at"].is_null());
    open.map(|it| {
        format!(
            "{} {}: {}",
            text(&it["at"]),
            text(&it["severity"]),
            text(&it["message"])
        )
    })
    .collect()
}

/// The widest cell of each column but the last.
pub(super) fn widths(rows: &[[String; 8]]) -> [usize; 8] {
    let mut widths = [0; 8];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row).take(7) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

/// Writes a number in other units; what is not known is a dash.
fn number(value: &Value, factor: f64, digits: usize, unit: &str) -> String {
    match value.as_f64() {
        Some(value) => format!("{:.digits$}{unit}", value * factor),
        None => "-".to_owned(),
    }
}
