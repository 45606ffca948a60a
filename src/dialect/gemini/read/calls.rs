//! Which call a tool's result answers.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::dialect::neutral::ToolCall;

/// The calls so far, and those of them that have no result yet.
#[derive(Default)]
pub(super) struct Calls {
    /// By the tool's name.
    open: HashMap<String, Open>,
    /// Ids that the client's own calls bear.
    borne: HashSet<String>,
    /// Those of them that were answered by id and are still in `open`.
    answered: HashSet<String>,
}

/// Open calls of one tool, oldest first, by the ids they have here.
#[derive(Default)]
struct Open {
    /// Those that bear an id.
    with: VecDeque<String>,
    /// Those that do not.
    without: VecDeque<String>,
}

impl Calls {
    /// Notes a call, and whether it `bears` its id or was given one here.
    pub(super) fn made(&mut self, call: &ToolCall, bears: bool) {
        let open = self.open.entry(call.name.clone()).or_default();
        let id = call.id.clone();
        if bears {
            self.borne.insert(id.clone());
            open.with.push_back(id);
        } else {
            open.without.push_back(id);
        }
    }

    /// Returns the id of the call that a result of the tool `name` answers.
    ///
    /// Where its own `id` is no call's, that is the oldest call of that name that
    /// bears none and has no answer yet: clients such as gemini-cli make one up
    /// for such a call, and say it in the result only. A result without an id may
    /// answer any other as well.
    pub(super) fn answered(&mut self, id: Option<&str>, name: &str) -> Option<String> {
        if let Some(id) = id.filter(|id| self.borne.contains(*id)) {
            self.answered.insert(id.to_owned());
            return Some(id.to_owned());
        }
        let open = self.open.get_mut(name);
        let without = open.and_then(|open| open.without.pop_front());
        without.or_else(|| match id {
            Some(id) => Some(id.to_owned()),
            None => self.oldest(name),
        })
    }

    /// Returns the oldest call that bears an id and has no answer yet.
    fn oldest(&mut self, name: &str) -> Option<String> {
        let open = self.open.get_mut(name)?;
        while let Some(id) = open.with.pop_front() {
            if !self.answered.remove(&id) {
                return Some(id);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::dialect::{
        gemini::read::request,
        neutral::{Lost, Part},
    };

    type Ids = &'static [Option<&'static str>];

    /// The ids of the calls, and of the results, of a request that has these.
    fn ids(calls: Ids, results: Ids) -> (Vec<String>, Vec<String>) {
        let part = |kind: &str, id: &Option<&str>| {
            let mut of = json!({"name": "ls", "response": {"output": "1"}});
            if let Some(id) = id {
                of["id"] = json!(id);
            }
            json!({ kind: of })
        };
        let parts = |kind: &str, ids: &[Option<&str>]| -> Vec<Value> {
            ids.iter().map(|id| part(kind, id)).collect()
        };
        let body = json!({"contents": [
            {"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": parts("functionCall", calls)},
            {"role": "user", "parts": parts("functionResponse", results)},
        ]});
        let asked = request(body.to_string().as_bytes(), false, &mut Lost::default()).unwrap();
        let of = |at: usize| {
            let parts = asked.turns[at].parts.iter();
            let ids = parts.map(|part| match part {
                Part::ToolCall(call) => call.id.clone(),
                Part::ToolResult(result) => result.id.clone(),
                other => panic!("{other:?}"),
            });
            ids.collect()
        };
        (of(1), of(2))
    }

    #[test]
    fn a_result_whose_id_the_client_made_up_answers_the_call_without_one() {
        let cases: [(Ids, Ids, &[&str]); 8] = [
            (&[None], &[Some("ls-1")], &["call_1_0"]),
            // Two at once.
            (
                &[None, None],
                &[Some("ls-1"), Some("ls-2")],
                &["call_1_0", "call_1_1"],
            ),
            (&[None, None], &[None, None], &["call_1_0", "call_1_1"]),
            // Beside calls that bear one, in whatever order they are answered.
            (
                &[Some("a"), None],
                &[Some("a"), Some("ls-1")],
                &["a", "call_1_1"],
            ),
            (
                &[Some("a"), None],
                &[Some("ls-1"), Some("a")],
                &["call_1_1", "a"],
            ),
            (
                &[Some("a"), Some("b")],
                &[Some("b"), Some("a")],
                &["b", "a"],
            ),
            (&[Some("a"), Some("b")], &[Some("b"), None], &["b", "a"]),
            // Of no call at all.
            (
                &[None],
                &[Some("ls-1"), Some("ls-2")],
                &["call_1_0", "ls-2"],
            ),
        ];
        for (calls, results, expected) in cases {
            let (called, answered) = ids(calls, results);
            assert_eq!(answered, expected, "{calls:?} {results:?}");
            let known = answered.iter().filter(|id| called.contains(id)).count();
            assert_eq!(known, calls.len(), "{called:?} {answered:?}");
        }
    }
}
