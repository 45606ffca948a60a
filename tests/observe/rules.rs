//! config/prometheus by itself: what promtool says, and that every alert has its two sides tested.

use std::collections::BTreeMap;

use breakerbox::cli::Cli;
use clap::Parser;
use serde_json::Value;

use crate::dashboards::boards;
use crate::prometheus::promtool;
use crate::shipped::{here, read};
use crate::support::client::get;
use crate::support::process::{Process, address_in};

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

/// Every runbook in one line, as it is told, behind the name of its alert.
fn runbooks() -> Vec<(String, String)> {
    let rules = read(here("config/prometheus/rules/alerts.yml"));
    let alerts = rules.split("- alert: ").skip(1);
    alerts
        .map(|alert| {
            let name = alert.lines().next().unwrap_or_default().to_owned();
            let (_, told) = alert.split_once("runbook: ").expect("a runbook");
            let lines = told.lines().enumerate();
            // It ends where the next key or comment begins.
            let own = lines.take_while(|(at, line)| *at == 0 || line.starts_with("            "));
            let words: Vec<_> = own.flat_map(|(_, it)| it.split_whitespace()).collect();
            (name, words.join(" "))
        })
        .collect()
}

/// Dashboards and their panels are named in runbooks as they are called.
#[test]
fn runbooks_name_dashboards_and_panels_that_exist() {
    let boards: BTreeMap<String, Vec<String>> = boards()
        .iter()
        .map(|board| {
            let own = board.panels().iter();
            let title = |it: &Value| it["title"].as_str().expect("a title").to_owned();
            (title(&board.json), own.map(title).collect())
        })
        .collect();
    let mut named = 0;
    for (alert, told) in runbooks() {
        for part in told.split("\"Breakerbox / ").skip(1) {
            let (board, rest) = part.split_once('"').expect("its end");
            let panels = boards.get(&format!("Breakerbox / {board}"));
            let panels = panels.unwrap_or_else(|| panic!("{alert}: no dashboard {board}"));
            for panel in rest.split('"').skip(1).step_by(2) {
                assert!(panels.iter().any(|it| it == panel), "{alert}: {panel}");
                named += 1;
            }
        }
    }
    assert!(named > 10, "{named}");
}

/// Whoever is woken pastes them: each `curl` asks for something that there is, each command is one.
#[tokio::test]
async fn runbooks_have_commands_that_exist() {
    let minimal = here("config/minimal.yaml").display().to_string();
    let [listen, admin] = ["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"];
    let args = ["serve", "--config", &minimal, listen, admin];
    let gateway = Process::start_with(&args, &[("OPENAI_API_KEY", "any")]);
    let admin = address_in(&gateway.logs("\"subsystem\":\"metrics\"").await);
    let api: Value = get(admin, "/openapi.json").await.json();
    let known = |method: &str, path: &str| {
        let paths = api["paths"].as_object().expect("paths");
        paths.iter().any(|(template, it)| {
            let [mut wanted, mut asked] = [template, path].map(|it| it.split('/'));
            it.get(method).is_some()
                && wanted.clone().count() == asked.clone().count()
                && wanted.all(|part| {
                    asked
                        .next()
                        .is_some_and(|it| part.starts_with('{') || part == it)
                })
        })
    };
    let mut curls = 0;
    for (alert, told) in runbooks() {
        for command in told.split('`').skip(1).step_by(2) {
            if command.starts_with("breakerbox ") {
                let taken = Cli::try_parse_from(command.split(' '));
                assert!(taken.is_ok(), "{alert}: {command}: {taken:?}");
            }
            let Some(rest) = command.strip_prefix("curl ") else {
                continue;
            };
            let method = if rest.starts_with("-X POST ") {
                "post"
            } else {
                "get"
            };
            let (_, rest) = rest.split_once("http://").expect("an address");
            let path = &rest[rest.find("/api").or(rest.find("/metrics")).expect("a path")..];
            let path = path
                .trim_end_matches('\'')
                .split('?')
                .next()
                .expect("a path");
            let path = path.replace("{{ $labels.endpoint }}", "NAME");
            assert!(known(method, &path), "{alert}: {method} {path}");
            curls += 1;
        }
    }
    assert!(curls > 10, "{curls}");
}
