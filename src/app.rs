//! Builds a running gateway from a [`Config`]; used by `serve`, the demo,
//! tests and benches alike.

#[cfg(test)]
mod tests;
mod tls;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::Arc,
    thread,
    time::Duration,
};

use actix::Recipient;
use actix_rt::{Arbiter, task::JoinHandle};
use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    middleware::from_fn,
    web::{Data, ServiceConfig},
};
use arc_swap::ArcSwap;
use breakerbox_actors::messages::Ping;
use breakerbox_actors::{
    engine::{Arbiters, Engine, GuardianLost},
    supervise,
};
use socket2::{Domain, Socket, Type};
use tokio::sync::{Semaphore, watch};

use crate::{
    admin::{self, Admin},
    config::{Change, Config, Shown},
    exchange::MAX_ANSWER,
    generation::{Generation, NotReady},
    guesses::{Guesses, Plane},
    metrics::{self, Exposition},
    pinger::Pinger,
    reload::{self, By, Reloads, Source},
    room::Room,
    routes,
    tap::Tap,
    worker::{Closing, Shared, Worker},
};

/// Adds every path of the data plane to an app whose data holds an
/// `Rc<`[`Worker`]`>`; for a server of the caller's own.
pub fn data_plane(config: &mut ServiceConfig) {
    routes::table(config);
}

/// How long a connection may stay idle between two requests.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long a client may leave unacknowledged what was sent to it, as one does
/// that stops reading.
const STUCK: Duration = Duration::from_secs(120);
/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than any grace.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long the threads that serve requests may take to start.
const WORKERS_START: Duration = Duration::from_secs(30);
/// How long after the grace the last bytes may take to leave.
const LAST_BYTES: Duration = Duration::from_secs(2);

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The configuration cannot be put in force.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// An address cannot be listened on.
    #[error("cannot listen on {addr} ({key}): {source}")]
    Listen {
        /// The configuration key.
        key: &'static str,
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The engine failed as it started.
    #[error(transparent)]
    Lost(#[from] GuardianLost),
    /// The threads that serve requests did not come up.
    #[error("the workers did not start within {} s", WORKERS_START.as_secs())]
    Workers,
}

/// Why a reload was refused; the configuration in force stays.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    /// The new configuration cannot be put in force.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// It changes what only a restart can change.
    #[error("only a restart can change {}", named(.0))]
    StartOnly(Vec<Shown>),
    /// With the keys of now, an earlier configuration gives two clients one key.
    #[error("clients {0} and {1} would have the same key, as keys are now")]
    OneKey(String, String),
    /// The engine failed while it took the configuration over.
    #[error(transparent)]
    Lost(#[from] GuardianLost),
}

/// Returns the keys of `problems`, each with its line.
fn named(problems: &[Shown]) -> String {
    let one = |it: &Shown| match it.line {
        Some(line) => format!("{} (line {line})", it.key),
        None => it.key.clone(),
    };
    problems.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    shared: Shared,
    closing: watch::Sender<Closing>,
    reloads: Reloads,
    /// Ends the watching of files with the gateway.
    watching: JoinHandle<()>,
    data: SocketAddr,
    admin: SocketAddr,
    servers: [ServerHandle; 2],
}

impl Gateway {
    /// Starts a gateway; returns when every worker serves. Must be called
    /// inside an actix system.
    ///
    /// `exposition` is what `/metrics` shows, if anything.
    ///
    /// # Errors
    ///
    /// [`NotStarted`] says what cannot be put in force or listened on.
    pub async fn start(config: Config, exposition: Option<Exposition>) -> Result<Self, NotStarted> {
        Self::start_from(config, None, exposition).await
    }

    /// Like [`Gateway::start`]; reloads read `source` again, and do so by
    /// themselves when its files change.
    ///
    /// # Errors
    ///
    /// As [`Gateway::start`].
    pub async fn start_from(
        config: Config,
        source: Option<Source>,
        exposition: Option<Exposition>,
    ) -> Result<Self, NotStarted> {
        // Fails only where a provider is installed already, which then serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Arc::new(config);
        let generation = Arc::new(ArcSwap::from_pointee(Generation::new(1, config.clone())?));
        let spec = generation.load().spec();
        let arbiters = Arbiters::threads(spec.targets.len());
        let tap = Tap::default();
        let pinger = {
            let (generation, tap) = (generation.clone(), tap.clone());
            move || pinger(generation, tap)
        };
        let engine = Engine::start(spec, arbiters, pinger).await?;
        let (closing, watched) = watch::channel(Closing::No);
        let shared = Shared {
            engine,
            generation,
            room: Room::new(config.server.max_body),
            answers: Room::new(MAX_ANSWER),
            tap,
            guesses: Arc::new(Guesses::new(Plane::Data)),
            closing: watched,
        };
        if let Some(exposition) = &exposition {
            exposition.begin(workers(&config));
        }
        let reloads = Reloads::new(shared.clone(), exposition.clone(), source);
        let state = Admin::start(&shared, exposition, &reloads);
        let (admin, admin_server) = serve_admin(&config, state)?;
        let up = Arc::new(Semaphore::new(0));
        let (data, data_server) = serve_data(&config, &shared, up.clone())?;
        // What is said of a gateway that has started is true of all of it.
        let all = workers(&config).try_into().unwrap_or(u32::MAX);
        let all_up = tokio::time::timeout(WORKERS_START, up.acquire_many(all)).await;
        if !matches!(all_up, Ok(Ok(_))) {
            return Err(NotStarted::Workers);
        }
        Ok(Self {
            watching: actix_rt::spawn(reload::watch::watch(reloads.clone())),
            shared,
            closing,
            reloads,
            data,
            admin,
            servers: [data_server, admin_server],
        })
    }

    /// Returns the address that takes requests, its real port included.
    pub fn addr(&self) -> SocketAddr {
        self.data
    }

    /// Returns the admin address, its real port included.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// Returns the engine, to observe it.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Returns the configuration in force.
    pub fn generation(&self) -> Arc<Generation> {
        self.shared.generation.load_full()
    }

    /// Puts `config` in force without cutting a request; returns what changed.
    ///
    /// # Errors
    ///
    /// [`NotReloaded`] says what is wrong; nothing has changed then.
    pub async fn reload(&self, config: Config) -> Result<Vec<Change>, NotReloaded> {
        self.reloads.apply(config, By::Api).await
    }

    /// Returns what reloads it.
    pub fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// Goes down without cutting anybody short: readiness fails at once,
    /// requests under way have `server.shutdown_grace` to finish, streams that
    /// take longer end with an error event of their dialect.
    pub async fn drain(self) {
        let grace = self.shared.generation.load().config.server.shutdown_grace;
        self.watching.abort();
        self.closing.send_replace(Closing::Draining);
        let [data, admin] = &self.servers;
        let stopped = data.stop(true);
        tokio::pin!(stopped);
        if tokio::time::timeout(grace, &mut stopped).await.is_err() {
            self.closing.send_replace(Closing::Now);
            let _ = tokio::time::timeout(LAST_BYTES, &mut stopped).await;
        }
        data.stop(false).await;
        admin.stop(false).await;
    }

    /// Stops at once, whoever is cut.
    pub async fn stop(self) {
        self.watching.abort();
        self.closing.send_replace(Closing::Now);
        for server in &self.servers {
            server.stop(false).await;
        }
    }
}

/// Starts the pinger on the current arbiter; it survives its own panics.
fn pinger(generation: Arc<ArcSwap<Generation>>, tap: Tap) -> Recipient<Ping> {
    let told = |incident: supervise::Incident| {
        tracing::error!(reason = incident.ended.label(), "the pinger restarted");
    };
    let bond = supervise::Bond::new(supervise::BREATH);
    supervise::start(&Arbiter::current(), bond, told, move |_| {
        Pinger::new(generation, tap)
    })
    .recipient()
}

/// Listens on `addr`. What a client that stops reading leaves unacknowledged
/// for `stuck` ends its connection; accepted sockets inherit that.
fn listen(addr: SocketAddr, stuck: Duration) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_user_timeout(Some(stuck))?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Returns how many threads serve requests.
fn workers(config: &Config) -> usize {
    match config.server.workers {
        0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    }
}

fn serve_data(
    config: &Config,
    shared: &Shared,
    up: Arc<Semaphore>,
) -> Result<(SocketAddr, ServerHandle), NotStarted> {
    let addr = config.server.listen;
    let counter = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let server = {
        let shared = shared.clone();
        HttpServer::new(move || {
            let number = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            actix_rt::spawn(metrics::lag_of(number));
            let worker = Worker::start(shared.clone());
            up.add_permits(1);
            App::new()
                .app_data(worker)
                .configure(routes::table)
                .wrap_fn(routes::every::answer)
        })
    };
    let server = server
        .workers(workers(config))
        .tcp_nodelay(true)
        // A client that closes has left: its upstream request ends at once.
        .h1_allow_half_closed(false)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        // `Gateway::drain` keeps the time, by the grace then in force.
        .shutdown_timeout(NEVER.as_secs())
        .disable_signals();
    let refused = |source| NotStarted::Listen {
        key: "server.listen",
        addr,
        source,
    };
    let listener = listen(addr, STUCK).map_err(refused)?;
    let server = match config.server.tls {
        None => server.listen(listener),
        Some(_) => {
            let tls = tls::settings(shared.generation.clone());
            server.listen_rustls_0_23(listener, tls)
        }
    };
    let server = server.map_err(refused)?;
    let bound = server.addrs().first().copied().unwrap_or(addr);
    let running = server.run();
    let handle = running.handle();
    actix_rt::spawn(running);
    Ok((bound, handle))
}

fn serve_admin(
    config: &Config,
    admin: Arc<Admin>,
) -> Result<(SocketAddr, ServerHandle), NotStarted> {
    let addr = config.admin.listen;
    let admin = Data::from(admin);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(admin.clone())
            .configure(admin::table)
            .wrap(from_fn(admin::check))
    });
    let listen = |source| NotStarted::Listen {
        key: "admin.listen",
        addr,
        source,
    };
    let server = server.workers(1).tcp_nodelay(true).disable_signals();
    let server = server.bind(addr).map_err(listen)?;
    let bound = server.addrs().first().copied().unwrap_or(addr);
    let running = server.run();
    let handle = running.handle();
    actix_rt::spawn(running);
    Ok((bound, handle))
}
