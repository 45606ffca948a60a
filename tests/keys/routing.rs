//! How long a request tries, each time by a clock that only the test moves.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::stalling;
use crate::support::chat::{CHAT, ask, ask_stream, good, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::ports::Unreachable;
use crate::support::still::{Reading, Still, comes, settle, still};

const MS: Duration = Duration::from_millis(1);

/// Endpoints whose circuits never open, with these keys of `routing`.
fn yaml(endpoints: &[(&str, String, &str)], routing: &str) -> String {
    let endpoints = endpoints
        .iter()
        .map(|(name, url, more)| endpoint(name, url, more));
    format!(
        "endpoints:\n{}breaker: {{ failure_threshold: 1000000, min_requests: 1000000 }}\n\
         routing: {{ {routing} }}\n",
        endpoints.collect::<String>()
    )
}

fn broken() -> Evil {
    Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive])
}

fn silent() -> Evil {
    Evil::start(|_, _| vec![Act::Blackhole])
}

/// Lets `time` pass, but for a moment at its end within which the request must come to its end.
async fn ends_after(request: JoinHandle<Reading>, time: Duration, status: u16) {
    tokio::time::advance(time - 50 * MS).await;
    settle().await;
    assert!(!request.is_finished(), "it ended before {time:?}");
    tokio::time::advance(100 * MS).await;
    comes(|| request.is_finished()).await;
    let answer = request.await.expect("an answer");
    assert_eq!(answer.status, status);
}

#[test]
pub(super) fn max_attempts() {
    still(async {
        let evils = [broken(), broken(), broken()];
        let urls = ["a", "b", "c"].into_iter().zip(&evils);
        let endpoints: Vec<_> = urls
            .map(|(name, evil)| (name, evil.base_url(), ""))
            .collect();
        let yaml = |most: u32| yaml(&endpoints, &format!("max_attempts: {most}"));
        let gateway = Still::start(&yaml(2)).await;
        for most in [2, 3, 1] {
            gateway.reload(&yaml(most)).await;
            let before: usize = evils.iter().map(Evil::count).sum();
            let answer = gateway.post(CHAT, &ask("m", "hello")).await;
            assert_eq!(answer.status, 502);
            let told = answer
                .headers
                .get("x-breakerbox-attempts")
                .expect("attempts");
            assert_eq!(told, &*most.to_string());
            let after: usize = evils.iter().map(Evil::count).sum();
            assert_eq!(after - before, most as usize);
        }
    });
}

#[test]
pub(super) fn retry_budget() {
    still(async {
        let evils = [broken(), broken()];
        let endpoints = [
            ("a", evils[0].base_url(), ""),
            ("b", evils[1].base_url(), ""),
        ];
        let yaml = |budget: &str| {
            yaml(
                &endpoints,
                &format!("max_attempts: 2, retry_budget: {budget}"),
            )
        };
        let gateway = Still::start(&yaml("0")).await;
        let extra = async |requests: usize| {
            let before: usize = evils.iter().map(Evil::count).sum();
            for _ in 0..requests {
                assert_eq!(gateway.post(CHAT, &ask("m", "hello")).await.status, 502);
            }
            evils.iter().map(Evil::count).sum::<usize>() - before - requests
        };
        // What there is at first, and then, as no second passes, none.
        assert_eq!(extra(130).await, 100);
        gateway.reload(&yaml("0.5")).await;
        assert_eq!(extra(20).await, 10);
        gateway.reload(&yaml("1.0")).await;
        assert_eq!(extra(20).await, 20);
        gateway.reload(&yaml("0")).await;
        assert_eq!(extra(20).await, 0);
    });
}

/// How much time requests wait between their attempts, at a second a look.
async fn waits(gateway: &Rc<Still>, requests: usize) -> Duration {
    let mut waited = Duration::ZERO;
    let under_way = || {
        gateway
            .engine
            .table()
            .targets()
            .any(|it| it.in_flight() > 0)
    };
    for _ in 0..requests {
        let request = gateway.begin(CHAT, ask("m", "hello"));
        settle().await;
        loop {
            comes(|| request.is_finished() || !under_way()).await;
            if request.is_finished() {
                break;
            }
            if !under_way() {
                tokio::time::advance(Duration::from_secs(1)).await;
                waited += Duration::from_secs(1);
                settle().await;
            }
        }
        assert_eq!(request.await.expect("an answer").status, 502);
    }
    waited
}

#[test]
pub(super) fn backoff_base() {
    still(async {
        let evil = broken();
        let yaml = |base: &str| {
            let routing = format!("max_attempts: 2, backoff: {{ base: {base}, max: 300s }}");
            yaml(&[("a", evil.base_url(), "")], &routing)
        };
        let gateway = Rc::new(Still::start(&yaml("100s")).await);
        // On average 50 s each.
        let long = waits(&gateway, 4).await;
        assert!(long > Duration::from_secs(20), "{long:?}");
        gateway.reload(&yaml("10ms")).await;
        let short = waits(&gateway, 4).await;
        assert!(short < Duration::from_secs(5), "{short:?}");
    });
}

#[test]
pub(super) fn backoff_max() {
    still(async {
        let evil = broken();
        let yaml = |max: &str| {
            let routing = format!("max_attempts: 16, backoff: {{ base: 10ms, max: {max} }}");
            yaml(&[("a", evil.base_url(), "")], &routing)
        };
        let gateway = Rc::new(Still::start(&yaml("1000s")).await);
        // Fifteen waits, each twice as long on average as the one before: 164 s. One second is the least seen.
        let long = waits(&gateway, 1).await;
        assert!(long > Duration::from_secs(30), "{long:?}");
        gateway.reload(&yaml("10ms")).await;
        let short = waits(&gateway, 1).await;
        assert!(short <= Duration::from_secs(15), "{short:?}");
    });
}

#[test]
pub(super) fn connect_timeout() {
    still(async {
        let unreachable = Unreachable::new();
        let url = format!("http://{}/v1", unreachable.addr());
        let yaml = |time: &str| {
            yaml(
                &[("a", url.clone(), "")],
                &format!("max_attempts: 1, connect_timeout: {time}"),
            )
        };
        let gateway = Rc::new(Still::start(&yaml("3s")).await);
        for seconds in [3, 20] {
            gateway.reload(&yaml(&format!("{seconds}s"))).await;
            let request = gateway.begin(CHAT, ask("m", "hello"));
            settle().await;
            ends_after(request, Duration::from_secs(seconds), 502).await;
        }
    });
}

#[test]
pub(super) fn first_byte_timeout() {
    still(async {
        let evil = silent();
        let yaml = |time: &str| {
            yaml(
                &[("a", evil.base_url(), "")],
                &format!("max_attempts: 1, first_byte_timeout: {time}"),
            )
        };
        let gateway = Rc::new(Still::start(&yaml("3s")).await);
        let mut asked = 0;
        for seconds in [3, 100] {
            gateway.reload(&yaml(&format!("{seconds}s"))).await;
            for body in [ask("m", "hello"), ask_stream("m", "hello")] {
                let request = gateway.begin(CHAT, body);
                asked += 1;
                comes(|| evil.count() == asked).await;
                ends_after(request, Duration::from_secs(seconds), 504).await;
            }
        }
    });
}

#[test]
pub(super) fn idle_timeout() {
    still(async {
        let evil = stalling();
        let yaml = |time: &str| {
            yaml(
                &[("a", evil.base_url(), "")],
                &format!("idle_timeout: {time}"),
            )
        };
        let gateway = Still::start(&yaml("3s")).await;
        for seconds in [3, 12] {
            gateway.reload(&yaml(&format!("{seconds}s"))).await;
            let mut answer = gateway.post(CHAT, &ask_stream("m", "hello")).await;
            answer.until("\n\n").await;
            answer
                .silent_for(Duration::from_secs(seconds) - 50 * MS)
                .await;
            answer.silent_for(100 * MS).await;
            let error = answer.piece().await.expect("an error event");
            assert!(error.contains("upstream_timeout"), "{error}");
        }
    });
}

/// A gateway with room for one request at a time, which is taken; others wait.
struct Busy {
    evil: Evil,
    gateway: Rc<Still>,
    _first: JoinHandle<Reading>,
}

impl Busy {
    fn yaml(evil: &Evil, queue: &str) -> String {
        let limits = ", limits: { max_in_flight: 1 }";
        yaml(
            &[("busy", evil.base_url(), limits)],
            &format!("queue: {{ {queue} }}"),
        )
    }

    async fn start(queue: &str) -> Self {
        let go = Arc::new(Notify::new());
        let evil = Evil::start(move |_, _| {
            vec![
                Act::WaitFor(Arc::clone(&go)),
                Act::Send(good("hello")),
                Act::KeepAlive,
            ]
        });
        let gateway = Rc::new(Still::start(&Self::yaml(&evil, queue)).await);
        let first = gateway.begin(CHAT, ask("m", "hello"));
        comes(|| evil.count() == 1).await;
        Self {
            evil,
            gateway,
            _first: first,
        }
    }

    async fn reload(&self, queue: &str) {
        self.gateway.reload(&Self::yaml(&self.evil, queue)).await;
    }

    /// One more request, which waits if it may.
    async fn more(&self) -> JoinHandle<Reading> {
        let request = self.gateway.begin(CHAT, ask("m", "hello"));
        settle().await;
        request
    }
}

async fn code(request: JoinHandle<Reading>) -> String {
    comes(|| request.is_finished()).await;
    let mut answer = request.await.expect("an answer");
    let body: Value = serde_json::from_str(&answer.rest().await).expect("JSON");
    body["error"]["code"].as_str().expect("a code").to_owned()
}

#[test]
pub(super) fn max_wait() {
    still(async {
        let busy = Busy::start("max_wait: 3s").await;
        for seconds in [3, 40] {
            busy.reload(&format!("max_wait: {seconds}s")).await;
            let request = busy.more().await;
            assert_eq!(busy.gateway.engine.waiting(), 1);
            ends_after(request, Duration::from_secs(seconds), 429).await;
        }
        busy.reload("max_wait: 0s").await;
        assert!(busy.more().await.is_finished(), "refused at once");
    });
}

#[test]
pub(super) fn max_length() {
    still(async {
        let busy = Busy::start("max_length: 1").await;
        let mut waiting = vec![busy.more().await];
        assert_eq!(busy.gateway.engine.waiting(), 1);
        assert_eq!(code(busy.more().await).await, "overloaded");
        busy.reload("max_length: 3").await;
        waiting.extend([busy.more().await, busy.more().await]);
        assert_eq!(busy.gateway.engine.waiting(), 3);
        assert_eq!(code(busy.more().await).await, "overloaded");
        assert!(waiting.iter().all(|request| !request.is_finished()));
        busy.reload("max_length: 0").await;
        assert_eq!(code(busy.more().await).await, "overloaded");
    });
}
