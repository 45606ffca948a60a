//! Every fault of a stream, in Gemini's two forms.

use serde_json::{Value, json};

use super::{array, script, streamed, whole};
use crate::simulator::{broken, faulty};
use crate::support::client::Ending;
use breakerbox::simulator::{Api, End, Fault, Running};

fn with(fault: Fault) -> Running {
    faulty(Api::GenerateContent, script(), fault)
}

#[tokio::test]
async fn statuses_have_their_words() {
    for (code, word) in [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ] {
        let running = with(Fault::Status {
            code,
            retry_after: None,
        });
        let answer = whole(&running, json!({})).await;
        assert_eq!(
            (answer.status(), &answer.json()["error"]["status"]),
            (code, &json!(word))
        );
    }
    assert_eq!(
        whole(&with(Fault::Unauthorized), json!({})).await.status(),
        403
    );
}

#[tokio::test]
async fn errors_stand_inside_a_200() {
    for after in [0, 4] {
        let running = with(Fault::ErrorEvent { after });
        let (events, ending) = streamed(&running, json!({})).await;
        assert_eq!((events.len(), ending), (after + 1, Ending::Whole));
        assert_eq!(events[after].json()["error"]["status"], "UNAVAILABLE");
        let items = array(&running, json!({})).await.json();
        assert_eq!(items.as_array().map(Vec::len), Some(after + 1));
        assert_eq!(items[after]["error"]["code"], 503);
        let answer = whole(&running, json!({})).await;
        assert_eq!(
            (answer.status(), &answer.json()["error"]["code"]),
            (200, &json!(503))
        );
    }
}

#[tokio::test]
async fn streams_break_where_they_are_told() {
    for (end, expected) in [
        (End::Clean, Ending::Whole),
        (End::Fin, Ending::Closed),
        (End::Reset, Ending::Reset),
    ] {
        let running = with(Fault::Cut { after: 3, end });
        let (events, ending) = streamed(&running, json!({})).await;
        assert_eq!((events.len(), ending), (3, expected));
        let answer = array(&running, json!({})).await;
        assert_eq!(answer.ending, expected);
        assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    }
    let (events, _) = streamed(&with(Fault::Malformed { after: 2 }), json!({})).await;
    assert_eq!(broken(&events), [2]);
    let answer = array(&with(Fault::Malformed { after: 2 }), json!({})).await;
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    let (events, _) = streamed(&with(Fault::MissingUsage), json!({})).await;
    assert!(events.iter().all(|event| !event.data.contains("usage")));
    assert!(
        whole(&with(Fault::MissingUsage), json!({}))
            .await
            .json()
            .get("usageMetadata")
            .is_none()
    );
    assert_eq!(
        array(&with(Fault::WrongLength { by: 9 }), json!({}))
            .await
            .ending,
        Ending::Closed
    );
}
