//! Canary keys through every kind of failure: in no answer, no header, no metric, no path of the admin address, no
//! frame of its socket and no line of the log.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::chat::{
    CHAT, ask, ask_stream, chunk, completion, delta, response, stream_head,
};
use crate::support::client::{Client, get};
use crate::support::evil::{Act, Evil};
use crate::support::process::{Process, address_in};
use crate::support::socket::{Frame, Socket};

const CLIENT: &str = "canary-client-7f3a";
const PROVIDER: &str = "canary-provider-9c1d";
const ADMIN: &str = "canary-admin-2b8e";

/// Everything that can go wrong, in turn; what a provider would echo, it echoes.
fn faults() -> Vec<Vec<Act>> {
    let echo = format!("{{\"error\":{{\"message\":\"Incorrect API key: {PROVIDER}\"}}}}");
    let key = [
        ("x-echo", PROVIDER),
        ("connection", "close"),
        ("set-cookie", PROVIDER),
    ];
    let mut faults: Vec<Vec<Act>> = [500, 503, 429, 401, 402, 403, 302, 418]
        .map(|status| vec![Act::Send(response(status, &key, &echo))])
        .into();
    faults.extend([
        vec![Act::Send(response(200, &key, &echo))],
        vec![Act::Send(response(200, &key, PROVIDER))],
        vec![Act::Send(response(
            200,
            &key,
            &completion("hello").to_string(),
        ))],
        vec![Act::Rst],
        vec![Act::Fin],
        vec![Act::text(PROVIDER)],
        vec![
            Act::text("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
            Act::Fin,
        ],
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&delta("hel"))),
            Act::Fin,
        ],
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk("data: nonsense\n\n")),
        ],
    ]);
    faults
}

/// Everything that the admin address answers: each path of its document and the others, asked with `text` for a
/// configuration.
async fn told(admin: SocketAddr, text: &str) -> String {
    let bearer = format!("Bearer {ADMIN}");
    let ask = async |verb: &str, path: &str, body: &str| {
        let mut client = Client::connect(admin).await;
        let headers = [("authorization", &*bearer)];
        client.request(verb, path, &headers, body.as_bytes()).await;
        let answer = client.answer().await;
        assert!(answer.status() < 500, "{verb} {path}: {}", answer.text());
        (
            answer.status(),
            String::from_utf8_lossy(&answer.head.raw).into_owned() + &answer.text(),
        )
    };
    let mut client = Client::connect(admin).await;
    let headers = [("authorization", &*bearer)];
    client.request("GET", "/openapi.json", &headers, b"").await;
    let document = client.answer().await.json();
    client.request("GET", "/api/requests", &headers, b"").await;
    let requests = client.answer().await.json();
    let id = requests["requests"][0]["id"].as_str().expect("a request");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 15, "{}", paths.len());
    let mut shown = String::new();
    let mut good = 0;
    for (path, verbs) in paths {
        let body = match path.as_str() {
            "/api/check" => text,
            "/api/config/rollback" => "{\"generation\":1}",
            _ => "",
        };
        let query = if path == "/api/explain" {
            "?model=m0"
        } else {
            ""
        };
        let path = path.replace("{name}", "e0").replace("{id}", id) + query;
        for verb in verbs.as_object().expect("verbs").keys() {
            let (status, answer) = ask(&verb.to_uppercase(), &path, body).await;
            good += usize::from(status == 200);
            shown += &answer;
        }
    }
    assert!(good + 2 >= paths.len(), "{good} of {}", paths.len());
    for path in ["/metrics", "/openapi.json", "/", "/readyz", "/nowhere"] {
        shown += &ask("GET", path, "").await.1;
    }
    let head = format!("authorization: {bearer}");
    let (status, mut socket) = Socket::ask(admin, &[&head]).await;
    assert_eq!(status, 101);
    shown += &socket.head;
    socket.send(&json!({ "action": "force_check" })).await;
    let mut kinds = Vec::new();
    while !kinds.iter().any(|it| it == "force_check_complete") {
        if let Some(Frame::Text(frame)) = socket.next().await {
            kinds.push(frame["type"].as_str().expect("a type").to_owned());
            shown += &frame.to_string();
        }
    }
    assert!(kinds.iter().any(|it| it == "init"), "{kinds:?}");
    shown
}

#[tokio::test]
async fn no_secret_shows_anywhere() {
    // Each in a place of its own: some would keep the gateway from asking again.
    let evils: Vec<Evil> = faults()
        .into_iter()
        .map(|acts| Evil::start(move |_, _| acts.clone()))
        .collect();
    let endpoints: String = evils
        .iter()
        .enumerate()
        .map(|(number, evil)| {
            format!(
                "  - {{ name: e{number}, provider: openai-compatible, base_url: \"{}\", \
                 api_key: \"${{PROVIDER}}\", models: [m{number}], probe: {{ interval: 1s, timeout: 1s }} }}\n",
                evil.base_url()
            )
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\n\
         admin: {{ listen: \"127.0.0.1:0\", token: \"${{ADMIN}}\" }}\n\
         endpoints:\n{endpoints}\
         breaker: {{ failure_threshold: 100000, min_requests: 100000 }}\n\
         clients: [{{ name: a, key: \"${{CLIENT}}\" }}]\n\
         routing: {{ max_attempts: 1, queue: {{ max_wait: 0s }} }}\n"
    );
    std::fs::write(&file, &yaml).expect("written");
    let path = file.to_str().expect("a path");
    let variables = [
        ("CLIENT", CLIENT),
        ("PROVIDER", PROVIDER),
        ("ADMIN", ADMIN),
        ("RUST_LOG", "debug"),
    ];
    let args = ["--log-format=text", "serve", "--config", path];
    let gateway = Process::start_with(&args, &variables);
    let addr = address_in(&gateway.logs("gateway   ").await);
    let admin = address_in(&gateway.logs("metrics   ").await);

    let mut shown = String::new();
    for number in 0..evils.len() {
        let model = format!("m{number}");
        for (key, body) in [
            (CLIENT, ask(&model, "hello")),
            (CLIENT, ask_stream(&model, "hello")),
            ("wrong", ask(&model, "hello")),
        ] {
            let mut client = Client::connect(addr).await;
            let bearer = format!("Bearer {key}");
            let headers = [("authorization", &*bearer), ("x-api-key", key)];
            client
                .request("POST", CHAT, &headers, body.to_string().as_bytes())
                .await;
            let answer = client.answer().await;
            shown += &String::from_utf8_lossy(&answer.head.raw);
            // A refusal of the request itself is the provider's word, unmodified.
            if answer.status() != 418 {
                shown += &answer.text();
            }
        }
    }
    let mut client = Client::connect(admin).await;
    let bearer = format!("Bearer {ADMIN}");
    client
        .request("GET", "/metrics", &[("authorization", &bearer)], b"")
        .await;
    let metrics = client.answer().await;
    assert_eq!(metrics.status(), 200);
    assert!(metrics.text().contains("endpoint=\"e0\""));
    shown += &metrics.text();
    let refused = get(admin, "/metrics").await;
    assert_eq!(refused.status(), 401);
    shown += &refused.text();

    shown += &told(admin, &yaml).await;

    // Reloaded with a mistake on the line of a secret, and with a changed secret.
    std::fs::write(&file, yaml.replace("api_key:", "api_kye:")).expect("written");
    gateway.signal("HUP");
    gateway.logs("reload refused").await;
    shown += &told(admin, &yaml.replace("api_key:", "api_kye:")).await;
    std::fs::write(&file, yaml.replace("${PROVIDER}", "${CLIENT}-other")).expect("written");
    gateway.signal("HUP");
    gateway.logs("reloaded").await;
    gateway.signal("TERM");
    let ended = gateway.end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("attempt failed"), "the log was written");
    shown += &ended.out;
    shown += &ended.err;
    assert!(evils.iter().all(|evil| evil.count() > 0));
    for secret in [CLIENT, PROVIDER, ADMIN, "canary"] {
        let line = shown.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} shows");
    }
}
