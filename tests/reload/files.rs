//! Files that change by themselves: as editors, Kubernetes and key rotation change them.

use std::os::unix::fs::symlink;

use breakerbox_actors::clock;
use serde_json::{Value, json};

use super::{Served, config};
use crate::support::client::Client;
use crate::support::wait::DEADLINE;

#[tokio::test]
async fn a_file_that_is_written_or_replaced_is_put_in_force() {
    let served = Served::plain().await;
    std::fs::write(served.path(), served.config("written")).expect("written");
    let status = served.generation(2).await;
    assert_eq!(status["reload"]["source"], "file");
    assert_eq!(served.asks("written").await, 200);
    served.replace(&served.config("renamed"));
    served.generation(3).await;
    assert_eq!(
        (served.asks("renamed").await, served.asks("written").await),
        (200, 404)
    );
}

#[tokio::test]
async fn a_swapped_symbolic_link_to_a_folder_is_seen_every_time() {
    let served = Served::start(|folder, url| {
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("..one")).expect("a folder");
        std::fs::write(at("..one/breakerbox.yaml"), config(url, "m")).expect("written");
        symlink("..one", at("..data")).expect("a link");
        symlink("..data/breakerbox.yaml", at("breakerbox.yaml")).expect("a link");
        at("breakerbox.yaml")
    })
    .await;
    for (number, model) in [(2, "two"), (3, "three")] {
        let at = |name: &str| served.folder.path().join(name);
        let folder = format!("..{model}");
        std::fs::create_dir(at(&folder)).expect("a folder");
        std::fs::write(at(&folder).join("breakerbox.yaml"), served.config(model)).expect("written");
        symlink(&folder, at("..data_tmp")).expect("a link");
        std::fs::rename(at("..data_tmp"), at("..data")).expect("swapped");
        served.generation(number).await;
        assert_eq!(served.asks(model).await, 200);
    }
}

#[tokio::test]
async fn a_rotated_key_file_is_a_reload() {
    let served = Served::start(|folder, url| {
        let keys = folder.path().join("keys");
        std::fs::create_dir(&keys).expect("a folder");
        std::fs::write(keys.join("team"), "key-of-yesterday\n").expect("written");
        let path = folder.path().join("breakerbox.yaml");
        let clients = "clients: [{ name: team, key_file: keys/team }]\n";
        std::fs::write(&path, config(url, "m") + clients).expect("written");
        path
    })
    .await;
    let by = async |key: &str| {
        let mut client = Client::connect(served.data).await;
        let line = format!("Bearer {key}");
        client
            .request("GET", "/v1/models", &[("authorization", &line)], b"")
            .await;
        client.answer().await.status()
    };
    assert_eq!(
        (by("key-of-yesterday").await, by("key-of-today").await),
        (200, 401)
    );
    std::fs::write(served.folder.path().join("keys/team"), "key-of-today\n").expect("written");
    let status = served.generation(2).await;
    let changes = &status["reload"]["changes"];
    assert_eq!(
        *changes,
        json!([{
            "what": "client", "name": "team", "key": "key", "kind": "changed", "from": null, "to": null,
            "start_only": false, "text": "client team: key: changed",
        }])
    );
    let line = served.process.logs("\"message\":\"reloaded\"").await;
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        (&line["changes"], &line["source"]),
        (&changes[0]["text"], &json!("file"))
    );
    assert_eq!(
        (by("key-of-yesterday").await, by("key-of-today").await),
        (401, 200)
    );
    assert!(!status.to_string().contains("key-of-"));
}

#[tokio::test]
async fn what_is_no_configuration_changes_nothing_and_the_next_good_one_does() {
    let served = Served::plain().await;
    let good = served.config("next");
    let half = &good[..good.len() - 30];
    let large = "x".repeat(10 << 20);
    // A text without an end begins where its quote is.
    let quote = half.lines().last().and_then(|it| it.rfind('"'));
    let quote = quote.expect("a quote") + 1;
    for (name, text, place, key) in [
        ("empty", "", None, ""),
        ("half", half, Some((4, quote)), ""),
        ("large", &large, None, ""),
        ("unknown key", "endpionts: []\n", Some((1, 1)), "endpionts"),
        (
            "unknown key far below",
            &(good.clone() + "routing:\n  retries: 3\n  quue: { max_wait: 1s }\n"),
            Some((6, 3)),
            "routing.retries",
        ),
    ] {
        served.replace(text);
        let answer = served.reload().await;
        assert_eq!(answer.status(), 422, "{name}: {}", answer.text());
        let told = answer.json();
        assert_eq!(
            (&told["ok"], &told["generation"]),
            (&false.into(), &1.into()),
            "{name}"
        );
        let problem = &told["problems"][0];
        assert!(problem["message"].is_string(), "{name}");
        let (line, column) = place.unzip();
        assert_eq!(
            (&problem["line"], &problem["column"], &problem["key"]),
            (&json!(line), &json!(column), &json!(key)),
            "{name}"
        );
        assert_eq!(served.asks("m").await, 200, "{name}");
        let status = served.status().await;
        assert_eq!(status["alerts"][0]["kind"], "config_rejected", "{name}");
        assert_eq!(
            status["alerts"].as_array().map(Vec::len),
            Some(1),
            "one incident"
        );
    }
    served.replace(&good);
    let status = served.generation(2).await;
    assert_eq!(served.asks("next").await, 200);
    assert!(status["reload"]["ok"] == true);
    let alerts = served.generation(2).await["alerts"][0].clone();
    assert!(alerts["at"].is_string());
}

/// The reason that is shown is the one of now: who mends the first would look in vain otherwise.
#[tokio::test]
async fn a_file_that_cannot_be_read_for_another_reason_says_which() {
    let served = Served::plain().await;
    let shows = async |words: &str| {
        let start = clock::now();
        loop {
            let status = served.status().await;
            let message = &status["reload"]["problems"][0]["message"];
            if message.as_str().is_some_and(|it| it.contains(words)) {
                break;
            }
            assert!(clock::now() - start < DEADLINE, "{words}: {status}");
        }
    };
    std::fs::remove_file(served.path()).expect("removed");
    shows("there is no such file").await;
    std::fs::create_dir(served.path()).expect("a folder");
    shows("it is a folder").await;
    std::fs::remove_dir(served.path()).expect("removed");
    shows("there is no such file").await;
    symlink(served.path(), served.path()).expect("a link to itself");
    shows("the system refuses").await;
    std::fs::remove_file(served.path()).expect("removed");
    std::fs::write(served.path(), served.config("back")).expect("written");
    served.generation(2).await;
    assert_eq!(served.asks("back").await, 200);
}
