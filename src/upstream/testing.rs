//! A scripted server for the tests of this module: says exactly these bytes.

use std::{
    cell::Cell,
    future::Future,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix_http::{Method, uri::PathAndQuery};
use bytes::Bytes;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{Answer, Call, Client, Deadlines, Lines, Origin, SendError, Trust};

/// One accepted connection.
pub(super) struct Peer<S = TcpStream> {
    pub(super) socket: S,
    read: Vec<u8>,
}

impl Peer {
    /// Ends the connection by RST.
    pub(super) fn reset(self) {
        let linger = Some(Duration::ZERO);
        SockRef::from(&self.socket).set_linger(linger).unwrap();
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Peer<S> {
    pub(super) fn new(socket: S) -> Self {
        Self {
            socket,
            read: Vec::new(),
        }
    }

    /// Returns the next request, head and body, or `None` when the client has gone.
    pub(super) async fn request(&mut self) -> Option<String> {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if let Some(head) = text.find("\r\n\r\n") {
                let end = head + 4 + content_length(&text[..head]);
                if self.read.len() >= end {
                    self.read.drain(..end);
                    return Some(text[..end].to_owned());
                }
            }
            match self.socket.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn send(&mut self, text: &str) {
        let _ = self.socket.write_all(text.as_bytes()).await;
        let _ = self.socket.flush().await;
    }

    /// Answers 200 with `body`.
    pub(super) async fn ok(&mut self, body: &str) {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        self.send(&(head + body)).await;
    }

    /// Waits until the client has closed the connection, by FIN or RST.
    pub(super) async fn closed(&mut self) {
        let mut rest = [0; 4096];
        while let Ok(1..) = self.socket.read(&mut rest).await {}
    }
}

fn content_length(head: &str) -> usize {
    head.lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap())
}

/// Reading the system's certificates once is slow enough.
pub(super) static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust::system().unwrap());

/// A server on loopback; its accepting task ends with the test's runtime.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    accepted: Rc<Cell<usize>>,
}

impl Server {
    /// Runs `script` with the number of each connection, from 0, and its peer.
    pub(super) async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(usize, Peer) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Rc::new(Cell::new(0));
        let count = Rc::clone(&accepted);
        actix_rt::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let number = count.replace(count.get() + 1);
                actix_rt::spawn(script(number, Peer::new(socket)));
            }
        });
        Self { address, accepted }
    }

    /// Answers the first request on every connection with `text`, then closes.
    pub(super) async fn saying(text: &'static str) -> Self {
        Self::start(move |_, mut peer| async move {
            peer.request().await;
            peer.send(text).await;
        })
        .await
    }

    /// How many connections it has accepted.
    pub(super) fn accepted(&self) -> usize {
        self.accepted.get()
    }

    pub(super) fn origin(&self) -> Arc<Origin> {
        origin(&format!("http://{}", self.address))
    }
}

pub(super) fn origin(url: &str) -> Arc<Origin> {
    Origin::new(url, &TRUST).unwrap().into()
}

/// Deadlines that no passing test meets.
pub(super) const PATIENT: Deadlines = Deadlines {
    connect: Duration::from_secs(20),
    first_byte: Duration::from_secs(20),
    idle: Duration::from_secs(20),
    head: None,
    total: None,
};

/// Posts `body` to `/`.
pub(super) async fn post(
    client: &Client,
    origin: &Arc<Origin>,
    body: impl Into<Bytes>,
    deadlines: Deadlines,
) -> Result<Answer, SendError> {
    let call = Call {
        origin,
        method: Method::POST,
        path: &PathAndQuery::from_static("/"),
        headers: &[&Lines::new()],
        body: body.into(),
        deadlines,
    };
    client.send(call).await
}

/// Waits until `condition` holds; gives up after ten seconds.
pub(super) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .unwrap();
}
