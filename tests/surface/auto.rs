//! The model `auto`: who serves it, and on whose behalf requests are made.

use serde_json::Value;

use super::{call, error_of, steady};
use crate::support::chat::{CHAT, ask, response};
use crate::support::client::{Answer, Client};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::process::{Process, address_in, json_lines};
use crate::support::wait::{DEADLINE, eventually};

const ROUTES: &str = "routes:\n  \
    - { task: code, priority: high, models: [big, small] }\n  \
    - { priority: normal, models: [small] }\n";

fn serving(name: &str, evil: &Evil, models: &str) -> String {
    endpoint(name, &evil.base_url(), "").replace("[m]", models)
}

async fn auto(house: &House, headers: &[(&str, &str)]) -> Answer {
    call(
        house,
        "POST",
        CHAT,
        headers,
        &ask("auto", "hello").to_string(),
    )
    .await
}

const CODE: [(&str, &str); 2] = [
    ("x-breakerbox-task", "code"),
    ("x-breakerbox-priority", "high"),
];

#[tokio::test]
async fn the_first_route_that_matches_names_the_models() {
    let [one, two] = [steady(), steady()];
    let lines = serving("auto-one", &one, "[{ name: big, upstream: big-2 }]")
        + &serving("auto-two", &two, "[small]");
    let house = House::start(&format!("endpoints:\n{lines}{ROUTES}"));
    let answer = auto(&house, &CODE).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.head.header("x-breakerbox-model"), Some("big"));
    assert_eq!(
        answer.head.header("x-breakerbox-fallback"),
        None,
        "the first of its route"
    );
    let sent: Value = serde_json::from_slice(&one.requests()[0].body).expect("JSON");
    assert_eq!(sent["model"], "big-2");
    for headers in [&[][..], &[("x-breakerbox-task", "prose")], &[CODE[0]]] {
        let answer = auto(&house, headers).await;
        assert_eq!(
            answer.head.header("x-breakerbox-model"),
            Some("small"),
            "{headers:?}"
        );
    }
    let answer = auto(&house, &[("x-breakerbox-priority", "fast")]).await;
    let error = error_of(&answer, 404);
    assert_eq!(error["code"], "model_not_found");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("`general`") && message.contains("`fast`"),
        "{message}"
    );
    for (name, wrong) in [
        ("task", "two words"),
        ("priority", "urgent"),
        ("user", "a b"),
    ] {
        let name = format!("x-breakerbox-{name}");
        let answer = auto(&house, &[(&name, wrong)]).await;
        assert_eq!(error_of(&answer, 400)["param"], *name);
    }
    assert_eq!((one.count(), two.count()), (1, 3));
    let requests = "breakerbox_http_requests_total";
    let served = house
        .metric(requests, &["model=\"auto\"", "code=\"200\""])
        .await;
    assert!(served >= 4.0, "{served}");
}

#[tokio::test]
async fn another_model_of_the_route_says_for_which_it_stands_in() {
    let bad = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive]);
    let good = steady();
    let lines = serving("auto-bad", &bad, "[big]") + &serving("auto-good", &good, "[small]");
    let house = House::start(&format!("endpoints:\n{lines}{ROUTES}"));
    let answer = auto(&house, &CODE).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        answer.head.header("x-breakerbox-fallback"),
        Some("big>small")
    );
    assert_eq!(answer.head.header("x-breakerbox-model"), Some("small"));
    // Routes change with a reload, as models do.
    let other = ROUTES.replace("[big, small]", "[small]");
    house
        .reload(&format!("endpoints:\n{lines}{other}"))
        .await
        .expect("reloaded");
    let answer = auto(&house, &CODE).await;
    assert_eq!(answer.head.header("x-breakerbox-attempts"), Some("1"));
    assert_eq!(answer.head.header("x-breakerbox-fallback"), None);
}

#[tokio::test]
async fn auto_is_a_model_that_a_client_may_use_or_not() {
    let evil = steady();
    let line = serving("auto-globs", &evil, "[big, small]");
    let clients = "clients: [{ name: a, key: with, models: [auto] }, { name: b, key: without, models: [small] }]\n";
    let house = House::start(&format!("endpoints:\n{line}{clients}{ROUTES}"));
    let ids = async |key: &str| {
        let list = call(&house, "GET", "/v1/models", &[("x-api-key", key)], "")
            .await
            .json();
        let data = list["data"].as_array().expect("a list").clone();
        assert!(data.iter().all(|it| it["available"] == true));
        let ids = data
            .iter()
            .map(|it| it["id"].as_str().expect("an id").to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids("with").await, ["auto"]);
    assert_eq!(ids("without").await, ["small"]);
    let one = call(
        &house,
        "GET",
        "/v1/models/auto",
        &[("x-api-key", "with")],
        "",
    )
    .await;
    assert_eq!((one.status(), &one.json()["id"]), (200, &"auto".into()));
    assert_eq!(auto(&house, &[("x-api-key", "with")]).await.status(), 200);
    let refused = auto(&house, &[("x-api-key", "without")]).await;
    assert_eq!(error_of(&refused, 403)["code"], "model_not_allowed");
    // Without routes it is a model like any other that nobody serves.
    house
        .reload(&format!("endpoints:\n{line}{clients}"))
        .await
        .expect("reloaded");
    let gone = auto(&house, &[("x-api-key", "with")]).await;
    assert_eq!(error_of(&gone, 404)["code"], "model_not_found");
    assert!(ids("with").await.is_empty());
}

#[tokio::test]
async fn the_log_says_on_whose_behalf_a_request_was_made() {
    let bad = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         routing: {{ max_attempts: 1 }}\nendpoints:\n{}",
        endpoint("user-log", &bad.base_url(), "")
    );
    std::fs::write(&file, yaml).expect("a file");
    let file = file.to_str().expect("a path");
    let args = ["--log-format=json", "serve", "--config", file];
    let process = Process::start_with(&args, &[("RUST_LOG", "breakerbox=debug")]);
    let addr = address_in(&process.logs("\"gateway\"").await);
    let body = ask("m", "hello").to_string();
    let id = ("x-request-id", "of-a-user");
    let user = ("x-breakerbox-user", "u-7@example.com");
    for headers in [&[id, user][..], &[("x-request-id", "of-nobody")]] {
        let mut client = Client::connect(addr).await;
        client.request("POST", CHAT, headers, body.as_bytes()).await;
        assert_eq!(client.answer().await.status(), 502);
    }
    eventually(DEADLINE, || {
        let lines = process.err();
        lines
            .iter()
            .any(|line| line.contains("of-nobody") && line.contains("request failed"))
    })
    .await;
    let lines = json_lines(&process.err());
    let of = |id: &str| {
        let lines = lines.iter();
        lines
            .filter(|it| it["request_id"] == id)
            .cloned()
            .collect::<Vec<_>>()
    };
    let said = of("of-a-user");
    assert!(said.len() >= 2, "{lines:#?}");
    assert!(
        said.iter().all(|it| it["user"] == "u-7@example.com"),
        "{said:#?}"
    );
    assert!(of("of-nobody").iter().all(|it| it.get("user").is_none()));
    assert_eq!(bad.requests()[0].head.header("x-breakerbox-user"), None);
}
