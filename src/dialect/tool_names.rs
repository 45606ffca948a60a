//! Names of tools that one dialect takes and another does not.

use std::hash::{DefaultHasher, Hasher};

use super::{
    Dialect,
    neutral::{Conversation, Part, ToolChoice, namespace},
    request::BadRequest,
};

/// The longest name that all providers take, in bytes: OpenAI's limit, and that
/// of Anthropic's and Google's guides; their references allow 128.
const LONGEST: usize = 64;

/// Refuses a conversation in which a tool has no name: nobody can call it.
///
/// # Errors
///
/// [`BadRequest`] says so.
pub(super) fn check(asked: &Conversation) -> Result<(), BadRequest> {
    match all(asked).any(str::is_empty) {
        false => Ok(()),
        true => Err(BadRequest {
            param: None,
            message: "A tool must have a name, wherever it is named.".to_owned(),
        }),
    }
}

/// Every name of a tool that `asked` says.
pub(super) fn all(asked: &Conversation) -> impl Iterator<Item = &str> {
    let tools = asked.tools.iter().map(|tool| &tool.name);
    let chosen = asked.tool_choice.iter().filter_map(|it| match it {
        ToolChoice::Named(name) => Some(name),
        _ => None,
    });
    let parts = asked.turns.iter().flat_map(|turn| &turn.parts);
    let told = parts.filter_map(|part| match part {
        Part::ToolCall(call) => Some(&call.name),
        Part::ToolResult(result) => result.name.as_ref(),
        _ => None,
    });
    let all = tools.chain(&asked.allowed_tools).chain(chosen).chain(told);
    all.map(String::as_str)
}

/// Tells whether providers of `dialect` take a tool of this name.
///
/// # Source
///
/// OpenAI, "Function calling", and Anthropic, "Tool use":
/// `^[a-zA-Z0-9_-]{1,64}$`. Google, `FunctionDeclaration.name`: letters, digits,
/// `_`, `-`, `.` and `:`, beginning with a letter or `_`.
pub(super) fn is_fair(name: &str, dialect: Dialect) -> bool {
    let more = match dialect {
        Dialect::OpenAi | Dialect::Anthropic => "_-",
        Dialect::Gemini => "_-.:",
    };
    let begins = match dialect {
        Dialect::OpenAi | Dialect::Anthropic => true,
        Dialect::Gemini => name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    begins && name.len() <= LONGEST && name.chars().all(fits)
}

/// Returns what a provider of `dialect` is told in place of `name`, which it
/// refuses, and in place of no other name: `is_free` says so.
pub(super) fn told(name: &str, dialect: Dialect, is_free: impl Fn(&str) -> bool) -> String {
    let in_one = namespace::in_one(name);
    let in_one = in_one.filter(|it| is_fair(it, dialect) && is_free(it));
    in_one.unwrap_or_else(|| fair(name))
}

/// Returns the name, fair to everybody, that stands for `name`: what can be
/// kept of it, and a mark that hardly any other name has.
fn fair(name: &str) -> String {
    let mut mark = DefaultHasher::new();
    mark.write(name.as_bytes());
    let mark = format!("_{:08x}", mark.finish() as u32);
    let keep = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    // What Google wants ahead of a digit does no harm elsewhere.
    let begins = name.starts_with(|c: char| c.is_ascii_digit());
    let kept = begins.then_some('_').into_iter();
    let kept = kept.chain(name.chars().map(keep));
    kept.take(LONGEST - mark.len())
        .chain(mark.chars())
        .collect()
}
