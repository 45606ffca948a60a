//! `/metrics`: what the catalogue promises, over a socket.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::client::get;
use crate::support::gateway::House;

mod fresh;
mod names;

/// A page of metrics, taken apart.
#[derive(Debug, Default)]
struct Page {
    text: String,
    /// By name, in the order of the page.
    families: BTreeMap<String, Family>,
}

#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    /// Labels as written, with the suffix of histograms before them, and the value.
    samples: BTreeMap<String, f64>,
    /// The names of the labels, in their order; `le` left out.
    labels: BTreeSet<Vec<String>>,
}

impl Page {
    /// Takes a page apart; each family has its help, its type and then its samples, all in one place.
    fn read(text: &str) -> Self {
        let mut page = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        let mut name = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (of, help) = help.split_once(' ').expect("a help text");
                name = of.to_owned();
                let family = Family {
                    help: help.to_owned(),
                    ..Family::default()
                };
                assert!(
                    page.families.insert(name.clone(), family).is_none(),
                    "{line}"
                );
                continue;
            }
            let family = page.families.get_mut(&name).expect("help comes first");
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert!(
                    family.kind.is_empty() && family.samples.is_empty(),
                    "{line}"
                );
                let kind = kind.strip_prefix(&name).expect("the type of the same name");
                family.kind = kind.trim().to_owned();
                continue;
            }
            let rest = line
                .strip_prefix(&name)
                .unwrap_or_else(|| panic!("not of {name}: {line}"));
            let (labels, value) = rest.rsplit_once(' ').expect("a value");
            let value: f64 = value
                .parse()
                .unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(
                family.samples.insert(labels.to_owned(), value).is_none(),
                "twice: {line}"
            );
            let inner = labels.split_once('{').map_or("", |(_, inner)| inner);
            let names = inner
                .trim_end_matches('}')
                .split("\",")
                .filter_map(|label| {
                    let (name, _) = label.split_once('=')?;
                    (name != "le").then(|| name.to_owned())
                });
            family.labels.insert(names.collect());
        }
        page
    }

    async fn of(house: &House) -> Self {
        Self::read(&get(house.admin(), "/metrics").await.text())
    }

    /// The value of the one sample with exactly these labels.
    fn value(&self, name: &str, labels: &str) -> f64 {
        let family = self
            .families
            .get(name)
            .unwrap_or_else(|| panic!("no {name}"));
        let found = family.samples.get(labels);
        *found.unwrap_or_else(|| panic!("no {labels} in {:#?}", family.samples))
    }

    /// The lines in which `word` occurs.
    fn lines_with(&self, word: &str) -> Vec<&str> {
        self.text
            .lines()
            .filter(|line| line.contains(word))
            .collect()
    }
}
