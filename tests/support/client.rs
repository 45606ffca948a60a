//! A client that sends any bytes and sees exactly what comes back, and how it ends.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use breakerbox_actors::clock;
use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http::{Framing, Head};
use super::wait::soon;

/// One connection. Every wait has a deadline, at which the test fails.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: BytesMut,
    framing: Framing,
    /// Body bytes that are not yet an event.
    text: Vec<u8>,
}

/// How a body, or a connection, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Whole, as its framing says.
    Whole,
    /// Closed in the middle.
    Closed,
    /// Reset in the middle.
    Reset,
}

/// A response, as far as it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) ending: Ending,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; must be whole.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.ending, Ending::Whole, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in {:?}", self.text());
        })
    }
}

/// One server-sent event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its `event:` field, else empty.
    pub(crate) name: String,
    pub(crate) data: String,
    /// When it had been read whole.
    pub(crate) at: Instant,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.data))
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let connected = Self::try_connect(address).await;
        connected.unwrap_or_else(|error| panic!("no connection to {address}: {error}"))
    }

    /// A connection, or why there is none. One that is reset on accept may be made first.
    pub(crate) async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = soon("a connection", TcpStream::connect(address)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: BytesMut::new(),
            framing: Framing::Done,
            text: Vec::new(),
        })
    }

    /// Sends bytes as they are. That the other side has closed is seen at reading.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()).await);
    }

    /// Sends a request; host and, for a body, its length are added.
    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let mut bytes = format!("{request}\r\n").into_bytes();
        bytes.extend_from_slice(body);
        self.send(bytes).await;
    }

    /// Sends a JSON body.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) {
        let json = [("content-type", "application/json")];
        let body = body.to_string();
        self.request("POST", path, &json, body.as_bytes()).await;
    }

    /// The head of the next response, or how the connection ended instead.
    pub(crate) async fn try_head(&mut self) -> Result<Head, Ending> {
        loop {
            if let Some(head) = Head::take(&mut self.buffer) {
                if head.status() < 200 {
                    continue;
                }
                self.framing = match head.status() {
                    204 => Framing::Done,
                    _ => head.framing(Framing::UntilClose),
                };
                return Ok(head);
            }
            self.fill().await?;
        }
    }

    /// The head of the next response.
    pub(crate) async fn head(&mut self) -> Head {
        match self.try_head().await {
            Ok(head) => head,
            Err(ending) => panic!("{ending:?} instead of a response; got {:?}", self.buffer),
        }
    }

    /// The next piece of the body. None at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Ending> {
        loop {
            if let Some(piece) = self.framing.take(&mut self.buffer) {
                return Ok(Some(piece));
            }
            if self.framing == Framing::Done {
                return Ok(None);
            }
            match self.fill().await {
                Err(Ending::Closed) if self.framing == Framing::UntilClose => {
                    self.framing = Framing::Done;
                }
                filled => filled?,
            }
        }
    }

    /// The next response with all of its body. To a HEAD request use [`Client::head`].
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let mut body = Vec::new();
        let ending = loop {
            match self.piece().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break Ending::Whole,
                Err(ending) => break ending,
            }
        };
        Answer { head, body, ending }
    }

    /// How many bytes of the body are still to come; reads them. The body must come whole.
    pub(crate) async fn rest(&mut self) -> usize {
        let mut rest = std::mem::take(&mut self.text).len();
        while let Some(piece) = self.piece().await.expect("a whole body") {
            rest += piece.len();
        }
        rest
    }

    /// The next event of the body, after [`Client::head`]. None at the end of a whole body; what follows
    /// the last blank line is no event.
    pub(crate) async fn event(&mut self) -> Result<Option<Event>, Ending> {
        loop {
            let ends = [b"\n\n".as_slice(), b"\n\r\n"].into_iter();
            let ends = ends.filter_map(|end| {
                let at = memchr::memmem::find(&self.text, end)?;
                Some(at + end.len())
            });
            if let Some(end) = ends.min() {
                let text: Vec<u8> = self.text.drain(..end).collect();
                return Ok(Some(event(&String::from_utf8_lossy(&text))));
            }
            match self.piece().await? {
                Some(piece) => self.text.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }

    /// All events to the end of the body, and how it ended.
    pub(crate) async fn events(&mut self) -> (Vec<Event>, Ending) {
        let mut events = Vec::new();
        loop {
            match self.event().await {
                Ok(Some(event)) => events.push(event),
                Ok(None) => return (events, Ending::Whole),
                Err(ending) => return (events, ending),
            }
        }
    }

    /// Waits until the other side ends the connection; what it still sends is thrown away.
    pub(crate) async fn end(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.fill().await {
                return ending;
            }
            self.buffer.clear();
        }
    }

    /// Waits for bytes, throws them away and returns how many there were: 0 at the end of the connection,
    /// or if none came within `time`.
    pub(crate) async fn some_bytes(&mut self, time: Duration) -> usize {
        let read = tokio::time::timeout(time, self.stream.read_buf(&mut self.buffer)).await;
        self.buffer.clear();
        read.map_or(0, |read| read.unwrap_or_default())
    }

    /// How many bytes have come that nobody has asked for yet; does not wait.
    pub(crate) fn waiting(&mut self) -> usize {
        // That there is nothing, or that the connection has ended, is seen at reading.
        drop(self.stream.try_read_buf(&mut self.buffer));
        self.buffer.len() + self.text.len()
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("no linger");
    }

    async fn fill(&mut self) -> Result<(), Ending> {
        let read = soon("bytes", self.stream.read_buf(&mut self.buffer)).await;
        match read {
            Ok(0) => Err(Ending::Closed),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(Ending::Reset),
            Err(error) => panic!("cannot read: {error}"),
        }
    }
}

fn event(text: &str) -> Event {
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let values: Vec<&str> = lines.map(|value| value.trim_start_matches(' ')).collect();
        values.join("\n")
    };
    Event {
        name: field("event:"),
        data: field("data:"),
        at: clock::now(),
    }
}

/// One request on a connection of its own.
pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    let mut client = Client::connect(address).await;
    client.post(path, body).await;
    client.answer().await
}

/// One request without a body on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    call(address, "GET", path, &[], "").await
}

/// One request on a connection of its own.
pub(crate) async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut client = Client::connect(address).await;
    client.request(method, path, headers, body.as_bytes()).await;
    client.answer().await
}
