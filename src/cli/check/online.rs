//! `breakerbox check --online`: what is really there behind a good file.
//!
//! Every endpoint is asked at the same time, over the client and with the key,
//! trust and deadline of its pings, so that this sees what the gateway would.

use std::{
    fmt::Write as _,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use actix_rt::System;
use actix_web::http::StatusCode;
use breakerbox_actors::{clock, id::TargetId};
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    config::{self, Config, Endpoint, Model, ProbeKind, Provider, show_duration},
    generation::{Generation, NotReady},
    pinger::{self, Question},
    upstream::{Client, KeepAlive, SendError},
};

/// The longest list of models that is read, in bytes; OpenRouter's has half a
/// million.
const MAX_LIST: usize = 8 << 20;

/// What was found out about one endpoint.
#[derive(Debug)]
pub(super) struct Finding {
    endpoint: Arc<str>,
    /// Whether it answered anything at all.
    reachable: bool,
    /// Time to its whole answer.
    latency: Option<Duration>,
    key: Key,
    /// Upstream names that it lists; `None` when it shows no list.
    listed: Option<Vec<String>>,
    /// Upstream names that it does not list, each with one that may be meant.
    missing: Vec<(String, Option<String>)>,
    /// What is wrong with it.
    problem: Option<String>,
}

/// What became of our key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Accepted,
    Rejected,
    /// There is none in the file, and none was asked for.
    None,
    /// No answer tells.
    Unknown,
}

impl Key {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// Asks every endpoint of `config`; takes as long as the longest
/// `probe.timeout`.
///
/// # Errors
///
/// [`NotReady`] when a connection to an endpoint cannot even be prepared.
pub(super) fn look(config: &Config) -> Result<Vec<Finding>, NotReady> {
    let generation = Generation::new(1, Arc::new(config.clone()))?;
    let system = System::new();
    let findings = system.block_on(async {
        let client = Client::new(KeepAlive::default());
        let endpoints = generation.config.endpoints.iter();
        join_all(endpoints.map(|endpoint| examine(&client, &generation, endpoint))).await
    });
    // Its end would wait for name lookups that nobody waits for any more.
    std::mem::forget(system);
    Ok(findings)
}

/// What one question came to.
struct Heard {
    status: StatusCode,
    body: Option<Bytes>,
    latency: Duration,
}

async fn examine(client: &Client, generation: &Generation, endpoint: &Endpoint) -> Finding {
    let kind = endpoint.probe_kind;
    let question = match kind {
        ProbeKind::Models | ProbeKind::None => Question::Models,
        kind => Question::Ping(kind),
    };
    let asked = |model| ask(client, generation, endpoint, model, question);
    // A chat speaks for its model alone, the other kinds for the endpoint.
    let models = match kind {
        ProbeKind::Chat => &endpoint.models[..],
        _ => &endpoint.models[..1],
    };
    let pings = join_all(models.iter().map(async |model| (model, asked(model).await)));
    let list = async {
        match kind {
            ProbeKind::Models | ProbeKind::None => None,
            // Free of charge, and knows more than the ping.
            ProbeKind::Health | ProbeKind::Chat => {
                let model = &endpoint.models[0];
                Some(ask(client, generation, endpoint, model, Question::Models).await)
            }
        }
    };
    let (pings, list) = tokio::join!(pings, list);
    Finding::of(endpoint, &pings, list.as_ref())
}

async fn ask(
    client: &Client,
    generation: &Generation,
    endpoint: &Endpoint,
    model: &Model,
    question: Question,
) -> Result<Heard, String> {
    let id = TargetId::new(endpoint.name.clone(), model.name.clone());
    let Some(site) = generation.site(&id) else {
        return Err("it is not part of the configuration".to_owned());
    };
    let timeout = endpoint.probe.timeout;
    let began = clock::now();
    let asking = pinger::ask(client, site, question, timeout, MAX_LIST);
    match tokio::time::timeout(timeout, asking).await {
        Ok(Ok(reply)) => Ok(Heard {
            status: reply.status,
            body: reply.body,
            latency: clock::now().saturating_duration_since(began),
        }),
        Ok(Err(error)) if !matches!(error, SendError::Deadline) => Err(error.to_string()),
        Ok(Err(_)) | Err(_) => Err(format!("no answer within {}", show_duration(timeout))),
    }
}

type Asked = Result<Heard, String>;

impl Finding {
    fn of(endpoint: &Endpoint, pings: &[(&Model, Asked)], list: Option<&Asked>) -> Self {
        let kind = endpoint.probe_kind;
        let heard = || pings.iter().map(|(_, asked)| asked).chain(list);
        let answered = || heard().filter_map(|asked| asked.as_ref().ok());
        let is_key = |it: &Heard| matches!(it.status.as_u16(), 401..=403);
        // What says whether the key is good: `/health` asks nobody for one, and
        // a key may be good for chats and not for the list.
        let tells = |asked: &Asked| asked.as_ref().is_ok_and(|it| it.status.is_success());
        let (telling, refused) = match (kind, list) {
            (ProbeKind::Health, Some(list)) => {
                let refused = list.as_ref().ok().filter(|it| is_key(it));
                (tells(list), refused)
            }
            _ => {
                let mut pings = pings.iter().map(|(_, asked)| asked);
                let refused = pings.clone().filter_map(|asked| asked.as_ref().ok());
                let refused = refused.filter(|it| is_key(it)).last();
                (pings.any(tells), refused)
            }
        };
        let names = match pings.first() {
            // What Azure lists is base models, not deployments.
            _ if endpoint.provider == Provider::AzureOpenAi => None,
            Some((_, asked)) if list.is_none() => names(asked),
            _ => list.and_then(names),
        };
        let (listed, missing) = match &names {
            None => (None, Vec::new()),
            Some(names) => {
                let (listed, missing) = compare(endpoint, names);
                (Some(listed), missing)
            }
        };
        let mut problems = pings
            .iter()
            .filter_map(|(model, asked)| problem(kind, model, asked));
        let refused = refused.map(|it| format!("it rejects the key ({})", it.status.as_u16()));
        let unlisted = (!missing.is_empty()).then(|| "it does not list every model".to_owned());
        Self {
            endpoint: endpoint.name.clone(),
            reachable: answered().next().is_some(),
            latency: answered().map(|it| it.latency).max(),
            key: match (&refused, endpoint.api_key.is_some()) {
                (Some(_), _) => Key::Rejected,
                (None, false) => Key::None,
                (None, true) if telling => Key::Accepted,
                (None, true) => Key::Unknown,
            },
            listed,
            missing,
            problem: refused.or_else(|| problems.next()).or(unlisted),
        }
    }

    /// Says whether the endpoint would serve, as far as asking tells.
    pub(super) fn is_good(&self) -> bool {
        self.problem.is_none()
    }

    /// Returns the finding for machines.
    pub(super) fn to_json(&self) -> Value {
        let missing: Vec<_> = self.missing.iter().map(|(name, _)| name).collect();
        json!({
            "endpoint": &*self.endpoint,
            "ok": self.is_good(),
            "reachable": self.reachable,
            "key": self.key.label(),
            "latency_ms": self.latency.map(|it| it.as_millis() as u64),
            "models_listed": self.listed,
            "models_missing": missing,
            "problem": self.problem,
        })
    }

    /// Returns the finding for people, in a line.
    fn facts(&self) -> String {
        let mut facts = Vec::new();
        facts.extend(self.problem.clone());
        if self.reachable {
            match self.key {
                Key::Accepted => facts.push("key accepted".to_owned()),
                Key::Unknown => facts.push("key not verified".to_owned()),
                Key::None => facts.push("no key".to_owned()),
                Key::Rejected => {}
            }
            match &self.listed {
                None => facts.push("no list of models".to_owned()),
                Some(listed) => {
                    let all = listed.len() + self.missing.len();
                    facts.push(format!("lists {} of {all} models", listed.len()));
                }
            }
        }
        facts.extend(self.latency.map(|it| format!("{} ms", it.as_millis())));
        let mut line = facts.join(", ");
        for (name, near) in &self.missing {
            // Writing to a string cannot fail.
            let _ = write!(line, "; not {name}");
            if let Some(near) = near {
                let _ = write!(line, " (did you mean {near}?)");
            }
        }
        line
    }
}

/// Says what is wrong with a ping's answer; nothing about the key.
fn problem(kind: ProbeKind, model: &Model, asked: &Asked) -> Option<String> {
    let status = match asked {
        Ok(heard) => heard.status.as_u16(),
        Err(why) => return Some(why.clone()),
    };
    match (kind, status) {
        // It is alive, and has enough of us.
        (_, 200..=299 | 429) => None,
        (ProbeKind::None, 400..=499) => None,
        (ProbeKind::Models, 404) => Some(
            "it has no /models (404): base_url usually ends in /v1; for a server without a list, \
             set probe.kind"
                .to_owned(),
        ),
        (ProbeKind::Chat, _) => Some(format!("it answers {status} to {}", model.upstream)),
        _ => Some(format!("it answers {status}")),
    }
}

/// Returns the models of a list: `data` with OpenAI and Anthropic, `models`
/// with Gemini, the bare array of some others.
fn names(asked: &Asked) -> Option<Vec<String>> {
    let heard = asked.as_ref().ok().filter(|it| it.status.is_success())?;
    let list: Value = serde_json::from_slice(heard.body.as_ref()?).ok()?;
    let entries = match list.get("data") {
        // Ollama's without a model.
        Some(Value::Null) => return Some(Vec::new()),
        Some(data) => data.as_array()?,
        None => list.get("models").unwrap_or(&list).as_array()?,
    };
    let id = |entry: &Value| {
        let name = entry.get("id").or_else(|| entry.get("name"))?;
        name.as_str().map(str::to_owned)
    };
    Some(entries.iter().filter_map(id).collect())
}

type Missing = Vec<(String, Option<String>)>;

/// Splits the endpoint's models into those among `names` and the others.
fn compare(endpoint: &Endpoint, names: &[String]) -> (Vec<String>, Missing) {
    let mut listed = Vec::new();
    let mut missing = Vec::new();
    for model in &endpoint.models {
        let name = &*model.upstream;
        // Gemini's list puts `models/` before a name, Ollama's a tag behind it, Anthropic's a date.
        let is_it = |known: &String| {
            let known = known.strip_prefix("models/").unwrap_or(known);
            known
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest == ":latest" || is_date(rest))
        };
        if names.iter().any(is_it) {
            listed.push(name.to_owned());
        } else {
            let near = config::near(name, names.iter().map(String::as_str));
            missing.push((name.to_owned(), near.map(str::to_owned)));
        }
    }
    (listed, missing)
}

/// Tells whether this is the end of a name such as `claude-sonnet-4-20250514`.
fn is_date(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or_default();
    digits.len() == 8 && digits.bytes().all(|it| it.is_ascii_digit())
}

/// Prints a line for each of `findings`.
///
/// # Errors
///
/// When `out` cannot be written to.
pub(super) fn text(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    let width = findings.iter().map(|it| it.endpoint.len()).max();
    let width = width.unwrap_or_default();
    for finding in findings {
        let verdict = if finding.is_good() { "good" } else { "FAILS" };
        let (name, facts) = (&finding.endpoint, finding.facts());
        writeln!(out, "  {name:width$}  {verdict}  {facts}")?;
    }
    Ok(())
}
