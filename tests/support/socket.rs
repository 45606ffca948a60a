//! A WebSocket client that sees every frame, and can refuse to read.

use std::net::SocketAddr;

use breakerbox_actors::clock;
use bytes::{Buf, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::wait::{DEADLINE, soon};

/// An open socket.
pub(crate) struct Socket {
    stream: TcpStream,
    buffer: BytesMut,
    /// Whether it answers pings.
    pub(crate) is_polite: bool,
    /// The head of the server's answer.
    pub(crate) head: String,
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Text(Value),
    Ping,
    /// Its code, and why.
    Close(u16, String),
}

impl Socket {
    /// Asks for a socket with further header lines; the status of the answer comes with it.
    pub(crate) async fn ask(address: SocketAddr, lines: &[&str]) -> (u16, Self) {
        let stream = soon("a connection", TcpStream::connect(address)).await;
        let mut socket = Self {
            stream: stream.expect("a connection"),
            buffer: BytesMut::new(),
            is_polite: true,
            head: String::new(),
        };
        let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let request = format!(
            "GET /ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{more}\r\n"
        );
        socket.send_all(request.as_bytes()).await;
        let end = loop {
            if let Some(end) = memchr::memmem::find(&socket.buffer, b"\r\n\r\n") {
                break end;
            }
            assert!(socket.fill().await, "no head");
        };
        let head = socket.buffer.split_to(end + 4);
        socket.head = String::from_utf8_lossy(&head).to_lowercase();
        let status = socket.head.split(' ').nth(1).expect("a status");
        (status.parse().expect("a number"), socket)
    }

    /// Opens a socket.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let (status, socket) = Self::ask(address, &[]).await;
        assert_eq!(status, 101, "{}", socket.head);
        socket
    }

    /// Sends a frame of text.
    pub(crate) async fn send(&mut self, value: &Value) {
        self.frame(0x81, value.to_string().as_bytes()).await;
    }

    async fn frame(&mut self, first: u8, payload: &[u8]) {
        let [high, low] = u16::try_from(payload.len()).expect("short").to_be_bytes();
        let mut frame = match payload.len() {
            0..126 => vec![first, 0x80 | low],
            _ => vec![first, 0x80 | 126, high, low],
        };
        // Masked with zeros, which changes nothing.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.send_all(&frame).await;
    }

    async fn send_all(&mut self, bytes: &[u8]) {
        // That the other side has closed is seen at reading.
        drop(self.stream.write_all(bytes).await);
    }

    /// The next frame; None when the connection has ended. Pings are answered.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((code, payload)) = self.take() {
                return Some(match code {
                    1 => Frame::Text(serde_json::from_slice(&payload).expect("JSON")),
                    8 => {
                        let code = payload
                            .get(..2)
                            .map_or(0, |it| u16::from(it[0]) << 8 | u16::from(it[1]));
                        let why = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
                        Frame::Close(code, why.into_owned())
                    }
                    9 => {
                        if self.is_polite {
                            self.frame(0x8a, b"").await;
                        }
                        Frame::Ping
                    }
                    other => panic!("opcode {other}"),
                });
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next frame of text of this type; others are passed over.
    pub(crate) async fn hears(&mut self, kind: &str) -> Value {
        // Each second brings a frame: that one comes is not enough.
        let start = clock::now();
        loop {
            assert!(clock::now() - start < DEADLINE, "no {kind}");
            match self.next().await {
                Some(Frame::Text(value)) if value["type"] == kind => return value,
                Some(Frame::Close(code, why)) => panic!("closed with {code}, {why}, before {kind}"),
                None => panic!("ended before {kind}"),
                Some(_) => {}
            }
        }
    }

    /// The close frame, or None if the connection ends without one; what comes before is passed over.
    pub(crate) async fn close(&mut self) -> Option<(u16, String)> {
        let start = clock::now();
        loop {
            assert!(clock::now() - start < DEADLINE, "still open");
            match self.next().await? {
                Frame::Close(code, why) => return Some((code, why)),
                Frame::Text(_) | Frame::Ping => {}
            }
        }
    }

    /// Waits, without reading, until the other side has closed.
    pub(crate) async fn is_given_up(&mut self) -> bool {
        let closed = async {
            // Only an error or the end of writing tells: nothing is read.
            while self.stream.write_all(&[]).await.is_ok() {
                let ready = self.stream.ready(tokio::io::Interest::READABLE).await;
                if ready.is_ok_and(|it| it.is_read_closed()) {
                    return true;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            true
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), closed)
            .await
            .unwrap_or(false)
    }

    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, second) = (*self.buffer.first()?, *self.buffer.get(1)?);
        assert_eq!(first & 0x80, 0x80, "whole messages only");
        let (head, length) = match second & 0x7f {
            126 => {
                let bytes = self.buffer.get(2..4)?;
                (4, usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
            }
            127 => {
                let bytes = self.buffer.get(2..10)?;
                (
                    10,
                    bytes
                        .iter()
                        .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
                )
            }
            length => (2, usize::from(length)),
        };
        if self.buffer.len() < head + length {
            return None;
        }
        self.buffer.advance(head);
        Some((first & 0x0f, self.buffer.split_to(length).to_vec()))
    }

    async fn fill(&mut self) -> bool {
        let read = soon("bytes", self.stream.read_buf(&mut self.buffer)).await;
        read.is_ok_and(|count| count > 0)
    }
}
