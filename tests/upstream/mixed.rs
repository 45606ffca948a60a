//! Five thousand requests over three endpoints, of which one refuses connections and one answers 429: none
//! fails.

use std::time::Duration;

use super::scene::{Crowd, NO_PINGS, alone, always, assert_all_ok, healthy, house};
use crate::support::chat::response;
use crate::support::ports::Refused;

#[tokio::test]
async fn none_of_five_thousand_fails() {
    let _alone = alone().await;
    let refused = Refused::new();
    let limited = always(response(429, &[("retry-after", "1")], "{}"));
    let good = healthy(Duration::ZERO);
    let house = house(
        [
            ("refuses", format!("http://{}/v1", refused.addr())),
            ("limited", limited.base_url()),
            ("good", good.base_url()),
        ],
        &[NO_PINGS],
    );
    let shots = Crowd::new(&house).volley(5_000, 16).await;
    assert_eq!(shots.len(), 5_000);
    assert_all_ok(&shots);
    assert_eq!(good.count(), 5_000);
    assert!(shots.iter().all(|shot| shot.endpoint() == "good"));
    assert!(limited.count() > 0, "it was asked");
    assert!(shots.iter().any(|shot| shot.attempts() > 1));
}
