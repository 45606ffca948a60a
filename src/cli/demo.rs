//! `breakerbox demo`: the tour in a minute, without key, file or network.
//!
//! [`cast`] says who plays: four simulated providers and the configuration of
//! the gateway in front of them. [`traffic`] asks the gateway over real HTTP
//! and judges the answers as a strict client would; [`screen`] tells what
//! happens, [`scrape`] reads the gateway's own metrics for it.

mod cast;
mod scrape;
mod screen;
mod traffic;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::Ipv4Addr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_rt::System;
use breakerbox_actors::{clock, id::TargetId, messages::StatusChanged, state::health::Status};
use clap::Args;
use tokio::{sync::broadcast::error::RecvError, time::sleep_until};

use super::{FAILED, say, signals::Signals};
use crate::{
    app::{Gateway, NotStarted},
    config,
    metrics::Exposition,
    simulator::{Running, Simulator},
};
use cast::{Cast, Role};
use scrape::Scrape;
use screen::{Change, Moment, Screen};
use traffic::Traffic;

/// Time between two status lines.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// How long requests under way may take at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Shows the gateway at work: simulated providers that fail in turn, the
/// gateway in front of them, and some traffic. Needs no key, file or network.
#[derive(Args, Clone, Debug)]
pub(super) struct Demo {
    /// Port of the gateway, on 127.0.0.1; 0 finds a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Port of metrics and readiness, on 127.0.0.1; 0 finds a free one
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    admin_port: u16,
    /// Leave the demo's own traffic out
    #[arg(long)]
    no_traffic: bool,
    /// Requests a second of the demo's own traffic, 0.1 to 200
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = rate)]
    rate: f64,
    /// How long the flaky provider takes to fail in every way once; 3s to 1h
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = round)]
    round: Duration,
}

/// Why the demo did not run to its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    /// It could not start; the text says why and what helps.
    #[error("{0}")]
    NotStarted(String),
    /// Nobody reads the output any more.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl Demo {
    /// Runs until a signal ends it; returns the exit code.
    pub(super) fn run(&self) -> u8 {
        match System::new().block_on(self.play()) {
            Ok(()) => 0,
            // Whoever read our output has seen enough.
            Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Err(error) => {
                say(&error.to_string());
                FAILED
            }
        }
    }

    async fn play(&self) -> Result<(), Stopped> {
        let mut signals = Signals::listen().map_err(not_started)?;
        let cast = Cast::new(self.round);
        let providers = start_providers(&cast)?;
        let began = clock::now();
        let gateway = self.start_gateway(&cast, &providers).await?;
        let mut changes = gateway.engine().subscribe();
        let screen = Screen::new(gateway.addr(), gateway.admin_addr());
        screen.opening(&cast, &providers, self.traffic_rate())?;

        let traffic = Rc::new(Traffic::new(gateway.addr()));
        let asking = self
            .traffic_rate()
            .map(|rate| actix_rt::spawn(traffic.clone().flow(rate)));
        let scrape = Scrape::new(gateway.admin_addr());
        let mut news = News::default();
        let mut due = began + STATUS_EVERY;
        let mut lines = 0_u32;
        loop {
            tokio::select! {
                () = signals.end() => break,
                heard = changes.recv() => match heard {
                    Ok(changed) => news.hear(changed),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                },
                () = sleep_until(due.into()) => {
                    due += STATUS_EVERY;
                    let seen = scrape.read().await.unwrap_or_default();
                    let tally = (!self.no_traffic).then(|| traffic.tally());
                    let now = clock::now();
                    screen.status(&Moment {
                        number: lines,
                        elapsed: now.saturating_duration_since(began),
                        tally,
                        seen,
                        statuses: statuses(&gateway),
                        doing: cast.doing(now.saturating_duration_since(began)),
                        last: news.last.as_ref(),
                        now,
                    })?;
                    lines += 1;
                }
            }
        }
        if let Some(asking) = asking {
            asking.abort();
            // Who is still waiting for an answer gets it, unless in a hurry.
            tokio::select! {
                () = traffic.rest(LAST_ANSWERS) => {}
                () = signals.end() => {}
            }
        }
        let seen = scrape.read().await.unwrap_or_default();
        let elapsed = clock::now().saturating_duration_since(began);
        let tally = (!self.no_traffic).then(|| traffic.tally());
        screen.closing(elapsed, tally, &seen)?;
        tokio::select! {
            () = gateway.drain() => {}
            () = signals.end() => {}
        }
        Ok(())
    }

    /// Requests a second of our own, if there are any.
    fn traffic_rate(&self) -> Option<f64> {
        (!self.no_traffic).then_some(self.rate)
    }

    async fn start_gateway(&self, cast: &Cast, providers: &[Running]) -> Result<Gateway, Stopped> {
        if self.port == self.admin_port && self.port != 0 {
            let text = "--port and --admin-port must be two different ports";
            return Err(Stopped::NotStarted(text.to_owned()));
        }
        let text = cast.config(self.port, self.admin_port, providers);
        let config = config::parse(&text, "demo", &|_| None).map_err(not_started)?;
        let exposition = Exposition::install().map_err(not_started)?;
        Gateway::start(config, Some(exposition))
            .await
            .map_err(|error| Stopped::NotStarted(self.explain(&error)))
    }

    /// Names the flag that helps.
    fn explain(&self, error: &NotStarted) -> String {
        let NotStarted::Listen { key, source, .. } = error else {
            return error.to_string();
        };
        let (flag, port) = match *key {
            "admin.listen" => ("--admin-port", self.admin_port),
            _ => ("--port", self.port),
        };
        match source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "port {port} is taken: choose another with {flag} PORT, or {flag} 0 for any free one"
            ),
            _ => format!("cannot listen on 127.0.0.1:{port} ({flag}): {source}"),
        }
    }
}

fn not_started(error: impl std::fmt::Display) -> Stopped {
    Stopped::NotStarted(error.to_string())
}

fn start_providers(cast: &Cast) -> Result<Vec<Running>, Stopped> {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let start = |role: &Role| Simulator::start(role.script.clone(), any).map_err(not_started);
    cast.roles.iter().map(start).collect()
}

/// Each endpoint's status: of its targets', the one that holds back most.
fn statuses(gateway: &Gateway) -> BTreeMap<Arc<str>, Status> {
    let mut found: BTreeMap<Arc<str>, Status> = BTreeMap::new();
    for target in gateway.engine().table().targets() {
        let status = target.status();
        let endpoint = target.id().endpoint().clone();
        let known = found.entry(endpoint).or_insert(status);
        if weight(status) > weight(*known) {
            *known = status;
        }
    }
    found
}

/// How much a status holds back.
fn weight(status: Status) -> u8 {
    match status {
        Status::Unknown => 0,
        Status::Healthy => 1,
        Status::Degraded => 2,
        Status::RateLimited => 3,
        Status::Unhealthy => 4,
        Status::Disabled => 5,
    }
}

/// Remembers the latest news worth telling: that an endpoint went out of
/// service or came back. That it is a little better or worse is not.
#[derive(Default)]
struct News {
    known: HashMap<TargetId, Status>,
    last: Option<Change>,
}

impl News {
    fn hear(&mut self, StatusChanged { target, status, .. }: StatusChanged) {
        let out = |status| weight(status) > weight(Status::Degraded);
        let before = self.known.insert(target.clone(), status);
        let before = before.unwrap_or(Status::Unknown);
        if before != status && (out(before) || out(status)) {
            let at = clock::now();
            self.last = Some(Change { target, status, at });
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    let rate = rate.filter(|rate| (0.1..=200.0).contains(rate));
    rate.ok_or_else(|| "expected a number from 0.1 to 200".to_owned())
}

fn round(text: &str) -> Result<Duration, String> {
    let round = humantime::parse_duration(text).ok();
    let fair = Duration::from_secs(3)..=Duration::from_secs(3600);
    let round = round.filter(|round| fair.contains(round));
    round.ok_or_else(|| "expected a duration from 3s to 1h".to_owned())
}
