use serde_json::Value;

use super::*;
use crate::cli::schema::Schema;

fn check(text: &str, format: Format) -> (u8, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("breakerbox.yaml");
    std::fs::write(&file, text).unwrap();
    let mut out = Vec::new();
    let code = Check {
        file,
        online: false,
        format,
    }
    .run(&|_| None, &mut out)
    .unwrap();
    (code, String::from_utf8(out).unwrap())
}

const GOOD: &str = "endpoints: [{ name: a, provider: openai, api_key: k, models: [m, n] }]";

#[test]
fn a_good_file_exits_with_0() {
    let (code, text) = check(GOOD, Format::Text);
    assert_eq!(code, 0);
    assert!(
        text.ends_with("breakerbox.yaml: good: 1 endpoint, 2 models, 0 clients\n"),
        "{text}"
    );
    let (code, text) = check(GOOD, Format::Json);
    assert_eq!(code, 0);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&value["ok"], &value["models"]),
        (&Value::Bool(true), &2.into())
    );
}

#[test]
fn a_bad_file_exits_with_78_and_all_its_problems() {
    let bad = format!("{GOOD}\nservr: 1\nadmin: {{ listen: x }}");
    let (code, text) = check(&bad, Format::Text);
    assert_eq!(code, 78);
    assert!(text.ends_with("breakerbox.yaml: 2 problems\n"), "{text}");
    let (code, text) = check(&bad, Format::Json);
    assert_eq!(code, 78);
    let value: Value = serde_json::from_str(&text).unwrap();
    let problems = value["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2);
    assert_eq!(problems[0]["suggestion"], "server");
    assert_eq!(
        (&problems[1]["line"], &problems[1]["column"]),
        (&3.into(), &18.into())
    );
}

#[test]
fn a_file_that_is_not_there_exits_with_78() {
    let file = "nowhere/breakerbox.yaml".into();
    let check = Check {
        file,
        online: false,
        format: Format::Json,
    };
    let mut out = Vec::new();
    assert_eq!(check.run(&|_| None, &mut out).unwrap(), 78);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["problems"][0]["line"], Value::Null);
}

#[test]
fn the_schema_command_prints_the_schema() {
    let mut out = Vec::new();
    assert_eq!(Schema {}.run(&mut out).unwrap(), 0);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value, config::schema());
}
