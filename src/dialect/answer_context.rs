//! What an answer must know of the request that it answers.
//!
//! A tool whose name a provider refuses goes by another one to it, and by its own
//! to the client, whatever the provider says of it: nothing is lost. So does one
//! within a namespace, which only responses know.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Dialect,
    neutral::{Conversation, Delta, Part, Reply, ToolChoice},
    openai::responses::echo::Echo,
    tool_names,
};

/// What the answer to one request must know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerContext {
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

impl AnswerContext {
    /// Returns that of `asked`, told to a provider of `dialect`.
    pub(super) fn of(asked: &Conversation, dialect: Dialect) -> Self {
        let custom = asked.tools.iter().filter(|tool| tool.custom.is_some());
        let names: BTreeSet<&str> = tool_names::all(asked).collect();
        let mut given = BTreeMap::new();
        for name in &names {
            if !tool_names::is_fair(name, dialect) {
                let is_free = |told: &str| !names.contains(told) && !given.contains_key(told);
                let told = tool_names::told(name, dialect, is_free);
                given.insert(told, (*name).to_owned());
            }
        }
        Self {
            given,
            custom: custom.map(|tool| tool.name.clone()).collect(),
            functions: asked.functions,
            echo: Echo::default(),
        }
    }

    /// Returns `asked` as the provider is to be told it.
    pub(super) fn renamed<'a>(&self, asked: &'a Conversation) -> Cow<'a, Conversation> {
        if self.given.is_empty() {
            return Cow::Borrowed(asked);
        }
        let given = self.given.iter();
        let by_own: BTreeMap<&str, &str> = given.map(|(told, own)| (&**own, &**told)).collect();
        let told = |name: &mut String| {
            if let Some(told) = by_own.get(name.as_str()) {
                (*told).clone_into(name);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::{
        neutral::{Choice, Role, Stop, Tool, ToolCall, ToolResult, Turn},
        tool_names::{all, check, is_fair},
    };

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
                DIALECTS.map(|to| AnswerContext::of(&asking(name), to) != AnswerContext::default());
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
        assert_eq!(AnswerContext::default().restore(&mut reply), None);
    }

    proptest! {
            #[test]
            fn every_name_is_fair_and_comes_back(given in "[a-c0-1._:é\u{1f} -]{1,70}") {
                let asked = asking(&given);
                for to in DIALECTS {
                    let names = AnswerContext::of(&asked, to);
                    let told = names.renamed(&asked);
                    for name in all(&told) {
                        prop_assert!(is_fair(name, to), "{name}");
                        prop_assert_eq!(name, &told.tools[0].name);
                    }
                    prop_assert_eq!(all(&told).count(), 5);
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
