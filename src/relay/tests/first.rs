//! The first event: the last moment another endpoint can answer.

use super::*;
use crate::dialect::{Blame, NotAnAnswer, sse::MAX_EVENT};

type Failure = FirstFailure<&'static str>;

fn failure(api: Api, steps: impl IntoIterator<Item = Step>) -> Failure {
    let body = upstream(steps);
    paused(async move {
        let deadline = clock::now() + secs(60);
        let start = clock::now();
        let failure = first(body, api, Some(deadline)).await.err().unwrap();
        assert!(clock::now() - start <= secs(60) + Duration::from_millis(1));
        failure
    })
}

#[test]
fn nothing_is_lost_wherever_the_reads_are_cut() {
    for (api, text) in [(Api::ChatCompletions, CHAT), (Api::Responses, RESPONSE)] {
        for at in 0..=text.len() {
            let reads = [&text.as_bytes()[..at], &text.as_bytes()[at..]];
            let body = upstream(reads.map(|read| Step::Send(Bytes::copy_from_slice(read))));
            paused(async {
                let primed = first(body, api, None).await.unwrap();
                let told = Told::default();
                let mut settings = settings(api);
                settings.forward_usage = true;
                let relay = Relay::new(primed, settings, teller(&told));
                let bytes = relay.map(Result::unwrap).collect::<Vec<_>>().await.concat();
                assert_eq!(bytes, text.as_bytes(), "{at}");
                assert_eq!(*told.borrow(), [(StreamEnd::Complete, Some(USAGE))]);
            });
        }
    }
}

#[test]
fn comments_are_not_an_event_but_are_passed_on() {
    let chat = Api::ChatCompletions;
    let comments = ": PROCESSING\n\n".repeat(3);
    paused(async {
        let body = upstream([
            send(&comments),
            Step::Wait(secs(5)),
            send(events(CHAT)[1]),
            Step::Hang,
        ]);
        let start = clock::now();
        let primed = first(body, chat, None).await.unwrap();
        assert_eq!((clock::now() - start).as_secs(), 5);
        let told = Told::default();
        let mut relay = Relay::new(primed, settings(chat), teller(&told));
        let write = relay.next().await.unwrap().unwrap();
        assert_eq!(write, format!("{comments}{}", events(CHAT)[1]));
    });
    assert_eq!(
        failure(chat, [send(&comments), Step::Hang]),
        FirstFailure::Timeout
    );
    assert_eq!(failure(chat, [send(&comments)]).label(), "empty");
}

#[test]
fn a_stream_that_cannot_be_an_answer() {
    let chat = Api::ChatCompletions;
    let half = &events(CHAT)[1][..30];
    let cases: Vec<(Vec<Step>, &str)> = vec![
        (vec![], "empty"),
        (vec![send("\n\n")], "empty"),
        (vec![send("data: [DONE]\n\n")], "empty"),
        (vec![send("data: [DONE]")], "empty"),
        (vec![send("<!DOCTYPE html><p>"), Step::Hang], "html"),
        (vec![send("\n <html>\n\n</html>")], "html"),
        (vec![send("nonsense")], "malformed"),
        (vec![send("data: nonsense\n\n"), Step::Hang], "malformed"),
        (vec![send(half)], "truncated"),
        (vec![send(events(CHAT)[1].trim_end())], "truncated"),
        (vec![send(half), Step::Break], "upstream_error"),
        (vec![Step::Break], "upstream_error"),
        (vec![Step::Hang], "timeout"),
        (vec![send(half), Step::Hang], "timeout"),
        (
            vec![send(r#"{"choices":[{"message":{"content":"whole"}}]}"#)],
            "malformed",
        ),
        (
            vec![
                send(&format!("data: \"{}", "x".repeat(MAX_EVENT))),
                Step::Hang,
            ],
            "too_large",
        ),
        (
            vec![send(&"x".repeat(MAX_EVENT + 1)), Step::Hang],
            "malformed",
        ),
        (
            vec![send(&": \n\n".repeat(MAX_EVENT / 4 + 1)), Step::Hang],
            "malformed",
        ),
    ];
    for (at, (steps, label)) in cases.into_iter().enumerate() {
        assert_eq!(failure(chat, steps).label(), label, "case {at}");
    }
}

#[test]
fn an_error_before_the_first_event_says_whose_fault_it_is() {
    let cases = [
        (
            Api::ChatCompletions,
            "data: {\"error\":{\"code\":429,\"message\":\"m\"}}\n\n",
            Blame::RateLimit,
        ),
        (
            Api::ChatCompletions,
            "data: {\"error\":{\"code\":429,\"message\":\"m\"}}",
            Blame::RateLimit,
        ),
        (
            Api::ChatCompletions,
            "{\"error\":\n\n{\"type\":\"server_error\",\"message\":\"m\"}}",
            Blame::Server,
        ),
        (
            Api::Completions,
            ": hi\n\nevent: error\ndata: {\"code\":\"invalid_api_key\",\"message\":\"m\"}\n\n",
            Blame::Key,
        ),
        (
            Api::Responses,
            "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"invalid_prompt\",\"message\":\"m\"}}}\n\n",
            Blame::Client,
        ),
    ];
    for (api, text, blame) in cases {
        let failure = failure(api, [send(text)]);
        let FirstFailure::NotAnAnswer(NotAnAnswer::Error(reported)) = &failure else {
            panic!("{failure:?}");
        };
        assert_eq!(
            (reported.blame, reported.message.as_str()),
            (blame, "m"),
            "{text}"
        );
        assert_eq!(failure.reported(), Some(reported));
    }
}

#[test]
fn an_error_that_comes_with_the_beginning_leaves_the_stream_to_another() {
    let start =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"a\"}}\n\n";
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n";
    let failed = failure(Api::Messages, [send(&[start, ping, error].concat())]);
    assert_eq!(failed.reported().map(|it| it.blame), Some(Blame::Overload));
    // Nobody is kept waiting for what has not come yet, nor is a word taken back.
    let text = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
                \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    for begun in [start.to_owned(), [start, text, error].concat()] {
        paused(async {
            let primed = first(upstream([send(&begun), Step::Hang]), Api::Messages, None);
            assert!(primed.await.is_ok(), "{begun}");
        });
    }
}

/// What reading on until something is said makes of a stream, and after how long.
fn said(sent: Api, steps: Vec<Step>) -> (Result<String, Failure>, u128) {
    paused(async {
        let primed = first(upstream(steps), sent, None).await.unwrap();
        let start = clock::now();
        let primed = until_said(primed, sent).await;
        let seen = primed.map(|it| String::from_utf8(it.seen.to_vec()).unwrap());
        (seen, (clock::now() - start).as_millis())
    })
}

#[test]
fn an_error_before_a_word_was_said_leaves_the_stream_to_another() {
    let start =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"a\"}}\n\n";
    let block = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
                 \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    let text = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
                \"delta\":{\"type\":\"text_delta\",\"text\":\"so\"}}\n\n";
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n";
    let wait = || Step::Wait(Duration::from_millis(500));
    let messages = Api::Messages;

    let late = vec![
        send(start),
        wait(),
        send(&[block, ping].concat()),
        wait(),
        send(error),
    ];
    let (failed, after) = said(messages, late);
    assert_eq!(
        failed.unwrap_err().reported().map(|it| it.blame),
        Some(Blame::Overload)
    );
    assert_eq!(after, 1_000);
    let broken = said(messages, vec![send(start), wait(), Step::Break]).0;
    assert_eq!(broken, Err(FirstFailure::Upstream("reset")));

    // A word is passed on at once, and is not taken back.
    let spoken = vec![
        send(start),
        wait(),
        send(&[block, text].concat()),
        send(error),
    ];
    assert_eq!(
        said(messages, spoken),
        (Ok([start, block, text].concat()), 500)
    );
    // Who thinks for long is waited for, and his client told that he does.
    let slow = vec![send(start), Step::Wait(secs(60)), send(text)];
    assert_eq!(said(messages, slow), (Ok(start.to_owned()), 2_000));
    // The end is the relay's to judge.
    assert_eq!(said(messages, vec![send(start)]), (Ok(start.to_owned()), 0));

    let chat = |delta: &str| format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
    let role = chat("{\"role\":\"assistant\",\"content\":\"\"}");
    let error = "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n";
    let late = vec![send(&role), wait(), send(error)];
    assert!(said(Api::ChatCompletions, late).0.is_err());
    let word = chat("{\"content\":\"so\"}");
    let spoken = vec![send(&role), send(&word), send(error)];
    assert_eq!(said(Api::ChatCompletions, spoken), (Ok(role + &word), 0));
}

#[test]
fn a_response_that_is_over_with_its_first_event_is_an_answer() {
    for text in [events(RESPONSE)[2], events(RESPONSE)[2].trim_end()] {
        paused(async {
            let primed = first(upstream([send(text)]), Api::Responses, None)
                .await
                .unwrap();
            let told = Told::default();
            let relay = Relay::new(primed, settings(Api::Responses), teller(&told));
            let bytes = relay.map(Result::unwrap).collect::<Vec<_>>().await.concat();
            assert_eq!(bytes, events(RESPONSE)[2].as_bytes());
            assert_eq!(told.borrow()[0].0, StreamEnd::Complete);
        });
    }
}
