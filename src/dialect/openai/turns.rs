//! A list of messages or items, gathered into turns; and the words that chat
//! and responses share.

use std::collections::{HashMap, HashSet};

use crate::dialect::{
    neutral::{
        Conversation, Detail, Effort, Feature, Json, Lost, OpenAi, Part, Reasoning, Role, Source,
        ToolChoice, ToolResult, Turn, namespace, says_nothing,
    },
    request::BadRequest,
};

use super::body::{Within, fields, flag, list, object, text, wrong};

/// The turns so far.
#[derive(Default)]
pub(super) struct Turns {
    /// Instructions ahead of all turns.
    system: Vec<Part>,
    /// The turns, oldest first.
    turns: Vec<Turn>,
    /// The tool of each call, and the place of the turn behind it, by the call's id.
    calls: HashMap<String, (String, usize)>,
    /// Results that something else stood before, by the places of their turns.
    late: HashMap<usize, Vec<Part>>,
    /// Calls of tools that no other dialect knows.
    dropped: HashSet<String>,
    /// The last call of each function, and how many there were.
    functions: HashMap<String, String>,
    called: usize,
}

impl Turns {
    /// Adds a message. Instructions ahead of everything else are the system's;
    /// a user's message right behind the results of tools is of their turn. A
    /// user who has said nothing has had a turn: no answer is to be gone on with.
    pub(super) fn add(&mut self, role: Role, mut parts: Vec<Part>) {
        if role == Role::User && parts.is_empty() {
            parts.push(Part::Text(String::new()));
        }
        for part in &parts {
            self.note(part, self.turns.len() + 1);
        }
        match (role, self.turns.last_mut()) {
            _ if parts.is_empty() => {}
            (Role::System, None) => self.system.extend(parts),
            (Role::User, Some(turn)) if has_just_results(turn) => turn.parts.extend(parts),
            _ => self.turns.push(Turn { role, parts }),
        }
    }

    /// Adds what the model said to its turn, if that is the last one.
    pub(super) fn add_to_answer(&mut self, part: Part) {
        let open = self.turns.pop_if(|turn| turn.role == Role::Assistant);
        self.note(&part, self.turns.len() + 1);
        let mut parts = open.map_or_else(Vec::new, |turn| turn.parts);
        parts.push(part);
        self.turns.push(Turn {
            role: Role::Assistant,
            parts,
        });
    }

    /// Keeps in mind where the results of a call are to be.
    fn note(&mut self, part: &Part, place: usize) {
        if let Part::ToolCall(call) = part {
            let called = (call.name.clone(), place);
            self.calls.insert(call.id.clone(), called);
        }
    }

    /// Returns an id for a call of a function, which has none.
    pub(super) fn call_of(&mut self, function: &str) -> String {
        let id = format!("call_function_{}", self.called);
        self.called += 1;
        self.functions.insert(function.to_owned(), id.clone());
        id
    }

    /// Returns the id of the last call of a function.
    pub(super) fn last_call_of(&self, function: &str) -> Option<String> {
        self.functions.get(function).cloned()
    }

    /// Leaves out a call, and with it what its tool will return: a result whose
    /// call is not there is refused.
    pub(super) fn drop_call(&mut self, id: String) {
        self.dropped.insert(id);
    }

    /// Adds what a tool returned; several in a row are one turn. It belongs right
    /// behind its call, where every provider wants it.
    pub(super) fn add_result(&mut self, id: String, content: Vec<Part>) {
        if self.dropped.contains(&id) {
            return;
        }
        let count = self.turns.len();
        let (name, place) = match self.calls.get(&id) {
            Some((name, place)) => (ToolResult::name_of_call(name), *place),
            None => (None, count),
        };
        let result = Part::ToolResult(ToolResult {
            name,
            id,
            content,
            is_error: false,
        });
        match self.turns.last_mut() {
            Some(turn) if has_just_results(turn) && place + 1 >= count => turn.parts.push(result),
            _ if place >= count => self.turns.push(Turn {
                role: Role::User,
                parts: vec![result],
            }),
            _ => self.late.entry(place).or_default().push(result),
        }
    }

    /// Returns the instructions ahead of all turns, and the turns: results before
    /// what stood between them and their calls.
    pub(super) fn in_order(mut self) -> (Vec<Part>, Vec<Turn>) {
        if self.late.is_empty() {
            return (self.system, self.turns);
        }
        let mut turns = Vec::with_capacity(self.turns.len() + self.late.len());
        for (place, mut turn) in self.turns.into_iter().enumerate() {
            let late = self.late.remove(&place).unwrap_or_default();
            if turn.role == Role::User {
                let is_result = |part: &Part| matches!(part, Part::ToolResult(_));
                let rest = turn.parts.iter().position(|part| !is_result(part));
                let rest = rest.unwrap_or(turn.parts.len());
                turn.parts.splice(rest..rest, late);
            } else if !late.is_empty() {
                turns.push(Turn {
                    role: Role::User,
                    parts: late,
                });
            }
            turns.push(turn);
        }
        (self.system, turns)
    }
}

fn has_just_results(turn: &Turn) -> bool {
    turn.role == Role::User && matches!(turn.parts.last(), Some(Part::ToolResult(_)))
}

/// Returns where `url` points; what a `data:` URL holds is inline, by its media
/// type without parameters such as `charset=utf-8`: no dialect takes them.
pub(super) fn source(mut url: String) -> Source {
    let inline = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','))
        .and_then(|(kind, _)| kind.strip_suffix(";base64"))
        .map(|kind| (kind.len(), kind.split(';').next().unwrap_or_default()))
        .map(|(length, mime)| (length, mime.trim().to_owned()));
    match inline {
        Some((length, mime)) => Source::Inline {
            data: url.split_off("data:".len() + length + ";base64,".len()),
            mime,
        },
        None => Source::Url { url, mime: None },
    }
}

/// Returns the `data:` URL of what is inline.
pub(super) fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

/// Reads how hard to think.
pub(super) fn reasoning(effort: &str) -> Result<Reasoning, BadRequest> {
    Ok(Reasoning::Effort(match effort {
        "none" => return Ok(Reasoning::Off),
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::Higher,
        "max" => Effort::Max,
        _ => {
            return Err(wrong(
                "must be one of none, minimal, low, medium, high, xhigh, max",
            ));
        }
    }))
}

/// Reads how closely to look at an image; a word that is new goes to `lost`.
pub(super) fn detail(raw: &str, lost: &mut Lost) -> Option<Detail> {
    match raw {
        r#""low""# => Some(Detail::Low),
        r#""high""# => Some(Detail::High),
        r#""auto""# => None,
        _ => {
            lost.feature(Feature::ImageDetail);
            None
        }
    }
}

/// Reads a field that asks for nothing unless it is said; tells whether it is
/// one of those that only OpenAI has and that chat and responses share.
pub(super) fn openais(of: &mut OpenAi, name: &str, raw: &str) -> Result<bool, BadRequest> {
    match name {
        "service_tier" if matches!(raw, r#""auto""# | r#""default""#) => {}
        "service_tier" => of.service_tier = Json::parse(raw),
        "store" if flag(raw)? => of.store = Json::parse(raw),
        "store" => {}
        "metadata" if says_nothing(raw) => {}
        "metadata" => of.metadata = Some(object(raw)?),
        "prompt_cache_key" => of.prompt_cache_key = Json::parse(raw),
        "safety_identifier" => of.safety_identifier = filled(text(raw)?),
        "verbosity" if raw == r#""medium""# => {}
        "verbosity" => of.verbosity = Json::parse(raw),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads a `tool_choice` that is a word.
pub(super) fn tool_choice(word: &str) -> Result<ToolChoice, BadRequest> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Any),
        _ => Err(wrong("must be auto, none, required or an object")),
    }
}

/// Reads a set of tools that may be called, `tools` and `mode` of an object. Those
/// without a name are the provider's own, which no other has.
pub(super) fn allow_only(
    asked: &mut Conversation,
    raw: &str,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let (mut names, mut must) = (Vec::new(), false);
    for (name, raw) in fields(raw)? {
        match &*name {
            "mode" => must = tool_choice(&text(raw)?).within("mode")? == ToolChoice::Any,
            "tools" => {
                for (at, raw) in list(raw).within("tools")?.into_iter().enumerate() {
                    names.extend(named(raw).at(at).within("tools")?);
                }
            }
            _ => {}
        }
    }
    let names = namespace::meant(&asked.tools, names);
    asked.allow_only(names, must, lost);
    Ok(())
}

/// Returns the name of a tool, which chat has one level deeper.
fn named(raw: &str) -> Result<Option<String>, BadRequest> {
    let (mut called, mut space) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "name" => called = Some(text(raw).within("name")?),
            "namespace" => space = Some(text(raw).within("namespace")?),
            kind @ ("function" | "custom") => return named(raw).within(kind),
            _ => {}
        }
    }
    Ok(called.map(|name| namespace::joined(space.as_deref(), &name)))
}

/// Keeps the smaller of two limits on the answer's length.
pub(super) fn lower(limit: &mut Option<u64>, other: u64) {
    *limit = Some(limit.map_or(other, |limit| limit.min(other)));
}

/// Returns `text`, unless it is empty.
pub(super) fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
