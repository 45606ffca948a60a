//! A provider that quotes our key in what is passed on: whole, streamed, as an event, cut anywhere. No
//! answer, no line of the log and no metric shows it.

use crate::support::chat::{
    CHAT, ask, ask_stream, chunk, delta, last_chunk, response, stream_head,
};
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::ports::Refused;
use crate::support::process::{Process, address_in};

const KEY: &str = "sk-canary-9c1d7f3a2b8e";
/// Longer than what is read of an error before it is judged.
const LONG: usize = 300 << 10;

/// Bodies in pieces, so that a read may end anywhere in the key.
fn chunked(status: u16, body: &str, piece: usize) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 {status} Evil\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let pieces = body.as_bytes().chunks(piece);
    let pieces = pieces.map(|piece| Act::Send(chunk(&String::from_utf8_lossy(piece))));
    let mut acts = vec![Act::text(&head)];
    acts.extend(pieces);
    acts.extend([Act::Send(last_chunk()), Act::Fin]);
    acts
}

fn streamed(events: &[&str]) -> Vec<Act> {
    let mut acts = vec![Act::Send(stream_head())];
    acts.extend(events.iter().map(|event| Act::Send(chunk(event))));
    acts.extend([Act::Send(last_chunk()), Act::Fin]);
    acts
}

/// What a provider says, and whether a part of it is passed on.
fn quotes() -> Vec<(Vec<Act>, bool)> {
    let error = |text: &str| {
        format!("{{\"error\":{{\"message\":\"MARK {text}\",\"code\":\"invalid_value\"}}}}")
    };
    let whole = error(&format!("{KEY} and {KEY}"));
    let long = error(&format!(
        "{KEY} {} {KEY}{KEY} {}",
        "x".repeat(LONG),
        &KEY[..5]
    ));
    // A message is cut in the middle of the key.
    let cut = error(&format!("{} {KEY}", "y".repeat(495)));
    let client = |text: &str| error(text).replace("invalid_value", "400");
    let event = |text: &str| format!("data: {}\n\n", error(text));
    let foreign = format!("event: error\ndata: {{\"message\":\"MARK {KEY}\"}}\n\n");
    let hello = delta("hello");
    vec![
        (vec![Act::Send(response(418, &[], &whole))], true),
        (vec![Act::Send(response(400, &[], &long))], true),
        (chunked(422, &long, 4_099), true),
        (chunked(404, &whole, 7), true),
        // Errors of the client within a 200, as whole answers and as first events.
        (vec![Act::Send(response(200, &[], &client(KEY)))], true),
        (
            vec![Act::Send(response(
                200,
                &[],
                &cut.replace("invalid_value", "400"),
            ))],
            true,
        ),
        (
            streamed(&[&event(KEY).replace("invalid_value", "400")]),
            true,
        ),
        // And in the middle of a stream, in the dialect's form, in another, and without an end.
        (streamed(&[&hello, &event(KEY)]), true),
        (streamed(&[&hello, &foreign]), true),
        (streamed(&[&hello, event(KEY).trim_end()]), true),
        (
            streamed(&[
                &hello,
                &foreign.replace(KEY, &format!("{} {KEY}", "z".repeat(495))),
            ]),
            true,
        ),
        (vec![Act::Send(response(401, &[], &whole))], false),
        (
            vec![Act::Send(response(500, &[("x-key", KEY)], &whole))],
            false,
        ),
        (
            vec![Act::text(&format!("HTTP/1.1 200 {KEY}\r\n{KEY}\r\n\r\n"))],
            false,
        ),
    ]
}

#[tokio::test]
async fn a_quoted_key_shows_nowhere() {
    let quotes = quotes();
    let evils: Vec<Evil> = quotes
        .iter()
        .map(|(acts, _)| {
            let acts = acts.clone();
            Evil::start(move |_, _| acts.clone())
        })
        .collect();
    let refused = Refused::new();
    // Nobody is there at all, under a name, at a port, behind TLS.
    let mut urls: Vec<String> = evils.iter().map(Evil::base_url).collect();
    urls.extend([
        "http://nobody.invalid/v1".to_owned(),
        format!("http://{}/v1", refused.addr()),
        format!("https://{}/v1", evils[0].addr()),
    ]);
    let endpoints: String = urls
        .iter()
        .enumerate()
        .map(|(number, url)| {
            format!(
                "  - {{ name: e{number}, provider: openai-compatible, base_url: \"{url}\", \
                 api_key: {KEY}, models: [m{number}], probe: {{ interval: 1s }} }}\n"
            )
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nendpoints:\n{endpoints}\
         breaker: {{ failure_threshold: 100000, min_requests: 100000 }}\n\
         routing: {{ max_attempts: 1, queue: {{ max_wait: 0s }} }}\n"
    );
    std::fs::write(&file, yaml).expect("written");
    let path = file.to_str().expect("a path");
    let args = ["--log-format=text", "serve", "--config", path];
    let process = Process::start_with(&args, &[("RUST_LOG", "debug")]);
    let addr = address_in(&process.logs("gateway   ").await);
    let admin = address_in(&process.logs("metrics   ").await);

    let mut shown = String::new();
    for number in 0..urls.len() {
        let model = format!("m{number}");
        let passed_on = quotes.get(number).is_some_and(|(_, passed_on)| *passed_on);
        let mut told = String::new();
        for body in [ask(&model, "hello"), ask_stream(&model, "hello")] {
            let mut client = Client::connect(addr).await;
            client.post(CHAT, &body).await;
            let answer = client.answer().await;
            told += &String::from_utf8_lossy(&answer.head.raw);
            told += &answer.text();
        }
        assert_eq!(told.contains("MARK"), passed_on, "{number}: {told:.999}");
        if passed_on {
            // Not even half of it, where a message was cut.
            assert!(!told.contains("canary"), "{number}: {told:.999}");
        }
        shown += &told;
    }
    // What else the provider said is all there.
    assert!(shown.contains(&"x".repeat(LONG)) && shown.contains("MARK *** and ***"));
    shown += &crate::support::client::get(admin, "/metrics").await.text();
    process.signal("TERM");
    let ended = process.end().await;
    assert!(ended.err.contains("attempt failed"), "the log was written");
    shown += &ended.err;
    shown += &ended.out;
    let line = shown.lines().find(|line| line.contains(KEY));
    assert_eq!(line, None);
}
