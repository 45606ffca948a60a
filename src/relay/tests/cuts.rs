//! Wherever the reads are cut, the client gets the same bytes.

use proptest::prelude::*;

use super::*;

fn client_bytes(forward_usage: bool, reads: Vec<Bytes>) -> Seen {
    let settings = Settings {
        forward_usage,
        ..settings(Api::ChatCompletions)
    };
    relayed(settings, reads.into_iter().map(Step::Send))
}

fn pieces(text: &str, cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| Bytes::copy_from_slice(&text.as_bytes()[pair[0]..pair[1]]))
        .collect()
}

#[test]
fn a_multilingual_stream_cut_at_every_byte_is_the_same_for_the_client() {
    for (forward_usage, expected) in [(true, CHAT.to_owned()), (false, without_usage(CHAT))] {
        for at in 0..=CHAT.len() {
            let seen = client_bytes(forward_usage, pieces(CHAT, &[at]));
            assert_eq!(seen.bytes, expected, "cut at {at}");
            assert_eq!(seen.usage, Some(USAGE), "cut at {at}");
            assert_eq!(seen.end, StreamEnd::Complete);
        }
        let every: Vec<usize> = (0..CHAT.len()).collect();
        let seen = client_bytes(forward_usage, pieces(CHAT, &every));
        assert_eq!((seen.bytes, seen.usage), (expected, Some(USAGE)));
    }
    assert_ne!(without_usage(CHAT), CHAT);
}

#[test]
fn a_stream_of_responses_cut_at_every_byte_is_the_same_for_the_client() {
    for at in 0..=RESPONSE.len() {
        let reads = pieces(RESPONSE, &[at]).into_iter().map(Step::Send);
        let seen = relayed(settings(Api::Responses), reads);
        assert_eq!((seen.bytes.as_str(), seen.usage), (RESPONSE, Some(USAGE)));
    }
}

#[test]
fn other_line_ends_and_a_byte_order_mark_pass_as_they_are() {
    for line_end in ["\r", "\r\n"] {
        let written = |text: &str| "\u{feff}".to_owned() + &text.replace('\n', line_end);
        let text = CHAT.replace("\r\n", "\n");
        for (forward_usage, expected) in [(true, text.clone()), (false, without_usage(&text))] {
            for at in 0..=written(&text).len() {
                let seen = client_bytes(forward_usage, pieces(&written(&text), &[at]));
                assert_eq!(seen.bytes, written(&expected), "cut at {at}");
                assert_eq!((seen.end, seen.usage), (StreamEnd::Complete, Some(USAGE)));
            }
        }
    }
}

#[test]
fn only_whole_events_are_handed_out() {
    let text = CHAT.replace("\r\n", "\n");
    let every: Vec<usize> = (0..text.len()).collect();
    let seen = client_bytes(true, pieces(&text, &every));
    let writes: Vec<&str> = seen
        .writes
        .iter()
        .map(|(_, write)| write.as_str())
        .collect();
    assert_eq!(writes, events(&text));
}

#[test]
fn a_read_of_whole_events_is_handed_out_uncopied() {
    paused(async {
        let read = Bytes::from_static(events(CHAT)[1].as_bytes());
        let body = upstream([Step::Send(read.clone()), Step::Hang]);
        let told = Told::default();
        let mut relay = chat(body, &told);
        let write = relay.next().await.unwrap().unwrap();
        assert_eq!((write.as_ptr(), write.len()), (read.as_ptr(), read.len()));
    });
}

#[test]
fn actix_takes_it_as_a_body() {
    let body = upstream([send(CHAT)]);
    let told = Told::default();
    let relay = chat(body, &told);
    let response = actix_web::HttpResponse::Ok().streaming(relay);
    let bytes = paused(actix_web::body::to_bytes(response.into_body()));
    assert_eq!(bytes.unwrap(), without_usage(CHAT));
    assert_eq!(*told.borrow(), [(StreamEnd::Complete, Some(USAGE))]);
}

#[test]
fn a_slow_client_of_a_long_stream_makes_the_upstream_wait() {
    use std::cell::Cell;
    const READS: usize = 400;
    let event = format!(
        "data: {{\"choices\":[{{\"delta\":\"{}\"}}]}}\n\n",
        "x".repeat(50_000)
    );
    let sent = Rc::new(Cell::new(0));
    // Reads that never end where an event does.
    let long = Bytes::from(event.repeat(READS));
    let reads: Vec<Bytes> = (0..long.len())
        .step_by(16_384)
        .map(|at| long.slice(at..long.len().min(at + 16_384)))
        .collect();
    let counter = Rc::clone(&sent);
    let body = Box::pin(stream::iter(reads).map(move |read| {
        counter.set(counter.get() + read.len());
        Ok::<_, &str>(read)
    }));
    paused(async {
        let told = Told::default();
        let mut relay = chat(body, &told);
        let mut got = 0;
        while let Some(Ok(write)) = relay.next().await {
            got += write.len();
            assert!(sent.get() <= got + (1 << 20), "{} held", sent.get() - got);
            tokio::time::sleep(secs(45)).await;
        }
        assert!(got >= long.len());
        assert_eq!(told.borrow()[0].0, StreamEnd::Truncated);
    });
}

proptest! {
    #[test]
    fn any_cuts_of_any_events_give_the_same_bytes(
        order in prop::collection::vec(0_usize..6, 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..10),
        forward_usage in any::<bool>(),
    ) {
        let all = events(CHAT);
        let mut text: String = order.iter().map(|&at| all[at]).collect();
        text += "data: [DONE]\n\n";
        let seen = client_bytes(forward_usage, pieces(&text, &cuts));
        let expected = if forward_usage { text } else { without_usage(&text) };
        prop_assert_eq!(seen.bytes, expected);
        prop_assert_eq!(seen.usage, order.contains(&5).then_some(USAGE));
    }
}
