use super::*;

fn of_event(name: &str, data: &str) -> Judged {
    event(format!("event: {name}\ndata: {data}\n\n").as_bytes())
}

fn error(name: &str, data: &str) -> (Blame, String, bool) {
    match of_event(name, data).kind {
        Kind::Error { reported, in_form } => (reported.blame, reported.message, in_form),
        other => panic!("{other:?}"),
    }
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":1}}}"#;

#[test]
fn each_event_has_its_kind() {
    let kind = |name, data| of_event(name, data).kind;
    assert_eq!(kind("ping", r#"{"type": "ping"}"#), Kind::Silent);
    assert_eq!(event(b"data: {\"type\": \"ping\"}\n\n").kind, Kind::Silent);
    assert_eq!(event(b": hello\n\n").kind, Kind::Silent);
    assert_eq!(kind("message_start", START), Kind::Content);
    assert_eq!(
        kind(
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\"type\":\"error\""}}"#
        ),
        Kind::Content
    );
    assert_eq!(
        kind("message_stop", r#"{"type":"message_stop"}"#),
        Kind::Terminal
    );
    assert_eq!(kind("something_new", r#"{"type":"new"}"#), Kind::Content);
    assert_eq!(event(b"data: [DONE]\n\n").kind, Kind::Unfinished);
    for broken in ["{", "[]", "7", r#"{"type":7}"#, "\u{fffd}"] {
        assert_eq!(kind("message_delta", broken), Kind::Malformed, "{broken}");
    }
}

#[test]
fn errors_are_blamed_by_their_type() {
    for (kind, blame) in [
        ("overloaded_error", Blame::Overload),
        ("api_error", Blame::Server),
        ("timeout_error", Blame::Server),
        ("something_new", Blame::Server),
        ("rate_limit_error", Blame::RateLimit),
        ("authentication_error", Blame::Key),
        ("permission_error", Blame::Key),
        ("billing_error", Blame::Key),
        ("invalid_request_error", Blame::Client),
        ("not_found_error", Blame::Client),
        ("request_too_large", Blame::Client),
    ] {
        let data = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"Why"}}}}"#);
        assert_eq!(error("error", &data), (blame, "Why".to_owned(), true));
    }
}

#[test]
fn an_error_is_in_form_only_if_clients_will_see_it() {
    let body = r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#;
    assert!(error("error", body).2);
    // Without the event's name the official clients read on.
    assert!(!error("message", body).2);
    for foreign in [
        r#"{"error":{"type":"api_error","message":"m"}}"#,
        r#"{"type":"error","error":"m"}"#,
        r#"{"type":"error","message":"m"}"#,
    ] {
        let (blame, message, in_form) = error("error", foreign);
        assert_eq!((blame, message.as_str()), (Blame::Server, "m"), "{foreign}");
        assert!(!in_form, "{foreign}");
    }
    assert!(!error("error", "upstream gone").2);
}

#[test]
fn a_tally_knows_the_input_that_a_delta_leaves_out() {
    let delta = |usage: &str| {
        format!(
            "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{usage}}}\n\n"
        )
    };
    let mut tally = Tally::default();
    let started = tally.event(format!("event: message_start\ndata: {START}\n\n").as_bytes());
    let start = Usage {
        input: 1_125,
        output: 1,
        cached: 1_000,
        reasoning: 0,
        tier: None,
    };
    assert_eq!(started.usage, Some(start));
    let ended = tally.event(
        delta(r#"{"output_tokens":15,"output_tokens_details":{"thinking_tokens":7}}"#).as_bytes(),
    );
    let whole = Usage {
        output: 15,
        reasoning: 7,
        ..start
    };
    assert_eq!(ended.usage, Some(whole));
    // What a later one says replaces what an earlier one said.
    let more = r#"{"input_tokens":30,"cache_read_input_tokens":0,"output_tokens":16}"#;
    assert_eq!(
        tally.event(delta(more).as_bytes()).usage,
        Some(Usage {
            input: 130,
            output: 16,
            cached: 0,
            reasoning: 7,
            tier: None
        })
    );
    // Alone, an event tells what it tells.
    assert_eq!(
        event(delta(r#"{"output_tokens":15}"#).as_bytes()).usage,
        Some(Usage {
            output: 15,
            ..Usage::default()
        })
    );
}

#[test]
fn a_body_is_an_answer_if_it_has_content() {
    let body = br#"{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-5","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":null,"cache_read_input_tokens":3,"output_tokens":6.0}}"#;
    assert_eq!(
        answer(body),
        Ok(Some(Usage {
            input: 15,
            output: 6,
            cached: 3,
            reasoning: 0,
            tier: None
        }))
    );
    assert_eq!(
        answer(br#"{"type":"message","content":[],"usage":{"input_tokens":"many"}}"#),
        Ok(None)
    );
    assert_eq!(answer(b" \n"), Err(NotAnAnswer::Empty));
    assert_eq!(answer(b"<html>"), Err(NotAnAnswer::Html));
    for broken in [
        &b"{}"[..],
        b"{\"type\":\"message\"}",
        b"{\"content\":\"Hi\"}",
        b"{\"content\":[",
        b"\xff{}",
    ] {
        assert_eq!(answer(broken), Err(NotAnAnswer::Malformed));
    }
    let error = br#"{"type":"error","error":{"type":"billing_error","message":"Pay"}}"#;
    assert_eq!(
        answer(error),
        Err(NotAnAnswer::Error(Reported {
            blame: Blame::Key,
            message: "Pay".to_owned()
        }))
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = answer(&bytes);
        let _ = event(&bytes);
    }
}
