//! An error after event 3: passed on in the dialect's own form; the answer is begun once and never ended well.

use super::{assert_calm, good_events, house};
use crate::support::chat::{CHAT, ask_stream, chunk, delta, last_chunk, stream_head};
use crate::support::client::{Answer, Client, Ending};
use crate::support::evil::{Act, Evil};

/// The answer to a stream of `events`, and what became of the attempt: one failure.
async fn relayed(name: &str, path: &str, events: &str) -> Answer {
    let body = chunk(events);
    let evil = Evil::start(move |_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(body.clone()),
            Act::Send(last_chunk()),
            Act::KeepAlive,
        ]
    });
    let house = house(name, &evil);
    let mut client = Client::connect(house.addr()).await;
    client.post(path, &ask_stream("m", "hello")).await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.ending, Ending::Whole);
    assert_eq!(house.outcomes(name, "error_event").await, 1.0);
    assert_eq!(house.seen(name).await.view.failures_in_a_row, 1);
    assert_eq!(evil.count(), 1, "no second attempt after the first byte");
    assert_calm(&house, name).await;
    answer
}

#[tokio::test]
async fn in_the_dialects_form_an_error_passes_byte_for_byte() {
    let (events, done) = good_events();
    let three = events[..3].concat();
    let error = "data: {\"error\":{\"message\":\"engine on fire\",\"type\":\"server_error\",\"param\":null,\"code\":\"x\"}}\n\n";
    let whole = format!("{three}{error}{}{done}", delta("never seen"));
    let answer = relayed("error-in-form", CHAT, &whole).await;
    assert_eq!(answer.text(), format!("{three}{error}"));
}

#[tokio::test]
async fn in_another_form_it_is_put_into_the_dialects() {
    let (events, done) = good_events();
    let three = events[..3].concat();
    for (number, error) in [
        "event: error\ndata: {\"message\":\"engine on fire\"}\n\n",
        "data: {\"error\":\"engine on fire\"}\n\n",
        "data: {\"object\":\"error\",\"message\":\"engine on fire\",\"code\":500}\n\n",
    ]
    .into_iter()
    .enumerate()
    {
        let whole = format!("{three}{error}{done}");
        let answer = relayed(&format!("error-foreign-{number}"), CHAT, &whole).await;
        let text = answer.text();
        let error = text.strip_prefix(&three).expect("what came before");
        let json = error.strip_prefix("data: ").expect("one event");
        let json = json.strip_suffix("\n\n").expect("one event");
        let json: serde_json::Value = serde_json::from_str(json).expect("one event");
        let message = json["error"]["message"].as_str().expect("a message");
        assert!(message.contains("engine on fire"), "{message}");
        assert_eq!(json["error"]["code"], "upstream_error");
    }
}

#[tokio::test]
async fn a_response_is_created_once_and_fails_once() {
    let event = |number: usize, kind: &str, more: &str| {
        format!(
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number}{more}}}\n\n"
        )
    };
    let head = r#","response":{"id":"resp_1","created_at":9,"model":"m"}"#;
    let three = event(0, "response.created", head)
        + &event(1, "response.output_text.delta", ",\"delta\":\"a\"")
        + &event(2, "response.output_text.delta", ",\"delta\":\"b\"");
    let failed = event(
        3,
        "response.failed",
        r#","response":{"id":"resp_1","error":{"code":"server_error","message":"engine on fire"}}"#,
    );
    let answer = relayed(
        "error-response",
        "/v1/responses",
        &(three.clone() + &failed),
    )
    .await;
    assert_eq!(answer.text(), three.clone() + &failed);

    // The plain `error` event, which some clients do not end the stream for.
    let error = event(3, "error", ",\"message\":\"engine on fire\",\"code\":\"x\"");
    let answer = relayed(
        "error-response-plain",
        "/v1/responses",
        &(three.clone() + &error),
    )
    .await;
    let text = answer.text();
    assert!(text.starts_with(&three), "{text}");
    assert_eq!(text.matches("event: response.created").count(), 1);
    assert_eq!(text.matches("event: response.failed").count(), 1);
    assert!(text.contains("\"id\":\"resp_1\"") && text.contains("engine on fire"));
    assert!(!text.contains("response.completed"));
}
