//! No secret is ever shown.

use super::*;

const SECRET: &str = "hunter2-swordfish";

fn hides(text: &str, variables: &[(&str, &str)]) {
    let Err(problems) = parse(text, "test.yaml", &env(variables)) else {
        panic!("accepted: {text}");
    };
    for shown in [
        problems.to_string(),
        problems.to_json().to_string(),
        format!("{problems:?}"),
    ] {
        let leak = ["hunter2", "swordfish"]
            .iter()
            .any(|part| shown.contains(part));
        assert!(!leak, "{shown}\n\nfrom\n{text}");
    }
}

#[test]
fn a_secret_in_the_file_is_masked_wherever_the_problem_is() {
    for text in [
        "admin: { listen: x, token: SECRET }",
        "admin: { token: 'SECRET', listen: x }",
        "admin: { listen: x, tokne: SECRET }",
        "admin: { listen: x, apikey: SECRET }",
        "endpoints: [{ api_key: SECRET, wrong: 1 }]",
        "endpoints: [{ wrong: 1, api_kye: SECRET }]",
        "endpoints: [{ wrong: 1, API-KEY: SECRET }]",
        "endpoints: [{ wrong: 1, openai_password: SECRET }]",
        "endpoints: [{ api_key: [SECRET] }]",
        "endpoints: [{ api_key: { a: SECRET } }]",
        "endpoints: [{ api_key: \"SECRET two\" }]",
        "endpoints: [{ base_url: 'https://me:SECRET@host/v1' }]",
        "endpoints: [{ base_url: 'https://SECRET@host:99999/v1' }]",
        "clients: [{ key: SECRET, wrong: 1 }]",
        "clients: [{ key_sha256: SECRET }]",
        "clients: [{ key: a, key: SECRET }]",
        "clients: [{ key: SECRET, key: SECRET }]",
        "clients: [{ wrong: 1 }] # key: SECRET",
        "x: &s SECRET\nadmin: { listen: x, token: *s }",
        "admin:\n  token: |\n    SECRET\n    and more\n  listen: x",
        "admin:\n  token: >-\n    a\n    SECRET\n  wrong: x",
        "endpoints: [{ api_key: SECRET",
        "endpoints:\n  - api_key: SECRET\n   bad",
        "admin: { token: SECRET, : : }",
        "admin: { token: SECRET ]",
        "token: \"SECRET",
        "token: 'SECRET",
        "admin: { token: ${SECRET }",
        "admin: { token: '${X:-SECRET' }",
        "admin: { listen: x, token: '${X:-SECRET}' }",
        "endpoints: [{ name: sk-proj-SECRET, name2: 1 }]",
        "server: { listen: sk-SECRET }",
        "sk-SECRET: 1",
    ] {
        hides(&text.replace("SECRET", SECRET), &[]);
    }
}

#[test]
fn the_value_of_a_variable_is_never_shown() {
    for text in [
        "server: { listen: \"${V}\" }",
        "server: { workers: \"${V}\" }",
        "server: { max_body: \"${V}\" }",
        "server: { request_timeout: \"a${V}\" }",
        "routing: { strategy: \"${V}\" }",
        "endpoints: [{ provider: \"${V}\" }]",
        "endpoints: [{ base_url: \"${V}\" }]",
        "endpoints: [{ base_url: \"ftp://${V}\" }]",
        "endpoints: [{ name: \"${V} x\" }]",
        "endpoints: [{ name: \"${V}\" }, { name: \"${V}\" }]",
        "endpoints: [{ api_key: \"${V} x\" }]",
        "endpoints: [{ api_key_file: \"${V}\" }]",
        "endpoints: [{ ca_file: \"${V}\" }]",
        "endpoints: [{ provider: azure-openai, api_version: \"${V} x\" }]",
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [\"${V}\"] }]\nmodels: [{ name: hunter3-swordfisk, fallbacks: [x, hunter1-swordfis] }]",
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]\nmodels: [{ name: m, fallbacks: [\"${V}\"] }]",
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]\nmodels: [{ name: \"${V}\" }]",
        "clients: [{ key_sha256: \"${V}\" }]",
        "endpoints: [{ name: \"${V}\", provider: openai, api_key: k, models: [\"${V}\"] }]\nclients: [{ name: c, key: k, max_cost_per_request: 1 }]",
        "endpoints: [{ name: \"${V}\", provider: openai, api_key: k, models: [{ name: \"${V}\" }] }]\nclients: [{ name: c, key: k, max_cost_per_request: 1 }]",
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]\nroutes: [{ task: \"${V} x\", models: [m] }]",
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]\nroutes: [{ task: \"${V}\", priority: \"${V}\", models: [\"${V}\"] }]",
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]\nroutes: [{ task: \"${V}\", models: [m] }, { task: \"${V}\", models: [m] }]",
        "server: { tls: { cert: \"${V}\", key: \"${V}\" } }",
    ] {
        // Names of the file's own that are near the variable's are no leak.
        let Err(problems) = parse(text, "test.yaml", &env(&[("V", SECRET)])) else {
            panic!("accepted: {text}");
        };
        let shown = format!("{problems}{}{problems:?}", problems.to_json());
        assert!(!shown.contains(SECRET), "{shown}\n\nfrom\n{text}");
    }
}

#[test]
fn the_name_of_a_variable_is_shown() {
    let text = bad("endpoints: [{ api_key: \"${OPENAI_API_KEY}\" }]");
    assert!(
        text.contains("the variable OPENAI_API_KEY is not set"),
        "{text}"
    );
    assert!(text.contains("api_key: \"${OPENAI_API_KEY}\""), "{text}");
}

#[test]
fn a_configuration_prints_without_its_secrets() {
    let text = format!(
        "admin: {{ token: {SECRET} }}\n\
         endpoints: [{{ name: a, provider: openai, api_key: {SECRET}, models: [m] }}]\n\
         clients: [{{ name: c, key: {SECRET} }}]"
    );
    let config = good(&text);
    let other = good(&text.replace(SECRET, "changed"));
    let shown = format!("{config:?}{:?}", diff(&config, &other));
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(config.admin.token.as_ref().unwrap().expose(), SECRET);
    assert_eq!(format!("{}", config.admin.token.unwrap()), "***");
}

#[test]
fn secrets_are_known_by_the_names_the_schema_gives_them() {
    for (key, schema) in keys::leaves(shape::schema()) {
        let mut names = key.trim_end_matches("[]").rsplit('.');
        let name = names.next().unwrap();
        let parent = names.next().filter(|parent| !parent.ends_with("[]"));
        assert_eq!(
            redact::names_secret(parent, name),
            schema["writeOnly"] == true,
            "{key}"
        );
    }
}

#[test]
fn ordinary_text_is_left_alone() {
    for text in [
        "claude-3-5-sonnet-20241022",
        "https://api.openai.com/v1",
        "task-oriented-model-name",
        "me@example.com",
        "sk-short",
    ] {
        assert_eq!(redact::clean(text), text);
    }
}
