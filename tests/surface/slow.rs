//! Clients that do not get on with their request: given up, and told so.

use std::rc::Rc;
use std::time::Duration;

use breakerbox_actors::clock;
use futures_util::{StreamExt, stream};

use super::{error_in, house, steady};
use crate::support::chat::CHAT;
use crate::support::client::Client;
use crate::support::gateway::endpoint;
use crate::support::still::{Still, settle, still};
use crate::support::wait::DEADLINE;

/// What a head may take is 5 s; this is time on a shared machine.
const HEAD: std::ops::Range<Duration> = Duration::from_secs(4)..DEADLINE;
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_head_that_does_not_come_whole_is_given_up_however_it_dawdles() {
    let evil = steady();
    let house = house("slow-head", &evil, "");
    let line = format!("POST {CHAT} HTTP/1.1\r\nhost: gateway\r\n");
    let begin = clock::now();
    let still = async {
        let mut client = Client::connect(house.addr()).await;
        client.send(&line).await;
        let answer = client.answer().await;
        client.end().await;
        answer.status()
    };
    // What comes bit by bit has no more time.
    let dawdles = async {
        let mut client = Client::connect(house.addr()).await;
        client.send(&line).await;
        while client.waiting() == 0 {
            assert!(clock::now() - begin < DEADLINE, "it may go on");
            client.send("x-slow: 1\r\n").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let answer = client.answer().await;
        client.end().await;
        answer.status()
    };
    assert_eq!(tokio::join!(still, dawdles), (408, 408));
    let took = clock::now() - begin;
    assert!(HEAD.contains(&took), "{took:?}");
    assert_eq!(evil.count(), 0);
}

#[test]
fn a_body_that_does_not_come_whole_within_30_s_is_a_408_however_it_dawdles() {
    still(async {
        let evil = steady();
        let endpoint = endpoint("slow-body", &evil.base_url(), "");
        let gateway = Rc::new(Still::start(&format!("endpoints:\n{endpoint}")).await);
        let start = || stream::once(async { "{\"model\":" });
        let silent = gateway.begin_slowly(CHAT, start().chain(stream::pending()));
        let blanks = stream::unfold((), |()| async {
            tokio::time::sleep(SECOND / 2).await;
            Some((" ", ()))
        });
        let dawdles = gateway.begin_slowly(CHAT, start().chain(blanks));
        for second in 0..30 {
            settle().await;
            assert!(!silent.is_finished(), "after {second} s");
            assert!(!dawdles.is_finished(), "after {second} s");
            tokio::time::advance(SECOND).await;
        }
        settle().await;
        for asked in [silent, dawdles] {
            assert!(asked.is_finished());
            let answer = asked.await.expect("an answer");
            assert!(answer.headers.contains_key("retry-after"));
            assert_eq!(error_in(answer, 408).await["code"], "request_timeout");
        }
        assert_eq!(evil.count(), 0);
    });
}
