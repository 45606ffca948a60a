//! Logs to stderr: text with colour on a terminal, JSON elsewhere.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::config::env;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Installs the process's log output; `RUST_LOG` says what is logged
/// (`level` if unset), `NO_COLOR` takes the colour away.
pub(super) fn install(format: Option<LogFormat>, level: &str) -> LogFormat {
    let terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let filter = env::var("RUST_LOG").filter(|it| !it.is_empty());
    let filter = EnvFilter::new(filter.as_deref().unwrap_or(level));
    let colour = terminal && env::var("NO_COLOR").is_none_or(|it| it.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let installed = match format {
        LogFormat::Text => builder.with_ansi(colour).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Fails only where a process has logs installed already; those then serve.
    drop(installed);
    format
}
