//! Keys of clients: four places for them, what they may use, and when they end.

use super::{call, chat_with, error_of, house, steady};
use crate::support::chat::CHAT;

/// A hash instead of the key: that of `second`.
const CLIENTS: &str = "clients:\n  \
    - { name: all, key: first }\n  \
    - { name: hashed, key_sha256: 16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4 }\n  \
    - { name: some, key: third, models: [\"gpt-*\", x?z] }\n";

#[tokio::test]
async fn a_key_may_come_in_any_of_four_headers() {
    let evil = steady();
    let house = house("key-forms", &evil, CLIENTS);
    let mut good = 0;
    for key in ["first", "second"] {
        let bearer = format!("Bearer {key}");
        let small = format!("bearer {key}");
        let forms = [
            ("authorization", &*bearer),
            ("authorization", &*small),
            ("x-api-key", key),
            ("api-key", key),
            ("x-goog-api-key", key),
        ];
        for form in forms {
            assert_eq!(chat_with(&house, &[form]).await.status(), 200, "{form:?}");
            good += 1;
        }
    }
    for headers in [
        &[][..],
        &[("authorization", "Bearer wrong")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer")],
        &[("authorization", "first")],
        &[("authorization", "Basic first")],
        &[("authorization", "Bearer first, first")],
        &[("x-api-key", "firs")],
        &[("api-key", "first2")],
        &[("x-goog-api-key", "FIRST")],
        &[("cookie", "first"), ("x-key", "first")],
        // A wrong key is not made good by another header.
        &[("authorization", "Bearer wrong"), ("x-api-key", "first")],
    ] {
        let answer = chat_with(&house, headers).await;
        assert_eq!(
            error_of(&answer, 401)["code"],
            "invalid_api_key",
            "{headers:?}"
        );
        for secret in ["first", "second", "third", "wrong"] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
        let models = call(&house, "GET", "/v1/models", headers, "").await;
        assert_eq!(models.status(), 401, "{headers:?}");
    }
    assert_eq!(evil.count(), good);
}

/// Many clients may be behind one address: only wrong keys wait.
#[tokio::test]
async fn who_tries_keys_has_to_wait_and_a_right_one_never_does() {
    let evil = steady();
    let house = house("key-guesses", &evil, CLIENTS);
    let mut refused = [0; 2];
    for number in 0..400 {
        let key = format!("guess-{number}");
        let answer = chat_with(&house, &[("x-api-key", &key)]).await;
        if answer.status() == 401 {
            refused[0] += 1;
            continue;
        }
        refused[1] += 1;
        let error = error_of(&answer, 429);
        assert_eq!(error["code"], "too_many_guesses");
        assert!(!answer.text().contains("guess-"), "{}", answer.text());
        assert_eq!(answer.head.header("retry-after"), Some("1"));
        assert_eq!(answer.head.header("x-should-retry"), Some("false"));
        let right = chat_with(&house, &[("x-api-key", "first")]).await;
        assert_eq!(right.status(), 200);
    }
    // A hundred at once, and ten more each second.
    assert!(refused[0] >= 100 && refused[1] >= 1, "{refused:?}");
    // No key is no guess.
    assert_eq!(chat_with(&house, &[]).await.status(), 401);
    let metrics = crate::support::client::get(house.admin(), "/metrics").await;
    let told = metrics.text();
    for reason in ["wrong", "throttled"] {
        let name =
            format!("breakerbox_credentials_refused_total{{plane=\"data\",reason=\"{reason}\"}}");
        let line = told.lines().find(|it| it.starts_with(&name));
        assert!(line.is_some_and(|it| !it.ends_with(" 0")), "{name}");
    }
}

#[tokio::test]
async fn a_key_opens_the_models_of_its_globs_and_shows_no_others() {
    let evil = steady();
    let base = evil.base_url();
    let yaml = format!(
        "endpoints:\n  - {{ name: globs, provider: openai-compatible, base_url: \"{base}\", \
         models: [gpt-4, gpt-4-mini, xyz, xyyz, secret], probe: {{ kind: none }} }}\n{CLIENTS}"
    );
    let house = crate::support::gateway::House::start(&yaml);
    let key = [("x-api-key", "third")];
    let ask = async |model: &str| {
        let body = crate::support::chat::ask(model, "hello").to_string();
        call(&house, "POST", CHAT, &key, &body).await
    };
    for model in ["gpt-4", "gpt-4-mini", "xyz"] {
        assert_eq!(ask(model).await.status(), 200, "{model}");
    }
    for model in ["xyyz", "secret"] {
        assert_eq!(
            error_of(&ask(model).await, 403)["code"],
            "model_not_allowed"
        );
    }
    let unknown = ask("gpt-5").await;
    let error = error_of(&unknown, 404);
    assert_eq!(error["code"], "model_not_found");
    assert!(unknown.text().contains("gpt-4"), "near names are listed");
    assert!(
        !error_of(&ask("xyzz").await, 403)
            .to_string()
            .contains("xyyz")
    );
    let list = call(&house, "GET", "/v1/models", &key, "").await.json();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["id"].as_str())
        .collect();
    assert_eq!(ids, ["gpt-4", "gpt-4-mini", "xyz"]);
    assert_eq!(
        call(&house, "GET", "/v1/models/secret", &key, "")
            .await
            .status(),
        404
    );
    assert_eq!(evil.count(), 3);
}
