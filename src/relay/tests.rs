//! What the tests of the relay share: streams written down as scripts, on a
//! clock that stands still unless everyone waits.

mod breaks;
mod cuts;
mod first;
mod silence;
mod translated;

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc, time::Duration};

use breakerbox_actors::clock;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::*;
use crate::dialect::{Api, Usage, translate::Translation};

/// A stream in several languages, with a comment, CRLF, data over two lines
/// and its usage where only the gateway asked for it.
pub(super) const CHAT: &str = concat!(
    ": hello, Ωκεανός\n\n",
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"日本語, русский\"}}],\"usage\":null}\r\n\r\n",
    "data:{\"choices\":[{\"delta\":{\"content\":\"عربي 🎉👩‍🚀 \\ud83c\\udf89 [DONE]\"}}]}\n\n",
    "id: 4\ndata: {\"choices\":\ndata: [{\"delta\":{\"content\":\"हिन्दी\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\n",
    "data: [DONE]\n\n",
);

pub(super) const USAGE: Usage = Usage {
    input: 12,
    output: 5,
    cached: 3,
    reasoning: 0,
    tier: None,
};

pub(super) const RESPONSE: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"created_at\":9,\"model\":\"m\"}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"привіт\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":12,\"input_tokens_details\":{\"cached_tokens\":3},\"output_tokens\":5}}}\n\n",
);

/// The events of `text`, each with its empty line.
pub(super) fn events(text: &str) -> Vec<&str> {
    let mut events = Vec::new();
    let mut rest = text;
    while let Some(end) = ["\n\n", "\r\n\r\n"]
        .iter()
        .filter_map(|empty| Some(rest.find(empty)? + empty.len()))
        .min()
    {
        events.push(&rest[..end]);
        rest = &rest[end..];
    }
    assert!(rest.is_empty());
    events
}

pub(super) fn without_usage(text: &str) -> String {
    let kept = events(text)
        .into_iter()
        .filter(|event| !event.contains("\"choices\":[],"));
    kept.collect()
}

/// Runs `future` on a paused clock.
pub(super) fn paused<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What an upstream does next.
#[derive(Clone)]
pub(super) enum Step {
    /// Sends bytes.
    Send(Bytes),
    /// Breaks.
    Break,
    /// Is silent for so long.
    Wait(Duration),
    /// Is silent for ever.
    Hang,
}

pub(super) fn send(text: &str) -> Step {
    Step::Send(Bytes::copy_from_slice(text.as_bytes()))
}

/// Scripted upstreams break with a word.
impl From<&'static str> for StreamEnd {
    fn from(_: &'static str) -> Self {
        Self::UpstreamError
    }
}

pub(super) type Body = Pin<Box<dyn Stream<Item = Result<Bytes, &'static str>>>>;

pub(super) fn upstream(steps: impl IntoIterator<Item = Step>) -> Body {
    let steps: Vec<Step> = steps.into_iter().collect();
    Box::pin(stream::unfold(steps.into_iter(), |mut steps| async {
        loop {
            match steps.next()? {
                Step::Send(bytes) => return Some((Ok(bytes), steps)),
                Step::Break => return Some((Err("reset"), steps)),
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Hang => std::future::pending().await,
            }
        }
    }))
}

pub(super) fn settings(api: Api) -> Settings {
    Settings {
        sent: api,
        asked: api,
        forward_usage: false,
        keep_alive: KEEP_ALIVE,
        idle_timeout: Some(secs(30)),
        event_timeout: secs(600),
    }
}

/// What a finish was told, in order.
pub(super) type Told = Rc<RefCell<Vec<(StreamEnd, Option<Usage>)>>>;

pub(super) fn teller(told: &Told) -> impl FnOnce(StreamEnd, Option<Usage>) + use<> {
    let told = Rc::clone(told);
    move |end, usage| told.borrow_mut().push((end, usage))
}

/// A chat whose `body` nobody has read of; tells `told` how it ended.
pub(super) fn chat<S>(
    body: S,
    told: &Told,
) -> Relay<S, impl FnOnce(StreamEnd, Option<Usage>) + use<S>> {
    Relay::new(
        Primed::unread(body),
        settings(Api::ChatCompletions),
        teller(told),
    )
}

/// What a client saw of a stream.
pub(super) struct Seen {
    pub(super) bytes: String,
    /// Each write, with the time since the start.
    pub(super) writes: Vec<(Duration, String)>,
    pub(super) end: StreamEnd,
    pub(super) usage: Option<Usage>,
    /// When the stream was over.
    pub(super) took: Duration,
}

/// Relays `steps` to a client that reads all of it.
pub(super) fn relayed(settings: Settings, steps: impl IntoIterator<Item = Step>) -> Seen {
    let body = upstream(steps);
    paused(async move {
        let told = Told::default();
        let start = clock::now();
        let mut relay = Relay::new(Primed::unread(body), settings, teller(&told));
        if settings.sent != settings.asked {
            let (sent, asked) = (settings.sent, settings.asked);
            relay = relay.translated(Translation::new(sent, asked, settings.forward_usage, 9));
        }
        let mut writes = Vec::new();
        let mut bytes = Vec::new();
        while let Some(Ok(write)) = relay.next().await {
            assert!(!write.is_empty());
            bytes.extend_from_slice(&write);
            let text = String::from_utf8_lossy(&write).into_owned();
            writes.push((clock::now() - start, text));
        }
        let took = clock::now() - start;
        assert!(relay.next().await.is_none(), "over is over");
        let told = told.borrow();
        let [(end, usage)] = told[..] else {
            panic!("told {} times", told.len());
        };
        Seen {
            bytes: String::from_utf8(bytes).unwrap(),
            writes,
            end,
            usage,
            took,
        }
    })
}

/// Splits off the error event at the end, whose message and code it returns.
pub(super) fn split_error(seen: &str) -> (&str, String, String) {
    let at = seen.rfind("data: {\"error\"").unwrap();
    let json = seen[at..].strip_prefix("data: ").unwrap();
    let json: serde_json::Value = serde_json::from_str(json.strip_suffix("\n\n").unwrap()).unwrap();
    let text = |name: &str| json["error"][name].as_str().unwrap().to_owned();
    (&seen[..at], text("message"), text("code"))
}
