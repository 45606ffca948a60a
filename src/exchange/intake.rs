//! What came in: who asks, for what, and is it worth an attempt.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap},
    web::{Bytes, BytesMut, Payload},
};
use breakerbox_actors::{clock, state::estimate::Estimate};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Called, wishes::Wishes};
use crate::{
    config::{Client, Server},
    dialect::{
        Api,
        request::{BadRequest, Peek, images, peek, peek_at},
    },
    error::GatewayError,
    guesses::{Guesses, Judged},
    room::{Held, Room},
};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The first allocation for a body whose length is announced; the rest is
/// taken as it comes, so that an announcement alone costs nothing.
const FIRST_RESERVE: usize = 64 * 1024;

/// When to come back while other bodies take all room.
pub(super) const FULL_RETRY: Duration = Duration::from_secs(1);

/// A request that may be sent on.
#[derive(Debug)]
pub(super) struct Intake {
    /// The body, and what routing needs of it.
    pub(super) peek: Peek,
    /// Whether a stream is to be one JSON array instead of events.
    pub(super) in_array: bool,
    /// Tokens it may use.
    pub(super) estimate: Estimate,
    /// How many answers it asks for, if it does not bound their length.
    pub(super) unbounded: Option<u64>,
    /// What the client asks of the gateway.
    pub(super) wishes: Wishes,
    /// The room its body takes.
    #[expect(dead_code, reason = "its drop is its use")]
    pub(super) held: Held,
    /// When the client must have its answer's first byte.
    pub(super) deadline: Instant,
    /// Whether the client has set that time itself, and shorter than the
    /// gateway would have.
    pub(super) is_hasty: bool,
}

/// Reads and checks a request of `client` that arrived when it says.
///
/// # Errors
///
/// The [`GatewayError`] the client is to be told; no endpoint was involved.
pub(super) async fn take_in(
    server: &Server,
    client: Option<&Client>,
    wishes: Wishes,
    called: Called,
    (request, arrived): (&HttpRequest, Instant),
    payload: Payload,
    room: &Room,
) -> Result<Intake, GatewayError> {
    let headers = request.headers();
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        // Never unpacked here: a small bomb would take all memory.
        return Err(GatewayError::EncodedBody);
    }
    let most = server.request_timeout;
    let is_hasty = wishes.timeout.is_some_and(|own| own < most);
    let deadline = arrived + wishes.timeout.map_or(most, |own| most.min(own));
    let mut held = room.enter();
    let body = collect(headers, payload, server.max_body, &mut held).await?;
    let api = called.api;
    let peek = match called.path {
        Some(path) => peek_at(&body, api, path)?,
        None => peek(&body, api)?,
    };
    if client.is_some_and(|client| !client.may_use(&peek.model)) {
        return Err(GatewayError::ModelNotAllowed { model: peek.model });
    }
    let output = match api {
        api if api.counts() || api == Api::Embeddings => Some(0),
        _ => peek.max_output_tokens,
    };
    let mut estimate = Estimate::new(images::counted(&body), output);
    let answers = peek.n.max(1);
    estimate.output = estimate.output.saturating_mul(answers);
    Ok(Intake {
        peek,
        in_array: called.in_array,
        estimate,
        unbounded: output.is_none().then_some(answers),
        wishes,
        held,
        deadline,
        is_hasty,
    })
}

impl Intake {
    /// Learns how long an unbounded answer of its model usually is, in tokens.
    pub(super) fn expect(&mut self, usual: impl FnOnce() -> u64) {
        if let Some(answers) = self.unbounded {
            let output = &mut self.estimate.output;
            *output = usual().saturating_mul(answers).max(*output);
        }
    }
}

/// Returns the client whose key `request` carries; `None` when none is needed.
///
/// All keys are compared, each in constant time, so that time tells nothing.
/// `guesses` hears of those that are not known, and of no other.
pub(crate) fn authenticate<'a>(
    clients: &'a [Client],
    request: &HttpRequest,
    guesses: &Guesses,
) -> Result<Option<&'a Client>, GatewayError> {
    if clients.is_empty() {
        return Ok(None);
    }
    let key = presented(request.headers()).or_else(|| in_query(request));
    let key = key.ok_or(GatewayError::InvalidApiKey)?;
    let hash: [u8; 32] = Sha256::digest(key).into();
    let mut found = None;
    for client in clients {
        if bool::from(client.key_sha256.ct_eq(&hash)) {
            found = Some(client);
        }
    }
    if found.is_some() {
        return Ok(found);
    }
    let peer = request.peer_addr().map(|it| it.ip());
    Err(match guesses.wrong(peer, clock::now()) {
        Judged::Later(retry_after) => GatewayError::TooManyGuesses { retry_after },
        Judged::Right | Judged::Wrong => GatewayError::InvalidApiKey,
    })
}

/// Returns the key of a client of Gemini that puts it into the address.
fn in_query(request: &HttpRequest) -> Option<&[u8]> {
    if !request.path().contains("/models/") {
        return None;
    }
    let pairs = request.query_string().split('&');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let (_, key) = pairs.find(|(name, _)| *name == "key")?;
    Some(key.as_bytes())
}

/// Returns the key, wherever this client's SDK puts it.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let value = value.as_bytes();
        let (scheme, key) = value.split_at_checked(7)?;
        return scheme
            .eq_ignore_ascii_case(b"bearer ")
            .then(|| key.trim_ascii());
    }
    ["x-api-key", "api-key", "x-goog-api-key"]
        .iter()
        .find_map(|name| headers.get(*name))
        .map(|value| value.as_bytes())
}

fn broken_body() -> GatewayError {
    GatewayError::BadRequest(BadRequest {
        param: None,
        message: "The body ended early, or its chunks are malformed.".to_owned(),
    })
}

/// Reads the whole body, up to `limit` bytes and [`BODY_TIMEOUT`].
async fn collect(
    headers: &HeaderMap,
    mut payload: Payload,
    limit: usize,
    held: &mut Held,
) -> Result<Bytes, GatewayError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(GatewayError::BodyTooLarge { limit });
    }
    let reading = async {
        let mut first = None;
        let mut rest = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| broken_body())?;
            if !held.grow(chunk.len()) {
                return Err(GatewayError::Overloaded {
                    retry_after: FULL_RETRY,
                });
            }
            if rest.is_empty() && first.is_none() {
                // Most bodies come in one piece and are never copied.
                first = Some(chunk);
                continue;
            }
            if let Some(first) = first.take() {
                rest.reserve(announced.unwrap_or(0).min(FIRST_RESERVE));
                rest.extend_from_slice(&first);
            }
            if rest.len() + chunk.len() > limit {
                return Err(GatewayError::BodyTooLarge { limit });
            }
            rest.extend_from_slice(&chunk);
        }
        let body = first.unwrap_or_else(|| rest.freeze());
        if body.len() > limit {
            return Err(GatewayError::BodyTooLarge { limit });
        }
        Ok(body)
    };
    let mut reading = pin!(reading);
    if let Some(read) = at_second_look(reading.as_mut()).await {
        return read;
    }
    tokio::time::timeout(BODY_TIMEOUT, reading)
        .await
        .unwrap_or(Err(GatewayError::BodyTimeout))
}

/// Returns what `reading` comes to, if that is there by the second look: the
/// server asks for an answer before it hands over the body that came with the
/// head, and a timer for that moment costs more than the look.
async fn at_second_look<T>(mut reading: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut looked = false;
    poll_fn(|cx| match reading.as_mut().poll(cx) {
        Poll::Ready(read) => Poll::Ready(Some(read)),
        Poll::Pending if looked => Poll::Ready(None),
        Poll::Pending => {
            looked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
