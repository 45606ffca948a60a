//! Streams that end otherwise than they should.

use super::*;
use crate::dialect::{Blame, sse::MAX_EVENT};

fn chat(steps: impl IntoIterator<Item = Step>) -> Seen {
    relayed(settings(Api::ChatCompletions), steps)
}

/// Checks that a client saw `before` and then an error event with `code`.
fn assert_broken(seen: &Seen, before: &str, end: StreamEnd, code: &str) {
    let (got, message, got_code) = split_error(&seen.bytes);
    assert_eq!(got, before);
    assert_eq!((seen.end, got_code.as_str()), (end, code));
    assert!(!message.is_empty());
    assert!(!seen.bytes.ends_with("[DONE]\n\n"));
}

#[test]
fn an_end_after_every_event_is_an_error_and_no_done() {
    let all = events(CHAT);
    for k in 0..all.len() - 1 {
        let seen = chat(all[..k].iter().map(|event| send(event)));
        let before = without_usage(&all[..k].concat());
        assert_broken(&seen, &before, StreamEnd::Truncated, "upstream_error");
        assert_eq!(
            seen.usage.is_some(),
            k > 5,
            "usage that was told counts all the same"
        );
    }
}

#[test]
fn an_end_at_every_byte_is_complete_only_with_the_terminal_event() {
    let done = CHAT.rfind("[DONE]").unwrap() + "[DONE]".len();
    for at in 0..=CHAT.len() {
        let read = Bytes::copy_from_slice(&CHAT.as_bytes()[..at]);
        let seen = chat([Step::Send(read)]);
        if at >= done {
            assert_eq!(seen.end, StreamEnd::Complete, "{at}");
            assert_eq!(
                seen.bytes,
                without_usage(CHAT),
                "the missing empty line is added"
            );
        } else {
            assert_eq!(seen.end, StreamEnd::Truncated, "{at}");
            assert!(CHAT.starts_with(split_error(&seen.bytes).0) || at > CHAT.len() - 150);
        }
    }
    let last = events(RESPONSE)[2].trim_end();
    let cut = RESPONSE.trim_end();
    for missing in 0..last.len() {
        let seen = relayed(
            settings(Api::Responses),
            [send_bytes(&cut.as_bytes()[..cut.len() - missing])],
        );
        assert_eq!(seen.end == StreamEnd::Complete, missing == 0, "{missing}");
    }
}

fn send_bytes(bytes: &[u8]) -> Step {
    Step::Send(Bytes::copy_from_slice(bytes))
}

#[test]
fn a_broken_connection_after_every_event() {
    let all = events(CHAT);
    for k in 0..all.len() - 1 {
        let mut steps: Vec<Step> = all[..k].iter().map(|event| send(event)).collect();
        steps.extend([send("data: {\"half"), Step::Break]);
        let before = without_usage(&all[..k].concat());
        assert_broken(
            &chat(steps),
            &before,
            StreamEnd::UpstreamError,
            "upstream_error",
        );
    }
    let seen = chat([send(CHAT), Step::Break]);
    assert_eq!(
        (seen.end, seen.bytes),
        (StreamEnd::Complete, without_usage(CHAT))
    );
}

#[test]
fn a_stop_reason_is_not_an_end() {
    let seen = chat([send(events(CHAT)[4])]);
    assert_broken(
        &seen,
        events(CHAT)[4],
        StreamEnd::Truncated,
        "upstream_error",
    );
}

#[test]
fn a_providers_error_event_passes_as_it_is_and_is_the_last() {
    let error = "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"param\":null,\"code\":503},\"x\":1}\n\n";
    let before = events(CHAT)[..4].concat();
    for text in [
        format!("{before}{error}data: [DONE]\n\n"),
        format!("{before}{}", error.trim_end()),
    ] {
        let seen = chat([send(&text)]);
        assert_eq!(seen.bytes, format!("{before}{error}"));
        assert_eq!(seen.end, StreamEnd::ErrorEvent(Blame::Server));
    }
}

#[test]
fn an_error_in_a_foreign_form_is_told_in_ours() {
    let before = events(CHAT)[1];
    for foreign in [
        "data: {\"object\":\"error\",\"message\":\"too long\",\"code\":400}",
        "event: error\ndata: {\"message\":\"too long\",\"code\":400}",
    ] {
        for end in ["\n\n", ""] {
            let seen = chat(
                [send(before), send(foreign), send(end)]
                    .into_iter()
                    .filter(|step| !matches!(step, Step::Send(bytes) if bytes.is_empty())),
            );
            let end = StreamEnd::ErrorEvent(Blame::Client);
            assert_broken(&seen, before, end, "upstream_rejected");
            assert!(seen.bytes.contains("too long"));
        }
    }
}

#[test]
fn an_unreadable_event_is_not_passed_on() {
    let before = events(CHAT)[..3].concat();
    for bad in [
        "data: {\"choices\":[\n\n",
        "data: <html>\n\n",
        "data: {}}\n\n",
        "data: 1\n\n",
    ] {
        let seen = chat([send(&format!("{before}{bad}data: [DONE]\n\n"))]);
        assert_broken(&seen, &before, StreamEnd::Malformed, "upstream_error");
    }
    let long = format!("{before}data: \"{}", "x".repeat(MAX_EVENT));
    assert_broken(
        &chat([send(&long), Step::Hang]),
        &before,
        StreamEnd::TooLarge,
        "upstream_error",
    );
}

#[test]
fn responses_fail_in_their_own_form() {
    let all = events(RESPONSE);
    for (steps, code) in [
        (vec![send(all[0]), send(all[1])], "upstream_error"),
        (
            vec![send(all[0]), send(all[1]), send("data: [DONE]\n\n")],
            "upstream_error",
        ),
        (
            vec![send(all[0]), send(all[1]), Step::Hang],
            "upstream_timeout",
        ),
        (
            vec![
                send(all[0]),
                send(all[1]),
                send(
                    "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"sequence_number\":2}\n\n",
                ),
            ],
            "upstream_error",
        ),
    ] {
        let mut settings = settings(Api::Responses);
        settings.keep_alive = secs(100);
        let seen = relayed(settings, steps);
        let error = seen.bytes.strip_prefix(&all[..2].concat()).unwrap();
        let json = error
            .strip_prefix("event: response.failed\ndata: ")
            .unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(json["type"], "response.failed");
        assert!(json["sequence_number"].as_u64() >= Some(2));
        assert_eq!(json["response"]["id"], "resp_1");
        assert_eq!(json["response"]["created_at"], 9);
        assert_eq!(json["response"]["status"], "failed");
        assert_eq!(json["response"]["error"]["code"], code);
        assert!(error.ends_with("}\n\n"));
    }
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}}\n\n";
    let seen = relayed(
        settings(Api::Responses),
        [send(all[0]), send(failed), Step::Hang],
    );
    assert_eq!(seen.bytes, format!("{}{failed}", all[0]));
    assert_eq!(seen.end, StreamEnd::ErrorEvent(Blame::RateLimit));
}

#[test]
fn what_follows_the_terminal_event_passes_and_changes_nothing() {
    let text = format!("{RESPONSE}data: [DONE]\n\n");
    let seen = relayed(
        settings(Api::Responses),
        [send(RESPONSE), send("data: [DONE]\n"), send("\n")],
    );
    assert_eq!((seen.end, seen.bytes), (StreamEnd::Complete, text));
    let seen = chat([send(CHAT), send("data: {broken\n\n: bye")]);
    assert_eq!(seen.bytes, without_usage(CHAT) + "data: {broken\n\n: bye");
    assert_eq!(seen.end, StreamEnd::Complete);
}
