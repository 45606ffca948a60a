//! Secrets and certificates that are rotated in their files, each written in place: in force without a word said.

use breakerbox_actors::clock;
use serde_json::{Value, json};

use super::{Served, config};
use crate::support::chat::good;
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::process::run;
use crate::support::wait::DEADLINE;
use crate::upstream::tls::secure::{Fault, Secure};

/// Starts a gateway whose endpoint, at `url`, has `more` keys, with `text` in the file `secret` beside its own.
async fn served(url: &str, more: &str, text: &str) -> Served {
    Served::start(|folder, _| {
        std::fs::write(folder.path().join("secret"), text).expect("written");
        let path = folder.path().join("breakerbox.yaml");
        let text = config(url, "m").replace("[m] }", &format!("[m]{more} }}"));
        std::fs::write(&path, text).expect("written");
        path
    })
    .await
}

fn rotate(served: &Served, text: &str) {
    std::fs::write(served.folder.path().join("secret"), text).expect("written");
}

#[tokio::test]
async fn the_key_of_an_endpoint() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let none = ", api_key_file: secret, probe: { kind: none }";
    let served = served(&evil.base_url(), none, "key-of-yesterday\n").await;
    let sent = async || {
        assert_eq!(served.asks("m").await, 200);
        let asked = evil.requests().pop().expect("a request");
        asked.head.header("authorization").map(str::to_owned)
    };
    assert_eq!(sent().await.as_deref(), Some("Bearer key-of-yesterday"));
    rotate(&served, "key-of-today\n");
    let status = served.generation(2).await;
    assert_eq!(sent().await.as_deref(), Some("Bearer key-of-today"));
    assert_eq!(
        status["reload"]["changes"][0]["text"],
        "endpoint only: api_key: changed"
    );
    assert!(!status.to_string().contains("key-of-"));
}

#[tokio::test]
async fn the_certificate_that_an_endpoint_is_known_by() {
    let (secure, other) = (Secure::start(Fault::None), Secure::start(Fault::None));
    let url = format!("https://localhost:{}/v1", secure.addr().port());
    let pem = |of: &Secure| std::fs::read_to_string(of.pem().path()).expect("a certificate");
    let more = ", ca_file: secret, probe: { kind: none }, breaker: { failure_threshold: 1000 }";
    let served = served(&url, more, &pem(&other)).await;
    assert_eq!(served.asks("m").await, 502, "a stranger");
    assert_eq!(secure.heard(), "");
    rotate(&served, &pem(&secure));
    served.generation(2).await;
    assert_eq!(served.asks("m").await, 200);
    // What is no certificate changes nothing.
    rotate(&served, "no certificate");
    let start = clock::now();
    while served.status().await["reload"]["ok"] == true {
        assert!(clock::now() - start < DEADLINE);
    }
    assert_eq!(served.asks("m").await, 200);
    rotate(&served, &pem(&other));
    served.generation(3).await;
    assert_eq!(served.asks("m").await, 502, "a stranger again");
}

/// Going back reads the file as it is now, so that nothing about it has changed.
#[tokio::test]
async fn a_certificate_that_was_renewed_stays_so_when_going_back() {
    let (secure, other) = (Secure::start(Fault::None), Secure::start(Fault::None));
    let url = format!("https://localhost:{}/v1", secure.addr().port());
    let pem = |of: &Secure| std::fs::read_to_string(of.pem().path()).expect("a certificate");
    let served = served(
        &url,
        ", ca_file: secret, probe: { kind: none }",
        &pem(&other),
    )
    .await;
    rotate(&served, &pem(&secure));
    served.generation(2).await;
    let text = std::fs::read_to_string(served.path()).expect("the file");
    served.replace(&text.replace("ca_file:", "weight: 2, ca_file:"));
    served.generation(3).await;
    let back = async |generation: u64| {
        let body = json!({ "generation": generation }).to_string();
        let mut client = Client::connect(served.admin).await;
        client
            .request("POST", "/api/config/rollback", &[], body.as_bytes())
            .await;
        let answer: Value = client.answer().await.json();
        answer["changes"].clone()
    };
    let [changes, again] = [back(1).await, back(2).await];
    assert_eq!(changes.as_array().map(Vec::len), Some(1), "{changes}");
    assert_eq!(changes[0]["key"], "weight");
    assert_eq!(again, json!([]), "the same with the same certificate");
    assert_eq!(served.asks("m").await, 200);
}

#[tokio::test]
async fn the_token_of_the_admin_address() {
    let served = Served::start(|folder, url| {
        std::fs::write(folder.path().join("secret"), "token-of-yesterday\n").expect("written");
        let path = folder.path().join("breakerbox.yaml");
        let token = "admin: { listen: \"127.0.0.1:0\", token_file: secret }";
        let text = config(url, "m").replace("admin: { listen: \"127.0.0.1:0\" }", token);
        std::fs::write(&path, text).expect("written");
        path
    })
    .await;
    let by = async |token: &str| {
        let mut client = Client::connect(served.admin).await;
        let line = format!("Bearer {token}");
        let headers = [("authorization", line.as_str())];
        client.request("GET", "/api/status", &headers, b"").await;
        client.answer().await
    };
    let both = async || {
        [
            by("token-of-yesterday").await.status(),
            by("token-of-today").await.status(),
        ]
    };
    assert_eq!(both().await, [200, 401]);
    rotate(&served, "token-of-today\n");
    // Asked with what was right until now: whoever guesses is soon made to wait.
    let start = clock::now();
    while by("token-of-yesterday").await.status() == 200 {
        assert!(clock::now() - start < DEADLINE, "not in force");
    }
    assert_eq!(both().await, [401, 200]);
    let status: Value = by("token-of-today").await.json();
    assert_eq!(status["generation"], 2);
    assert!(!status.to_string().contains("token-of-"));
}

#[tokio::test]
async fn going_back_leaves_what_was_rotated_as_it_is_now() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let url = evil.base_url();
    let secrets = ["token", "client", "provider"];
    let write = |folder: &std::path::Path, day: &str| {
        for name in secrets {
            std::fs::write(folder.join(name), format!("{name}-of-{day}\n")).expect("written");
        }
    };
    let served = Served::start(|folder, _| {
        write(folder.path(), "yesterday");
        let path = folder.path().join("breakerbox.yaml");
        let admin = "admin: { listen: \"127.0.0.1:0\", token_file: token }";
        let text = config(&url, "m")
            .replace("admin: { listen: \"127.0.0.1:0\" }", admin)
            .replace(
                "[m] }",
                "[m], api_key_file: provider, probe: { kind: none } }",
            );
        std::fs::write(
            &path,
            text + "clients: [{ name: team, key_file: client }]\n",
        )
        .expect("written");
        path
    })
    .await;
    let asks = async |addr, method: &str, path: &str, key: &str, body: &str| {
        let mut client = Client::connect(addr).await;
        let line = format!("Bearer {key}");
        let headers = [("authorization", line.as_str())];
        client
            .request(method, path, &headers, body.as_bytes())
            .await;
        client.answer().await
    };
    let status = async |day: &str| {
        let token = format!("token-of-{day}");
        asks(served.admin, "GET", "/api/status", &token, "")
            .await
            .status()
    };
    let chat = async |day: &str| {
        let body = crate::support::chat::ask("m", "hello").to_string();
        let key = format!("client-of-{day}");
        asks(served.data, "POST", crate::support::chat::CHAT, &key, &body)
            .await
            .status()
    };
    let sees = async || {
        assert_eq!([chat("yesterday").await, chat("today").await], [401, 200]);
        assert_eq!(
            [status("yesterday").await, status("today").await],
            [401, 200]
        );
        let asked = evil.requests().pop().expect("a request");
        let key = asked.head.header("authorization");
        assert_eq!(key, Some("Bearer provider-of-today"));
    };
    write(served.folder.path(), "today");
    let start = clock::now();
    loop {
        let token = "token-of-today";
        let answer = asks(served.admin, "GET", "/api/config/diff", token, "").await;
        if answer.status() == 200 && answer.json()["changes"] == json!([]) {
            break;
        }
        // Each wrong token counts as a guess.
        if answer.status() != 200 {
            asks(
                served.admin,
                "POST",
                "/api/reload",
                "token-of-yesterday",
                "",
            )
            .await;
        }
        assert!(clock::now() - start < DEADLINE, "{}", answer.text());
    }
    sees().await;
    let back = "{\"generation\":1}";
    let back = asks(
        served.admin,
        "POST",
        "/api/config/rollback",
        "token-of-today",
        back,
    )
    .await;
    assert_eq!(back.status(), 200, "{}", back.text());
    assert_eq!(back.json()["source"], "rollback");
    sees().await;
    // Whoever reads the token's file, as the command does, is not locked out.
    let ended = run(&[
        "reload",
        "--config",
        served.path().to_str().expect("text"),
        "--admin",
        &served.admin.to_string(),
    ])
    .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn a_key_file_that_was_broken_and_is_restored_has_changed_nothing() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let more = ", api_key_file: secret, probe: { kind: none }";
    let served = served(&evil.base_url(), more, "key-of-today\n").await;
    for _ in 0..2 {
        rotate(&served, "");
        let start = clock::now();
        while served.status().await["reload"]["ok"] == true {
            assert!(clock::now() - start < DEADLINE);
        }
        rotate(&served, "key-of-today\n");
        let start = clock::now();
        let status = loop {
            let status = served.status().await;
            if status["reload"]["ok"] == true {
                break status;
            }
            assert!(clock::now() - start < DEADLINE);
        };
        assert_eq!(
            (&status["generation"], &status["reload"]["changes"]),
            (&json!(1), &json!([]))
        );
    }
    rotate(&served, "key-of-tomorrow\n");
    served.generation(2).await;
}
