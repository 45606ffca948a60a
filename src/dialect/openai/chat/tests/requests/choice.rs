//! Which tools may be called.

use super::*;

/// A request that lets three tools be called, and of those only `names`.
fn among(names: &[&str], mode: &str) -> (Conversation, String) {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let tools: Vec<_> = names.iter().map(|name| tool(name)).collect();
    // Behind the choice as well as before it.
    asked(&json!({
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}},
        "messages": [{"role": "user", "content": "hi"}], "tools": [tool("a"), tool("b"), tool("c")],
    }))
}

#[test]
fn a_set_of_tools_is_told_to_openai_and_sent_alone_to_others() {
    for (mode, choice) in [("required", ToolChoice::Any), ("auto", ToolChoice::Auto)] {
        let (conversation, lost) = among(&["a", "none", "c"], mode);
        assert_eq!(lost, "");
        assert_eq!(conversation.tool_choice, Some(choice));
        assert_eq!(conversation.allowed_tools, ["a", "c"]);
        let (body, lost) = written(&conversation, Variant::OpenAi);
        assert_eq!(lost, Lost::default());
        assert_eq!(body["tools"].as_array().unwrap().len(), 3);
        let told = &body["tool_choice"];
        assert_eq!(told["type"], "allowed_tools");
        assert_eq!(told["allowed_tools"]["mode"], mode);
        assert_eq!(
            told["allowed_tools"]["tools"][1],
            json!({"type": "function", "function": {"name": "c"}})
        );
        let (body, lost) = written(&conversation, Variant::Compatible);
        assert_eq!(lost.to_string(), "not carried over: allowed_tools");
        assert_eq!(body["tools"].as_array().unwrap().len(), 2);
        assert_eq!(body["tool_choice"], mode);
    }
}

/// Neither may all be called then, nor must any.
#[test]
fn where_no_tool_of_a_set_is_there_none_may_be_called() {
    for mode in ["required", "auto"] {
        for names in [&["none"][..], &[]] {
            let (conversation, lost) = among(names, mode);
            assert_eq!(lost, "not carried over: allowed_tools", "{mode} {names:?}");
            for variant in [Variant::OpenAi, Variant::Compatible] {
                let (body, _) = written(&conversation, variant);
                assert_eq!(body["tool_choice"], "none", "{mode} {names:?}");
            }
        }
    }
}
