//! One open socket, from its token to its end.

use std::{
    cell::Cell,
    collections::VecDeque,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, ProtocolError, Session,
};
use breakerbox_actors::{clock, prober::ForceCheck};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep_until, timeout, timeout_at},
};

use super::{BEAT, Seat, frame};
use crate::{
    admin::{Admin, status::Snapshot},
    config::Secret,
    guesses::Judged,
    worker::Closing,
};

/// How often a socket is pinged.
const PING: Duration = Duration::from_secs(3);
/// A socket that has not answered a ping for so long is closed: it does not read.
const SILENCE: Duration = Duration::from_secs(9);
/// How long the last frame may take to leave.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long a socket may take to send its token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests that one socket is told of in a second.
const REQUESTS: usize = 20;
/// How much time there is between two checks that one socket forces.
const BETWEEN_CHECKS: Duration = Duration::from_secs(1);

/// What a socket sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Action {
    Auth { token: String },
    ForceCheck,
}

/// One open socket.
pub(super) struct Socket {
    admin: Arc<Admin>,
    session: Session,
    messages: AggregatedMessageStream,
    peer: Option<IpAddr>,
    /// What let it in; `None`: nothing was needed.
    token: Option<Secret>,
    /// When it last answered a ping.
    heard: Instant,
    /// Whether a check it has forced is under way, and when it may force one.
    checks: (Rc<Cell<bool>>, Instant),
}

/// Why a socket ends.
enum End {
    /// It has left, or cannot be reached.
    Left,
    /// It did not read.
    Slow,
    /// It sent no token, or a wrong one.
    Denied,
    /// It sent a token, after too many wrong ones.
    Guessed,
    /// What let it in does not hold any more.
    Revoked,
    /// There are too many.
    Full,
    /// It sent more than it may.
    TooLong,
}

impl End {
    fn reason(&self) -> CloseReason {
        let (code, words) = match self {
            Self::Left => (CloseCode::Normal, ""),
            Self::Slow => (CloseCode::Policy, "this socket does not read"),
            Self::Denied => (CloseCode::Policy, "the admin token is missing or wrong"),
            Self::Guessed => (CloseCode::Policy, "too many wrong tokens: try again later"),
            Self::Revoked => (CloseCode::Policy, "the admin token has changed"),
            Self::Full => (CloseCode::Again, "too many sockets are open"),
            Self::TooLong => (CloseCode::Size, "this frame is too long"),
        };
        (code, words).into()
    }
}

impl Socket {
    /// Returns one that `token` is to let in.
    pub(super) fn new(
        admin: Arc<Admin>,
        (session, messages): (Session, AggregatedMessageStream),
        peer: Option<IpAddr>,
        token: Option<Secret>,
    ) -> Self {
        let now = clock::now();
        Self {
            admin,
            session,
            messages,
            peer,
            token,
            heard: now,
            checks: (Rc::default(), now),
        }
    }

    /// Serves it to its end. Unless it `may_enter` it has to show its token
    /// first; until then it keeps its seat before the door.
    pub(super) async fn run(mut self, mut seat: Seat, may_enter: bool) {
        let end = async {
            if !may_enter {
                let shown = timeout(TOKEN_TIMEOUT, self.show_token()).await;
                shown.unwrap_or(Err(End::Denied))?;
                seat = Seat::inside(&self.admin).ok_or(End::Full)?;
            }
            self.serve().await
        };
        let reason = end.await.err().unwrap_or(End::Left).reason();
        let closing = self.session.close(Some(reason));
        timeout(FAREWELL, closing).await.ok();
        drop(seat);
    }

    /// Waits for the frame that carries the token.
    async fn show_token(&mut self) -> Result<(), End> {
        let Some(Ok(AggregatedMessage::Text(text))) = self.messages.recv().await else {
            return Err(End::Denied);
        };
        let Ok(Action::Auth { token: sent }) = serde_json::from_str(&text) else {
            return Err(End::Denied);
        };
        // As it is now: it may have changed since the head.
        self.token = self.admin.token();
        let Some(token) = &self.token else {
            return Ok(());
        };
        let is_right = || token.matches(sent.as_bytes());
        let guesses = &self.admin.guesses;
        match guesses.judge(self.peer, clock::now(), is_right) {
            Judged::Right => Ok(()),
            Judged::Wrong => Err(End::Denied),
            Judged::Later(_) => Err(End::Guessed),
        }
    }

    /// Tells everything, then what changes, until the socket ends.
    async fn serve(&mut self) -> Result<(), End> {
        // Before the state, so that nothing is missed between.
        let mut generations = self.admin.reloads.number();
        let mut news = self.admin.news.subscribe();
        let mut requests = self.admin.shared.tap.subscribe();
        let mut pulse = self.admin.pulse.latest.subscribe();
        let mut closing = self.admin.shared.closing.clone();
        closing.mark_unchanged();
        self.may_stay()?;
        self.heard = clock::now();
        self.init().await?;
        let mut next_ping = self.heard + PING;
        let mut recent: VecDeque<Instant> = VecDeque::new();
        loop {
            let wake = next_ping.min(self.heard + SILENCE);
            tokio::select! {
                // Whoever may not stay hears nothing more, whatever else there is
                // to tell; and who sends much must not keep himself alive.
                biased;
                Ok(()) = generations.changed() => self.may_stay()?,
                () = sleep_until(wake.into()) => {
                    let now = clock::now();
                    if now.duration_since(self.heard) >= SILENCE {
                        return Err(End::Slow);
                    }
                    next_ping = now + PING;
                    let by = self.heard + SILENCE;
                    let sent = timeout_at(by.into(), self.session.ping(b"")).await;
                    sent.map_err(|_| End::Slow)?.map_err(|_| End::Left)?;
                }
                Ok(()) = closing.changed() => {
                    if *closing.borrow_and_update() == Closing::Draining {
                        self.send(&frame("draining", json!({}))).await?;
                    }
                }
                message = self.messages.recv() => self.hear(message).await?,
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
                        self.send(&frame("request", json!(record))).await?;
                    }
                }
            }
        }
    }

    /// Ends it if another token is in force than the one that let it in.
    fn may_stay(&self) -> Result<(), End> {
        match self.admin.token() == self.token {
            true => Ok(()),
            false => Err(End::Revoked),
        }
    }

    async fn init(&mut self) -> Result<(), End> {
        let state = json!({ "state": Snapshot::now(&self.admin) });
        self.send(&frame("init", state)).await
    }

    async fn send(&mut self, frame: &str) -> Result<(), End> {
        let by = self.heard + SILENCE;
        let sent = timeout_at(by.into(), self.session.text(frame.to_owned())).await;
        sent.map_err(|_| End::Slow)?.map_err(|_| End::Left)
    }

    async fn hear(
        &mut self,
        message: Option<Result<AggregatedMessage, ProtocolError>>,
    ) -> Result<(), End> {
        match message {
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                let by = self.heard + SILENCE;
                let sent = timeout_at(by.into(), self.session.pong(&bytes)).await;
                sent.map_err(|_| End::Slow)?.map_err(|_| End::Left)
            }
            Some(Ok(AggregatedMessage::Pong(_))) => {
                // Only this shows that it reads.
                self.heard = clock::now();
                Ok(())
            }
            Some(Ok(AggregatedMessage::Text(text))) => match serde_json::from_str(&text) {
                Ok(Action::ForceCheck) => self.force_check().await,
                // It is in already.
                Ok(Action::Auth { .. }) => Ok(()),
                Err(_) => {
                    let refused = json!({
                        "action": null,
                        "code": "unknown_action",
                        "message": "expected {\"action\": \"force_check\"}",
                    });
                    self.send(&frame("error", refused)).await
                }
            },
            Some(Ok(AggregatedMessage::Binary(_))) => Ok(()),
            Some(Err(ProtocolError::Overflow)) => Err(End::TooLong),
            Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => Err(End::Left),
        }
    }

    /// Has every endpoint pinged; says so when the last answer is there.
    async fn force_check(&mut self) -> Result<(), End> {
        let (under_way, earliest) = &mut self.checks;
        let now = clock::now();
        if under_way.get() || now < *earliest {
            let refused = json!({
                "action": "force_check",
                "code": "too_many_checks",
                "message": "a check that you forced is under way, or was forced less than a second ago",
            });
            return self.send(&frame("error", refused)).await;
        }
        *earliest = now + BETWEEN_CHECKS;
        under_way.set(true);
        let (admin, mut session) = (self.admin.clone(), self.session.clone());
        let under_way = under_way.clone();
        actix_rt::spawn(async move {
            let asked = admin.shared.engine.prober().send(ForceCheck::default());
            let checked = asked.await;
            under_way.set(false);
            if let Ok(checked) = checked {
                let frame = frame("force_check_complete", json!({ "checked": checked }));
                timeout(SILENCE, session.text(frame)).await.ok();
            }
        });
        Ok(())
    }
}
