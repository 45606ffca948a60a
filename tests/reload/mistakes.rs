//! Twenty mistakes that people make: each leaves everything running and is shown with its place, with what
//! was expected and, where one can guess, with what was meant.

use serde_json::json;

use super::Served;

/// What is in the place of `weight: 1` in the file's fourth line, the column of the mistake from there,
/// a part of what is expected, and what was probably meant.
const MISTAKES: [(&str, usize, &str, Option<&str>); 20] = [
    ("wieght: 1", 0, "weight", Some("weight")),
    ("weight: heavy", 8, "number", None),
    ("weight: -1", 8, "", None),
    ("weight: 1, weight: 2", 11, "", None),
    ("api_kye: sk-canary-secret", 0, "api_key", Some("api_key")),
    ("api_key: \"two words\"", 9, "visible ASCII", None),
    (
        "api_key_file: no/such/file",
        14,
        "a file that this user may read",
        None,
    ),
    (
        "breaker: { failure_treshold: 3 }",
        11,
        "failure_threshold",
        Some("failure_threshold"),
    ),
    ("breaker: { failure_threshold: 0 }", 30, "", None),
    ("breaker: { failure_rate: 1.5 }", 25, "", None),
    ("breaker: { window: 10 }", 19, "", None),
    ("breaker: { recovery_timeout: soon }", 29, "10s", None),
    ("limits: { rpm: many }", 15, "number", None),
    ("limits: [1, 2]", 8, "", None),
    ("probe: { kind: modles }", 15, "models", Some("models")),
    ("probe: { interval: 1parsec }", 19, "", None),
    ("ca_file: no/such.pem", 9, "a file", None),
    ("api_version: [1]", 13, "text", None),
    ("prive: 1", 0, "", None),
    ("${HOME}: 1", 1, "", None),
];

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
    for (text, at, expected, suggestion) in MISTAKES {
        let (before, after) = good.rsplit_once(" }").expect("its end");
        served.replace(&format!("{before}, {text} }}{after}"));
        let answer = served.reload().await;
        let told = answer.json();
        let problem = &told["problems"][0];
        let found = problem["expected"].as_str().unwrap_or_default();
        let place = (problem["line"].as_u64(), problem["column"].as_u64());
        let right = answer.status() == 422
            && place == (Some(4), Some((column + at) as u64))
            && !found.is_empty()
            && found.contains(expected)
            && (suggestion.is_none() || problem["suggestion"] == json!(suggestion))
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
        assert_eq!(served.asks("m").await, 200, "{text}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let status = served.status().await;
    assert_eq!(
        (&status["generation"], &status["reload"]["ok"]),
        (&json!(1), &json!(false))
    );
    let log = served.process.err().join("\n");
    assert!(log.contains("did you mean `failure_threshold`?") && !log.contains("canary-secret"));
    served.replace(&served.config("n"));
    served.generation(2).await;
    assert_eq!(served.asks("n").await, 200);
}
