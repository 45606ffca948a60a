//! What the gateway reads of a request's body, and the little it changes.
//!
//! [`peek`] walks over the body, keeps a handful of fields and checks the
//! rest, so that what no provider accepts is refused here and counts against
//! nobody. [`Peek::rewrite`] splices: every byte it does not have to change is
//! the client's.

pub(crate) mod images;
mod limits;
#[cfg(test)]
mod tests;
mod walk;

use std::ops::Range;

use bytes::Bytes;
use serde::de::DeserializeSeed;

use super::{Api, Dialect, gemini};
use walk::{Fields, Walk};

/// The longest name of a client's own field that an error repeats, in bytes.
const MAX_PARAM: usize = 64;

/// Asks for usage where the body has no `stream_options`; goes right behind its `{`.
const ASK_AS_FIRST_FIELD: &str = r#""stream_options":{"include_usage":true},"#;

/// A body that no provider would accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRequest {
    /// The top-level field at fault, if the fault is within one.
    pub param: Option<String>,
    /// What is wrong, for the client; repeats nothing of the body.
    pub message: String,
}

impl BadRequest {
    fn of_body(message: impl Into<String>) -> Self {
        Self {
            param: None,
            message: message.into(),
        }
    }

    fn of_field(name: &str, message: impl Into<String>) -> Self {
        let name = &name[..name.floor_char_boundary(MAX_PARAM)];
        Self {
            param: (!name.is_empty()).then(|| name.to_owned()),
            message: message.into(),
        }
    }
}

/// What routing needs to know of a request, and the request itself.
#[derive(Clone, Debug)]
pub struct Peek {
    /// The call the body is for.
    pub api: Api,
    /// The model the client asks for, escapes resolved; never empty.
    pub model: String,
    /// Whether the answer is to be a stream of events.
    pub stream: bool,
    /// Whether the client itself asked for the usage at the end of the stream.
    /// If it did not, the relay drops the chunk the gateway asked for.
    pub include_usage: bool,
    /// The most tokens the answer may have, if the client set a limit.
    pub max_output_tokens: Option<u64>,
    /// How many answers are asked for; 1 or more.
    pub n: u64,
    body: Bytes,
    /// Where the model's name is, unless the path has it.
    model_at: Option<Range<usize>>,
    /// Where a Gemini body repeats the model that the path names.
    repeated_at: [Option<Range<usize>>; 2],
    ask_usage: Option<Splice<'static>>,
}

/// A range of the body and what goes in its place.
type Splice<'a> = (Range<usize>, &'a str);

/// Reads what routing needs from the body of a call, and checks the whole body.
///
/// Linear in the body's length; of what it reads only the model's name is copied.
///
/// # Errors
///
/// [`BadRequest`] for an empty body, one that is not a JSON object, is not
/// valid JSON or UTF-8, nests deeper than 127 levels, has a number beyond
/// `f64` or half of a surrogate pair, or anything after the object; for a
/// missing or empty `model`; for a `model`, `stream` or `stream_options` of
/// the wrong type; and for a field read here that is there twice, since the
/// provider might read the other one.
///
/// # Example
///
/// ```
/// use breakerbox::dialect::{Api, request::peek};
///
/// let body = br#"{"model":"gpt-4.1","messages":[]}"#.as_slice().into();
/// let peek = peek(&body, Api::ChatCompletions)?;
/// assert_eq!(peek.model, "gpt-4.1");
/// assert_eq!(
///     peek.rewrite("my-deployment"),
///     br#"{"model":"my-deployment","messages":[]}"#.as_slice(),
/// );
/// # Ok::<(), breakerbox::dialect::request::BadRequest>(())
/// ```
pub fn peek(body: &Bytes, api: Api) -> Result<Peek, BadRequest> {
    read(body, api, None)
}

/// What the path of a Gemini call says, and the body of other calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InPath {
    /// The model, decoded; never empty.
    pub model: String,
    /// Whether the answer is to be a stream of events.
    pub stream: bool,
}

/// Like [`peek`], for a call whose path says which model, and how it answers.
///
/// # Errors
///
/// [`BadRequest`] as [`peek`], but for the fields of another dialect.
pub fn peek_at(body: &Bytes, api: Api, path: InPath) -> Result<Peek, BadRequest> {
    read(body, api, Some(path))
}

fn read(body: &Bytes, api: Api, path: Option<InPath>) -> Result<Peek, BadRequest> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace());
    let open = match start.map(|at| (at, body[at])) {
        Some((at, b'{')) => at,
        Some(_) => return Err(BadRequest::of_body("The body must be a JSON object.")),
        None => {
            return Err(BadRequest::of_body(
                "The body is empty; send a JSON object.",
            ));
        }
    };
    let json = match str::from_utf8(body) {
        Ok(json) => json,
        Err(_) => return Err(BadRequest::of_body("The body is not valid UTF-8.")),
    };
    if let Err(beyond) = limits::check(json) {
        return Err(BadRequest::of_field(
            beyond.field,
            format!("The body {}.", beyond.what),
        ));
    }
    let mut fields = Fields::default();
    fields.gemini = api.dialect() == Dialect::Gemini;
    let mut json = serde_json::Deserializer::from_str(json);
    if let Err(error) = Walk(&mut fields).deserialize(&mut json) {
        let message = match fields.wrong {
            Some(wrong) => wrong,
            None => format!("The body is not valid JSON: {error}."),
        };
        return Err(match fields.current {
            Some(name) => BadRequest::of_field(&name, message),
            None => BadRequest::of_body(message),
        });
    }
    if json.end().is_err() {
        return Err(BadRequest::of_body(
            "There is something after the JSON object.",
        ));
    }
    let (model, model_at, stream) = match (path, fields.model) {
        (Some(path), _) => (path.model, None, path.stream),
        (None, Some((model, raw))) => (model, Some(range_in(body, raw.get())), fields.stream),
        (None, None) => return Err(BadRequest::of_field("model", "`model` is missing.")),
    };
    let repeated_at = fields.repeated.map(|raw| {
        let raw = raw?;
        let named: Option<String> = serde_json::from_str(raw.get()).ok();
        // Another one is the client's fault, for the provider to tell it of.
        let is_same = bare(&named?) == bare(&model);
        is_same.then(|| range_in(body, raw.get()))
    });
    let stream = stream && api.streams();
    let ask_usage =
        (stream && api.has_choices() && !fields.include_usage).then(|| match fields.ask_usage {
            Some((raw, text)) => (range_in(body, raw), text),
            None => (open + 1..open + 1, ASK_AS_FIRST_FIELD),
        });
    Ok(Peek {
        api,
        model,
        stream,
        include_usage: fields.include_usage,
        max_output_tokens: fields.max_output_tokens,
        n: fields.n.unwrap_or(1).max(1),
        model_at,
        repeated_at,
        ask_usage,
        body: body.clone(),
    })
}

impl Peek {
    /// Returns the client's body, unchanged.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the body for an upstream that calls the model `upstream_model`.
    ///
    /// A stream of chat or text completions is asked for its usage as well, if
    /// the client did not ask. All else is the client's, byte for byte; where
    /// nothing is to change, the very same buffer comes back.
    pub fn rewrite(&self, upstream_model: &str) -> Bytes {
        if self.model == upstream_model && self.ask_usage.is_none() {
            return self.body.clone();
        }
        let is_other = self.model != upstream_model;
        let name = quoted(upstream_model);
        let resource = quoted(&gemini::path::resource(upstream_model));
        let model = self.model_at.iter().map(|at| (at.clone(), &*name));
        let repeated = self.repeated_at.iter().flatten();
        let repeated = repeated.map(|at| (at.clone(), &*resource));
        let mut splices: Vec<Splice<'_>> = model.chain(repeated).filter(|_| is_other).collect();
        splices.extend(self.ask_usage.clone());
        if splices.is_empty() {
            return self.body.clone();
        }
        splices.sort_by_key(|(at, _)| at.start);
        spliced(&self.body, &splices)
    }
}

/// Returns a model's name without what Gemini's resources begin with.
fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// Returns `body` with `splices` done, which are in order and do not overlap.
fn spliced(body: &[u8], splices: &[Splice<'_>]) -> Bytes {
    let added: usize = splices.iter().map(|(_, text)| text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + added);
    let mut from = 0;
    for (range, text) in splices {
        out.extend_from_slice(&body[from..range.start]);
        out.extend_from_slice(text.as_bytes());
        from = range.end;
    }
    out.extend_from_slice(&body[from..]);
    out.into()
}

/// Returns `text` as a JSON string, quotes included.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns where in `body` its part `raw` lies.
fn range_in(body: &[u8], raw: &str) -> Range<usize> {
    let start = raw.as_ptr().addr() - body.as_ptr().addr();
    start..start + raw.len()
}
