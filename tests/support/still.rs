//! The gateway's whole data plane on the test's own thread, whose clock stands still until the test moves it.
//!
//! Its upstreams are real, on threads of their own and in real time; so a test advances the clock, lets the
//! upstream act, and waits for what the gateway makes of it.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix::prelude::*;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::{App, test};
use arc_swap::ArcSwap;
use breakerbox::app::data_plane;
use breakerbox::generation::Generation;
use breakerbox::worker::{Closing, Shared, Worker};
use breakerbox_actors::engine::{Arbiters, Engine};
use breakerbox_actors::messages::Ping;
use breakerbox_actors::state::event::Pong;
use serde_json::Value;
use tokio::sync::watch;

use super::gateway::parse;
use super::wait::HeldClock;

/// Runs `test` on a runtime whose clock only `tokio::time::advance` moves.
pub(crate) fn still<F: Future>(test: F) -> F::Output {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    actix_rt::System::with_tokio_rt(runtime).block_on(async {
        let _held = HeldClock::new();
        test.await
    })
}

/// A gateway without sockets of its own.
pub(crate) struct Still {
    pub(crate) engine: Engine,
    worker: Rc<Worker>,
    /// A sender that is gone would say that nothing will close.
    _closing: watch::Sender<Closing>,
}

struct NoPings;

impl Actor for NoPings {
    type Context = Context<Self>;
}

impl Handler<Ping> for NoPings {
    type Result = MessageResult<Ping>;

    fn handle(&mut self, _: Ping, _: &mut Self::Context) -> Self::Result {
        MessageResult(Pong::Failed)
    }
}

/// For an engine whose endpoints are never pinged.
pub(crate) fn no_pings() -> Recipient<Ping> {
    NoPings.start().recipient()
}

impl Still {
    /// Starts one; for [`still`] only.
    pub(crate) async fn start(yaml: &str) -> Self {
        let generation = Generation::new(1, Arc::new(parse(yaml))).expect("a configuration");
        let engine = Engine::start(generation.spec(), Arbiters::current(), no_pings)
            .await
            .expect("a guardian");
        let (closing, watched) = watch::channel(Closing::No);
        let worker = Worker::start(Shared {
            room: breakerbox::room::Room::new(32 << 20),
            answers: breakerbox::room::Room::new(32 << 20),
            engine: engine.clone(),
            generation: Arc::new(ArcSwap::from_pointee(generation)),
            closing: watched,
        });
        Self {
            engine,
            worker,
            _closing: closing,
        }
    }

    /// Asks; returns when the answer's head is there.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reading {
        let app = App::new().app_data(self.worker.clone());
        let app = test::init_service(app.configure(data_plane)).await;
        let request = test::TestRequest::post()
            .uri(path)
            .set_payload(body.to_string());
        let response: ServiceResponse<BoxBody> =
            app.call(request.to_request()).await.expect("an answer");
        Reading {
            status: response.status().as_u16(),
            body: response.into_body(),
        }
    }
}

/// An answer that is being read.
pub(crate) struct Reading {
    pub(crate) status: u16,
    body: BoxBody,
}

impl Reading {
    /// The next piece, once it is there; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Option<String> {
        let body = &mut self.body;
        let piece = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await?;
        Some(String::from_utf8_lossy(&piece.expect("a stream never fails")).into_owned())
    }

    /// Lets `time` pass; fails if there is a piece before.
    pub(crate) async fn silent_for(&mut self, time: Duration) {
        // A server would have looked already: silence counts from there.
        let mut piece = std::pin::pin!(self.piece());
        let silent = std::future::poll_fn(|cx| Poll::Ready(piece.as_mut().poll(cx).is_pending()));
        assert!(silent.await, "there is a piece");
        tokio::time::advance(time).await;
    }

    /// Pieces up to and with the one that ends in `end`, as one.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let piece = self.piece().await;
            text += &piece.unwrap_or_else(|| panic!("the end after {text:?}"));
        }
        text
    }
}
