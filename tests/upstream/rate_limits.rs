//! A 429 with a Retry-After: not one request before that, and the circuit stays closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breakerbox_actors::state::{breaker::Phase, health::Status};

use super::scene::{Crowd, NO_PINGS, News, alone, assert_all_ok, healthy, house, view, well};
use crate::support::chat::response;
use crate::support::evil::{Act, Evil};

/// The promise's 20 s are 4 s here; the provider asks for them.
const ASKED: Duration = Duration::from_secs(4);

#[tokio::test]
async fn not_one_request_before_retry_after() {
    let _alone = alone().await;
    let limited = Arc::new(AtomicBool::new(false));
    let limit = Arc::clone(&limited);
    let busy = Evil::start(move |_, _| {
        if limit.swap(false, Ordering::Relaxed) {
            let refusal = response(
                429,
                &[("retry-after", "4")],
                r#"{"error":{"message":"slow"}}"#,
            );
            return vec![Act::Send(refusal), Act::KeepAlive];
        }
        well(Duration::ZERO)
    });
    let other = healthy(Duration::ZERO);
    let house = house(
        [("busy", busy.base_url()), ("other", other.base_url())],
        &[NO_PINGS],
    );
    let news = News::listen(&house);
    let crowd = Crowd::new(&house);
    // Well known and well liked before it refuses.
    for _ in 0..20 {
        assert!(crowd.shoot_at("busy").await.ok());
    }
    limited.store(true, Ordering::Relaxed);
    let refused = crowd.shoot_at("busy").await;
    assert_eq!(refused.answer.status(), 429, "{}", refused.answer.text());
    let asked = busy.requests().last().expect("a request").at;
    assert_eq!(view(&house, "busy").await.status, Status::RateLimited);
    assert_eq!(view(&house, "busy").await.phase, Phase::Closed);

    let shots = crowd
        .fire(Duration::from_millis(5), ASKED + Duration::from_secs(2))
        .await;
    assert_all_ok(&shots);
    assert!(shots.iter().all(|shot| shot.attempts() == 1));
    let next = busy.requests().into_iter().find(|it| it.at > asked);
    let pause = next.expect("it serves again").at - asked;
    assert!(pause >= ASKED, "asked again after {pause:?}");
    assert_eq!(news.count("busy", Status::Unhealthy), 0);
    assert_eq!(view(&house, "busy").await.failures_in_a_row, 0);
}
