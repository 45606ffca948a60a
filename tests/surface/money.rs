//! What requests cost: told, counted, capped and budgeted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{call, error_of, house, steady};
use crate::support::chat::{
    CHAT, ask, chunk, completion, delta, ending, last_chunk, response, stream_head,
};
use crate::support::client::{Answer, Client, get};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::DEADLINE;

/// What a good answer of one token in and two out costs at [`price`] 100, 1000.
const GOOD: f64 = 0.0021;

fn price(input: f64, output: f64) -> String {
    format!("models: [{{ name: m, price: {{ input: {input}, output: {output} }} }}]")
}

/// One line of `endpoints` with a price of its own.
fn priced(name: &str, evil: &Evil, input: f64, output: f64) -> String {
    let line = endpoint(name, &evil.base_url(), "");
    line.replace("models: [m]", &price(input, output))
}

/// A chat of at most two tokens out.
fn short() -> Value {
    let mut body = ask("m", "hello");
    body["max_tokens"] = json!(2);
    body
}

/// What [`short`] is estimated at.
fn estimate(input: f64, output: f64) -> f64 {
    let tokens = short().to_string().len().div_ceil(4);
    (tokens as f64 * input + 2.0 * output) / 1e6
}

async fn send(house: &House, headers: &[(&str, &str)]) -> Answer {
    call(house, "POST", CHAT, headers, &short().to_string()).await
}

fn cost(answer: &Answer) -> Option<f64> {
    let text = answer.head.header("x-breakerbox-cost-usd")?;
    Some(text.parse().expect("dollars"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

async fn counted(house: &House, name: &str) -> f64 {
    let label = format!("endpoint=\"{name}\"");
    house.metric("breakerbox_cost_usd_total", &[&label]).await
}

/// Waits until so much was counted; returns what the test then finds.
async fn counts_up_to(house: &House, name: &str, cost: f64) {
    let start = breakerbox_actors::clock::now();
    while !close(counted(house, name).await, cost) {
        let waited = breakerbox_actors::clock::now() - start;
        assert!(waited < DEADLINE, "{}", counted(house, name).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_whole_answer_says_what_it_cost_and_the_metric_counts_it() {
    let evil = steady();
    let line = priced("cost-told", &evil, 100.0, 1000.0);
    let free = endpoint("cost-unknown", &evil.base_url(), "").replace("[m]", "[n]");
    let house = House::start(&format!("endpoints:\n{line}{free}"));
    assert_eq!(
        counted(&house, "cost-told").await,
        0.0,
        "known from the start"
    );
    let answer = send(&house, &[]).await;
    assert_eq!(answer.head.header("x-breakerbox-cost-usd"), Some("0.0021"));
    assert!(close(counted(&house, "cost-told").await, GOOD));
    let unknown = call(&house, "POST", CHAT, &[], &ask("n", "hello").to_string()).await;
    assert_eq!((unknown.status(), cost(&unknown)), (200, None), "no price");
    let text = get(house.admin(), "/metrics").await.text();
    assert!(text.contains("# TYPE breakerbox_cost_usd_total counter\n"));
    assert!(!text.contains("cost_usd_total{endpoint=\"cost-unknown\""));
}

#[tokio::test]
async fn the_cost_is_that_of_all_attempts() {
    // Cut off in the middle of its answer: nobody knows what it has used.
    let cut = Evil::start(|_, _| {
        let whole = response(200, &[], &completion("hello").to_string());
        vec![Act::Send(whole.slice(..whole.len() - 20)), Act::Fin]
    });
    let good = steady();
    let lines = priced("all-cut", &cut, 10.0, 20.0) + &priced("all-good", &good, 100.0, 1000.0);
    let house = House::start(&format!(
        "endpoints:\n{lines}routing: {{ strategy: priority }}\n"
    ));
    let answer = send(&house, &[]).await;
    assert_eq!(answer.head.header("x-breakerbox-attempts"), Some("2"));
    let first = estimate(10.0, 20.0);
    let sum = cost(&answer).expect("a price");
    assert!(close(sum, first + GOOD), "{sum}");
    assert!(close(counted(&house, "all-cut").await, first));
    assert!(close(counted(&house, "all-good").await, GOOD));
}

#[tokio::test]
async fn a_stream_counts_at_its_end_and_one_that_is_left_as_estimated() {
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let evil = Evil::start(move |number, _| {
        let mut acts = vec![Act::Send(stream_head()), Act::Send(chunk(&delta("hello")))];
        match number {
            0 => {
                let end = ending().replace("data: [DONE]", &(usage.to_owned() + "data: [DONE]"));
                acts.extend([Act::Send(chunk(&end)), Act::Send(last_chunk())]);
            }
            _ => acts.push(Act::Blackhole),
        }
        acts
    });
    let line = priced("cost-stream", &evil, 100.0, 1000.0);
    let budget = format!("{:.6}", GOOD + 1.5 * estimate(100.0, 1000.0));
    let yaml = format!(
        "endpoints:\n{line}clients: [{{ name: a, key: k, budget: {{ usd: {budget}, per: month }} }}]\n"
    );
    let house = House::start(&yaml);
    let mut body = short();
    body["stream"] = json!(true);
    let key = [("x-api-key", "k"), ("connection", "close")];
    let mut client = Client::connect(house.addr()).await;
    client
        .request("POST", CHAT, &key, body.to_string().as_bytes())
        .await;
    let whole = client.answer().await;
    assert!(
        whole.text().ends_with("data: [DONE]\n\n"),
        "{}",
        whole.text()
    );
    assert_eq!(cost(&whole), None, "not known with its head");
    counts_up_to(&house, "cost-stream", GOOD).await;

    let mut client = Client::connect(house.addr()).await;
    client
        .request("POST", CHAT, &key, body.to_string().as_bytes())
        .await;
    client.head().await;
    client.event().await.expect("a stream").expect("an event");
    // Reserved: what is left is held by the stream, until it ends. Any moment.
    let held = send(&house, &key).await;
    let error = error_of(&held, 429);
    assert_eq!(error["code"], "rate_limit_exceeded");
    assert!(
        held.text().contains("Requests under way hold what is left"),
        "{}",
        held.text()
    );
    assert_eq!(held.head.header("retry-after"), Some("1"));
    assert_eq!(held.head.header("x-should-retry"), None);
    drop(client);
    // The stream's body is as long as `short` by the word that makes it one.
    let tokens = body.to_string().len().div_ceil(4) as f64;
    let left = GOOD + (tokens * 100.0 + 2000.0) / 1e6;
    counts_up_to(&house, "cost-stream", left).await;
    let spent = send(&house, &key).await;
    assert_eq!(error_of(&spent, 429)["code"], "insufficient_quota");
    assert!(
        spent.text().contains(&format!("${left:.4} are spent")),
        "{}",
        spent.text()
    );
}

#[tokio::test]
async fn a_budget_is_never_overdrawn_and_says_when_it_starts_anew() {
    let evil = steady();
    let line = priced("budget", &evil, 100.0, 1000.0);
    // Three fit by what they cost: of the fourth the estimate does not.
    let budget = format!("{:.6}", 2.0 * GOOD + estimate(100.0, 1000.0));
    let yaml = |budget: &str| {
        format!(
            "endpoints:\n{line}clients: [{{ name: a, key: k, budget: {{ usd: {budget}, per: month }} }}, \
             {{ name: b, key: other }}]\n"
        )
    };
    let house = House::start(&yaml(&budget));
    let key = [("x-api-key", "k")];
    for _ in 0..3 {
        assert_eq!(send(&house, &key).await.status(), 200);
    }
    let refused = send(&house, &key).await;
    let error = error_of(&refused, 429);
    assert_eq!(error["code"], "insufficient_quota");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("$0.0063 are spent"), "{message}");
    assert!(message.contains("-01T00:00:00Z"), "{message}");
    assert_eq!(refused.head.header("retry-after"), Some("60"));
    assert_eq!(refused.head.header("x-should-retry"), Some("false"));
    assert_eq!(evil.count(), 3);
    assert_eq!(send(&house, &[("x-api-key", "other")]).await.status(), 200);
    // More money, and what was spent still counts.
    house.reload(&yaml("0.012")).await.expect("reloaded");
    assert_eq!(send(&house, &key).await.status(), 200);
    error_of(&send(&house, &key).await, 429);
}

#[tokio::test]
async fn who_is_too_dear_is_passed_over_and_the_lower_cap_wins() {
    let [dear, cheap] = [steady(), steady()];
    let lines =
        priced("cap-dear", &dear, 1000.0, 1000.0) + &priced("cap-cheap", &cheap, 10.0, 10.0);
    let own = estimate(100.0, 100.0);
    let house = House::start(&format!(
        "endpoints:\n{lines}clients: [{{ name: a, key: k, max_cost_per_request: {own:.6} }}, \
         {{ name: b, key: other }}]\n"
    ));
    for _ in 0..8 {
        let answer = send(&house, &[("x-api-key", "k")]).await;
        assert_eq!(
            answer.head.header("x-breakerbox-endpoint"),
            Some("cap-cheap")
        );
    }
    assert_eq!((dear.count(), cheap.count()), (0, 8));
    let quote = estimate(10.0, 10.0);
    for (key, cap, status) in [
        ("k", "1000", 200),
        ("k", "0.0001", 402),
        ("other", "0.0001", 402),
        ("other", "0", 402),
    ] {
        let headers = [("x-api-key", key), ("x-breakerbox-max-cost-usd", cap)];
        let answer = send(&house, &headers).await;
        assert_eq!(answer.status(), status, "{key} {cap}");
        if status == 402 {
            let error = error_of(&answer, 402);
            assert_eq!(error["code"], "cost_limit_exceeded");
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains(&format!("${quote}, ")), "{message}");
            assert!(message.contains(&format!("${cap}.")), "{message}");
            assert_eq!(answer.head.header("x-should-retry"), Some("false"));
        }
    }
    assert_eq!((dear.count(), cheap.count()), (0, 9));
    // The dear one by name: no other may serve, and it may not.
    let pinned = [("x-api-key", "k"), ("x-breakerbox-endpoint", "cap-dear")];
    error_of(&send(&house, &pinned).await, 402);
}

#[tokio::test]
async fn what_an_attempt_has_cost_counts_against_the_cap() {
    let cut = Evil::start(|_, _| {
        let whole = response(200, &[], &completion("hello").to_string());
        vec![Act::Send(whole.slice(..whole.len() - 20)), Act::Fin]
    });
    let line = priced("cap-attempts", &cut, 10.0, 10.0);
    let house = House::start(&format!(
        "endpoints:\n{line}routing: {{ backoff: {{ base: 1ms, max: 1ms }} }}\n"
    ));
    let quote = estimate(10.0, 10.0);
    let cap = format!("{:.7}", quote * 1.5);
    let answer = send(&house, &[("x-breakerbox-max-cost-usd", &cap)]).await;
    let error = error_of(&answer, 402);
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains(&format!("have cost ${quote} of it")),
        "{message}"
    );
    assert_eq!(answer.head.header("x-breakerbox-attempts"), Some("1"));
    assert_eq!(cut.count(), 1);
}

#[tokio::test]
async fn a_cap_on_what_has_no_price_is_said_not_to_have_been_checked() {
    let evil = steady();
    let house = house("cap-unknown", &evil, "");
    let answer = send(&house, &[("x-breakerbox-max-cost-usd", "0.01")]).await;
    assert_eq!(answer.status(), 200);
    let warning = answer.head.header("x-breakerbox-warnings");
    let warning = warning.expect("a warning");
    assert!(
        warning.contains("cap was not checked") && warning.contains("cap-unknown"),
        "{warning}"
    );
    let answer = send(&house, &[]).await;
    assert_eq!(answer.head.header("x-breakerbox-warnings"), None);
    for wrong in ["", "-1", "free", "1e9"] {
        let answer = send(&house, &[("x-breakerbox-max-cost-usd", wrong)]).await;
        let error = error_of(&answer, 400);
        assert_eq!(error["param"], "x-breakerbox-max-cost-usd", "{wrong}");
    }
    assert_eq!(evil.count(), 2);
}

#[tokio::test]
async fn a_request_above_the_whole_budget_is_not_told_to_come_back() {
    let evil = steady();
    let house = House::start(&format!(
        "endpoints:\n{}clients: [{{ name: poor, key: key, budget: {{ usd: 0.001, per: hour }} }}]\n",
        priced("above-budget", &evil, 100.0, 1000.0)
    ));
    let answer = send(&house, &[("authorization", "Bearer key")]).await;
    let error = error_of(&answer, 429);
    assert_eq!(error["code"], "insufficient_quota");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("more than this API key's whole budget of $0.001"),
        "{message}"
    );
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
    assert_eq!(evil.count(), 0);
}
