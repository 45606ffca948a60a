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

/// Also with a model that would go on with the answer before.
#[test]
fn a_user_who_said_nothing_last_is_no_answer_to_go_on_with() {
    let mut conversation = asked(vec![text("hi")]);
    conversation
        .turns
        .push(turn(Role::Assistant, vec![text("I ")]));
    let of = |conversation: &Conversation| {
        let mut lost = Lost::default();
        let body = request(conversation, "claude-sonnet-4-5", &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let roles = body["messages"].as_array().unwrap().iter();
        let roles: Vec<_> = roles.map(|it| it["role"].as_str().unwrap()).collect();
        (roles.join(" "), lost.to_string())
    };
    let goes_on = ("user assistant".to_owned(), String::new());
    assert_eq!(of(&conversation), goes_on);
    conversation.turns.push(turn(Role::User, vec![text("  ")]));
    let named = "not carried over: silent_user".to_owned();
    assert_eq!(of(&conversation), ("user assistant user".to_owned(), named));
}

#[test]
fn ids_that_differ_in_odd_characters_stay_different() {
    let result = |id: &str| {
        Part::ToolResult(ToolResult {
            id: id.to_owned(),
            name: None,
            content: vec![text("ok")],
            is_error: false,
        })
    };
    let ids = ["c_1", "c.1", "c:1"];
    let mut conversation = asked(vec![text("hi")]);
    let calls = ids.map(|id| call(id, "{}")).into();
    conversation.turns.push(turn(Role::Assistant, calls));
    conversation
        .turns
        .push(turn(Role::User, ids.map(result).into()));
    let (body, _) = written(&conversation);
    let of = |at: usize, name: &str| {
        let blocks = body["messages"][at]["content"].as_array().unwrap().iter();
        let ids = blocks.map(|it| it[name].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let told = of(1, "id");
    assert_eq!(told, of(2, "tool_use_id"));
    assert_eq!(told[0], "c_1");
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 3, "{told:?}");
    assert!(told[1].starts_with("c_1_"), "{told:?}");
}
