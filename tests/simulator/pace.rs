//! Pace and limits of the simulated provider, to the millisecond, on a clock that the test moves.

use std::time::Duration;

use breakerbox::simulator::{Fault, Latency, Limits, Script, Simulator, Timed, Tokens};

use super::get;
use crate::support::chat::{self, CHAT, ask, ask_stream};
use crate::support::client::{Client, Ending, post};
use crate::support::ports::ANY;
use crate::support::wait::HeldClock;

#[tokio::test(start_paused = true)]
async fn length_and_pace_follow_the_script() {
    let _held = HeldClock::new();
    let script = Script {
        latency: Latency::Fixed(Duration::from_millis(60)),
        tokens_per_second: Some(100.0),
        tokens: Tokens { min: 11, max: 11 },
        ..Script::default()
    };
    let running = Simulator::start_here(script, ANY).expect("a provider");
    let mut client = Client::connect(running.addr()).await;
    client.post(CHAT, &ask_stream("m", "hello")).await;
    eventually_held(|| running.look(|stats| stats.in_flight) == 1).await;
    tokio::time::advance(Duration::from_millis(59)).await;
    nothing_comes(&mut client).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    client.head().await;
    // The role and the first token; ten more follow, 10 ms apart.
    let mut events = vec![client.event().await, client.event().await];
    for _ in 0..10 {
        nothing_comes(&mut client).await;
        tokio::time::advance(Duration::from_millis(10)).await;
        events.push(client.event().await);
    }
    assert!(events.iter().all(|event| matches!(event, Ok(Some(_)))));
    // The reason and [DONE] come with the last token.
    let (rest, ending) = client.events().await;
    assert_eq!((rest.len(), ending), (2, Ending::Whole));
    // A whole answer takes as long as a stream of it.
    client.post(CHAT, &ask("m", "hello")).await;
    eventually_held(|| running.look(|stats| stats.in_flight) == 1).await;
    tokio::time::advance(Duration::from_millis(169)).await;
    nothing_comes(&mut client).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(client.answer().await.status(), 200);
}

/// Lets the tasks of this thread run until `condition` holds, with the clock held.
async fn eventually_held(mut condition: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never holds");
}

/// Nothing more has been sent, as far as the provider's tasks get with the clock held.
async fn nothing_comes(client: &mut Client) {
    for _ in 0..50 {
        tokio::task::yield_now().await;
        assert_eq!(client.waiting(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn limits_refuse_and_say_when() {
    let _held = HeldClock::new();
    let script = Script {
        limits: Limits {
            rpm: Some(2),
            window: Duration::from_millis(300),
            ..Limits::default()
        },
        ..Script::default()
    };
    let running = Simulator::start_here(script, ANY).expect("a provider");
    let ask_once = async || post(running.addr(), CHAT, &ask("m", "hello")).await;
    let first = ask_once().await;
    assert_eq!(first.head.header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(
        first.head.header("x-ratelimit-remaining-requests"),
        Some("1")
    );
    assert!(first.head.header("x-ratelimit-limit-tokens").is_none());
    ask_once().await;
    let refused = ask_once().await;
    assert_eq!(refused.status(), 429);
    assert_eq!(chat::error_code(&refused), "rate_limit_exceeded");
    assert_eq!(refused.json()["error"]["type"], "requests");
    assert_eq!(refused.head.header("retry-after"), Some("1"));
    assert_eq!(refused.head.header("retry-after-ms"), Some("300"));
    // Another model has a window of its own; a list of models has none.
    assert_eq!(
        post(running.addr(), CHAT, &ask("other", "")).await.status(),
        200
    );
    assert_eq!(get(running.addr(), "/v1/models").await.status(), 200);
    for (pause, expected) in [(299, 429), (1, 200)] {
        tokio::time::advance(Duration::from_millis(pause)).await;
        assert_eq!(ask_once().await.status(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_runs_a_minute_in_no_time() {
    let _held = HeldClock::new();
    let script = Script {
        limits: Limits {
            tpm: Some(100),
            ..Limits::default()
        },
        tokens: Tokens { min: 50, max: 50 },
        ..Script::default()
    };
    let running = Simulator::start_here(script, ANY).expect("a provider");
    let mut client = Client::connect(running.addr()).await;
    let mut statuses = Vec::new();
    for pause in [0, 1, 60] {
        tokio::time::advance(Duration::from_secs(pause)).await;
        client.post(CHAT, &ask("m", "hello")).await;
        let answer = client.answer().await;
        statuses.push((
            answer.status(),
            answer.head.header("retry-after").map(str::to_owned),
        ));
    }
    let refused = (429, Some("59".to_owned()));
    assert_eq!(statuses, [(200, None), refused, (200, None)]);
    running.stop();
    assert_ne!(client.end().await, Ending::Whole);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_starts_its_faults_over() {
    let _held = HeldClock::new();
    let seconds = Duration::from_secs;
    let status = Fault::Status {
        code: 503,
        retry_after: None,
    };
    let script = Script {
        faults: vec![
            Timed::between(seconds(2), seconds(4), status),
            Timed::between(seconds(8), seconds(10), Fault::Refuse),
        ],
        cycle: Some(seconds(10)),
        ..Script::default()
    };
    let running = Simulator::start_here(script, ANY).expect("a provider");
    let mut seen = Vec::new();
    for _ in 0..3 {
        for _ in 0..5 {
            tokio::time::advance(Duration::from_millis(500)).await;
            // The provider sees its time only when it runs.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            seen.push(match tokio::net::TcpStream::connect(running.addr()).await {
                Err(_) => 0,
                Ok(_) => post(running.addr(), CHAT, &ask("m", "hello"))
                    .await
                    .status(),
            });
            tokio::time::advance(Duration::from_millis(1500)).await;
        }
    }
    let round = [200, 503, 200, 200, 0];
    assert_eq!(seen, [round, round, round].concat());
}
