//! Sends one request to one endpoint.

use std::{
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_http::{Method, StatusCode, uri::PathAndQuery};
use breakerbox_actors::clock;
use bytes::Bytes;

use super::{
    body::{Body, Home, Patience},
    connect::connect,
    connection::Connection,
    error::SendError,
    exchange::Exchange,
    head::AnswerHeaders,
    lines::Lines,
    origin::Origin,
    pool::{self, KeepAlive, Pool},
};

/// How long each part of a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Name resolution, TCP and TLS together.
    pub connect: Duration,
    /// From the connection being there to the answer's whole head.
    pub first_byte: Duration,
    /// Without a byte of the body while the caller waits for one.
    pub idle: Duration,
    /// When the answer's head must be there, whatever else holds.
    pub head: Option<Instant>,
    /// When the whole call, its body included, must be over.
    pub total: Option<Instant>,
}

impl Deadlines {
    /// Returns when the head must be there for the whole call's sake.
    fn until(&self) -> Option<Instant> {
        [self.head, self.total].into_iter().flatten().min()
    }
}

/// One request.
#[derive(Debug)]
pub struct Call<'a> {
    /// Where it goes.
    pub origin: &'a Arc<Origin>,
    /// The method.
    pub method: Method,
    /// The full path, base path included, and the query.
    pub path: &'a PathAndQuery,
    /// Header lines, written one group after the other. `Host` and
    /// `Content-Length` are added.
    pub headers: &'a [&'a Lines],
    /// The body; kept until an answer begins, to be sent again if need be.
    pub body: Bytes,
    /// How long it may take.
    pub deadlines: Deadlines,
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub struct Answer {
    /// The status; never 1xx.
    pub status: StatusCode,
    /// The header lines.
    pub headers: AnswerHeaders,
    /// The body, still to be read.
    pub body: Body,
    /// Whether it came over a connection that had served before.
    pub reused: bool,
}

/// An HTTP/1.1 client for one thread; cheap to clone.
///
/// It never follows redirects, never decompresses and never asks for an
/// upgrade. Dropping the future of [`send`](Self::send) closes its connection.
#[derive(Clone)]
pub struct Client {
    pool: Rc<Pool>,
}

impl Client {
    /// Returns a client without connections. Must be called inside an actix
    /// system, on the thread that will use it.
    pub fn new(keep: KeepAlive) -> Self {
        let pool = Pool::new(keep);
        actix_rt::spawn(pool::sweep(Rc::downgrade(&pool), keep.idle));
        Self { pool }
    }

    /// Sends `call` and waits for the head of the answer.
    ///
    /// A request that loses its kept connection at once, before one byte of an
    /// answer, is sent once more on a fresh connection: endpoints close idle
    /// connections whenever they like, and the request raced with that.
    ///
    /// # Errors
    ///
    /// [`SendError`] names the phase that failed.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, SendError> {
        let now = clock::now();
        if let Some(connection) = self.pool.take(call.origin, now) {
            match self.exchange(connection, &call, now, true).await {
                Err(failed) if failed.may_be_stale => self.pool.distrust(call.origin),
                done => return done.map_err(|failed| failed.error),
            }
        }
        let own = clock::now() + call.deadlines.connect;
        let (deadline, is_total) = match call.deadlines.until() {
            Some(total) if total < own => (total, true),
            _ => (own, false),
        };
        // Seldom, and large: boxed, it is no part of every request.
        let io = match Box::pin(connect(call.origin, deadline)).await {
            Err(SendError::ConnectTimeout(_)) if is_total => return Err(SendError::Deadline),
            io => io?,
        };
        let now = clock::now();
        let fresh = Box::new(Connection::new(io, now));
        let done = self.exchange(fresh, &call, now, false).await;
        done.map_err(|failed| failed.error)
    }

    async fn exchange(
        &self,
        mut connection: Box<Connection>,
        call: &Call<'_>,
        now: Instant,
        reused: bool,
    ) -> Result<Answer, Failed> {
        connection.load(&call.body, |head| write_head(head, call));
        let Deadlines {
            first_byte,
            idle,
            total,
            ..
        } = call.deadlines;
        let lull = first_byte.min(idle);
        let until = call.deadlines.until();
        let mut exchange = Exchange::new(&call.method, now, first_byte, until, lull);
        let head = match poll_fn(|cx| exchange.poll(&mut connection, cx)).await {
            Ok(head) => head,
            Err(error) => {
                return Err(Failed {
                    may_be_stale: exchange.was_stale(&error),
                    error,
                });
            }
        };
        let home = head.persistent.then(|| Home {
            pool: Rc::clone(&self.pool),
            origin: call.origin.id(),
        });
        let patience = Patience { idle, lull, total };
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: Body::new(head.framing, connection, home, patience),
            reused,
        })
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

struct Failed {
    error: SendError,
    /// If the connection was a kept one, whether that may be all there was to it.
    may_be_stale: bool,
}

fn write_head(head: &mut Vec<u8>, call: &Call<'_>) {
    let mut put = |part: &[u8]| head.extend_from_slice(part);
    put(call.method.as_str().as_bytes());
    put(b" ");
    put(call.path.as_str().as_bytes());
    put(b" HTTP/1.1\r\nhost: ");
    put(call.origin.authority().as_bytes());
    put(b"\r\n");
    for lines in call.headers {
        put(lines.as_bytes());
    }
    let says_nothing = matches!(call.method, Method::GET | Method::HEAD);
    if !(says_nothing && call.body.is_empty()) {
        put(b"content-length: ");
        put_number(&mut put, call.body.len());
        put(b"\r\n");
    }
    put(b"\r\n");
}

/// Writes `number` in decimal without allocating.
fn put_number(put: &mut impl FnMut(&[u8]), mut number: usize) {
    // 20 digits hold a u64.
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    put(&digits[start..]);
}

#[cfg(test)]
mod tests;
