//! The dashboards by themselves: what Grafana would refuse, draw wrongly or leave unexplained.

use std::collections::{BTreeMap, BTreeSet};

use breakerbox::metrics::catalogue;
use breakerbox_actors::metrics::Kind;
use serde_json::Value;

use crate::shipped::{files, here, read};

/// What a panel may be: of Grafana's own, without a plugin.
const PANELS: [&str; 7] = [
    "timeseries",
    "stat",
    "state-timeline",
    "heatmap",
    "piechart",
    "table",
    "row",
];
/// Units as Grafana names them.
const UNITS: [&str; 7] = [
    "short",
    "reqps",
    "cps",
    "s",
    "percentunit",
    "bytes",
    "currencyUSD",
];
/// Metrics of the catalogue that no dashboard shows, each with the reason.
const NOT_SHOWN: [(&str, &str); 1] = [(
    "breakerbox_credentials_refused_total",
    "0 unless somebody guesses, which the log tells",
)];

/// One dashboard.
pub(crate) struct Board {
    pub(crate) file: String,
    pub(crate) json: Value,
}

/// One expression that a dashboard asks, and where.
pub(crate) struct Asked {
    pub(crate) place: String,
    pub(crate) expression: String,
}

pub(crate) fn boards() -> Vec<Board> {
    let one = |path: &std::path::PathBuf| Board {
        file: path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned(),
        json: serde_json::from_str(&read(path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    };
    files("config/grafana/dashboards", ".json")
        .iter()
        .map(one)
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Board {
    pub(crate) fn panels(&self) -> &[Value] {
        list(&self.json["panels"])
    }

    fn variables(&self) -> BTreeSet<&str> {
        let all = list(&self.json["templating"]["list"]);
        all.iter().map(|it| text(&it["name"])).collect()
    }

    /// What panels and annotations ask.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut all = Vec::new();
        let mut add = |place: &Value, asks: &Value| {
            if let Some(expression) = asks["expr"].as_str() {
                all.push(Asked {
                    place: format!("{}: {}", self.file, text(place)),
                    expression: expression.to_owned(),
                });
            }
        };
        for panel in self.panels() {
            for target in list(&panel["targets"]) {
                add(&panel["title"], target);
            }
        }
        for annotation in list(&self.json["annotations"]["list"]) {
            add(&annotation["name"], annotation);
        }
        all
    }
}

#[test]
fn there_are_four_that_link_to_each_other() {
    let boards = boards();
    let all = |key: &str| -> BTreeSet<&str> {
        boards.iter().map(|board| text(&board.json[key])).collect()
    };
    assert_eq!(
        (boards.len(), all("uid").len(), all("title").len()),
        (4, 4, 4)
    );
    for board in &boards {
        let (file, json) = (&board.file, &board.json);
        assert_eq!(*file, format!("{}.json", text(&json["uid"])));
        let version = json["schemaVersion"].as_u64();
        assert!(version.is_some_and(|it| (39..=41).contains(&it)), "{file}");
        // Set by the Grafana that it is loaded into.
        assert!(
            json.get("id").is_none() && json.get("__inputs").is_none(),
            "{file}"
        );
        assert!(!text(&json["description"]).is_empty(), "{file}");
        // Reloads are marked in all of them, good and refused.
        let marks: Vec<_> = list(&json["annotations"]["list"])
            .iter()
            .filter(|it| it["enable"] == true && it["builtIn"] != 1)
            .map(|it| text(&it["name"]))
            .collect();
        assert_eq!(
            marks,
            ["Configuration in force", "Reload refused"],
            "{file}"
        );
        let tag = Value::from("breakerbox");
        assert!(list(&json["tags"]).contains(&tag), "{file}");
        let link = &json["links"][0];
        assert_eq!(text(&link["type"]), "dashboards", "{file}");
        assert!(list(&link["tags"]).contains(&tag), "{file}");
        for key in ["includeVars", "keepTime"] {
            assert_eq!(link[key], true, "{file}: {key}");
        }
        for rest in json.to_string().split("\"/d/").skip(1) {
            let uid = rest.split(['?', '/', '"']).next().unwrap_or_default();
            assert!(all("uid").contains(uid), "{file}: no dashboard {uid}");
        }
    }
}

#[test]
fn every_panel_has_a_place_of_its_own_and_says_what_it_shows() {
    for board in boards() {
        let mut ids = BTreeSet::new();
        let mut taken: BTreeMap<(u64, u64), &str> = BTreeMap::new();
        for panel in board.panels() {
            let title = text(&panel["title"]);
            let place = format!("{}: {title}", board.file);
            assert!(ids.insert(panel["id"].as_u64().expect(&place)), "{place}");
            let kind = text(&panel["type"]);
            assert!(PANELS.contains(&kind), "{place}: {kind}");
            assert!(!title.is_empty(), "{place}");
            let at = |key: &str| panel["gridPos"][key].as_u64().expect(&place);
            let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
            assert!(w > 0 && h > 0 && x + w <= 24, "{place}: {x} {y} {w} {h}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                let other = taken.insert(cell, title);
                assert_eq!(other, None, "{place}: {cell:?}");
            }
            if kind == "row" {
                continue;
            }
            let description = text(&panel["description"]);
            assert!(description.ends_with('.'), "{place}: {description:?}");
            // A heatmap's unit is that of its axis; its field has none.
            let unit = match kind {
                "heatmap" => text(&panel["options"]["yAxis"]["unit"]),
                _ => text(&panel["fieldConfig"]["defaults"]["unit"]),
            };
            assert!(UNITS.contains(&unit), "{place}: unit {unit:?}");
            let targets = list(&panel["targets"]);
            let refs: BTreeSet<_> = targets.iter().map(|it| text(&it["refId"])).collect();
            assert!(
                !targets.is_empty() && refs.len() == targets.len(),
                "{place}"
            );
        }
    }
}

#[test]
fn whoever_looks_chooses_the_data_source_and_the_gateways() {
    let chosen = serde_json::json!({ "type": "prometheus", "uid": "${datasource}" });
    for board in boards() {
        let (file, variables) = (&board.file, board.variables());
        for name in ["datasource", "instance"] {
            assert!(variables.contains(name), "{file}: no variable {name}");
        }
        let mut asking: Vec<&Value> = Vec::new();
        for panel in board.panels().iter().filter(|it| it["type"] != "row") {
            asking.push(panel);
            asking.extend(list(&panel["targets"]));
        }
        let variable = |it: &&Value| it["type"] == "query";
        asking.extend(
            list(&board.json["templating"]["list"])
                .iter()
                .filter(variable),
        );
        let annotation = |it: &&Value| it["builtIn"] != 1;
        asking.extend(
            list(&board.json["annotations"]["list"])
                .iter()
                .filter(annotation),
        );
        for it in asking {
            assert_eq!(it["datasource"], chosen, "{file}: {it}");
        }
        for Asked { place, expression } in board.asked() {
            // The alerts are those of the fleet.
            let fleet = expression.starts_with("sum(ALERTS{");
            assert!(
                fleet || expression.contains("$instance"),
                "{place}: {expression}"
            );
            for name in used(&expression) {
                let known = name.starts_with("__") || variables.contains(name);
                assert!(known, "{place}: no variable {name}");
            }
        }
    }
}

/// A window of fixed length misses what falls between the steps of a longer range, or holds too few scrapes.
#[test]
fn windows_follow_step_and_scrape_interval() {
    for Asked { place, expression } in boards().iter().flat_map(Board::asked) {
        for window in expression.split('[').skip(1) {
            let follows =
                window.starts_with("$__rate_interval]") || window.starts_with("$__range]");
            assert!(follows, "{place}: {expression}");
        }
    }
}

/// The variables in `expression`, all written `$name`.
fn used(expression: &str) -> impl Iterator<Item = &str> {
    let name = |it: &char| it.is_ascii_alphanumeric() || *it == '_';
    let parts = expression.split('$').skip(1);
    parts.map(move |part| {
        let length = part.chars().take_while(name).count();
        &part[..length]
    })
}

/// The words of `text` that are names of metrics.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let word = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
    let words = text.split(move |it| !word(it));
    words.filter(|it| it.starts_with("breakerbox_") || it.starts_with("process_"))
}

#[test]
fn every_metric_is_shown_or_said_not_to_be() {
    let boards = boards();
    let asked: Vec<Asked> = boards.iter().flat_map(Board::asked).collect();
    let shown: BTreeSet<&str> = asked.iter().flat_map(|it| names(&it.expression)).collect();
    let hidden: BTreeSet<&str> = NOT_SHOWN.iter().map(|(name, _)| *name).collect();
    let mut known = BTreeSet::new();
    for metric in catalogue() {
        let series = match metric.kind {
            Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
                .map(|it| format!("{}{it}", metric.name))
                .to_vec(),
            _ => vec![metric.name.to_owned()],
        };
        let found = series.iter().any(|it| shown.contains(it.as_str()));
        assert_ne!(found, hidden.contains(metric.name), "{}", metric.name);
        known.extend(series);
    }
    // What rules and variables name is there as well.
    let mut texts: Vec<String> = ["alerts", "recording"]
        .iter()
        .map(|it| read(here(&format!("config/prometheus/rules/{it}.yml"))))
        .collect();
    texts.extend(boards.iter().map(|it| it.json["templating"].to_string()));
    let named = texts.iter().flat_map(|it| names(it));
    for name in named.chain(shown.iter().copied()) {
        assert!(known.contains(name), "{name} is no metric");
    }
}

#[test]
fn the_breaker_is_drawn_with_its_thresholds() {
    let boards = boards();
    let endpoints = boards
        .iter()
        .find(|it| it.file == "breakerbox-endpoints.json");
    let panels = endpoints.expect("the dashboard").panels();
    let timeline = panels.iter().find(|it| it["title"] == "Breaker timeline");
    let timeline = timeline.expect("a timeline");
    assert_eq!(timeline["type"], "state-timeline");
    let words = &timeline["fieldConfig"]["defaults"]["mappings"][0]["options"];
    let words: Vec<_> = ["0", "1", "2"]
        .iter()
        .map(|it| text(&words[*it]["text"]))
        .collect();
    assert_eq!(words, ["closed", "half-open", "open"]);
    let rows = panels.iter().filter(|it| it["repeat"] == "endpoint");
    assert_eq!(rows.count(), 1);
    for (counted, threshold) in [
        ("breaker_failures_in_a_row", "breaker_failure_threshold"),
        ("breaker_failure_ratio{", "breaker_failure_ratio_threshold"),
        ("rate_window_used", "rate_window_limit"),
    ] {
        let both = panels.iter().any(|panel| {
            let of = |it: usize| text(&panel["targets"][it]["expr"]);
            let dashed = panel["fieldConfig"]["overrides"]
                .to_string()
                .contains("\"dash\"");
            of(0).contains(counted) && of(1).contains(threshold) && dashed
        });
        assert!(both, "{counted} is not drawn with {threshold}");
    }
}
