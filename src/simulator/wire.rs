//! HTTP/1.1 by hand on one connection: requests in, bytes out, and a way to wait that sees the client leave.

use std::io;
use std::pin::pin;
use std::time::Instant;

use breakerbox_actors::clock;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest head, in bytes.
const HEAD: usize = 64 << 10;
/// Largest body, and most that a client may send ahead, in bytes.
const BODY: usize = 64 << 20;
/// Most header lines.
const LINES: usize = 100;

/// The other side has left, or is not understood: there is nothing more to do on this connection.
#[derive(Debug)]
pub(super) struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// A request, read whole.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without query.
    pub(super) path: String,
    /// After the `?`, else empty.
    pub(super) query: String,
    /// Names in small letters, in their order.
    headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// Whether the client will send another request on the connection.
    pub(super) keep_alive: bool,
}

impl Request {
    /// The first header of this name, in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the head says about the bytes after it.
struct Head {
    request: Request,
    length: usize,
    chunked: bool,
    expects: bool,
}

/// One accepted connection.
pub(super) struct Wire {
    stream: TcpStream,
    /// Read and not yet used.
    ahead: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            ahead: BytesMut::new(),
        }
    }

    /// Reads the next request; `Gone` when the client closed instead, or sent what is no HTTP/1.
    pub(super) async fn request(&mut self) -> Result<Request, Gone> {
        let head = loop {
            if let Some((head, length)) = parse(&self.ahead)? {
                self.ahead.advance(length);
                break head;
            }
            if self.ahead.len() > HEAD {
                return Err(Gone);
            }
            self.fill().await?;
        };
        let mut request = head.request;
        if head.expects {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = if head.chunked {
            self.chunks().await?
        } else {
            self.exactly(head.length).await?
        };
        Ok(request)
    }

    /// Sends all of `bytes`.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Waits until `at`, or until the client is gone. What the client sends meanwhile is kept.
    pub(super) async fn wait_until(&mut self, at: Instant) -> Result<(), Gone> {
        if at <= clock::now() {
            // The timer counts in milliseconds, rounded up.
            return Ok(());
        }
        let mut sleep = pin!(tokio::time::sleep_until(at.into()));
        loop {
            tokio::select! {
                () = &mut sleep => return Ok(()),
                filled = self.fill() => filled?,
            }
        }
    }

    /// Waits until the client is gone.
    pub(super) async fn wait_for_the_end(&mut self) -> Gone {
        loop {
            if let Err(gone) = self.fill().await {
                return gone;
            }
        }
    }

    /// Sends what is under way and then closes in order; never blocks for long, since the client may not read.
    pub(super) async fn finish(&mut self) {
        // What the client sent ahead would turn the close into a reset, and that could overtake the answer.
        while matches!(self.stream.try_read_buf(&mut self.ahead), Ok(read) if read > 0) {
            self.ahead.clear();
        }
        drop(self.stream.shutdown().await);
    }

    /// Makes the close that follows a TCP reset.
    pub(super) fn reset(&self) {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "no reset possible; the connection is closed instead");
        }
    }

    async fn fill(&mut self) -> Result<(), Gone> {
        let read = self.stream.read_buf(&mut self.ahead).await?;
        if read == 0 || self.ahead.len() > HEAD + BODY {
            return Err(Gone);
        }
        Ok(())
    }

    async fn exactly(&mut self, length: usize) -> Result<Bytes, Gone> {
        if length > BODY {
            return Err(Gone);
        }
        while self.ahead.len() < length {
            self.fill().await?;
        }
        Ok(self.ahead.split_to(length).freeze())
    }

    async fn chunks(&mut self) -> Result<Bytes, Gone> {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| Gone)?;
            if size == 0 {
                // Trailers, if any, end with an empty line.
                while !self.line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            if size > BODY || body.len() + size > BODY {
                return Err(Gone);
            }
            body.extend_from_slice(&self.exactly(size).await?);
            if !self.line().await?.is_empty() {
                return Err(Gone);
            }
        }
    }

    async fn line(&mut self) -> Result<String, Gone> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.ahead, b"\r\n") {
                let line = self.ahead.split_to(end);
                self.ahead.advance(2);
                return String::from_utf8(line.to_vec()).map_err(|_| Gone);
            }
            if self.ahead.len() > HEAD {
                return Err(Gone);
            }
            self.fill().await?;
        }
    }
}

/// Reads a head from the front of `bytes`: it and its length; none while it is not whole.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Gone> {
    let mut lines = [httparse::EMPTY_HEADER; LINES];
    let mut parsed = httparse::Request::new(&mut lines);
    let length = match parsed.parse(bytes).map_err(|_| Gone)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut head = Head {
        request: Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::with_capacity(parsed.headers.len()),
            body: Bytes::new(),
            keep_alive: parsed.version == Some(1),
        },
        length: 0,
        chunked: false,
        expects: false,
    };
    for line in parsed.headers.iter() {
        let value = std::str::from_utf8(line.value).map_err(|_| Gone)?.trim();
        let has = |word: &str| {
            let mut words = value.split(',');
            words.any(|part| part.trim().eq_ignore_ascii_case(word))
        };
        let name = line.name.to_ascii_lowercase();
        match name.as_str() {
            "content-length" => head.length = value.parse().map_err(|_| Gone)?,
            "transfer-encoding" => head.chunked = has("chunked"),
            "expect" => head.expects = has("100-continue"),
            "connection" if has("close") => head.request.keep_alive = false,
            "connection" if has("keep-alive") => head.request.keep_alive = true,
            _ => {}
        }
        head.request.headers.push((name, value.to_owned()));
    }
    Ok(Some((head, length)))
}
