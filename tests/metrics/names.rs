//! Names on the page: those of the configuration in force, and none that a client made up.

use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use tokio::sync::Notify;

use super::Page;
use crate::support::chat::{CHAT, ask, good, response};
use crate::support::client::{Client, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::{DEADLINE, eventually};

fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

fn only(name: &str, evil: &Evil) -> String {
    format!("endpoints:\n{}", endpoint(name, &evil.base_url(), ""))
}

/// The page as soon as `word` has left it: actors and answers end in their own time.
async fn without(house: &House, word: &str) -> Page {
    let start = clock::now();
    loop {
        let page = Page::of(house).await;
        let left = page.lines_with(word);
        if left.is_empty() {
            return page;
        }
        assert!(clock::now() - start < DEADLINE, "{left:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn renames_leave_the_page_as_long_as_it_was() {
    let evil = steady();
    let house = House::start(&only("rename-0", &evil));
    assert_eq!(
        post(house.addr(), CHAT, &ask("m", "hello")).await.status(),
        200
    );
    let before = Page::of(&house).await.lines_with("rename-0").len();
    assert!(before > 100, "{before}");
    for number in 1..=100 {
        let name = format!("rename-{number}");
        house.reload(&only(&name, &evil)).await.expect("a reload");
        if number % 10 == 0 {
            assert_eq!(
                post(house.addr(), CHAT, &ask("m", "hello")).await.status(),
                200
            );
        }
    }
    let page = without(&house, "rename-99\"").await;
    let left: Vec<_> = page
        .lines_with("rename-")
        .into_iter()
        .filter(|it| !it.contains("rename-100"))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(page.lines_with("rename-100").len(), before);
}

#[tokio::test]
async fn an_endpoint_that_is_removed_is_counted_until_its_last_answer() {
    let go = Arc::new(Notify::new());
    let waits = {
        let go = go.clone();
        Evil::start(move |_, _| vec![Act::WaitFor(go.clone()), Act::Send(good("late"))])
    };
    let stays = steady();
    let leaving = endpoint("leaving-soon", &waits.base_url(), "").replace("[m]", "[m-leaving]");
    let staying = endpoint("staying", &stays.base_url(), "");
    let house = House::start(&format!("endpoints:\n{staying}{leaving}"));
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask("m-leaving", "hello")).await;
    eventually(DEADLINE, || waits.count() == 1).await;
    house
        .reload(&format!("endpoints:\n{staying}"))
        .await
        .expect("a reload");
    let labels = "{endpoint=\"leaving-soon\",model=\"m-leaving\"}";
    let page = Page::of(&house).await;
    assert_eq!(
        page.value("breakerbox_upstream_requests_in_flight", labels),
        1.0
    );
    assert!(
        !page
            .lines_with("upstream_requests_total{endpoint=\"leaving-soon\"")
            .is_empty()
    );
    assert!(
        !page
            .lines_with("http_requests_total{api=\"chat_completions\",model=\"m-leaving\"")
            .is_empty()
    );
    go.notify_one();
    assert_eq!(client.answer().await.status(), 200);
    let page = without(&house, "leaving").await;
    assert!(!page.lines_with("\"staying\"").is_empty());
}

#[tokio::test]
async fn a_refused_reload_leaves_no_names() {
    let evil = steady();
    let house = House::start(&only("refused-before", &evil));
    // The second cannot be put in force, when the first has been made ready.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let certificate = folder.path().join("no-certificate.pem");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&certificate, pem).expect("written");
    let ca_file = format!(", ca_file: \"{}\"", certificate.display());
    let second = endpoint("refused-second", &evil.base_url(), &ca_file);
    let worse = only("refused-first", &evil) + &second;
    let error = house.reload(&worse).await.expect_err("no certificate");
    assert!(error.to_string().contains("refused-second"), "{error}");
    let page = Page::of(&house).await;
    for word in ["refused-first", "refused-second"] {
        assert_eq!(page.lines_with(word), [""; 0]);
    }
    assert!(!page.lines_with("refused-before").is_empty());
}

#[tokio::test]
async fn nothing_a_client_or_a_provider_makes_up_becomes_a_label() {
    let evil = Evil::start(|_, _| {
        vec![Act::Send(response(
            499,
            &[],
            "{\"error\":{\"message\":\"made-up\"}}",
        ))]
    });
    let more = "\nclients:\n  - { name: bounded, key: bounded-key, models: [m, n] }\n";
    let house = House::start(&format!("{}{more}", only("bounded-labels", &evil)));
    let before = Page::of(&house).await;
    let key = ("authorization", "Bearer bounded-key");
    for number in 0..20 {
        let made_up = format!("made-up-{number}");
        let calls = [
            ("POST", CHAT.to_owned(), made_up.as_str()),
            ("POST", format!("/v1/{made_up}"), "m"),
            ("MADEUP", CHAT.to_owned(), "m"),
            ("MADEUP", format!("/{made_up}"), "m"),
            ("POST", format!("{CHAT}?{made_up}"), "m"),
        ];
        for (method, path, model) in calls {
            let mut client = Client::connect(house.addr()).await;
            let headers = [
                key,
                ("x-request-id", made_up.as_str()),
                ("user-agent", made_up.as_str()),
            ];
            let body = ask(model, &made_up).to_string();
            client
                .request(method, &path, &headers, body.as_bytes())
                .await;
            client.answer().await;
        }
    }
    let page = Page::of(&house).await;
    for word in ["made-up", "MADEUP", "\"499\""] {
        assert_eq!(page.lines_with(word), [""; 0], "{word}");
    }
    let requests = "breakerbox_http_requests_total";
    let unknown = "{api=\"chat_completions\",model=\"other\",code=\"403\"}";
    assert!(page.value(requests, unknown) >= before.value(requests, unknown) + 20.0);
}
