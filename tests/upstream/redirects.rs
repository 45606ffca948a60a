//! Redirects are not followed: key and text go nowhere but where the configuration says.

use std::time::Duration;

use super::scene::{Crowd, NO_BREAKER, NO_PINGS, always, assert_all_ok, healthy, house};
use crate::support::chat::{error_code, response};

#[tokio::test]
async fn no_redirect_is_followed_or_passed_on() {
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let trap = healthy(Duration::ZERO);
        let elsewhere = format!("{}/chat/completions", trap.base_url());
        let moved = always(response(status, &[("location", &elsewhere)], ""));
        let good = healthy(Duration::ZERO);
        let both = house(
            [("moved", moved.base_url()), ("good", good.base_url())],
            &[NO_PINGS, NO_BREAKER],
        );
        let shots = Crowd::new(&both).volley(40, 1).await;
        assert_all_ok(&shots);
        assert!(moved.count() > 0, "{status}: it was asked");
        assert!(shots.iter().all(|shot| shot.endpoint() == "good"));

        let one = house(
            [("moved", moved.base_url())],
            &[NO_PINGS, "routing: { max_attempts: 1 }"],
        );
        let shot = Crowd::new(&one).shoot().await;
        assert_eq!(shot.answer.status(), 502, "{status}");
        assert_eq!(error_code(&shot.answer), "upstream_error");
        assert_eq!(shot.header("location"), "");
        assert_eq!(trap.links().len(), 0, "{status}: somebody went there");
    }
}
