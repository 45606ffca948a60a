//! The body of an answer, read only as fast as it is asked for.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use breakerbox_actors::clock;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};

use super::{
    chunked::{Chunks, Piece},
    connection::Connection,
    error::BodyError,
    head::Framing,
    pool::Pool,
};

/// The first allocation for a body whose length is announced: an announcement
/// alone costs no more.
const FIRST_RESERVE: usize = 64 * 1024;
/// The first allocation for any other: most are short, and whole answers this
/// small are not counted while they are sent.
const LEAST_RESERVE: usize = 4 * 1024;

/// The body of an answer.
///
/// Reading it to its end returns the connection to the pool; dropping it
/// earlier closes the connection at once, so that the endpoint stops working
/// for nobody. After an error or the end it yields nothing more.
pub struct Body {
    framing: Framing,
    /// Read ahead by [`peek`](Self::peek), and how that ended if badly.
    peeked: Option<Bytes>,
    failed: Option<BodyError>,
    live: Option<Live>,
}

struct Live {
    connection: Box<Connection>,
    decoder: Decoder,
    /// Where the connection goes after the last byte; `None` closes it.
    home: Option<Home>,
    idle: Duration,
    lull: Duration,
    total: Option<Instant>,
    waiting_since: Option<Instant>,
}

pub(super) struct Home {
    pub(super) pool: Rc<Pool>,
    pub(super) origin: u64,
}

/// How long a body may take.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) idle: Duration,
    pub(super) lull: Duration,
    pub(super) total: Option<Instant>,
}

enum Decoder {
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

impl Decoder {
    fn next(&mut self, inbound: &mut BytesMut) -> Result<Piece, &'static str> {
        match self {
            Self::Chunked(chunks) => chunks.next(inbound),
            Self::Length(0) => Ok(Piece::End),
            _ if inbound.is_empty() => Ok(Piece::More),
            Self::UntilClose => Ok(Piece::Data(inbound.split().freeze())),
            Self::Length(left) => {
                let here = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(inbound.len());
                *left -= here as u64;
                Ok(Piece::Data(inbound.split_to(here).freeze()))
            }
        }
    }

    fn expected(&self) -> usize {
        let bytes = match self {
            Self::Length(left) => *left,
            Self::Chunked(chunks) => chunks.expected(),
            Self::UntilClose => 0,
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

impl Body {
    /// Returns the body that follows on `connection`.
    pub(super) fn new(
        framing: Framing,
        connection: Box<Connection>,
        home: Option<Home>,
        patience: Patience,
    ) -> Self {
        let decoder = match framing {
            Framing::Empty => Decoder::Length(0),
            Framing::Length(length) => Decoder::Length(length),
            Framing::Chunked => Decoder::Chunked(Chunks::new()),
            Framing::UntilClose => Decoder::UntilClose,
        };
        let mut body = Self {
            framing,
            peeked: None,
            failed: None,
            live: Some(Live {
                connection,
                decoder,
                home,
                idle: patience.idle,
                lull: patience.lull,
                total: patience.total,
                waiting_since: None,
            }),
        };
        body.finish_if_complete();
        body
    }

    /// How the end of this body is told.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Returns the beginning of the body: all of it, or at least `limit` bytes,
    /// or what came before it failed. Nothing is lost: what was peeked at, and
    /// the failure, are yielded again.
    pub async fn peek(&mut self, limit: usize) -> Bytes {
        if self.peeked.is_none() && self.failed.is_none() {
            let mut start = BytesMut::new();
            while start.len() < limit {
                match self.next().await {
                    Some(Ok(part)) => start.extend_from_slice(&part),
                    Some(Err(error)) => {
                        self.failed = Some(error);
                        break;
                    }
                    None => break,
                }
            }
            self.peeked = (!start.is_empty()).then(|| start.freeze());
        }
        self.peeked.clone().unwrap_or_default()
    }

    /// What went wrong while peeking, if anything did. A caller can then try
    /// elsewhere rather than pass on half an answer.
    pub fn failure(&self) -> Option<&BodyError> {
        self.failed.as_ref()
    }

    /// Returns the whole body if it has arrived already and no part of it was
    /// taken yet. A caller can then answer in one write.
    pub fn whole(&mut self) -> Option<Bytes> {
        if self.live.is_none() && self.failed.is_none() {
            let empty = || (self.framing == Framing::Empty).then(Bytes::new);
            return self.peeked.take().or_else(empty);
        }
        let Framing::Length(length) = self.framing else {
            return None;
        };
        let live = self.live.as_mut()?;
        let Decoder::Length(left) = &mut live.decoder else {
            return None;
        };
        let bytes = usize::try_from(length).ok()?;
        if *left != length || live.connection.inbound.len() < bytes {
            return None;
        }
        *left = 0;
        let body = live.connection.inbound.split_to(bytes).freeze();
        self.finish_if_complete();
        Some(body)
    }

    /// Reads to the end.
    ///
    /// # Errors
    ///
    /// What the stream yields; [`BodyError::TooLarge`] as soon as the body is
    /// known to exceed `limit` bytes.
    pub async fn collect(self, limit: usize) -> Result<Bytes, BodyError> {
        self.collect_within(limit, |_| true).await
    }

    /// Reads to the end, and asks `room` for every bit of memory first.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect), and [`BodyError::NoRoom`] when `room`
    /// says no.
    pub async fn collect_within(
        mut self,
        limit: usize,
        mut room: impl FnMut(usize) -> bool,
    ) -> Result<Bytes, BodyError> {
        let announced = match self.framing {
            Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            _ => 0,
        };
        if announced > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if let Some(body) = self.whole() {
            return if room(body.len()) {
                Ok(body)
            } else {
                Err(BodyError::NoRoom)
            };
        }
        let mut body = Vec::new();
        while let Some(part) = self.next().await {
            let part = part?;
            if part.len() > limit - body.len() {
                return Err(BodyError::TooLarge { limit });
            }
            let needed = body.len() + part.len();
            if needed > body.capacity() {
                // Exactly, and counted: what is taken is what there is room for.
                let grown = needed + needed / 2;
                let wanted = match announced {
                    0 => grown.max(LEAST_RESERVE),
                    announced => grown.max(FIRST_RESERVE).min(announced),
                };
                let more = wanted.max(needed) - body.capacity();
                if !room(more) {
                    return Err(BodyError::NoRoom);
                }
                body.reserve_exact(body.capacity() + more - body.len());
            }
            body.extend_from_slice(&part);
        }
        Ok(body.into())
    }

    /// Lets the connection go home when the last byte of a known length has
    /// been taken, without waiting to be polled once more.
    fn finish_if_complete(&mut self) {
        if matches!(&self.live, Some(live) if matches!(live.decoder, Decoder::Length(0))) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let Some(live) = self.live.take() else { return };
        if let Some(home) = live.home {
            home.pool.put(home.origin, live.connection, clock::now());
        }
    }
}

impl Live {
    /// Reads more; ready with `true` at the end of the connection.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BodyError>> {
        // An answer may begin before the request is written whole. If the rest
        // cannot be written, the read will tell.
        let _ = self.connection.poll_write(cx);
        let expected = self.decoder.expected();
        match self.connection.poll_read(cx, expected) {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(true)),
            // TLS that ends without saying so.
            Poll::Ready(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Err(BodyError::Truncated))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(BodyError::Reset(error))),
            Poll::Ready(Ok(_)) => {
                self.waiting_since = None;
                match self.total {
                    Some(total) if clock::now() >= total => Poll::Ready(Err(BodyError::Deadline)),
                    _ => Poll::Ready(Ok(false)),
                }
            }
            Poll::Pending => self.poll_patience(cx).map(Err),
        }
    }

    /// Is ready once this body has been waited for too long.
    ///
    /// Only waiting counts: a slow reader does not make its endpoint look idle.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let since = *self.waiting_since.get_or_insert_with(clock::now);
        let idle = since + self.idle;
        let (deadline, error) = match self.total {
            Some(total) if total < idle => (total, BodyError::Deadline),
            _ => (idle, BodyError::Idle),
        };
        let alarm = &mut self.connection.alarm;
        alarm.poll(cx, deadline, self.lull).map(|()| error)
    }
}

impl Stream for Body {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(start) = this.peeked.take() {
            return Poll::Ready(Some(Ok(start)));
        }
        if let Some(error) = this.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            let Some(live) = &mut this.live else {
                return Poll::Ready(None);
            };
            let error = match live.decoder.next(&mut live.connection.inbound) {
                Ok(Piece::Data(data)) => {
                    this.finish_if_complete();
                    return Poll::Ready(Some(Ok(data)));
                }
                Ok(Piece::End) => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Err(reason) => BodyError::Malformed(reason),
                Ok(Piece::More) => match live.poll_more(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(false)) => continue,
                    Poll::Ready(Ok(true)) if matches!(live.decoder, Decoder::UntilClose) => {
                        this.live = None;
                        return Poll::Ready(None);
                    }
                    Poll::Ready(Ok(true)) => BodyError::Truncated,
                    Poll::Ready(Err(error)) => error,
                },
            };
            this.live = None;
            return Poll::Ready(Some(Err(error)));
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("framing", &self.framing)
            .field("open", &self.live.is_some())
            .finish_non_exhaustive()
    }
}
