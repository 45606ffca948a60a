//! The gateway's whole data plane on the test's own thread, whose clock stands still until the test moves it.
//!
//! Its upstreams are real, on threads of their own and in real time; so a test advances the clock, lets the
//! upstream act, and waits for what the gateway makes of it.

use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use actix::prelude::*;
use actix_http::Request;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::{App, test};
use arc_swap::ArcSwap;
use breakerbox::app::data_plane;
use breakerbox::generation::Generation;
use breakerbox::guesses::{Guesses, Plane};
use breakerbox::room::Room;
use breakerbox::worker::{Closing, Shared, Worker};
use breakerbox_actors::engine::{Arbiters, Engine};
use breakerbox_actors::messages::{EndpointSeen, Ping};
use breakerbox_actors::state::event::Pong;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::gateway::{parse, target};
use super::wait::{DEADLINE, HeldClock, real_time};

/// Longest that a test may take, in real time: on a clock that stands still, what never comes is waited for
/// without end.
const AT_MOST: Duration = Duration::from_secs(60);

/// A system of actors on this thread whose clock starts paused: it moves on when nobody has anything to do.
pub(crate) fn paused_system() -> actix_rt::SystemRunner {
    paused_system_of(512)
}

fn paused_system_of(blocking_threads: usize) -> actix_rt::SystemRunner {
    actix_rt::System::with_tokio_rt(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(blocking_threads)
            .start_paused(true)
            .build()
            .expect("a runtime")
    })
}

/// Runs `test` on a runtime whose clock only `tokio::time::advance` moves.
pub(crate) fn still<F: Future>(test: F) -> F::Output {
    on_a_held_clock(&paused_system(), test)
}

/// The same where no name is ever resolved: the one thread that could is busy holding the clock.
pub(crate) fn still_without_names<F: Future>(test: F) -> F::Output {
    on_a_held_clock(&paused_system_of(1), test)
}

fn on_a_held_clock<F: Future>(system: &actix_rt::SystemRunner, test: F) -> F::Output {
    system.block_on(async {
        let _held = HeldClock::new();
        let (_done, told) = mpsc::channel::<()>();
        let (tell, late) = oneshot::channel();
        // The only clock that runs is another thread's.
        std::thread::spawn(move || {
            if told.recv_timeout(AT_MOST) == Err(mpsc::RecvTimeoutError::Timeout) {
                tell.send(()).ok();
            }
        });
        tokio::select! {
            output = test => output,
            Ok(()) = late => panic!("not over within {AT_MOST:?}"),
        }
    })
}

/// Lets everybody do what there is to do now.
pub(crate) async fn settle() {
    for _ in 0..300 {
        tokio::task::yield_now().await;
    }
}

/// Waits for what an upstream does, in real time; the clock stands still.
#[track_caller]
pub(crate) fn comes(mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let place = Location::caller();
    async move {
        let start = real_time();
        while real_time() - start < DEADLINE {
            if condition() {
                return settle().await;
            }
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
        panic!("{place}: it did not come");
    }
}

/// What answers a request.
type Serve = dyn Fn(Request) -> LocalBoxFuture<'static, ServiceResponse<BoxBody>>;

/// A gateway without sockets of its own.
pub(crate) struct Still {
    pub(crate) engine: Engine,
    worker: Rc<Worker>,
    serve: Box<Serve>,
    /// A sender that is gone would say that nothing will close.
    _closing: watch::Sender<Closing>,
}

struct Pinger(Arc<AtomicBool>);

impl Actor for Pinger {
    type Context = Context<Self>;
}

impl Handler<Ping> for Pinger {
    type Result = MessageResult<Ping>;

    fn handle(&mut self, _: Ping, _: &mut Self::Context) -> Self::Result {
        let latency = Duration::from_millis(1);
        MessageResult(match self.0.load(Ordering::Relaxed) {
            true => Pong::Alive { latency },
            false => Pong::Failed,
        })
    }
}

/// For an engine whose endpoints are never pinged.
pub(crate) fn no_pings() -> Recipient<Ping> {
    Pinger(Arc::default()).start().recipient()
}

impl Still {
    /// Starts one; for [`still`] only.
    pub(crate) async fn start(yaml: &str) -> Self {
        Self::with_room_for_answers(yaml, 32 << 20).await
    }

    /// Starts one whose pings are answered while `alive`.
    pub(crate) async fn pinged(yaml: &str, alive: Arc<AtomicBool>) -> Self {
        let pings = move || Pinger(alive).start().recipient();
        Self::with(yaml, 32 << 20, pings).await
    }

    /// Starts one whose answers on their way may take 16 × `bytes` together.
    pub(crate) async fn with_room_for_answers(yaml: &str, bytes: usize) -> Self {
        Self::with(yaml, bytes, no_pings).await
    }

    async fn with(
        yaml: &str,
        bytes: usize,
        pings: impl FnOnce() -> Recipient<Ping> + Send + 'static,
    ) -> Self {
        let generation = Generation::new(1, Arc::new(parse(yaml))).expect("a configuration");
        let engine = Engine::start(generation.spec(), Arbiters::current(), pings)
            .await
            .expect("a guardian");
        let (closing, watched) = watch::channel(Closing::No);
        let worker = Worker::start(Shared {
            room: Room::new(32 << 20),
            answers: Room::new(bytes),
            engine: engine.clone(),
            generation: Arc::new(ArcSwap::from_pointee(generation)),
            tap: breakerbox::tap::Tap::default(),
            guesses: Arc::new(Guesses::new(Plane::Data)),
            closing: watched,
        });
        let app = App::new().app_data(worker.clone());
        let app = Rc::new(test::init_service(app.configure(data_plane)).await);
        let serve = move |request| {
            let app = Rc::clone(&app);
            async move { app.call(request).await.expect("an answer") }.boxed_local()
        };
        Self {
            engine,
            worker,
            serve: Box::new(serve),
            _closing: closing,
        }
    }

    /// Puts another configuration in force.
    pub(crate) async fn reload(&self, yaml: &str) {
        let shared = &self.worker.shared;
        let number = shared.generation.load().number + 1;
        let generation = Generation::new(number, Arc::new(parse(yaml))).expect("a configuration");
        let spec = generation.spec();
        shared.generation.store(Arc::new(generation));
        shared.engine.apply(spec).await.expect("a guardian");
    }

    /// How the actor of `endpoint` for the model `m` is, once it has heard all there is to hear.
    pub(crate) async fn seen(&self, endpoint: &str) -> EndpointSeen {
        // Reports that are not urgent wait for company, a moment long.
        tokio::time::advance(Duration::from_millis(10)).await;
        settle().await;
        let seen = self.engine.observe(&target(endpoint)).await;
        seen.unwrap_or_else(|| panic!("no actor of {endpoint}"))
    }

    /// Waits until all requests are answered, or wait for time to pass: upstreams answer at once.
    pub(crate) async fn calm(&self) {
        let table = self.engine.table();
        let idle = || table.targets().all(|target| target.in_flight() == 0);
        loop {
            settle().await;
            if idle() {
                return;
            }
            comes(idle).await;
        }
    }

    /// Asks in the background.
    pub(crate) fn begin(self: &Rc<Self>, path: &'static str, body: Value) -> JoinHandle<Reading> {
        let this = Rc::clone(self);
        actix_rt::spawn(async move { this.post(path, &body).await })
    }

    /// Asks in the background, with a body that comes in pieces.
    pub(crate) fn begin_slowly(
        self: &Rc<Self>,
        path: &'static str,
        pieces: impl Stream<Item = &'static str> + 'static,
    ) -> JoinHandle<Reading> {
        let this = Rc::clone(self);
        let pieces = pieces.map(|it| Ok(Bytes::from_static(it.as_bytes())));
        let mut request = test::TestRequest::post().uri(path).to_request();
        *request.payload() = Payload::Stream {
            payload: Box::pin(pieces),
        };
        actix_rt::spawn(async move { this.call(request).await })
    }

    /// Asks; returns when the answer's head is there.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reading {
        self.post_text(path, body.to_string()).await
    }

    /// Asks with any text for a body.
    pub(crate) async fn post_text(&self, path: &str, body: String) -> Reading {
        let request = test::TestRequest::post().uri(path).set_payload(body);
        self.call(request.to_request()).await
    }

    async fn call(&self, request: Request) -> Reading {
        let response = (self.serve)(request).await;
        Reading {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.into_body(),
        }
    }
}

/// An answer that is being read.
pub(crate) struct Reading {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: BoxBody,
}

impl Reading {
    /// Attempts that the gateway made.
    pub(crate) fn attempts(&self) -> usize {
        let attempts = self.headers.get("x-breakerbox-attempts");
        let attempts = attempts.and_then(|it| it.to_str().ok()?.parse().ok());
        attempts.expect("a number of attempts")
    }

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

    /// All that is still to come.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = String::new();
        while let Some(piece) = self.piece().await {
            text += &piece;
        }
        text
    }
}
