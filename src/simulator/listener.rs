//! Accepts connections, except while the script says that the provider is gone.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use super::connection::serve;
use super::shared::Shared;

/// Connections that may wait to be accepted; the kernel's own bound applies as well.
const BACKLOG: u32 = 4_096;
/// Pause after an accept or a bind has failed, for lack of file handles for example.
const PAUSE: Duration = Duration::from_millis(20);

/// The port of a provider.
pub(super) enum Port {
    Open(TcpListener),
    /// Bound and not listening: connections are refused, and nobody else can take the port.
    Held(TcpSocket),
    Lost,
}

/// Takes `address` and listens; port 0 finds a free one.
pub(super) fn open(address: SocketAddr) -> io::Result<(Port, SocketAddr)> {
    let listener = hold(address)?.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((Port::Open(listener), address))
}

fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of an earlier life may still be in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Port {
    fn turn(self, out: bool, address: SocketAddr) -> Self {
        let turned = match (self, out) {
            (Self::Open(listener), true) => {
                // Two sockets may be bound to a port, but not while one listens.
                drop(listener);
                hold(address).map(Self::Held)
            }
            (Self::Held(socket), false) => socket.listen(BACKLOG).map(Self::Open),
            (Self::Lost, true) => hold(address).map(Self::Held),
            (Self::Lost, false) => open(address).map(|(port, _)| port),
            (same, _) => return same,
        };
        turned.unwrap_or_else(|error| {
            tracing::warn!(%address, %error, "simulated provider cannot take its port");
            Self::Lost
        })
    }
}

/// Serves until dropped; then its connections close as well.
pub(super) async fn run(mut port: Port, address: SocketAddr, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (out, edge) = shared.active().outage(clock::now());
        port = port.turn(out, address);
        if out {
            // After the port: a client that is cut and comes back at once must not be let in.
            connections.shutdown().await;
        }
        let wake = match port {
            Port::Lost => Some(clock::now() + PAUSE),
            Port::Open(_) | Port::Held(_) => edge,
        };
        let wait = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let accept = async {
            match &port {
                Port::Open(listener) => listener.accept().await,
                Port::Held(_) | Port::Lost => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.changed.notified() => {}
            () = wait => {}
            Some(_) = connections.join_next() => {}
            accepted = accept => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&shared)))),
                Err(error) => {
                    tracing::warn!(%error, "simulated provider cannot accept");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
}
