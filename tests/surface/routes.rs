//! Every route with every method and some ways to write it; every answer has OpenAI's form.

use super::{call, error_of, house, steady};
use crate::support::chat::ask;
use crate::support::client::Client;

const CALLS: [&str; 4] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
];
const READS: [&str; 5] = ["/", "/v1/models", "/v1/models/m", "/livez", "/readyz"];
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

#[tokio::test]
async fn a_route_takes_its_own_method_and_names_it_to_others() {
    let evil = steady();
    let house = house("routes", &evil, "");
    for (routes, own, allowed) in [(&CALLS[..], "POST", "POST"), (&READS, "GET", "GET, HEAD")] {
        for route in routes {
            for method in METHODS {
                let body = if method == "POST" {
                    r#"{"model":"m","input":"hello","messages":[{"role":"user","content":"hello"}]}"#
                } else {
                    ""
                };
                let answer = call(&house, method, route, &[], body).await;
                if method == own {
                    assert_eq!(answer.status(), 200, "{method} {route}: {}", answer.text());
                    continue;
                }
                let error = error_of(&answer, 405);
                assert_eq!(error["code"], "method_not_allowed", "{method} {route}");
                assert_eq!(answer.head.header("allow"), Some(allowed));
            }
        }
    }
    assert_eq!(evil.count(), CALLS.len());
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_the_body() {
    let evil = steady();
    let house = house("head", &evil, "");
    for (address, routes) in [
        (house.addr(), &READS[..]),
        (house.admin(), &["/livez", "/readyz"]),
    ] {
        for route in routes {
            let mut client = Client::connect(address).await;
            client.request("GET", route, &[], b"").await;
            let whole = client.answer().await;
            // Two heads: were there a body, the second would begin with it.
            client.request("HEAD", route, &[], b"").await;
            client.request("HEAD", route, &[], b"").await;
            for _ in 0..2 {
                let head = client.head().await;
                assert_eq!(head.status(), 200, "{route}");
                for name in ["content-length", "content-type"] {
                    assert_eq!(
                        head.header(name),
                        whole.head.header(name),
                        "{name} of {route}"
                    );
                }
            }
        }
    }
    for route in CALLS {
        let mut client = Client::connect(house.addr()).await;
        client.request("HEAD", route, &[], b"").await;
        assert_eq!(client.head().await.status(), 405);
    }
}

#[tokio::test]
async fn every_other_path_is_unknown_and_never_goes_up() {
    let evil = steady();
    let clients = "clients: [{ name: a, key: right }]\n";
    let house = house("unknown-paths", &evil, clients);
    let body = ask("m", "hello").to_string();
    for path in [
        "/v1",
        "/v1/",
        "/v2/chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions/x",
        "/V1/chat/completions",
        "/v1/Chat/Completions",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/x/../chat/completions",
        "/v1/x/%2e%2e/chat/completions",
        "/v1%2fchat%2fcompletions",
        "/v1/chat/completions%00",
        "/v1/chat/completions;x",
        "/metrics",
        "/api/status",
    ] {
        for method in ["GET", "POST"] {
            let answer = call(&house, method, path, &[], &body).await;
            assert_eq!(
                error_of(&answer, 404)["code"],
                "unknown_path",
                "{method} {path}"
            );
        }
    }
    // Written otherwise, a route is the same route: it asks for the key all the same.
    for path in [
        "/v1/%63hat/completions",
        "/%761/chat/completions?x=1",
        "/v1/chat/completions?a",
    ] {
        let answer = call(&house, "POST", path, &[], &body).await;
        assert_eq!(error_of(&answer, 401)["code"], "invalid_api_key", "{path}");
    }
    assert_eq!(evil.count(), 0);
    // Only the admin address has metrics.
    let metrics = crate::support::client::get(house.admin(), "/metrics").await;
    assert_eq!(metrics.status(), 200);
}
