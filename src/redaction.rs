//! Keeps our keys out of what clients and logs see of a provider's errors:
//! some providers quote the key they refuse.

use std::future::ready;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use memchr::memmem;

use crate::{config::Secret, dialect::Reported};

/// What stands in for a key.
const MASK: &[u8] = b"***";

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

    /// Returns `words` without the key.
    pub fn bytes(&self, words: Bytes) -> Bytes {
        let key = self.key();
        if key.is_empty() || memmem::find(&words, key).is_none() {
            return words;
        }
        let mut clean = Vec::with_capacity(words.len());
        let mut from = 0;
        for at in memmem::find_iter(&words, key) {
            clean.extend_from_slice(&words[from..at]);
            clean.extend_from_slice(MASK);
            from = at + key.len();
        }
        clean.extend_from_slice(&words[from..]);
        clean.into()
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
        let end = stream::once(ready(None));
        words.map(Some).chain(end).filter_map(move |read| {
            let shown = match read {
                Some(Ok(read)) => {
                    held.extend_from_slice(&read);
                    let mut clean = this.bytes(held.split().freeze());
                    let begun = clean.split_off(clean.len() - this.begun(&clean));
                    held.extend_from_slice(&begun);
                    Ok(clean)
                }
                Some(Err(error)) => Err(error),
                None => Ok(held.split().freeze()),
            };
            ready(Some(shown).filter(|it| !matches!(it, Ok(bytes) if bytes.is_empty())))
        })
    }

    /// Returns how many bytes at the end of `words` are the beginning of a key.
    fn begun(&self, words: &[u8]) -> usize {
        let key = self.key();
        let most = key.len().saturating_sub(1).min(words.len());
        let ends = |length: &usize| words.ends_with(&key[..*length]);
        (1..=most).rev().find(ends).unwrap_or(0)
    }
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
            parts in prop::collection::vec(prop_oneof![
                Just(KEY.to_owned()), Just("sk-".to_owned()), Just("sk-sk-liv".to_owned()), "[a-z]{0,4}",
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
            let shown = redaction().stream(stream::iter(reads.collect::<Vec<_>>()));
            let shown = shown.map(Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap();
            prop_assert!(shown.iter().all(|it| !it.is_empty()));
            prop_assert_eq!(String::from_utf8(shown.concat()).unwrap(), bytes(&whole));
        }
    }
}
