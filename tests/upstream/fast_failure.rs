//! A bad endpoint that answers 503 in a millisecond does not look attractive beside a good one that takes
//! 800 ms: its share stays at 5 % even while it is not out.

use std::time::Duration;

use super::scene::{Crowd, NO_BREAKER, NO_PINGS, alone, always, assert_all_ok, healthy, house};
use crate::support::chat::response;

#[tokio::test]
async fn failing_fast_is_not_being_fast() {
    let _alone = alone().await;
    let bad = always(response(503, &[], r#"{"error":{"message":"busy"}}"#));
    let good = healthy(Duration::from_millis(800));
    // The breaker would end the measurement; extra attempts are for everybody.
    let house = house(
        [("bad", bad.base_url()), ("good", good.base_url())],
        &[NO_PINGS, NO_BREAKER, "routing: { retry_budget: 1.0 }"],
    );
    let crowd = Crowd::new(&house);
    // Until both have been measured nobody can tell.
    crowd.shoot_at("good").await;
    crowd.shoot_at("bad").await;
    let before = bad.count();
    let shots = crowd
        .fire(Duration::from_millis(5), Duration::from_secs(8))
        .await;
    assert_all_ok(&shots);
    let bad = bad.count() - before;
    assert!(bad * 100 <= shots.len() * 5, "{bad} of {}", shots.len());
    assert!(bad > 0, "it is still asked now and then");
}
