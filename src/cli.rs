//! The command line: one file a subcommand.

pub mod check;
pub mod explain;
mod log;
pub mod schema;
mod serve;
pub mod upstream;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::config::env;
pub use log::LogFormat;

/// Exit code for a failure at run time.
const FAILED: u8 = 1;

/// An HTTP gateway in front of LLM providers that keeps answering while they
/// rate-limit, slow down, cut streams and die.
#[derive(Debug, Parser)]
#[command(name = "breakerbox", version, about, max_term_width = 100)]
pub struct Cli {
    /// How logs are written to stderr; JSON where stderr is no terminal.
    #[arg(long, global = true, value_enum)]
    log_format: Option<LogFormat>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway.
    Serve(serve::Serve),
    /// Checks a configuration file and lists everything that is wrong with it.
    Check(check::Check),
    /// Shows which endpoints would serve a model, and why the others would not.
    Explain(explain::Explain),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema(schema::Schema),
}

impl Cli {
    /// Runs the command: logs to stderr, data to stdout.
    ///
    /// Exit codes: 0 ok, 1 runtime failure, 2 usage, 78 bad configuration.
    pub fn run(self) -> ExitCode {
        let format = log::install(self.log_format);
        let mut out = io::stdout().lock();
        let done = match self.command {
            Command::Serve(command) => Ok(command.run(format)),
            Command::Check(command) => command.run(&env::var, &mut out),
            Command::Explain(command) => command.run(&env::var, &mut out),
            Command::Schema(command) => command.run(&mut out),
        };
        match done.and_then(|code| out.flush().map(|()| code)) {
            Ok(code) => ExitCode::from(code),
            // Whoever read our output has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("cannot write the output: {error}"));
                ExitCode::from(FAILED)
            }
        }
    }
}

/// Writes a line for the person at the terminal.
fn say(line: &str) {
    // Without a stderr there is nobody to tell that it is missing.
    let _ = writeln!(io::stderr(), "{line}");
}
