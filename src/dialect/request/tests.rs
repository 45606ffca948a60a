use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn chat(body: &str) -> Result<Peek, BadRequest> {
    peek(
        &Bytes::copy_from_slice(body.as_bytes()),
        Api::ChatCompletions,
    )
}

fn rewritten(body: &str, model: &str) -> String {
    String::from_utf8(chat(body).unwrap().rewrite(model).to_vec()).unwrap()
}

#[test]
fn reads_what_routing_needs() {
    let peek = chat(
        r#" {"messages":[{"role":"user","content":"𝄞 \ud834\udd1e"}],"model":"gpt-4.1",
        "max_tokens":5,"max_completion_tokens":70,"n":3,"stream":true,
        "stream_options":{"include_usage":true}} "#,
    )
    .unwrap();
    assert_eq!(peek.model, "gpt-4.1");
    assert_eq!(peek.max_output_tokens, Some(70));
    assert_eq!(peek.n, 3);
    assert!(peek.stream && peek.include_usage);

    let peek = chat(r#"{"model":"m","stream":null,"max_tokens":-1,"n":0}"#).unwrap();
    assert_eq!(
        (peek.stream, peek.max_output_tokens, peek.n),
        (false, None, 1)
    );
    let body = Bytes::from_static(br#"{"model":"m","max_output_tokens":9}"#);
    let peek = super::peek(&body, Api::Responses).unwrap();
    assert_eq!(peek.max_output_tokens, Some(9));
}

#[test]
fn resolves_escapes_in_names_and_in_the_model() {
    let body = r#"{"mod\u0065l":"a\/b \u00e9\ud834\udd1e"}"#;
    assert_eq!(chat(body).unwrap().model, "a/b é𝄞");
    assert_eq!(rewritten(body, "x\"y"), r#"{"mod\u0065l":"x\"y"}"#);
}

#[test]
fn what_does_not_change_is_not_copied() {
    let body = Bytes::from_static(br#"{ "model" : "m", "x": 1.50 }"#);
    let same = peek(&body, Api::ChatCompletions).unwrap().rewrite("m");
    assert_eq!(same.as_ptr(), body.as_ptr());
    assert_eq!(same, body);
}

#[test]
fn changes_the_model_and_nothing_else() {
    assert_eq!(
        rewritten("{ \"a\":1e5,\"model\" : \"m\"  ,\"b\":[1.0 ,2]}\n", "up"),
        "{ \"a\":1e5,\"model\" : \"up\"  ,\"b\":[1.0 ,2]}\n",
    );
}

#[test]
fn asks_a_stream_for_its_usage_in_every_place_it_can_stand() {
    let cases = [
        (
            r#" {"model":"m","stream":true}"#,
            r#" {"stream_options":{"include_usage":true},"model":"m","stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null,"model":"m"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"m"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{ },"model":"m"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true },"model":"m"}"#,
        ),
        (
            r#"{"stream":true,"model":"m","stream_options":{"x":1}}"#,
            r#"{"stream":true,"model":"m","stream_options":{"include_usage":true,"x":1}}"#,
        ),
        (
            r#"{"stream":true,"model":"m","stream_options":{"x":1,"include_usage":false}}"#,
            r#"{"stream":true,"model":"m","stream_options":{"x":1,"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"model":"m","stream_options":{"include_usage":null}}"#,
            r#"{"stream":true,"model":"m","stream_options":{"include_usage":true}}"#,
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(rewritten(body, "m"), expected);
        assert_eq!(rewritten(body, "up"), expected.replace("\"m\"", "\"up\""));
        assert!(!chat(body).unwrap().include_usage);
    }
    let asked = r#"{"stream":true,"model":"m","stream_options":{"include_usage":true}}"#;
    assert_eq!(rewritten(asked, "m"), asked);
}

#[test]
fn asks_for_usage_only_where_a_stream_must_be_asked() {
    let body = Bytes::from_static(br#"{"model":"m","stream":true}"#);
    for api in Api::ALL
        .into_iter()
        .filter(|api| api.dialect() == Dialect::OpenAi)
    {
        let peek = peek(&body, api).unwrap();
        let asks = matches!(api, Api::ChatCompletions | Api::Completions);
        assert_eq!(peek.rewrite("m") != body, asks, "{api:?}");
        assert_eq!(peek.stream, api != Api::Embeddings, "{api:?}");
    }
}

#[test]
fn refuses_what_no_provider_would_accept_and_names_the_field() {
    let deep = |n: usize| {
        format!(
            r#"{{"model":"m","messages":{}{}}}"#,
            "[".repeat(n),
            "]".repeat(n)
        )
    };
    let cases: Vec<(String, Option<&str>)> = vec![
        (String::new(), None),
        (" \n".into(), None),
        ("[]".into(), None),
        ("\"model\"".into(), None),
        ("<html>".into(), None),
        ("{".into(), None),
        (r#"{"model":"m"} {}"#.into(), None),
        (r#"{"model":"m"}x"#.into(), None),
        (r#"{"model":"m",}"#.into(), None),
        (r#"{"\ud800":1,"model":"m"}"#.into(), None),
        ("{}".into(), Some("model")),
        (r#"{"model":null}"#.into(), Some("model")),
        (r#"{"model":5}"#.into(), Some("model")),
        (r#"{"model":""}"#.into(), Some("model")),
        (r#"{"model":"\ud800"}"#.into(), Some("model")),
        (r#"{"model":"a","model":"b"}"#.into(), Some("model")),
        (r#"{"model":"a","mod\u0065l":"a"}"#.into(), Some("model")),
        (
            r#"{"model":"m","stream":true,"stream":false}"#.into(),
            Some("stream"),
        ),
        (r#"{"model":"m","stream":"yes"}"#.into(), Some("stream")),
        (
            r#"{"model":"m","stream_options":7}"#.into(),
            Some("stream_options"),
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage":1}}"#.into(),
            Some("stream_options"),
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage":true,"include_usage":false}}"#.into(),
            Some("stream_options"),
        ),
        (
            r#"{"model":"m","temperature":1e999}"#.into(),
            Some("temperature"),
        ),
        (r#"{"model":"m","n":1e999}"#.into(), Some("n")),
        (
            r#"{"model":"m","messages":[{"content":"\udc00"}]}"#.into(),
            Some("messages"),
        ),
        (
            r#"{"model":"m","messages":[{"content":"\ud800x"}]}"#.into(),
            Some("messages"),
        ),
        (deep(10_000), Some("messages")),
        (deep(1_000_000), Some("messages")),
        (
            format!(r#"{{"model":{}"#, "[".repeat(1_000_000)),
            Some("model"),
        ),
        (
            format!(
                r#"{{"model":"m","n":{}{}}}"#,
                "[".repeat(10_000),
                "]".repeat(10_000)
            ),
            Some("n"),
        ),
        ("{\"a\":".repeat(10_000), Some("a")),
    ];
    for (body, param) in cases {
        let start: String = body.chars().take(60).collect();
        let refused = chat(&body).expect_err(&start);
        assert_eq!(refused.param.as_deref(), param, "{start}: {refused}");
        assert!(refused.message.len() < 200, "{start}: {refused}");
    }
    let invalid = Bytes::from_static(b"{\"model\":\"m\",\"user\":\"\xff\"}");
    let refused = peek(&invalid, Api::Responses).unwrap_err();
    assert!(refused.message.contains("UTF-8"));
    let long = format!(r#"{{"{}":1e999}}"#, "é".repeat(1_000));
    assert!(chat(&long).unwrap_err().param.unwrap().len() <= MAX_PARAM);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!({"include_usage": true})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z_\"\\\\é]{0,6}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn options() -> impl Strategy<Value = Option<Value>> {
    let asked = prop_oneof![Just(json!(null)), Just(json!(true)), Just(json!(false))];
    prop::option::of(prop_oneof![
        Just(Value::Null),
        (prop::option::of(asked), prop::option::of(value())).prop_map(|(asked, other)| {
            let fields = [("include_usage", asked), ("other", other)];
            fields
                .into_iter()
                .filter_map(|(k, v)| Some((k.to_owned(), v?)))
                .collect::<Map<_, _>>()
                .into()
        }),
    ])
}

proptest! {
    #[test]
    fn a_rewritten_body_differs_in_model_and_usage_only(
        others in prop::collection::btree_map("x[a-z]{1,5}", value(), 0..4),
        model in "\\PC{1,10}",
        upstream in "\\PC{1,10}",
        options in options(),
        stream in any::<bool>(),
        pretty in any::<bool>(),
        turn in 0_usize..8,
    ) {
        let mut fields: Vec<(String, Value)> = others.into_iter().collect();
        fields.push(("model".into(), model.clone().into()));
        fields.push(("stream".into(), stream.into()));
        if let Some(options) = &options {
            fields.push(("stream_options".into(), options.clone()));
        }
        let turn = turn % fields.len();
        fields.rotate_left(turn);
        let parts: Vec<String> = fields.iter().map(|(name, value)| {
            let value = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
            format!("{:?}: {}", name, value.unwrap())
        }).collect();
        let body = format!(" {{ {} }}\n", parts.join(" ,"));
        let peek = chat(&body).unwrap();
        prop_assert_eq!(&peek.model, &model);
        let after = peek.rewrite(&upstream);
        let mut expected: Value = serde_json::from_str(&body).unwrap();
        expected["model"] = upstream.into();
        if stream {
            if !expected["stream_options"].is_object() {
                expected["stream_options"] = json!({});
            }
            expected["stream_options"]["include_usage"] = json!(true);
        }
        prop_assert_eq!(serde_json::from_slice::<Value>(&after).unwrap(), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = peek(&Bytes::from(body), Api::Responses);
    }

    #[test]
    fn no_damage_to_a_body_makes_it_panic_or_lie(at in 0_usize..90, byte in any::<u8>()) {
        let mut body = br#"{"model":"m\u00e9","stream":true,"stream_options":{"include_usage":false},"n":2,"x":[1]}"#.to_vec();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(peek) = peek(&Bytes::from(body.clone()), Api::ChatCompletions) {
            prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
            let after: Value = serde_json::from_slice(&peek.rewrite("up")).unwrap();
            prop_assert_eq!(&after["model"], "up");
        }
    }
}

#[test]
fn the_path_of_a_gemini_call_names_its_model() {
    let body = Bytes::from_static(
        br#"{"model":"other","contents":[],"generation_config":{"maxOutputTokens":50,"candidate_count":2}}"#,
    );
    let path = InPath {
        model: "gemini-2.5-flash".to_owned(),
        stream: true,
    };
    let peek = peek_at(&body, Api::GenerateContent, path.clone()).unwrap();
    assert_eq!(peek.model, "gemini-2.5-flash");
    assert_eq!((peek.max_output_tokens, peek.n), (Some(50), 2));
    assert!(peek.stream);
    assert_eq!(
        peek.rewrite("anything"),
        body,
        "another is not ours to mend"
    );
    let body = br#"{"contents":[],"model":"models/gemini-2.5-flash"}"#;
    let peek = peek_at(
        &Bytes::from_static(body),
        Api::GenerateContent,
        path.clone(),
    )
    .unwrap();
    assert_eq!(peek.rewrite("gemini-2.5-flash"), &body[..]);
    let other = br#"{"contents":[],"model":"models/gemini-3-pro"}"#;
    assert_eq!(peek.rewrite("gemini-3-pro"), &other[..]);
    for name in ["generateContentRequest", "generate_content_request"] {
        let asked = |model: &str| {
            format!(r#"{{"{name}":{{"contents":[],"model" : "{model}"}}}}"#).into_bytes()
        };
        let body = Bytes::from(asked("models/gemini-2.5-flash"));
        let peek = peek_at(&body, Api::CountContentTokens, path.clone()).unwrap();
        assert_eq!(peek.rewrite("gemini-2.5-flash"), body);
        assert_eq!(peek.rewrite("tunedModels/m"), asked("tunedModels/m"));
    }
    let body = Bytes::from_static(br#"{"generateContentRequest":[7],"model":null}"#);
    let peek = peek_at(&body, Api::CountContentTokens, path.clone()).unwrap();
    assert_eq!(peek.rewrite("m"), body, "for the provider to judge");
    let body = Bytes::from_static(br#"{"contents":[]}"#);
    assert!(
        !peek_at(&body, Api::CountContentTokens, path.clone())
            .unwrap()
            .stream
    );
    let wrong = Bytes::from_static(br#"{"generationConfig":7}"#);
    let error = peek_at(&wrong, Api::GenerateContent, path).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("generationConfig"));
}

#[test]
fn messages_name_their_model_in_the_body_and_need_no_asking_for_usage() {
    let body =
        Bytes::from_static(br#"{"model":"claude","max_tokens":9,"stream":true,"messages":[]}"#);
    let peek = peek(&body, Api::Messages).unwrap();
    assert_eq!(peek.max_output_tokens, Some(9));
    assert_eq!(
        peek.rewrite("claude-x"),
        br#"{"model":"claude-x","max_tokens":9,"stream":true,"messages":[]}"#.as_slice()
    );
}
