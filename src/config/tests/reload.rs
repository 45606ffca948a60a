//! What a reload would change.

use super::*;

const BEFORE: &str = "
server: { listen: 127.0.0.1:8080, max_body: 1MiB }
endpoints:
  - { name: a, provider: openai, api_key: k, models: [m], weight: 2, breaker: { failure_threshold: 5 } }
  - { name: b, provider: openai, api_key: k, models: [m, n] }
clients: [{ name: c, key: one, models: [m] }]
";

fn changes(edits: &[(&str, &str)]) -> Diff {
    let mut after = BEFORE.to_owned();
    for (from, to) in edits {
        assert!(after.contains(from), "{from}");
        after = after.replace(from, to);
    }
    diff(&good(BEFORE), &good(&after))
}

#[test]
fn nothing_changed_is_nothing() {
    assert_eq!(changes(&[]), Diff::default());
    assert_eq!(
        changes(&[("1MiB", "1024KiB"), ("weight: 2", "weight: 2.0")]),
        Diff::default()
    );
}

#[test]
fn changes_are_told_in_a_line_each() {
    let diff = changes(&[
        ("1MiB", "2MiB"),
        ("weight: 2", "weight: 0.5"),
        ("failure_threshold: 5", "failure_threshold: 3"),
        ("name: b", "name: z"),
        (
            "[m, n]",
            "[m, { name: n, upstream: o, price: { input: 1, output: 2 } }, p]",
        ),
        ("key: one, models: [m]", "key: two, models: [m, n]"),
    ]);
    assert!(diff.refused.is_empty());
    assert_eq!(
        diff.changes,
        [
            "server.max_body: 1MiB → 2MiB",
            "endpoint b: removed",
            "endpoint a: weight: 2 → 0.5",
            "endpoint a: breaker.failure_threshold: 5 → 3",
            "endpoint z: added",
            "model p: added",
            "client c: key: changed",
            "client c: models: m → m, n",
        ]
    );
}

#[test]
fn money_limits_and_routes_are_told() {
    let prices = (
        "endpoints:",
        "models: [{ name: m, price: { input: 1, output: 2 } }]\nendpoints:",
    );
    let client = (
        "models: [m] }]",
        "models: [m], limits: { rpm: 5, rpd: 9 }, budget: { usd: 2.5, per: week }, max_cost_per_request: 0.1 }]\n\
         routes: [{ task: code, models: [n, m] }, { priority: high, models: [m] }]",
    );
    let diff = changes(&[prices, client]);
    let told: Vec<_> = diff
        .changes
        .iter()
        .filter(|it| !it.ends_with("1/2") && !it.contains(" at 1/2"))
        .collect();
    assert_eq!(
        told,
        [
            "client c: limits.rpm: none → 5",
            "client c: limits.rpd: none → 9",
            "client c: budget: none → $2.5 per week",
            "client c: max_cost_per_request: none → $0.1",
            "routes: none → code/any: n, m; any/high: m",
        ]
    );
}

#[test]
fn keys_that_only_count_at_start_are_refused_by_name() {
    let diff = changes(&[(
        "listen: 127.0.0.1:8080",
        "listen: 127.0.0.1:9090, workers: 3",
    )]);
    assert_eq!(diff.refused, ["server.listen", "server.workers"]);
    assert_eq!(
        diff.changes,
        [
            "server.listen: 127.0.0.1:8080 → 127.0.0.1:9090",
            "server.workers: 0 → 3"
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    keys::files(folder.path());
    let path = folder.path().join("x.yaml");
    let [plain, tls] = [
        "",
        "server: { tls: { cert: one.pem, key: one.key } }\nadmin: { listen: 127.0.0.1:1 }",
    ]
    .map(|more| {
        std::fs::write(&path, format!("{ENDPOINT}{more}")).unwrap();
        load(&path, &env(&[])).unwrap()
    });
    assert_eq!(
        super::super::diff(&plain, &tls).refused,
        ["server.tls", "admin.listen"]
    );
}

#[test]
fn a_new_order_is_told() {
    let a = "  - { name: a, provider: openai, api_key: k, models: [m] }\n";
    let b = a.replace("name: a", "name: b");
    let one = good(&format!("endpoints:\n{a}{b}"));
    let two = good(&format!("endpoints:\n{b}{a}"));
    assert_eq!(diff(&one, &two).changes, ["order of endpoints: changed"]);
}

#[test]
fn what_was_rotated_does_not_come_back_with_an_earlier_configuration() {
    let with = |token: &str, keys: [&str; 2], clients: &str| {
        let [a, b] = keys;
        let endpoint = |name: &str, key: &str| {
            format!("{{ name: {name}, provider: openai, {key} models: [m] }}")
        };
        let (a, b) = (endpoint("a", a), endpoint("b", b));
        let admin = format!("admin: {{ listen: 127.0.0.1:1 {token} }}");
        good(&format!(
            "{admin}\nendpoints: [{a}, {b}]\nclients: [{clients}]\n"
        ))
    };
    let old = "{ name: c, key: c-old }, { name: gone, key: gone-old }";
    let old = with(
        ", token: t-old",
        ["api_key: a-old,", "api_key: b-old,"],
        old,
    );
    let now = "{ name: c, key: c-new }, { name: new, key: n-new }";
    let elsewhere = "api_key: b-new, base_url: \"https://b.example/v1\",";
    let now = with(", token: t-new", ["api_key: a-new,", elsewhere], now);
    let back = old.clone().with_secrets_of(&now);
    assert_eq!(back.admin.token, now.admin.token);
    assert_eq!(back.endpoints[0].api_key, now.endpoints[0].api_key);
    assert_eq!(
        back.endpoints[1].api_key, old.endpoints[1].api_key,
        "not that account's"
    );
    let keys = |of: &Config| {
        of.clients
            .iter()
            .map(|it| it.key_sha256)
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&back), [keys(&now)[0], keys(&old)[1]]);
    assert_eq!(back.clients_with_one_key(), None);
    // What is closed stays closed.
    let open = with(
        "",
        ["api_key: a-old,", "api_key: b-old,"],
        "{ name: c, key: c-old }",
    );
    let back = open.with_secrets_of(&now);
    assert_eq!(back.admin.token, now.admin.token);
    // Another client has taken over the key of one that is gone.
    let now = with(
        "",
        ["api_key: a,", "api_key: b,"],
        "{ name: c, key: gone-old }",
    );
    let back = old.with_secrets_of(&now);
    assert_eq!(back.clients_with_one_key(), Some(["c", "gone"]));
}
