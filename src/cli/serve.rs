//! `breakerbox serve`: runs the gateway.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use actix_rt::System;
use clap::Args;

use super::{
    FAILED, LogFormat,
    check::BAD_CONFIGURATION,
    open_files::OpenFiles,
    say,
    signals::{Asked, Signals},
};
use crate::{
    app::Gateway,
    config::{self, Config, Overrides, env, show_duration},
    metrics::Exposition,
    reload::{By, Source},
};

/// Runs the gateway.
///
/// SIGTERM and SIGINT drain it, a second one stops it at once; SIGHUP reloads
/// its configuration.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The configuration file. Without one, endpoints come from the well-known
    /// key variables that are set (OPENAI_API_KEY, ANTHROPIC_API_KEY, …).
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where clients connect, whatever the file says; port 0 finds a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where operators connect, whatever the file says.
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
}

impl Serve {
    /// Runs until a signal ends it; returns the exit code.
    pub(super) fn run(self, format: LogFormat) -> u8 {
        let files = OpenFiles::raise();
        let source = self.source(format);
        let config = match source.first() {
            Ok(config) => config,
            Err(problems) => {
                say(&problems.to_string());
                return BAD_CONFIGURATION;
            }
        };
        System::new().block_on(self.serve(config, source, files, format))
    }

    async fn serve(
        &self,
        config: Config,
        source: Source,
        files: OpenFiles,
        format: LogFormat,
    ) -> u8 {
        let exposition = match Exposition::install() {
            Ok(exposition) => exposition,
            Err(error) => {
                say(&error.to_string());
                return FAILED;
            }
        };
        let Ok(mut signals) = Signals::listen() else {
            say("cannot listen for signals");
            return FAILED;
        };
        let summary = config.clone();
        let gateway = match Gateway::start_from(config, Some(source), Some(exposition)).await {
            Ok(gateway) => gateway,
            Err(error) => {
                say(&error.to_string());
                return FAILED;
            }
        };
        self.summarize(&gateway, &summary, files, format);
        warn(&summary);
        loop {
            match signals.next().await {
                Asked::Reload => {
                    // What came of it is in the log.
                    gateway.reloads().again(By::Signal).await;
                }
                Asked::End(name) => {
                    tracing::info!(
                        signal = name,
                        grace = %show_duration(summary.server.shutdown_grace),
                        "draining; a second signal stops at once"
                    );
                    tokio::select! {
                        () = gateway.drain() => tracing::info!("drained"),
                        () = signals.end() => {
                            tracing::warn!("stopped without draining");
                            return FAILED;
                        }
                    }
                    return 0;
                }
            }
        }
    }

    /// Where the configuration comes from: the file, or the key variables.
    fn source(&self, format: LogFormat) -> Source {
        let over = Overrides {
            listen: self.listen,
            admin_listen: self.admin_listen,
        };
        let Some(path) = self.config.clone() else {
            return Source::new(None, move || {
                let (config, said) = config::from_environment(&env::var, over)?;
                for line in said {
                    match format {
                        LogFormat::Text => say(&line),
                        LogFormat::Json => tracing::info!("{line}"),
                    }
                }
                Ok(config)
            });
        };
        // Standard input can be read once.
        let file = (path != Path::new("-")).then(|| path.clone());
        Source::new(file, move || config::load_with(&path, &env::var, over))
    }

    /// Says once, on a line for each subsystem, what runs and why.
    fn summarize(&self, gateway: &Gateway, config: &Config, files: OpenFiles, format: LogFormat) {
        let scheme = if config.server.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let source = match &self.config {
            Some(path) => path.display().to_string(),
            None => "environment".to_owned(),
        };
        let by = |flag: Option<SocketAddr>, name: &str| match flag {
            Some(_) => format!(" (by {name})"),
            None => String::new(),
        };
        let models = gateway.engine().table().models().count();
        let clients = match config.clients.len() {
            0 => "open: no clients configured, loopback only".to_owned(),
            n => format!("{n} keys"),
        };
        let routing = &config.routing;
        let queue = match (routing.queue_max_length, routing.queue_max_wait.is_zero()) {
            (0, _) | (_, true) => "off: queue.max_wait or queue.max_length is 0".to_owned(),
            (most, _) => format!(
                "up to {most} requests wait {} for a rate-limited endpoint",
                show_duration(routing.queue_max_wait)
            ),
        };
        let probed = config.endpoints.iter();
        let probed = probed.filter(|it| it.probe_kind != config::ProbeKind::None);
        let lines = [
            ("configuration", source),
            (
                "gateway",
                format!(
                    "{scheme}://{}/v1{}",
                    gateway.addr(),
                    by(self.listen, "--listen")
                ),
            ),
            ("dashboard", format!("http://{}/", gateway.admin_addr())),
            (
                "metrics",
                format!(
                    "http://{}/metrics{}",
                    gateway.admin_addr(),
                    by(self.admin_listen, "--admin-listen")
                ),
            ),
            (
                "endpoints",
                format!("{} for {models} models", config.endpoints.len()),
            ),
            (
                "routing",
                format!(
                    "{}, up to {} attempts",
                    routing.strategy.label(),
                    routing.max_attempts
                ),
            ),
            ("queue", queue),
            (
                "probes",
                format!("{} of {} endpoints", probed.count(), config.endpoints.len()),
            ),
            ("clients", clients),
            (
                "tls",
                match &config.server.tls {
                    Some(tls) => format!("on: {}", tls.cert.path.display()),
                    None => "off: server.tls is not set".to_owned(),
                },
            ),
            ("open files", files.to_string()),
        ];
        match format {
            LogFormat::Text => {
                say(&format!("breakerbox {}", env!("CARGO_PKG_VERSION")));
                for (name, what) in lines {
                    say(&format!("  {name:<14} {what}"));
                }
            }
            LogFormat::Json => {
                for (subsystem, what) in lines {
                    tracing::info!(subsystem, what, "started");
                }
            }
        }
        if let Some(limit) = files.few() {
            tracing::warn!(
                limit,
                "few files may be open at once, and a request takes two: raise the hard limit, as with \
             LimitNOFILE= or `ulimit -n`"
            );
        }
    }
}

/// Says what a configuration that is sound is likely not meant to have.
fn warn(config: &Config) {
    for line in config::warnings(config) {
        tracing::warn!("{line}");
    }
}
