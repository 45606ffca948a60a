//! Endpoints that swallow connections, fail or stay silent in a TLS handshake or take long to be found: requests
//! for other endpoints are as fast as ever.

use std::rc::Rc;
use std::time::Duration;

use breakerbox_actors::clock;
use tokio::task::JoinHandle;

use super::scene::{self, Crowd, NO_PINGS, alone, always, assert_all_ok, healthy, quantile};
use super::tls::secure::{Fault, Secure};
use crate::support::chat::{CHAT, ask, good};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::ports::Unreachable;
use crate::support::still::{Still, settle, still_without_names};
use crate::support::wait::DEADLINE;

const GAP: Duration = Duration::from_millis(10);
const TIME: Duration = Duration::from_secs(5);

/// Sends a request every 10 ms to the three silent endpoints of the model `dead`, until aborted.
fn noise(house: &House) -> JoinHandle<()> {
    let crowd = Crowd::at(house.addr(), "dead");
    tokio::spawn(async move {
        loop {
            let crowd = crowd.clone();
            tokio::spawn(async move { assert!(!crowd.shoot().await.ok()) });
            tokio::time::sleep(GAP).await;
        }
    })
}

/// A gateway in front of one good endpoint and, for the model `dead`, three silent ones. These are never out, or
/// nobody would be kept waiting.
fn yaml(good: &Evil, hole: &Unreachable, mute: &Evil, more: &str) -> String {
    format!(
        "endpoints:
  - {{ name: good, provider: openai-compatible, base_url: \"{}\", models: [m] }}
  - {{ name: hole, provider: openai-compatible, base_url: \"http://{}/v1\", models: [dead] }}
  - {{ name: hush, provider: openai-compatible, base_url: \"https://{}/v1\", models: [dead] }}
  - {{ name: mute, provider: openai-compatible, base_url: \"{}\", models: [dead] }}
{more}breaker: {{ failure_threshold: 1000000, min_requests: 1000000 }}
routing: {{ connect_timeout: 1s, first_byte_timeout: 1s, retry_budget: 1.0 }}
{NO_PINGS}",
        good.base_url(),
        hole.addr(),
        mute.addr(),
        mute.base_url(),
    )
}

/// On a clock that only the test moves, on one thread for all: every request for the good endpoint is answered
/// without any time passing, however many wait for silent ones. Were the thread itself to wait, the test would not
/// be over in time.
#[test]
fn nobody_else_waits_for_a_silent_endpoint() {
    still_without_names(async {
        let (good, hole) = (always(good("hello")), Unreachable::new());
        let mute = Evil::start(|_, _| vec![Act::Blackhole]);
        // A name that takes for ever to resolve, and what goes wrong in a handshake.
        let faults = [Fault::WrongName, Fault::Hangup, Fault::Silent];
        let secure = faults.map(Secure::start);
        let mut urls = vec![format!("http://localhost:{}/v1", mute.addr().port())];
        urls.extend(secure.iter().map(|it| format!("https://{}/v1", it.addr())));
        let more = urls.iter().enumerate().map(|(at, url)| {
            format!("  - {{ name: more-{at}, provider: openai-compatible, base_url: \"{url}\", models: [dead] }}\n")
        });
        let yaml = yaml(&good, &hole, &mute, &more.collect::<String>());
        let gateway = Rc::new(Still::start(&yaml).await);
        let mut waiting = Vec::new();
        for number in 1..=200 {
            waiting.push(gateway.begin(CHAT, ask("dead", "hello")));
            settle().await;
            let answer = gateway.post(CHAT, &ask("m", "hello")).await;
            assert_eq!((answer.status, answer.attempts()), (200, 1));
            assert_eq!(good.count(), number);
            tokio::time::advance(GAP).await;
        }
        assert!(!waiting[150].is_finished(), "nobody waits");
        let begin = clock::now();
        for waiting in waiting {
            while !waiting.is_finished() {
                tokio::time::advance(GAP).await;
                settle().await;
                assert!(clock::now() - begin < DEADLINE, "it waits for ever");
            }
            let status = waiting.await.expect("an answer").status;
            assert!(matches!(status, 502..=504), "{status}");
        }
    });
}

#[tokio::test]
async fn others_are_as_fast_as_ever() {
    let _alone = alone().await;
    let good = healthy(Duration::from_millis(20));
    let blackhole = Unreachable::new();
    let mute = Evil::start(|_, _| vec![Act::Blackhole]);
    let house = House::start(&yaml(&good, &blackhole, &mute, ""));
    let noise = noise(&house);
    // Another gateway has nothing to do with silent endpoints: whatever else the machine does hits both.
    let calm_house = scene::house([("good", good.base_url())], &[NO_PINGS]);
    let (crowd, calm) = (Crowd::new(&house), Crowd::new(&calm_house));
    let (shots, calm) = tokio::join!(crowd.fire(GAP, TIME), calm.fire(GAP, TIME));
    noise.abort();
    assert_all_ok(&shots);
    assert!(mute.links().len() > 10, "the silent ones were asked");
    // A thread that waits for a dead endpoint would cost a second. The silent ones also cost work, which the slowest
    // feel where cores are scarce; that nobody waits for them is seen above, of every request.
    let (beside, calm) = (quantile(&shots, 0.5), quantile(&calm, 0.5));
    assert!(
        beside <= calm * 2 + Duration::from_millis(20),
        "{beside:?}, without silent ones {calm:?}"
    );
}
