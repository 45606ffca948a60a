//! Which tools may be called.

use super::*;

#[test]
fn of_a_set_of_tools_only_those_are_sent() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let allowed = |names: &[&str]| {
        let tools: Vec<_> = names.iter().map(|name| tool(name)).collect();
        // Behind the choice as well as before it.
        let (conversation, lost) = asked(&json!({
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}},
            "messages": [{"role": "user", "content": "hi"}], "tools": [tool("a"), tool("b"), tool("c")],
        }));
        assert_eq!(conversation.tool_choice, Some(ToolChoice::Any));
        assert_eq!(lost, "not carried over: tool_choice.allowed_tools");
        conversation.tools.len()
    };
    assert_eq!(allowed(&["a", "c"]), 2);
    assert_eq!(allowed(&["none"]), 3);
}
