//! The page of metrics is as long as the configuration makes it, whatever clients send.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::support::chat::{CHAT, ask};
use crate::support::client::{Client, get};
use crate::support::process::Process;

/// The series on the page, without their values.
async fn series(admin: SocketAddr) -> BTreeSet<String> {
    let text = get(admin, "/metrics").await.text();
    let name = |line: &str| line.rsplit_once(' ').map(|(name, _)| name.to_owned());
    text.lines().filter_map(name).collect()
}

/// One of each kind of request that a client may send, with `word` wherever a client may make something up.
async fn everything(data: SocketAddr, word: &str) {
    let model = ask(word, word).to_string();
    let known = ask("m", word).to_string();
    let path = format!("/v1/{word}");
    let query = format!("{CHAT}?{word}={word}");
    let listed = format!("/v1/models/{word}");
    // Gemini's clients have the model, and what is to be done with it, in the path.
    let gemini =
        format!("{{\"contents\":[{{\"role\":\"user\",\"parts\":[{{\"text\":\"{word}\"}}]}}]}}");
    let content = format!("/v1beta/models/{word}:generateContent");
    let stream = format!("/v1beta/models/{word}:streamGenerateContent?alt=sse&{word}={word}");
    let action = format!("/v1beta/models/m:{word}");
    let shown = format!("/v1beta/models/{word}");
    let calls = [
        ("POST", CHAT, model.as_str()),
        ("POST", CHAT, known.as_str()),
        ("POST", &query, &known),
        ("POST", CHAT, word),
        ("POST", "/v1/embeddings", &model),
        ("POST", "/v1/responses", &model),
        ("POST", &path, &known),
        ("POST", "/v1/messages", &model),
        ("POST", "/v1/messages", &known),
        ("POST", "/v1/messages/count_tokens", &model),
        ("POST", &content, &gemini),
        ("POST", &stream, &gemini),
        ("POST", &action, &gemini),
        ("POST", "/v1beta/models/m:generateContent", &gemini),
        ("GET", &listed, ""),
        ("GET", &shown, ""),
        ("PURGE", CHAT, &known),
    ];
    for (method, path, body) in calls {
        let mut client = Client::connect(data).await;
        let headers = [
            ("x-breakerbox-user", word),
            ("x-breakerbox-task", word),
            ("x-breakerbox-priority", word),
            ("x-request-id", word),
            ("user-agent", word),
            ("authorization", word),
            ("anthropic-version", word),
            ("anthropic-beta", word),
            ("x-goog-api-client", word),
        ];
        client
            .request(method, path, &headers, body.as_bytes())
            .await;
        client.answer().await;
    }
}

#[tokio::test]
async fn the_page_does_not_grow_with_what_clients_send() {
    let provider = Process::start(&["upstream", "--listen=127.0.0.1:0", "--model=m"]);
    let url = provider.says("http://").await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("breakerbox.yaml");
    let config = format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints: [{{ name: e, provider: openai-compatible, base_url: \"{url}\", models: [m] }}]\n\
         routes: [{{ models: [m] }}]\n"
    );
    std::fs::write(&path, config).expect("written");
    let (_gateway, data, admin) = Process::serve(&path.display().to_string()).await;
    // Statuses that come for the first time have no series before.
    everything(data, "made-up-first").await;
    let before = series(admin).await;
    assert!(before.len() > 300, "{}", before.len());
    for number in 0..50 {
        everything(data, &format!("made-up-{number}")).await;
    }
    let after = series(admin).await;
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty() && after.len() == before.len(), "{new:#?}");
    assert!(!after.iter().any(|it| it.contains("made-up")), "{after:#?}");
}
