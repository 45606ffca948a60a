//! `breakerbox check FILE`: all problems of a file at once.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::config::{self, Config, Lookup};

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

/// Checks a configuration file and lists everything that is wrong with it.
#[derive(Args, Debug)]
pub struct Check {
    /// The file to check.
    pub file: PathBuf,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Check {
    /// Checks the file, prints to `out` and returns the exit code: 0, or
    /// [`BAD_CONFIGURATION`].
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub fn run(&self, env: Lookup<'_>, out: &mut dyn Write) -> io::Result<u8> {
        match (config::load(&self.file, env), self.format) {
            (Ok(config), Format::Text) => {
                writeln!(out, "{}: {}", self.file.display(), summary(&config))?;
                Ok(0)
            }
            (Ok(config), Format::Json) => {
                let value = json!({
                    "ok": true,
                    "file": self.file.display().to_string(),
                    "endpoints": config.endpoints.len(),
                    "models": config.models.len(),
                    "clients": config.clients.len(),
                    "problems": [],
                });
                writeln!(out, "{value:#}")?;
                Ok(0)
            }
            (Err(problems), Format::Text) => {
                writeln!(out, "{problems}")?;
                Ok(BAD_CONFIGURATION)
            }
            (Err(problems), Format::Json) => {
                writeln!(out, "{:#}", problems.to_json())?;
                Ok(BAD_CONFIGURATION)
            }
        }
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
