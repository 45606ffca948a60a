//! One connection of the evil upstream.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use bytes::BytesMut;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::super::http::{Framing, Head};
use super::{Act, Received, Records, Script};

/// The client has closed the connection, or we have.
struct Over;

pub(super) struct Connection {
    stream: TcpStream,
    number: usize,
    buffer: BytesMut,
    records: Arc<Mutex<Records>>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, number: usize, records: Arc<Mutex<Records>>) -> Self {
        Self {
            stream,
            number,
            buffer: BytesMut::new(),
            records,
        }
    }

    pub(super) async fn run(mut self, script: Arc<Script>) {
        for request in 0.. {
            // A script may answer by what the test has changed since the last request.
            if request > 0 && self.buffer.is_empty() && self.fill().await.is_err() {
                break;
            }
            let acts = script(self.number, request);
            if self.play(request, acts).await.is_err() {
                break;
            }
        }
        self.records.lock().links[self.number].over = true;
    }

    /// Does the acts of one request; `Ok` when another may follow.
    async fn play(&mut self, request: usize, acts: Vec<Act>) -> Result<(), Over> {
        if !acts.iter().any(|act| matches!(act, Act::ReadRequest)) {
            self.read_request(request).await?;
        }
        for act in acts {
            match act {
                Act::Send(bytes) => self.send(&bytes).await?,
                Act::Wait(time) => self.watch(tokio::time::sleep(time)).await?,
                Act::WaitFor(notify) => self.watch(notify.notified()).await?,
                Act::ReadRequest => self.read_request(request).await?,
                Act::KeepAlive => return Ok(()),
                Act::IdleClose(after) => return self.next_before(tokio::time::sleep(after)).await,
                Act::KeepUntil(notify) => return self.next_before(notify.notified()).await,
                Act::Fin => break,
                Act::Rst => {
                    let socket = SockRef::from(&self.stream);
                    socket.set_linger(Some(Duration::ZERO)).expect("no linger");
                    break;
                }
                Act::Blackhole => self.watch(std::future::pending()).await?,
            }
        }
        Err(Over)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.stream.writable().await.map_err(|_| self.closed())?;
            match self.stream.try_write(rest) {
                Ok(written) => {
                    rest = &rest[written..];
                    self.records.lock().links[self.number].sent += written;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(self.closed()),
            }
        }
        Ok(())
    }

    /// Waits for `done` while it reads on, to see at once when the client closes.
    async fn watch(&mut self, done: impl Future<Output = ()>) -> Result<(), Over> {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                () = &mut done => return Ok(()),
                read = self.fill() => read?,
            }
        }
    }

    async fn next_before(&mut self, end: impl Future<Output = ()>) -> Result<(), Over> {
        if !self.buffer.is_empty() {
            return Ok(());
        }
        tokio::select! {
            biased;
            filled = self.fill() => filled,
            () = end => Err(Over),
        }
    }

    async fn read_request(&mut self, number: usize) -> Result<(), Over> {
        let head = loop {
            match Head::take(&mut self.buffer) {
                Some(head) => break head,
                None => self.fill().await?,
            }
        };
        let mut framing = head.framing(Framing::Length(0));
        let mut body = Vec::new();
        loop {
            match framing.take(&mut self.buffer) {
                Some(piece) => body.extend_from_slice(&piece),
                None if framing == Framing::Done => break,
                None => self.fill().await?,
            }
        }
        self.records.lock().requests.push(Received {
            connection: self.number,
            number,
            at: clock::now(),
            head,
            body,
        });
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Over> {
        loop {
            let readable = self.stream.readable().await;
            match readable.and_then(|()| self.stream.try_read_buf(&mut self.buffer)) {
                Ok(0) => return Err(self.closed()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(self.closed()),
            }
        }
    }

    fn closed(&self) -> Over {
        self.records.lock().links[self.number].closed_by_client = Some(clock::now());
        Over
    }
}
