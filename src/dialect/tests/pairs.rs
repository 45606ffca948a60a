//! Requests, from every client's dialect to every provider's and back: what is
//! not named as lost is not lost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::dialect::neutral::{
    Effort, Feature, Media, OutputFormat, Part, Reasoning, Role, Source, ToolChoice,
    testing::conversation, testing::samples,
};

const MODELS: [(Api, &str); 3] = [
    (Api::ChatCompletions, "some-model"),
    (Api::Messages, "claude-opus-4-6"),
    (Api::GenerateContent, "gemini-3-pro"),
];

/// What is said, without how it is set: one line each, and by which names its
/// loss is told.
type Said = BTreeMap<&'static [&'static str], String>;

fn bare(text: &str) -> String {
    // Texts are joined with or without space between them, and a dot is what
    // Anthropic is told where the user must have spoken first.
    let is_said = |c: &char| !c.is_whitespace() && *c != '.';
    text.chars().filter(is_said).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

fn place(media: &Media) -> String {
    match &media.source {
        Source::Url { url, .. } => url.clone(),
        Source::Inline { mime, data } => format!("{mime} {data}"),
        Source::Uploaded(id) => id.clone(),
    }
}

/// A schema without what closes its objects: Anthropic is told so always.
fn opened(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|name, value| name != "additionalProperties" || *value != false);
    }
    match &mut schema {
        Value::Array(items) => items.iter_mut().for_each(|it| *it = opened(it.take())),
        Value::Object(fields) => fields.values_mut().for_each(|it| *it = opened(it.take())),
        _ => {}
    }
    schema
}

/// A schema without what says nothing: it is one of an object, without fields.
fn schema(parameters: Option<&str>) -> Value {
    let mut schema = opened(json(parameters.unwrap_or("{}")));
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("type");
        fields.retain(|name, value| name != "properties" || *value != serde_json::json!({}));
    }
    schema
}

fn effort(reasoning: Reasoning) -> String {
    let effort = match reasoning {
        Reasoning::Off => return "none".to_owned(),
        // Also the default of models that think.
        Reasoning::Adaptive => return String::new(),
        Reasoning::Effort(Effort::Minimal) => Effort::Low,
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(tokens) => Effort::of_budget(tokens),
    };
    format!("{effort:?}")
}

fn said(asked: &Conversation) -> Said {
    let mut said = Said::new();
    let mut say = |names: &'static [&'static str], what: String| {
        if !what.is_empty() {
            said.entry(names).or_default().push_str(&what);
        }
    };
    const MEDIA: &[&str] = &["image_url", "file", "uploaded_file", "tool_result_image"];
    let mut texts: Vec<(Role, String)> = Vec::new();
    for part in &asked.system {
        if let Part::Text(text) = part {
            say(&["system"], bare(text));
        }
    }
    for turn in &asked.turns {
        for part in &turn.parts {
            match part {
                Part::Text(text) | Part::Refusal(text) => match turn.role {
                    Role::System => say(&["system"], bare(text)),
                    role => match texts.last_mut() {
                        Some((last, before)) if *last == role => before.push_str(&bare(text)),
                        _ if bare(text).is_empty() => {}
                        _ => texts.push((role, bare(text))),
                    },
                },
                Part::Image(media) | Part::File(media) => {
                    say(MEDIA, place(media));
                    let detail = media.detail.map_or(String::new(), |it| format!("{it:?}"));
                    say(&["image_detail", "image_url", "uploaded_file"], detail);
                }
                Part::ToolCall(call) => {
                    let arguments = json(&call.arguments);
                    say(
                        &["calls"],
                        format!("{} {} {arguments};", call.id, call.name),
                    );
                }
                Part::ToolResult(result) => {
                    say(&["results"], format!("{}:", result.id));
                    if result.is_error {
                        say(&["tool_result_error"], format!("{};", result.id));
                    }
                    for part in &result.content {
                        match part {
                            Part::Text(text) => say(&["results"], bare(text)),
                            Part::Image(media) | Part::File(media) => say(MEDIA, place(media)),
                            other => panic!("{other:?}"),
                        }
                    }
                }
                Part::Thought(thought) => say(&["thought"], bare(&thought.text)),
            }
        }
    }
    // An answer that was but a thought is no turn everywhere.
    let mut joined: Vec<(Role, String)> = Vec::new();
    for (role, text) in texts {
        match joined.last_mut() {
            Some((last, before)) if *last == role => before.push_str(&text),
            _ => joined.push((role, text)),
        }
    }
    say(&["texts"], format!("{joined:?}"));
    for tool in &asked.tools {
        let parameters = schema(tool.parameters.as_ref().map(|it| it.get()));
        say(
            &["tools", "allowed_tools"],
            format!("{} {:?};", tool.name, tool.description),
        );
        // What an exact call cannot be held to is named as with answers.
        say(
            &["json_schema", "allowed_tools"],
            format!("{} {parameters};", tool.name),
        );
        if tool.strict == Some(true) {
            say(
                &["strict_tools", "allowed_tools"],
                format!("{};", tool.name),
            );
        }
    }
    let choice = asked
        .tool_choice
        .clone()
        .filter(|it| *it != ToolChoice::Auto);
    // One of one is that one.
    let choice = match asked.allowed_tools.as_slice() {
        [only] if choice == Some(ToolChoice::Any) => Some(ToolChoice::Named(only.clone())),
        only => {
            say(&["allowed_tools"], only.join(";"));
            choice
        }
    };
    if let Some(choice) = &choice {
        say(&["tool_choice", "allowed_tools"], format!("{choice:?}"));
    }
    if asked.parallel_tools == Some(false) && choice != Some(ToolChoice::None) {
        say(&["parallel_tool_calls"], "false".to_owned());
    }
    match &asked.format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => say(&["json_object"], "{}".to_owned()),
        OutputFormat::JsonSchema { schema, .. } => {
            say(&["json_schema"], opened(json(schema.get())).to_string());
        }
    }
    let sampling = &asked.sampling;
    let mut number = |names, value: Option<f64>, default: f64| {
        let value = value.filter(|value| *value != default);
        say(
            names,
            value.map_or(String::new(), |value| value.to_string()),
        );
    };
    number(&["temperature"], sampling.temperature, 1.0);
    number(&["top_p"], sampling.top_p, 1.0);
    number(&["presence_penalty"], sampling.presence_penalty, 0.0);
    number(&["frequency_penalty"], sampling.frequency_penalty, 0.0);
    let mut count = |names, value: Option<u64>| {
        say(
            names,
            value.map_or(String::new(), |value| value.to_string()),
        );
    };
    count(&["max_tokens"], sampling.max_tokens);
    count(&["top_k"], sampling.top_k);
    count(&["seed"], sampling.seed.map(i64::unsigned_abs));
    count(&["n"], sampling.candidates.filter(|it| *it > 1));
    count(&["logprobs"], sampling.logprobs);
    say(&["stop"], sampling.stop.join("|"));
    say(
        &["reasoning"],
        asked.reasoning.map_or(String::new(), effort),
    );
    let thinks = asked.reasoning.is_some_and(|it| it != Reasoning::Off);
    if thinks && asked.shows_thoughts == Some(false) {
        say(&["hidden_thoughts", "reasoning"], "true".to_owned());
    }
    say(&["user"], asked.end_user().unwrap_or_default().to_owned());
    say(&["stream"], asked.stream.to_string());
    said
}

/// Says `asked` in another dialect, and returns what its provider hears and
/// what the client is warned of.
fn passed(asked: &Conversation, (to, model): (Api, &str)) -> (Conversation, BTreeSet<String>) {
    let mut lost = Lost::default();
    let body = write_request(to, asked, model, &mut lost);
    (
        read_request(to, &body, asked.stream, &mut Lost::default()),
        names(&lost),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_not_named_is_not_lost(mut asked in conversation()) {
        // So that something is left wherever files are not known, and JSON is asked for in words.
        asked.turns[0].parts.push(Part::Text("hi, in JSON".to_owned()));
        for from in MODELS {
            for to in MODELS.into_iter().filter(|to| *to != from) {
                let mut heard = passed(&asked, from).0;
                for to in [to, from] {
                    let before = said(&heard);
                    let (now, named) = passed(&heard, to);
                    let after = said(&now);
                    for (names, what) in &before {
                        let is_named = names.iter().any(|name| named.contains(*name));
                        prop_assert!(
                            is_named || after.get(names) == Some(what),
                            "{from:?} {to:?} {names:?}: {what} is {:?} by {named:?}",
                            after.get(names),
                        );
                    }
                    heard = now;
                }
            }
        }
    }
}

/// Says `asked` as a client of `from` does.
fn said_by(from: Api, asked: &Conversation, lost: &mut Lost) -> Vec<u8> {
    let own = MODELS.into_iter().find(|(api, _)| *api == from);
    match (from, own) {
        (Api::Responses, _) => responses::tests::asked::request(asked),
        (Api::ChatCompletions, Some((_, own))) => {
            chat::write::request(asked, own, Variant::OpenAi, lost)
        }
        (from, own) => write_request(from, asked, own.unwrap().1, lost),
    }
}

/// Every pair, feature by feature: a client that can say a thing is told, in
/// just these words, that the provider cannot be.
#[test]
fn the_words_of_a_warning_are_the_tables() {
    for from in CLIENTS {
        for (to, model) in MODELS.into_iter().filter(|(to, _)| *to != from) {
            let mut said = 0;
            for mut sample in samples() {
                // Messages always says one.
                sample.asked.sampling.max_tokens = Some(9_000);
                let mut lost = Lost::default();
                let body = said_by(from, &sample.asked, &mut lost);
                let heard = read_request(from, &body, false, &mut lost);
                if !lost.is_empty() || heard != sample.asked {
                    continue;
                }
                said += 1;
                let mut expected = Lost::default();
                write_request(to, &sample.asked, model, &mut expected);
                let path = request::InPath {
                    model: "m".to_owned(),
                    stream: false,
                };
                let peek = match from {
                    Api::GenerateContent => request::peek_at(&body.into(), from, path),
                    _ => request::peek(&body.into(), from),
                };
                let asked = translate::Asked::read(&peek.unwrap()).unwrap();
                let told = asked.write(to, Variant::Compatible, model).lost;
                assert_eq!(
                    told.to_string(),
                    expected.to_string(),
                    "{from:?} {to:?} {}",
                    sample.what
                );
                let cannot = match to {
                    Api::ChatCompletions => chat::write::CANNOT,
                    Api::Messages => anthropic::write::CANNOT,
                    _ => gemini::write::CANNOT,
                };
                if cannot.contains(&sample.feature) && sample.what != "a temperature of 0.5" {
                    let mut words = Lost::default();
                    words.feature(sample.feature);
                    // Only what is kept has notes.
                    if sample.feature == Feature::Metadata {
                        words.feature(Feature::Store);
                    }
                    // The answer before them is not to be gone on with.
                    if sample.what == "instructions behind an answer" {
                        words.feature(Feature::SilentUser);
                    }
                    assert_eq!(told, words, "{from:?} {to:?} {}", sample.what);
                }
            }
            assert!(said >= 15, "{from:?} says {said} of them to {to:?}");
        }
    }
}
