//! Who may ask for what, at first and after a reload.

use sha2::{Digest, Sha256};

use crate::support::chat::{CHAT, ask, good, response};
use crate::support::client::{Answer, Client};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::process::{Process, json_lines};

fn yaml(evil: &Evil, clients: &str) -> String {
    format!(
        "endpoints: [{{ name: a, provider: openai-compatible, base_url: \"{}\", models: [m, n], \
         probe: {{ kind: none }} }}]\nclients: [{clients}]\n",
        evil.base_url()
    )
}

async fn chat(address: std::net::SocketAddr, key: &str, model: &str) -> Answer {
    let mut client = Client::connect(address).await;
    let bearer = format!("Bearer {key}");
    let body = ask(model, "hello").to_string();
    let headers = [("authorization", &*bearer)];
    client
        .request("POST", CHAT, &headers, body.as_bytes())
        .await;
    client.answer().await
}

fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

#[tokio::test]
pub(super) async fn keys() {
    let evil = steady();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "third\n").expect("written");
    let hash: String = Sha256::digest("second")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let forms = [
        ("first", "key: first".to_owned()),
        ("second", format!("key_sha256: {hash}")),
        ("third", format!("key_file: \"{}\"", file.display())),
        ("fourth", "key: fourth".to_owned()),
    ];
    let yaml = |form: &str| yaml(&evil, &format!("{{ name: x, {form} }}"));
    let house = House::start(&yaml("key: first"));
    for (good, form) in &forms {
        house.reload(&yaml(form)).await.expect("reloaded");
        for (key, _) in &forms {
            let status = chat(house.addr(), key, "m").await.status();
            assert_eq!(
                status,
                if key == good { 200 } else { 401 },
                "{key}, with {form}"
            );
        }
    }
}

#[tokio::test]
pub(super) async fn models() {
    let evil = steady();
    let yaml = |models: &str| {
        yaml(
            &evil,
            &format!("{{ name: x, key: k, models: [\"{models}\"] }}"),
        )
    };
    let house = House::start(&yaml("m"));
    for (models, m, n) in [("m", 200, 403), ("n", 403, 200), ("?", 200, 200)] {
        house.reload(&yaml(models)).await.expect("reloaded");
        assert_eq!(chat(house.addr(), "k", "m").await.status(), m, "{models}");
        assert_eq!(chat(house.addr(), "k", "n").await.status(), n, "{models}");
    }
}

/// A name is for people: they find it in the log.
#[tokio::test]
pub(super) async fn name() {
    let evil = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}"))]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let write = |name: &str| {
        let yaml = yaml(&evil, &format!("{{ name: {name}, key: k }}"));
        let listen = "{ listen: \"127.0.0.1:0\" }";
        let yaml =
            format!("server: {listen}\nadmin: {listen}\n{yaml}routing: {{ max_attempts: 1 }}\n");
        std::fs::write(&file, yaml).expect("written");
    };
    write("team-one");
    let path = file.to_str().expect("a path");
    let (process, addr, _) = Process::serve(path).await;
    for (number, name) in ["team-one", "team-two"].into_iter().enumerate() {
        if number > 0 {
            write(name);
            process.signal("HUP");
            process.logs("\"message\":\"reloaded\"").await;
        }
        assert_eq!(chat(addr, "k", "m").await.status(), 502);
        process.logs(&format!("\"client\":\"{name}\"")).await;
    }
    let lines = json_lines(&process.err());
    let failed = lines
        .iter()
        .filter(|line| line["message"] == "request failed");
    let clients: Vec<_> = failed.map(|line| &line["client"]).collect();
    assert_eq!(clients, ["team-one", "team-two"]);
}
