//! Endpoints that take requests and never answer, while the request's own time runs out sooner than theirs:
//! the request goes on to another, and the silent one loses its share.

use std::rc::Rc;
use std::time::Duration;

use breakerbox_actors::state::health::Status;

use super::scene::{Crowd, NO_PINGS, healthy, house, target, view};
use crate::support::chat::{CHAT, ask};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::still::{Still, comes, still};
use crate::support::wait::{DEADLINE, eventually};

const HASTE: Duration = Duration::from_millis(400);

fn mute() -> Evil {
    Evil::start(|_, _| vec![Act::Blackhole])
}

/// A gateway in front of an endpoint that is known to answer and one that never will.
async fn two(good: &Evil, mute: &Evil, more: &str) -> (House, Crowd) {
    let urls = [("good", good.base_url()), ("mute", mute.base_url())];
    let house = house(urls, &[NO_PINGS, more]);
    let crowd = Crowd::new(&house);
    assert!(crowd.shoot_at("good").await.ok());
    let good = target(&house, "good");
    eventually(DEADLINE, || good.status() == Status::Healthy).await;
    (house, crowd)
}

#[tokio::test]
async fn the_gateways_own_time_is_shared_and_blames() {
    let (good, mute) = (healthy(Duration::ZERO), mute());
    let timeout = "server: { listen: \"127.0.0.1:0\", request_timeout: 2s }\n\
                   breaker: { failure_threshold: 2 }";
    let (house, crowd) = two(&good, &mute, timeout).await;
    let mut went_on = 0;
    for _ in 0..40 {
        let shot = crowd.shoot().await;
        assert!(shot.ok(), "{}", shot.answer.text());
        went_on += shot.attempts() - 1;
        if went_on == 1 {
            break;
        }
    }
    assert_eq!(went_on, 1, "the silent one was asked");
    assert_eq!(view(&house, "mute").await.failures_in_a_row, 1);
    // Nobody else may: all the time there is, and then who was waited for.
    let shot = crowd.shoot_at("mute").await;
    assert_eq!(shot.answer.status(), 504);
    assert!(
        shot.answer.text().contains("mute (deadline)"),
        "{}",
        shot.answer.text()
    );
    let mute = target(&house, "mute");
    eventually(DEADLINE, || mute.status() == Status::Unhealthy).await;
}

#[tokio::test]
async fn a_clients_own_time_is_shared_and_blames_nobody() {
    let (good, mute) = (healthy(Duration::ZERO), mute());
    let (house, crowd) = two(&good, &mute, "").await;
    let haste = HASTE.as_millis().to_string();
    let headers = [("x-breakerbox-deadline-ms", &*haste)];
    let mut went_on = 0;
    for _ in 0..60 {
        let shot = crowd.send(&headers, &ask("m", "hello")).await;
        assert!(shot.ok(), "{}", shot.answer.text());
        went_on += shot.attempts() - 1;
    }
    // Half of them, were it still unknown.
    assert!((1..22).contains(&went_on), "asked {went_on} times");
    let view = view(&house, "mute").await;
    assert_eq!((view.failures_in_a_row, view.failure_ratio), (0, None));
    assert!(view.latency >= Some(HASTE / 2), "{:?}", view.latency);
}

#[test]
fn who_gives_up_has_shown_how_long_it_took() {
    still(async {
        let mute = mute();
        let yaml = format!("endpoints:\n{}", endpoint("mute", &mute.base_url(), ""));
        let gateway = Rc::new(Still::start(&yaml).await);
        let asked = gateway.begin(CHAT, ask("m", "hello"));
        comes(|| mute.count() == 1).await;
        tokio::time::advance(HASTE).await;
        asked.abort();
        gateway.calm().await;
        assert_eq!(gateway.seen("mute").await.view.latency, Some(HASTE));
    });
}

/// An answer that is owed counts like one that took so long: nobody has to wait until it has failed.
#[test]
fn the_silent_lose_their_share_before_anything_has_failed() {
    const GAP: Duration = Duration::from_millis(10);
    still(async {
        let good = healthy(Duration::ZERO);
        let mute = Evil::start(|connection, _| match connection {
            0 => vec![Act::Send(crate::support::chat::good("hello")), Act::Fin],
            _ => vec![Act::Blackhole],
        });
        let urls = [("good", good.base_url()), ("mute", mute.base_url())];
        let lines = urls.map(|(name, url)| endpoint(name, &url, ""));
        let gateway = Rc::new(Still::start(&format!("endpoints:\n{}", lines.concat())).await);
        let asked = || good.count() + mute.count();
        // Both have answered in no time at all; then one falls silent.
        let mut under_way = Vec::new();
        let mut ask_for = async |seconds: u64| {
            let before = mute.count();
            for _ in 0..seconds * 100 {
                let number = asked();
                under_way.push(gateway.begin(CHAT, ask("m", "hello")));
                comes(|| asked() == number + 1).await;
                tokio::time::advance(GAP).await;
            }
            mute.count() - before
        };
        assert!(ask_for(1).await > 1, "its share is as large as any");
        assert!(ask_for(1).await <= 5, "of a hundred");
        let view = gateway.seen("mute").await.view;
        assert_eq!((view.failures_in_a_row, view.failure_ratio), (0, Some(0.0)));
    });
}
