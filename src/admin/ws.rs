//! `GET /ws`: the dashboard's socket.
//!
//! Bounded in everything: a socket has at most [`WAITING`](super::news) news
//! waiting, of the moving numbers only the latest; one that does not read is
//! closed. While nobody listens nothing is computed.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Payload},
};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use breakerbox_actors::{clock, prober::ForceCheck};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::{sleep_until, timeout},
};

use super::{
    Admin,
    actors::Actor,
    auth::{self, Claim},
    endpoints, error,
    news::Told,
    status::{Snapshot, Traffic},
};
use crate::{tap::Record, wall};

/// Sockets that may be open at once.
const SOCKETS: usize = 64;
/// How often the moving numbers are told.
const BEAT: Duration = Duration::from_secs(1);
/// How often a socket is pinged.
const PING: Duration = Duration::from_secs(3);
/// A socket that gives no sign of life for so long is closed: it does not read.
const SILENCE: Duration = Duration::from_secs(9);
/// How long one frame may wait to be taken.
const PATIENCE: Duration = Duration::from_secs(9);
/// How long a socket may take to send its token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest frame that a socket may send.
const LONGEST: usize = 4096;
/// Requests that one socket is told of in a second.
const REQUESTS: usize = 20;
/// Subprotocol that browsers are answered with.
const PROTOCOL: &str = "breakerbox";

/// The moving numbers, computed once for all sockets while there are any.
#[derive(Debug)]
pub(super) struct Pulse {
    latest: watch::Sender<Option<Arc<str>>>,
    computed: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            latest: watch::Sender::new(None),
            computed: AtomicU64::new(0),
        }
    }
}

/// What a socket sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Action {
    Auth { token: String },
    ForceCheck,
}

pub(super) async fn connect(
    admin: Data<Admin>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let generation = admin.shared.generation.load_full();
    let claim = auth::claim(request.headers(), generation.config.admin.token.as_ref());
    if claim == Claim::Wrong {
        return Ok(auth::denied());
    }
    let offered: Vec<_> = auth::protocols(request.headers()).collect();
    let chosen: Vec<_> = [PROTOCOL]
        .into_iter()
        .filter(|it| offered.contains(it))
        .collect();
    // A browser that offers protocols closes unless one of them is answered.
    let chosen = if chosen.is_empty() { offered } else { chosen };
    if *admin.sockets.borrow() >= SOCKETS {
        let words = "too many sockets are open";
        return Ok(error(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_sockets",
            words,
        ));
    }
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, body, &chosen)?;
    let messages = messages
        .aggregate_continuations()
        .max_continuation_size(LONGEST);
    let socket = Socket {
        admin: admin.into_inner(),
        session,
        messages,
    };
    actix_rt::spawn(socket.run(claim));
    Ok(response)
}

/// One open socket.
struct Socket {
    admin: Arc<Admin>,
    session: Session,
    messages: AggregatedMessageStream,
}

/// Why a socket ends.
enum End {
    /// It has left, or cannot be reached.
    Left,
    /// It did not read.
    Slow,
    /// It sent no token, or a wrong one.
    Denied,
}

impl Socket {
    async fn run(mut self, claim: Claim) {
        self.admin.sockets.send_modify(|open| *open += 1);
        let open = Open(self.admin.clone());
        let end = match claim {
            Claim::Granted => self.serve().await,
            _ => match timeout(TOKEN_TIMEOUT, self.token()).await {
                Ok(Ok(())) => self.serve().await,
                _ => Err(End::Denied),
            },
        };
        let reason = match end {
            Err(End::Denied) => (CloseCode::Policy, "the admin token is missing or wrong"),
            Err(End::Slow) => (CloseCode::Policy, "this socket does not read"),
            Ok(()) | Err(End::Left) => (CloseCode::Normal, ""),
        };
        let reason: CloseReason = reason.into();
        timeout(PING, self.session.close(Some(reason))).await.ok();
        drop(open);
    }

    /// Waits for the frame that carries the token.
    async fn token(&mut self) -> Result<(), End> {
        let Some(Ok(AggregatedMessage::Text(text))) = self.messages.recv().await else {
            return Err(End::Denied);
        };
        let Ok(Action::Auth { token }) = serde_json::from_str(&text) else {
            return Err(End::Denied);
        };
        let generation = self.admin.shared.generation.load();
        let expected = generation.config.admin.token.as_ref();
        match expected.is_none_or(|it| it.matches(token.as_bytes())) {
            true => Ok(()),
            false => Err(End::Denied),
        }
    }

    /// Tells everything, then what changes, until the socket ends.
    async fn serve(&mut self) -> Result<(), End> {
        // Before the state, so that nothing is missed between.
        let mut news = self.admin.news.subscribe();
        let mut requests = self.admin.shared.tap.subscribe();
        let mut pulse = self.admin.pulse.latest.subscribe();
        self.init().await?;
        let mut heard = clock::now();
        let mut next_ping = heard + PING;
        let mut recent: VecDeque<Instant> = VecDeque::new();
        loop {
            tokio::select! {
                message = self.messages.recv() => {
                    heard = clock::now();
                    self.hear(message).await?;
                }
                told = news.recv() => match told {
                    Ok(told) => self.send(&told.frame()).await?,
                    // Too slow: what it missed is in the state.
                    Err(RecvError::Lagged(_)) => self.init().await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                Ok(()) = pulse.changed() => {
                    let latest = pulse.borrow_and_update().clone();
                    if let Some(frame) = latest {
                        self.send(&frame).await?;
                    }
                }
                Ok(record) = requests.recv() => {
                    let now = clock::now();
                    while recent.front().is_some_and(|at| now.duration_since(*at) >= BEAT) {
                        recent.pop_front();
                    }
                    if recent.len() < REQUESTS {
                        recent.push_back(now);
                        self.send(&request(&record)).await?;
                    }
                }
                () = sleep_until(next_ping.into()) => {
                    let now = clock::now();
                    if now.duration_since(heard) >= SILENCE {
                        return Err(End::Slow);
                    }
                    next_ping = now + PING;
                    let sent = timeout(PATIENCE, self.session.ping(b"")).await;
                    sent.map_err(|_| End::Slow)?.map_err(|_| End::Left)?;
                }
            }
        }
    }

    async fn init(&mut self) -> Result<(), End> {
        let state = json!({ "state": Snapshot::now(&self.admin) });
        self.send(&frame("init", state)).await
    }

    async fn send(&mut self, frame: &str) -> Result<(), End> {
        let sent = timeout(PATIENCE, self.session.text(frame.to_owned())).await;
        sent.map_err(|_| End::Slow)?.map_err(|_| End::Left)
    }

    async fn hear(
        &mut self,
        message: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    ) -> Result<(), End> {
        match message {
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                self.session.pong(&bytes).await.map_err(|_| End::Left)
            }
            Some(Ok(AggregatedMessage::Text(text))) => {
                if let Ok(Action::ForceCheck) = serde_json::from_str(&text) {
                    self.force_check();
                }
                Ok(())
            }
            Some(Ok(AggregatedMessage::Pong(_) | AggregatedMessage::Binary(_))) => Ok(()),
            Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => Err(End::Left),
        }
    }

    /// Has every endpoint pinged; says so when the last answer is there.
    fn force_check(&self) {
        let (admin, mut session) = (self.admin.clone(), self.session.clone());
        actix_rt::spawn(async move {
            let asked = admin.shared.engine.prober().send(ForceCheck::default());
            if let Ok(checked) = asked.await {
                let frame = frame("force_check_complete", json!({ "checked": checked }));
                timeout(PATIENCE, session.text(frame)).await.ok();
            }
        });
    }
}

/// An open socket, as others count it.
struct Open(Arc<Admin>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.sockets.send_modify(|open| *open -= 1);
    }
}

/// Computes the moving numbers once a second while sockets are open.
pub(super) async fn beat(admin: Arc<Admin>) {
    let mut sockets = admin.sockets.subscribe();
    loop {
        if sockets.wait_for(|open| *open > 0).await.is_err() {
            return;
        }
        sleep_until((clock::now() + BEAT).into()).await;
        let update = json!({
            "traffic": Traffic::now(&admin),
            "endpoints": endpoints::all(&admin),
            "actors": Actor::all(&admin),
        });
        admin.pulse.computed.fetch_add(1, Ordering::Relaxed);
        let frame = frame("health_update", update);
        admin.pulse.latest.send_replace(Some(frame.into()));
    }
}

impl Told {
    fn frame(&self) -> String {
        match self {
            Self::Alert(alert) => frame("alert", json!(alert)),
            Self::Event(event) => {
                let mut fields = json!(event);
                let kind = fields.as_object_mut().and_then(|it| it.remove("kind"));
                let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
                frame(kind, fields)
            }
        }
    }
}

fn request(record: &Record) -> String {
    frame("request", json!(record))
}

/// Writes one frame: `fields` beside its type and the time.
fn frame(kind: &str, fields: Value) -> String {
    let mut all = Map::new();
    all.insert("type".to_owned(), kind.into());
    all.insert("timestamp".to_owned(), wall::text(wall::now()).into());
    if let Value::Object(fields) = fields {
        all.extend(fields);
    }
    Value::Object(all).to_string()
}
