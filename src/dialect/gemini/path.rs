//! The paths of this dialect, which name the model and the call.

use std::borrow::Cow;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `:generateContent`.
    Generate,
    /// `:streamGenerateContent`.
    Stream,
    /// `:countTokens`.
    CountTokens,
}

impl Method {
    /// Every call.
    pub const ALL: [Self; 3] = [Self::Generate, Self::Stream, Self::CountTokens];

    /// Returns its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generateContent",
            Self::Stream => "streamGenerateContent",
            Self::CountTokens => "countTokens",
        }
    }
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The model, decoded; never empty.
    pub model: String,
    /// The call.
    pub method: Method,
}

/// Reads `/v1beta/models/{model}:{method}`, or the same below `/v1` or
/// `/v1alpha`; `path` is percent-encoded and has no query.
///
/// A model's name may contain slashes and colons: the last colon counts.
/// `None` for any other path.
///
/// # Example
///
/// ```
/// use breakerbox::dialect::gemini::path::{Method, parse};
///
/// let target = parse("/v1beta/models/openai%2Fgpt-5:countTokens").map(|it| (it.model, it.method));
/// assert_eq!(target, Some(("openai/gpt-5".into(), Method::CountTokens)));
/// ```
pub fn parse(path: &str) -> Option<Target> {
    let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
    if !matches!(version, "v1beta" | "v1" | "v1alpha") {
        return None;
    }
    let decoded = decode(rest.strip_prefix("models/")?)?;
    let (model, name) = decoded.rsplit_once(':')?;
    let method = Method::ALL.into_iter().find(|it| it.name() == name)?;
    (!model.is_empty()).then(|| Target {
        model: model.to_owned(),
        method,
    })
}

/// Returns the path and query below a provider's base URL, which ends on the
/// version. Streams are asked for as events.
///
/// # Example
///
/// ```
/// use breakerbox::dialect::gemini::path::{Method, upstream};
///
/// assert_eq!(
///     upstream("gemini-3-flash", Method::Stream),
///     "/models/gemini-3-flash:streamGenerateContent?alt=sse",
/// );
/// ```
pub fn upstream(model: &str, method: Method) -> String {
    let mut target = String::from("/");
    encode(&resource(model), &mut target);
    target.push(':');
    target.push_str(method.name());
    if method == Method::Stream {
        target.push_str("?alt=sse");
    }
    target
}

/// Returns the model as Google's resources are named.
pub(in crate::dialect) fn resource(model: &str) -> Cow<'_, str> {
    match model.starts_with("models/") || model.starts_with("tunedModels/") {
        true => Cow::Borrowed(model),
        false => Cow::Owned(format!("models/{model}")),
    }
}

/// Resolves percent escapes; `None` for half of one and for no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// Appends `text` with everything percent-encoded that is neither unreserved
/// (RFC 3986, 2.3) nor a slash, which parts a kind from a name here.
fn encode(text: &str, target: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push('%');
            for half in [byte >> 4, byte & 15] {
                let digit = char::from_digit(half.into(), 16).unwrap_or('0');
                target.push(digit.to_ascii_uppercase());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_name_a_model_and_a_call() {
        for (path, model, method) in [
            (
                "/v1beta/models/gemini-3-pro:generateContent",
                "gemini-3-pro",
                Method::Generate,
            ),
            (
                "/v1/models/a/b:streamGenerateContent",
                "a/b",
                Method::Stream,
            ),
            (
                "/v1alpha/models/a%2fb%3A1%3AcountTokens",
                "a/b:1",
                Method::CountTokens,
            ),
            (
                "/v1beta/models/%E4%BD%A0:generateContent",
                "你",
                Method::Generate,
            ),
        ] {
            let target = Target {
                model: model.into(),
                method,
            };
            assert_eq!(parse(path), Some(target), "{path}");
        }
    }

    #[test]
    fn other_paths() {
        for path in [
            "",
            "/v1beta/models",
            "/v1beta/models/",
            "/v1beta/models/m",
            "/v1beta/models/:generateContent",
            "/v1beta/models/m:embedContent",
            "/v1beta/models/m:GenerateContent",
            "/v2/models/m:generateContent",
            "/v1beta/models/%:generateContent",
            "/v1beta/models/%f:generateContent",
            "/v1beta/models/%ff:generateContent",
            "/v1/chat/completions",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for model in ["gemini-3-flash", "a b/ü:1?#%", "tuned"] {
            for method in Method::ALL {
                let path = format!("/v1beta{}", upstream(model, method));
                let path = path.split('?').next().unwrap();
                let target = parse(path).unwrap();
                assert_eq!((target.model.as_str(), target.method), (model, method));
            }
        }
        let tuned = upstream("tunedModels/mine", Method::Generate);
        assert_eq!(tuned, "/tunedModels/mine:generateContent");
        assert_eq!(
            upstream("models/m", Method::CountTokens),
            "/models/m:countTokens"
        );
    }
}
