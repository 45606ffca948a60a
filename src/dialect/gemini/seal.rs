//! Whose seal a thought or a call bears.
//!
//! Only a seal of Gemini goes to Gemini. A foreign one is shown to clients of
//! this dialect in base64 (google-genai decodes seals) behind a mark, by which
//! it is known when it comes back.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::dialect::neutral::seal;

/// Precedes foreign seals in this dialect: valid base64, a multiple of four long.
/// Alone it is on the first call of an answer that nobody has sealed: Gemini
/// takes the call back with a seal only. (The stand-in itself is base64 for
/// addresses, which not every SDK can decode.)
pub(in crate::dialect) const FOREIGN: &str = "BreakerboxSealed";

/// Stands for a seal on a call that has none; Gemini then does not check it.
///
/// # Source
///
/// Google, "Thought signatures", FAQ: for calls that come from another model.
pub(in crate::dialect) const NONE: &str = "skip_thought_signature_validator";

/// The other stand-in that the same page allows.
const NONE_TOO: &str = "context_engineering_is_the_way_to_go";

/// Reads a `thoughtSignature` into its neutral form; none for a stand-in.
pub(super) fn read(wire: &str) -> Option<String> {
    if matches!(wire, "" | NONE | NONE_TOO | FOREIGN) {
        return None;
    }
    let foreign = wire.strip_prefix(FOREIGN).and_then(|rest| {
        // google-genai gives bytes back in the alphabet for addresses.
        let rest = rest.replace('-', "+").replace('_', "/");
        let bytes = STANDARD.decode(rest).ok()?;
        String::from_utf8(bytes).ok()
    });
    foreign.or_else(|| Some(seal::of_gemini(wire)))
}

/// Returns the `thoughtSignature` for a client.
pub(super) fn for_client(seal: &str) -> Cow<'_, str> {
    match seal::gemini(seal) {
        Some(own) => Cow::Borrowed(own),
        None => Cow::Owned(format!("{FOREIGN}{}", STANDARD.encode(seal))),
    }
}

/// Returns the `thoughtSignature` of an answer's call for a client: the first
/// one has to have one.
pub(super) fn of_call(seal: Option<&str>, is_first: bool) -> Option<Cow<'_, str>> {
    let unsealed = is_first.then_some(Cow::Borrowed(FOREIGN));
    seal.map(for_client).or(unsealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::neutral::seal::gemini;

    #[test]
    fn each_provider_gets_its_own_seals_back() {
        let own = read("CiQBjz1r").unwrap();
        assert_eq!(gemini(&own), Some("CiQBjz1r"));
        assert_eq!(for_client(&own), "CiQBjz1r");

        let shown = for_client("ErUBanthropic==").into_owned();
        assert!(STANDARD.decode(&shown).is_ok());
        assert_eq!(read(&shown).unwrap(), "ErUBanthropic==");

        let shown = for_client("~~~???");
        assert!(shown.ends_with("fn5+Pz8/"), "{shown}");
        let back = shown.replace('+', "-").replace('/', "_");
        assert_eq!(read(&back).unwrap(), "~~~???");
    }

    #[test]
    fn a_stand_in_is_no_seal() {
        assert_eq!(read(NONE), None);
        assert_eq!(read(NONE_TOO), None);
        assert_eq!(read(FOREIGN), None);
        assert_eq!(
            read("BreakerboxSealed!").unwrap(),
            "gemini:BreakerboxSealed!"
        );
    }
}
