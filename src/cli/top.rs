//! `breakerbox top`: a running gateway, live in the terminal.

use std::{
    io::{self, IsTerminal},
    pin::pin,
    time::Duration,
};

use actix_rt::System;
use actix_web::http::Method;
use breakerbox_actors::clock;
use clap::Args;
use ratatui::{
    Frame,
    crossterm::event::{self, Event, KeyCode, KeyModifiers},
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Block, Cell, Paragraph, Row, Table},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    FAILED,
    remote::{Gateway, Remote},
    say, status,
};

/// How often the gateway is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How often keys are looked at while it owes an answer.
const TICK: Duration = Duration::from_millis(50);
/// What is shown counts as old once an answer takes so long.
const LATE: Duration = Duration::from_secs(2);

/// Shows a running gateway live; q or Esc ends it.
#[derive(Args, Debug)]
pub(super) struct Top {
    #[command(flatten)]
    remote: Remote,
}

impl Top {
    /// Shows the gateway until a key ends it; returns the exit code.
    pub(super) fn run(self) -> u8 {
        if !io::stdout().is_terminal() {
            say(
                "top draws on a terminal, and this is none: `breakerbox status` prints the same once",
            );
            return FAILED;
        }
        let gateway = match self.remote.find() {
            Ok(gateway) => gateway,
            Err(why) => {
                say(&why);
                return FAILED;
            }
        };
        let system = System::new();
        let first = match system.block_on(gateway.ask(Method::GET, "/api/status")) {
            Ok((_, state)) => state,
            Err(why) => {
                say(&why);
                return FAILED;
            }
        };
        let shown = show(&system, &gateway, first);
        ratatui::restore();
        match shown {
            Ok(()) => 0,
            Err(error) => {
                say(&format!("cannot draw on this terminal: {error}"));
                FAILED
            }
        }
    }
}

fn show(system: &actix_rt::SystemRunner, gateway: &Gateway, mut state: Value) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let mut stale = None;
    loop {
        terminal.draw(|frame| draw(frame, &state, stale.as_deref()))?;
        if ends_within(EVERY)? {
            return Ok(());
        }
        let asked = clock::now();
        let mut answer = pin!(gateway.ask(Method::GET, "/api/status"));
        // A gateway that hangs must not take the keys with it.
        let answer = loop {
            let within = system.block_on(async { timeout(TICK, answer.as_mut()).await });
            if let Ok(answer) = within {
                break answer;
            }
            if ends_within(Duration::ZERO)? {
                return Ok(());
            }
            let waited = clock::now().saturating_duration_since(asked);
            if waited >= LATE {
                stale = Some(format!("no answer for {} s", waited.as_secs()));
            }
            terminal.draw(|frame| draw(frame, &state, stale.as_deref()))?;
        };
        match answer {
            Ok((_, fresh)) => (state, stale) = (fresh, None),
            Err(why) => stale = Some(why),
        }
    }
}

/// Waits so long for a key; returns whether it is one that ends.
fn ends_within(wait: Duration) -> io::Result<bool> {
    Ok(event::poll(wait)? && is_end(&event::read()?))
}

fn is_end(event: &Event) -> bool {
    let Event::Key(key) = event else {
        return false;
    };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
        || (control && key.code == KeyCode::Char('c'))
}

/// Draws `state`; `stale` says why it is an old one.
fn draw(frame: &mut Frame<'_>, state: &Value, stale: Option<&str>) {
    let alerts = status::open_alerts(state);
    let below = 2 + alerts.len().clamp(1, 6) as u16;
    let parts = [
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(below),
    ];
    let [top, middle, bottom] = Layout::vertical(parts).areas(frame.area());
    let mut head: Vec<_> = status::head(state).into_iter().map(Line::from).collect();
    if let Some(why) = stale {
        head.push(Line::styled(format!("stale: {why}"), Color::Red));
    }
    frame.render_widget(Paragraph::new(head), top);
    let rows = status::rows(state);
    let titles = status::TITLES.map(str::to_owned);
    let all: Vec<_> = [titles].into_iter().chain(rows.iter().cloned()).collect();
    let widths = status::widths(&all).map(|it| match it {
        0 => Constraint::Min(10),
        width => Constraint::Length(width as u16),
    });
    let rows = rows.into_iter().map(|cells| {
        let style = Style::from(colour(&cells[2]));
        Row::new(cells.map(Cell::from)).style(style)
    });
    let title = Row::new(status::TITLES).style(Modifier::BOLD);
    let table = Table::new(rows, widths).header(title).column_spacing(2);
    frame.render_widget(table, middle);
    let alerts: Vec<_> = match alerts.is_empty() {
        true => vec![Line::from("none")],
        false => alerts.into_iter().map(Line::from).collect(),
    };
    let block = Block::bordered().title(" alerts · q ends ");
    frame.render_widget(Paragraph::new(alerts).block(block), bottom);
}

fn colour(status: &str) -> Color {
    match status {
        "healthy" => Color::Green,
        "degraded" | "rate_limited" => Color::Yellow,
        "unhealthy" => Color::Red,
        _ => Color::Reset,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_endpoint_its_reason_and_what_is_wrong_are_on_the_screen() {
        let state = json!({
            "version": "0.1.0", "generation": 3, "config_sha": "ab12", "draining": false,
            "reload": { "ok": false },
            "traffic": { "requests_per_second": 12.34, "error_ratio": null, "p95_ms": 830.0,
                         "usd_per_hour": 1.2, "in_flight": 3, "queue_length": 0 },
            "endpoints": [
                { "endpoint": "eu", "model": "m", "status": "unhealthy", "breaker": { "state": "open" },
                  "share": null, "latency_ms": 12.0, "in_flight": 0, "reason": "5 failures in a row" },
            ],
            "alerts": [
                { "at": "now", "severity": "critical", "message": "eu is out", "resolved_at": null },
                { "at": "now", "severity": "critical", "message": "long over", "resolved_at": "now" },
            ],
        });
        let mut terminal = Terminal::new(TestBackend::new(100, 12)).unwrap();
        terminal
            .draw(|frame| draw(frame, &state, Some("gone")))
            .unwrap();
        let screen: String = terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .map(|it| it.symbol())
            .collect();
        for part in [
            "generation 3 ab12 (the last reload was refused)",
            "12.3 requests/s, errors -, p95 830 ms, 1.20 $/h",
            "stale: gone",
            "5 failures in a row",
            "eu is out",
        ] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        assert!(!screen.contains("long over"));
    }
}
