use super::*;

fn cleaned(api: Api, variant: Variant, body: &'static str) -> (String, String) {
    let mut lost = Lost::default();
    let out = taken_out(Bytes::from_static(body.as_bytes()), api, variant, &mut lost);
    (String::from_utf8(out.into()).unwrap(), lost.to_string())
}

/// Checks what `body` becomes, and that it is named unless nothing is lost.
fn becomes(api: Api, body: &'static str, expected: &str, lost: &str) {
    let lost = match lost {
        "" => String::new(),
        lost => format!("not carried over: {lost}"),
    };
    let (out, told) = cleaned(api, Variant::OpenAi, body);
    assert_eq!((out.as_str(), told), (expected, lost));
}

#[test]
fn chat_loses_thoughts_and_seals_and_nothing_else() {
    becomes(
        Api::ChatCompletions,
        r#"{ "x": 1.0,"messages":[ {"role":"user","content":"\u0068i"}, {"role":"assistant","reasoning_content":"hm","content":null,
            "tool_calls":[{"id":"c", "type":"function","extra_content":{"google":{"thought_signature":"s"}},"function":{"name":"f","arguments":"{ }"}}]}]}"#,
        r#"{"x":1.0,"messages":[{"role":"user","content":"\u0068i"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{ }"}}]}]}"#,
        "thought",
    );
}

#[test]
fn servers_that_think_aloud_are_told_their_thoughts() {
    let body = r#"{"messages":[{"role":"assistant","reasoning_content":"hm","content":""}]}"#;
    let (out, lost) = cleaned(Api::ChatCompletions, Variant::Compatible, body);
    assert_eq!((out.as_str(), lost.as_str()), (body, ""));
}

#[test]
fn responses_keep_openais_own_thoughts_alone() {
    becomes(
        Api::Responses,
        r#"{"include":["reasoning.encrypted_content"],"input":[
            {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAAB"},
            {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":null},
            {"type":"reasoning","id":"rs_breakerbox_msg_1_0","summary":[]},
            {"type":"item_reference","id":"rs_breakerbox_msg_1_1"}, {"id":"rs_breakerbox_msg_1_2"}, {"id":"rs_3"},
            {"type":"reasoning","summary":[],"encrypted_content":"redacted:gemini:call:c2ln"},
            {"type":"reasoning","summary":[], "encrypted_content" : "ErUB"},
            {"type":"compaction","encrypted_content":"other"}]}"#,
        concat!(
            r#"{"include":["reasoning.encrypted_content"],"input":["#,
            r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAAB"},"#,
            r#"{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":null},{"id":"rs_3"},"#,
            r#"{"type":"compaction","encrypted_content":"other"}]}"#,
        ),
        "thought",
    );
    // Who else knows responses has seals of its own.
    let body = r#"{"input":[{"type":"reasoning","encrypted_content":"sealed"},{"type":"reasoning","encrypted_content":"gemini:c2ln"}]}"#;
    let (out, _) = cleaned(Api::Responses, Variant::Compatible, body);
    assert_eq!(
        out,
        r#"{"input":[{"type":"reasoning","encrypted_content":"sealed"}]}"#
    );
}

#[test]
fn messages_keep_what_anthropic_sealed() {
    for api in [Api::Messages, Api::CountMessageTokens] {
        becomes(
            api,
            r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[
                {"type":"thinking","thinking":"a","signature":"ErUB"},
                {"type":"thinking","thinking":"b","signature" : "breakerbox:unsealed"},
                {"type":"thinking","thinking":"c","signature":"gemini:c2ln"},
                {"type":"redacted_thinking","data":"EmwK"},
                {"type":"redacted_thinking","data":"gemini:call:c2ln"},
                {"type":"text","text":"\u0068o"}]},
                {"role":"user","content":"and?"},
                {"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"breakerbox:unsealed"}]},
                {"role":"user","content":"so?"}]}"#,
            concat!(
                r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":["#,
                r#"{"type":"thinking","thinking":"a","signature":"ErUB"},"#,
                r#"{"type":"redacted_thinking","data":"EmwK"},"#,
                r#"{"type":"text","text":"\u0068o"}]},"#,
                r#"{"role":"user","content":"and?"},{"role":"user","content":"so?"}]}"#,
            ),
            "thought",
        );
    }
}

#[test]
fn calls_without_a_thought_come_back_without_thinking() {
    let calls = r#"{"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"assistant","content":[
        {"type":"tool_use","id":"call_1","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"ok"}]}]}"#;
    let (out, lost) = cleaned(Api::Messages, Variant::OpenAi, calls);
    assert!(
        out.starts_with(r#"{"messages":[{"role":"assistant","#),
        "{out}"
    );
    assert_eq!(lost, "not carried over: reasoning");
    // What is refused without thinking goes with it.
    let edited = calls.replace(
        r#""messages""#,
        r#""context_management":{"edits":[{"type":"clear_thinking_20251015"},{"type":"other"}]},"messages""#,
    );
    let (out, _) = cleaned(Api::Messages, Variant::OpenAi, edited.leak());
    assert!(
        out.starts_with(r#"{"context_management":{"edits":[{"type":"other"}]},"messages""#),
        "{out}"
    );
    // A call of Anthropic's own is no reason, whatever else was taken out.
    let own = calls.replace("call_1", "toolu_1").replace(
        r#""messages":["#,
        r#""messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"breakerbox:unsealed"},{"type":"text","text":"a"}]},{"role":"user","content":"b"},"#,
    );
    let (out, lost) = cleaned(Api::Messages, Variant::OpenAi, own.leak());
    assert!(out.starts_with(r#"{"thinking":{"type":"enabled""#), "{out}");
    assert_eq!(lost, "not carried over: thought");
}

#[test]
fn gemini_is_given_a_stand_in_for_what_it_has_not_sealed() {
    becomes(
        Api::GenerateContent,
        r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{ }},"thoughtSignature":"BreakerboxSealed"},
            {"functionCall":{"name":"g"},"thoughtSignature":"c2ln"}]}]}"#,
        concat!(
            r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{ }},"thoughtSignature":"skip_thought_signature_validator"},"#,
            r#"{"functionCall":{"name":"g"},"thoughtSignature":"c2ln"}]}]}"#
        ),
        "",
    );
    becomes(
        Api::CountContentTokens,
        r#"{"generateContentRequest":{"model":"m","contents":[{"role":"model","parts":[
            {"text":"hm","thought":true,"thought_signature":"BreakerboxSealedRXJVQg=="},
            {"text":"","thought":true,"thoughtSignature":"BreakerboxSealedRXJVQg=="},{"text":"so"}]},
            {"role":"model","parts":[{"text":"","thoughtSignature":"BreakerboxSealedRXJVQg=="}]}]}}"#,
        concat!(
            r#"{"generateContentRequest":{"model":"m","contents":[{"role":"model","parts":["#,
            r#"{"text":"hm","thought":true},{"text":"so"}]}]}}"#
        ),
        "thought",
    );
}

/// What only looks like a mark costs a look and nothing else.
#[test]
fn everything_else_stays_as_it_is() {
    let bodies = [
        (
            Api::ChatCompletions,
            r#"{ "messages":[{"role":"user","content":"\"reasoning_content\" and BreakerboxSealed","x":1.0}] }"#,
        ),
        (
            Api::ChatCompletions,
            r#"{ "metadata":{"reasoning_content":"x"}, "messages":[ ] }"#,
        ),
        (
            Api::Responses,
            r#"{ "input": [ {"type":"message","id":"rs_breakerbox_1","encrypted_content":"gemini:"},
                {"role":"user","id":"rs_breakerbox_1","content":"hi"} ] }"#,
        ),
        (Api::Responses, r#"{ "input": "redacted:" }"#),
        (
            Api::Messages,
            r#"{ "thinking":{"type":"enabled"}, "messages":[ {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1"}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"gemini: \"signature\":\"\""}]} ] }"#,
        ),
        (
            Api::Messages,
            r#"{ "messages":[ {"role":"assistant","content":[{"type":"tool_use","input":{"signature":"breakerbox:unsealed","data":"gemini:"}}]} ] }"#,
        ),
        // Servers that only resemble Anthropic seal nothing.
        (
            Api::Messages,
            r#"{ "messages":[ {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":""}]} ] }"#,
        ),
        (
            Api::GenerateContent,
            r#"{ "contents":[ {"parts":[{"text":"BreakerboxSealed"}]} ] }"#,
        ),
        (
            Api::Embeddings,
            r#"{ "input":"\"signature\":\"\"" , "encrypted_content":"x"}"#,
        ),
    ];
    for (api, body) in bodies {
        becomes(api, body, body, "");
    }
}

#[test]
fn a_body_without_marks_is_the_same_buffer() {
    for api in Api::ALL {
        let body = Bytes::from_static(br#"{"model":"m","messages":[]}"#);
        let out = taken_out(body.clone(), api, Variant::OpenAi, &mut Lost::default());
        assert_eq!(out.as_ptr(), body.as_ptr());
    }
}
