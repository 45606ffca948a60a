//! Keeps our keys out of what clients and logs see of a provider's errors:
//! some providers quote the key they refuse.

use std::future::ready;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use memchr::memmem;

use crate::{config::Secret, dialect::Reported};

/// What stands in for a key.
const MASK: &[u8] = b"***";

/// A key shorter than this, in bytes, is taken out only where it is a word of its
/// own: without `k` elsewhere, nobody could read a provider's error. Keys of
/// providers are far longer; short ones are of servers that check none.
const SHORT: usize = 8;

/// Knows the key that an endpoint's words must not show; by default none.
#[derive(Clone, Debug, Default)]
pub struct Redaction(Option<Secret>);

impl Redaction {
    /// Takes `key` out of what it is given.
    pub fn of(key: Option<&Secret>) -> Self {
        Self(key.filter(|key| !key.expose().is_empty()).cloned())
    }

    fn key(&self) -> &[u8] {
        self.0.as_ref().map_or(b"", |key| key.expose().as_bytes())
    }

    fn is_short(&self) -> bool {
        self.key().len() < SHORT
    }

    /// Returns `words` without the key.
    pub fn bytes(&self, words: Bytes) -> Bytes {
        let key = self.key();
        if key.is_empty() || memmem::find(&words, key).is_none() {
            return words;
        }
        self.clean(&words, None, true).0.into()
    }

    /// Returns `words`, which come behind the byte `before`, without the key, and
    /// how many bytes at the end more words have to tell of; none at the end.
    fn clean(&self, words: &[u8], before: Option<u8>, is_end: bool) -> (Vec<u8>, usize) {
        let key = self.key();
        let mut clean = Vec::with_capacity(words.len());
        let (mut from, mut look) = (0, 0);
        while let Some(at) = memmem::find(&words[look..], key).map(|at| look + at) {
            let end = at + key.len();
            if !is_end && self.is_short() && end == words.len() {
                break;
            }
            let before = at.checked_sub(1).map_or(before, |at| Some(words[at]));
            look = at + 1;
            if !self.is_short() || stands_alone(before, key, words.get(end).copied()) {
                clean.extend_from_slice(&words[from..at]);
                clean.extend_from_slice(MASK);
                (from, look) = (end, end);
            }
        }
        let begun = if is_end {
            0
        } else {
            self.begun(&words[from..])
        };
        clean.extend_from_slice(&words[from..words.len() - begun]);
        (clean, begun)
    }

    /// Returns `reported` without the key, nor what the cut of a long message
    /// has left of one.
    pub fn reported(&self, mut reported: Reported) -> Reported {
        let was_cut = reported.is_cut();
        let clean = self.bytes(std::mem::take(&mut reported.message).into());
        let begun = if was_cut { self.begun(&clean) } else { 0 };
        let shown = &clean[..clean.len() - begun];
        reported.message = String::from_utf8_lossy(shown).into_owned();
        reported
    }

    /// Returns `words` without the key, wherever the reads cut it; holds back no
    /// more than what may be a part of it.
    pub fn stream<S, E>(&self, words: S) -> impl Stream<Item = Result<Bytes, E>> + use<S, E>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        let this = self.clone();
        let mut held = BytesMut::new();
        let mut before = None;
        let end = stream::once(ready(None));
        words.map(Some).chain(end).filter_map(move |read| {
            let is_end = read.is_none();
            let shown = read.unwrap_or_else(|| Ok(Bytes::new())).map(|read| {
                held.extend_from_slice(&read);
                let words = held.split();
                if this.key().is_empty() {
                    return words.freeze();
                }
                let (clean, begun) = this.clean(&words, before, is_end);
                let (told, rest) = words.split_at(words.len() - begun);
                before = told.last().copied().or(before);
                held.extend_from_slice(rest);
                clean.into()
            });
            ready(Some(shown).filter(|it| !matches!(it, Ok(bytes) if bytes.is_empty())))
        })
    }

    /// Returns how many bytes at the end of `words` are the beginning of a key,
    /// or a short one whose end only what follows can tell.
    fn begun(&self, words: &[u8]) -> usize {
        let key = self.key();
        let longest = key.len().saturating_sub(usize::from(!self.is_short()));
        let most = longest.min(words.len());
        let ends = |length: &usize| words.ends_with(&key[..*length]);
        (1..=most).rev().find(ends).unwrap_or(0)
    }
}

/// Tells whether `key` is a word of its own between these bytes.
fn stands_alone(before: Option<u8>, key: &[u8], after: Option<u8>) -> bool {
    let is_letter = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
    };
    let joins = |one, other| is_letter(one) && is_letter(other);
    !joins(before, key.first().copied()) && !joins(key.last().copied(), after)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::Blame;

    const KEY: &str = "sk-sk-live";

    fn redaction() -> Redaction {
        Redaction::of(Some(&Secret::new(KEY)))
    }

    fn bytes(words: &str) -> String {
        let clean = redaction().bytes(Bytes::copy_from_slice(words.as_bytes()));
        String::from_utf8(clean.into()).unwrap()
    }

    #[test]
    fn every_copy_is_taken_out_and_nothing_else() {
        assert_eq!(bytes("a sk-sk-live b sk-sk-live"), "a *** b ***");
        assert_eq!(bytes("sk-sk-sk-live sk-sk"), "sk-*** sk-sk");
        let words = Bytes::from_static(b"a sk-sk-live");
        for none in [None, Some(&Secret::new(""))] {
            assert_eq!(Redaction::of(none).bytes(words.clone()), words);
        }
    }

    #[test]
    fn a_short_key_is_taken_out_where_it_is_a_word() {
        let clean = |key: &str, words: &str| {
            let redaction = Redaction::of(Some(&Secret::new(key)));
            let clean = redaction.bytes(Bytes::copy_from_slice(words.as_bytes()));
            String::from_utf8(clean.into()).unwrap()
        };
        assert_eq!(
            clean("k", "invalid key: k, token: \"k\" (k)"),
            "invalid key: ***, token: \"***\" (***)"
        );
        assert_eq!(clean("k", "k"), "***");
        assert_eq!(clean("k", "kk kék ka ak"), "kk kék ka ak");
        assert_eq!(clean("abc", "key_abc=abc-1 abcd"), "key_***=***-1 abcd");
        assert_eq!(clean("k!", "k!k!kk!"), "******kk!");
        // Those of providers go wherever they stand.
        assert_eq!(clean("12345678", "a12345678b"), "a***b");
    }

    #[test]
    fn a_message_that_was_cut_keeps_no_half_of_it() {
        let reported = |message: String| {
            let blame = Blame::Client;
            redaction().reported(Reported { blame, message }).message
        };
        let filler = "x".repeat(Reported::MAX_MESSAGE - 5);
        assert_eq!(reported(format!("{filler}sk-sk")), filler);
        assert_eq!(
            reported("at the end: sk-sk".to_owned()),
            "at the end: sk-sk"
        );
        assert_eq!(reported(format!("quoted: {KEY}")), "quoted: ***");
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_it_is_the_same(
            key in prop_oneof![Just(KEY), Just("k"), Just("sks"), Just("k!")],
            parts in prop::collection::vec(prop_oneof![
                Just(KEY.to_owned()), Just("sk-".to_owned()), Just("sk-sk-liv".to_owned()), "[a-z]{0,4}", "[ks! .é]{0,4}",
            ], 0..12),
            cuts in prop::collection::vec(0usize..200, 0..20),
        ) {
            let whole = parts.concat();
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < whole.len()).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort();
            let reads = cuts.windows(2).map(|cut| {
                Ok::<_, Infallible>(Bytes::copy_from_slice(&whole.as_bytes()[cut[0]..cut[1]]))
            });
            let redaction = Redaction::of(Some(&Secret::new(key)));
            let shown = redaction.stream(stream::iter(reads.collect::<Vec<_>>()));
            let shown = shown.map(Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap();
            prop_assert!(shown.iter().all(|it| !it.is_empty()));
            let expected = redaction.bytes(whole.into_bytes().into());
            prop_assert_eq!(shown.concat(), expected);
        }
    }
}
