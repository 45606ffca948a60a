//! A thousand times 400, 404, 413 and 422: the client gets the provider's own words, nothing is tried again,
//! and the breaker does not move.

use super::scene::{Crowd, MODEL, NO_PINGS, News, alone, always, house, view};
use crate::support::chat::{CHAT, ask, response};
use crate::support::client::post;
use breakerbox_actors::state::{breaker::Phase, health::Status};

#[tokio::test]
async fn a_thousand_of_each_move_nothing() {
    let _alone = alone().await;
    for status in [400, 404, 413, 422] {
        let body = format!(r#"{{ "error": {{"message":"no {status}", "odd":[1.50]}} }}"#);
        let evils = [0, 1].map(|_| always(response(status, &[("x-own", "kept")], &body)));
        let house = house(
            [("a", evils[0].base_url()), ("b", evils[1].base_url())],
            &[NO_PINGS],
        );
        let news = News::listen(&house);
        let shots = Crowd::new(&house).volley(1_000, 4).await;
        for shot in &shots {
            assert_eq!(shot.answer.status(), status);
            assert_eq!(shot.answer.text(), body);
            assert_eq!(shot.attempts(), 1);
        }
        assert_eq!(evils[0].count() + evils[1].count(), 1_000);
        assert!(evils.iter().all(|evil| evil.count() > 0));
        for name in ["a", "b"] {
            let view = view(&house, name).await;
            assert_eq!((view.phase, view.epoch), (Phase::Closed, 0));
            assert_eq!(view.failures_in_a_row, 0);
            assert_eq!(view.failure_ratio, None, "neither good nor bad");
            assert_eq!(news.count(name, Status::Unhealthy), 0);
            assert_eq!(news.count(name, Status::Degraded), 0);
        }
    }
}

#[tokio::test]
async fn an_answer_cut_off_in_its_words_is_not_passed_on() {
    let cut = response(400, &[], r#"{"error":{"message":"#);
    let cut = [&cut[..], b""].concat();
    let text = String::from_utf8(cut).expect("text");
    let longer = text.replace("content-length: 20", "content-length: 200");
    assert_ne!(text, longer);
    let evil = crate::support::evil::Evil::start(move |_, _| {
        vec![crate::support::evil::Act::text(&longer)]
    });
    let house = house([("a", evil.base_url())], &[NO_PINGS]);
    let answer = post(house.addr(), CHAT, &ask(MODEL, "hello")).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
}

/// What one client asks for or writes is not the key's fault, whatever the status: nobody else loses the endpoint.
#[tokio::test]
async fn a_403_about_a_request_moves_nothing_either() {
    for body in [
        r#"{ "error": {"code":403,"message":"You do not have permission to access the File x7 or it may not exist.","status":"PERMISSION_DENIED"} }"#,
        r#"{ "error": {"code":403,"message":"CachedContent not found (or permission denied)","status":"PERMISSION_DENIED"} }"#,
        r#"{ "error": {"code":403,"message":"Your input was flagged","metadata":{"reasons":["hate"],"flagged_input":"no"}} }"#,
        r#"{ "code":"permission-denied", "error":"Content violates usage guidelines. " }"#,
    ] {
        let evils = [0, 1].map(|_| always(response(403, &[], body)));
        let house = house(
            [("a", evils[0].base_url()), ("b", evils[1].base_url())],
            &[NO_PINGS, "breaker: { failure_threshold: 1 }"],
        );
        for _ in 0..20 {
            let answer = post(house.addr(), CHAT, &ask(MODEL, "hello")).await;
            assert_eq!((answer.status(), answer.text().as_str()), (403, body));
        }
        assert_eq!(evils[0].count() + evils[1].count(), 20);
        for name in ["a", "b"] {
            assert_eq!(view(&house, name).await.phase, Phase::Closed, "{body}");
        }
    }
}
