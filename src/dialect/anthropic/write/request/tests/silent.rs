//! Users who say nothing.

use super::*;

#[test]
fn nothing_said_is_still_a_request() {
    let nothing = json!([{"role": "user", "content": [{"type": "text", "text": "."}]}]);
    let named = "not carried over: silent_user";
    // No space of any kind is a text to Anthropic.
    for said in [
        vec![],
        vec![text("")],
        vec![text(" \n")],
        vec![text("\u{a0}\u{3000}")],
    ] {
        let (body, lost) = written(&asked(said));
        assert_eq!((&body["messages"], lost.as_str()), (&nothing, named));
    }
    let spaces = turn(Role::Assistant, vec![text("a"), text("\u{a0}")]);
    let mut conversation = asked(vec![text("hi")]);
    conversation.turns.push(spaces);
    let (body, _) = written(&conversation);
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "a"}])
    );
}
