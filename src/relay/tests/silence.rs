//! Silence: signs of life, the idle timeout, clients that leave, and the end.

use std::cell::Cell;

use super::*;

const SIGN: &str = ": keepalive\n";

/// The writes that are neither of `text` nor empty, with their seconds.
fn signs(seen: &Seen, sign: &str) -> Vec<u64> {
    let signs = seen.writes.iter().filter(|(_, write)| write == sign);
    signs.map(|(at, _)| at.as_secs()).collect()
}

#[test]
fn a_silent_chat_gets_a_comment_of_one_line_every_15_seconds() {
    let mut settings = settings(Api::ChatCompletions);
    settings.idle_timeout = None;
    let all = events(CHAT);
    let rest = all[2..].concat();
    let steps = [send(all[1]), Step::Wait(secs(50)), send(&rest)];
    let seen = relayed(settings, steps);
    assert_eq!(signs(&seen, SIGN), [15, 30, 45]);
    assert_eq!(
        seen.bytes,
        format!("{}{}{}", all[1], SIGN.repeat(3), without_usage(&rest))
    );
    assert_eq!(seen.end, StreamEnd::Complete);
}

#[test]
fn a_sign_of_life_never_cuts_an_event() {
    let text = events(CHAT)[2];
    let (head, tail) = text.split_at(20);
    let steps = [send(head), Step::Wait(secs(20)), send(tail), Step::Hang];
    let seen = relayed(settings(Api::ChatCompletions), steps);
    assert!(
        seen.bytes
            .starts_with(&format!("{SIGN}{text}{SIGN}data: {{\"error\""))
    );
}

#[test]
fn bytes_of_an_unfinished_event_keep_the_stream_but_not_the_client_waiting() {
    let text = events(CHAT)[2];
    let mut steps = Vec::new();
    for at in 0..10 {
        steps.extend([send(&text[at..=at]), Step::Wait(secs(10))]);
    }
    steps.extend([send(&text[10..]), send("data: [DONE]\n\n")]);
    let seen = relayed(settings(Api::ChatCompletions), steps);
    assert_eq!(signs(&seen, SIGN), [15, 30, 45, 60, 75, 90]);
    assert_eq!(seen.end, StreamEnd::Complete);
}

#[test]
fn a_silent_response_gets_a_comment_first_and_events_after_it_was_created() {
    let mut settings = settings(Api::Responses);
    settings.idle_timeout = Some(secs(40));
    let all = events(RESPONSE);
    let steps = [
        Step::Wait(secs(20)),
        send(all[0]),
        Step::Wait(secs(20)),
        send(all[1]),
        Step::Wait(secs(35)),
        send(all[2]),
    ];
    let seen = relayed(settings, steps);
    let numbered = |n| {
        format!("event: keepalive\ndata: {{\"type\":\"keepalive\",\"sequence_number\":{n}}}\n\n")
    };
    let expected = [
        SIGN,
        all[0],
        &numbered(0),
        all[1],
        &numbered(1),
        &numbered(1),
        all[2],
    ];
    assert_eq!(seen.bytes, expected.concat());
}

#[test]
fn one_token_per_25_seconds_for_20_minutes_completes() {
    for api in [Api::ChatCompletions, Api::Completions, Api::Responses] {
        let (token, end) = match api {
            Api::Responses => (events(RESPONSE)[1], events(RESPONSE)[2]),
            _ => (events(CHAT)[2], "data: [DONE]\n\n"),
        };
        let mut steps = Vec::new();
        for _ in 0..48 {
            steps.extend([send(token), Step::Wait(secs(25))]);
        }
        steps.push(send(end));
        let seen = relayed(settings(api), steps);
        assert_eq!(seen.end, StreamEnd::Complete);
        assert_eq!(seen.bytes.matches(token).count(), 48);
        assert_eq!(seen.bytes.matches(SIGN).count(), 48);
        assert_eq!(seen.took, secs(20 * 60));
    }
}

#[test]
fn a_stall_is_cut_at_the_idle_timeout_with_signs_of_life_meanwhile() {
    for (idle, expected) in [(10, vec![]), (30, vec![15]), (60, vec![15, 30, 45])] {
        let mut settings = settings(Api::ChatCompletions);
        settings.idle_timeout = Some(secs(idle));
        let seen = relayed(settings, [send(events(CHAT)[1]), Step::Hang]);
        assert_eq!(seen.end, StreamEnd::IdleTimeout);
        assert_eq!(signs(&seen, SIGN), expected);
        assert_eq!(split_error(&seen.bytes).2, "upstream_timeout");
        assert_eq!(seen.took.as_secs(), idle);
    }
}

#[test]
fn every_read_starts_the_idle_timeout_anew() {
    let event = events(CHAT)[1];
    let steps = [send(event), Step::Wait(secs(29)), send(event), Step::Hang];
    let seen = relayed(settings(Api::ChatCompletions), steps);
    assert_eq!(
        (seen.end, seen.took.as_secs()),
        (StreamEnd::IdleTimeout, 59)
    );
}

/// A filler every 7 s, so many times.
fn filled(filler: &str, times: usize) -> Vec<Step> {
    let one = [Step::Wait(secs(7)), send(filler)];
    one.into_iter().cycle().take(2 * times).collect()
}

/// An event of each call, and what says no more than that the upstream lives.
const FILLERS: [(Api, &str, &str); 5] = [
    (Api::ChatCompletions, CHAT, ": OPENROUTER PROCESSING\n\n"),
    (Api::ChatCompletions, CHAT, "\n"),
    (
        Api::Responses,
        RESPONSE,
        "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":0}\n\n",
    ),
    (
        Api::Messages,
        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    ),
    (
        Api::GenerateContent,
        "data: {\"candidates\":[]}\n\n",
        ": hm\n\n",
    ),
];

fn impatient(api: Api) -> Settings {
    Settings {
        event_timeout: secs(100),
        ..settings(api)
    }
}

#[test]
fn signs_of_life_alone_keep_a_stream_for_the_event_timeout_only() {
    for (api, text, filler) in FILLERS {
        let all = events(text);
        let event = all.iter().find(|it| !it.starts_with(':')).unwrap();
        let steps = [send(event)].into_iter().chain(filled(filler, 1000));
        let seen = relayed(impatient(api), steps);
        assert_eq!(seen.end, StreamEnd::IdleTimeout, "{filler:?}");
        assert_eq!(seen.took, secs(100), "{filler:?}");
        let passed = format!("{event}{}", filler.repeat(14));
        assert!(seen.bytes.starts_with(&passed), "{}", seen.bytes);
        let told = &seen.bytes[passed.len()..];
        assert!(told.contains("sent no more of the answer"), "{told}");
    }
}

#[test]
fn every_event_starts_the_event_timeout_anew() {
    let all = events(CHAT);
    for text in &all[1..4] {
        let mut steps = filled(": working\n\n", 13);
        steps.push(send(text));
        steps.extend(filled(": working\n\n", 13));
        steps.push(send("data: [DONE]\n\n"));
        let seen = relayed(impatient(Api::ChatCompletions), steps);
        assert_eq!(seen.end, StreamEnd::Complete);
        assert_eq!(seen.took, secs(2 * 13 * 7));
    }
}

#[test]
fn an_event_that_never_becomes_whole_is_none() {
    let steps = [send("data: ")].into_iter().chain(filled(" ", 1000));
    let seen = relayed(impatient(Api::ChatCompletions), steps);
    assert_eq!((seen.end, seen.took), (StreamEnd::IdleTimeout, secs(100)));
}

#[test]
fn an_answer_that_may_end_is_whole_when_only_signs_of_life_follow() {
    let end = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    let steps = [send(end)].into_iter().chain(filled(": hm\n\n", 1000));
    let seen = relayed(impatient(Api::GenerateContent), steps);
    assert_eq!((seen.end, seen.took), (StreamEnd::Complete, secs(100)));
}

#[test]
fn signs_of_life_that_a_client_was_slow_to_read_do_not_count() {
    let body = upstream(
        [send(events(CHAT)[1])]
            .into_iter()
            .chain(filled(": working\n\n", 20)),
    );
    paused(async {
        let told = Told::default();
        let settings = impatient(Api::ChatCompletions);
        let mut relay = Relay::new(Primed::unread(body), settings, teller(&told));
        relay.next().await.unwrap().unwrap();
        for _ in 0..14 {
            tokio::time::sleep(secs(300)).await;
            assert_eq!(relay.next().await.unwrap().unwrap(), ": working\n\n");
        }
        assert!(told.borrow().is_empty());
    });
}

#[test]
fn time_in_which_the_client_does_not_read_is_not_the_upstreams() {
    let event = events(CHAT)[1];
    let body = upstream([send(event), Step::Wait(secs(10)), send(event), Step::Hang]);
    paused(async {
        let told = Told::default();
        let mut relay = chat(body, &told);
        assert_eq!(relay.next().await.unwrap().unwrap(), event);
        tokio::time::sleep(secs(300)).await;
        assert_eq!(relay.next().await.unwrap().unwrap(), event);
        tokio::time::sleep(secs(300)).await;
        let start = clock::now();
        assert_eq!(relay.next().await.unwrap().unwrap(), SIGN);
        assert!(
            relay
                .next()
                .await
                .unwrap()
                .unwrap()
                .starts_with(b"data: {\"error\"")
        );
        assert_eq!((clock::now() - start).as_secs(), 30);
    });
}

/// Counts the bodies that are alive.
struct Guarded(Body, Rc<Cell<u32>>);

impl Drop for Guarded {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

impl Stream for Guarded {
    type Item = Result<Bytes, &'static str>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

#[test]
fn a_client_that_leaves_takes_the_upstream_along_and_nothing_is_told() {
    let all = events(CHAT);
    for reads in 0..all.len() - 2 {
        paused(async {
            let alive = Rc::new(Cell::new(1));
            let steps = all.iter().map(|event| send(event)).chain([Step::Hang]);
            let body = Guarded(upstream(steps), Rc::clone(&alive));
            let told = Told::default();
            let mut relay = chat(body, &told);
            for _ in 0..reads {
                relay.next().await.unwrap().unwrap();
            }
            drop(relay);
            assert_eq!(alive.get(), 0);
            assert!(told.borrow().is_empty());
        });
    }
}

#[test]
fn the_end_is_told_with_the_terminal_event_even_if_the_client_leaves_then() {
    paused(async {
        let alive = Rc::new(Cell::new(1));
        let body = Guarded(upstream([send(CHAT), Step::Hang]), Rc::clone(&alive));
        let told = Told::default();
        let mut relay = chat(body, &told);
        relay.next().await.unwrap().unwrap();
        assert_eq!(*told.borrow(), [(StreamEnd::Complete, Some(USAGE))]);
        drop(relay);
        assert_eq!((alive.get(), told.borrow().len()), (0, 1));
    });
}

#[test]
fn the_upstream_is_read_to_its_end_but_not_waited_for() {
    let seen = relayed(settings(Api::ChatCompletions), [send(CHAT), Step::Hang]);
    assert_eq!(seen.end, StreamEnd::Complete);
    assert!(seen.took <= Duration::from_millis(51), "{:?}", seen.took);

    let read_out = Rc::new(Cell::new(false));
    let flag = Rc::clone(&read_out);
    let body = upstream([send(CHAT), Step::Wait(Duration::from_millis(5))]);
    let body = Box::pin(body.chain(stream::poll_fn(move |_| {
        flag.set(true);
        std::task::Poll::Ready(None)
    })));
    paused(async {
        let told = Told::default();
        let relay = chat(body, &told);
        relay.collect::<Vec<_>>().await;
    });
    assert!(
        read_out.get(),
        "a connection whose body was read out can serve again"
    );
}

#[test]
fn a_broken_stream_lets_go_of_the_upstream_at_once() {
    paused(async {
        let alive = Rc::new(Cell::new(1));
        let body = Guarded(
            upstream([send("data: {\n\n"), Step::Hang]),
            Rc::clone(&alive),
        );
        let told = Told::default();
        let mut relay = chat(body, &told);
        relay.next().await.unwrap().unwrap();
        assert_eq!(alive.get(), 0);
    });
}

#[test]
fn a_stop_ends_a_running_stream_with_an_error_and_a_whole_one_without() {
    for (text, end) in [
        (events(CHAT)[1], StreamEnd::Stopped),
        (CHAT, StreamEnd::Complete),
    ] {
        paused(async {
            let told = Told::default();
            let body = upstream([send(text), Step::Hang]);
            let relay = chat(body, &told);
            let start = clock::now();
            let relay = relay.until(tokio::time::sleep(secs(7)));
            let bytes: Vec<u8> = relay.map(Result::unwrap).collect::<Vec<_>>().await.concat();
            let bytes = String::from_utf8(bytes).unwrap();
            assert_eq!(told.borrow()[0].0, end);
            if end == StreamEnd::Stopped {
                assert_eq!(split_error(&bytes).2, "shutting_down");
                assert_eq!((clock::now() - start).as_secs(), 7);
            } else {
                assert_eq!(bytes, without_usage(CHAT));
            }
        });
    }
}
