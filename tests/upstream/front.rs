//! The door of an upstream, which can be shut in two ways while the upstream behind it lives on.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::ports::ANY;

/// How the door stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    /// Connections are refused.
    Shut,
    /// Connections are neither refused nor made.
    Hole,
}

/// A port in front of an upstream. Whoever is inside as the door moves is thrown out.
pub(super) struct Front {
    address: SocketAddr,
    door: watch::Sender<Door>,
}

fn listen(address: SocketAddr, backlog: i32) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // The same port again, while old connections linger.
    socket.set_reuse_address(true).expect("the port again");
    socket.set_nonblocking(true).expect("not blocking");
    socket.bind(&address.into()).expect("the port");
    socket.listen(backlog).expect("listening");
    socket
}

fn address(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("a bound socket");
    address.as_socket().expect("an internet address")
}

impl Front {
    /// Opens a door to the upstream at `behind`, on the runtime of the test.
    pub(super) fn start(behind: SocketAddr) -> Self {
        let first = listen(ANY, 1_024);
        let address = address(&first);
        let (door, moved) = watch::channel(Door::Open);
        tokio::spawn(keep(first, address, behind, moved));
        Self { address, door }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(super) fn set(&self, door: Door) {
        self.door.send_if_modified(|now| {
            let moves = *now != door;
            *now = door;
            moves
        });
    }
}

async fn keep(
    first: Socket,
    address: SocketAddr,
    behind: SocketAddr,
    mut door: watch::Receiver<Door>,
) {
    let mut first = Some(first);
    loop {
        let stands = *door.borrow_and_update();
        match stands {
            Door::Open => {
                let socket = first.take().unwrap_or_else(|| listen(address, 1_024));
                let listener = TcpListener::from_std(socket.into()).expect("a listener");
                let mut inside = JoinSet::new();
                loop {
                    tokio::select! {
                        came = listener.accept() => {
                            let (stream, _) = came.expect("a connection");
                            inside.spawn(pass(stream, behind));
                        }
                        moved = door.changed() => match moved {
                            Ok(()) => break,
                            Err(_) => return,
                        },
                    }
                }
            }
            Door::Shut => {
                drop(first.take());
                if door.changed().await.is_err() {
                    return;
                }
            }
            Door::Hole => {
                drop(first.take());
                let _full = listen(address, 0);
                let mut queued = Vec::new();
                let patience = Duration::from_millis(20);
                // Until the queue is full and a connection is left hanging.
                while let Ok(Ok(stream)) =
                    tokio::time::timeout(patience, TcpStream::connect(address)).await
                {
                    queued.push(stream);
                }
                if door.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn pass(mut stream: TcpStream, behind: SocketAddr) {
    let mut upstream = TcpStream::connect(behind).await.expect("the upstream");
    stream.set_nodelay(true).expect("no delay");
    upstream.set_nodelay(true).expect("no delay");
    drop(tokio::io::copy_bidirectional(&mut stream, &mut upstream).await);
}
