//! `breakerbox reload`: has a running gateway read its configuration again.

use std::io::{self, Write};

use actix_rt::System;
use actix_web::http::Method;
use clap::Args;
use serde_json::Value;

use super::{
    FAILED,
    check::{BAD_CONFIGURATION, Format},
    remote::Remote,
    say,
};

/// Has a running gateway read its configuration again; shows what changed, or
/// what is wrong with it.
///
/// Exit codes: 0 it is in force, 78 it is refused and nothing has changed, 1
/// the gateway cannot be asked.
#[derive(Args, Debug)]
pub(super) struct Reload {
    #[command(flatten)]
    remote: Remote,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Reload {
    /// Asks, prints to `out` and returns the exit code.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub(super) fn run(self, out: &mut dyn Write) -> io::Result<u8> {
        let asked = self
            .remote
            .find()
            .and_then(|gateway| System::new().block_on(gateway.ask(Method::POST, "/api/reload")));
        let (_, told) = match asked {
            Ok(told) => told,
            Err(why) => {
                say(&why);
                return Ok(FAILED);
            }
        };
        match self.format {
            Format::Json => writeln!(out, "{told:#}")?,
            Format::Text => text(out, &told)?,
        }
        Ok(if told["ok"] == true {
            0
        } else {
            BAD_CONFIGURATION
        })
    }
}

fn text(out: &mut dyn Write, told: &Value) -> io::Result<()> {
    let generation = &told["generation"];
    let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    if told["ok"] == true {
        let changes = list("changes");
        if changes.is_empty() {
            return writeln!(
                out,
                "reloaded: nothing has changed, generation {generation}"
            );
        }
        writeln!(out, "reloaded: generation {generation} is in force")?;
        for change in changes {
            writeln!(out, "  {}", change["text"].as_str().unwrap_or_default())?;
        }
        return Ok(());
    }
    let words = |problem: &Value, name: &str| problem[name].as_str().map(str::to_owned);
    for problem in list("problems") {
        let place = match (&problem["line"], &problem["column"]) {
            (Value::Null, _) => String::new(),
            (line, column) => format!("{line}:{column}: "),
        };
        let key = words(&problem, "key").filter(|it| !it.is_empty());
        let key = key.map_or_else(String::new, |it| format!("{it}: "));
        writeln!(
            out,
            "{place}{key}{}",
            words(&problem, "message").unwrap_or_default()
        )?;
        if let Some(text) = words(&problem, "text") {
            writeln!(out, "    {}", text.trim())?;
        }
        for (name, lead) in [
            ("expected", "expected: "),
            ("suggestion", "did you mean: "),
            ("help", "help: "),
        ] {
            if let Some(words) = words(&problem, name) {
                writeln!(out, "  {lead}{words}")?;
            }
        }
    }
    writeln!(out, "refused: generation {generation} stays in force")
}
