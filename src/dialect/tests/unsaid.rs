//! What is there and asks for nothing: nobody is warned of its loss.

use serde_json::{Value, json};

use super::*;

/// Requests with everything in them that is empty, off or at its default.
fn requests() -> [(Api, Value); 4] {
    let schema = json!({"type": "object", "properties": {}});
    [
        (
            Api::ChatCompletions,
            json!({"model": "m", "logit_bias": {}, "logprobs": false, "top_logprobs": 0, "metadata": {}, "store": false,
            "verbosity": "medium", "service_tier": "auto", "modalities": ["text"], "functions": [], "audio": null,
            "user": "", "web_search_options": { }, "messages": [
                {"role": "user", "name": "", "content": [
                    {"type": "text", "text": "hi", "cache_control": {}},
                    {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "auto", "x": ""}}]},
                {"role": "assistant", "content": "hello", "function_call": null, "audio": {}, "tool_calls": [
                    {"id": "c", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}", "x": []}}]},
                {"role": "tool", "tool_call_id": "c", "content": "1"}],
            "response_format": {"type": "text", "x": [ ]},
            "tools": [{"type": "function", "x": 0, "function": {"name": "f", "parameters": schema, "x": {}}}]}),
        ),
        (
            Api::Responses,
            json!({"model": "m", "store": false, "truncation": "disabled", "text": {"verbosity": "medium", "x": ""},
            "metadata": {}, "top_logprobs": 0, "service_tier": "default", "reasoning": {"context": ""}, "user": "",
            "input": [{"role": "user", "x": [], "content": [{"type": "input_text", "text": "hi", "x": {}}]}],
            "tools": [{"type": "function", "name": "f", "parameters": schema, "strict": false, "x": ""}]}),
        ),
        (
            Api::Messages,
            json!({"model": "m", "max_tokens": 9, "service_tier": "auto", "mcp_servers": [], "container": "",
            "context_management": {}, "metadata": {"user_id": "", "x": ""}, "stop_sequences": [],
            "messages": [{"role": "user", "x": 0, "content": [{"type": "text", "text": "hi", "citations": []}]}],
            "tools": [{"name": "f", "input_schema": schema, "defer_loading": false}]}),
        ),
        (
            Api::GenerateContent,
            json!({"safetySettings": [], "cachedContent": "", "labels": {},
            "contents": [{"parts": [{"text": "hi", "partMetadata": {}, "videoMetadata": null}]}],
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema, "response": {}}]}],
            "toolConfig": {"retrievalConfig": {}},
            "generationConfig": {"responseModalities": ["TEXT"], "speechConfig": {}, "responseLogprobs": false,
                "logprobs": 0, "thinkingConfig": {"includeThoughts": false}}}),
        ),
    ]
}

#[test]
fn what_asks_for_nothing_is_not_named() {
    for (api, body) in requests() {
        let mut lost = Lost::default();
        let asked = read_request(api, body.to_string().as_bytes(), false, &mut lost);
        assert_eq!(lost.to_string(), "", "{api:?}");
        assert_eq!(asked.user, None, "{api:?}");
        for to in PROVIDERS {
            let mut lost = Lost::default();
            write_request(to, &asked, "some-model", &mut lost);
            assert_eq!(lost.to_string(), "", "{api:?} to {to:?}");
        }
    }
}

/// What each provider is told at its place of the body, and what is named.
fn told(from: Api, body: &Value, places: [&str; 3]) -> Vec<(Value, String)> {
    let mut lost = Lost::default();
    let asked = read_request(from, body.to_string().as_bytes(), false, &mut lost);
    let told = PROVIDERS.into_iter().zip(places).map(|(to, place)| {
        let mut lost = lost.clone();
        let body = write_request(to, &asked, "some-model", &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let value = body.pointer(place).cloned().unwrap_or_default();
        (value, lost.to_string())
    });
    told.collect()
}

#[test]
fn thoughts_are_shown_to_who_wants_them_and_to_nobody_else() {
    let hi = json!([{"role": "user", "content": "hi"}]);
    let gemini = |config: Value| {
        json!({"contents": [{"parts": [{"text": "hi"}]}],
        "generationConfig": {"thinkingConfig": config}})
    };
    let messages = |display: &str| {
        json!({"model": "m", "max_tokens": 9_000, "messages": hi,
        "thinking": {"type": "adaptive", "display": display}})
    };
    let (to_messages, to_gemini) = (
        "/thinking/display",
        "/generationConfig/thinkingConfig/includeThoughts",
    );
    let places = ["", to_messages, to_gemini];
    let thinks = json!({"thinkingBudget": 2_000, "includeThoughts": true});
    let hides = json!({"thinkingBudget": 2_000, "includeThoughts": false});
    let summary = json!({"input": "hi", "reasoning": {"effort": "high", "summary": "auto"}});
    for (from, body, shown, included) in [
        (
            Api::GenerateContent,
            gemini(thinks),
            json!("summarized"),
            true,
        ),
        (Api::GenerateContent, gemini(hides), json!("omitted"), false),
        (
            Api::Messages,
            messages("summarized"),
            json!("summarized"),
            true,
        ),
        (Api::Messages, messages("omitted"), json!("omitted"), false),
        (Api::Responses, summary, json!("summarized"), true),
    ] {
        let told = told(from, &body, places);
        assert_eq!(told[1].0, shown, "{from:?}");
        assert_eq!(told[2].0, json!(included), "{from:?}");
        // Most servers show them, whatever is asked.
        assert_eq!(told[0].1.contains("hidden_thoughts"), !included, "{from:?}");
    }
}

#[test]
fn a_stop_text_without_letters_is_none() {
    let places = [
        "/stop",
        "/stop_sequences",
        "/generationConfig/stopSequences",
    ];
    let chat = |stop: Value| json!({"messages": [{"role": "user", "content": "hi"}], "stop": stop});
    let gemini = |stop: Value| {
        json!({"contents": [{"parts": [{"text": "hi"}]}],
        "generationConfig": {"stopSequences": stop}})
    };
    for (from, body, expected) in [
        (
            Api::ChatCompletions,
            chat(json!(["", "END"])),
            json!(["END"]),
        ),
        (Api::ChatCompletions, chat(json!("")), Value::Null),
        (
            Api::GenerateContent,
            gemini(json!(["", "END", ""])),
            json!(["END"]),
        ),
        (Api::GenerateContent, gemini(json!([""])), Value::Null),
    ] {
        for (told, lost) in told(from, &body, places) {
            assert_eq!((told, lost), (expected.clone(), String::new()), "{from:?}");
        }
    }
}

#[test]
fn a_file_at_google_is_known_to_google_only() {
    let uploads = "https://generativelanguage.googleapis.com/v1beta/files/a1";
    let elsewhere = "https://a.example/b.png";
    let places = [
        "/messages/0/content/1",
        "/messages/0/content/1",
        "/contents/0/parts/1/fileData/fileUri",
    ];
    for (uri, mime) in [
        (uploads, "image/png"),
        (uploads, "application/pdf"),
        (elsewhere, "image/png"),
    ] {
        let body = json!({"contents": [{"parts": [{"text": "hi"},
            {"fileData": {"mimeType": mime, "fileUri": uri}}]}]});
        let told = told(Api::GenerateContent, &body, places);
        for (part, lost) in &told[..2] {
            let is_told = uri == elsewhere;
            assert_eq!(part.to_string().contains(uri), is_told, "{part}");
            let named = if is_told {
                ""
            } else {
                "not carried over: uploaded_file"
            };
            assert_eq!(lost, named, "{uri} {mime}");
        }
        assert_eq!(told[2], (json!(uri), String::new()));
    }
}

#[test]
fn a_reference_is_told_how_to_be_mended() {
    for item in [
        json!({"type": "item_reference", "id": "msg_1"}),
        json!({"id": "msg_1"}),
    ] {
        let body = json!({"model": "m", "input": [{"role": "user", "content": "hi"}, item]});
        let wrong = responses::read::request(body.to_string().as_bytes(), &mut Lost::default());
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.param.as_deref(), Some("input[1].type"));
        assert!(wrong.message.contains("send the item itself"), "{wrong}");
        assert!(wrong.message.contains("`store: false`"), "{wrong}");
    }
}

/// SDKs that leave `store` alone refer to thoughts, which nobody else could open.
#[test]
fn a_reference_to_a_thought_is_a_thought_lost() {
    let wanted = [json!("hi"), json!("hi"), json!("hi")];
    let places = [
        "/messages/0/content",
        "/messages/0/content/0/text",
        "/contents/0/parts/0/text",
    ];
    for item in [
        json!({"type": "item_reference", "id": "rs_breakerbox_resp_1_0"}),
        json!({"id": "rs_breakerbox_resp_1_0"}),
        json!({"type": "item_reference", "id": "rs_0a1b"}),
    ] {
        let body = json!({"model": "m", "input": [{"role": "user", "content": "hi"}, item]});
        for (got, wanted) in told(Api::Responses, &body, places).into_iter().zip(&wanted) {
            assert_eq!(
                got,
                (wanted.clone(), "not carried over: thought".to_owned())
            );
        }
    }
}

/// What came before is not theirs to go on with, whatever the model could do.
#[test]
fn a_user_who_has_said_nothing_has_had_a_turn() {
    let turns = |said: &Value| {
        json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "I"},
            {"role": "user", "content": said}])
    };
    let dot = json!(".");
    let places = [
        "/messages/2/content",
        "/messages/2/content/0/text",
        "/contents/2/parts/0/text",
    ];
    for said in [json!(""), json!([]), json!([{"type": "text", "text": ""}])] {
        for (from, body) in [
            (
                Api::ChatCompletions,
                json!({"model": "m", "messages": turns(&said)}),
            ),
            (Api::Responses, json!({"model": "m", "input": turns(&said)})),
        ] {
            let [chat, others @ ..] = &told(from, &body, places)[..] else {
                panic!("three providers");
            };
            assert_eq!(*chat, (json!(""), String::new()), "{from:?}: {said}");
            for other in others {
                let named = "not carried over: silent_user".to_owned();
                assert_eq!(*other, (dot.clone(), named), "{from:?}: {said}");
            }
        }
    }
}

/// They are moved to the front, where nothing shows that they came last.
#[test]
fn instructions_that_come_last_ask_for_an_answer_of_its_own() {
    let turns = |role: &str| {
        json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": "I did it. "},
            {"role": role, "content": "Summarise in French"}])
    };
    let places = [
        "/messages/2/content",
        "/messages/2/content/0/text",
        "/contents/2/parts/0/text",
    ];
    let (chat, other) = (json!("Summarise in French"), json!("."));
    let named = "not carried over: silent_user, system_in_conversation".to_owned();
    let expected = [
        (chat, String::new()),
        (other.clone(), named.clone()),
        (other, named),
    ];
    for (from, body) in [
        (
            Api::ChatCompletions,
            json!({"model": "m", "messages": turns("system")}),
        ),
        (
            Api::Responses,
            json!({"model": "m", "input": turns("developer")}),
        ),
    ] {
        assert_eq!(told(from, &body, places), expected, "{from:?}");
    }
}
