//! What a reload would change.

use super::*;

const BEFORE: &str = "
server: { listen: 127.0.0.1:8080, max_body: 1MiB }
endpoints:
  - { name: a, provider: openai, api_key: k, models: [m], weight: 2, breaker: { failure_threshold: 5 } }
  - { name: b, provider: openai, api_key: k, models: [m, n] }
clients: [{ name: c, key: one, models: [m] }]
";

fn changes(edits: &[(&str, &str)]) -> Vec<Change> {
    let mut after = BEFORE.to_owned();
    for (from, to) in edits {
        assert!(after.contains(from), "{from}");
        after = after.replace(from, to);
    }
    diff(&good(BEFORE), &good(&after))
}

fn lines(changes: &[Change]) -> Vec<String> {
    changes.iter().map(Change::to_string).collect()
}

#[test]
fn nothing_changed_is_nothing() {
    assert_eq!(changes(&[]), []);
    let others = [("1MiB", "1024KiB"), ("weight: 2", "weight: 2.0")];
    assert_eq!(changes(&others), []);
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
    assert!(diff.iter().all(|it| !it.start_only));
    assert_eq!(
        lines(&diff),
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
    let lines = lines(&changes(&[prices, client]));
    let told: Vec<_> = lines
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
fn each_change_says_of_what_it_is_and_shows_no_secret() {
    let more = "models: [m], limits: { rpm: 5 } }]\n\
                admin: { listen: 127.0.0.1:1, token: t0p }\nroutes: [{ task: code, models: [n] }]";
    let diff = changes(&[
        ("listen: 127.0.0.1:8080, ", "workers: 3, "),
        ("weight: 2, ", "limits: { rpm: 7 }, "),
        ("name: b", "name: z"),
        ("key: one, models: [m] }]", &format!("key: two, {more}")),
    ]);
    let told = serde_json::to_value(&diff).unwrap();
    let change = |what: &str, name: Value, key: Value, kind: &str| json!({ "what": what, "name": name, "key": key, "kind": kind });
    let with = |mut change: Value, from: Value, to: Value, start_only: bool, text: &str| {
        change["from"] = from;
        change["to"] = to;
        change["start_only"] = json!(start_only);
        change["text"] = json!(text);
        change
    };
    let null = Value::Null;
    let workers = change("setting", null.clone(), json!("server.workers"), "changed");
    let listen = change("setting", null.clone(), json!("admin.listen"), "changed");
    let token = change("setting", null.clone(), json!("admin.token"), "added");
    let gone = change("endpoint", json!("b"), null.clone(), "removed");
    let weight = change("endpoint", json!("a"), json!("weight"), "changed");
    let rpm = |what: &str, name: &str| change(what, json!(name), json!("limits.rpm"), "added");
    let new = change("endpoint", json!("z"), null.clone(), "added");
    let key = change("client", json!("c"), json!("key"), "changed");
    let routes = change("routes", null, json!("routes"), "added");
    let none = || Value::Null;
    assert_eq!(
        told,
        json!([
            with(
                workers,
                json!("0"),
                json!("3"),
                true,
                "server.workers: 0 → 3"
            ),
            with(
                listen,
                json!("127.0.0.1:8081"),
                json!("127.0.0.1:1"),
                true,
                "admin.listen: 127.0.0.1:8081 → 127.0.0.1:1"
            ),
            with(token, none(), none(), false, "admin.token: none → ***"),
            with(gone, none(), none(), false, "endpoint b: removed"),
            with(
                weight,
                json!("2"),
                json!("1"),
                false,
                "endpoint a: weight: 2 → 1"
            ),
            with(
                rpm("endpoint", "a"),
                none(),
                json!("7"),
                false,
                "endpoint a: limits.rpm: none → 7"
            ),
            with(new, none(), none(), false, "endpoint z: added"),
            with(key, none(), none(), false, "client c: key: changed"),
            with(
                rpm("client", "c"),
                none(),
                json!("5"),
                false,
                "client c: limits.rpm: none → 5"
            ),
            with(
                routes,
                none(),
                json!("code/any: n"),
                false,
                "routes: none → code/any: n"
            ),
        ])
    );
    let back: Vec<Change> = serde_json::from_value(told).unwrap();
    assert_eq!(back, diff);
}

#[test]
fn keys_that_only_count_at_start_are_refused_with_their_line() {
    let refused = |before: &Config, after: &Config| -> Vec<_> {
        let refused = after.start_only.refused(&diff(before, after));
        refused
            .into_iter()
            .map(|it| (it.key, it.line, it.expected, it.text))
            .collect()
    };
    let known = |key: &str, line: usize, expected: &str, text: &str| {
        (
            key.to_owned(),
            Some(line),
            Some(format!("{expected}, as is in force")),
            Some(text.to_owned()),
        )
    };
    let before = good(BEFORE);
    let text = "server: { listen: 127.0.0.1:9090, workers: 3, max_body: 1MiB }";
    let after = BEFORE.replace("server: { listen: 127.0.0.1:8080, max_body: 1MiB }", text);
    assert_eq!(
        refused(&before, &good(&after)),
        [
            known("server.listen", 2, "127.0.0.1:8080", text),
            known("server.workers", 2, "0", text),
        ]
    );
    // What the file says no more is told by its section, and what has none by nothing.
    let nothing = BEFORE.replace("server: { listen: 127.0.0.1:8080, max_body: 1MiB }\n", "");
    let workers = "server:\n  max_body: 1MiB\n  workers: 3\nadmin:\n  listen: 127.0.0.1:1\n";
    let told = refused(&good(&format!("{nothing}{workers}")), &good(&nothing));
    assert_eq!(
        told.iter().map(|it| (&*it.0, it.1)).collect::<Vec<_>>(),
        [("server.workers", None), ("admin.listen", None)]
    );
    let fewer = workers.replace("  workers: 3\n", "");
    let [more, fewer] = [workers, &fewer].map(|it| good(&format!("{nothing}{it}")));
    assert_eq!(
        refused(&more, &fewer),
        [known("server.workers", 6, "3", "server:")]
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
    let told = refused(&plain, &tls);
    assert_eq!(
        told.iter().map(|it| &*it.0).collect::<Vec<_>>(),
        ["server.tls", "admin.listen"]
    );
    assert_eq!(told[0].2.as_deref(), Some("no value, as is in force"));
}

#[test]
fn a_file_that_comes_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    keys::files(folder.path());
    let path = folder.path().join("x.yaml");
    let [plain, trusting, served] = [
        "a",
        "a, ca_file: one.pem",
        "a }]\nserver: { tls: { cert: one.pem, key: one.key } }\nmodels: [{ name: m",
    ]
    .map(|more| {
        let endpoint = "endpoints: [{ provider: openai, api_key: k, models: [m], name: ";
        std::fs::write(&path, format!("{endpoint}{more} }}]\n")).unwrap();
        load(&path, &env(&[])).unwrap()
    });
    let [came] = &diff(&plain, &trusting)[..] else {
        panic!("one change");
    };
    assert_eq!((came.kind, &came.from), (How::Added, &None));
    let to = came.to.as_ref().expect("a file's name is no secret");
    assert!(to.ends_with("one.pem") && came.text.ends_with(to), "{came}");
    // What is in files that come is new with them.
    let diff = diff(&plain, &served);
    let keys: Vec<_> = diff.iter().filter_map(|it| it.key.as_deref()).collect();
    assert_eq!(keys, ["server.tls"]);
}

#[test]
fn a_new_order_is_told() {
    let a = "  - { name: a, provider: openai, api_key: k, models: [m] }\n";
    let b = a.replace("name: a", "name: b");
    let one = good(&format!("endpoints:\n{a}{b}"));
    let two = good(&format!("endpoints:\n{b}{a}"));
    let diff = diff(&one, &two);
    assert_eq!(lines(&diff), ["order of endpoints: changed"]);
    assert_eq!(
        (diff[0].what, diff[0].kind),
        (What::Endpoint, How::Reordered)
    );
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
    let back = old.clone().with_newest_secrets(&now, [&old].into_iter());
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
    // Who is gone by now comes back with the last key it had.
    let rotated = "{ name: c, key: c-old }, { name: gone, key: gone-new }";
    let rotated = with("", ["api_key: a-old,", "api_key: b-newer,"], rotated);
    let kept = [&now, &rotated, &old].into_iter();
    let back = old.clone().with_newest_secrets(&now, kept);
    assert_eq!(keys(&back), [keys(&now)[0], keys(&rotated)[1]]);
    assert_eq!(back.endpoints[1].api_key, rotated.endpoints[1].api_key);
    // What is closed stays closed.
    let open = with(
        "",
        ["api_key: a-old,", "api_key: b-old,"],
        "{ name: c, key: c-old }",
    );
    let back = open.with_newest_secrets(&now, std::iter::empty());
    assert_eq!(back.admin.token, now.admin.token);
    // Another client has taken over the key of one that is gone.
    let now = with(
        "",
        ["api_key: a,", "api_key: b,"],
        "{ name: c, key: gone-old }",
    );
    let back = old.with_newest_secrets(&now, std::iter::empty());
    assert_eq!(back.clients_with_one_key(), Some(["c", "gone"]));
}
