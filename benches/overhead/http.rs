//! The least of HTTP/1.1 that a load generator needs: one keep-alive connection, whole answers.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection to one server.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and reads its whole answer. *Errors*: the connection ends, or the status is not 200.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            self.more().await?;
            if complete(&self.buffer)? {
                return Ok(());
            }
        }
    }

    /// How long the last answer was, head included.
    pub(crate) fn answered(&self) -> usize {
        self.buffer.len()
    }

    /// Sends a request for a stream and calls `seen` with each piece read, until the stream ends or `seen`
    /// returns false.
    pub(crate) async fn stream(
        &mut self,
        request: &[u8],
        mut seen: impl FnMut(&[u8]) -> bool,
    ) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut from = 0;
        loop {
            self.more().await?;
            if from == 0 {
                check_status(&self.buffer)?;
            }
            let go_on = seen(&self.buffer[from..]);
            from = self.buffer.len();
            if !go_on || self.buffer.ends_with(b"\r\n0\r\n\r\n") {
                return Ok(());
            }
        }
    }

    async fn more(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(Error::new(
                ErrorKind::UnexpectedEof,
                "closed before the answer ended",
            )),
            _ => Ok(()),
        }
    }
}

/// A POST of JSON, as the SDKs send it.
pub(crate) fn post(path: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         accept: application/json\r\nuser-agent: bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\n\r\n").into_bytes()
}

fn check_status(answer: &[u8]) -> Result<()> {
    if answer.len() < 12 || answer.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(&answer[..answer.len().min(600)]);
    Err(Error::other(format!("not a 200: {shown}")))
}

/// Whether `answer` holds a whole response, by its length or its last chunk.
fn complete(answer: &[u8]) -> Result<bool> {
    let Some(end) = memmem::find(answer, b"\r\n\r\n") else {
        return Ok(false);
    };
    check_status(answer)?;
    for line in answer[..end].split(|&byte| byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(&value[1..])
                .ok()
                .and_then(|text| text.trim().parse::<usize>().ok());
            return length
                .map(|length| answer.len() >= end + 4 + length)
                .ok_or_else(|| Error::other("a content-length that is no number"));
        }
    }
    Ok(answer.ends_with(b"\r\n0\r\n\r\n"))
}
