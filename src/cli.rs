//! The command line: one file a subcommand.

pub mod check;
mod demo;
pub mod explain;
mod log;
mod open_files;
mod reload;
mod remote;
pub mod schema;
mod serve;
mod signals;
mod status;
mod top;
pub mod upstream;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use actix_rt::System;
use clap::{Parser, Subcommand};
use tokio::sync::Notify;

use crate::config::env;
pub use log::LogFormat;
use signals::Signals;

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

/// Each says of itself what it does.
#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Check(check::Check),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Reload(reload::Reload),
    Status(status::Status),
    Top(top::Top),
    Upstream(upstream::UpstreamArgs),
}

impl Cli {
    /// Runs the command: logs to stderr, data to stdout.
    ///
    /// Exit codes: 0 ok, 1 runtime failure, 2 usage, 78 bad configuration.
    pub fn run(self) -> ExitCode {
        let level = match self.command {
            // Its screen tells what goes on; that providers fail is its point.
            Command::Demo(_) => "error",
            _ => "info,actix_server=warn,actix_http=off",
        };
        let format = log::install(self.log_format, level);
        let mut out = Leavable(io::stdout().lock());
        let done = match self.command {
            Command::Demo(command) => {
                drop(out);
                return ExitCode::from(command.run());
            }
            Command::Serve(command) => Ok(command.run(format)),
            Command::Check(command) => command.run(&env::var, &mut out),
            Command::Explain(command) => command.run(&env::var, &mut out),
            Command::Schema(command) => command.run(&mut out),
            Command::Reload(command) => command.run(&mut out),
            Command::Status(command) => command.run(&mut out),
            Command::Top(command) => {
                drop(out);
                return ExitCode::from(command.run());
            }
            Command::Upstream(args) => {
                drop(out);
                return ExitCode::from(run_upstream(&args));
            }
        };
        match done.and_then(|code| out.flush().map(|()| code)) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                say(&format!("cannot write the output: {error}"));
                ExitCode::from(FAILED)
            }
        }
    }
}

/// An output whose reader may leave once it has seen enough, as `head` does:
/// the exit code is then the same as if it had stayed.
struct Leavable<W>(W);

impl<W: Write> Write for Leavable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_left(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        or_left(self.0.flush(), ())
    }
}

fn or_left<T>(done: io::Result<T>, left: T) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(left),
        done => done,
    }
}

/// Runs a simulated provider until a signal ends it.
fn run_upstream(args: &upstream::UpstreamArgs) -> u8 {
    let run = async {
        let stop = Notify::new();
        let ended = async {
            match Signals::listen() {
                Ok(mut signals) => signals.end().await,
                // Then the default action of a signal ends us.
                Err(_) => std::future::pending().await,
            }
            stop.notify_one();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = upstream::run(args, &stop) => done,
            () = ended => Ok(()),
        }
    };
    match System::new().block_on(run) {
        Ok(()) => 0,
        Err(error) => {
            say(&error.to_string());
            error.exit_code()
        }
    }
}

/// Writes a line for the person at the terminal.
fn say(line: &str) {
    // Without a stderr there is nobody to tell that it is missing.
    let _ = writeln!(io::stderr(), "{line}");
}
