//! One request and the head of its answer, on one connection.

use std::{
    io,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_http::{Method, StatusCode};
use breakerbox_actors::clock;

use super::{
    connection::Connection,
    error::SendError,
    head::{self, Head},
};

/// How long an answer is awaited once the request can no longer be written.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How soon after sending a connection must be lost to pass for one that had
/// been closed before. A little more than the slowest round trip; later, the
/// endpoint has worked on the request, and a second one may be billed twice.
const STALE: Duration = Duration::from_secs(2);
/// Interim answers (100, 103) that are skipped before one exchange is absurd.
const MAX_INTERIM: u32 = 16;

/// Writes the loaded request and reads the head of the answer, both at once.
///
/// Both at once because an endpoint may refuse an upload it has not read: its
/// 401 or 413 is worth more than the broken pipe that follows it.
pub(super) struct Exchange<'a> {
    asked: &'a Method,
    started: Instant,
    /// When the answer's head must be there, and what it means if it is not.
    deadline: Instant,
    is_total: bool,
    lull: Duration,
    lost: Option<(io::Error, Instant)>,
    interim: u32,
    answered: bool,
}

impl<'a> Exchange<'a> {
    /// Prepares to read the answer to a request with the method `asked` that
    /// starts now.
    pub(super) fn new(
        asked: &'a Method,
        started: Instant,
        first_byte: Duration,
        total: Option<Instant>,
        lull: Duration,
    ) -> Self {
        let own = started + first_byte;
        let (deadline, is_total) = match total {
            Some(total) if total < own => (total, true),
            _ => (own, false),
        };
        Self {
            asked,
            started,
            deadline,
            is_total,
            lull,
            lost: None,
            interim: 0,
            answered: false,
        }
    }

    /// Whether `error` may only mean that the endpoint had closed a kept
    /// connection before the request reached it: the connection was lost at
    /// once, before any byte of an answer. Then, and only then, the request may
    /// be sent again.
    pub(super) fn was_stale(&self, error: &SendError) -> bool {
        !self.answered
            && error.is_lost_connection()
            && clock::now().saturating_duration_since(self.started) < STALE
    }

    /// Ready with the head of the final answer.
    ///
    /// # Errors
    ///
    /// Every [`SendError`] but those of connecting.
    pub(super) fn poll(
        &mut self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, SendError>> {
        if self.lost.is_none()
            && let Poll::Ready(Err(error)) = connection.poll_write(cx)
        {
            self.lost = Some((error, clock::now() + LAST_WORD));
        }
        loop {
            match connection.poll_read(cx, 0) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.ended(connection, None))),
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(self.ended(connection, Some(error))));
                }
                Poll::Ready(Ok(_)) => {
                    self.answered = true;
                    match self.final_head(connection) {
                        Ok(None) => {}
                        Ok(Some(head)) => return Poll::Ready(Ok(head)),
                        Err(reason) => {
                            return Poll::Ready(Err(SendError::MalformedHead(reason)));
                        }
                    }
                }
                Poll::Pending => return self.poll_deadline(connection, cx).map(Err),
            }
        }
    }

    fn final_head(&mut self, connection: &mut Connection) -> Result<Option<Head>, &'static str> {
        loop {
            match head::parse(&mut connection.inbound, self.asked)? {
                Some(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                    return Err("protocol switched unasked");
                }
                Some(head) if head.status.is_informational() => {
                    self.interim += 1;
                    if self.interim > MAX_INTERIM {
                        return Err("too many interim answers");
                    }
                }
                head => return Ok(head),
            }
        }
    }

    /// What an end of the connection before a whole head means.
    fn ended(&mut self, connection: &Connection, error: Option<io::Error>) -> SendError {
        if !connection.inbound.is_empty() {
            return SendError::TruncatedHead;
        }
        match (self.lost.take(), error) {
            (Some((error, _)), _) => SendError::Write(error),
            (None, Some(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                SendError::Reset(error)
            }
            (None, _) => SendError::Closed,
        }
    }

    fn poll_deadline(
        &mut self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Poll<SendError> {
        let deadline = match &self.lost {
            Some((_, until)) => self.deadline.min(*until),
            None => self.deadline,
        };
        connection.alarm.poll(cx, deadline, self.lull).map(|()| {
            if let Some((error, _)) = self.lost.take() {
                SendError::Write(error)
            } else if self.is_total {
                SendError::Deadline
            } else if connection.is_writing() {
                SendError::WriteTimeout
            } else {
                SendError::FirstByteTimeout
            }
        })
    }
}
