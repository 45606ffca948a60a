//! The gateway itself, run in this process on free ports.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use breakerbox::app::{Gateway, NotReloaded};
use breakerbox::config;
use breakerbox_actors::engine::Engine;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// A running gateway. Dropping it stops it.
pub(crate) struct House {
    addr: SocketAddr,
    admin: SocketAddr,
    engine: Engine,
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Reload(String, oneshot::Sender<Result<Vec<String>, NotReloaded>>),
    Drain(oneshot::Sender<()>),
}

impl House {
    /// Starts a gateway on an actix system of its own. `yaml` is a configuration without `server.listen`
    /// and `admin.listen`: those become free ports.
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
                let gateway = Gateway::start(config, None)
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

    /// Puts another configuration in force.
    pub(crate) async fn reload(&self, yaml: &str) -> Result<Vec<String>, NotReloaded> {
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

fn parse(yaml: &str) -> config::Config {
    let text = if yaml.contains("server:") {
        yaml.to_owned()
    } else {
        format!("server: {{ listen: \"127.0.0.1:0\", workers: 2 }}\n{yaml}")
    };
    let text = format!("admin: {{ listen: \"127.0.0.1:0\" }}\n{text}");
    config::parse(&text, "test.yaml", &|_| None).unwrap_or_else(|problems| panic!("{problems}"))
}
