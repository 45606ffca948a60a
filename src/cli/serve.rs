//! `breakerbox serve`: runs the gateway.

use std::{net::SocketAddr, path::PathBuf};

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
    config::{self, Config, Overrides, Problems, env, show_duration},
    metrics::Exposition,
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
        let config = match self.read(format) {
            Ok(config) => config,
            Err(problems) => {
                say(&problems);
                return BAD_CONFIGURATION;
            }
        };
        System::new().block_on(self.serve(config, files, format))
    }

    async fn serve(&self, config: Config, files: OpenFiles, format: LogFormat) -> u8 {
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
        let gateway = match Gateway::start(config, Some(exposition)).await {
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
                Asked::Reload => self.reload(&gateway, format).await,
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

    fn read(&self, format: LogFormat) -> Result<Config, String> {
        let over = Overrides {
            listen: self.listen,
            admin_listen: self.admin_listen,
        };
        let told = |problems: Problems| problems.to_string();
        match &self.config {
            Some(path) => config::load_with(path, &env::var, over).map_err(told),
            None => {
                let (config, said) = config::from_environment(&env::var, over).map_err(told)?;
                for line in said {
                    match format {
                        LogFormat::Text => say(&line),
                        LogFormat::Json => tracing::info!("{line}"),
                    }
                }
                Ok(config)
            }
        }
    }

    async fn reload(&self, gateway: &Gateway, format: LogFormat) {
        let config = match self.read(format) {
            Ok(config) => config,
            Err(problems) => {
                gateway.refuse_reload();
                tracing::error!(%problems, "reload refused: the configuration in force stays");
                return;
            }
        };
        warn(&config);
        match gateway.reload(config).await {
            Ok(changes) if changes.is_empty() => tracing::info!("reloaded: nothing has changed"),
            Ok(changes) => tracing::info!(changes = changes.join("; "), "reloaded"),
            Err(error) => {
                tracing::error!(%error, "reload refused: the configuration in force stays");
            }
        }
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
                    Some(tls) => format!("on: {}", tls.cert.display()),
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
    for line in config::placeholders(config) {
        tracing::warn!("{line}");
    }
}
