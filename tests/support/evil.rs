//! The evil upstream: a server that does to a connection exactly what a test says, in raw bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use breakerbox_actors::clock;
use bytes::Bytes;
use parking_lot::Mutex;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::http::Head;
use super::ports::ANY;
use connection::Connection;

mod connection;

/// What to do next.
///
/// The acts of a request begin when it has been read whole; if [`Act::ReadRequest`] is among them, what
/// stands before it is done first. After the last act the connection is closed as by [`Act::Fin`].
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends these bytes as they are.
    Send(Bytes),
    /// Waits so long, in real time.
    Wait(Duration),
    /// Waits for the test.
    WaitFor(Arc<Notify>),
    /// Reads the request here, not before the first act.
    ReadRequest,
    /// Goes on with the next request, whenever it comes.
    KeepAlive,
    /// Goes on with the next request, or closes if its first byte has not come after so long.
    IdleClose(Duration),
    /// Goes on with the next request, or closes if its first byte has not come when the test says so.
    KeepUntil(Arc<Notify>),
    /// Closes in order.
    Fin,
    /// Closes by a reset.
    Rst,
    /// Never says another thing.
    Blackhole,
}

impl Act {
    /// Sends text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Send(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// A request that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Number of its connection, from 0.
    pub(crate) connection: usize,
    /// Its number on the connection, from 0.
    pub(crate) number: usize,
    /// When its last byte had been read.
    pub(crate) at: Instant,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// What happened on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) opened: Instant,
    /// Bytes that were sent to the client, or at least to the kernel.
    pub(crate) sent: usize,
    /// When the client closed or reset it, if it did so first.
    pub(crate) closed_by_client: Option<Instant>,
    /// Whether it is over, whoever ended it.
    pub(crate) over: bool,
}

#[derive(Default)]
pub(super) struct Records {
    requests: Vec<Received>,
    links: Vec<Link>,
}

type Script = dyn Fn(usize, usize) -> Vec<Act> + Send + Sync;

/// An upstream on a thread of its own, in real time. Dropping it ends it and its connections.
pub(crate) struct Evil {
    address: SocketAddr,
    records: Arc<Mutex<Records>>,
    stop: Arc<Notify>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Evil {
    /// Starts one; `script` gives the acts for (number of the connection, number of the request on it). It is
    /// asked as the connection opens, and then as the first byte of each further request is there.
    pub(crate) fn start(script: impl Fn(usize, usize) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::with_buffer(None, script)
    }

    /// Starts one whose sockets hold few unsent bytes, to see back-pressure early.
    pub(crate) fn narrow(
        script: impl Fn(usize, usize) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        Self::with_buffer(Some(16 << 10), script)
    }

    fn with_buffer(
        buffer: Option<usize>,
        script: impl Fn(usize, usize) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let script: Arc<Script> = Arc::new(script);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        if let Some(bytes) = buffer {
            // Accepted sockets inherit it.
            socket.set_send_buffer_size(bytes).expect("a small buffer");
        }
        socket.set_nonblocking(true).expect("not blocking");
        socket.bind(&ANY.into()).expect("a free port");
        socket.listen(4_096).expect("listening");
        let listener: std::net::TcpListener = socket.into();
        let address = listener.local_addr().expect("a bound socket");
        let records = Arc::new(Mutex::new(Records::default()));
        let stop = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let work = accept(listener, script, Arc::clone(&records));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = work => {}
                    () = stopped.notified() => {}
                }
            });
        });
        Self {
            address,
            records,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `base_url` of an endpoint that talks to it.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far, in the order they were read.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.records.lock().requests.clone()
    }

    /// How many requests there were so far.
    pub(crate) fn count(&self) -> usize {
        self.records.lock().requests.len()
    }

    /// Every connection so far, by number.
    pub(crate) fn links(&self) -> Vec<Link> {
        self.records.lock().links.clone()
    }
}

impl Drop for Evil {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            // A second panic while the test unwinds would abort the whole run.
            assert!(
                ended.is_ok() || thread::panicking(),
                "the evil upstream panicked"
            );
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    script: Arc<Script>,
    records: Arc<Mutex<Records>>,
) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let number = {
            let mut records = records.lock();
            records.links.push(Link {
                opened: clock::now(),
                sent: 0,
                closed_by_client: None,
                over: false,
            });
            records.links.len() - 1
        };
        let connection = Connection::new(stream, number, Arc::clone(&records));
        connections.spawn(connection.run(Arc::clone(&script)));
    }
}
