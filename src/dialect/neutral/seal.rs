//! Whose seal a thought or a call bears.
//!
//! A provider refuses a request with the seal of another one, and a conversation
//! moves between providers: in the neutral form Gemini's seals bear its name, all
//! others are Anthropic's. Clients of Messages, where every thought has a seal,
//! are given one of ours for a thought that nobody has sealed.
//!
//! Gemini seals calls as well, for which Messages and Responses have no place:
//! their clients are given a hidden thought ahead of the call, which they have to
//! give back as it was, and which becomes the call's seal again.

use super::{Part, Thought};

/// Precedes Gemini's seals.
pub(in crate::dialect) const GEMINI: &str = "gemini:";
/// Stands for the seal of a thought that nobody has sealed. Not empty: that is
/// what servers write that only resemble Anthropic.
pub(in crate::dialect) const UNSEALED: &str = "breakerbox:unsealed";
/// Precedes a seal that belongs to the call behind it; no seal has a colon.
const OF_CALL: &str = "gemini:call:";

/// Returns the neutral form of what Gemini calls a `thoughtSignature`.
pub(in crate::dialect) fn of_gemini(wire: &str) -> String {
    format!("{GEMINI}{wire}")
}

/// Returns the seal as Gemini knows it; none for a seal of anyone else.
pub(in crate::dialect) fn gemini(seal: &str) -> Option<&str> {
    match seal.strip_prefix(OF_CALL) {
        Some(_) => None,
        None => seal.strip_prefix(GEMINI),
    }
}

/// Tells whether Anthropic may be given this seal back.
pub(in crate::dialect) fn is_anthropics(seal: &str) -> bool {
    !seal.starts_with(GEMINI) && seal != UNSEALED
}

/// Returns what a Messages thought's `signature` says: none if nobody has sealed it.
pub(in crate::dialect) fn of_messages(wire: String) -> Option<String> {
    (!wire.is_empty() && wire != UNSEALED).then_some(wire)
}

/// Returns the seal of the hidden thought that stands for the seal on a call.
pub(in crate::dialect) fn ahead_of_call(seal: Option<&str>) -> Option<String> {
    Some(format!("{OF_CALL}{}", gemini(seal?)?))
}

/// Puts the seals on the calls again that clients of [`ahead_of_call`] give
/// back. One without its call is of no use to anybody.
pub(in crate::dialect) fn rejoin(parts: &mut Vec<Part>) {
    let of_call = |part: &Part| match part {
        Part::Thought(Thought { signature, .. }) => {
            let seal = signature.as_deref()?.strip_prefix(OF_CALL)?;
            Some(of_gemini(seal))
        }
        _ => None,
    };
    if !parts.iter().any(|part| of_call(part).is_some()) {
        return;
    }
    let mut waiting = None;
    parts.retain_mut(|part| {
        if let Some(seal) = of_call(part) {
            waiting = Some(seal);
            return false;
        }
        let seal = waiting.take();
        if let Part::ToolCall(call) = part {
            call.signature = call.signature.take().or(seal);
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::neutral::ToolCall;

    fn hidden(seal: &str) -> Part {
        Part::Thought(Thought {
            text: String::new(),
            signature: Some(seal.to_owned()),
            redacted: true,
        })
    }

    fn call(seal: Option<&str>) -> Part {
        Part::ToolCall(ToolCall {
            id: "c".to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
            signature: seal.map(str::to_owned),
            custom: false,
        })
    }

    #[test]
    fn a_seal_finds_its_call_again_and_no_other() {
        let seal = of_gemini("c2ln");
        let ahead = ahead_of_call(Some(&seal)).unwrap();
        let text = || Part::Text("so".to_owned());
        let mut parts = vec![hidden(&ahead), call(None), hidden("ErUB"), call(None)];
        rejoin(&mut parts);
        assert_eq!(parts, [call(Some(&seal)), hidden("ErUB"), call(None)]);
        // Its call is gone, or something came between.
        let mut parts = vec![hidden(&ahead), text(), call(None), hidden(&ahead)];
        rejoin(&mut parts);
        assert_eq!(parts, [text(), call(None)]);
    }

    #[test]
    fn nobody_is_given_anothers_seal() {
        let (own, ahead) = (of_gemini("c2ln"), "gemini:call:c2ln");
        assert_eq!((gemini(&own), is_anthropics(&own)), (Some("c2ln"), false));
        assert_eq!((gemini(ahead), is_anthropics(ahead)), (None, false));
        assert_eq!((gemini("ErUB"), is_anthropics("ErUB")), (None, true));
        assert_eq!((gemini(UNSEALED), is_anthropics(UNSEALED)), (None, false));
        let read = |wire: &str| of_messages(wire.to_owned());
        assert_eq!((read(""), read(UNSEALED)), (None, None));
        assert_eq!(read("ErUB").as_deref(), Some("ErUB"));
        assert_eq!(ahead_of_call(Some("ErUB")), None);
        assert_eq!(ahead_of_call(None), None);
    }
}
