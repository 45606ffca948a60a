//! Sends an answer at its pace, and breaks it where a fault says so.

use std::time::{Duration, Instant};

use breakerbox_actors::clock;

use super::dialect::Dialect;
use super::fault::{End, Fault};
use super::reply::{Body, Events, Reply};
use super::wire::{Gone, Wire};

/// Most bytes that are gathered into one write.
const GATHER: usize = 16 << 10;
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n";

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    KeepAlive,
    Close,
}

/// How an answer is to be sent.
pub(super) struct Delivery {
    /// When its first byte goes out.
    pub(super) first: Instant,
    /// What the provider says it took.
    pub(super) wait: Duration,
    /// Tokens per second. None: all at once.
    pub(super) pace: Option<f64>,
    pub(super) fault: Option<Fault>,
    pub(super) dialect: Dialect,
    pub(super) id: String,
    pub(super) keep_alive: bool,
    pub(super) head_only: bool,
}

impl Delivery {
    /// Sends `reply`; `Gone` when the client has left, or a fault has ended the connection.
    pub(super) async fn send(&self, wire: &mut Wire, reply: Reply) -> Result<Next, Gone> {
        let head = self.head(&reply);
        match reply.body {
            Body::Whole { text, tokens } => self.whole(wire, head, text, tokens).await,
            Body::Events(events) if self.fault == Some(Fault::Html) => {
                let tokens = events.tokens;
                self.whole(wire, head, String::new(), tokens).await
            }
            Body::Events(events) => self.stream(wire, head, &events).await,
        }
    }

    /// Status line and headers, without those of the framing and the empty line.
    fn head(&self, reply: &Reply) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, phrase(reply.status));
        let mut line = |name: &str, value: &str| {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        };
        for (name, value) in self.dialect.headers(&self.id, self.wait) {
            line(name, &value);
        }
        if !self.keep_alive {
            line("connection", "close");
        }
        for (name, value) in &reply.headers {
            line(name, value);
        }
        head
    }

    async fn whole(
        &self,
        wire: &mut Wire,
        head: String,
        text: String,
        tokens: usize,
    ) -> Result<Next, Gone> {
        let mut kind = "application/json";
        let half = text.len() / 2;
        let body = match self.fault {
            Some(Fault::ErrorEvent { .. }) => {
                self.dialect.broken(&self.id).to_string().into_bytes()
            }
            Some(
                Fault::Malformed { .. }
                | Fault::Cut {
                    end: End::Clean, ..
                },
            ) => text.into_bytes()[..half].to_vec(),
            Some(Fault::Html) => {
                kind = "text/html; charset=utf-8";
                PAGE.as_bytes().to_vec()
            }
            _ => text.into_bytes(),
        };
        let told = match self.fault {
            Some(Fault::WrongLength { by }) => wrong(body.len(), by),
            _ => body.len(),
        };
        let mut out = head.into_bytes();
        out.extend(format!("content-type: {kind}\r\ncontent-length: {told}\r\n\r\n").into_bytes());
        wire.wait_until(self.due(tokens)).await?;
        if self.head_only {
            wire.send(&out).await?;
            return Ok(Next::KeepAlive);
        }
        match self.fault {
            Some(Fault::Stall { .. }) => {
                out.extend_from_slice(&body[..half]);
                wire.send(&out).await?;
                Err(wire.wait_for_the_end().await)
            }
            Some(Fault::Cut { end, .. }) if end != End::Clean => {
                out.extend_from_slice(&body[..half]);
                wire.send(&out).await?;
                end_early(wire, end)
            }
            _ => {
                out.extend_from_slice(&body);
                wire.send(&out).await?;
                Ok(after_length(told, body.len()))
            }
        }
    }

    async fn stream(&self, wire: &mut Wire, head: String, events: &Events) -> Result<Next, Gone> {
        let mut out = head.into_bytes();
        let kind = events.kind;
        out.extend(format!("content-type: {kind}\r\ncache-control: no-cache\r\n").into_bytes());
        let lengths = match self.fault {
            Some(Fault::WrongLength { by }) => {
                let length = (0..events.count).map(|at| (events.event)(at).len()).sum();
                Some((length, wrong(length, by)))
            }
            _ => None,
        };
        match lengths {
            Some((_, told)) => out.extend(format!("content-length: {told}\r\n\r\n").into_bytes()),
            None => out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
        }
        wire.wait_until(self.first).await?;
        let chunked = lengths.is_none();
        for index in 0..events.count {
            match self.fault {
                Some(Fault::Stall { after }) if after == index => {
                    wire.send(&out).await?;
                    return Err(wire.wait_for_the_end().await);
                }
                Some(Fault::Cut { after, end }) if after == index => {
                    if end == End::Clean {
                        break;
                    }
                    wire.send(&out).await?;
                    return end_early(wire, end);
                }
                Some(Fault::ErrorEvent { after }) if after == index => {
                    frame(&mut out, &(events.error)(index), chunked);
                    break;
                }
                _ => {}
            }
            let due = self.due(events.due(index));
            if due > self.first && due > clock::now() {
                wire.send(&out).await?;
                out.clear();
                wire.wait_until(due).await?;
            } else if out.len() > GATHER {
                wire.send(&out).await?;
                out.clear();
            }
            let mut event = (events.event)(index);
            if self.fault == Some(Fault::Malformed { after: index }) {
                event = half_event(&event);
            }
            frame(&mut out, &event, chunked);
        }
        if chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        wire.send(&out).await?;
        Ok(lengths.map_or(Next::KeepAlive, |(length, told)| after_length(told, length)))
    }

    /// When `tokens` have been made since the first byte.
    fn due(&self, tokens: usize) -> Instant {
        let made = self.pace.map_or(0.0, |pace| tokens as f64 / pace);
        // A day bounds what a tiny pace can ask for.
        let wait = Duration::try_from_secs_f64(made.min(86_400.0)).unwrap_or_default();
        self.first + wait
    }
}

fn frame(out: &mut Vec<u8>, event: &str, chunked: bool) {
    if chunked {
        out.extend(format!("{:x}\r\n", event.len()).into_bytes());
    }
    out.extend_from_slice(event.as_bytes());
    if chunked {
        out.extend_from_slice(b"\r\n");
    }
}

/// The event without the second half of its text, still ended by a blank line.
fn half_event(event: &str) -> String {
    let text = event.trim_end();
    let half = text.floor_char_boundary(text.len() / 2);
    format!("{}\n\n", &text[..half])
}

fn wrong(length: usize, by: i64) -> usize {
    let step = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by < 0 {
        length.saturating_sub(step)
    } else {
        length.saturating_add(step)
    }
}

/// A body shorter than told can only be ended by closing.
fn after_length(told: usize, sent: usize) -> Next {
    if told > sent {
        Next::Close
    } else {
        Next::KeepAlive
    }
}

fn end_early(wire: &Wire, end: End) -> Result<Next, Gone> {
    if end == End::Reset {
        wire.reset();
        return Err(Gone);
    }
    Ok(Next::Close)
}

fn phrase(status: u16) -> &'static str {
    actix_web::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Simulated")
}
