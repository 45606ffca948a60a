//! Twenty mistakes that people make: each leaves everything running and is shown with its place, with what
//! was expected and, where one can guess, with what was meant.

use breakerbox_actors::clock;
use serde_json::json;

use super::Served;
use crate::support::process::json_lines;
use crate::support::wait::DEADLINE;

/// What is added to the endpoint in the file's fourth line, the column of the mistake from there, what is expected,
/// and what was probably meant. Of a list of words a part is enough: another key is no other mistake.
const MISTAKES: [(&str, usize, &str, Option<&str>); 20] = [
    ("wieght: 1", 0, "responses, weight", Some("weight")),
    ("weight: heavy", 8, "a number, 0.001 to 1000", None),
    ("weight: -1", 8, "a number, 0.001 to 1000", None),
    ("weight: 1, weight: 2", 11, "each key once", None),
    (
        "api_kye: sk-canary-secret",
        0,
        "one of api_key, ",
        Some("api_key"),
    ),
    (
        "api_key: \"two words\"",
        9,
        "visible ASCII characters, no spaces",
        None,
    ),
    (
        "api_key_file: no/such/file",
        14,
        "a file that this user may read",
        None,
    ),
    (
        "breaker: { failure_treshold: 3 }",
        11,
        "failure_rate, failure_threshold, ",
        Some("failure_threshold"),
    ),
    (
        "breaker: { failure_threshold: 0 }",
        30,
        "a whole number, 1 to 4294967295",
        None,
    ),
    (
        "breaker: { failure_rate: 1.5 }",
        25,
        "a number, above 0, up to 1",
        None,
    ),
    (
        "breaker: { window: 10 }",
        19,
        "a duration such as 250ms, 10s, 5m or 24h, 10ms to 366d",
        None,
    ),
    (
        "breaker: { recovery_timeout: soon }",
        29,
        "a duration such as 250ms, 10s, 5m or 24h, 1ms to 366d",
        None,
    ),
    (
        "limits: { rpm: many }",
        15,
        "a whole number, 1 to 4294967295",
        None,
    ),
    (
        "limits: [1, 2]",
        8,
        "a mapping with the keys max_in_flight, rpd, rpm, tpm",
        None,
    ),
    (
        "probe: { kind: modles }",
        15,
        "one of models, health, chat, none",
        Some("models"),
    ),
    (
        "probe: { interval: 1parsec }",
        19,
        "a duration such as 250ms, 10s, 5m or 24h, 10ms to 366d",
        None,
    ),
    (
        "ca_file: no/such.pem",
        9,
        "a file that this user may read",
        None,
    ),
    ("api_version: [1]", 13, "text", None),
    ("prive: 1", 0, "one of api_key, ", None),
    (
        "${HOME}: 1",
        1,
        "YAML: `key: value`, lists with `- `, indented with spaces",
        None,
    ),
];

/// What the log says of the reload that was asked for last.
async fn refusal(served: &Served, number: usize) -> String {
    let start = clock::now();
    loop {
        let lines = json_lines(&served.process.err());
        let mut refused = lines.iter().filter(|line| {
            line["source"] == "api"
                && line["message"]
                    .as_str()
                    .is_some_and(|it| it.starts_with("reload refused"))
        });
        if let Some(line) = refused.nth(number) {
            return line["problems"].as_str().expect("problems").to_owned();
        }
        assert!(clock::now() - start < DEADLINE, "{lines:#?}");
    }
}

#[tokio::test]
async fn each_of_twenty_mistakes_is_shown_and_changes_nothing() {
    let served = Served::plain().await;
    let good = served.config("m");
    let column = good
        .lines()
        .nth(3)
        .expect("an endpoint")
        .find(" }")
        .expect("its end")
        + 3;
    let mut wrong = Vec::new();
    for (number, (text, at, expected, suggestion)) in MISTAKES.into_iter().enumerate() {
        let (before, after) = good.rsplit_once(" }").expect("its end");
        served.replace(&format!("{before}, {text} }}{after}"));
        let answer = served.reload().await;
        let told = answer.json();
        let problem = &told["problems"][0];
        let found = problem["expected"].as_str().unwrap_or_default();
        let place = (problem["line"].as_u64(), problem["column"].as_u64());
        let right = answer.status() == 422
            && place == (Some(4), Some((column + at) as u64))
            && found.contains(expected)
            && problem["suggestion"] == json!(suggestion)
            && problem["text"]
                .as_str()
                .is_some_and(|it| it.contains("name: only"))
            && !told.to_string().contains("canary-secret");
        if !right {
            wrong.push(format!(
                "{text}: expected column {}, got {problem}",
                column + at
            ));
        }
        let log = refusal(&served, number).await;
        let meant = suggestion.map(|it| format!(" = did you mean `{it}`?\n"));
        let told = log.contains(&format!("breakerbox.yaml:4:{}\n", column + at))
            && log.contains(&format!(" = expected: {found}\n"))
            && meant.as_ref().is_none_or(|it| log.contains(it))
            && (meant.is_some() || !log.contains("did you mean"));
        if !told {
            wrong.push(format!("{text}: the log says {log}"));
        }
        assert_eq!(served.asks("m").await, 200, "{text}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let status = served.status().await;
    assert_eq!(
        (&status["generation"], &status["reload"]["ok"]),
        (&json!(1), &json!(false))
    );
    let log = served.process.err().join("\n");
    assert!(!log.contains("canary-secret"));
    served.replace(&served.config("n"));
    served.generation(2).await;
    assert_eq!(served.asks("n").await, 200);
}
