//! `breakerbox check FILE`: all problems of a file at once, and those behind it.

use std::{
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::FAILED;
use crate::config::{self, Config, Lookup};
use online::Finding;

mod online;

/// Exit code for a bad configuration.
///
/// *Source*: `EX_CONFIG` of BSD's sysexits.h.
pub const BAD_CONFIGURATION: u8 = 78;

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

impl Format {
    /// Prints `text` for people or `json` for machines.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub(super) fn tell(
        self,
        out: &mut dyn Write,
        text: impl Display,
        json: &Value,
    ) -> io::Result<()> {
        match self {
            Self::Text => writeln!(out, "{text}"),
            Self::Json => writeln!(out, "{json:#}"),
        }
    }
}

/// Checks a configuration file and lists everything that is wrong with it.
#[derive(Args, Debug)]
pub struct Check {
    /// The file to check; `-` reads standard input.
    pub file: PathBuf,
    /// Also ask every endpoint, with its key: is it there, does it take the
    /// key, does it list its models. One that fails makes the exit code 1.
    #[arg(long)]
    pub online: bool,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Check {
    /// Checks the file, prints to `out` and returns the exit code: 0, 1 when
    /// an endpoint fails online, or [`BAD_CONFIGURATION`].
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub fn run(&self, env: Lookup<'_>, out: &mut dyn Write) -> io::Result<u8> {
        let config = match config::load(&self.file, env) {
            Ok(config) => config,
            Err(problems) => {
                self.format.tell(out, &problems, &problems.to_json())?;
                return Ok(BAD_CONFIGURATION);
            }
        };
        let warnings = config::warnings(&config);
        if self.format == Format::Text {
            writeln!(out, "{}: {}", self.file.display(), summary(&config))?;
            for line in &warnings {
                writeln!(out, "warning: {line}")?;
            }
            // Before the endpoints are asked, which may take a while.
            out.flush()?;
        }
        let findings = match self.online.then(|| online::look(&config)).transpose() {
            Ok(findings) => findings,
            Err(error) => {
                let message = error.to_string();
                let json = json!({ "ok": false, "message": message });
                self.format.tell(out, message, &json)?;
                return Ok(BAD_CONFIGURATION);
            }
        };
        let good = findings.iter().flatten().all(Finding::is_good);
        match self.format {
            Format::Text => online::text(out, findings.as_deref().unwrap_or_default())?,
            Format::Json => {
                let mut value = json!({
                    "ok": good,
                    "file": self.file.display().to_string(),
                    "endpoints": config.endpoints.len(),
                    "models": config.models.len(),
                    "clients": config.clients.len(),
                    "problems": [],
                    "warnings": warnings,
                });
                if let Some(findings) = &findings {
                    value["online"] = findings.iter().map(Finding::to_json).collect();
                }
                writeln!(out, "{value:#}")?;
            }
        }
        Ok(if good { 0 } else { FAILED })
    }
}

fn summary(config: &Config) -> String {
    let count = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    format!(
        "good: {}, {}, {}",
        count(config.endpoints.len(), "endpoint"),
        count(config.models.len(), "model"),
        count(config.clients.len(), "client")
    )
}

#[cfg(test)]
mod tests;
