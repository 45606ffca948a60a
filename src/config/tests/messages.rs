//! What people read when something is wrong, to the letter.
//!
//! The files in `messages` hold the cases: a title, the text of a file, a line `----`
//! and what is printed for it.

use super::*;

#[test]
fn every_kind_of_problem_reads_as_written_down() {
    // The variable's value must not show up in what is written down.
    let variables = [("MANY", "lots")];
    let files = [
        include_str!("messages/structure.txt"),
        include_str!("messages/meaning.txt"),
    ];
    let cases: Vec<_> = files
        .iter()
        .flat_map(|file| file.split("\n==== ").skip(1))
        .collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    for case in cases {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, expected) = rest.split_once("\n----\n").unwrap();
        let text = text.replace("ENDPOINT\n", ENDPOINT);
        let Err(problems) = parse(&text, "test.yaml", &env(&variables)) else {
            panic!("{title}: accepted");
        };
        let printed = problems.to_string();
        assert_eq!(printed.trim_end(), expected.trim_end(), "{title}");
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_lines() {
    let text = "\
server: { listen: nowhere, workers: many }
endpoints:
  - { name: a, provider: openai, models: [m], weight: 0 }
  - { name: a, provider: opnai, base_url: x, models: [m], modles: [] }
models:
  - { name: m, fallbacks: [n, m] }
routing: { backoff: { base: 2h } }
clients: [{ name: c }, { key: k }]
";
    let problems = compile(text).unwrap_err();
    let found: Vec<_> = problems
        .list()
        .iter()
        .map(|problem| (problem.place().unwrap(), problem.code()))
        .collect();
    assert_eq!(
        found,
        [
            ((1, 19), "invalid"),
            ((1, 37), "wrong_value"),
            ((3, 7), "missing_key"),
            ((3, 55), "wrong_value"),
            ((4, 13), "conflict"),
            ((4, 26), "wrong_value"),
            ((4, 43), "invalid"),
            ((4, 59), "unknown_key"),
            ((6, 28), "invalid"),
            ((6, 31), "conflict"),
            ((7, 29), "invalid"),
            ((8, 13), "missing_key"),
            ((8, 26), "missing_key"),
        ],
        "{problems}"
    );
}

#[test]
fn machines_get_the_same_facts() {
    let problems = compile(
        "server:\n  wokers: 4\nendpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]",
    )
    .unwrap_err();
    assert_eq!(
        problems.to_json(),
        json!({
            "ok": false,
            "file": "test.yaml",
            "problems": [{
                "code": "unknown_key",
                "path": "/server/wokers",
                "line": 2,
                "column": 3,
                "text": "wokers",
                "message": "unknown key `wokers`",
                "expected": "one of cors, listen, max_body, request_timeout, shutdown_grace, tls, workers",
                "suggestion": "workers",
                "help": null,
            }],
        })
    );
}
