//! From an origin to a connected socket.

use std::{
    cell::Cell,
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::Arc,
    time::Instant,
};

use breakerbox_actors::clock;
use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{
    error::{ConnectStep, SendError},
    io::Io,
    origin::{Host, Origin},
};

/// Resolves, connects and shakes hands, all before `deadline`.
///
/// # Errors
///
/// [`SendError`]'s `Dns`, `Connect`, `Tls` or `ConnectTimeout`.
pub(super) async fn connect(origin: &Origin, deadline: Instant) -> Result<Io, SendError> {
    let step = Cell::new(ConnectStep::Dns);
    let connected = timeout_at(deadline.into(), async {
        let addresses = resolve(origin).await.map_err(SendError::Dns)?;
        step.set(ConnectStep::Tcp);
        let socket = dial(&addresses, deadline)
            .await
            .map_err(SendError::Connect)?;
        // Small writes must not wait for the answer to earlier ones.
        socket.set_nodelay(true).map_err(SendError::Connect)?;
        let Some(tls) = origin.tls() else {
            return Ok(Io::Plain(socket));
        };
        step.set(ConnectStep::Tls);
        let session = TlsConnector::from(Arc::clone(&tls.config))
            .connect(tls.name.clone(), socket)
            .await
            .map_err(SendError::Tls)?;
        Ok(Io::Tls(Box::new(session)))
    });
    match connected.await {
        Ok(result) => result,
        Err(_) => Err(SendError::ConnectTimeout(step.get())),
    }
}

async fn resolve(origin: &Origin) -> io::Result<Vec<SocketAddr>> {
    let (name, port) = match origin.host() {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name, port) => (Arc::clone(name), *port),
    };
    let permit = Arc::clone(origin.lookups())
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    // The permit goes with the thread: a lookup that nobody waits for any more
    // still holds its thread.
    let lookup = spawn_blocking(move || {
        let _permit = permit;
        (&*name, port).to_socket_addrs().map(Vec::from_iter)
    });
    lookup.await.map_err(io::Error::other)?
}

/// Tries the addresses in the resolver's order, each for an equal share of the
/// time left, so that a dead first address does not use up all of it.
async fn dial(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(clock::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::upstream::testing::{Server, origin};

    #[actix::test]
    async fn small_writes_go_out_at_once() {
        let server = Server::saying("").await;
        let deadline = clock::now() + Duration::from_secs(10);
        match connect(&server.origin(), deadline).await.unwrap() {
            Io::Plain(socket) => assert!(socket.nodelay().unwrap()),
            Io::Tls(_) => panic!("TLS unasked"),
        }
    }

    #[actix::test]
    async fn a_dead_address_leaves_time_for_the_next() {
        let server = Server::saying("").await;
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dead = nobody.local_addr().unwrap();
        drop(nobody);
        let deadline = clock::now() + Duration::from_secs(10);
        let socket = dial(&[dead, server.address], deadline).await.unwrap();
        assert_eq!(socket.peer_addr().unwrap(), server.address);
        assert!(dial(&[], deadline).await.is_err());
    }

    #[actix::test]
    async fn lookups_of_one_origin_are_bounded() {
        let named = origin("http://localhost:1");
        let all = named.lookups().available_permits() as u32;
        let held = named.lookups().acquire_many(all).await.unwrap();
        tokio::time::pause();
        let deadline = clock::now() + Duration::from_secs(2);
        let late = connect(&named, deadline).await;
        assert!(matches!(
            late,
            Err(SendError::ConnectTimeout(ConnectStep::Dns))
        ));
        drop(held);
    }

    #[actix::test]
    async fn a_slow_lookup_delays_no_other_origin() {
        let server = Server::saying("").await;
        let slow = origin("http://localhost:1");
        let quick = origin(&format!("http://localhost:{}", server.address.port()));
        let all = slow.lookups().available_permits() as u32;
        let _held = slow.lookups().acquire_many(all).await.unwrap();
        let deadline = clock::now() + Duration::from_secs(10);
        tokio::select! {
            late = connect(&slow, deadline) => panic!("{:?}", late.map(drop)),
            connected = connect(&quick, deadline) => drop(connected.unwrap()),
        }
    }
}
