use proptest::prelude::*;

use super::*;
use crate::dialect::{
    Usage,
    neutral::{
        Conversation, Delta, Effort, Lost, OutputFormat, Part, Reasoning, Role, Source, Stop,
        Thought, ToolChoice,
    },
    sse::{Event, Splitter},
};

fn read(body: &str) -> (Conversation, String) {
    let mut lost = Lost::default();
    let asked = request(body.as_bytes(), true, &mut lost).unwrap();
    (asked, lost.to_string())
}

fn text(text: &str) -> Part {
    Part::Text(text.into())
}

#[test]
fn a_request_of_gemini_cli() {
    let (asked, lost) = read(include_str!("fixtures/cli.json"));
    assert!(asked.stream);
    assert_eq!(asked.system, [text("You are an agent.")]);
    let roles: Vec<_> = asked.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    assert_eq!(asked.turns[0].parts.len(), 3);
    let Part::Image(image) = &asked.turns[0].parts[1] else {
        panic!("{:?}", asked.turns[0]);
    };
    assert!(matches!(&image.source, Source::Inline { mime, .. } if mime == "image/png"));
    assert!(matches!(&asked.turns[0].parts[2], Part::File(_)));

    // Chunks of one answer, and its calls, one of which has an id.
    let [
        Part::Thought(thought),
        said,
        Part::ToolCall(list),
        Part::ToolCall(read),
    ] = asked.turns[1].parts.as_slice()
    else {
        panic!("{:?}", asked.turns[1]);
    };
    assert_eq!(thought.text, "Let me look. Then read.");
    assert_eq!(*said, text("I will look."));
    assert_eq!((list.id.as_str(), list.name.as_str()), ("call_2_0", "list"));
    assert_eq!(list.signature.as_deref(), Some("gemini:U0VBTA=="));
    assert_eq!(list.arguments, r#"{"dir":"a b"}"#);
    assert_eq!(
        (read.id.as_str(), read.arguments.as_str()),
        ("own-id", "{}")
    );

    let results: Vec<_> = asked.turns[2]
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(it) => (it.id.as_str(), it.content.clone(), it.is_error),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        results,
        [
            ("own-id", vec![text("no such file")], true),
            ("call_2_0", vec![text("a.txt")], false),
            ("call_3_2", vec![text(r#"{"lines":[1,2]}"#)], false),
        ]
    );

    assert_eq!(asked.tools.len(), 2);
    assert_eq!(
        asked.tools[0].parameters.as_ref().unwrap().get(),
        r#"{"type":"object","properties":{"dir":{"type":"string"}}}"#
    );
    assert_eq!(asked.tool_choice, Some(ToolChoice::Named("list".into())));
    assert_eq!(asked.sampling.max_tokens, Some(100));
    assert_eq!(asked.sampling.top_k, Some(64));
    assert_eq!(asked.sampling.stop, ["END"]);
    assert_eq!(asked.reasoning, Some(Reasoning::Budget(8_192)));
    assert_eq!(
        lost,
        "not carried over: contents.parts.videoMetadata, generationConfig.mediaResolution, \
         labels, tools.googleSearch"
    );
}

#[test]
fn both_spellings_and_lists_of_one() {
    let body = r#"{"system_instruction":{"parts":{"text":"s"}},
        "contents":{"parts":[{"inline_data":{"mime_type":"image/png","data":"AA=="}},
                             {"file_data":{"file_uri":"gs://b/o.pdf"}}]},
        "tools":{"function_declarations":{"name":"f","parameters_json_schema":{"type":"object"}}},
        "tool_config":{"function_calling_config":{"mode":"any"}},
        "generation_config":{"max_output_tokens":"7","response_mime_type":"application/json",
          "thinking_config":{"thinking_level":"high"},"seed":null}}"#;
    let (asked, lost) = read(body);
    assert_eq!(lost, "");
    assert_eq!(asked.system, [text("s")]);
    assert_eq!(asked.turns[0].parts.len(), 2);
    assert_eq!(asked.tools[0].name, "f");
    assert_eq!(asked.tool_choice, Some(ToolChoice::Any));
    assert_eq!(asked.format, OutputFormat::JsonObject);
    assert_eq!(asked.reasoning, Some(Reasoning::Effort(Effort::High)));
    assert_eq!(asked.sampling.max_tokens, Some(7));
}

#[test]
fn base64_of_addresses_is_read_as_google_reads_it() {
    let body =
        r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"-_8="}}]}]}"#;
    let (asked, _) = read(body);
    let Part::Image(image) = &asked.turns[0].parts[0] else {
        panic!("{asked:?}");
    };
    let expected = Source::Inline {
        mime: "image/png".into(),
        data: "+/8=".into(),
    };
    assert_eq!(image.source, expected);
}

#[test]
fn a_thought_that_was_streamed_comes_back_with_its_seal() {
    let body = r#"{"contents":[{"role":"model","parts":[{"text":"a","thought":true},
        {"text":"b","thought":true},{"text":"","thought":true,"thoughtSignature":"AA=="},{"text":"c"}]}]}"#;
    let (asked, _) = read(body);
    let thought = Part::Thought(Thought {
        text: "ab".into(),
        signature: Some("gemini:AA==".into()),
        redacted: false,
    });
    assert_eq!(asked.turns[0].parts, [thought, text("c")]);
}

#[test]
fn how_much_to_think() {
    for (config, expected) in [
        (r#"{"thinkingBudget":0}"#, Some(Reasoning::Off)),
        (r#"{"thinkingBudget":-1}"#, Some(Reasoning::Adaptive)),
        (r#"{"includeThoughts":true}"#, Some(Reasoning::Adaptive)),
        (r#"{}"#, None),
    ] {
        let body = format!(r#"{{"contents":[],"generationConfig":{{"thinkingConfig":{config}}}}}"#);
        assert_eq!(read(&body).0.reasoning, expected, "{config}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (body, param) in [
        ("", None),
        ("[]", None),
        ("{}", Some("contents")),
        (r#"{"contents":["hi"]}"#, Some("contents[0]")),
        (
            r#"{"contents":[{},{"role":"assistant"}]}"#,
            Some("contents[1].role"),
        ),
        (
            r#"{"contents":[{"parts":[{"text":"a"},{"text":1}]}]}"#,
            Some("contents[0].parts[1]"),
        ),
        (
            r#"{"contents":[{"parts":[{"inlineData":{"data":""}}]}]}"#,
            Some("contents[0].parts[0]"),
        ),
        (
            r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"f","parameters":1}]}]}"#,
            Some("tools[0].functionDeclarations[0].parameters"),
        ),
        (
            r#"{"contents":[],"tools":[{"functionDeclarations":[{}]}]}"#,
            Some("tools[0].functionDeclarations[0].name"),
        ),
        (
            r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}"#,
            Some("toolConfig.functionCallingConfig.mode"),
        ),
        (
            r#"{"contents":[],"generationConfig":{"topK":-1}}"#,
            Some("generationConfig.topK"),
        ),
        (
            r#"{"contents":[],"generationConfig":{"temperature":"NaN"}}"#,
            Some("generationConfig.temperature"),
        ),
        (
            r#"{"contents":[],"generationConfig":{"stopSequences":[1]}}"#,
            Some("generationConfig.stopSequences"),
        ),
    ] {
        let error = request(body.as_bytes(), false, &mut Lost::default()).unwrap_err();
        assert_eq!(error.param.as_deref(), param, "{body}");
    }
}

/// Returns the deltas of the fixture, and whether each stop came only in the end.
fn deltas(stream: &str) -> Vec<Delta> {
    let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
    let block = splitter.push(&bytes::Bytes::copy_from_slice(stream.as_bytes()), &mut ends);
    let (mut events, mut out, mut from) = (Events::default(), Vec::new(), 0);
    for end in ends {
        let event = Event::parse(&block[from..end]);
        events.read(&event, &mut out).unwrap();
        from = end;
    }
    assert!(!out.iter().any(|it| matches!(it, Delta::Stop { .. })));
    events.finish(&mut out).unwrap();
    out
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let whole = reply(include_bytes!("fixtures/reply.json")).unwrap();
    let [choice] = whole.choices.as_slice() else {
        panic!("{whole:?}");
    };
    assert_eq!(choice.stop, Stop::ToolCalls);
    let usage = Usage {
        input: 82,
        output: 95,
        cached: 10,
        reasoning: 70,
        tier: None,
    };
    assert_eq!(whole.usage, Some(usage));
    assert_eq!(
        (whole.id.as_str(), whole.model.as_str()),
        ("R-1_a", "gemini-3-pro")
    );

    let deltas = deltas(include_str!("fixtures/stream.txt"));
    let (mut parts, mut last) = (Vec::new(), None);
    for delta in &deltas {
        match delta.clone() {
            Delta::Start { id, model, .. } => {
                assert_eq!((id, model), (whole.id.clone(), whole.model.clone()))
            }
            Delta::Text { text, .. } => part::join(&mut parts, Part::Text(text)),
            Delta::Thought { text, .. } => {
                let thought = crate::dialect::neutral::Thought {
                    text,
                    ..Default::default()
                };
                part::join(&mut parts, Part::Thought(thought));
            }
            Delta::Signature { signature, .. } => {
                let signature = Some(signature);
                let thought = crate::dialect::neutral::Thought {
                    signature,
                    ..Default::default()
                };
                part::join(&mut parts, Part::Thought(thought));
            }
            Delta::CallStart {
                id,
                name,
                signature,
                ..
            } => {
                let arguments = String::new();
                parts.push(Part::ToolCall(crate::dialect::neutral::ToolCall {
                    id,
                    name,
                    arguments,
                    signature,
                    custom: false,
                }));
            }
            Delta::CallArguments { piece, .. } => match parts.last_mut() {
                Some(Part::ToolCall(call)) => call.arguments.push_str(&piece),
                other => panic!("{other:?}"),
            },
            Delta::Usage(usage) => last = Some(usage),
            Delta::Stop { stop, .. } => assert_eq!(stop, choice.stop),
            Delta::Logprobs { .. } | Delta::Refusal { .. } | Delta::End => {}
        }
    }
    assert_eq!(parts, choice.parts);
    assert_eq!(last, whole.usage);
    assert_eq!(deltas.last(), Some(&Delta::End));
    let ids: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["call_R-1_a_0", "given"]);
}

#[test]
fn why_answers_end() {
    let of = |reason: &str, part: &str| {
        let body = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{part}]}},"finishReason":"{reason}"}}]}}"#
        );
        reply(body.as_bytes()).unwrap().choices.remove(0).stop
    };
    let call = r#"{"functionCall":{"name":"f"}}"#;
    assert_eq!(of("STOP", ""), Stop::End);
    assert_eq!(of("STOP", call), Stop::ToolCalls);
    assert_eq!(of("MAX_TOKENS", call), Stop::Length);
    for reason in [
        "SAFETY",
        "RECITATION",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "NEW",
    ] {
        assert_eq!(of(reason, call), Stop::Filter, "{reason}");
    }
    let blocked = reply(br#"{"promptFeedback":{"blockReason":"SAFETY"}}"#).unwrap();
    assert_eq!(blocked.choices[0].stop, Stop::Filter);
    assert!(reply(br#"{"candidates":[{"content":{"parts":[]}}]}"#).is_err());
    assert!(reply(br#"{"candidates":[]}"#).is_err());

    let mut events = Events::default();
    let mut out = Vec::new();
    let cut = Event::parse(br#"data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#);
    events.read(&cut, &mut out).unwrap();
    assert!(events.finish(&mut out).is_err());
    assert!(!out.contains(&Delta::End));
    let error = Event::parse(br#"data: {"error":{"code":500}}"#);
    assert!(events.read(&error, &mut out).is_err());
}

proptest! {
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..2_000_usize, with in any::<u8>()) {
        let mut damaged = include_bytes!("fixtures/cli.json").to_vec();
        let at = at % damaged.len();
        damaged[at] = with;
        for body in [&bytes, &damaged] {
            let _ = request(body, true, &mut Lost::default());
            let _ = reply(body);
            let _ = crate::dialect::gemini::judge::answer(body);
            let _ = crate::dialect::gemini::judge::event(body);
            let (mut events, mut out) = (Events::default(), Vec::new());
            let _ = events.read(&Event::parse(body), &mut out);
            let _ = events.finish(&mut out);
        }
    }
}

#[test]
fn a_set_of_tools_is_kept_beside_them() {
    let of = |mode: &str, only: &str| {
        let body = format!(
            r#"{{"toolConfig":{{"functionCallingConfig":{{"mode":"{mode}","allowedFunctionNames":{only}}}}},"contents":[],
            "tools":[{{"functionDeclarations":[{{"name":"a"}},{{"name":"b"}},{{"name":"c"}}]}}]}}"#
        );
        let mut lost = Lost::default();
        let asked = request(body.as_bytes(), false, &mut lost).unwrap();
        assert_eq!(asked.tools.len(), 3);
        (
            asked.allowed_tools.concat(),
            asked.tool_choice,
            lost.to_string(),
        )
    };
    let told = |only: &str, choice, lost: &str| (only.to_owned(), Some(choice), lost.to_owned());
    let two = r#"["a","c"]"#;
    assert_eq!(of("ANY", two), told("ac", ToolChoice::Any, ""));
    assert_eq!(of("VALIDATED", two), told("ac", ToolChoice::Auto, ""));
    assert_eq!(of("ANY", "[]"), told("", ToolChoice::Any, ""));
    let unknown = "not carried over: allowed_tools";
    assert_eq!(
        of("ANY", r#"["d","e"]"#),
        told("", ToolChoice::None, unknown)
    );
    let named = "not carried over: allowedFunctionNames";
    assert_eq!(of("AUTO", two), told("", ToolChoice::Auto, named));
    let one = ToolChoice::Named("b".to_owned());
    assert_eq!(of("ANY", r#"["b"]"#), told("", one, ""));
}
