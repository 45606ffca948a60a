//! What the fuzz target and the unit test over its corpus hold a splitter of
//! event streams against.

/// An event's name and data.
pub type Parsed = (Vec<u8>, Vec<u8>);

/// What came out of a splitter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// All bytes given back, the unfinished rest included.
    pub bytes: Vec<u8>,
    /// All events, comments too.
    pub events: Vec<Parsed>,
}

/// Reads the first byte of `input` as how the rest is cut into reads, and says
/// what of `split` is not as it should be.
pub fn check(input: &[u8], split: impl Fn(&[&[u8]]) -> Split) -> Result<(), String> {
    let Some((&cut, stream)) = input.split_first() else {
        return Ok(());
    };
    let size = usize::from(cut).max(1);
    let reads: Vec<&[u8]> = stream.chunks(size).collect();
    let mut pieces = split(&reads);
    let mut whole = split(&[stream]);
    if pieces.bytes != stream || whole.bytes != stream {
        return Err("bytes are lost or made up".to_owned());
    }
    // An LF that a read cuts off its CR belongs to the next piece: an empty event.
    for split in [&mut pieces, &mut whole] {
        split.events.retain(|(_, data)| !data.is_empty());
    }
    let standard = by_the_standard(stream);
    if pieces.events != standard {
        return Err(format!(
            "cut every {size}: {:?}, not {standard:?}",
            pieces.events
        ));
    }
    if whole.events != standard {
        return Err(format!("whole: {:?}, not {standard:?}", whole.events));
    }
    Ok(())
}

/// The standard, byte for byte and without haste: what is dispatched. Source:
/// WHATWG HTML, "Server-sent events", 9.2.6; but a byte order mark may precede
/// any event.
pub fn by_the_standard(stream: &[u8]) -> Vec<Parsed> {
    const BOM: &[u8] = b"\xEF\xBB\xBF";
    let (mut events, mut data, mut name) = (Vec::new(), Vec::new(), Vec::new());
    let (mut line, mut at, mut first) = (Vec::new(), 0, true);
    while at < stream.len() {
        let byte = stream[at];
        at += 1;
        if byte != b'\r' && byte != b'\n' {
            line.push(byte);
            continue;
        }
        if byte == b'\r' && stream.get(at) == Some(&b'\n') {
            at += 1;
        }
        let mut text: &[u8] = &line;
        if first {
            text = text.strip_prefix(BOM).unwrap_or(text);
        }
        first = line.is_empty();
        if line.is_empty() {
            if data.last() == Some(&b'\n') && data.len() > 1 {
                data.pop();
                events.push((std::mem::take(&mut name), std::mem::take(&mut data)));
            }
            data.clear();
            name.clear();
        } else {
            let colon = text.iter().position(|byte| *byte == b':');
            let (field, value) = match colon {
                Some(colon) => (&text[..colon], &text[colon + 1..]),
                None => (text, &b""[..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"data" => {
                    data.extend_from_slice(value);
                    data.push(b'\n');
                }
                b"event" => name = value.to_vec(),
                _ => {}
            }
        }
        line.clear();
    }
    events
}
