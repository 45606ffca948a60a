//! What public model names mean, and who serves them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    Check, below, conflict,
    endpoints::{price, unique},
    invalid, missing,
};
use crate::config::{
    places::Step,
    problem::{Problem, near},
    redact,
    settings::{Config, PublicModel, Strategy},
    shape::{self, EndpointModel},
};

/// The models that endpoints serve.
pub(super) struct Served {
    /// Public names in the order of the file.
    names: Vec<String>,
    pub(super) known: HashSet<String>,
    /// Those that may be shown: no variable had a part in them.
    pub(super) shown: Vec<String>,
    /// Whether every name could be read. Else, a name that is not there says
    /// nothing.
    pub(super) whole: bool,
}

impl Served {
    /// Says that nobody serves the model whose name stands `at`.
    pub(super) fn unknown(&self, check: &Check<'_>, at: &[Step<'_>], name: &str) -> Problem {
        let free = !check.has_variable(at);
        let names = self.shown.iter().map(String::as_str);
        invalid(&format!("no endpoint serves `{}`", check.shown(at)))
            .expect(&self.describe())
            .suggest(near(name, names).filter(|_| free))
    }

    fn describe(&self) -> String {
        const SHOWN: usize = 8;
        let names: Vec<_> = self
            .shown
            .iter()
            .take(SHOWN)
            .map(|name| redact::shown(name))
            .collect();
        let such = if names.is_empty() { "" } else { ": " };
        let more = if self.shown.len() > SHOWN {
            ", …"
        } else {
            ""
        };
        format!(
            "a model that an endpoint serves{such}{}{more}",
            names.join(", ")
        )
    }
}

/// Reads the list `models` and adds the models that only endpoints name.
pub(super) fn models(check: &mut Check<'_>, file: &shape::File) -> Option<Vec<PublicModel>> {
    let served = served(check, file);
    let mut out = Vec::new();
    let mut sound = served.whole;
    let mut seen = HashMap::new();
    for (index, given) in file.models.iter().flat_map(shape::List::iter) {
        let path = [Step::Key("models"), Step::Item(index)];
        let Some(name) = given.name.as_deref() else {
            sound = false;
            continue;
        };
        let at = below(&path, "name");
        let name = unique(check, &at, name, &mut seen);
        let fallbacks = fallbacks(check, &path, given, &served);
        let (Some(name), Some(fallbacks)) = (name, fallbacks) else {
            sound = false;
            continue;
        };
        let known = served.known.contains(&*name);
        if !known && fallbacks.is_empty() && served.whole {
            let free = !check.has_variable(&at);
            let word = near(&name, served.shown.iter().map(String::as_str)).filter(|_| free);
            let problem = invalid("no endpoint serves this model, and it has no fallbacks")
                .expect("a model of an endpoint, or fallbacks that stand in for it");
            check.refuse(&at, problem.suggest(word));
            sound = false;
        }
        out.push(PublicModel {
            name,
            fallbacks,
            price: given.price.as_ref().and_then(price),
        });
    }
    for name in served.names {
        if !seen.contains_key(name.as_str()) {
            out.push(PublicModel {
                name: name.into(),
                fallbacks: Vec::new(),
                price: None,
            });
        }
    }
    sound.then_some(out)
}

fn fallbacks(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::PublicModel,
    served: &Served,
) -> Option<Vec<Arc<str>>> {
    let path = below(path, "fallbacks");
    let Some(list) = &given.fallbacks else {
        return (!check.given(&path)).then(Vec::new);
    };
    let mut out: Vec<Arc<str>> = Vec::new();
    let mut seen = HashSet::new();
    let mut sound = list.is_whole();
    for (index, name) in list.iter() {
        let mut at = path.clone();
        at.push(Step::Item(index));
        let known = served.known.contains(name);
        let problem = if given.name.as_ref() == Some(name) {
            conflict("a model cannot be its own fallback").expect("another model")
        } else if !seen.insert(name) {
            conflict("this fallback is in the list already").expect("each model once")
        } else if !known && served.whole {
            served.unknown(check, &at, name)
        } else {
            out.push(name.as_str().into());
            continue;
        };
        check.refuse(&at, problem);
        sound = false;
    }
    sound.then_some(out)
}

/// Collects the models that endpoints serve.
pub(super) fn served(check: &Check<'_>, file: &shape::File) -> Served {
    let mut served = Served {
        names: Vec::new(),
        known: HashSet::new(),
        shown: Vec::new(),
        whole: file.endpoints.as_ref().is_some_and(shape::List::is_whole),
    };
    for (index, endpoint) in file.endpoints.iter().flat_map(shape::List::iter) {
        let Some(models) = &endpoint.models else {
            served.whole = false;
            continue;
        };
        served.whole &= models.is_whole();
        for (item, model) in models.iter() {
            let mut at = vec![Step::Key("endpoints"), Step::Item(index)];
            at.extend([Step::Key("models"), Step::Item(item)]);
            let name = match model {
                EndpointModel::Name(name) => Some(name),
                EndpointModel::Full(full) => {
                    at.push(Step::Key("name"));
                    full.name.as_ref()
                }
            };
            let Some(name) = name else {
                served.whole = false;
                continue;
            };
            if !served.known.insert(name.clone()) {
                continue;
            }
            served.names.push(name.clone());
            if !check.has_variable(&at) {
                served.shown.push(name.clone());
            }
        }
    }
    served
}

/// Gives endpoints the price of the public model where they state none.
pub(super) fn fill_prices(config: &mut Config) {
    let prices: HashMap<_, _> = config
        .models
        .iter()
        .map(|model| (Arc::clone(&model.name), model.price))
        .collect();
    for endpoint in &mut config.endpoints {
        for model in &mut endpoint.models {
            let public = prices.get(&model.name).copied().flatten();
            model.price = model.price.or(public);
        }
    }
}

/// Refuses to look for the cheapest without knowing what things cost.
pub(super) fn priced(check: &mut Check<'_>, config: &Config) {
    if config.routing.strategy != Strategy::Cheapest {
        return;
    }
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        for (item, model) in endpoint.models.iter().enumerate() {
            if model.price.is_some() {
                continue;
            }
            let mut at = vec![Step::Key("endpoints"), Step::Item(index)];
            at.extend([Step::Key("models"), Step::Item(item)]);
            check.refuse(
                &at,
                missing("this model has no price, which the strategy `cheapest` needs")
                    .expect("a price for every model")
                    .help("write `{ name: …, price: { input: 1.00, output: 4.00 } }` here or in `models`"),
            );
        }
    }
}
