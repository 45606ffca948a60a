//! The relay itself.

mod translated;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;

use super::{
    Finish, Primed, StreamEnd,
    edit::Edit,
    silence::{Due, Silence},
    voice::Voice,
};
use crate::{
    dialect::{
        Api, EventJudge, Judged, Kind, Reported, Usage, sse::Splitter, translate::Translation,
    },
    error::GatewayError,
    redaction::Redaction,
};

/// How long a client is left in silence before it gets a sign of life: well
/// below the 30 s and more after which clients and what is between give up.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long the upstream may take to close after its terminal event. A
/// connection that closes its body in time can serve again; the client's own
/// end of the stream waits for it.
const LINGER: Duration = Duration::from_millis(50);

/// How a stream is to be relayed.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The call the upstream answers.
    pub sent: Api,
    /// The call the client made; another one where the stream is translated.
    pub asked: Api,
    /// Whether the client asked for the chunk with the usage.
    pub forward_usage: bool,
    /// Silence after which the client gets a sign of life, each time anew;
    /// usually [`KEEP_ALIVE`].
    pub keep_alive: Duration,
    /// Silence of the upstream, in bytes, after which the stream has failed;
    /// `None` if the body itself keeps that time.
    pub idle_timeout: Option<Duration>,
    /// How long the upstream may be waited for without an event, whatever else
    /// it sends: comments and pings say that it works, and not that it ends.
    pub event_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The terminal event has yet to come.
    Flowing,
    /// The answer is whole; what may follow is passed on as it is.
    Complete,
    /// There is nothing more to come.
    Over,
}

/// A stream to the client; see the [module](super).
///
/// Never yields an error: a stream that breaks ends with an error event.
pub struct Relay<S, F> {
    settings: Settings,
    phase: Phase,
    seen: Bytes,
    body: Option<S>,
    splitter: Splitter,
    ends: Vec<usize>,
    finish: Option<F>,
    judge: EventJudge,
    usage: Option<Usage>,
    /// Whether the last read brought an event.
    spoke: bool,
    /// Whether the answer is whole if nothing follows.
    may_end: bool,
    voice: Voice,
    translation: Option<Box<Translation>>,
    /// The last event was left out and ended with a CR.
    left_out_cr: bool,
    /// What a provider's errors must not show.
    redaction: Redaction,
    stop: Option<Pin<Box<dyn Future<Output = ()>>>>,
    silence: Silence,
}

impl<S, F> Relay<S, F> {
    /// Relays `primed`, and tells `finish` how it ended.
    pub fn new(primed: Primed<S>, settings: Settings, finish: F) -> Self {
        Self {
            settings,
            phase: Phase::Flowing,
            seen: primed.seen,
            body: primed.body,
            splitter: Splitter::default(),
            ends: Vec::new(),
            finish: Some(finish),
            judge: EventJudge::new(settings.sent),
            usage: None,
            spoke: false,
            may_end: false,
            voice: Voice::new(settings.asked),
            translation: None,
            left_out_cr: false,
            redaction: Redaction::default(),
            stop: None,
            silence: Silence::default(),
        }
    }

    /// Keeps out of the provider's errors what `redaction` takes out of them.
    #[must_use]
    pub fn without(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Tells the client in its own dialect what the upstream says in another.
    #[must_use]
    pub fn translated(mut self, translation: Translation) -> Self {
        self.translation = Some(Box::new(translation));
        self
    }

    /// Ends the stream with an error event once `stop` is ready, should it
    /// still run then: the end of the shutdown's grace.
    #[must_use]
    pub fn until(mut self, stop: impl Future<Output = ()> + 'static) -> Self {
        self.stop = Some(Box::pin(stop));
        self
    }
}

impl<S, F: Finish> Relay<S, F> {
    /// Takes one read; returns what is for the client now, maybe nothing.
    fn take(&mut self, read: &Bytes) -> Bytes {
        if self.translation.is_some() {
            return self.take_translated(read);
        }
        let mut ends = std::mem::take(&mut self.ends);
        let mut edit = Edit::new(self.splitter.push(read, &mut ends));
        let mut from = 0;
        for &end in &ends {
            if self.phase != Phase::Flowing {
                break;
            }
            let bytes = edit.bytes(from, end);
            // A read may cut off the LF of the CR that ended the event before;
            // it shares that event's fate.
            let start = from + usize::from(bytes.len() > 1 && bytes[0] == b'\n');
            let ends_with_cr = bytes.last() == Some(&b'\r');
            let event = self.judge.event(bytes);
            if std::mem::take(&mut self.left_out_cr) {
                edit.leave_out(from, start);
            }
            match self.note(event) {
                Kind::Silent | Kind::Content | Kind::MayEnd => {}
                Kind::UsageOnly if self.settings.forward_usage => {}
                Kind::UsageOnly => {
                    edit.leave_out(start, end);
                    self.left_out_cr = ends_with_cr;
                }
                Kind::Terminal => self.complete(),
                Kind::Unfinished => {
                    return edit.cut_with(start, &self.break_off(StreamEnd::Truncated));
                }
                Kind::Malformed => {
                    return edit.cut_with(start, &self.break_off(StreamEnd::Malformed));
                }
                Kind::Error {
                    reported,
                    in_form: true,
                } => {
                    self.end(StreamEnd::ErrorEvent(reported.blame));
                    let error = Bytes::copy_from_slice(edit.bytes(start, end));
                    return edit.cut_with(start, &self.redaction.bytes(error));
                }
                Kind::Error { reported, .. } => {
                    let error = self.pass_on(reported);
                    return edit.cut_with(start, &error);
                }
            }
            from = end;
        }
        self.ends = ends;
        let whole = edit.len();
        if self.splitter.is_overlong() {
            return edit.cut_with(whole, &self.give_up(StreamEnd::TooLarge));
        }
        edit.cut(whole)
    }

    /// Takes the end of the body; returns the last bytes for the client.
    fn take_end(&mut self) -> Bytes {
        let rest = self.splitter.take_rest();
        if self.phase != Phase::Flowing {
            self.close();
            return match self.translation {
                Some(_) => Bytes::new(),
                None => rest,
            };
        }
        if self.translation.is_some() {
            return self.take_translated_end(&rest);
        }
        let event = self.judge.event(&rest);
        match self.note(event) {
            Kind::Terminal | Kind::MayEnd => {
                self.complete();
                self.close();
                finished(rest)
            }
            Kind::Silent if self.may_end => {
                self.complete();
                self.close();
                rest
            }
            Kind::Error {
                reported,
                in_form: true,
            } => {
                self.end(StreamEnd::ErrorEvent(reported.blame));
                finished(self.redaction.bytes(rest))
            }
            Kind::Error { reported, .. } => self.pass_on(reported),
            Kind::Silent | Kind::Content | Kind::UsageOnly | Kind::Unfinished | Kind::Malformed => {
                self.break_off(StreamEnd::Truncated)
            }
        }
    }

    /// Keeps what later events or the report need; returns what is left to do.
    fn note(&mut self, mut event: Judged) -> Kind {
        self.usage = event.usage.or(self.usage);
        self.spoke |= event.kind != Kind::Silent;
        self.may_end = match event.kind {
            Kind::Silent => self.may_end,
            ref kind => *kind == Kind::MayEnd,
        };
        if self.translation.is_none() {
            self.voice.note(&mut event);
        }
        event.kind
    }

    /// The answer is whole. Told at once, since clients may leave now.
    fn complete(&mut self) {
        self.phase = Phase::Complete;
        self.tell(StreamEnd::Complete);
    }

    /// Ends the stream, whose last event has been told or is on its way.
    fn end(&mut self, end: StreamEnd) {
        self.tell(end);
        self.close();
    }

    /// Ends the stream, and returns the event that tells the client.
    fn break_off(&mut self, end: StreamEnd) -> Bytes {
        self.end(end);
        self.voice.error(&GatewayError::StreamBroken(end))
    }

    /// Breaks off, unless the answer is whole already: then nothing is amiss.
    fn give_up(&mut self, end: StreamEnd) -> Bytes {
        if self.may_end && self.phase == Phase::Flowing {
            let mut out = Vec::new();
            if let Err(end) = self.finish_translation(&mut out) {
                out.extend_from_slice(&self.break_off(end));
                return out.into();
            }
            self.complete();
            self.close();
            return out.into();
        }
        match self.phase {
            Phase::Flowing => self.break_off(end),
            Phase::Complete | Phase::Over => {
                self.close();
                Bytes::new()
            }
        }
    }

    /// Ends the stream with a provider's error, and returns the event that
    /// tells the client in a form it knows.
    fn pass_on(&mut self, reported: Reported) -> Bytes {
        self.end(StreamEnd::ErrorEvent(reported.blame));
        let reported = self.redaction.reported(reported);
        self.voice.error(&GatewayError::Reported(reported))
    }

    fn tell(&mut self, end: StreamEnd) {
        if let Some(finish) = self.finish.take() {
            finish.finish(end, self.usage);
        }
    }

    /// Lets go of the upstream: nothing more of it is wanted.
    fn close(&mut self) {
        self.phase = Phase::Over;
        self.body = None;
    }

    /// The upstream is silent: returns what that means for the client once it
    /// means something, and wakes the task then.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        if let Some(stop) = &mut self.stop
            && stop.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(self.give_up(StreamEnd::Stopped));
        }
        let (limit, sign) = match self.phase {
            Phase::Flowing => {
                let quiet = self.silence.quiet();
                let left = self.settings.event_timeout.saturating_sub(quiet);
                let limit = self.settings.idle_timeout.unwrap_or(left).min(left);
                (limit, Some(self.settings.keep_alive))
            }
            Phase::Complete | Phase::Over => (LINGER, None),
        };
        Poll::Ready(match ready!(self.silence.poll(cx, limit, sign)) {
            Due::Limit => self.give_up(StreamEnd::IdleTimeout),
            Due::Sign => self.voice.sign_of_life(),
        })
    }
}

impl<S, E, F> Stream for Relay<S, F>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<StreamEnd>,
    F: Finish + Unpin,
{
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.phase == Phase::Over {
                return Poll::Ready(None);
            }
            let read = match (std::mem::take(&mut this.seen), &mut this.body) {
                (seen, _) if !seen.is_empty() => Poll::Ready(Some(Ok(seen))),
                (_, Some(body)) => Pin::new(body).poll_next(cx),
                (_, None) => Poll::Ready(None),
            };
            let out = match read {
                Poll::Ready(Some(Ok(read))) => {
                    this.spoke = false;
                    let out = this.take(&read);
                    this.silence.upstream_sent(this.spoke);
                    out
                }
                Poll::Ready(Some(Err(error))) => this.give_up(error.into()),
                Poll::Ready(None) => this.take_end(),
                Poll::Pending => ready!(this.poll_silence(cx)),
            };
            if !out.is_empty() {
                this.silence.client_got();
                return Poll::Ready(Some(Ok(out)));
            }
        }
    }
}

/// Adds what is missing of an event's last line and of the empty one behind
/// it: by the letter, an event without them does not count.
fn finished(event: Bytes) -> Bytes {
    let missing: &[u8] = match event.last() {
        Some(b'\n') => b"\n",
        _ => b"\n\n",
    };
    let whole = event.len();
    Edit::new(event).cut_with(whole, missing)
}
