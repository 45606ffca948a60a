use super::*;

fn ask(choice: Choice) -> Ask {
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        schema: json!({"type": "object", "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"},
            "unit": {"enum": ["C", "F"]}, "exact": {"type": "boolean"},
        }}),
        custom: false,
    };
    Ask {
        said: "Zürich".to_owned(),
        tools: vec![tool("weather"), tool("news")],
        choice,
        ..Ask::default()
    }
}

fn names(ask: &Ask, most: usize) -> Vec<String> {
    let calls = called(ask, most);
    calls.map(|(tool, _)| tool.name.clone()).collect()
}

#[test]
fn arguments_obey_the_schema() {
    let mut ask = ask(Choice::Auto);
    let (tool, text) = called(&ask, 1).next().unwrap();
    assert_eq!(tool.name, "weather");
    let expected = json!({"city": "Zürich", "days": 7, "unit": "C", "exact": true});
    assert!(text.len() > 1);
    assert_eq!(text.concat(), expected.to_string());
    // A custom tool is given the text itself.
    ask.tools[0].custom = true;
    let (_, text) = called(&ask, 1).next().unwrap();
    assert_eq!(text.concat(), "Zürich");
}

#[test]
fn the_choice_is_obeyed() {
    let named = ask(Choice::Named("news".to_owned()));
    assert_eq!(names(&named, 2), ["news"]);
    assert_eq!(names(&ask(Choice::Any), 2), ["weather", "news"]);
    assert_eq!(names(&ask(Choice::Auto), 1), ["weather"]);
    assert!(names(&ask(Choice::None), 2).is_empty());
    assert!(names(&Ask::default(), 2).is_empty());
    let told = |choice| Ask {
        told: true,
        ..ask(choice)
    };
    assert!(names(&told(Choice::Auto), 2).is_empty());
    assert_eq!(names(&told(Choice::Any), 1), ["weather"]);
    let single = Ask {
        single: true,
        ..ask(Choice::Auto)
    };
    assert_eq!(names(&single, 2), ["weather"]);
}

#[test]
fn schemas_of_both_kinds_are_followed() {
    let schema = json!({"type": "object", "$defs": {"Node": {"type": "object", "properties": {
    "next": {"$ref": "#/$defs/Node"}, "kind": {"const": "n"}}}},
    "properties": {
        "list": {"type": "array", "minItems": 1, "items": {"type": ["number", "null"]}},
        "either": {"anyOf": [{"type": "null"}, {"type": "string"}]},
    }});
    assert_eq!(fitting(&schema, ""), json!({"list": [7], "either": null}));
    let deep = json!({"$ref": "#/$defs/Node", "$defs": schema["$defs"]});
    assert_eq!(fitting(&deep, "")["next"]["kind"], "n");
    let google = json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}});
    assert_eq!(fitting(&google, "x"), json!({"a": "x"}));
    assert_eq!(fitting(&Value::Null, "x"), json!({}));
}
