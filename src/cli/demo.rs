//! `breakerbox demo`: the tour in a minute, without key, file or network.
//!
//! [`cast`] says who plays: simulated providers, and the configuration of the
//! gateway in front of them. [`traffic`] asks the gateway over real HTTP and
//! judges the answers as a strict client would. [`screen`] tells what happens;
//! [`news`] and [`scrape`] find it out, from the engine and from `/metrics`.

mod cast;
mod news;
mod scrape;
mod screen;
mod traffic;

use std::{
    io,
    net::Ipv4Addr,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_rt::System;
use breakerbox_actors::clock;
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
use news::{News, statuses};
use scrape::Scrape;
use screen::{Moment, Screen};
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
    /// Port of the dashboard, metrics and readiness, on 127.0.0.1; 0 finds a free one
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
        let rate = (!self.no_traffic).then_some(self.rate);
        let screen = Screen::new(gateway.addr(), gateway.admin_addr());
        screen.opening(&cast, &providers, rate)?;

        let traffic = Rc::new(Traffic::new(gateway.addr()));
        let asking = rate.map(|rate| actix_rt::spawn(traffic.clone().flow(rate)));
        let show = Show {
            scrape: Scrape::new(gateway.admin_addr()),
            traffic: rate.map(|_| traffic.clone()),
            cast,
            gateway,
            screen,
            began,
        };
        tokio::select! {
            () = signals.end() => {}
            told = show.go_on() => told?,
        }
        if let Some(asking) = asking {
            asking.abort();
            // Who is still waiting for an answer gets it, unless in a hurry.
            tokio::select! {
                () = traffic.rest(LAST_ANSWERS) => {}
                () = signals.end() => {}
            }
        }
        show.sum_up().await?;
        tokio::select! {
            () = show.gateway.drain() => {}
            () = signals.end() => {}
        }
        Ok(())
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

/// What runs, and what tells of it.
struct Show {
    cast: Cast,
    gateway: Gateway,
    screen: Screen,
    scrape: Scrape,
    /// `None` when all traffic is the user's.
    traffic: Option<Rc<Traffic>>,
    began: Instant,
}

impl Show {
    /// Tells every few seconds what goes on, for ever.
    async fn go_on(&self) -> io::Result<()> {
        let mut changes = self.gateway.engine().subscribe();
        let mut news = News::default();
        let mut due = self.began;
        for number in 0.. {
            due += STATUS_EVERY;
            let line = sleep_until(due.into());
            tokio::pin!(line);
            loop {
                tokio::select! {
                    () = &mut line => break,
                    heard = changes.recv() => match heard {
                        Ok(changed) => news.hear(changed),
                        Err(RecvError::Lagged(_)) => {}
                        // The engine is gone, and with it what there is to tell.
                        Err(RecvError::Closed) => return Ok(()),
                    },
                }
            }
            let seen = self.scrape.read().await.unwrap_or_default();
            let now = clock::now();
            let elapsed = now.saturating_duration_since(self.began);
            self.screen.status(&Moment {
                number,
                elapsed,
                tally: self.traffic.as_ref().map(|it| it.tally()),
                seen,
                statuses: statuses(self.gateway.engine()),
                doing: self.cast.doing(elapsed),
                last: news.last.as_ref(),
                now,
            })?;
        }
        Ok(())
    }

    /// Tells how it went.
    async fn sum_up(&self) -> io::Result<()> {
        let seen = self.scrape.read().await.unwrap_or_default();
        let elapsed = clock::now().saturating_duration_since(self.began);
        let tally = self.traffic.as_ref().map(|it| it.tally());
        self.screen.closing(elapsed, tally.as_ref(), &seen)
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
