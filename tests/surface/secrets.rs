//! Canary keys through every kind of failure: in no answer, no header, no metric and no line of the log.

use crate::support::chat::{
    CHAT, ask, ask_stream, chunk, completion, delta, response, stream_head,
};
use crate::support::client::{Client, get};
use crate::support::evil::{Act, Evil};
use crate::support::process::{Process, address_in};

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
                 api_key: \"${{PROVIDER}}\", models: [m{number}], probe: {{ interval: 1s }} }}\n",
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

    // Reloaded with a mistake on the line of a secret, and with a changed secret.
    std::fs::write(&file, yaml.replace("api_key:", "api_kye:")).expect("written");
    gateway.signal("HUP");
    gateway.logs("reload refused").await;
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
