//! Reloading by hand: the API, the command line, and back.

use breakerbox_actors::clock;
use serde_json::json;

use super::Served;
use crate::support::client::{Client, get, post};
use crate::support::process::run;
use crate::support::wait::DEADLINE;

#[tokio::test]
async fn the_commands_ask_the_running_gateway_and_tell_by_their_exit_code() {
    let served = Served::plain().await;
    let admin = served.admin.to_string();
    let reload = ["reload", "--admin", &admin];
    served.replace(&served.config("m, n"));
    let ended = run(&reload).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.starts_with("reloaded: "), "{}", ended.out);
    served.replace("endpoints:\n  - { name: a, wieght: 1 }\n");
    let ended = run(&reload).await;
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(
        ended.out.contains("2:16: endpoints[0].wieght: "),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("did you mean: weight"), "{}", ended.out);
    assert!(
        ended.out.ends_with("refused: generation 2 stays in force"),
        "{}",
        ended.out
    );
    // Whom to ask is said: the file is not needed, and a name will do.
    let named = format!("http://localhost:{}/", served.admin.port());
    for admin in [&admin, &named] {
        let ended = run(&["status", "--config", "missing.yaml", "--admin", admin]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let ended = run(&["status", "--admin", &admin]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in [
        "generation 2 ",
        "(the last reload was refused)",
        "ENDPOINT",
        "only",
        "config",
        "alerts:",
    ] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    let ended = run(&["status", "--admin", "127.0.0.1:9"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(
        ended.err.contains("no gateway answers at 127.0.0.1:9"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("is it running? "), "{}", ended.err);
    assert_eq!(
        run(&["reload", "--admin", "127.0.0.1:9"]).await.code,
        Some(1)
    );
}

/// What a newcomer gets wrong, and what to do about it.
#[tokio::test]
async fn a_command_that_asks_the_wrong_way_says_what_is_right() {
    let served = Served::plain().await;
    let admin = served.admin.to_string();
    let data = served.data.to_string();
    let wrong = async |args: &[&str], says: &str| {
        let ended = run(args).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{args:?}");
        assert!(ended.err.contains(says), "{args:?}: {}", ended.err);
    };
    for command in ["status", "reload"] {
        wrong(&[command, "--admin", &data], "that is admin.listen").await;
    }
    wrong(&["top", "--admin", &admin], "`breakerbox status` prints").await;
    let token = "admin: { listen: \"127.0.0.1:0\", token: right }";
    served.replace(
        &served
            .config("m")
            .replace("admin: { listen: \"127.0.0.1:0\" }", token),
    );
    let start = clock::now();
    while run(&["status", "--admin", &admin]).await.code == Some(0) {
        assert!(clock::now() - start < DEADLINE, "the token is not in force");
    }
    wrong(&["status", "--admin", &admin], "give --token, or --config").await;
    let ended = run(&["status", "--admin", &admin, "--token", "right"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn what_was_in_force_is_kept_and_can_be_put_in_force_again() {
    let served = Served::plain().await;
    served.replace(&served.config("n"));
    served.generation(2).await;
    let history = get(served.admin, "/api/config/history").await.json();
    let numbers: Vec<_> = history["history"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["generation"].clone())
        .collect();
    assert_eq!(numbers, [json!(2), json!(1)]);
    assert_eq!(
        history["history"][1]["config"]["endpoints"][0]["models"][0]["name"],
        "m"
    );
    let back = post(
        served.admin,
        "/api/config/rollback",
        &json!({ "generation": 1 }),
    )
    .await;
    assert_eq!(back.status(), 200, "{}", back.text());
    assert_eq!(
        (&back.json()["generation"], &back.json()["source"]),
        (&json!(3), &json!("rollback"))
    );
    assert_eq!((served.asks("m").await, served.asks("n").await), (200, 404));
    let config = get(served.admin, "/api/config").await.json();
    assert_eq!(config["config"]["endpoints"][0]["responses"], "chat");
    let diff = get(served.admin, "/api/config/diff").await.json();
    assert!(
        diff["ok"] == true && diff["changes"].to_string().contains("models: m → n"),
        "{diff}"
    );
    let gone = post(
        served.admin,
        "/api/config/rollback",
        &json!({ "generation": 9 }),
    )
    .await;
    assert_eq!(gone.status(), 404);
    assert_eq!(
        post(served.admin, "/api/config/rollback", &json!({}))
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn ten_are_kept_and_going_back_holds_until_the_file_is_another() {
    let served = Served::plain().await;
    for number in 2..=12 {
        served.replace(&served.config(&format!("m{number}")));
        served.generation(number).await;
    }
    let kept = async || {
        let history = get(served.admin, "/api/config/history").await.json();
        let history = history["history"].as_array().expect("a list").clone();
        let numbers = history.iter().filter_map(|it| it["generation"].as_u64());
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(kept().await, (3..=12).rev().collect::<Vec<_>>());
    let back = async |generation: u64| {
        let back = json!({ "generation": generation });
        post(served.admin, "/api/config/rollback", &back).await
    };
    assert_eq!(back(2).await.status(), 404, "it is forgotten");
    assert_eq!(back(3).await.json()["generation"], 13);
    assert_eq!(kept().await, (4..=13).rev().collect::<Vec<_>>());
    // The same file once more is no other file; or the one after it would be the 15th.
    served.replace(&served.config("m12"));
    assert_eq!(
        (served.asks("m3").await, served.asks("m12").await),
        (200, 404)
    );
    served.replace(&served.config("next"));
    served.generation(14).await;
    assert_eq!(
        (served.asks("next").await, served.asks("m3").await),
        (200, 404)
    );
}

#[tokio::test]
async fn going_back_does_not_hide_that_the_file_is_broken() {
    let served = Served::plain().await;
    served.replace("endpoints: 7\n");
    assert_eq!(served.reload().await.status(), 422);
    let back = json!({ "generation": 1 });
    let back = post(served.admin, "/api/config/rollback", &back).await;
    assert_eq!(back.status(), 200, "{}", back.text());
    let open = async || {
        let alerts = get(served.admin, "/api/alerts").await.json();
        let alerts = alerts["alerts"].as_array().expect("a list").clone();
        alerts
            .iter()
            .any(|it| it["kind"] == "config_rejected" && it["resolved_at"].is_null())
    };
    let metrics = get(served.admin, "/metrics").await.text();
    assert!(open().await);
    assert!(metrics.contains("breakerbox_config_last_reload_successful 0"));
    served.replace(&served.config("n"));
    assert_eq!(served.reload().await.status(), 200);
    let start = clock::now();
    while open().await {
        assert!(clock::now() - start < DEADLINE);
    }
}

#[tokio::test]
async fn start_only_keys_are_refused_by_name_everywhere() {
    let served = Served::plain().await;
    let text = served.config("n").replace("workers: 1", "workers: 2");
    served.replace(&text);
    let line = text.lines().position(|it| it.contains("workers: 2"));
    let line = line.expect("a line") + 1;
    let told = served.reload().await;
    assert_eq!(told.status(), 422);
    let problem = told.json()["problems"][0].clone();
    assert_eq!(
        (&problem["key"], &problem["line"], &problem["expected"]),
        (
            &json!("server.workers"),
            &json!(line),
            &json!("1, as is in force")
        )
    );
    let status = served.status().await;
    assert_eq!(status["reload"]["problems"][0], problem);
    let message = &status["alerts"][0]["message"];
    let where_ = format!("line {line}: server.workers: only a restart can change this");
    assert!(
        message.as_str().is_some_and(|it| it.contains(&where_)),
        "{message}"
    );
    let diff = get(served.admin, "/api/config/diff").await.json();
    assert_eq!(
        (&diff["ok"], &diff["problems"][0]),
        (&json!(false), &problem)
    );
    let workers = &diff["changes"][0];
    assert_eq!(
        (&workers["key"], &workers["to"], &workers["start_only"]),
        (&json!("server.workers"), &json!("2"), &json!(true))
    );
    let ended = run(&["reload", "--admin", &served.admin.to_string()]).await;
    assert_eq!(ended.code, Some(78), "{ended:?}");
    let told = "server.workers: only a restart can change this\n";
    assert!(
        ended.out.starts_with(&format!("{line}:")) && ended.out.contains(told),
        "{}",
        ended.out
    );
    let named = format!("only a restart can change server.workers (line {line})");
    served.process.logs(&named).await;
    assert_eq!(served.asks("m").await, 200);
}

#[tokio::test]
async fn a_text_can_be_checked_and_a_model_explained_without_changing_anything() {
    let served = Served::plain().await;
    let check = async |text: &str| {
        let mut client = Client::connect(served.admin).await;
        client
            .request("POST", "/api/check", &[], text.as_bytes())
            .await;
        client.answer().await.json()
    };
    let good = check(&served.config("n")).await;
    assert!(
        good["ok"] == true && good["changes"].to_string().contains("models: m → n"),
        "{good}"
    );
    // Nobody reads the environment that way.
    let told = check(&served.config("n").replace("only", "${PATH}")).await;
    assert!(!told.to_string().contains("/bin"), "{told}");
    let told = check(&served.config("\"${NO_SUCH:-n}\"")).await;
    assert_eq!((&told["ok"], &told["changes"]), (&json!(true), &json!([])));
    let note = told["notes"][0].as_str().expect("a note");
    assert!(note.contains("variables"), "{note}");
    let bad = check("endpoints: 7\n").await;
    assert!(
        bad["ok"] == false && bad["problems"][0]["line"] == 1,
        "{bad}"
    );
    let explained = get(served.admin, "/api/explain?model=m").await.json();
    assert_eq!(explained["tiers"][0]["endpoints"][0]["endpoint"], "only");
    assert_eq!(explained["live"][0]["endpoint"], "only");
    assert_eq!(
        get(served.admin, "/api/explain?model=x").await.status(),
        404
    );
    assert_eq!(served.asks("m").await, 200);
    assert_eq!(served.asks("none").await, 404);
    let requests = get(served.admin, "/api/requests?status=4xx").await.json();
    assert_eq!(
        requests["requests"].as_array().map(Vec::len),
        Some(1),
        "{requests}"
    );
    let id = requests["requests"][0]["id"].as_str().expect("an id");
    let one = get(served.admin, &format!("/api/requests/{id}"))
        .await
        .json();
    assert_eq!(
        (&one["status"], &one["error"]["code"]),
        (&json!(404), &json!("model_not_found"))
    );
    let all = get(served.admin, "/api/requests?endpoint=only&limit=5")
        .await
        .json();
    assert_eq!(
        all["requests"][0]["attempts"][0]["outcome"], "success",
        "{all}"
    );
    for wrong in [
        "nonsense=1",
        "status=abc",
        "status=600",
        "status=5x",
        "status=50",
        "status=axx",
    ] {
        let answer = get(served.admin, &format!("/api/requests?{wrong}")).await;
        assert_eq!(answer.status(), 400, "{wrong}");
        assert_eq!(answer.json()["error"]["code"], "invalid_filter", "{wrong}");
    }
}

#[tokio::test]
async fn a_text_that_is_checked_opens_no_files_of_its_own() {
    let served = Served::start(|folder, url| {
        std::fs::write(folder.path().join("key"), "a-key").expect("written");
        std::fs::write(folder.path().join("other"), "another-key").expect("written");
        let path = folder.path().join("breakerbox.yaml");
        let text = super::config(url, "m").replace("models:", "api_key_file: key, models:");
        std::fs::write(&path, text).expect("written");
        path
    })
    .await;
    let check = async |file: &str| {
        let file = format!("api_key_file: {file}, ca_file: {file}, models:");
        let text = served.config("m").replace("models:", &file);
        let mut client = Client::connect(served.admin).await;
        client
            .request("POST", "/api/check", &[], text.as_bytes())
            .await;
        client.answer().await.json()
    };
    let there = served.folder.path().join("other").display().to_string();
    let none = served.folder.path().join("none").display().to_string();
    let [there, none, passwd] = [
        check(&there).await,
        check(&none).await,
        check("/etc/passwd").await,
    ];
    assert_eq!(
        (&there["ok"], &there["problems"]),
        (&json!(true), &json!([]))
    );
    let notes = there["notes"].to_string();
    assert!(notes.contains("not read here: 2"), "{notes}");
    assert_eq!(there["notes"], none["notes"]);
    assert_eq!(
        (&there["problems"], &there["problems"]),
        (&none["problems"], &passwd["problems"])
    );
    // Those in force are no secret to whoever reads them all the time.
    let own = check("key").await;
    assert!(
        own["problems"]
            .to_string()
            .contains("no certificate in this file"),
        "{own}"
    );
    assert_eq!(own["notes"], json!([]));
}

#[tokio::test]
async fn a_broken_file_still_says_whom_to_ask() {
    let served = Served::plain().await;
    let file = served.path();
    let file = file.to_str().expect("text");
    let admin = served.admin;
    let section = format!("admin: {{ listen: \"{admin}\", token: unused }}\n");
    for broken in [
        "endpoints:\n  - { name: a, wieght: 1 }\nclients: 7\n",
        "endpoints:\n  - { name: a, models: [m\n",
        "endpoints:\n\t- name: a\n",
        "endpoints:\n  - { name: \"${UNSET_ANYWHERE:?not set}\" }\n",
    ] {
        served.replace(&(section.clone() + broken));
        let ended = run(&["status", "--config", file]).await;
        assert_eq!(ended.code, Some(0), "{broken}: {ended:?}");
        let ended = run(&["reload", "--config", file]).await;
        assert_eq!(ended.code, Some(78), "{broken}: {ended:?}");
    }
    for broken in [
        "endpoints: [\n",
        "admin: { listen: nowhere }\n",
        "admin: { token: \"${UNSET_ANYWHERE:?not set}\" }\n",
        "7\n",
    ] {
        served.replace(broken);
        let ended = run(&["status", "--config", file]).await;
        assert_eq!(ended.code, Some(1), "{broken}: {ended:?}");
        assert!(
            ended
                .err
                .contains("whom to ask cannot be read: give --admin"),
            "{broken}: {}",
            ended.err
        );
    }
}
