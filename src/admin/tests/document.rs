//! The document against the paths and what they answer.

use std::collections::{BTreeSet, HashSet};

use actix_web::test::read_body_json;
use serde_json::Value;
use utoipa::OpenApi;

use super::*;

fn document() -> Value {
    serde_json::to_value(openapi::Document::openapi()).unwrap()
}

/// Every operation, as verb, path and what is told of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, verbs)| {
            let verbs = verbs.as_object().unwrap().iter();
            verbs.map(|(verb, it)| (verb.clone(), path.clone(), it.clone()))
        })
        .collect()
}

#[test]
fn it_has_every_path_and_no_other() {
    let document = document();
    let told = operations(&document);
    let told: BTreeSet<_> = told
        .iter()
        .map(|(verb, path, _)| format!("{verb} {path}"))
        .collect();
    let there: BTreeSet<_> = paths()
        .map(|it| format!("{} {}", method(it).as_str().to_lowercase(), it.path))
        .collect();
    assert_eq!(told, there);
    for name in [
        "Snapshot", "Endpoint", "Record", "Reload", "Alert", "Failure",
    ] {
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "{name}");
    }
}

#[test]
fn parameters_are_where_they_are_said_to_be() {
    let document = document();
    let mut names = HashSet::new();
    for (verb, path, it) in operations(&document) {
        assert!(
            names.insert(it["operationId"].to_string()),
            "{verb} {path}: its id is not unique"
        );
        let parameters = it["parameters"].as_array().cloned().unwrap_or_default();
        let of = |place: &str| -> BTreeSet<String> {
            let there = parameters.iter().filter(|it| it["in"] == place);
            there
                .map(|it| it["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let segments = path
            .split('/')
            .filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(
            of("path"),
            segments.map(str::to_owned).collect(),
            "{verb} {path}"
        );
        assert_eq!(
            of("path").len() + of("query").len(),
            parameters.len(),
            "{verb} {path}"
        );
        for parameter in parameters.iter().filter(|it| it["in"] == "query") {
            let is_needed = path == "/api/explain" && parameter["name"] == "model";
            assert_eq!(
                parameter["required"] == true,
                is_needed,
                "{path}: {parameter}"
            );
        }
    }
    for path in ["/api/requests", "/api/explain"] {
        assert!(
            document["paths"][path]["get"]["parameters"].is_array(),
            "{path}"
        );
    }
}

#[test]
fn the_token_is_asked_for_and_refusals_are_declared() {
    let document = document();
    let scheme = &document["components"]["securitySchemes"]["token"];
    assert_eq!(
        (&scheme["type"], &scheme["scheme"]),
        (&"http".into(), &"bearer".into())
    );
    assert!(document["security"][0]["token"].is_array());
    for (verb, path, it) in operations(&document) {
        let is_open = ["/livez", "/readyz"].contains(&&*path);
        assert_eq!(it["security"] == serde_json::json!([]), is_open, "{path}");
        for status in ["401", "403", "429"] {
            let response = &it["responses"][status];
            assert_eq!(response.is_null(), is_open, "{verb} {path} {status}");
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            assert!(
                is_open || schema == "#/components/schemas/Failure",
                "{path}: {response}"
            );
        }
    }
    for status in ["400", "413"] {
        for path in ["/api/config/rollback", "/api/check"] {
            assert!(
                document["paths"][path]["post"]["responses"][status].is_object(),
                "{path}"
            );
        }
    }
}

/// What is wrong with the fields of `value` under the schema `of`.
fn misfit(document: &Value, of: &Value, value: &Value) -> Option<String> {
    let name = of["$ref"].as_str().map(|it| it.trim_start_matches('#'));
    let schema = name.map_or(Some(of), |it| document.pointer(it))?;
    if let Some(kinds) = schema["oneOf"].as_array() {
        let misfits = kinds.iter().map(|it| misfit(document, it, value));
        let misfits: Option<Vec<_>> = misfits.collect();
        return misfits.map(|all| all.join(" or "));
    }
    if schema["type"] == "string" {
        return (!value.is_string()).then(|| format!("no text: {value}"));
    }
    let Some(properties) = schema["properties"].as_object() else {
        return (schema["type"] != "object" || !value.is_object())
            .then(|| format!("{schema}: {value}"));
    };
    let Some(fields) = value.as_object() else {
        return Some(format!("no object: {value}"));
    };
    let unknown = fields.keys().find(|it| !properties.contains_key(*it));
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let missing = required
        .iter()
        .find(|it| !fields.contains_key(it.as_str().unwrap()));
    if unknown.is_some() || missing.is_some() {
        return Some(format!("unknown {unknown:?}, missing {missing:?}"));
    }
    fields.iter().find_map(|(key, value)| {
        let items = &properties[key]["items"];
        let first = value.as_array()?.first()?;
        let wrong = misfit(document, items, first)?;
        Some(format!("{key}: {wrong}"))
    })
}

#[test]
fn answers_have_the_shape_that_is_declared() {
    System::new().block_on(async {
        let admin = admin("").await;
        let app = App::new()
            .app_data(Data::from(admin))
            .configure(table)
            .wrap(from_fn(check));
        let app = init_service(app).await;
        let document = document();
        for (verb, path, it) in operations(&document) {
            if ["/livez", "/readyz", "/metrics"].contains(&&*path) {
                continue;
            }
            let mut concrete = path.replace("{name}", "a").replace("{id}", "x");
            if path == "/api/explain" {
                concrete += "?model=m";
            }
            let request =
                TestRequest::with_uri(&concrete).method(verb.to_uppercase().parse().unwrap());
            let body = match &*path {
                "/api/config/rollback" => "{\"generation\":1}",
                _ => "endpoints: 7\n",
            };
            let request = request
                .insert_header(("host", "localhost"))
                .set_payload(body);
            let answer = call_service(&app, request.to_request()).await;
            let status = answer.status().as_str().to_owned();
            let told = &it["responses"][&status]["content"]["application/json"]["schema"];
            assert!(told.is_object(), "{verb} {path} {status} is not declared");
            let answer: Value = read_body_json(answer).await;
            assert_eq!(
                misfit(&document, told, &answer),
                None,
                "{verb} {path} {status}"
            );
        }
    });
}
