//! Names of tools that one dialect takes and another does not.
//!
//! A tool with such a name goes by another one to the provider, and by its own
//! to the client, whatever the provider says of it: nothing is lost.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hasher},
};

use super::{
    Dialect,
    neutral::{Conversation, Delta, Part, Reply, ToolChoice},
    openai::responses::echo::Echo,
    request::BadRequest,
};

/// The longest name that all providers take, in bytes: OpenAI's limit, and that
/// of Anthropic's and Google's guides; their references allow 128.
const LONGEST: usize = 64;

/// The tools of one request that have another name for its provider, and what
/// else its answer must know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolNames {
    /// By the name that the provider is told, the client's.
    given: BTreeMap<String, String>,
    /// The custom tools, by the client's names: calls of them are calls of such
    /// tools, whatever the provider was told of them.
    custom: BTreeSet<String>,
    /// Whether the client knows tools as functions only.
    functions: bool,
    /// What a response repeats of the request, tools by their own names.
    pub(super) echo: Echo,
}

impl ToolNames {
    /// Returns those of `asked` that a provider of `dialect` would refuse.
    pub(super) fn of(asked: &Conversation, dialect: Dialect) -> Self {
        let custom = asked.tools.iter().filter(|tool| tool.custom.is_some());
        let odd = names(asked).filter(|name| !is_fair(name, dialect));
        Self {
            given: odd.map(|name| (fair(name), name.to_owned())).collect(),
            custom: custom.map(|tool| tool.name.clone()).collect(),
            functions: asked.functions,
            echo: Echo::default(),
        }
    }

    /// Returns `asked` as the provider is to be told it.
    pub(super) fn renamed<'a>(
        &self,
        asked: &'a Conversation,
        dialect: Dialect,
    ) -> Cow<'a, Conversation> {
        if self.given.is_empty() {
            return Cow::Borrowed(asked);
        }
        let told = |name: &mut String| {
            if !is_fair(name, dialect) {
                *name = fair(name);
            }
        };
        let mut asked = asked.clone();
        asked.tools.iter_mut().for_each(|tool| told(&mut tool.name));
        asked.allowed_tools.iter_mut().for_each(told);
        if let Some(ToolChoice::Named(name)) = &mut asked.tool_choice {
            told(name);
        }
        for part in asked.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
            match part {
                Part::ToolCall(call) => told(&mut call.name),
                Part::ToolResult(result) => result.name.iter_mut().for_each(told),
                _ => {}
            }
        }
        Cow::Owned(asked)
    }

    /// Tells whether the client knows tools as `functions` only, one at a time.
    pub(super) fn are_functions(&self) -> bool {
        self.functions
    }

    /// Puts the client's names into an answer, and says which calls are of custom
    /// tools; `None` if a call in it has no name.
    pub(super) fn restore(&self, reply: &mut Reply) -> Option<()> {
        for part in reply.choices.iter_mut().flat_map(|it| &mut it.parts) {
            if let Part::ToolCall(call) = part {
                self.restore_one(&mut call.name, &mut call.custom)?;
            }
        }
        Some(())
    }

    /// Does the same to pieces of an answer.
    pub(super) fn restore_in(&self, deltas: &mut [Delta]) -> Option<()> {
        for delta in deltas {
            if let Delta::CallStart { name, custom, .. } = delta {
                self.restore_one(name, custom)?;
            }
        }
        Some(())
    }

    fn restore_one(&self, name: &mut String, custom: &mut bool) -> Option<()> {
        if let Some(given) = self.given.get(name) {
            name.clone_from(given);
        }
        *custom |= self.custom.contains(name);
        (!name.is_empty()).then_some(())
    }
}

/// Refuses a conversation in which a tool has no name: nobody can call it.
///
/// # Errors
///
/// [`BadRequest`] says so.
pub(super) fn check(asked: &Conversation) -> Result<(), BadRequest> {
    match names(asked).any(str::is_empty) {
        false => Ok(()),
        true => Err(BadRequest {
            param: None,
            message: "A tool must have a name, wherever it is named.".to_owned(),
        }),
    }
}

/// Every name of a tool that `asked` says.
fn names(asked: &Conversation) -> impl Iterator<Item = &str> {
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
fn is_fair(name: &str, dialect: Dialect) -> bool {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::neutral::{Choice, Role, Stop, Tool, ToolCall, ToolResult, Turn};

    const DIALECTS: [Dialect; 3] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini];

    fn call(name: &str) -> Part {
        Part::ToolCall(ToolCall {
            id: "c".to_owned(),
            name: name.to_owned(),
            arguments: "{}".to_owned(),
            signature: None,
            custom: false,
        })
    }

    fn asking(name: &str) -> Conversation {
        let result = Part::ToolResult(ToolResult {
            id: "c".to_owned(),
            name: Some(name.to_owned()),
            content: Vec::new(),
            is_error: false,
        });
        let turn = |role, part| Turn {
            role,
            parts: vec![part],
        };
        Conversation {
            tools: vec![Tool {
                name: name.to_owned(),
                description: None,
                parameters: None,
                strict: None,
                custom: None,
            }],
            tool_choice: Some(ToolChoice::Named(name.to_owned())),
            allowed_tools: vec![name.to_owned()],
            turns: vec![turn(Role::Assistant, call(name)), turn(Role::User, result)],
            ..Conversation::default()
        }
    }

    #[test]
    fn a_name_is_changed_only_for_those_who_refuse_it() {
        let long = "x".repeat(65);
        for (name, changed) in [
            ("get_weather-2", [false; 3]),
            ("files.read:all", [true, true, false]),
            ("2nd", [false, false, true]),
            ("-a", [false, false, true]),
            ("naïve", [true; 3]),
            ("a b", [true; 3]),
            (&long, [true; 3]),
        ] {
            let is_changed =
                DIALECTS.map(|to| ToolNames::of(&asking(name), to) != ToolNames::default());
            assert_eq!(is_changed, changed, "{name}");
        }
    }

    #[test]
    fn a_tool_without_a_name_is_none() {
        assert!(check(&asking("f")).is_ok() && check(&asking("")).is_err());
        let mut reply = Reply {
            choices: vec![Choice {
                logprobs: Vec::new(),
                parts: vec![call("")],
                stop: Stop::ToolCalls,
            }],
            ..Reply::default()
        };
        assert_eq!(ToolNames::default().restore(&mut reply), None);
    }

    proptest! {
            #[test]
            fn every_name_is_fair_and_comes_back(given in "[a-c0-1._:é -]{1,70}") {
                let asked = asking(&given);
                for to in DIALECTS {
                    let names = ToolNames::of(&asked, to);
                    let told = names.renamed(&asked, to);
                    for name in super::names(&told) {
                        prop_assert!(is_fair(name, to), "{name}");
                        prop_assert_eq!(name, &told.tools[0].name);
                    }
                    prop_assert_eq!(super::names(&told).count(), 5);
                    let name = &told.tools[0].name;
                    let mut reply = Reply {
                        choices: vec![Choice { logprobs: Vec::new(),  parts: vec![call(name), call("other")], stop: Stop::ToolCalls }],
                        ..Reply::default()
                    };
                    prop_assert_eq!(names.restore(&mut reply), Some(()));
                    prop_assert_eq!(&reply.choices[0].parts, &vec![call(&given), call("other")]);
                    let mut deltas = [Delta::CallStart {
                        choice: 0, call: 0, id: "c".to_owned(), name: name.clone(), signature: None, custom: false,
    }];
                    prop_assert_eq!(names.restore_in(&mut deltas), Some(()));
                    let [Delta::CallStart { name, .. }] = &deltas else { unreachable!() };
                    prop_assert_eq!(name, &given);
                }
            }
        }
}
