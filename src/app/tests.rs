//! What accepted sockets inherit.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};

use socket2::SockRef;

use super::*;

/// A connection to a listener with this patience: the client's side and ours.
fn connected(stuck: Duration) -> (TcpStream, TcpStream) {
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), stuck).unwrap();
    listener.set_nonblocking(false).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (served, _) = listener.accept().unwrap();
    (client, served)
}

#[test]
fn a_served_socket_has_the_patience_of_its_listener() {
    let (_client, served) = connected(STUCK);
    let patience = SockRef::from(&served).tcp_user_timeout().unwrap();
    assert_eq!(patience, Some(STUCK));
}

#[test]
fn a_client_that_stops_reading_is_given_up() {
    let (_client, mut served) = connected(Duration::from_millis(200));
    // Only if it is not given up.
    served
        .set_write_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let piece = vec![b'x'; 1 << 20];
    let error = loop {
        if let Err(error) = served.write_all(&piece) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
}
