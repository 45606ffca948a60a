//! Which tools may be called.

use super::*;

/// A request that lets three tools be called, and of those only `names`.
fn among(names: &[&str], mode: &str) -> Conversation {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let tools: Vec<_> = names.iter().map(|name| tool(name)).collect();
    // Behind the choice as well as before it.
    let (conversation, lost) = asked(&json!({
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}},
        "messages": [{"role": "user", "content": "hi"}], "tools": [tool("a"), tool("b"), tool("c")],
    }));
    assert_eq!(lost, "");
    conversation
}

#[test]
fn a_set_of_tools_is_told_to_openai_and_sent_alone_to_others() {
    for (mode, choice) in [("required", ToolChoice::Any), ("auto", ToolChoice::Auto)] {
        let conversation = among(&["a", "none", "c"], mode);
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
    // A set of tools that are not there is none.
    assert_eq!(among(&["none"], "auto").callable_tools().count(), 3);
}
