//! Sends the prober's pings: one small request, over the same client and with
//! the same key and trust as traffic.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use actix_web::http::{
    Method, StatusCode,
    header::{self, HeaderValue},
};
use arc_swap::ArcSwap;
use breakerbox_actors::{
    clock,
    id::TargetId,
    messages::Ping,
    state::event::{FailureKind, Outcome, Pong},
};
use bytes::Bytes;

use crate::{
    config::ProbeKind,
    dialect::{Api, Dialect},
    generation::{Generation, Site},
    tap::Tap,
    upstream::{
        Call, Client, Deadlines, KeepAlive, Lines, MAX_ERROR_BODY, SendError, headers, rejects_key,
        said,
    },
};

/// The actor that pings. Lives on the prober's arbiter.
pub(crate) struct Pinger {
    generation: Arc<ArcSwap<Generation>>,
    client: Client,
    tap: Tap,
}

impl Pinger {
    /// Returns a pinger with connections of its own; `tap` is told what failed.
    pub(crate) fn new(generation: Arc<ArcSwap<Generation>>, tap: Tap) -> Self {
        Self {
            generation,
            client: Client::new(KeepAlive::default()),
            tap,
        }
    }
}

impl Actor for Pinger {
    type Context = Context<Self>;
}

impl Supervised for Pinger {}

impl Handler<Ping> for Pinger {
    type Result = ResponseFuture<Pong>;

    fn handle(&mut self, ping: Ping, _: &mut Self::Context) -> Self::Result {
        let generation = self.generation.load_full();
        let (client, tap) = (self.client.clone(), self.tap.clone());
        Box::pin(async move {
            let endpoints = &generation.config.endpoints;
            let endpoint = endpoints
                .iter()
                .find(|it| it.name == *ping.target.endpoint());
            let (Some(endpoint), Some(site)) = (endpoint, generation.site(&ping.target)) else {
                return Pong::Failed;
            };
            let kind = endpoint.probe_kind;
            let began = clock::now();
            let asking = ask(
                &client,
                site,
                Question::Ping(kind),
                ping.timeout,
                MAX_ERROR_BODY,
            );
            let answer = tokio::time::timeout(ping.timeout, asking).await;
            let latency = clock::now().saturating_duration_since(began);
            let (pong, outcome, words) = match answer {
                Ok(Ok(reply)) => {
                    let pong = judge(kind, &reply, latency);
                    let outcome = match pong {
                        Pong::KeyRejected => Outcome::KeyRejected,
                        Pong::Failed => Outcome::Failure(FailureKind::Status),
                        Pong::Alive { .. } | Pong::Unasked => return pong,
                    };
                    let body = site.redaction.bytes(reply.body.unwrap_or_default());
                    (pong, outcome, said(reply.status, &body))
                }
                Ok(Err(error)) if error.is_local() => return Pong::Unasked,
                Err(_) | Ok(Err(SendError::Deadline)) => {
                    let outcome = Outcome::Failure(FailureKind::Timeout);
                    (Pong::Failed, outcome, "no answer in time".to_owned())
                }
                Ok(Err(error)) => (Pong::Failed, error.outcome(), error.to_string()),
            };
            let words = format!("to a ping: {words}");
            // Pings speak for the models that they were not sent to ask about.
            let whole = kind != ProbeKind::Chat;
            for model in &endpoint.models {
                let target = TargetId::new(endpoint.name.clone(), model.name.clone());
                if whole || target == ping.target {
                    tap.failed(&target, outcome.label(), &words);
                }
            }
            pong
        })
    }
}

/// What the answer to a ping of `kind` says. Anything but a failure of the
/// server shows that it is alive: many have no `/models`, and a 429 is no
/// failure. A key that may not list models, or an account that has to pay for
/// it, may serve all the same; only a chat is refused as requests are.
fn judge(kind: ProbeKind, reply: &Reply, latency: Duration) -> Pong {
    let says_so = || reply.body.as_deref().is_some_and(rejects_key);
    match reply.status.as_u16() {
        401 => Pong::KeyRejected,
        402 | 403 if kind == ProbeKind::Chat => Pong::KeyRejected,
        400 | 402 | 403 if says_so() => Pong::KeyRejected,
        200..=299 | 400..=499 => Pong::Alive { latency },
        _ => Pong::Failed,
    }
}

/// Returns the body of `call` that costs least: one word for one token.
fn shortest(call: Api, model: &str) -> serde_json::Value {
    match call {
        Api::GenerateContent => serde_json::json!({
            "contents": [{ "role": "user", "parts": [{ "text": "ping" }] }],
            "generationConfig": { "maxOutputTokens": 1 },
        }),
        _ => serde_json::json!({
            "model": model,
            "messages": [{ "role": "user", "content": "ping" }],
            "max_tokens": 1,
        }),
    }
}

/// What an endpoint says to a ping.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its body, if it came whole and within the limit.
    pub(crate) body: Option<Bytes>,
}

/// What an endpoint is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    /// What a ping of this kind asks.
    Ping(ProbeKind),
    /// The whole list of models.
    Models,
}

/// Asks once. Takes `timeout` at the most; reads up to `limit` bytes of the
/// answer.
pub(crate) async fn ask(
    client: &Client,
    site: &Site,
    question: Question,
    timeout: Duration,
    limit: usize,
) -> Result<Reply, SendError> {
    let mut json = match site.provider.dialect() {
        Dialect::Anthropic => headers::anthropic_version(),
        Dialect::OpenAi | Dialect::Gemini => Lines::new(),
    };
    let paths = &site.paths;
    let (method, path, body) = match question {
        Question::Models => (Method::GET, &paths.list, Bytes::new()),
        Question::Ping(ProbeKind::None | ProbeKind::Models) => {
            (Method::GET, &paths.models, Bytes::new())
        }
        Question::Ping(ProbeKind::Health) => (Method::GET, &paths.health, Bytes::new()),
        Question::Ping(ProbeKind::Chat) => {
            json.push(
                &header::CONTENT_TYPE,
                &HeaderValue::from_static("application/json"),
            );
            let call = site.provider.dialect().conversation();
            let body = shortest(call, &site.upstream_model).to_string();
            let path = site.path(call, false).unwrap_or(&paths.models);
            (Method::POST, path, Bytes::from(body))
        }
    };
    let call = Call {
        origin: &site.origin,
        method,
        path,
        headers: &[&json, &site.lines],
        body,
        deadlines: Deadlines {
            connect: timeout,
            first_byte: timeout,
            idle: timeout,
            head: None,
            total: Some(clock::now() + timeout),
        },
    };
    let answer = client.send(call).await?;
    // Read to its end also where it does not matter, so that the connection
    // can serve the next ping.
    let body = answer.body.collect(limit).await.ok();
    Ok(Reply {
        status: answer.status,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_may_not_list_models_may_serve() {
        const ALIVE: Pong = Pong::Alive {
            latency: Duration::ZERO,
        };
        let of = |kind, status, body: &'static str| {
            let reply = Reply {
                status: StatusCode::from_u16(status).unwrap(),
                body: Some(Bytes::from_static(body.as_bytes())),
            };
            judge(kind, &reply, Duration::ZERO)
        };
        let missing =
            r#"{"error":{"message":"Missing scopes: api.model.read","code":"missing_scope"}}"#;
        let invalid = r#"{"error":{"message":"API key not valid. Please pass one.","code":400}}"#;
        for kind in [ProbeKind::Models, ProbeKind::Health] {
            for status in [200, 400, 402, 403, 404, 429] {
                assert_eq!(of(kind, status, missing), ALIVE, "{kind:?} {status}");
            }
            for status in [400, 402, 403] {
                assert_eq!(of(kind, status, invalid), Pong::KeyRejected, "{status}");
            }
            assert_eq!(of(kind, 401, ""), Pong::KeyRejected);
            assert_eq!(of(kind, 500, invalid), Pong::Failed);
        }
        for status in [401, 402, 403] {
            assert_eq!(of(ProbeKind::Chat, status, missing), Pong::KeyRejected);
        }
    }
}
