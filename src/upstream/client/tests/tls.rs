//! The same over TLS, with certificates made for the occasion.

use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::upstream::testing::{Peer, TRUST};

use super::*;

/// A server for `name`, and the PEM of its certificate.
async fn start<F, Fut>(name: &str, script: F) -> (Server, String)
where
    F: Fn(Peer<TlsStream<TcpStream>>) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let issued = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let script = Rc::new(script);
    let server = Server::start(move |_, peer| {
        let (acceptor, script) = (acceptor.clone(), Rc::clone(&script));
        async move {
            if let Ok(session) = acceptor.accept(peer.socket).await {
                script(Peer::new(session)).await;
            }
        }
    })
    .await;
    (server, issued.cert.pem())
}

fn trusting(server: &Server, name: &str, pem: &str) -> Arc<Origin> {
    let trust = TRUST.with_pem(pem.as_bytes()).unwrap();
    let url = format!("https://{name}:{}", server.address.port());
    Origin::new(&url, &trust).unwrap().into()
}

async fn echo_protocol(mut peer: Peer<TlsStream<TcpStream>>) {
    let protocol = peer.socket.get_ref().1.alpn_protocol().unwrap_or_default();
    let protocol = String::from_utf8_lossy(protocol).into_owned();
    while peer.request().await.is_some() {
        peer.ok(&protocol).await;
    }
}

#[actix::test]
async fn extra_trust_lets_in_and_connections_are_kept() {
    for name in ["localhost", "127.0.0.1"] {
        let (server, pem) = start(name, echo_protocol).await;
        let (client, origin) = (client(), trusting(&server, name, &pem));
        for round in 0..3 {
            let answer = post(&client, &origin, "x", PATIENT).await.unwrap();
            assert_eq!(answer.reused, round > 0);
            assert_eq!(text(answer).await.unwrap(), "http/1.1");
        }
        assert_eq!(server.accepted(), 1);
    }
}

#[actix::test]
async fn long_bodies_pass_over_tls() {
    let (server, pem) = start("localhost", |mut peer| async move {
        while let Some(request) = peer.request().await {
            peer.ok(request.split_once("\r\n\r\n").unwrap().1).await;
        }
    })
    .await;
    let (client, origin) = (client(), trusting(&server, "localhost", &pem));
    for length in [1, 5_000, 1 << 20] {
        let sent = "x".repeat(length);
        let answer = post(&client, &origin, sent.clone(), PATIENT).await.unwrap();
        assert!(text(answer).await.unwrap() == sent, "{length} bytes");
    }
    assert_eq!(server.accepted(), 1);
}

#[actix::test]
async fn strangers_and_impostors_are_refused() {
    let (server, pem) = start("localhost", echo_protocol).await;
    let unknown = origin(&format!("https://localhost:{}", server.address.port()));
    let wrong_name = trusting(&server, "127.0.0.1", &pem);
    for origin in [unknown, wrong_name] {
        let refused = post(&client(), &origin, "x", PATIENT).await;
        assert_eq!(refused.unwrap_err().label(), "tls");
    }
    let plain = Server::start(|_, mut peer| async move {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer.closed().await;
    })
    .await;
    let refused = post(
        &client(),
        &trusting(&plain, "localhost", &pem),
        "x",
        PATIENT,
    )
    .await;
    assert_eq!(refused.unwrap_err().label(), "tls");
}

#[actix::test]
async fn an_end_without_goodbye_is_a_truncation() {
    for head in [
        "Content-Length: 9\r\n",
        "Transfer-Encoding: chunked\r\n",
        "",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n");
        let (server, pem) = start("localhost", move |mut peer| {
            let answer = answer.clone();
            async move {
                peer.request().await;
                peer.send(&answer).await;
            }
        })
        .await;
        let origin = trusting(&server, "localhost", &pem);
        let answer = post(&client(), &origin, "x", PATIENT).await.unwrap();
        assert_eq!(text(answer).await, Err("truncated_body"), "{head}");
    }
}

#[actix::test]
async fn a_connection_closed_on_reuse_costs_nothing() {
    let (server, pem) = start("localhost", |mut peer| async move {
        if peer.request().await.is_some() {
            peer.ok("ok").await;
            peer.request().await;
        }
    })
    .await;
    let (client, origin) = (client(), trusting(&server, "localhost", &pem));
    for _ in 0..10 {
        let answer = post(&client, &origin, "x", PATIENT).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), "ok");
    }
    assert_eq!(server.accepted(), 10);
}
