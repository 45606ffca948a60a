//! The demo's own requests: over real HTTP, judged as a strict client would.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use awc::{Client, ClientResponse, Connector, http::header::HeaderMap};
use breakerbox_actors::clock;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::cast::FOREIGN;

/// Connections at once; more requests than this wait.
const CONNECTIONS: usize = 1_000;
/// How long a whole answer may take before the client gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked, in turn: path, model, whether as a stream.
const TURNS: [(&str, &str, bool); 13] = [
    ("chat/completions", "gpt-4.1", true),
    ("chat/completions", "gpt-4.1", false),
    ("chat/completions", "gpt-4.1-nano", true),
    ("embeddings", "text-embedding-3-small", false),
    ("chat/completions", "gpt-4.1", true),
    ("chat/completions", "gpt-4.1-mini", true),
    ("chat/completions", "gpt-4.1", false),
    ("chat/completions", "gpt-4.1-nano", false),
    ("chat/completions", "gpt-4.1", true),
    ("chat/completions", "gpt-4.1-mini", false),
    ("chat/completions", FOREIGN[0], true),
    ("chat/completions", FOREIGN[1], true),
    ("chat/completions", FOREIGN[0], false),
];
const QUESTIONS: [&str; 4] = [
    "Why do electrical panels have breakers?",
    "Tell me about lighthouses.",
    "What is the capital of Iceland?",
    "Write a haiku about patience.",
];

/// What became of the requests so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Requests that are over.
    pub(super) requests: u64,
    /// Those whose whole answer came.
    pub(super) ok: u64,
    /// Those that asked for a stream.
    pub(super) streams: u64,
    /// Those that took more than one attempt.
    pub(super) failed_over: u64,
    /// Those that another model answered.
    pub(super) fallbacks: u64,
    /// Those that a provider of another dialect answered.
    pub(super) translated: u64,
    /// How the others failed, and how often.
    pub(super) failures: BTreeMap<String, u64>,
    /// Requests under way.
    pub(super) open: u64,
}

/// A client that asks again and again. Lives on one thread.
pub(super) struct Traffic {
    client: Client,
    base: String,
    tally: RefCell<Tally>,
    open: Cell<u64>,
    ended: Notify,
}

impl Traffic {
    /// Returns a client of the gateway at `address`.
    pub(super) fn new(address: SocketAddr) -> Self {
        let connector = Connector::new().limit(CONNECTIONS);
        Self {
            client: Client::builder()
                .connector(connector)
                .timeout(PATIENCE)
                .finish(),
            base: format!("http://{address}/v1"),
            tally: RefCell::default(),
            open: Cell::new(0),
            ended: Notify::new(),
        }
    }

    /// Asks `rate` times a second, for ever.
    pub(super) async fn flow(self: Rc<Self>, rate: f64) {
        let gap = Duration::from_secs_f64(1.0 / rate);
        let mut due = clock::now();
        for number in 0_usize.. {
            // Never quite regular, as people are.
            due += gap.mul_f64(rand::rng().random_range(0.5..1.5));
            tokio::time::sleep_until(due.into()).await;
            let this = self.clone();
            self.open.set(self.open.get() + 1);
            actix_rt::spawn(async move { this.ask(number).await });
        }
    }

    /// Waits for requests under way, for `most` at most.
    pub(super) async fn rest(&self, most: Duration) {
        let all = async {
            while self.open.get() > 0 {
                self.ended.notified().await;
            }
        };
        // What is not over then is told as such.
        let _ = tokio::time::timeout(most, all).await;
    }

    /// Returns what became of the requests so far.
    pub(super) fn tally(&self) -> Tally {
        Tally {
            open: self.open.get(),
            ..self.tally.borrow().clone()
        }
    }

    async fn ask(&self, number: usize) {
        let (path, model, stream) = TURNS[number % TURNS.len()];
        let question = QUESTIONS[number % QUESTIONS.len()];
        let body = match path {
            "embeddings" => json!({ "model": model, "input": question }),
            _ => json!({
                "model": model,
                "stream": stream,
                "messages": [{ "role": "user", "content": question }],
            }),
        };
        let url = format!("{}/{path}", self.base);
        let asking = async {
            let answer = self.client.post(url).send_json(&body).await;
            let mut answer = answer.map_err(|error| format!("no answer: {error}"))?;
            self.note(answer.headers());
            judge(&mut answer, stream).await?;
            self.tally.borrow_mut().translated += u64::from(FOREIGN.contains(&model));
            Ok(())
        };
        let asked = tokio::time::timeout(PATIENCE, asking).await;
        let outcome = asked.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let mut tally = self.tally.borrow_mut();
        tally.requests += 1;
        tally.streams += u64::from(stream);
        match outcome {
            Ok(()) => tally.ok += 1,
            Err(how) => *tally.failures.entry(how).or_default() += 1,
        }
        self.open.set(self.open.get().saturating_sub(1));
        self.ended.notify_waiters();
        self.ended.notify_one();
    }

    fn note(&self, headers: &HeaderMap) {
        let header = |name| headers.get(name).and_then(|it| it.to_str().ok());
        let attempts = header("x-breakerbox-attempts").and_then(|it| it.parse::<u32>().ok());
        let mut tally = self.tally.borrow_mut();
        tally.failed_over += u64::from(attempts.is_some_and(|it| it > 1));
        tally.fallbacks += u64::from(header("x-breakerbox-fallback").is_some());
    }
}

/// Reads the answer to its end. *Errors*: what is wrong with it, in words that
/// repeat, so that they can be counted.
async fn judge(answer: &mut ClientResponse<impl Body>, stream: bool) -> Result<(), String> {
    let status = answer.status();
    let body = answer.body().await;
    let body = body.map_err(|error| format!("{status}, and then {error}"))?;
    if status != 200 {
        let code = serde_json::from_slice(&body).ok();
        let code = code.and_then(|it: Value| Some(it["error"]["code"].as_str()?.to_owned()));
        return Err(format!("{} {}", status.as_u16(), code.unwrap_or_default()));
    }
    let text = String::from_utf8_lossy(&body);
    if stream {
        stream_is_whole(&text)
    } else {
        answer_is_whole(&text)
    }
}

/// What awc asks of a body to collect it.
trait Body: futures_util::Stream<Item = Result<bytes::Bytes, awc::error::PayloadError>> {}
impl<S> Body for S where
    S: futures_util::Stream<Item = Result<bytes::Bytes, awc::error::PayloadError>>
{
}

fn answer_is_whole(text: &str) -> Result<(), String> {
    let body: Value = serde_json::from_str(text).map_err(|_| "200 that is no JSON".to_owned())?;
    let said = &body["choices"][0]["message"]["content"];
    let said = said.as_str().is_some_and(|it| !it.is_empty());
    let numbers = &body["data"][0]["embedding"];
    let numbers = numbers.as_array().is_some_and(|it| !it.is_empty());
    match said || numbers {
        true => Ok(()),
        false => Err("200 without an answer".to_owned()),
    }
}

fn stream_is_whole(text: &str) -> Result<(), String> {
    let mut said = false;
    let mut last = "";
    for data in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        last = data.trim();
        if last == "[DONE]" {
            continue;
        }
        let event: Value =
            serde_json::from_str(last).map_err(|_| "stream with a broken event".to_owned())?;
        if !event["error"].is_null() {
            return Err("stream that broke".to_owned());
        }
        let delta = &event["choices"][0]["delta"]["content"];
        said |= delta.as_str().is_some_and(|it| !it.is_empty());
    }
    match (said, last) {
        (true, "[DONE]") => Ok(()),
        (_, "[DONE]") => Err("stream without an answer".to_owned()),
        _ => Err("stream without its end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELTA: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";

    #[test]
    fn only_a_whole_stream_counts() {
        let judge = |text: String| stream_is_whole(&text).err().unwrap_or_default();
        assert_eq!(judge(format!("{DELTA}: wait\n\ndata: [DONE]\n\n")), "");
        assert_eq!(judge(DELTA.to_owned()), "stream without its end");
        assert_eq!(judge(String::new()), "stream without its end");
        let done = "data: [DONE]\n\n";
        assert_eq!(judge(done.to_owned()), "stream without an answer");
        let error = "data: {\"error\":{\"message\":\"gone\"}}\n\n";
        assert_eq!(judge(format!("{DELTA}{error}")), "stream that broke");
        let half = "data: {\"choi\n\n";
        assert_eq!(
            judge(format!("{DELTA}{half}{done}")),
            "stream with a broken event"
        );
    }

    #[test]
    fn only_an_answer_with_something_in_it_counts() {
        let judge = |text: &str| answer_is_whole(text).is_ok();
        assert!(judge(r#"{"choices":[{"message":{"content":"hi"}}]}"#));
        assert!(judge(r#"{"data":[{"embedding":[0.5]}]}"#));
        assert!(!judge(r#"{"choices":[{"message":{"content":""}}]}"#));
        assert!(!judge(r#"{"error":{"message":"no"}}"#));
        assert!(!judge("<html>"));
    }
}
