//! What a model takes, by its name.

use super::*;

#[test]
fn whether_thoughts_are_shown_is_said_where_it_is_not_so_anyway() {
    for (model, shows, said) in [
        ("claude-opus-4-6", true, Value::Null),
        ("claude-opus-4-6", false, json!("omitted")),
        ("claude-opus-4-7", true, json!("summarized")),
        ("claude-opus-4-7", false, Value::Null),
        ("m", true, json!("summarized")),
    ] {
        let mut asked = asked(vec![text("a")]);
        asked.reasoning = Some(Reasoning::Adaptive);
        asked.shows_thoughts = Some(shows);
        let body = request(&asked, model, &mut Lost::default());
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["thinking"]["display"], said, "{model} {shows}");
        // Who does not think has nothing to show.
        asked.reasoning = Some(Reasoning::Off);
        let body = request(&asked, model, &mut Lost::default());
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["thinking"], json!({"type": "disabled"}));
    }
}

#[test]
fn each_model_is_told_what_it_takes() {
    let of = |model: &str, reasoning, max_tokens| {
        let conversation = Conversation {
            sampling: Sampling {
                temperature: Some(0.5),
                top_k: Some(5),
                max_tokens,
                ..Sampling::default()
            },
            reasoning,
            ..asked(vec![text("a")])
        };
        let mut lost = Lost::default();
        let body = request(&conversation, model, &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said =
            ["max_tokens", "temperature", "top_k", "thinking"].map(|name| body[name].clone());
        (json!(said).to_string(), lost.to_string())
    };
    let high = Some(Reasoning::Effort(Effort::High));
    let budget = Some(Reasoning::Budget(2_000));
    for (model, reasoning, max, said, lost) in [
        (
            "claude-opus-4-7",
            None,
            None,
            "[16384,null,null,null]",
            "temperature, top_k",
        ),
        (
            "claude-opus-4-7",
            budget,
            None,
            r#"[17408,null,null,{"type":"adaptive"}]"#,
            "reasoning, temperature, top_k",
        ),
        ("claude-opus-4-6", None, None, "[16384,0.5,5,null]", ""),
        (
            "claude-sonnet-4-5",
            high,
            None,
            r#"[40960,null,null,{"budget_tokens":24576,"type":"enabled"}]"#,
            "temperature, top_k",
        ),
        (
            "claude-sonnet-4-5",
            high,
            Some(4_000),
            r#"[4000,null,null,{"budget_tokens":2000,"type":"enabled"}]"#,
            "temperature, top_k",
        ),
        // The least budget would leave the answer less than half.
        (
            "claude-sonnet-4-5",
            high,
            Some(1_500),
            "[1500,0.5,5,null]",
            "reasoning",
        ),
        (
            "claude-sonnet-4-5",
            high,
            Some(2_048),
            r#"[2048,null,null,{"budget_tokens":1024,"type":"enabled"}]"#,
            "temperature, top_k",
        ),
        (
            "claude-sonnet-4-5",
            high,
            Some(100),
            "[100,0.5,5,null]",
            "reasoning",
        ),
        (
            "claude-3-5-haiku-latest",
            high,
            None,
            "[8192,0.5,5,null]",
            "reasoning",
        ),
        (
            "claude-3-haiku-20240307",
            Some(Reasoning::Off),
            None,
            "[4096,0.5,5,null]",
            "",
        ),
    ] {
        let words = match lost {
            "" => String::new(),
            lost => format!("not carried over: {lost}"),
        };
        assert_eq!(
            of(model, reasoning, max),
            (said.to_owned(), words),
            "{model} {reasoning:?}"
        );
    }
}

#[test]
fn an_answer_that_is_begun_is_gone_on_with_by_models_that_do() {
    let conversation = Conversation {
        turns: vec![
            turn(Role::User, vec![text("a")]),
            turn(Role::Assistant, vec![text("{")]),
        ],
        ..Conversation::default()
    };
    for (model, turns, named) in [
        ("claude-sonnet-4-5", 2, ""),
        ("claude-opus-4-6", 3, "not carried over: silent_user"),
        ("m", 2, ""),
    ] {
        let mut lost = Lost::default();
        let body = request(&conversation, model, &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let list = body["messages"].as_array().map(Vec::len);
        assert_eq!((list, lost.to_string().as_str()), (Some(turns), named));
    }
}
