//! Everything dead for 30 s, then healed: meanwhile 503 with Retry-After in 5 ms, and the first success comes
//! 1.5 s after.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;
use tokio::task::JoinHandle;

use super::front::{Door, Front};
use super::scene::{Crowd, MODEL, Shot, alone, house, well};
use crate::support::chat::{CHAT, ask, error_code, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::still::{Still, settle, still};
use crate::support::wait::worked;

const DEAD: Duration = Duration::from_secs(30);
const BACK: Duration = Duration::from_millis(1_500);
/// Longest that a refusal takes.
const REFUSAL: Duration = Duration::from_millis(5);
const GAP: Duration = Duration::from_millis(25);

/// How an endpoint is dead.
#[derive(Clone, Copy)]
enum Death {
    Refused,
    Reset,
    Error,
    Truncated,
}

fn mortal(dead: &Arc<AtomicBool>, death: Death) -> Evil {
    let dead = Arc::clone(dead);
    Evil::start(move |_, _| {
        if !dead.load(Ordering::Relaxed) {
            return well(Duration::ZERO);
        }
        match death {
            Death::Refused => unreachable!("its door is shut"),
            Death::Reset => vec![Act::Rst],
            Death::Error => vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive],
            Death::Truncated => vec![Act::text("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")],
        }
    })
}

/// Four endpoints, dead in four ways, until told.
struct Town {
    dead: Arc<AtomicBool>,
    front: Front,
    evils: Vec<Evil>,
}

impl Town {
    const NAMES: [&str; 4] = ["shut", "reset", "error", "truncated"];

    fn dead() -> Self {
        let dead = Arc::new(AtomicBool::new(true));
        let deaths = [Death::Refused, Death::Reset, Death::Error, Death::Truncated];
        let evils: Vec<Evil> = deaths.map(|death| mortal(&dead, death)).into();
        let front = Front::start(evils[0].addr());
        front.set(Door::Shut);
        Self { dead, front, evils }
    }

    /// Their base URLs, by name.
    fn urls(&self) -> impl Iterator<Item = (&'static str, String)> {
        let first = std::iter::once(self.front.base_url());
        Self::NAMES
            .into_iter()
            .zip(first.chain(self.evils[1..].iter().map(Evil::base_url)))
    }

    fn heal(&self) {
        self.dead.store(false, Ordering::Relaxed);
        self.front.set(Door::Open);
    }
}

/// Lets everybody do what there is to do now, until `asked` is answered.
async fn soon_over<T>(asked: &JoinHandle<T>) {
    for _ in 0..300 {
        if asked.is_finished() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// On a clock that only the test moves: every refusal comes without any time passing, that is, nobody is made to
/// wait; and the work for it, all of which this thread does, is no more than 5 ms. Together they are what a client
/// waits for on a machine that has nothing else to do. A machine that has charges the interrupts and the lent-out
/// core of now and then to whoever runs; so the work is that of 99 refusals in a hundred, of a thousand and more.
#[test]
fn quick_refusals_and_a_quick_return() {
    for pings in [false, true] {
        still(async {
            let town = Town::dead();
            settle().await;
            let mut yaml = String::from("endpoints:\n");
            for (name, url) in town.urls() {
                yaml += &match pings {
                    true => endpoint(name, &url, "").replace("kind: none", "kind: models"),
                    false => endpoint(name, &url, ""),
                };
            }
            let alive = Arc::new(AtomicBool::new(false));
            let gateway = Rc::new(Still::pinged(&yaml, Arc::clone(&alive)).await);
            let body = ask(MODEL, "hello");
            let begin = clock::now();
            let (mut works, mut opening) = (Vec::new(), Vec::new());
            while clock::now() < begin + DEAD {
                let before = worked();
                let asked = gateway.begin(CHAT, body.clone());
                soon_over(&asked).await;
                let work = worked() - before;
                gateway.calm().await;
                tokio::time::advance(GAP).await;
                // The first ones open the circuits and see the failures themselves.
                if opening.len() < 20 {
                    opening.push(asked);
                    continue;
                }
                assert!(
                    asked.is_finished(),
                    "it waits {:?} after",
                    clock::now() - begin
                );
                let mut answer = asked.await.expect("an answer");
                assert_eq!(answer.status, 503);
                let wait = answer
                    .headers
                    .get("retry-after")
                    .expect("when to come back");
                let wait: u64 = wait.to_str().expect("text").parse().expect("whole seconds");
                assert!((1..=60).contains(&wait), "{wait}");
                // Who is sent on a last resort waits for an upstream, with this thread spinning meanwhile.
                let attempts = answer.headers.get("x-breakerbox-attempts");
                if attempts.is_none_or(|attempts| attempts == "0") {
                    works.push(work);
                }
                let text = answer.rest().await;
                assert!(text.contains("no_endpoint_available"), "{text}");
            }
            assert!(works.len() > 1_000, "{}", works.len());
            works.sort();
            let work = works[works.len() * 99 / 100];
            assert!(work <= REFUSAL, "{work:?}");

            town.heal();
            alive.store(true, Ordering::Relaxed);
            let healed = clock::now();
            loop {
                let asked = gateway.begin(CHAT, body.clone());
                gateway.calm().await;
                if asked.is_finished() && asked.await.expect("an answer").status == 200 {
                    break;
                }
                tokio::time::advance(GAP).await;
                assert!(clock::now() <= healed + BACK, "no success yet");
            }
        });
    }
}

/// The same through the gateway's own sockets, threads and pings, in real time and shorter: recovery timeouts shrink
/// with the outage.
#[tokio::test]
async fn the_whole_gateway_comes_back() {
    const DEAD: Duration = Duration::from_secs(3);
    let _alone = alone().await;
    let town = Town::dead();
    let breaker = "breaker: { recovery_timeout: 6s, max_recovery_timeout: 30s }";
    let house = house(town.urls(), &[breaker]);
    let crowd = Crowd::new(&house);
    let switch = async {
        tokio::time::sleep(DEAD).await;
        town.heal();
        clock::now()
    };
    let (shots, healed) = tokio::join!(crowd.fire(GAP, DEAD + BACK * 2), switch);
    let meanwhile: Vec<&Shot> = shots.iter().filter(|s| s.began + s.took < healed).collect();
    let (opening, refused) = meanwhile.split_at(20);
    assert!(opening.iter().all(|shot| !shot.ok()));
    for shot in refused {
        assert_eq!(shot.answer.status(), 503, "{}", shot.answer.text());
        assert_eq!(error_code(&shot.answer), "no_endpoint_available");
        let wait: u64 = shot.header("retry-after").parse().expect("whole seconds");
        assert!((1..=60).contains(&wait), "{wait}");
    }
    let back = shots.iter().find(|shot| shot.ok());
    let back = back.expect("it comes back");
    let after = (back.began + back.took).saturating_duration_since(healed);
    assert!(after <= BACK, "{after:?}");
}
