//! Any bytes, read in any pieces, are the events the standard says they are.
#![no_main]

#[path = "../oracle.rs"]
mod oracle;

use breakerbox::dialect::sse::{Event, Splitter};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(why) = oracle::check(input, split) {
        panic!("{why}");
    }
});

fn split(reads: &[&[u8]]) -> oracle::Split {
    let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
    let mut split = oracle::Split::default();
    for read in reads {
        let block = splitter.push(&bytes::Bytes::copy_from_slice(read), &mut ends);
        let mut from = 0;
        for &end in &ends {
            let event = Event::parse(&block[from..end]);
            split.events.push((event.name.to_vec(), event.data.to_vec()));
            from = end;
        }
        split.bytes.extend_from_slice(&block);
    }
    split.bytes.extend_from_slice(&splitter.take_rest());
    split
}
