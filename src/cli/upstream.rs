//! `breakerbox upstream`: one simulated provider as a server of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::sync::Notify;

use crate::simulator::{
    Dialect, End, ErrorShare, Fault, Latency, Script, ScriptError, Simulator, StartError, Timed,
    Tokens, Window,
};

/// Runs a simulated provider that speaks OpenAI's, Anthropic's or Gemini's dialect, with scripted limits and faults.
#[derive(Args, Clone, Debug)]
pub struct UpstreamArgs {
    /// Address to listen on; port 0 finds a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    pub listen: SocketAddr,
    /// Script, YAML or JSON; the flags below override it
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// API to speak
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<Dialect>,
    /// Refuse unknown fields and unanswered tool calls as OpenAI does; the other dialects always do
    #[arg(long)]
    pub strict: bool,
    /// Seed of content, latencies and errors
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Model to serve; may be repeated. Without: every name, and `simulated` is the one that is listed
    #[arg(long = "model", value_name = "NAME")]
    pub models: Vec<String>,
    /// API key to ask for; may be repeated. Without: none
    #[arg(long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Time to the first byte; the median, with --sigma
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub latency: Option<Duration>,
    /// Spread of a log-normal latency: 0.3 is calm, 1 is restless
    #[arg(long, value_name = "X", requires = "latency")]
    pub sigma: Option<f64>,
    /// Pace of answers
    #[arg(long, value_name = "RATE")]
    pub tokens_per_second: Option<f64>,
    /// Length of answers in tokens, or a range as 20..60
    #[arg(long, value_name = "N", value_parser = tokens)]
    pub tokens: Option<Tokens>,
    /// Requests per minute of each model
    #[arg(long, value_name = "N")]
    pub rpm: Option<u64>,
    /// Tokens per minute of each model
    #[arg(long, value_name = "N")]
    pub tpm: Option<u64>,
    /// Share of requests that fails, with its status, as 0.1=503; may be repeated
    #[arg(long = "error", value_name = "SHARE=STATUS", value_parser = error_share)]
    pub errors: Vec<ErrorShare>,
    /// Timed fault, as 10s..25s=refuse, 5s..=status:503 or ..=stall:3; may be repeated
    #[arg(long = "fault", value_name = "FROM..UNTIL=FAULT", value_parser = timed)]
    pub faults: Vec<Timed>,
    /// Start the times of the faults over whenever this has passed
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub cycle: Option<Duration>,
}

/// Why the simulated provider did not run.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The script, with the flags over it, cannot be obeyed.
    #[error("{0}")]
    Script(#[from] ScriptError),
    /// It did not start.
    #[error("{0}")]
    Start(StartError),
    /// Standard output is closed.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
}

impl From<StartError> for UpstreamError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Script(error) => Self::Script(error),
            other => Self::Start(other),
        }
    }
}

impl UpstreamError {
    /// Exit code of the process: 78 for a bad script, 1 for a failure.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Script(_) => 78,
            Self::Start(_) | Self::Output(_) => 1,
        }
    }
}

impl UpstreamArgs {
    /// The script of the file, overridden by the flags: lists are added to, values replaced.
    ///
    /// # Errors
    /// When the file cannot be read, or the script that results cannot be obeyed.
    pub fn script(&self) -> Result<Script, ScriptError> {
        let mut script = match &self.script {
            Some(path) => Script::load(path)?,
            None => Script::default(),
        };
        script.models.extend(self.models.iter().cloned());
        script.api_keys.extend(self.keys.iter().cloned());
        script.errors.extend(self.errors.iter().copied());
        script.faults.extend(self.faults.iter().cloned());
        script.dialect = self.dialect.unwrap_or(script.dialect);
        script.strict |= self.strict;
        if let Some(seed) = self.seed {
            script.seed = seed;
        }
        match (self.latency, self.sigma) {
            (Some(median), Some(sigma)) => script.latency = Latency::LogNormal { median, sigma },
            (Some(fixed), None) => script.latency = Latency::Fixed(fixed),
            (None, _) => {}
        }
        if let Some(tokens) = self.tokens {
            script.tokens = tokens;
        }
        script.tokens_per_second = self.tokens_per_second.or(script.tokens_per_second);
        script.cycle = self.cycle.or(script.cycle);
        script.limits.rpm = self.rpm.or(script.limits.rpm);
        script.limits.tpm = self.tpm.or(script.limits.tpm);
        script.checked()
    }
}

/// Runs the provider until `stop` is notified: the caller owns the signals. Writes its address to
/// standard output, one line, as soon as it answers there.
///
/// # Errors
/// When the script is bad, the address is taken or standard output is closed.
pub async fn run(args: &UpstreamArgs, stop: &Notify) -> Result<(), UpstreamError> {
    let script = args.script()?;
    let faults = script.faults.len();
    let running = Simulator::start(script, args.listen)?;
    tracing::info!(address = %running.addr(), faults, "simulated provider is up");
    writeln!(std::io::stdout(), "{}", running.base_url())?;
    stop.notified().await;
    let requests = running.look(|stats| stats.requests);
    running.stop();
    tracing::info!(requests, "simulated provider has stopped");
    Ok(())
}

fn tokens(text: &str) -> Result<Tokens, String> {
    let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let (min, max) = (number(min)?, number(max)?);
    Ok(Tokens { min, max })
}

fn error_share(text: &str) -> Result<ErrorShare, String> {
    let expected = || "expected SHARE=STATUS, as 0.1=503".to_owned();
    let (share, status) = text.split_once('=').ok_or_else(expected)?;
    Ok(ErrorShare {
        share: share.parse().map_err(|_| expected())?,
        status: status.parse().map_err(|_| expected())?,
        retry_after: None,
    })
}

fn timed(text: &str) -> Result<Timed, String> {
    let expected = "expected FROM..UNTIL=FAULT, as 10s..25s=refuse; both times may be left out";
    let (times, name) = text.split_once('=').ok_or(expected)?;
    let (from, until) = times.split_once("..").ok_or(expected)?;
    let time = |text: &str| humantime::parse_duration(text).map_err(|_| expected.to_owned());
    let window = Window {
        from: if from.is_empty() {
            Duration::ZERO
        } else {
            time(from)?
        },
        until: if until.is_empty() {
            None
        } else {
            Some(time(until)?)
        },
    };
    Ok(Timed {
        window,
        ..Timed::from(fault(name)?)
    })
}

fn fault(text: &str) -> Result<Fault, String> {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let number = |fallback: Option<usize>| match (value, fallback) {
        ("", Some(fallback)) => Ok(fallback),
        _ => value
            .parse()
            .map_err(|_| format!("{name} needs a number, as {name}:3, not {value:?}")),
    };
    let alone = |fault| match value {
        "" => Ok(fault),
        _ => Err(format!("{name} takes no value")),
    };
    match name {
        "refuse" => alone(Fault::Refuse),
        "reset" => alone(Fault::Reset),
        "blackhole" => alone(Fault::Blackhole),
        "unauthorized" => alone(Fault::Unauthorized),
        "missing_usage" => alone(Fault::MissingUsage),
        "html" => alone(Fault::Html),
        "status" => Ok(Fault::Status {
            code: u16::try_from(number(None)?).map_err(|_| format!("{value} is no status"))?,
            retry_after: None,
        }),
        "slow" => Ok(Fault::Slow {
            delay: humantime::parse_duration(value)
                .map_err(|_| "slow needs a duration, as slow:5s".to_owned())?,
        }),
        "stall" => Ok(Fault::Stall {
            after: number(Some(0))?,
        }),
        "cut" => Ok(Fault::Cut {
            after: number(Some(0))?,
            end: End::default(),
        }),
        "malformed" => Ok(Fault::Malformed {
            after: number(Some(0))?,
        }),
        "error_event" => Ok(Fault::ErrorEvent {
            after: number(Some(0))?,
        }),
        "wrong_length" => match value.parse() {
            Ok(by) => Ok(Fault::WrongLength { by }),
            Err(_) => Err("wrong_length needs a number of bytes, as wrong_length:100".to_owned()),
        },
        _ => Err(format!(
            "no fault is called {name:?}; there are refuse, reset, blackhole, status, unauthorized, slow, \
             stall, cut, malformed, wrong_length, missing_usage, error_event and html"
        )),
    }
}

#[cfg(test)]
mod tests;
