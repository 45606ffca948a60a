//! The published schema.

use super::*;

#[test]
fn the_schema_is_valid_and_describes_every_key() {
    let schema = super::super::schema();
    jsonschema::meta::validate(&schema).unwrap();
    fn undescribed(node: &Value, path: &str, out: &mut Vec<String>) {
        for (key, schema) in node["properties"].as_object().into_iter().flatten() {
            if schema["description"].as_str().is_none_or(str::is_empty) {
                out.push(format!("{path}.{key}"));
            }
        }
    }
    let mut out = Vec::new();
    undescribed(&schema, "", &mut out);
    for (name, node) in schema["$defs"].as_object().unwrap() {
        undescribed(node, name, &mut out);
    }
    assert!(out.is_empty(), "{out:?}");
}

#[test]
fn variables_may_stand_for_numbers_and_words_in_an_editor() {
    let validator = jsonschema::validator_for(&super::super::schema()).unwrap();
    let mut document = keys::document();
    for at in [
        "/server/workers",
        "/endpoints/0/weight",
        "/endpoints/0/provider",
        "/routing/strategy",
        "/server/max_body",
        "/breaker/window",
    ] {
        keys::put(&mut document, at, json!("${X:-1}"));
        assert!(validator.is_valid(&document), "{at}");
        let mut wrong = document.clone();
        keys::put(&mut wrong, at, json!("{X}"));
        assert!(!validator.is_valid(&wrong), "{at}");
    }
}

#[test]
fn a_misspelt_key_is_refused_everywhere_and_told_what_was_meant() {
    let validator = jsonschema::validator_for(&super::super::schema()).unwrap();
    for (at, meant) in [
        ("/serever", "server"),
        ("/server/lisen", "listen"),
        ("/server/tls/certt", "cert"),
        ("/admin/tokne", "token"),
        ("/endpoints/0/modles", "models"),
        ("/endpoints/0/limits/rmp", "rpm"),
        ("/endpoints/0/breaker/windwo", "window"),
        ("/endpoints/0/probe/kinds", "kind"),
        ("/endpoints/0/models/1/upsteam", "upstream"),
        ("/endpoints/0/models/1/price/inputs", "input"),
        ("/models/0/fallback", "fallbacks"),
        ("/breaker/failure_treshold", "failure_threshold"),
        ("/probe/intervall", "interval"),
        ("/routing/strategie", "strategy"),
        ("/routing/backoff/bsae", "base"),
        ("/routing/queue/max_lenght", "max_length"),
        ("/clients/0/key_sha265", "key_sha256"),
        ("/clients/0/limit", "limits"),
        ("/clients/0/limits/rmp", "rpm"),
        ("/clients/0/budget/udd", "usd"),
        ("/clients/0/max_cost_per_requst", "max_cost_per_request"),
        ("/routes/0/priorty", "priority"),
    ] {
        let mut document = keys::document();
        document["routes"] = json!([{ "models": ["m"] }]);
        keys::put(&mut document, at, json!("x"));
        if at == "/endpoints/0/modles" {
            document["endpoints"][0]
                .as_object_mut()
                .unwrap()
                .remove("models");
        }
        if at == "/models/0/fallback" {
            document["models"][0]
                .as_object_mut()
                .unwrap()
                .remove("fallbacks");
        }
        assert!(!validator.is_valid(&document), "{at}");
        let text = bad(&document.to_string());
        assert!(
            text.contains(&format!("did you mean `{meant}`?")),
            "{at}: {text}"
        );
    }
}
