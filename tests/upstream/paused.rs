//! Endpoints that answer 503 and say when to come back: a request that finds all of them so is told that nobody
//! can serve, not that it asks too much; and it waits for one that comes back soon.

use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::error::Why;

use super::scene::{Crowd, NO_PINGS, always, house, target};
use crate::support::chat::{error_code, good, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::wait::{DEADLINE, eventually};

const BODY: &str = r#"{"error":{"message":"not now"}}"#;
/// Or it might be asked again before its actor has heard of the first answer.
const ONE_ATTEMPT: &str = "routing: { max_attempts: 1 }";

/// Waits until the actor of `endpoint` has heard what its upstream said.
async fn takes_nothing(house: &House, endpoint: &str) {
    let target = target(house, endpoint);
    eventually(DEADLINE, || {
        let (why, _) = target.refusal();
        matches!(why, Why::Cooldown | Why::Paused)
    })
    .await;
}

#[tokio::test]
async fn only_rate_limits_are_told_as_rate_limits() {
    let by_limits = (429, "upstream_rate_limited");
    let by_outage = (503, "no_endpoint_available");
    for (statuses, (status, code)) in [
        ([503, 503], by_outage),
        ([503, 429], by_outage),
        ([429, 503], by_outage),
        ([429, 429], by_limits),
    ] {
        let evils = statuses.map(|status| always(response(status, &[("retry-after", "20")], BODY)));
        let names = ["a", "b"];
        let urls = names.into_iter().zip(evils.iter().map(Evil::base_url));
        let house = house(urls, &[NO_PINGS, ONE_ATTEMPT]);
        let crowd = Crowd::new(&house);
        for name in names {
            crowd.shoot_at(name).await;
            takes_nothing(&house, name).await;
        }
        let told = crowd.shoot().await;
        assert_eq!(told.answer.status(), status, "{statuses:?}");
        assert_eq!(error_code(&told.answer), code, "{statuses:?}");
        let seconds: u64 = told.header("retry-after").parse().expect("whole seconds");
        assert!((15..=20).contains(&seconds), "{statuses:?}: {seconds}");
        let text = told.answer.text();
        assert_eq!(text.contains("paused"), statuses.contains(&503), "{text}");
        assert!(evils.iter().all(|evil| evil.count() == 1), "{statuses:?}");
    }
}

#[tokio::test]
async fn a_short_pause_is_waited_out() {
    const PAUSE: Duration = Duration::from_millis(700);
    let evil = Evil::start(|connection, _| match connection {
        0 => vec![Act::Send(response(503, &[("retry-after-ms", "700")], BODY))],
        _ => vec![Act::Send(good("hello")), Act::KeepAlive],
    });
    let house = house([("a", evil.base_url())], &[NO_PINGS, ONE_ATTEMPT]);
    let crowd = Crowd::new(&house);
    assert!(!crowd.shoot().await.ok());
    takes_nothing(&house, "a").await;
    let start = clock::now();
    let second = crowd.shoot().await;
    assert!(second.ok(), "{}", second.answer.text());
    assert!(clock::now() - start < DEADLINE);
    let [first, second] = &evil.requests()[..] else {
        panic!("{} requests", evil.count());
    };
    let between = second.at - first.at;
    assert!(between >= PAUSE, "{between:?}: before its time");
}
