//! Every panel and every rule gives data, asked of a real Prometheus that scrapes a gateway under traffic and
//! faults: one provider comes and goes, one answers 429, a client is over its limit, reloads succeed and fail.

use std::time::Duration;

use breakerbox_actors::clock;
use serde_json::Value;

use crate::dashboards::boards;
use crate::fleet::Fleet;

/// Longest that all expressions together may take until each has given data. The providers' faults come
/// and go within a minute.
const DEADLINE: Duration = Duration::from_secs(120);

/// What Grafana puts in for variables; windows suit a scrape each second.
const VARIABLES: [(&str, &str); 7] = [
    ("$__rate_interval", "15s"),
    ("$__interval", "15s"),
    ("$__range", "1m"),
    ("$instance", ".*"),
    ("$endpoint", ".*"),
    ("$model", ".*"),
    ("$actor", ".*"),
];

/// An expression that has to give data, and whose it is.
struct Wanted {
    whose: String,
    expression: String,
    /// What Prometheus said last.
    told: String,
}

fn wanted(whose: String, expression: String) -> Wanted {
    let told = String::new();
    Wanted {
        whose,
        expression,
        told,
    }
}

fn of_dashboards() -> Vec<Wanted> {
    let boards = boards();
    let asked = boards.iter().flat_map(|board| board.asked());
    asked
        .map(|it| {
            let mut expression = it.expression;
            for (variable, value) in VARIABLES {
                expression = expression.replace(variable, value);
            }
            assert!(!expression.contains('$'), "{}: {expression}", it.place);
            wanted(it.place, expression)
        })
        .collect()
}

/// The rules as Prometheus has read them: each recorded series, and what each alert compares.
async fn of_rules(fleet: &Fleet) -> Vec<Wanted> {
    let data = fleet.prometheus.ask("rules").await.expect("the rules");
    let groups = data["groups"].as_array().expect("groups");
    let rules = groups.iter().filter_map(|it| it["rules"].as_array());
    let one = |rule: &Value| {
        let text = |key: &str| rule[key].as_str().expect(key).to_owned();
        let expression = match rule["type"].as_str() {
            Some("alerting") => without_threshold(&text("query")),
            _ => text("name"),
        };
        wanted(text("name"), expression)
    };
    rules.flatten().map(one).collect()
}

/// What an alert compares: each comparison with a number goes, and so does `absent`, which gives data only
/// where there is none.
fn without_threshold(query: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for word in query.split_whitespace() {
        let compares = |it: &&&str| ["==", "!=", ">", "<", ">=", "<="].contains(*it);
        if word.parse::<f64>().is_ok() && kept.last().as_ref().is_some_and(compares) {
            kept.pop();
        } else {
            kept.push(word);
        }
    }
    kept.join(" ").replace("absent(", "(")
}

#[test]
fn thresholds_are_taken_off() {
    for (query, rest) in [
        ("up{job=\"a\"} == 0", "up{job=\"a\"}"),
        ("a > 0.05 and b > 0.1", "a and b"),
        ("count by (job) (a) > 1", "count by (job) (a)"),
        ("absent(up)", "(up)"),
    ] {
        assert_eq!(without_threshold(query), rest);
    }
}

#[tokio::test]
async fn every_panel_and_every_rule_gives_data() {
    let fleet = Fleet::start().await;
    let start = clock::now();
    let pause = || tokio::time::sleep(Duration::from_millis(500));

    // A reload that is applied and one that is refused, seen by Prometheus.
    let sum = "sum(breakerbox_config_reloads_total)";
    while fleet.prometheus.query(sum).await != Ok(vec![0.0]) {
        assert!(clock::now() - start < DEADLINE, "it is not scraped");
        pause().await;
    }
    fleet.write(|text| text.replace("failure_threshold: 3", "failure_threshold: 4"));
    fleet.gateway.signal("HUP");
    fleet.gateway.logs("reloaded").await;
    fleet.write(|text| text + "endpoints: 7\n");
    fleet.gateway.signal("HUP");
    fleet.gateway.logs("reload refused").await;

    let mut all = of_dashboards();
    all.extend(of_rules(&fleet).await);
    assert!(all.len() > 120, "{}", all.len());
    while !all.is_empty() {
        let mut left = Vec::new();
        for mut it in all {
            match fleet.prometheus.query(&it.expression).await {
                Ok(values) if !values.is_empty() => continue,
                told => it.told = format!("{told:?}"),
            }
            left.push(it);
        }
        all = left;
        let late = clock::now() - start > DEADLINE;
        let say = |it: &Wanted| format!("{}\n    {}\n    {}\n", it.whose, it.expression, it.told);
        assert!(
            all.is_empty() || !late,
            "no data for {} expressions:\n{}",
            all.len(),
            all.iter().map(say).collect::<String>()
        );
        pause().await;
    }
    the_numbers_are_of_what_happened(&fleet).await;
    no_rule_fails(&fleet).await;
}

/// Data alone may be a row of zeroes.
async fn the_numbers_are_of_what_happened(fleet: &Fleet) {
    for (expression, least) in [
        ("sum(breakerbox_cost_usd_total)", 1e-6),
        ("sum(breakerbox_tokens_total{direction=\"output\"})", 100.0),
        ("sum(breakerbox_http_requests_total{code=\"200\"})", 50.0),
        ("sum(breakerbox_http_requests_total{code=\"404\"})", 5.0),
        ("sum(breakerbox_http_requests_total{code=\"429\"})", 1.0),
        (
            "sum(breakerbox_upstream_requests_total{endpoint=\"limited\", outcome=\"rate_limited\"})",
            1.0,
        ),
        (
            "sum(breakerbox_breaker_transitions_total{endpoint=\"flaky\", to=\"open\"})",
            1.0,
        ),
        ("sum(breakerbox_failovers_total{from=\"flaky\"})", 1.0),
        ("sum(breakerbox_queue_wait_seconds_count)", 1.0),
        (
            "sum(breakerbox_probes_total{endpoint=\"flaky\", outcome=\"failed\"})",
            1.0,
        ),
        ("max(breakerbox_config_generation)", 2.0),
        ("min(breakerbox_breaker_failure_threshold)", 4.0),
        ("min(breakerbox_breaker_failure_ratio_threshold)", 0.5),
        (
            "count(ALERTS{alertname=\"BreakerboxReloadRefused\", alertstate=\"firing\"})",
            1.0,
        ),
    ] {
        let start = clock::now();
        loop {
            let value = fleet.prometheus.value(expression).await;
            if value >= least {
                break;
            }
            let waited = clock::now() - start;
            assert!(waited < DEADLINE, "{expression}: {value}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Neither an expression nor a text of the rules is wrong.
async fn no_rule_fails(fleet: &Fleet) {
    let data = fleet.prometheus.ask("rules").await.expect("the rules");
    let text = data.to_string();
    assert!(!text.contains("\"health\":\"err\""), "{text}");
    let data = fleet.prometheus.ask("alerts").await.expect("the alerts");
    let alerts = data["alerts"].as_array().expect("alerts");
    let refused = alerts
        .iter()
        .find(|it| it["labels"]["alertname"] == "BreakerboxReloadRefused");
    let summary = refused.and_then(|it| it["annotations"]["summary"].as_str());
    let summary = summary.unwrap_or_default();
    assert!(summary.starts_with("127.0.0.1:"), "{data}");
    assert!(!data.to_string().contains("error expanding"), "{data}");
}
