//! `GET /ws`: the dashboard's socket.
//!
//! Bounded in everything: a socket has at most [`WAITING`](super::news) news
//! waiting, of the moving numbers only the latest; one that does not read is
//! closed, as is one whose token holds no more. While nobody listens nothing is
//! computed.

mod socket;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Payload},
};
use breakerbox_actors::clock;
use serde_json::{Map, Value, json};
use tokio::{sync::watch, time::sleep_until};

use super::{Admin, actors::Actor, auth, endpoints, error, news::Told, status::Traffic};
use crate::wall;
use socket::Socket;

/// Sockets that may be open at once.
const SOCKETS: usize = 64;
/// Sockets beside them that may have their token yet to send.
const STRANGERS: usize = 16;
/// How often the moving numbers are told.
const BEAT: Duration = Duration::from_secs(1);
/// The longest frame or message that a socket may send, in bytes.
const LONGEST: usize = 4096;
/// Subprotocol that browsers are answered with.
const PROTOCOL: &str = "breakerbox";

/// The moving numbers, computed once for all sockets while there are any.
#[derive(Debug)]
pub(super) struct Pulse {
    latest: watch::Sender<Option<Arc<str>>>,
    pub(super) computed: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            latest: watch::Sender::new(None),
            computed: AtomicU64::new(0),
        }
    }
}

/// How many sockets are open.
#[derive(Debug)]
pub(super) struct Seats {
    inside: watch::Sender<usize>,
    /// Those that have yet to send their token.
    before: watch::Sender<usize>,
}

impl Default for Seats {
    fn default() -> Self {
        let none = || watch::Sender::new(0);
        Self {
            inside: none(),
            before: none(),
        }
    }
}

/// The seat of one socket, free again when dropped.
pub(super) struct Seat(Arc<Admin>, fn(&Seats) -> &watch::Sender<usize>);

impl Seat {
    /// Takes a seat inside, if there is one.
    pub(super) fn inside(admin: &Arc<Admin>) -> Option<Self> {
        Self::take(admin, |seats| &seats.inside, SOCKETS)
    }

    /// Takes a seat before the door, if there is one.
    fn before(admin: &Arc<Admin>) -> Option<Self> {
        Self::take(admin, |seats| &seats.before, STRANGERS)
    }

    fn take(
        admin: &Arc<Admin>,
        of: fn(&Seats) -> &watch::Sender<usize>,
        most: usize,
    ) -> Option<Self> {
        let free = of(&admin.seats).send_if_modified(|taken| {
            let free = *taken < most;
            *taken += usize::from(free);
            free
        });
        free.then(|| Self(admin.clone(), of))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.1(&self.0.seats).send_modify(|taken| *taken -= 1);
    }
}

/// Opens the dashboard's socket, a WebSocket: all of the state, then what changes.
#[utoipa::path(get, path = "/ws", responses(
    (status = 101, description = "the socket is open; the token may also come as the subprotocol `bearer.TOKEN` or as the first frame"),
    (status = 400, description = "no upgrade to a WebSocket"),
    (status = 503, description = "too many sockets are open")
))]
pub(super) async fn connect(
    admin: Data<Admin>,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    let admin = admin.into_inner();
    let peer = request.peer_addr().map(|it| it.ip());
    let token = admin.token();
    let may_enter = match (&token, auth::brought(request.headers())) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(token), Some(sent)) => {
            if let Some(refused) = auth::judge(&admin, peer, sent, token) {
                return refused;
            }
            true
        }
    };
    let offered: Vec<_> = auth::protocols(request.headers()).collect();
    let chosen: Vec<_> = [PROTOCOL]
        .into_iter()
        .filter(|it| offered.contains(it))
        .collect();
    // A browser that offers protocols closes unless one of them is answered.
    let chosen = if chosen.is_empty() { offered } else { chosen };
    let seat = match may_enter {
        true => Seat::inside(&admin),
        false => Seat::before(&admin),
    };
    let Some(seat) = seat else {
        let words = "too many sockets are open";
        return error(StatusCode::SERVICE_UNAVAILABLE, "too_many_sockets", words);
    };
    let opened = actix_ws::handle_with_protocols(&request, body, &chosen);
    let (response, session, messages) = match opened {
        Ok(opened) => opened,
        Err(wrong) => {
            let words = format!("this path is a WebSocket: {wrong}");
            return error(StatusCode::BAD_REQUEST, "not_a_websocket", &words);
        }
    };
    let messages = messages
        .max_frame_size(LONGEST)
        .aggregate_continuations()
        .max_continuation_size(LONGEST);
    let socket = Socket::new(admin, (session, messages), peer, token);
    actix_rt::spawn(socket.run(seat, may_enter));
    response
}

/// Computes the moving numbers once a second while sockets are open, those in
/// the words of open alerts too.
pub(super) async fn beat(admin: Arc<Admin>) {
    let mut sockets = admin.seats.inside.subscribe();
    loop {
        if sockets.wait_for(|open| *open > 0).await.is_err() {
            return;
        }
        sleep_until((clock::now() + BEAT).into()).await;
        admin.news.refresh();
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
