use super::*;

const FILE: &str = "
endpoints:
  - { name: east, provider: openai, api_key: k, models: [big, { name: small, price: { input: 1, output: 1 } }], weight: 3 }
  - { name: west-2, provider: openai, api_key: k, models: [{ name: big, upstream: big-2 }] }
  - { name: spare, provider: openai, api_key: k, models: [{ name: small, price: { input: 1, output: 0.5 } }] }
  - { name: other, provider: openai, api_key: k, models: [huge] }
models:
  - { name: big, fallbacks: [small], price: { input: 2, output: 2 } }
  - { name: best, fallbacks: [big] }
  - { name: huge, price: { input: 9, output: 9 } }
clients:
  - { name: team, key: t, models: [\"b*\"] }
";

fn explain(text: &str, model: &str, client: Option<&str>, format: Format) -> (u8, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("breakerbox.yaml");
    std::fs::write(&file, text).unwrap();
    let explain = Explain {
        file,
        model: model.to_owned(),
        task: DEFAULT_TASK.to_owned(),
        priority: Urgency::Normal,
        client: client.map(str::to_owned),
        format,
    };
    let mut out = Vec::new();
    let code = explain.run(&|_| None, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn tiers_shares_and_those_who_are_out_are_shown() {
    let (code, text) = explain(FILE, "big", None, Format::Text);
    assert_eq!(code, 0);
    assert_eq!(
        text,
        "\
big: latency_weighted, up to 3 attempts

tier 1: big
  east     75.0 %  (weight 3, no latency known yet)
  west-2   25.0 % as big-2  (weight 1, no latency known yet)

tier 2: small (fallback)
  east     75.0 %  (weight 3, no latency known yet)
  spare    25.0 %  (weight 1, no latency known yet)

out:
  other   serves only huge
"
    );
}

#[test]
fn an_alias_starts_with_its_fallbacks() {
    let (code, text) = explain(FILE, "best", Some("team"), Format::Text);
    assert_eq!(code, 0);
    assert!(
        text.contains("tier 1: best\n  no endpoint of its own: on to the fallbacks\n"),
        "{text}"
    );
    assert!(
        text.contains("tier 2: big (fallback)\n  east     75.0 %"),
        "{text}"
    );
}

#[test]
fn shares_follow_the_strategy() {
    for (strategy, shares) in [
        ("latency_weighted", [0.75, 0.25]),
        ("least_latency", [0.75, 0.25]),
        ("priority", [1.0, 0.0]),
        ("cheapest", [0.0, 1.0]),
    ] {
        let text = format!("{FILE}routing: {{ strategy: {strategy} }}");
        let (code, text) = explain(&text, "small", None, Format::Json);
        assert_eq!(code, 0, "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        let endpoints = value["tiers"][0]["endpoints"].as_array().unwrap();
        let found: Vec<_> = endpoints
            .iter()
            .map(|endpoint| endpoint["share"].as_f64().unwrap())
            .collect();
        assert_eq!(found, shares, "{strategy}");
        assert_eq!(value["out"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn the_model_auto_follows_the_first_route_that_matches() {
    let routes = "routes:\n  - { task: code, priority: high, models: [big, huge] }\n  - { priority: normal, models: [small] }\n";
    let text = format!("{FILE}{routes}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("breakerbox.yaml");
    std::fs::write(&file, text).unwrap();
    let ask = |task: &str, priority, client: Option<&str>| {
        let explain = Explain {
            file: file.clone(),
            model: "auto".to_owned(),
            task: task.to_owned(),
            priority,
            client: client.map(str::to_owned),
            format: Format::Json,
        };
        let mut out = Vec::new();
        let code = explain.run(&|_| None, &mut out).unwrap();
        let value: Value = serde_json::from_slice(&out).unwrap();
        let tiers = value["tiers"].as_array().cloned().unwrap_or_default();
        let models = tiers
            .iter()
            .map(|tier| tier["model"].as_str().unwrap().to_owned());
        (code, models.collect::<Vec<_>>(), value["message"].clone())
    };
    // Their own fallbacks do not count: `big` has one.
    assert_eq!(ask("code", Urgency::High, None).1, ["big", "huge"]);
    assert_eq!(ask("code", Urgency::Normal, None).1, ["small"]);
    assert_eq!(ask("general", Urgency::Normal, None).1, ["small"]);
    let (code, _, message) = ask("general", Urgency::Fast, None);
    let expected = "no route takes the task general with priority fast";
    assert_eq!((code, message), (2, expected.into()));
    let (code, _, message) = ask("code", Urgency::High, Some("team"));
    let expected = "client team may not use auto: its models are b*";
    assert_eq!((code, message), (2, expected.into()));
    let (_, text) = explain(FILE, "auto", None, Format::Text);
    assert!(text.starts_with("unknown model auto"), "{text}");
}

#[test]
fn cheapest_is_what_the_router_finds_cheapest() {
    // Together the second costs more a million; for a request it costs less.
    let text = "
endpoints:
  - { name: a, provider: openai, api_key: k, models: [{ name: m, price: { input: 1.00, output: 2.00 } }] }
  - { name: b, provider: openai, api_key: k, models: [{ name: m, price: { input: 2.01, output: 1.00 } }] }
routing: { strategy: cheapest }
";
    let (_, text) = explain(text, "m", None, Format::Text);
    assert!(
        text.contains("b  100.0 %  (the lowest price for 1000 tokens in and 1024 out)"),
        "{text}"
    );
    assert!(text.contains("a    0.0 %  (dearer: "), "{text}");
}

#[test]
fn an_unknown_model_exits_with_2_and_near_names() {
    let (code, text) = explain(FILE, "smal", None, Format::Text);
    assert_eq!(code, 2);
    assert_eq!(
        text,
        "unknown model smal; did you mean small?\nknown: big, best, huge, small\n"
    );
    let (code, text) = explain(FILE, "zzz", None, Format::Json);
    assert_eq!(code, 2);
    assert!(text.contains("unknown model zzz"), "{text}");
}

#[test]
fn a_client_that_may_not_ask_exits_with_2() {
    let (code, text) = explain(FILE, "small", Some("team"), Format::Text);
    assert_eq!(
        (code, text.as_str()),
        (2, "client team may not use small: its models are b*\n")
    );
    let (code, text) = explain(FILE, "small", Some("taem"), Format::Text);
    assert_eq!(
        (code, text.as_str()),
        (2, "unknown client taem; did you mean team?\nknown: team\n")
    );
}

#[test]
fn a_bad_file_exits_with_78() {
    for format in [Format::Text, Format::Json] {
        let (code, text) = explain("endpoints: []", "m", None, format);
        assert_eq!(code, 78);
        assert!(text.contains("there is no endpoint"), "{text}");
    }
}

#[test]
fn arguments_are_read_from_a_command_line() {
    use clap::Parser;

    #[derive(Parser)]
    enum Cli {
        Explain(Explain),
        Check(crate::cli::check::Check),
        Schema(crate::cli::schema::Schema),
    }

    let parse = |line: &str| Cli::try_parse_from(line.split(' '));
    let Ok(Cli::Explain(explain)) =
        parse("breakerbox explain f.yaml --model m --client c --format json")
    else {
        panic!()
    };
    assert_eq!(
        (explain.model.as_str(), explain.client.as_deref()),
        ("m", Some("c"))
    );
    assert_eq!(explain.format, Format::Json);
    assert!(
        matches!(parse("breakerbox check f.yaml"), Ok(Cli::Check(check)) if check.format == Format::Text)
    );
    assert!(matches!(parse("breakerbox schema"), Ok(Cli::Schema(_))));
    assert!(parse("breakerbox explain f.yaml").is_err());
    assert!(parse("breakerbox check").is_err());
}
