//! The gateway itself, run in this process on free ports.

use std::net::SocketAddr;
use std::sync::{LazyLock, mpsc};
use std::thread::{self, JoinHandle};

use breakerbox::app::{Gateway, NotReloaded};
use breakerbox::config::{self, Change};
use breakerbox::metrics::Exposition;
use breakerbox_actors::engine::Engine;
use breakerbox_actors::id::TargetId;
use breakerbox_actors::messages::EndpointSeen;
use breakerbox_actors::state::health::Status;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// One for the whole process: its series are those of all gateways in it, so that only an endpoint's name
/// that no other test uses tells them apart.
static EXPOSITION: LazyLock<Exposition> =
    LazyLock::new(|| Exposition::install().expect("the first recorder"));

/// A running gateway. Dropping it stops it.
pub(crate) struct House {
    addr: SocketAddr,
    admin: SocketAddr,
    engine: Engine,
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Reload(String, oneshot::Sender<Result<Vec<Change>, NotReloaded>>),
    Drain(oneshot::Sender<()>),
}

impl House {
    /// Starts a gateway on an actix system of its own. `yaml` is a configuration; where it has no section
    /// `server` or `admin`, that listens on a free port.
    ///
    /// ```text
    /// House::start("endpoints: [{ name: a, provider: openai-compatible, base_url: …, models: [m] }]")
    /// ```
    pub(crate) fn start(yaml: &str) -> Self {
        let config = parse(yaml);
        let (tell, told) = mpsc::channel();
        let (orders, mut ordered) = unbounded_channel();
        let thread = thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let gateway = Gateway::start(config, Some(EXPOSITION.clone()))
                    .await
                    .expect("the gateway starts");
                let engine = gateway.engine().clone();
                tell.send((gateway.addr(), gateway.admin_addr(), engine))
                    .expect("the test waits");
                while let Some(order) = ordered.recv().await {
                    match order {
                        Order::Reload(yaml, answer) => {
                            drop(answer.send(gateway.reload(parse(&yaml)).await));
                        }
                        Order::Drain(answer) => {
                            gateway.drain().await;
                            answer.send(()).unwrap_or_default();
                            return;
                        }
                    }
                }
                gateway.stop().await;
            });
        });
        let (addr, admin, engine) = told.recv().expect("the gateway starts");
        Self {
            addr,
            admin,
            engine,
            orders: Some(orders),
            thread: Some(thread),
        }
    }

    /// Where requests go.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where `/readyz` and `/metrics` are.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The engine inside, to look at its actors.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How the actor of `endpoint` for the model `m` is.
    pub(crate) async fn seen(&self, endpoint: &str) -> EndpointSeen {
        let seen = self.engine.observe(&target(endpoint)).await;
        seen.unwrap_or_else(|| panic!("no actor of {endpoint}"))
    }

    /// The published status of `endpoint` for the model `m`.
    pub(crate) fn status(&self, endpoint: &str) -> Status {
        let table = self.engine.table();
        let mut targets = table.targets();
        let found = targets.find(|it| *it.id() == target(endpoint));
        found.expect("a target").status()
    }

    /// How many requests are under way at `endpoint`.
    pub(crate) fn in_flight(&self, endpoint: &str) -> u32 {
        let table = self.engine.table();
        let mut targets = table.targets();
        let found = targets.find(|it| *it.id() == target(endpoint));
        found.expect("a target").in_flight()
    }

    /// The value of a series of `/metrics`: the sum of all that have these labels, written `name="value"`.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = super::client::get(self.admin, "/metrics").await.text();
        let lines = text.lines().filter(|line| {
            let rest = line.strip_prefix(name).unwrap_or_default();
            rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
        });
        let values: Vec<f64> = lines
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        assert!(!values.is_empty(), "no {name} {labels:?} in:\n{text}");
        values.iter().sum()
    }

    /// How many attempts at `endpoint` ended in `outcome`.
    pub(crate) async fn outcomes(&self, endpoint: &str, outcome: &str) -> f64 {
        let endpoint = format!("endpoint=\"{endpoint}\"");
        let outcome = format!("outcome=\"{outcome}\"");
        let name = "breakerbox_upstream_requests_total";
        self.metric(name, &[&endpoint, &outcome]).await
    }

    /// Puts another configuration in force.
    pub(crate) async fn reload(&self, yaml: &str) -> Result<Vec<Change>, NotReloaded> {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Reload(yaml.to_owned(), answer));
        answered.await.expect("the gateway answers")
    }

    /// Drains the gateway; returns when it is down.
    pub(crate) async fn drain(&self) {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Drain(answer));
        answered.await.expect("the gateway drains");
    }

    fn order(&self, order: Order) {
        let orders = self.orders.as_ref().expect("not dropped");
        assert!(orders.send(order).is_ok(), "the gateway is gone");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed; a second one would hide it.
            drop(thread.join());
        }
    }
}

/// The target of `endpoint` and the model `m`.
pub(crate) fn target(endpoint: &str) -> TargetId {
    TargetId::new(endpoint, "m")
}

/// One line of `endpoints`, for the model `m` and without pings; `more` are further keys, each with a comma
/// before it.
pub(crate) fn endpoint(name: &str, base_url: &str, more: &str) -> String {
    format!(
        "  - {{ name: {name}, provider: openai-compatible, base_url: \"{base_url}\", models: [m], \
         probe: {{ kind: none }}{more} }}\n"
    )
}

pub(crate) fn parse(yaml: &str) -> config::Config {
    let mut text = yaml.to_owned();
    for (section, keys) in [("server", ", workers: 2"), ("admin", "")] {
        if !yaml.contains(&format!("{section}:")) {
            text = format!("{section}: {{ listen: \"127.0.0.1:0\"{keys} }}\n{text}");
        }
    }
    config::parse(&text, "test.yaml", &|_| None).unwrap_or_else(|problems| panic!("{problems}"))
}
