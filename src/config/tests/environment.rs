//! Variables, and a start without a file.

use super::*;

fn token(value: &str, variables: &[(&str, &str)]) -> Option<String> {
    let text = format!("{ENDPOINT}admin: {{ token: \"{value}\" }}");
    let config = parse(&text, "test.yaml", &env(variables)).unwrap();
    config.admin.token.map(|token| token.expose().to_owned())
}

#[test]
fn variables_are_replaced_in_each_form() {
    let set = [("A", "a"), ("EMPTY", ""), ("B_2", "b")];
    for (value, expected) in [
        ("${A}", Some("a")),
        ("x${A}y${B_2}", Some("xayb")),
        ("${A:-z}", Some("a")),
        ("${A:?no}", Some("a")),
        ("${NONE:-z}", Some("z")),
        ("${EMPTY:-z}", Some("z")),
        ("${NONE:-}", None),
        ("${EMPTY}", None),
        ("$A", Some("$A")),
        ("$${A}", Some("${A}")),
        ("$$${A}", Some("$${A}")),
        ("a$", Some("a$")),
    ] {
        assert_eq!(token(value, &set).as_deref(), expected, "{value}");
    }
}

#[test]
fn a_variable_that_cannot_be_replaced_is_refused() {
    for value in [
        "${NONE}",
        "${NONE:?}",
        "${EMPTY:?set it}",
        "${}",
        "${1A}",
        "${A-b}",
        "${A",
        "${A:-${B}}",
    ] {
        let text = format!("{ENDPOINT}admin: {{ token: \"{value}\" }}");
        let found = parse(&text, "test.yaml", &env(&[("EMPTY", ""), ("A", "a")]));
        let code = found.unwrap_err().list()[0].code();
        assert!(
            ["variable", "unset_variable"].contains(&code),
            "{value}: {code}"
        );
    }
}

#[test]
fn a_value_cannot_become_structure() {
    let nasty = "x, models: [y] }\n  evil: [";
    let text = "endpoints: [{ name: a, provider: openai-compatible, base_url: 'http://h', api_version: \"${V}\", models: [m] }]";
    let problems = parse(text, "test.yaml", &env(&[("V", nasty)])).unwrap_err();
    assert_eq!(problems.list().len(), 1);
    assert_eq!(problems.list()[0].code(), "conflict");
}

#[test]
fn keys_are_not_replaced() {
    let problems = parse("${V}: 1", "test.yaml", &env(&[("V", "server")])).unwrap_err();
    let codes: Vec<_> = problems.list().iter().map(Problem::code).collect();
    assert_eq!(codes, ["unknown_key", "missing_key"]);
}

#[test]
fn numbers_words_and_durations_may_come_from_variables() {
    let text = format!(
        "{ENDPOINT}server: {{ workers: \"${{W}}\", request_timeout: \"${{T:-5s}}\" }}\nrouting: {{ strategy: \"${{S}}\" }}"
    );
    let config = parse(&text, "test.yaml", &env(&[("W", "3"), ("S", "priority")])).unwrap();
    assert_eq!(config.server.workers, 3);
    assert_eq!(config.server.request_timeout.as_secs(), 5);
    assert_eq!(config.routing.strategy, Strategy::Priority);
}

#[test]
fn without_a_file_every_known_variable_makes_an_endpoint() {
    let set = [
        ("OPENAI_API_KEY", "ko\n"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9000/v1/"),
        ("DEEPSEEK_API_KEY", "kd"),
        ("OPENROUTER_API_KEY", "kr"),
        ("OLLAMA_HOST", "0.0.0.0"),
    ];
    let (config, said) = from_environment(&env(&set), Overrides::default()).unwrap();
    let endpoints: Vec<_> = config
        .endpoints
        .iter()
        .map(|endpoint| (&*endpoint.name, endpoint.base_url.to_string()))
        .collect();
    assert_eq!(
        endpoints,
        [
            ("openai", "http://127.0.0.1:9000/v1".to_owned()),
            ("deepseek", "https://api.deepseek.com/v1".to_owned()),
            ("openrouter", "https://openrouter.ai/api/v1".to_owned()),
            ("ollama", "http://127.0.0.1:11434/v1".to_owned()),
        ]
    );
    assert_eq!(config.endpoints[0].api_key, Some(Secret::new("ko")));
    assert_eq!(config.endpoints[3].api_key, None);
    assert_eq!(config.serving("gpt-4.1").count(), 2);
    assert_eq!(said.len(), 4);
    assert!(
        said[0].starts_with(
            "endpoint openai at http://127.0.0.1:9000/v1 from OPENAI_API_KEY: gpt-4.1, "
        )
    );
    assert!(!said.concat().contains("ko\n"));
    assert!(config.server.listen.ip().is_loopback());
}

#[test]
fn each_known_variable_serves_alone() {
    for variable in [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "DEEPSEEK_API_KEY",
        "OPENROUTER_API_KEY",
        "OLLAMA_HOST",
    ] {
        let (config, said) =
            from_environment(&env(&[(variable, "host")]), Overrides::default()).unwrap();
        assert_eq!((config.endpoints.len(), said.len()), (1, 1), "{variable}");
    }
}

#[test]
fn without_a_file_and_without_variables_there_is_nothing_to_serve() {
    for set in [
        &[][..],
        &[("OPENAI_API_KEY", " "), ("OPENAI_BASE_URL", "http://h")],
    ] {
        let text = from_environment(&env(set), Overrides::default())
            .unwrap_err()
            .to_string();
        assert!(text.starts_with("error[nothing_to_serve]: "), "{text}");
        assert!(text.contains("OPENAI_API_KEY, ANTHROPIC_API_KEY"), "{text}");
    }
}

#[test]
fn without_a_file_a_bad_variable_is_a_problem_that_hides_it() {
    let set = [
        ("OPENAI_API_KEY", "two words"),
        ("OLLAMA_HOST", "http://h:port"),
    ];
    let text = from_environment(&env(&set), Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("this secret cannot travel in a header"),
        "{text}"
    );
    assert!(text.contains("this URL has no valid port"), "{text}");
    assert!(
        !text.contains("two words") && !text.contains("h:port"),
        "{text}"
    );
}
