//! config/prometheus by itself: what promtool says, and that every alert has its two sides tested.

use std::collections::BTreeMap;

use crate::prometheus::promtool;
use crate::shipped::{files, here, read};

#[test]
fn promtool_takes_the_configuration_and_the_rules() {
    let told = promtool(&["check", "config", "prometheus.yml"]);
    assert!(told.contains("2 rule files found"), "{told}");
    promtool(&["check", "rules", "rules/alerts.yml", "rules/recording.yml"]);
}

#[test]
fn every_alert_fires_when_it_should_and_not_before() {
    promtool(&["test", "rules", "tests/alerts.yml"]);
    let tests = read(here("config/prometheus/tests/alerts.yml"));
    // For each alert, how often it is expected to be quiet, and to fire.
    let mut expected: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for test in tests.split("- expr: ").skip(1) {
        let (_, rest) = test.split_once("alertname=\"").expect("an alert");
        let name = rest.split('"').next().expect("its name");
        let (quiet, fires) = expected.entry(name.to_owned()).or_default();
        match test.contains("exp_samples: []") {
            true => *quiet += 1,
            false => *fires += 1,
        }
    }
    let rules = read(here("config/prometheus/rules/alerts.yml"));
    let names = rules.split("- alert: ").skip(1);
    for name in names.filter_map(|it| it.lines().next()) {
        let (quiet, fires) = expected.remove(name).unwrap_or_default();
        assert!(quiet > 0 && fires > 0, "{name}: {quiet} and {fires}");
    }
    assert!(expected.is_empty(), "no such alerts: {expected:?}");
}

#[test]
fn every_alert_says_what_it_means_and_what_to_do() {
    let rules = read(here("config/prometheus/rules/alerts.yml"));
    for alert in rules.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap_or_default();
        let own = alert.split("\n  - name:").next().unwrap_or_default();
        for key in ["summary: ", "description: ", "runbook: "] {
            assert_eq!(own.matches(key).count(), 1, "{name}: {key}");
        }
        let severities = ["severity: critical", "severity: warning"];
        assert!(severities.iter().any(|it| own.contains(it)), "{name}");
    }
}

/// Dashboards are named in runbooks as they are called.
#[test]
fn runbooks_name_dashboards_that_exist() {
    let titles: Vec<String> = files("config/grafana/dashboards", ".json")
        .iter()
        .filter_map(|path| {
            let board: serde_json::Value = serde_json::from_str(&read(path)).ok()?;
            Some(board["title"].as_str()?.to_owned())
        })
        .collect();
    let rules = read(here("config/prometheus/rules/alerts.yml"));
    let named: Vec<&str> = rules
        .split("\"Breakerbox / ")
        .skip(1)
        .filter_map(|it| it.split('"').next())
        .collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        let words: Vec<&str> = name.split_whitespace().collect();
        let title = format!("Breakerbox / {}", words.join(" "));
        assert!(titles.contains(&title), "{title} is none of {titles:?}");
    }
}
