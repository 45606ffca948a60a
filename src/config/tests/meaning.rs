//! What a good file comes to mean.

use sha2::{Digest, Sha256};

use super::*;

#[test]
fn the_least_that_serves_has_a_default_for_everything() {
    let config = good(ENDPOINT);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.server.max_body, 32 << 20);
    assert_eq!(config.routing.retry_budget.get(), 0.1);
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.base_url.to_string(), "https://api.openai.com/v1");
    assert_eq!(endpoint.models[0].upstream, endpoint.models[0].name);
    assert_eq!(endpoint.policy.weight.get(), 1.0);
    assert!(config.clients.is_empty());
}

#[test]
fn names_that_look_like_numbers_stay_text() {
    let config = good(
        "endpoints: [{ name: 1.0, provider: openai, api_key: 123, models: [4.10, yes, 007] }]",
    );
    let names: Vec<_> = config.models.iter().map(|model| &*model.name).collect();
    assert_eq!(names, ["4.10", "yes", "007"]);
    assert_eq!(&*config.endpoints[0].name, "1.0");
    assert_eq!(config.endpoints[0].api_key, Some(Secret::new("123")));
}

#[test]
fn endpoints_override_sections_key_by_key() {
    let config = good(
        "
breaker: { failure_threshold: 7, min_requests: 9 }
probe: { kind: health, interval: 40s }
endpoints:
  - { name: a, provider: openai, api_key: k, models: [m] }
  - { name: b, provider: openai, api_key: k, models: [m], breaker: { failure_threshold: 2 }, probe: { kind: none } }
",
    );
    let [a, b] = &config.endpoints[..] else {
        panic!()
    };
    assert_eq!(
        (a.breaker.failure_threshold, a.breaker.min_requests),
        (7, 9)
    );
    assert_eq!(
        (b.breaker.failure_threshold, b.breaker.min_requests),
        (2, 9)
    );
    assert_eq!((a.probe_kind, a.probe.enabled), (ProbeKind::Health, true));
    assert_eq!((b.probe_kind, b.probe.enabled), (ProbeKind::None, false));
    assert_eq!(b.probe.interval.as_secs(), 40);
}

#[test]
fn a_section_refused_once_is_not_refused_again_for_each_endpoint() {
    let text =
        format!("{ENDPOINT}breaker: {{ recovery_timeout: 10m }}\nprobe: {{ interval: 500ms }}");
    assert!(bad(&text).ends_with("test.yaml: 2 problems"));
}

#[test]
fn base_urls_are_taken_apart() {
    for (text, tls, host, port, path, shown) in [
        (
            "https://h.example/v1/",
            true,
            "h.example",
            443,
            "/v1",
            "https://h.example/v1",
        ),
        (
            "http://H.example",
            false,
            "h.example",
            80,
            "",
            "http://h.example",
        ),
        ("https://h:8443", true, "h", 8443, "", "https://h:8443"),
        (
            "http://[::1]:9000/a/b",
            false,
            "::1",
            9000,
            "/a/b",
            "http://[::1]:9000/a/b",
        ),
        ("http://[::1]", false, "::1", 80, "", "http://[::1]"),
        ("HTTPS://h", true, "h", 443, "", "https://h"),
    ] {
        let config = good(&format!(
            "endpoints: [{{ name: a, provider: openai-compatible, base_url: '{text}', models: [m] }}]"
        ));
        let url = &config.endpoints[0].base_url;
        assert_eq!(
            (url.tls, &*url.host, url.port, &*url.path),
            (tls, host, port, path),
            "{text}"
        );
        assert_eq!(url.to_string(), shown);
    }
}

#[test]
fn base_urls_that_cannot_be_called_are_refused() {
    for text in [
        "h",
        "/v1",
        "//h/v1",
        "ftp://h",
        "https://",
        "https:///v1",
        "https://h:0",
        "https://h:65536",
        "https://h:x",
        "https://h?a=b",
        "https://h/#f",
        "https://u@h",
        "https://u:p@h",
        "https://h/a b",
        "https://h/v1/chat/completions",
        "mailto:x",
        "*",
    ] {
        let text = bad(&format!(
            "endpoints: [{{ name: a, provider: openai-compatible, base_url: '{text}', models: [m] }}]"
        ));
        assert!(text.starts_with("error[invalid]: "), "{text}");
    }
}

#[test]
fn models_are_listed_once_with_their_fallbacks_and_prices() {
    let config = good(
        "
endpoints:
  - name: a
    provider: openai
    api_key: k
    models: [m, { name: n, upstream: deployment, price: { input: 1, output: 2 } }, o]
  - { name: b, provider: openai, api_key: k, models: [n, m] }
models:
  - { name: n, price: { input: 3, output: 4 } }
  - { name: alias, fallbacks: [m, n] }
  - { name: m, fallbacks: [n] }
",
    );
    let models: Vec<_> = config
        .models
        .iter()
        .map(|model| {
            (
                &*model.name,
                model
                    .fallbacks
                    .iter()
                    .map(|name| &**name)
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(
        models,
        [
            ("n", vec![]),
            ("alias", vec!["m", "n"]),
            ("m", vec!["n"]),
            ("o", vec![])
        ]
    );
    let prices: Vec<_> = config
        .serving("n")
        .map(|(endpoint, model)| {
            (
                &*endpoint.name,
                &*model.upstream,
                model.price.unwrap().input,
            )
        })
        .collect();
    assert_eq!(prices, [("a", "deployment", 1.0), ("b", "n", 3.0)]);
    assert_eq!(config.serving("alias").count(), 0);
}

#[test]
fn fallbacks_may_point_at_each_other() {
    let config = good(
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m, n] }]\n\
         models: [{ name: m, fallbacks: [n] }, { name: n, fallbacks: [m] }]",
    );
    assert_eq!(config.model("n").unwrap().fallbacks.len(), 1);
}

#[test]
fn a_fallback_must_be_served_by_an_endpoint_itself() {
    let text = bad(&format!(
        "{ENDPOINT}models: [{{ name: x, fallbacks: [m] }}, {{ name: y, fallbacks: [x] }}]"
    ));
    assert!(text.contains("no endpoint serves `x`"), "{text}");
}

#[test]
fn a_broken_endpoint_does_not_make_its_models_unknown() {
    let text = bad(
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m, '${X}'] }]\n\
         models: [{ name: m, fallbacks: [n] }]",
    );
    assert!(text.ends_with("test.yaml: 1 problem"), "{text}");
}

#[test]
fn clients_are_known_by_the_hash_of_their_key() {
    let hash: [u8; 32] = Sha256::digest("secret").into();
    let hex: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "secret\r\n").unwrap();
    for key in [
        "key: secret".to_owned(),
        format!("key_sha256: '{hex}'"),
        "key_file: key".to_owned(),
    ] {
        let path = folder.path().join("x.yaml");
        let text = format!(
            "{ENDPOINT}server: {{ listen: '0.0.0.0:1' }}\nclients: [{{ name: c, {key}, models: [\"gpt-*\", \"?3\"] }}]"
        );
        std::fs::write(&path, text).unwrap();
        let config = load(&path, &env(&[])).unwrap();
        let client = &config.clients[0];
        assert_eq!(client.key_sha256, hash, "{key}");
        assert!(client.may_use("gpt-4.1") && client.may_use("o3"));
        assert!(!client.may_use("claude") && !client.may_use("o33") && !client.may_use("GPT-4.1"));
    }
    let all = good(&format!("{ENDPOINT}clients: [{{ name: c, key: k }}]"));
    assert!(all.clients[0].may_use("anything"));
}

#[test]
fn the_first_route_that_takes_a_request_counts() {
    let config = good(
        "endpoints: [{ name: a, provider: openai, api_key: k, models: [m, n, o] }]\n\
         routes:\n- { task: code, priority: high, models: [m] }\n- { task: code, models: [n] }\n\
         - { priority: fast, models: [o, m] }\n",
    );
    let first = |task, priority| {
        let route = config.route(task, priority)?;
        Some(&*route.models[0])
    };
    assert_eq!(first("code", Priority::High), Some("m"));
    assert_eq!(first("code", Priority::Fast), Some("n"));
    assert_eq!(first("prose", Priority::Fast), Some("o"));
    assert_eq!(first("prose", Priority::Normal), None);
}

#[test]
fn who_watches_money_needs_the_price_of_whatever_may_serve() {
    let text = |client: &str, more: &str| {
        format!(
            "endpoints: [{{ name: a, provider: openai, api_key: k, models: [m, n, o] }}]\n\
             models: [{{ name: m, fallbacks: [n], price: {{ input: 1, output: 1 }} }}]\n{more}\n\
             clients: [{{ name: c, key: k, {client} }}]"
        )
    };
    let lacks = |client: &str, more: &str| {
        let Err(problems) = compile(&text(client, more)) else {
            return None;
        };
        let told = problems.to_string();
        assert!(told.contains("not every model has a price"), "{told}");
        let (_, rest) = told.split_once("give one to ").unwrap();
        Some(rest[..1].to_owned())
    };
    let cap = "max_cost_per_request: 1";
    assert_eq!(
        lacks("models: [o]", ""),
        None,
        "who has no cap needs no price"
    );
    assert_eq!(lacks(&format!("models: [o], {cap}"), ""), Some("o".into()));
    assert_eq!(
        lacks("models: [m], budget: { usd: 1, per: hour }", ""),
        Some("n".into())
    );
    let fallback = "  - name: n\n    price: { input: 0, output: 0 }";
    let block = |client: &str| {
        text(client, "").replace(
            "models: [{ name: m, fallbacks: [n], price: { input: 1, output: 1 } }]\n",
            &format!("models:\n  - name: m\n    fallbacks: [n]\n    price: {{ input: 1, output: 1 }}\n{fallback}\n"),
        )
    };
    good(&block(&format!("models: [m], {cap}")));
    let auto = "routes: [{ models: [m, o] }]";
    assert_eq!(
        lacks(&format!("models: [auto], {cap}"), auto),
        Some("o".into())
    );
}

#[test]
fn the_same_address_is_refused_for_both_planes_however_it_is_written() {
    let clients = "clients: [{ name: c, key: k }]\n";
    for (server, admin, fine) in [
        ("0.0.0.0:8081", "127.0.0.1:8081", false),
        ("127.0.0.1:8081", "127.0.0.1:8081", false),
        ("[::1]:8081", "127.0.0.1:8081", true),
        ("127.0.0.1:0", "127.0.0.1:0", true),
    ] {
        let text = format!(
            "{ENDPOINT}{clients}server: {{ listen: '{server}' }}\nadmin: {{ listen: '{admin}' }}"
        );
        assert_eq!(compile(&text).is_ok(), fine, "{server} {admin}");
    }
}

#[test]
fn files_are_read_and_must_hold_what_they_should() {
    let folder = tempfile::tempdir().unwrap();
    keys::files(folder.path());
    std::fs::write(folder.path().join("empty"), " \n").unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(folder.path().join("large"), vec![b'x'; 70_000]).unwrap();
    let check = |more: &str| {
        let path = folder.path().join("x.yaml");
        std::fs::write(&path, format!("{ENDPOINT}{more}")).unwrap();
        load(&path, &env(&[]))
            .map(drop)
            .map_err(|problems| problems.to_string())
    };
    let good = "admin: { token_file: one.txt }\nserver: { tls: { cert: one.pem, key: one.key } }";
    assert_eq!(check(good), Ok(()));
    for (more, words) in [
        ("admin: { token_file: empty }", "this file is empty"),
        ("admin: { token_file: binary }", "this file is not text"),
        ("admin: { token_file: large }", "this file is too large"),
        ("admin: { token_file: . }", "it is a folder"),
        (
            "server: { tls: { cert: one.key, key: one.key } }",
            "there is no certificate in this file",
        ),
        (
            "server: { tls: { cert: one.pem, key: one.pem } }",
            "there is no private key in this file",
        ),
        (
            "server: { tls: { cert: one.pem, key: binary } }",
            "there is no private key in this file",
        ),
    ] {
        assert!(
            check(more).unwrap_err().contains(words),
            "{more}: {:?}",
            check(more)
        );
    }
}

#[test]
fn sections_left_empty_count_as_left_out() {
    let empty = "server:\nadmin:\nmodels:\nbreaker: ~\nprobe: null\nrouting:\n  queue:\nclients:\n";
    assert_eq!(good(&format!("{ENDPOINT}{empty}")), good(ENDPOINT));
}

#[test]
fn anchors_repeat_what_they_name() {
    let config = good(
        "endpoints:\n- { name: a, provider: openai, api_key: k, models: &list [m, n], limits: &l { rpm: 5 } }\n\
         - { name: b, provider: openai, api_key: k, models: *list, limits: *l }\n",
    );
    let [a, b] = &config.endpoints[..] else {
        panic!()
    };
    assert_eq!(a.models, b.models);
    assert_eq!(a.policy.limits, b.policy.limits);
}

#[test]
fn blanks_around_a_secret_are_no_part_of_it() {
    let text = "\nadmin:\n  token: |\n    secret\n";
    let config = good(&format!("{ENDPOINT}{text}"));
    assert_eq!(config.admin.token, Some(Secret::new("secret")));
    let text = bad(&format!("{ENDPOINT}admin: {{ token: ' ' }}"));
    assert!(
        text.contains("this secret cannot travel in a header"),
        "{text}"
    );
}

#[test]
fn a_merge_key_is_told_what_to_do_instead() {
    let text = bad("x: &x { a: 1 }\nserver: { <<: *x }");
    assert!(text.contains("mappings are not merged"), "{text}");
}
