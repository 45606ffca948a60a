//! TLS that fails: the request is served elsewhere, the endpoint is out like any that fails, and nothing of
//! the request is ever sent to somebody who cannot prove who he is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::state::breaker::Phase;
use tempfile::NamedTempFile;

use super::scene::{Crowd, NO_PINGS, alone, assert_all_ok, healthy, view};
use crate::support::gateway::House;
use secure::{Fault, Secure};

pub(crate) mod secure;

/// An endpoint `bad` over TLS, and one `good` without; for each, whether `bad` trusts the issuer.
fn house(bad: SocketAddr, trusted: Option<&NamedTempFile>, good: &str) -> House {
    House::start(&yaml(bad, trusted, good))
}

fn yaml(bad: SocketAddr, trusted: Option<&NamedTempFile>, good: &str) -> String {
    let ca = trusted.map_or(String::new(), |file| {
        format!(", ca_file: \"{}\"", file.path().display())
    });
    format!(
        "endpoints:
  - {{ name: bad, provider: openai-compatible, base_url: \"https://localhost:{}/v1\", models: [m]{ca} }}
  - {{ name: good, provider: openai-compatible, base_url: \"{good}\", models: [m] }}
routing: {{ connect_timeout: 300ms, max_attempts: 2, backoff: {{ base: 1ms, max: 1ms }} }}
{NO_PINGS}",
        bad.port()
    )
}

async fn fails(fault: Fault, trust: bool) {
    let secure = Secure::start(fault);
    let good = healthy(Duration::ZERO);
    let pem = secure.pem();
    let house = house(secure.addr(), trust.then_some(&pem), &good.base_url());
    let crowd = Crowd::new(&house);
    let mut tried = 0;
    for _ in 0..100 {
        let shot = crowd.shoot().await;
        assert!(shot.ok(), "{fault:?}: {}", shot.answer.text());
        assert_eq!(shot.endpoint(), "good", "{fault:?}");
        tried += shot.attempts() - 1;
        if tried > 0 {
            break;
        }
    }
    assert_eq!(tried, 1, "{fault:?}: never tried");
    // All that it takes to open a circuit, and not one more.
    while view(&house, "bad").await.phase == Phase::Closed {
        let shot = crowd.shoot_at("bad").await;
        assert!(!shot.ok(), "{fault:?}");
        tried += shot.attempts();
        assert!(tried <= 5, "{fault:?}");
    }
    let shots = crowd.volley(200, 4).await;
    assert_all_ok(&shots);
    assert!(shots.iter().all(|shot| shot.attempts() == 1), "{fault:?}");
    assert_eq!(secure.heard(), "", "{fault:?}: it was told something");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    fails(Fault::None, false).await;
}

#[tokio::test]
async fn a_certificate_of_somebody_else() {
    fails(Fault::WrongName, true).await;
}

#[tokio::test]
async fn a_certificate_that_has_expired() {
    fails(Fault::Expired, true).await;
}

#[tokio::test]
async fn no_tls_at_all() {
    fails(Fault::Plain, true).await;
}

#[tokio::test]
async fn a_close_in_the_handshake() {
    fails(Fault::Hangup, true).await;
}

#[tokio::test]
async fn silence_in_the_handshake() {
    fails(Fault::Silent, true).await;
}

#[tokio::test]
async fn the_same_without_a_fault_serves() {
    let _alone = alone().await;
    let secure = Arc::new(Secure::start(Fault::None));
    let good = healthy(Duration::ZERO);
    let pem = secure.pem();
    let house = house(secure.addr(), Some(&pem), &good.base_url());
    let crowd = Crowd::new(&house);
    let shot = crowd.shoot_at("bad").await;
    assert!(shot.ok(), "{}", shot.answer.text());
    assert!(secure.heard().starts_with("POST /v1/chat/completions"));
}

#[tokio::test]
pub(crate) async fn ca_file() {
    let _alone = alone().await;
    let secure = Secure::start(Fault::None);
    let good = healthy(Duration::ZERO);
    let (pem, other) = (secure.pem(), Secure::start(Fault::None).pem());
    let house = house(secure.addr(), None, &good.base_url());
    let yaml = |file: &NamedTempFile| yaml(secure.addr(), Some(file), &good.base_url());
    let crowd = Crowd::new(&house);
    assert!(!crowd.shoot_at("bad").await.ok(), "nobody vouches for it");
    house.reload(&yaml(&other)).await.expect("reloaded");
    assert!(!crowd.shoot_at("bad").await.ok(), "somebody else does");
    house.reload(&yaml(&pem)).await.expect("reloaded");
    let shot = crowd.shoot_at("bad").await;
    assert!(shot.ok(), "{}", shot.answer.text());
}
