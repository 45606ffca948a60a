//! Every fault of a stream, in Anthropic's form.

use serde_json::json;

use super::{ask, script, streamed, whole};
use crate::simulator::{broken, faulty, post_with};
use crate::support::client::Ending;
use breakerbox::simulator::{Api, Fault, Running};

fn with(fault: Fault) -> Running {
    faulty(Api::Messages, script(), fault)
}

#[tokio::test]
async fn statuses_have_their_words() {
    for (code, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let running = with(Fault::Status {
            code,
            retry_after: None,
        });
        let answer = whole(&running, json!({})).await;
        assert_eq!(
            (answer.status(), &answer.json()["error"]["type"]),
            (code, &json!(kind))
        );
    }
    assert_eq!(
        whole(&with(Fault::Unauthorized), json!({})).await.status(),
        401
    );
}

#[tokio::test]
async fn errors_stand_inside_a_200() {
    for after in [0, 4] {
        let running = with(Fault::ErrorEvent { after });
        let (events, ending) = streamed(&running, json!({})).await;
        assert_eq!((events.len(), ending), (after + 1, Ending::Whole));
        assert_eq!(events[after].name, "error");
        assert_eq!(events[after].json()["error"]["type"], "overloaded_error");
        let answer = whole(&running, json!({})).await;
        assert_eq!(
            (answer.status(), &answer.json()["type"]),
            (200, &json!("error"))
        );
    }
}

#[tokio::test]
async fn streams_break_where_they_are_told() {
    let (events, ending) = streamed(
        &with(Fault::Cut {
            after: 5,
            end: Default::default(),
        }),
        json!({}),
    )
    .await;
    assert_eq!((events.len(), ending), (5, Ending::Closed));
    let (events, _) = streamed(&with(Fault::Malformed { after: 2 }), json!({})).await;
    assert_eq!(broken(&events), [2]);
    let (events, _) = streamed(&with(Fault::MissingUsage), json!({})).await;
    assert!(events.iter().all(|event| !event.data.contains("usage")));
    assert!(
        whole(&with(Fault::MissingUsage), json!({}))
            .await
            .json()
            .get("usage")
            .is_none()
    );
    assert_eq!(
        whole(&with(Fault::WrongLength { by: 9 }), json!({}))
            .await
            .ending,
        Ending::Closed
    );
    let running = with(Fault::Stall { after: 2 });
    let mut body = ask(json!({}));
    body["stream"] = json!(true);
    let mut client = post_with(&running, super::PATH, &[super::VERSION], &body).await;
    client.head().await;
    for _ in 0..2 {
        assert!(client.event().await.expect("open").is_some());
    }
    let silence = tokio::time::timeout(std::time::Duration::from_millis(50), client.event()).await;
    assert!(silence.is_err(), "{silence:?}");
}
