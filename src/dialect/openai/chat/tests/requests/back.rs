//! What chat can say comes back as it was.

use proptest::prelude::*;

use super::*;

fn joined(parts: &mut Vec<Part>, between: &str) {
    let is_text = |part: &Part| matches!(part, Part::Text(_));
    let texts: Vec<_> = parts.iter().filter(|part| is_text(part)).cloned().collect();
    if texts.len() > 1 {
        let texts: Vec<_> = texts
            .into_iter()
            .map(|part| match part {
                Part::Text(text) => text,
                _ => String::new(),
            })
            .collect();
        parts.retain(|part| !is_text(part));
        parts.insert(0, text(&texts.join(between)));
    }
}

/// Takes out what chat cannot say, and puts the rest as chat puts it.
fn sayable(mut asked: Conversation) -> Conversation {
    asked.sampling.top_k = None;
    asked.shows_thoughts = None;
    joined(&mut asked.system, "\n\n");
    asked.reasoning = asked.reasoning.and_then(|reasoning| match reasoning {
        // Most models do not know the word.
        Reasoning::Adaptive | Reasoning::Off => None,
        Reasoning::Budget(tokens) => Some(Reasoning::Effort(Effort::of_budget(tokens))),
        // Nor those above it.
        Reasoning::Effort(effort) => Some(Reasoning::Effort(effort.min(Effort::High))),
    });
    if let OutputFormat::JsonSchema { name, .. } = &mut asked.format {
        name.get_or_insert("answer".to_owned());
    }
    if asked.format == OutputFormat::JsonObject {
        asked.system = vec![text("Answer in JSON.")];
    }
    for tool in &mut asked.tools {
        // No schema of the generator is closed.
        tool.strict = tool.strict.filter(|strict| !strict);
    }
    for turn in &mut asked.turns {
        let has_calls = turn
            .parts
            .iter()
            .any(|part| matches!(part, Part::ToolCall(_)));
        turn.parts.retain_mut(|part| match part {
            Part::Image(media) | Part::File(media) => said_media(media),
            Part::Thought(thought) => {
                thought.signature = None;
                has_calls && !thought.redacted
            }
            Part::ToolResult(result) => {
                result.is_error = false;
                result.content.retain(|part| matches!(part, Part::Text(_)));
                joined(&mut result.content, "\n");
                true
            }
            _ => true,
        });
        if turn.parts.is_empty() {
            turn.parts.push(text("-"));
        }
    }
    asked
}

fn said_media(media: &mut Media) -> bool {
    let is_image = match &mut media.source {
        Source::Url { url, mime } => {
            *mime = None;
            return url.ends_with(".png");
        }
        Source::Inline { mime, .. } => mime.starts_with("image"),
        // In the generator files alone have names; of an image it cannot be told.
        Source::Uploaded(_) => return false,
    };
    if !is_image {
        media.name.get_or_insert("file".to_owned());
    }
    true
}

/// Takes out what only the other variant can be told.
pub(crate) fn sayable_to(variant: Variant, asked: Conversation) -> Conversation {
    let mut asked = sayable(asked);
    match variant {
        Variant::Compatible => {
            asked = testing::with_functions_only(asked);
            asked.user = asked.end_user().map(str::to_owned);
            asked.openai = OpenAi::default();
            asked.tools = asked.callable_tools().cloned().collect();
            asked.allowed_tools.clear();
        }
        Variant::OpenAi => {
            for turn in &mut asked.turns {
                turn.parts.retain(|part| !matches!(part, Part::Thought(_)));
                for part in &mut turn.parts {
                    if let Part::ToolCall(call) = part {
                        call.signature = None;
                    }
                }
            }
            if matches!(&asked.format, OutputFormat::JsonSchema { schema, .. } if !schema.get().contains(r#""object""#))
            {
                asked.format = OutputFormat::Text;
            }
        }
    }
    asked
}

proptest! {
    #[test]
    fn there_and_back_again_loses_nothing(conversation in testing::conversation()) {
        for variant in [Variant::OpenAi, Variant::Compatible] {
            let expected = sayable_to(variant, conversation.clone());
            // By the letter: a tree would put a schema's names in another order.
            let mut lost = Lost::default();
            let body = write::request(&expected, "m", variant, &mut lost);
            let again = read::request(&body, &mut lost).unwrap();
            prop_assert!(lost.is_empty(), "{}", lost);
            prop_assert_eq!(again, expected);
        }
    }

    #[test]
    fn any_conversation_can_be_written(conversation in testing::conversation()) {
        for variant in [Variant::OpenAi, Variant::Compatible] {
            let (body, _) = written(&conversation, variant);
            prop_assume!(body["messages"] != json!([]));
            asked(&body);
        }
    }

    #[test]
    fn no_body_panics(mut body in Just(rich().to_string()), at in any::<prop::sample::Index>(), with in "[\\[\\]{}\",:0n ]{0,3}", cut in 0..30_usize) {
        let at = body.floor_char_boundary(at.index(body.len()));
        let end = body.floor_char_boundary((at + cut).min(body.len())).max(at);
        body.replace_range(at..end, &with);
        let _ = read::request(body.as_bytes(), &mut Lost::default());
    }
}
