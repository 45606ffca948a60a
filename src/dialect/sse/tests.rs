#[path = "../../../tests/fuzz/oracle.rs"]
mod oracle;

use proptest::prelude::*;

use super::*;

/// An event's name and data.
type Parsed = (Vec<u8>, Vec<u8>);

/// Splits `reads` and returns all bytes given back, the events, and the rest.
fn split(reads: &[&[u8]]) -> (Vec<u8>, Vec<Parsed>, Bytes) {
    let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    for read in reads {
        let block = splitter.push(&Bytes::copy_from_slice(read), &mut ends);
        assert_eq!(ends.last().copied().unwrap_or_default(), block.len());
        let mut from = 0;
        for &end in &ends {
            let event = Event::parse(&block[from..end]);
            if !event.data.is_empty() {
                events.push((event.name.to_vec(), event.data.into_owned()));
            }
            from = end;
        }
        bytes.extend_from_slice(&block);
    }
    assert!(!splitter.is_overlong());
    (bytes, events, splitter.take_rest())
}

/// The standard, word for word and without haste: what is dispatched.
fn by_the_standard(stream: &[u8]) -> Vec<Parsed> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop();
    let (mut events, mut data, mut name) = (Vec::new(), String::new(), "");
    for line in lines {
        if line.is_empty() {
            if let Some(joined) = data.strip_suffix('\n')
                && !joined.is_empty()
            {
                events.push((name.as_bytes().to_vec(), joined.as_bytes().to_vec()));
            }
            (data, name) = (String::new(), "");
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data += &format!("{value}\n"),
            "event" => name = value,
            _ => {}
        }
    }
    events
}

const STREAM: &str = "\u{feff}: héllo\n\ndata:{\"a\":1}\n\nevent: x\ndata: 你好\ndata: мир\n\n\
    id: 7\nretry: 5\n\ndata\ndata: 🎉\nnot a field\n\n\n\ndata:  two spaces\n\ndata: [DONE]\n\n";

#[test]
fn gives_back_every_byte_wherever_a_read_is_cut() {
    for line_end in ["\n", "\r", "\r\n"] {
        let stream = STREAM.replace('\n', line_end);
        let stream = stream.as_bytes();
        let expected = by_the_standard(stream);
        assert_eq!(expected.len(), 5);
        for at in 0..=stream.len() {
            let (bytes, events, rest) = split(&[&stream[..at], &stream[at..]]);
            assert_eq!(
                [&bytes[..], &rest[..]].concat(),
                stream,
                "{line_end:?} at {at}"
            );
            assert_eq!(events, expected, "{line_end:?} at {at}");
        }
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        let (bytes, events, rest) = split(&single);
        assert_eq!([&bytes[..], &rest[..]].concat(), stream);
        assert_eq!(events, expected);
    }
}

#[test]
fn keeps_an_event_without_its_empty_line_for_the_end() {
    for rest in ["data: [DONE]", "data: [DONE]\n", "data: [DONE]\r\n"] {
        let stream = format!("data: 1\n\n{rest}");
        let (bytes, _, held) = split(&[stream.as_bytes()]);
        assert_eq!(bytes, b"data: 1\n\n");
        assert_eq!(held, rest);
        assert_eq!(&*Event::parse(&held).data, b"[DONE]");
    }
}

#[test]
fn whole_events_are_not_copied_and_not_held_back() {
    let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
    let read = Bytes::from_static(b"data: 1\n\ndata: 2\r\n\r\ndata: 3\r\r");
    let block = splitter.push(&read, &mut ends);
    assert_eq!(block.as_ptr(), read.as_ptr());
    assert_eq!((block.len(), ends.len()), (read.len(), 3));
    let read = Bytes::from_static(b"\ndata: 4\n\ndata: 5");
    let block = splitter.push(&read, &mut ends);
    assert_eq!(block.as_ptr(), read.as_ptr());
    assert_eq!(block, &b"\ndata: 4\n\n"[..]);
}

#[test]
fn takes_an_event_of_exactly_the_limit_and_holds_no_more() {
    let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
    let whole = Bytes::from(["data: ", &"x".repeat(MAX_EVENT - 8), "\n\n"].concat());
    assert_eq!(splitter.push(&whole, &mut ends), whole);
    for part in whole.chunks(100_000) {
        splitter.push(&Bytes::copy_from_slice(part), &mut ends);
    }
    assert_eq!(ends, [MAX_EVENT]);
    assert!(!splitter.is_overlong());
}

#[test]
fn stops_at_an_event_above_the_limit_but_gives_those_before_it() {
    let long = ["data: ", &"x".repeat(MAX_EVENT - 7), "\n\n"].concat();
    for read_size in [1 << 10, 1 << 16, 1 << 22] {
        let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
        let stream = format!("data: 1\n\n{long}data: 2\n\n");
        let mut given = Vec::new();
        for read in stream.as_bytes().chunks(read_size) {
            given.extend_from_slice(&splitter.push(&Bytes::copy_from_slice(read), &mut ends));
            assert!(splitter.held.len() <= MAX_EVENT);
        }
        assert!(splitter.is_overlong());
        assert_eq!(given, b"data: 1\n\n", "{read_size}");
    }
}

proptest! {
    #[test]
    fn any_stream_cut_anywhere_means_what_the_standard_says(
        parts in prop::collection::vec(prop::sample::select(vec![
            "\n", "\r", "\r\n", "\n\n", ":", " ", "data", "data:", "data: ", "event: e", "é", "x",
        ]), 0..40),
        cuts in prop::collection::vec(0_usize..80, 0..6),
        bom in any::<bool>(),
    ) {
        let stream = (if bom { "\u{feff}" } else { "" }).to_owned() + &parts.concat();
        let stream = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let reads: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let (bytes, events, rest) = split(&reads);
        prop_assert_eq!([&bytes[..], &rest[..]].concat(), stream);
        prop_assert_eq!(events, by_the_standard(stream));
    }
}

/// Splits `reads` for the oracle: comments count, and nothing is asserted.
fn split_any(reads: &[&[u8]]) -> oracle::Split {
    let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
    let mut split = oracle::Split::default();
    for read in reads {
        let block = splitter.push(&Bytes::copy_from_slice(read), &mut ends);
        let mut from = 0;
        for &end in &ends {
            let event = Event::parse(&block[from..end]);
            split
                .events
                .push((event.name.to_vec(), event.data.to_vec()));
            from = end;
        }
        split.bytes.extend_from_slice(&block);
    }
    split.bytes.extend_from_slice(&splitter.take_rest());
    split
}

#[test]
fn the_fuzzers_corpus_is_what_the_standard_says() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus/sse");
    let mut inputs = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let path = file.unwrap().path();
        let input = std::fs::read(&path).unwrap();
        oracle::check(&input, split_any).unwrap_or_else(|why| panic!("{path:?}: {why}"));
        inputs += 1;
    }
    assert!(inputs >= 14, "{inputs}");
}

proptest! {
    #[test]
    fn any_bytes_are_what_the_standard_says(
        parts in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                &b"\n"[..], b"\r", b"\r\n", b"\n\n", b":", b"data:", b"event: e", b"\xEF\xBB\xBF", b"\xFF",
            ]).prop_map(<[u8]>::to_vec),
            prop::collection::vec(any::<u8>(), 0..4),
        ], 0..40),
        cut in any::<u8>(),
    ) {
        let input = [vec![cut], parts.concat()].concat();
        prop_assert_eq!(oracle::check(&input, split_any), Ok(()));
    }
}
