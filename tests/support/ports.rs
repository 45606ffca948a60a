//! Addresses on loopback, also such where nobody answers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Any free port: bind it and ask for the real one. A port found first and bound later is a race.
pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&ANY.into()).expect("a free port");
    socket
}

fn address(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("a bound socket");
    address.as_socket().expect("an internet address")
}

/// A port that refuses every connection, and that nobody else can get while this lives.
pub(crate) struct Refused(Socket);

impl Refused {
    pub(crate) fn new() -> Self {
        Self(socket())
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        address(&self.0)
    }
}

/// A port where a connection is neither made nor refused: its queue is full and nobody accepts.
pub(crate) struct Unreachable {
    listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Unreachable {
    pub(crate) fn new() -> Self {
        let socket = socket();
        socket.listen(0).expect("listening");
        let address = address(&socket);
        let mut queued = Vec::new();
        // A queue of length 0 holds one; some kernels hold a few more.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            queued.push(stream);
            assert!(queued.len() < 64, "the queue does not fill up");
        }
        Self {
            listener: socket.into(),
            _queued: queued,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket")
    }
}
