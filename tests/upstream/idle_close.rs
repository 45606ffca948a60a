//! An upstream that closes idle connections, and requests that come just as it does: no client sees an error,
//! and no request is sent twice once a byte of its answer has come.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use super::scene::{Crowd, MODEL, NO_PINGS, alone, house};
use crate::support::chat::{CHAT, ask, good};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::still::{Still, comes, still};
use crate::support::wait::{DEADLINE, eventually};

/// The race itself, in real time and in small: that the gateway gives up connections before 15 s by itself would
/// hide it.
const IDLE: Duration = Duration::from_millis(150);
const AROUND: Duration = Duration::from_millis(3);
const LANES: u32 = 8;
const ROUNDS: u32 = 40;
/// Nothing but the client's own second sending may help.
const ONE_ATTEMPT: &str = "routing: { max_attempts: 1 }";
/// The next request finds the connection of the last one.
const ONE_WORKER: &str = "server: { listen: \"127.0.0.1:0\", workers: 1 }";

/// A gateway whose next request finds the connection of the last one, and makes no second attempt.
fn behind_one_worker(evil: &Evil) -> House {
    house(
        [("a", evil.base_url())],
        &[NO_PINGS, ONE_ATTEMPT, ONE_WORKER],
    )
}

#[tokio::test]
async fn requests_race_with_the_close() {
    let _alone = alone().await;
    let evil = Arc::new(Evil::start(|_, _| {
        vec![Act::Send(good("hello")), Act::IdleClose(IDLE)]
    }));
    let house = house([("a", evil.base_url())], &[NO_PINGS, ONE_ATTEMPT]);
    let mut lanes = Vec::new();
    for lane in 0..LANES {
        let crowd = Crowd::new(&house);
        lanes.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                let mut body = ask(MODEL, "hello");
                body["user"] = json!(format!("{lane}-{round}"));
                let shot = crowd.send(&[], &body).await;
                assert!(shot.ok(), "{}", shot.answer.text());
                assert_eq!(shot.attempts(), 1);
                let step = AROUND * 2 * round / ROUNDS;
                tokio::time::sleep(IDLE - AROUND + step).await;
            }
        }));
    }
    for lane in lanes {
        lane.await.expect("a lane of requests");
    }
    let requests = evil.requests();
    assert_eq!(
        requests.len() as u32,
        LANES * ROUNDS,
        "some were sent twice"
    );
    let links = evil.links();
    let reused = requests.iter().filter(|it| it.number > 0).count();
    assert!(reused > 0, "no connection was used again");
    assert!(links.len() > LANES as usize, "no connection was closed");
}

/// The numbers of the promise, on a clock that only the test moves: an upstream that closes after 15 s, and a
/// request every 14.9 to 15.1 s, before the close, after it and at the very moment.
#[test]
fn a_request_each_15_seconds() {
    const CLOSES: u64 = 15_000;
    still(async {
        let closes: Arc<Mutex<Vec<Arc<Notify>>>> = Arc::default();
        let told = Arc::clone(&closes);
        let evil = Evil::start(move |_, _| {
            let close = Arc::new(Notify::new());
            told.lock().push(Arc::clone(&close));
            vec![Act::Send(good("hello")), Act::KeepUntil(close)]
        });
        let yaml = format!(
            "endpoints:\n{}{ONE_ATTEMPT}\n",
            endpoint("a", &evil.base_url(), "")
        );
        let gateway = Rc::new(Still::start(&yaml).await);
        let body = ask(MODEL, "hello");
        assert_eq!(gateway.post(CHAT, &body).await.status, 200);
        let mut asked = 1;
        for gap in CLOSES - 100..=CLOSES + 100 {
            let close = closes.lock().last().expect("a connection").clone();
            tokio::time::advance(Duration::from_millis(gap.min(CLOSES))).await;
            if gap >= CLOSES {
                close.notify_one();
            }
            if gap > CLOSES {
                comes(|| evil.links().last().expect("a connection").over).await;
                tokio::time::advance(Duration::from_millis(gap - CLOSES)).await;
            }
            let answer = gateway.post(CHAT, &body).await;
            asked += 1;
            assert_eq!((answer.status, answer.attempts()), (200, 1), "{gap} ms");
            assert_eq!(evil.count(), asked, "{gap} ms: sent twice");
        }
    });
}

/// The first answer is whole, the second breaks after its first byte.
#[tokio::test]
async fn not_again_after_the_first_byte_of_an_answer() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    for byte in ["H", "HTTP/1.1 200 OK\r\n", "\r\n", interim] {
        let evil = Evil::start(move |_, number| match number {
            0 => vec![Act::Send(good("hello")), Act::KeepAlive],
            _ => vec![Act::text(byte), Act::Fin],
        });
        let house = behind_one_worker(&evil);
        let crowd = Crowd::new(&house);
        assert!(crowd.shoot().await.ok());
        assert_eq!(crowd.shoot().await.answer.status(), 502, "{byte:?}");
        assert_eq!(evil.count(), 2, "{byte:?}");
        assert_eq!(evil.links().len(), 1, "{byte:?}");
    }
}

/// Before the first byte it is sent again, once, on a fresh connection.
#[tokio::test]
async fn again_before_the_first_byte_of_an_answer() {
    for last in [Act::Fin, Act::Rst] {
        let evil = Evil::start(move |connection, number| match (connection, number) {
            (0, 1) => vec![last.clone()],
            _ => vec![Act::Send(good("hello")), Act::KeepAlive],
        });
        let house = behind_one_worker(&evil);
        let crowd = Crowd::new(&house);
        assert!(crowd.shoot().await.ok());
        let second = crowd.shoot().await;
        assert!(second.ok(), "{}", second.answer.text());
        assert_eq!(second.attempts(), 1);
        assert_eq!((evil.count(), evil.links().len()), (3, 2));
    }
}

/// Some say so as they close a connection that nobody uses: that is no answer to whoever comes next.
#[tokio::test]
async fn a_last_word_on_an_idle_connection_is_nobodys_answer() {
    let evil = Evil::start(|connection, _| match connection {
        0 => vec![
            Act::Send(good("hello")),
            Act::Wait(Duration::from_millis(20)),
            Act::text("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"),
        ],
        _ => vec![Act::Send(good("hello")), Act::KeepAlive],
    });
    let house = behind_one_worker(&evil);
    let crowd = Crowd::new(&house);
    assert!(crowd.shoot().await.ok());
    eventually(DEADLINE, || evil.links()[0].over).await;
    let second = crowd.shoot().await;
    assert!(second.ok(), "{}", second.answer.text());
    assert_eq!((evil.count(), evil.links().len()), (2, 2));
}

/// Who has not used a connection for 10 s does not count on it: upstreams close theirs after 15 s.
#[test]
fn connections_are_given_up_long_before_upstreams_do() {
    still(async {
        let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
        let yaml = format!("endpoints:\n{}", endpoint("a", &evil.base_url(), ""));
        let gateway = Still::start(&yaml).await;
        let body = ask(MODEL, "hello");
        for (gap, connections) in [(0, 1), (9_900, 1), (10_100, 2), (9_900, 2)] {
            tokio::time::advance(Duration::from_millis(gap)).await;
            assert_eq!(gateway.post(CHAT, &body).await.status, 200);
            assert_eq!(evil.links().len(), connections, "after {gap} ms");
        }
    });
}
