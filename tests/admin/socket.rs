//! The dashboard's socket.

use std::sync::Arc;

use breakerbox_actors::clock;
use serde_json::json;
use tokio::sync::Notify;

use super::done;
use crate::support::chat::{CHAT, ask, good, response};
use crate::support::client::{Client, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::socket::{Frame, Socket};
use crate::support::wait::{DEADLINE, eventually};

fn house(name: &str, evil: &Evil, more: &str) -> House {
    let keys = ", breaker: { failure_threshold: 1, recovery_timeout: 60s }";
    House::start(&format!(
        "endpoints:\n{}{more}",
        endpoint(name, &evil.base_url(), keys)
    ))
}

#[tokio::test]
async fn it_begins_with_everything_and_goes_on_with_what_changes() {
    let evil = Evil::start(|_, _| vec![Act::Send(response(500, &[("connection", "close")], "{}"))]);
    let house = house("told", &evil, "routing: { max_attempts: 1 }\n");
    let mut socket = Socket::open(house.admin()).await;
    let Some(Frame::Text(init)) = socket.next().await else {
        panic!("no frame");
    };
    assert_eq!(init["type"], "init");
    assert!(init["timestamp"].is_string());
    assert_eq!(init["state"]["endpoints"][0]["endpoint"], "told");
    post(house.addr(), CHAT, &ask("m", "hello")).await;
    let mut seen = std::collections::BTreeMap::new();
    let start = clock::now();
    while ["status_change", "alert", "request", "health_update"]
        .iter()
        .any(|it| !seen.contains_key(*it))
    {
        assert!(clock::now() - start < DEADLINE, "only {:?}", seen.keys());
        if let Some(Frame::Text(frame)) = socket.next().await {
            let kind = frame["type"].as_str().expect("a type");
            // Numbers are told each second, also before there are any.
            if kind != "health_update" || frame["traffic"]["error_ratio"] == 1.0 {
                seen.insert(kind.to_owned(), frame);
            }
        }
    }
    let change = &seen["status_change"];
    assert_eq!(
        (&change["to"], &change["state"]),
        (&json!("unhealthy"), &json!("open"))
    );
    assert!(change.get("kind").is_none(), "the type says it");
    assert_eq!(seen["alert"]["kind"], "endpoint_down");
    let request = &seen["request"];
    // 503 if the circuit is seen to be open already, else 502.
    assert!(request["status"].as_u64() >= Some(502), "{request}");
    assert_eq!(request["api"], "chat_completions");
    assert_eq!(request["attempts"][0]["outcome"], "status");
    assert!(request["error"]["code"].is_string());
    done(&house, "/api/endpoints/told/reset", "").await;
    assert_eq!(socket.hears("status_change").await["from"], "unhealthy");
}

/// The page would show it at the weight of its first second until it is well.
#[tokio::test]
async fn the_numbers_of_an_open_alert_move_on_without_anybody_asking() {
    let evil = Evil::start(|_, _| vec![Act::Send(response(500, &[("connection", "close")], "{}"))]);
    let more = "breaker: { ramp: 60s }\nrouting: { max_attempts: 1 }\n";
    let house = house("slowly", &evil, more);
    let mut socket = Socket::open(house.admin()).await;
    post(house.addr(), CHAT, &ask("m", "hello")).await;
    let first = socket.hears("alert").await;
    assert_eq!(first["kind"], "endpoint_down");
    done(&house, "/api/endpoints/slowly/reset", "").await;
    let mut weights = std::collections::BTreeSet::new();
    while weights.len() < 3 {
        let alert = socket.hears("alert").await;
        assert_eq!(
            (&alert["id"], &alert["resolved_at"]),
            (&first["id"], &json!(null))
        );
        let message = alert["message"].as_str().expect("words");
        if message.contains("of its weight") {
            weights.insert(message.to_owned());
        }
    }
}

#[tokio::test]
async fn a_forced_check_says_when_it_is_complete() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("pong")), Act::KeepAlive]);
    let yaml = format!(
        "endpoints: [{{ name: forced, provider: openai-compatible, base_url: \"{}\", models: [m, n] }}]\n",
        evil.base_url()
    );
    let house = House::start(&yaml);
    let mut socket = Socket::open(house.admin()).await;
    socket.send(&json!({ "action": "force_check" })).await;
    assert_eq!(socket.hears("force_check_complete").await["checked"], 1);
}

#[tokio::test]
async fn checks_are_forced_one_at_a_time() {
    let go = Arc::new(Notify::new());
    let held = Arc::clone(&go);
    let evil = Evil::start(move |_, _| {
        let wait = Act::WaitFor(Arc::clone(&held));
        vec![wait, Act::Send(good("pong")), Act::KeepAlive]
    });
    let yaml = format!(
        "endpoints: [{{ name: forced-often, provider: openai-compatible, base_url: \"{}\", models: [m], \
         probe: {{ interval: 1h }} }}]\n",
        evil.base_url()
    );
    let house = House::start(&yaml);
    let mut socket = Socket::open(house.admin()).await;
    let mut other = Socket::open(house.admin()).await;
    let force = json!({ "action": "force_check" });
    for _ in 0..50 {
        socket.send(&force).await;
    }
    other.send(&json!({ "action": "dance" })).await;
    assert_eq!(other.hears("error").await["code"], "unknown_action");
    for _ in 1..50 {
        let refused = socket.hears("error").await;
        assert_eq!(
            (&refused["action"], &refused["code"]),
            (&json!("force_check"), &json!("too_many_checks"))
        );
        assert!(refused["message"].is_string());
    }
    other.send(&force).await;
    let asked = async {
        tokio::join!(
            socket.hears("force_check_complete"),
            other.hears("force_check_complete")
        )
    };
    tokio::pin!(asked);
    let (mine, others) = loop {
        tokio::select! {
            both = &mut asked => break both,
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => go.notify_waiters(),
        }
    };
    assert_eq!(
        (&mine["checked"], &others["checked"]),
        (&json!(1), &json!(1))
    );
    assert!(evil.count() <= 3, "{}", evil.count());
}

#[tokio::test]
async fn a_frame_longer_than_any_of_ours_closes_the_socket() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let house = house("long", &evil, "");
    let mut socket = Socket::open(house.admin()).await;
    socket.send(&json!("x".repeat(4_000))).await;
    socket.hears("health_update").await;
    socket.send(&json!("x".repeat(5_000))).await;
    assert_eq!(socket.close().await.map(|it| it.0), Some(1009));
}

#[tokio::test]
async fn it_is_told_when_the_gateway_begins_to_go_down() {
    let go = Arc::new(Notify::new());
    let held = Arc::clone(&go);
    let evil =
        Evil::start(move |_, _| vec![Act::WaitFor(Arc::clone(&held)), Act::Send(good("late"))]);
    let house = house("drains", &evil, "");
    let mut socket = Socket::open(house.admin()).await;
    assert_eq!(socket.hears("init").await["state"]["draining"], false);
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    eventually(DEADLINE, || evil.count() == 1).await;
    let told = async {
        socket.hears("draining").await;
        let mut late = Socket::open(house.admin()).await;
        assert_eq!(late.hears("init").await["state"]["draining"], true);
        go.notify_one();
    };
    tokio::join!(house.drain(), told);
    assert_eq!(client.answer().await.status(), 200);
}

#[tokio::test]
async fn a_reload_is_told_to_every_socket() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let house = house("reloaded", &evil, "");
    let mut sockets = [
        Socket::open(house.admin()).await,
        Socket::open(house.admin()).await,
    ];
    for socket in &mut sockets {
        // Who comes in later finds it in the state that it begins with.
        assert_eq!(
            socket.hears("init").await["state"]["reload"]["generation"],
            1
        );
    }
    let yaml = format!(
        "endpoints:\n{}",
        endpoint("reloaded", &evil.base_url(), ", weight: 2")
    );
    house.reload(&yaml).await.expect("reloaded");
    for socket in &mut sockets {
        let told = socket.hears("config_reload").await;
        assert_eq!(
            (&told["ok"], &told["generation"]),
            (&json!(true), &json!(2))
        );
        assert!(
            told["changes"].to_string().contains("weight: 1 → 2"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_token_comes_in_the_head_as_a_subprotocol_or_as_the_first_frame() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let admin = "admin: { listen: \"127.0.0.1:0\", token: t0ken-canary }\n";
    let house = house("token", &evil, admin);
    for line in [
        "authorization: Bearer t0ken-canary",
        "sec-websocket-protocol: breakerbox, bearer.t0ken-canary",
    ] {
        let (status, mut socket) = Socket::ask(house.admin(), &[line]).await;
        assert_eq!(status, 101);
        assert!(!socket.head.contains("t0ken-canary"), "{}", socket.head);
        socket.hears("init").await;
    }
    let (status, mut alone) = Socket::ask(
        house.admin(),
        &["sec-websocket-protocol: bearer.t0ken-canary"],
    )
    .await;
    assert_eq!(status, 101);
    assert!(
        alone.head.contains("sec-websocket-protocol: bearer."),
        "a browser wants one back"
    );
    alone.hears("init").await;
    let (_, mut late) = Socket::ask(house.admin(), &[]).await;
    late.send(&json!({ "action": "auth", "token": "t0ken-canary" }))
        .await;
    late.hears("init").await;
    let (_, mut wrong) = Socket::ask(house.admin(), &[]).await;
    wrong
        .send(&json!({ "action": "auth", "token": "other" }))
        .await;
    assert!(matches!(wrong.next().await, Some(Frame::Close(1008, _))));
    for line in [
        "authorization: Bearer other",
        "sec-websocket-protocol: bearer.other",
    ] {
        assert_eq!(Socket::ask(house.admin(), &[line]).await.0, 401);
    }
    let foreign = [
        "authorization: Bearer t0ken-canary",
        "origin: http://evil.example",
    ];
    assert_eq!(Socket::ask(house.admin(), &foreign).await.0, 403);
}

#[tokio::test]
async fn who_never_reads_or_never_answers_a_ping_is_closed_within_ten_seconds() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let house = house("deaf", &evil, "");
    let mut deaf = Socket::open(house.admin()).await;
    let mut rude = Socket::open(house.admin()).await;
    rude.is_polite = false;
    let mut heard = Socket::open(house.admin()).await;
    let start = clock::now();
    // Talks on and on, but that shows nothing.
    let rude = tokio::time::timeout(DEADLINE, async {
        loop {
            match rude.next().await {
                Some(Frame::Close(code, _)) => return code,
                Some(_) => rude.send(&json!({ "action": "none" })).await,
                None => return 0,
            }
        }
    });
    // Reading is what shows that the other one is alive.
    let heard = async {
        loop {
            heard.next().await.expect("it stays open");
        }
    };
    tokio::select! {
        (given_up, code) = async { tokio::join!(deaf.is_given_up(), rude) } => {
            assert!(given_up, "still open");
            assert_eq!(code, Ok(1008));
        }
        () = heard => unreachable!("it never ends"),
    }
    let took = clock::now() - start;
    assert!(took.as_secs() <= 12, "{took:?}");
}
