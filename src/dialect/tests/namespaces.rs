//! Tools within namespaces, as Codex sends those of MCP servers, from a client
//! of responses to every provider and back.

use serde_json::{Value, json};

use super::{
    custom::{OTHERS, PATCH, asked, calling, streaming, told, translated},
    *,
};
use crate::dialect::translate::{Asked, Written, answer};

const SPACE: &str = "mcp__jira__";

/// What Codex sends, a call later. Both namespaces have a tool of one name, and
/// a function has the name that one of these would have without a namespace.
fn body() -> Value {
    let function = |name| json!({"type": "function", "name": name, "description": "Gets one.", "parameters": {"type": "object"}});
    json!({"model": "m", "input": [
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "c1", "namespace": SPACE, "name": "get_issue", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "namespace": SPACE, "name": "get_issue", "output": "x"},
        {"type": "custom_tool_call", "call_id": "c2", "namespace": "wiki", "name": "patch", "input": PATCH},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "y"}],
        "tools": [
            {"type": "namespace", "name": SPACE, "description": "All of Jira.", "tools": [function("get_issue")]},
            {"type": "namespace", "name": "wiki", "description": "", "tools": [
                function("get_issue"), {"type": "custom", "name": "patch", "description": "Edits."}]},
            function("wiki__get_issue"),
            {"type": "namespace", "name": "wiki_", "description": "Old.", "tools": [function("_get_issue")]}]})
}

/// The tools of [`body`], in their order.
const ALL: [(Option<&str>, &str); 5] = [
    (Some(SPACE), "get_issue"),
    (Some("wiki"), "get_issue"),
    (Some("wiki"), "patch"),
    (None, "wiki__get_issue"),
    (Some("wiki_"), "_get_issue"),
];

/// The tools that a provider is told of, as functions.
fn tools(body: &Value) -> Vec<&Value> {
    let all = match body.pointer("/tools/0/functionDeclarations") {
        Some(all) => all,
        None => &body["tools"],
    };
    let all = all.as_array().unwrap().iter();
    all.map(|tool| tool.get("function").unwrap_or(tool))
        .collect()
}

fn names_of(body: &Value) -> Vec<String> {
    let all = tools(body).into_iter();
    all.map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn all_tools_are_told_each_by_one_name() {
    for other in OTHERS {
        let (sent, written) = told(&asked(Api::Responses, &body()), other);
        assert!(written.lost.is_empty(), "{other:?}: {}", written.lost);
        let names = names_of(&sent);
        // The name as it was before there were namespaces, unless it is taken.
        assert_eq!(
            [&names[0], &names[2], &names[3]],
            ["mcp__jira__get_issue", "wiki__patch", "wiki__get_issue"]
        );
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), ALL.len(), "{names:?}");
        let fair = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        assert!(names.iter().all(fair), "{names:?}");
        let of = |at: usize| tools(&sent)[at]["description"].as_str().unwrap().to_owned();
        assert_eq!([of(0), of(1)], ["All of Jira.\n\nGets one.", "Gets one."]);
        assert!(of(2).starts_with("Edits.\n\n"), "{}", of(2));
        // The conversation says the same names, also of what the tools returned.
        let said = match other.0 {
            Api::ChatCompletions => &sent["messages"],
            Api::Messages => &sent["messages"],
            _ => &sent["contents"],
        };
        let said = said.to_string();
        let times = if other.0 == Api::GenerateContent {
            2
        } else {
            1
        };
        for name in [&names[0], &names[2]] {
            let quoted = format!("\"name\":\"{name}\"");
            assert_eq!(said.matches(&quoted).count(), times, "{said}");
        }
        assert!(!sent.to_string().contains("namespace"));
        assert!(!sent.to_string().contains("\\u001f"));
    }
}

#[test]
fn the_newer_models_of_openai_are_told_of_a_custom_one_as_it_is() {
    let newer = (Api::ChatCompletions, Variant::OpenAi, "gpt-5.2");
    let mut body = body();
    body["tools"][1]["description"] = json!("All of the wiki.");
    let (sent, _) = told(&asked(Api::Responses, &body), newer);
    let custom = json!({"name": "wiki__patch", "description": "All of the wiki.\n\nEdits."});
    assert_eq!(sent["tools"][2]["custom"], custom);
}

/// The item says which tool is called, with both names apart.
fn check(item: &Value, tool: (Option<&str>, &str)) {
    assert_eq!(item.get("namespace").and_then(Value::as_str), tool.0);
    assert_eq!(item["name"], tool.1);
    let (kind, said) = match tool.1 {
        "patch" => ("custom_tool_call", json!(PATCH)),
        _ => (
            "function_call",
            json!(json!({"input": PATCH}).to_string().as_str()),
        ),
    };
    assert_eq!(item["type"], kind);
    let arguments = if tool.1 == "patch" {
        "input"
    } else {
        "arguments"
    };
    if item["status"] == "completed" {
        let as_read = |it: &Value| serde_json::from_str::<Value>(it.as_str().unwrap()).ok();
        assert!(item[arguments] == said || as_read(&item[arguments]) == as_read(&said));
    }
}

#[test]
fn a_call_comes_back_with_both_names_apart() {
    for other in OTHERS {
        let (sent, written) = told(&asked(Api::Responses, &body()), other);
        for (name, tool) in names_of(&sent).iter().zip(ALL) {
            let given = calling(other.0, name).to_string();
            let given = answer(
                other.0,
                Api::Responses,
                &written.context,
                given.as_bytes(),
                "",
                9,
            );
            let given: Value = serde_json::from_slice(&given.unwrap()).unwrap();
            check(&given["output"][0], tool);
            // What was asked is repeated as it was.
            assert_eq!(given["tools"], body()["tools"]);
        }
    }
}

#[test]
fn so_does_a_streamed_one_wherever_it_is_said() {
    for other in OTHERS {
        let (sent, written) = told(&asked(Api::Responses, &body()), other);
        for (name, tool) in names_of(&sent).iter().zip(ALL) {
            let events = streaming(other.0, name, false, 3);
            let events = translated(other.0, Api::Responses, &written, &events);
            let of = |kind: &str| events.iter().find(|it| it["type"] == kind).unwrap();
            check(&of("response.output_item.added")["item"], tool);
            let done = &of("response.output_item.done")["item"];
            check(done, tool);
            assert_eq!(done["status"], "completed");
            assert_eq!(of("response.completed")["response"]["output"][0], *done);
        }
    }
}

/// What the client keeps of an answer says, asked of somebody else, the same.
#[test]
fn an_answer_is_the_history_of_the_next_request() {
    let (sent, written) = told(&asked(Api::Responses, &body()), OTHERS[2]);
    let given = calling(Api::Messages, &names_of(&sent)[4]).to_string();
    let given = answer(
        Api::Messages,
        Api::Responses,
        &written.context,
        given.as_bytes(),
        "",
        9,
    );
    let given: Value = serde_json::from_slice(&given.unwrap()).unwrap();
    let mut next = body();
    let input = next["input"].as_array_mut().unwrap();
    input.push(given["output"][0].clone());
    input.push(json!({"type": "function_call_output", "call_id": "c2", "output": "z"}));
    for other in OTHERS {
        let (sent, written) = told(&asked(Api::Responses, &next), other);
        assert!(written.lost.is_empty(), "{}", written.lost);
        let name = format!("\"name\":\"{}\"", names_of(&sent)[4]);
        let said = sent.to_string();
        assert!(said.matches(&name).count() >= 2, "{said}");
    }
}

fn choosing(choice: Value) -> (Vec<String>, Value) {
    let mut body = body();
    body["tool_choice"] = choice;
    let (sent, Written { lost, .. }) = told(&asked(Api::Responses, &body), OTHERS[1]);
    assert!(lost.is_empty(), "{lost}");
    (names_of(&sent), sent["tool_choice"].clone())
}

#[test]
fn one_or_some_of_them_can_be_chosen() {
    let name = |choice: &Value| choice["function"]["name"].as_str().unwrap().to_owned();
    for (choice, at) in [
        (json!({"type": "custom", "name": "patch"}), 2),
        (
            json!({"type": "function", "namespace": "wiki", "name": "get_issue"}),
            1,
        ),
        (json!({"type": "function", "name": "wiki__get_issue"}), 3),
        (json!({"type": "function", "name": "_get_issue"}), 4),
    ] {
        let (names, told) = choosing(choice);
        assert_eq!(name(&told), names[at]);
    }
    // Two are of this name: nobody can tell which is meant, and none is picked.
    let (names, told) = choosing(json!({"type": "function", "name": "get_issue"}));
    assert!(!names.contains(&name(&told)), "{told}");

    for (tools, of_all) in [
        (json!([{"type": "namespace", "name": "wiki"}]), vec![1, 2]),
        (
            json!([{"type": "function", "name": "get_issue"}]),
            vec![0, 1],
        ),
        (
            json!([{"type": "function", "name": "get_issue", "namespace": SPACE}, {"type": "function", "name": "wiki__get_issue"}]),
            vec![0, 3],
        ),
    ] {
        let mut body = body();
        body["tool_choice"] = json!({"type": "allowed_tools", "mode": "required", "tools": tools});
        let read = |body: &Value| {
            read_request(
                Api::Responses,
                body.to_string().as_bytes(),
                false,
                &mut Lost::default(),
            )
        };
        let asked = read(&body);
        let expected: Vec<_> = of_all
            .into_iter()
            .map(|at| asked.tools[at].name.clone())
            .collect();
        assert_eq!(asked.allowed_tools, expected);
    }
}

#[test]
fn what_cannot_be_said_of_them_is_named() {
    let mut body = body();
    body["tools"][0]["tools"][0]["defer_loading"] = json!(true);
    body["tools"][0]["colour"] = json!("red");
    body["tools"][1]["tools"][1] = json!({"type": "tool_search"});
    let (_, written) = told(&asked(Api::Responses, &body), OTHERS[2]);
    let named: Vec<_> = names(&written.lost).into_iter().collect();
    let expected = [
        "tools.defer_loading",
        "tools.namespace.colour",
        "tools.tool_search",
    ];
    assert_eq!(named, expected);
}

#[test]
fn a_wrong_one_is_refused_with_its_place() {
    for (at, value, place) in [
        ("/tools/0/name", json!(""), Some("tools[0].name")),
        ("/tools/0/name", json!("a\u{1f}b"), Some("tools[0].name")),
        ("/tools/0/tools", Value::Null, Some("tools[0].tools")),
        (
            "/tools/1/tools/1/name",
            Value::Null,
            Some("tools[1].tools[1].name"),
        ),
        (
            "/tools/0/tools/0/name",
            json!("a\u{1f}b"),
            Some("tools[0].tools[0].name"),
        ),
        ("/tools/0/tools/0/name", json!(""), None),
        ("/input/1/namespace", json!(1), Some("input[1].namespace")),
        ("/input/1/name", json!(""), None),
        // It would come back as another one.
        ("/tools/2/name", json!("a\u{1f}b"), Some("tools[2].name")),
    ] {
        let mut body = body();
        *body.pointer_mut(at).unwrap() = value;
        let peek = request::peek(&body.to_string().into(), Api::Responses).unwrap();
        let wrong = Asked::read(&peek).unwrap_err();
        assert_eq!(wrong.param.as_deref(), place, "{at}");
    }
}
