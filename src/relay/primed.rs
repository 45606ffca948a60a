//! A stream up to its first event: the last moment another endpoint can answer.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use breakerbox_actors::clock;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use crate::dialect::{
    Api, EventJudge, Kind, NotAnAnswer, Reported, judge_answer,
    sse::{MAX_EVENT, Splitter},
    translate::Beginning,
};

/// How long an answer that has begun may say nothing before its client is told
/// that it has.
const MOMENT: Duration = Duration::from_secs(2);

/// A stream whose first event has been seen, with all that has been read of it.
#[derive(Debug)]
pub struct Primed<S> {
    pub(super) seen: Bytes,
    /// `None` once it has ended; a body that has is not polled again.
    pub(super) body: Option<S>,
}

impl<S> Primed<S> {
    /// Takes a stream of which nothing has been read yet.
    pub fn unread(body: S) -> Self {
        Self {
            seen: Bytes::new(),
            body: Some(body),
        }
    }
}

/// Why a stream with status 200 is no answer at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirstFailure<E> {
    /// No event came in time.
    #[error("no event in time")]
    Timeout,
    /// Reading failed.
    #[error("reading failed")]
    Upstream(#[source] E),
    /// The first event is longer than [`MAX_EVENT`]: a limit of our own.
    #[error("the first event is too large")]
    TooLarge,
    /// The stream ended in the middle of its first event.
    #[error("the stream ended within its first event")]
    Truncated,
    /// What came is no answer: nothing, a page, not events, or an error.
    #[error(transparent)]
    NotAnAnswer(NotAnAnswer),
}

impl<E> FirstFailure<E> {
    /// Returns a fixed word for metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Upstream(_) => "upstream_error",
            Self::TooLarge => "too_large",
            Self::Truncated => "truncated",
            Self::NotAnAnswer(what) => what.label(),
        }
    }

    /// Returns what the provider said, if it reported an error.
    pub fn reported(&self) -> Option<&Reported> {
        match self {
            Self::NotAnAnswer(NotAnAnswer::Error(reported)) => Some(reported),
            _ => None,
        }
    }
}

/// Reads a stream of `api` up to its first event that is not a comment, and on
/// through what came with it, as long as that only begins an answer.
///
/// Nothing is lost: [`Relay`](super::Relay) hands out what was read here first.
/// `deadline` is on the clock of [`breakerbox_actors::clock`]; `None` waits
/// for as long as the body does.
///
/// # Errors
///
/// [`FirstFailure`] if the stream cannot be an answer; nothing has been sent
/// to the client then, and another endpoint may be asked. More than 1 MiB
/// of comments, or of what is no event, counts as malformed.
pub async fn first<S, E>(
    body: S,
    api: Api,
    deadline: Option<Instant>,
) -> Result<Primed<S>, FirstFailure<E>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let reading = pin!(read_first(body, api));
    match deadline {
        None => reading.await,
        Some(deadline) => tokio::time::timeout_at(deadline.into(), reading)
            .await
            .unwrap_or(Err(FirstFailure::Timeout)),
    }
}

/// Reads on for as long as nothing was said that a translation would tell, a
/// moment at most: a provider may begin an answer before it knows whether it has
/// the capacity.
///
/// A model that thinks for longer is not too slow: what was read is the answer
/// then, whatever comes of it. The moment is far below the [`KEEP_ALIVE`] after
/// which the client wants to be told something.
///
/// [`KEEP_ALIVE`]: super::KEEP_ALIVE
///
/// # Errors
///
/// [`FirstFailure`] if an error comes first, or the stream breaks; nothing has
/// been sent to the client then, and another endpoint may be asked.
pub async fn until_said<S, E>(
    mut primed: Primed<S>,
    sent: Api,
) -> Result<Primed<S>, FirstFailure<E>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let until = clock::now() + MOMENT;
    let mut splitter = Splitter::default();
    let (mut judge, mut beginning) = (EventJudge::new(sent), Beginning::new(sent));
    let mut ends = Vec::new();
    let mut read = primed.seen.clone();
    loop {
        let block = splitter.push(&read, &mut ends);
        let mut from = 0;
        for &end in &ends {
            let event = &block[from..end];
            if let Kind::Error { reported, .. } = judge.event(event).kind {
                let error = NotAnAnswer::Error(reported);
                return Err(FirstFailure::NotAnAnswer(error));
            }
            if beginning.says(event) {
                return Ok(primed);
            }
            from = end;
        }
        let Some(body) = &mut primed.body else {
            return Ok(primed);
        };
        // What is larger than an event may be is the relay's to judge.
        if primed.seen.len() > MAX_EVENT {
            return Ok(primed);
        }
        read = match tokio::time::timeout_at(until.into(), body.next()).await {
            Err(_) => return Ok(primed),
            Ok(Some(read)) => read.map_err(FirstFailure::Upstream)?,
            // An unfinished event may still be an error, or all there is.
            Ok(None) => {
                primed.body = None;
                return Ok(primed);
            }
        };
        primed.seen = joined(primed.seen, &read);
    }
}

async fn read_first<S, E>(mut body: S, api: Api) -> Result<Primed<S>, FirstFailure<E>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let mut splitter = Splitter::default();
    let mut judge = EventJudge::new(api);
    let mut ends = Vec::new();
    let mut seen = Bytes::new();
    while let Some(read) = body.next().await {
        let read = read.map_err(FirstFailure::Upstream)?;
        seen = joined(seen, &read);
        let block = splitter.push(&read, &mut ends);
        let (mut from, mut begun) = (0, false);
        for &end in &ends {
            let event = &block[from..end];
            begun |= check(api, judge.event(event).kind)?;
            // What is there already may be an error, for another endpoint to mend.
            if begun && !only_begins(api, event) {
                break;
            }
            from = end;
        }
        if begun {
            let body = Some(body);
            return Ok(Primed { seen, body });
        }
        if seen.trim_ascii_start().first() == Some(&b'<') {
            return Err(FirstFailure::NotAnAnswer(NotAnAnswer::Html));
        }
        if splitter.is_overlong() && is_event(&seen) {
            return Err(FirstFailure::TooLarge);
        }
        if splitter.is_overlong() || seen.len() > MAX_EVENT {
            return Err(FirstFailure::NotAnAnswer(NotAnAnswer::Malformed));
        }
    }
    let rest = splitter.take_rest();
    ended(api, &seen, &rest, judge.event(&rest).kind)?;
    Ok(Primed { seen, body: None })
}

/// Tells whether an event says no more than that there is a stream: Anthropic
/// says so before it knows whether it has the capacity.
fn only_begins(api: Api, event: &[u8]) -> bool {
    let names: [&[u8]; 2] = [b"event: message_start", b"event: ping"];
    api == Api::Messages && names.iter().any(|name| event.starts_with(name))
}

/// Tells whether what has come begins as events do.
fn is_event(seen: &[u8]) -> bool {
    let seen = seen.trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:"]
        .iter()
        .any(|field| seen.starts_with(field))
}

/// Tells whether the event is a first event, or why the stream is no answer.
fn check<E>(api: Api, kind: Kind) -> Result<bool, FirstFailure<E>> {
    let what = match kind {
        Kind::Silent => return Ok(false),
        Kind::Content | Kind::UsageOnly | Kind::MayEnd => return Ok(true),
        // A response may be so short that its end is its first event.
        Kind::Terminal if api == Api::Responses => return Ok(true),
        Kind::Terminal | Kind::Unfinished => NotAnAnswer::Empty,
        Kind::Error { reported, .. } => NotAnAnswer::Error(reported),
        Kind::Malformed => NotAnAnswer::Malformed,
    };
    Err(FirstFailure::NotAnAnswer(what))
}

/// Judges a stream that ended without an event; `rest` is its last, unfinished
/// one, of this kind.
fn ended<E>(api: Api, seen: &[u8], rest: &[u8], kind: Kind) -> Result<(), FirstFailure<E>> {
    match seen.trim_ascii().first() {
        None => Err(FirstFailure::NotAnAnswer(NotAnAnswer::Empty)),
        // Not a stream at all: an error, or an answer to someone who did not stream.
        Some(b'{') => Err(FirstFailure::NotAnAnswer(match judge_answer(api, seen) {
            Err(what) => what,
            Ok(_) => NotAnAnswer::Malformed,
        })),
        Some(_) => match kind {
            Kind::MayEnd => Ok(()),
            Kind::Terminal if api == Api::Responses => Ok(()),
            Kind::Error { reported, .. } => {
                Err(FirstFailure::NotAnAnswer(NotAnAnswer::Error(reported)))
            }
            // Text that is neither data nor a comment: no stream of events.
            Kind::Silent if !matches!(rest.first(), None | Some(b':')) => {
                Err(FirstFailure::NotAnAnswer(NotAnAnswer::Malformed))
            }
            Kind::Silent | Kind::Terminal | Kind::Unfinished => {
                Err(FirstFailure::NotAnAnswer(NotAnAnswer::Empty))
            }
            Kind::Content | Kind::UsageOnly | Kind::Malformed => Err(FirstFailure::Truncated),
        },
    }
}

/// Appends without copying in the usual case that there is nothing before.
fn joined(seen: Bytes, read: &Bytes) -> Bytes {
    if seen.is_empty() {
        return read.clone();
    }
    let mut joined = BytesMut::from(seen);
    joined.extend_from_slice(read);
    joined.freeze()
}
