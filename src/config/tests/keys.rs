//! Every key does something: changed, it changes the configuration.

use std::{collections::BTreeSet, path::Path};

use super::*;

/// How to see one key work.
pub(super) struct Case {
    /// The key as the schema has it; `[]` stands for the items of a list.
    pub(super) key: &'static str,
    /// Where it stands in the document that [`document`] makes.
    pub(super) at: &'static str,
    pub(super) from: Value,
    pub(super) to: Value,
    /// What else has to stand in the document for the key to be allowed.
    with: Vec<(&'static str, Value)>,
}

fn case(key: &'static str, at: &'static str, from: Value, to: Value) -> Case {
    Case {
        key,
        at,
        from,
        to,
        with: Vec::new(),
    }
}

fn with(mut case: Case, at: &'static str, value: Value) -> Case {
    case.with.push((at, value));
    case
}

/// Lets the client use one model only, which has a price.
fn priced(case: Case) -> Case {
    let price = json!({ "name": "n", "price": { "input": 1, "output": 1 } });
    let case = with(case, "/endpoints/0/models/1", price);
    with(case, "/clients/0/models/0", json!("n"))
}

/// Three endpoints, one of each provider, and a client by each form of key.
pub(super) fn document() -> Value {
    json!({
        "endpoints": [
            { "name": "a", "provider": "openai", "api_key": "ka", "models": ["m", { "name": "n" }] },
            { "name": "b", "provider": "azure-openai", "base_url": "https://b.example", "api_key": "kb",
              "api_version": "2024-10-21", "models": ["m"] },
            { "name": "c", "provider": "openai-compatible", "base_url": "https://c.example/v1", "models": ["l"] },
        ],
        "models": [{ "name": "alias", "fallbacks": ["m"] }],
        "clients": [{ "name": "x", "key": "kx", "models": ["*"] }],
    })
}

/// Writes the files that cases name.
pub(super) fn files(folder: &Path) {
    for name in ["one", "two"] {
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        for (kind, text) in [
            ("pem", signed.cert.pem()),
            ("key", signed.signing_key.serialize_pem()),
            ("txt", format!("secret-{name}\n")),
        ] {
            std::fs::write(folder.join(format!("{name}.{kind}")), text).unwrap();
        }
    }
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("server.listen", "/server/listen", json!("127.0.0.1:8080"), json!("127.0.0.1:9090")),
        case("server.workers", "/server/workers", json!(0), json!(2)),
        case("server.max_body", "/server/max_body", json!("32MiB"), json!("1MiB")),
        case("server.request_timeout", "/server/request_timeout", json!("600s"), json!("10s")),
        case("server.shutdown_grace", "/server/shutdown_grace", json!("30s"), json!("0s")),
        with(case("server.tls.cert", "/server/tls/cert", json!("one.pem"), json!("two.pem")), "/server/tls/key", json!("one.key")),
        with(case("server.tls.key", "/server/tls/key", json!("one.key"), json!("two.key")), "/server/tls/cert", json!("one.pem")),
        case("server.cors[]", "/server/cors", json!(["https://a.example"]), json!(["*"])),
        case("admin.listen", "/admin/listen", json!("127.0.0.1:8081"), json!("127.0.0.1:9091")),
        case("admin.token", "/admin/token", json!("t"), json!("u")),
        case("admin.token_file", "/admin/token_file", json!("one.txt"), json!("two.txt")),
        case("endpoints[].name", "/endpoints/0/name", json!("a"), json!("z")),
        with(case("endpoints[].provider", "/endpoints/0/provider", json!("openai"), json!("openai-compatible")),
            "/endpoints/0/base_url", json!("https://a.example/v1")),
        case("endpoints[].base_url", "/endpoints/2/base_url", json!("https://c.example/v1"), json!("https://c.example/v2")),
        case("endpoints[].api_key", "/endpoints/0/api_key", json!("k"), json!("l")),
        case("endpoints[].api_key_file", "/endpoints/2/api_key_file", json!("one.txt"), json!("two.txt")),
        case("endpoints[].api_version", "/endpoints/1/api_version", json!("2024-10-21"), json!("2025-01-01")),
        case("endpoints[].responses", "/endpoints/0/responses", json!("native"), json!("chat")),
        case("endpoints[].models[]", "/endpoints/0/models/0", json!("m"), json!("m2")),
        case("endpoints[].models[].name", "/endpoints/0/models/1/name", json!("n"), json!("n2")),
        case("endpoints[].models[].upstream", "/endpoints/0/models/1/upstream", json!("u"), json!("v")),
        case("endpoints[].models[].price.input", "/endpoints/0/models/1/price", json!({ "input": 1, "output": 1 }), json!({ "input": 2, "output": 1 })),
        case("endpoints[].models[].price.output", "/endpoints/0/models/1/price", json!({ "input": 1, "output": 1 }), json!({ "input": 1, "output": 2 })),
        case("endpoints[].weight", "/endpoints/0/weight", json!(1.0), json!(0.5)),
        case("endpoints[].limits.rpm", "/endpoints/0/limits/rpm", json!(1), json!(2)),
        case("endpoints[].limits.tpm", "/endpoints/0/limits/tpm", json!(1), json!(2)),
        case("endpoints[].limits.rpd", "/endpoints/0/limits/rpd", json!(1), json!(2)),
        case("endpoints[].limits.max_in_flight", "/endpoints/0/limits/max_in_flight", json!(1), json!(2)),
        case("endpoints[].ca_file", "/endpoints/0/ca_file", json!("one.pem"), json!("two.pem")),
        with(case("models[].name", "/models/0/name", json!("alias"), json!("other")), "/models/0/fallbacks", json!(["m"])),
        case("models[].fallbacks[]", "/models/0/fallbacks/0", json!("m"), json!("n")),
        case("models[].price.input", "/models/0/price", json!({ "input": 1, "output": 1 }), json!({ "input": 2, "output": 1 })),
        case("models[].price.output", "/models/0/price", json!({ "input": 1, "output": 1 }), json!({ "input": 1, "output": 2 })),
        case("routing.strategy", "/routing/strategy", json!("latency_weighted"), json!("priority")),
        case("routing.max_attempts", "/routing/max_attempts", json!(3), json!(4)),
        case("routing.retry_budget", "/routing/retry_budget", json!(0.1), json!(0.2)),
        case("routing.backoff.base", "/routing/backoff/base", json!("1s"), json!("2s")),
        case("routing.backoff.max", "/routing/backoff/max", json!("60s"), json!("61s")),
        case("routing.connect_timeout", "/routing/connect_timeout", json!("2s"), json!("3s")),
        case("routing.first_byte_timeout", "/routing/first_byte_timeout", json!("60s"), json!("61s")),
        case("routing.idle_timeout", "/routing/idle_timeout", json!("30s"), json!("31s")),
        case("routing.queue.max_wait", "/routing/queue/max_wait", json!("10s"), json!("0s")),
        case("routing.queue.max_length", "/routing/queue/max_length", json!(1000), json!(0)),
        case("clients[].name", "/clients/0/name", json!("x"), json!("y")),
        case("clients[].key", "/clients/0/key", json!("k"), json!("l")),
        with(case("clients[].key_file", "/clients/0/key_file", json!("one.txt"), json!("two.txt")), "/clients/0/key", Value::Null),
        with(case("clients[].key_sha256", "/clients/0/key_sha256", json!("0".repeat(64)), json!("1".repeat(64))), "/clients/0/key", Value::Null),
        case("clients[].models[]", "/clients/0/models/0", json!("*"), json!("m*")),
        case("clients[].limits.rpm", "/clients/0/limits/rpm", json!(1), json!(2)),
        case("clients[].limits.tpm", "/clients/0/limits/tpm", json!(1), json!(2)),
        case("clients[].limits.rpd", "/clients/0/limits/rpd", json!(1), json!(2)),
        priced(case("clients[].budget.usd", "/clients/0/budget", json!({ "usd": 1, "per": "day" }), json!({ "usd": 0.5, "per": "day" }))),
        priced(case("clients[].budget.per", "/clients/0/budget", json!({ "usd": 1, "per": "day" }), json!({ "usd": 1, "per": "month" }))),
        priced(case("clients[].max_cost_per_request", "/clients/0/max_cost_per_request", json!(0.5), json!(0))),
        with(case("routes[].task", "/routes/0/task", json!("code"), json!("prose")), "/routes", json!([{ "models": ["m"] }])),
        with(case("routes[].priority", "/routes/0/priority", json!("fast"), json!("high")), "/routes", json!([{ "models": ["m"] }])),
        with(case("routes[].models[]", "/routes/0/models/0", json!("m"), json!("n")), "/routes", json!([{ "models": ["m"] }])),
    ];
    // The two sections that endpoints override, key by key.
    for (section, at) in [
        ["breaker.failure_threshold", "/breaker/failure_threshold"],
        ["endpoints[].breaker.failure_threshold", "/endpoints/0/breaker/failure_threshold"],
    ].map(|[key, at]| (key, at)) {
        cases.push(case(section, at, json!(5), json!(6)));
    }
    for (key, at, from, to) in [
        ("breaker.failure_rate", "/breaker/failure_rate", json!(0.5), json!(0.6)),
        ("breaker.min_requests", "/breaker/min_requests", json!(20), json!(21)),
        ("breaker.window", "/breaker/window", json!("10s"), json!("11s")),
        ("breaker.recovery_timeout", "/breaker/recovery_timeout", json!("60s"), json!("61s")),
        ("breaker.max_recovery_timeout", "/breaker/max_recovery_timeout", json!("300s"), json!("301s")),
        ("breaker.half_open_requests", "/breaker/half_open_requests", json!(3), json!(4)),
        ("breaker.trial_timeout", "/breaker/trial_timeout", json!("30s"), json!("31s")),
        ("breaker.ramp", "/breaker/ramp", json!("10s"), json!("0s")),
        ("probe.kind", "/probe/kind", json!("models"), json!("health")),
        ("probe.interval", "/probe/interval", json!("30s"), json!("31s")),
        ("probe.interval_open", "/probe/interval_open", json!("1s"), json!("2s")),
        ("probe.timeout", "/probe/timeout", json!("10s"), json!("11s")),
        ("probe.healthy_threshold", "/probe/healthy_threshold", json!(3), json!(4)),
        ("probe.unhealthy_threshold", "/probe/unhealthy_threshold", json!(3), json!(4)),
        ("probe.degraded_latency", "/probe/degraded_latency", json!("3s"), json!("4s")),
        ("probe.unhealthy_latency", "/probe/unhealthy_latency", json!("5s"), json!("6s")),
    ] {
        cases.push(case(key, at, from.clone(), to.clone()));
        let key = String::leak(format!("endpoints[].{key}"));
        let at = String::leak(format!("/endpoints/0{at}"));
        cases.push(case(key, at, from, to));
    }
    cases
}

/// Puts `value` where `at` points, making mappings on the way.
pub(super) fn put(document: &mut Value, at: &str, value: Value) {
    let mut node = document;
    for step in at.split('/').skip(1) {
        node = match step.parse::<usize>() {
            Ok(index) => &mut node[index],
            Err(_) => &mut node[step],
        };
    }
    *node = value;
}

fn compiled(folder: &Path, document: &Value) -> Config {
    let path = folder.join("breakerbox.yaml");
    std::fs::write(&path, document.to_string()).unwrap();
    let mut config =
        load(&path, &env(&[])).unwrap_or_else(|problems| panic!("{problems}\n{document:#}"));
    // The copies for display must not make a key look useful.
    for endpoint in &mut config.endpoints {
        endpoint.breaker = Default::default();
        endpoint.probe = Default::default();
    }
    config
}

pub(super) fn prepared(case: &Case, value: &Value) -> Value {
    let mut document = document();
    for (at, value) in &case.with {
        put(&mut document, at, value.clone());
    }
    put(&mut document, case.at, value.clone());
    document
}

/// Lists the keys of `schema` that take a single value, with their schemas.
pub(super) fn leaves(root: &Value) -> Vec<(String, Value)> {
    fn walk(root: &Value, schema: &Value, path: &str, out: &mut Vec<(String, Value)>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let mut target = root.pointer(&reference[1..]).unwrap().clone();
            if let Some(default) = schema.get("default") {
                target["default"] = default.clone();
            }
            return walk(root, &target, path, out);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            for choice in choices.iter().filter(|choice| choice["type"] != "null") {
                let mut choice = choice.clone();
                if let Some(default) = schema.get("default") {
                    choice["default"] = default.clone();
                }
                walk(root, &choice, path, out);
            }
        } else if let Some(properties) = schema["properties"].as_object() {
            for (key, schema) in properties {
                let path = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                walk(root, schema, &path, out);
            }
        } else if schema["items"].is_object() {
            walk(root, &schema["items"], &format!("{path}[]"), out);
        } else {
            out.push((path.to_owned(), schema.clone()));
        }
    }
    let mut out = Vec::new();
    walk(root, root, "", &mut out);
    out
}

#[test]
fn every_key_of_the_schema_has_a_case_and_every_case_a_key() {
    let schema: BTreeSet<_> = leaves(shape::schema())
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    let cases: BTreeSet<_> = cases().iter().map(|case| case.key.to_owned()).collect();
    assert_eq!(schema, cases);
    assert!(schema.len() > 70, "{}", schema.len());
}

#[test]
fn every_key_changed_changes_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    for case in cases() {
        let before = compiled(folder.path(), &prepared(&case, &case.from));
        let after = compiled(folder.path(), &prepared(&case, &case.to));
        assert_ne!(before, after, "{} does nothing", case.key);
        let again = compiled(folder.path(), &prepared(&case, &case.from));
        assert_eq!(before, again, "{} is read differently each time", case.key);
    }
}

#[test]
fn every_default_of_the_schema_is_what_a_key_left_out_means() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let leaves = leaves(shape::schema());
    let mut seen = 0;
    for case in cases() {
        let (_, schema) = leaves.iter().find(|(key, _)| key == case.key).unwrap();
        let Some(default) = schema.get("default").filter(|value| !value.is_null()) else {
            continue;
        };
        let given = compiled(folder.path(), &prepared(&case, default));
        let left_out = compiled(folder.path(), &prepared(&case, &Value::Null));
        assert_eq!(given, left_out, "{}", case.key);
        seen += 1;
    }
    assert!(seen > 45, "{seen}");
}

#[test]
fn every_key_changed_shows_in_the_diff() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    for case in cases() {
        let path = folder.path().join("breakerbox.yaml");
        let [before, after] = [&case.from, &case.to].map(|value| {
            std::fs::write(&path, prepared(&case, value).to_string()).unwrap();
            load(&path, &env(&[])).unwrap()
        });
        assert!(!diff(&before, &after).is_empty(), "{}", case.key);
        assert_eq!(diff(&before, &before), [], "{}", case.key);
    }
}

#[test]
fn every_case_obeys_the_published_schema() {
    let validator = jsonschema::validator_for(&super::super::schema()).unwrap();
    for case in cases() {
        for value in [&case.from, &case.to] {
            let document = prepared(&case, value);
            if let Err(error) = validator.validate(&document) {
                panic!("{}: {error}\n{document:#}", case.key);
            }
        }
    }
}

#[test]
fn every_key_refuses_what_is_no_value_as_the_schema_does() {
    let validator = jsonschema::validator_for(&super::super::schema()).unwrap();
    for case in cases() {
        // Whole mappings stand in for their keys in some cases.
        if case.from.is_object() {
            continue;
        }
        for wrong in [json!({ "x": 1 }), json!([[1]])] {
            let document = prepared(&case, &wrong);
            assert!(!validator.is_valid(&document), "{}", case.key);
            let Err(problems) = compile(&document.to_string()) else {
                panic!("{} accepts {wrong}", case.key);
            };
            let mut pointers = problems.list().iter().map(|problem| {
                let json = Problems::alone("", problem.clone()).to_json();
                json["problems"][0]["path"].as_str().unwrap().to_owned()
            });
            assert!(
                pointers.any(|pointer| pointer.starts_with(case.at)),
                "{}: {problems}",
                case.key
            );
        }
    }
}

#[test]
fn every_number_that_is_too_large_is_told_the_largest() {
    let leaves = leaves(shape::schema());
    let mut seen = 0;
    for case in cases() {
        let (_, schema) = leaves.iter().find(|(key, _)| key == case.key).unwrap();
        let wrong = match (&schema["type"], schema["format"].as_str()) {
            (_, Some("breakerbox-duration")) => json!("1000d"),
            (_, Some("breakerbox-size")) => json!("1000GiB"),
            (kinds, _) if kinds.to_string().contains("integer") => json!(1e12 as u64),
            (kinds, _) if kinds.to_string().contains("number") => json!(1e12),
            _ => continue,
        };
        let largest = match (&schema["maximum"], &schema["formatMaximum"]) {
            (Value::Null, Value::String(text)) => text.clone(),
            (number, _) => number.as_f64().unwrap().to_string(),
        };
        let mut document = prepared(&case, &case.from);
        let key = case.key.rsplit('.').next().unwrap();
        // Whole mappings stand in for their keys in some cases.
        match case.from.is_object() {
            true => put(&mut document, &format!("{}/{key}", case.at), wrong),
            false => put(&mut document, case.at, wrong),
        }
        let text = bad(&document.to_string());
        let told = text.lines().any(|line| {
            line.contains("= expected: a ") && line.ends_with(&format!("to {largest}"))
        });
        assert!(told, "{}: {largest} is not in\n{text}", case.key);
        seen += 1;
    }
    assert!(seen > 35, "{seen}");
}
