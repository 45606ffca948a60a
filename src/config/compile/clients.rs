//! Who may ask.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
};

use breakerbox_actors::state::policy::Limits;
use sha2::{Digest, Sha256};
use wildmatch::WildMatch;

use super::{Check, below, conflict, endpoints::unique, files, invalid, missing};
use crate::config::{
    places::Step,
    settings::{AUTO, Budget, Client, Config, Cost, Period, Terms},
    shape,
};

/// Reads the list `clients`.
pub(super) fn clients(check: &mut Check<'_>, file: &shape::File) -> Option<Vec<Client>> {
    let Some(list) = &file.clients else {
        return (!check.given(&[Step::Key("clients")])).then(Vec::new);
    };
    let mut names = HashMap::new();
    let mut keys: HashMap<[u8; 32], usize> = HashMap::new();
    let mut out = Vec::new();
    let mut sound = list.is_whole();
    if list.is_empty() {
        check.refuse(
            &[Step::Key("clients")],
            missing("there is no client, so nobody could ask")
                .expect("one client or more")
                .help("leave `clients` out to serve anyone on a loopback address"),
        );
        return None;
    }
    for (index, given) in list.iter() {
        let path = [Step::Key("clients"), Step::Item(index)];
        let name = given.name.as_deref();
        let name = name.and_then(|name| unique(check, &below(&path, "name"), name, &mut names));
        let key = key(check, &path, given);
        let key = key.filter(|key| {
            let line = check.line(&path);
            let Some(first) = keys.insert(*key, line) else {
                return true;
            };
            let problem = conflict("two clients have the same key")
                .expect("a key of its own for each client")
                .help(&format!("the other starts in line {first}"));
            check.refuse(&below(&path, "name"), problem);
            false
        });
        let models = globs(check, &path, given);
        match (name, key, models) {
            (Some(name), Some(key_sha256), Some(models)) => out.push(Client {
                name,
                key_sha256,
                models,
                terms: terms(given),
                max_cost_per_request: given.max_cost_per_request.and_then(Cost::of),
            }),
            _ => sound = false,
        }
    }
    sound.then_some(out)
}

fn terms(given: &shape::Client) -> Terms {
    let limits = given.limits.unwrap_or_default();
    let budget = given.budget.and_then(|budget| {
        Some(Budget {
            most: Cost::of(budget.usd?)?,
            per: match budget.per? {
                shape::Period::Hour => Period::Hour,
                shape::Period::Day => Period::Day,
                shape::Period::Week => Period::Week,
                shape::Period::Month => Period::Month,
            },
        })
    });
    Terms {
        limits: Limits {
            rpm: limits.rpm.and_then(NonZeroU32::new),
            tpm: limits.tpm.and_then(NonZeroU32::new),
            rpd: limits.rpd.and_then(NonZeroU32::new),
            max_in_flight: None,
        },
        budget,
    }
}

/// Refuses to watch over money without knowing what things cost.
pub(super) fn priced(check: &mut Check<'_>, config: &Config) {
    for (index, client) in config.clients.iter().enumerate() {
        let key = match (client.terms.budget, client.max_cost_per_request) {
            (Some(_), _) => "budget",
            (None, Some(_)) => "max_cost_per_request",
            (None, None) => continue,
        };
        let Some((endpoint, model)) = unpriced(config, client) else {
            continue;
        };
        // As the file has them: a variable may have had a part in the names.
        let endpoint = [Step::Key("endpoints"), Step::Item(endpoint)];
        let mut model_at = below(&endpoint, "models");
        model_at.extend([Step::Item(model), Step::Key("name")]);
        let help = format!(
            "give one to {}, at {} or in `models`; what is free has `price: {{ input: 0, output: 0 }}`",
            check.shown(&model_at),
            check.shown(&below(&endpoint, "name")),
        );
        let path = [Step::Key("clients"), Step::Item(index), Step::Key(key)];
        let problem = missing("this cannot be watched over: not every model has a price")
            .expect("a price for every model that this client may be served by");
        check.refuse(&path, problem.help(&help));
    }
}

/// Returns the places of an endpoint and of one of its models that may serve
/// `client` and has no price.
fn unpriced(config: &Config, client: &Client) -> Option<(usize, usize)> {
    let own = config.models.iter().filter(|it| client.may_use(&it.name));
    let own = own.flat_map(|it| std::iter::once(&it.name).chain(&it.fallbacks));
    let routes = config.routes.iter().filter(|_| client.may_use(AUTO));
    let names: HashSet<_> = own.chain(routes.flat_map(|route| &route.models)).collect();
    let mut endpoints = config.endpoints.iter().enumerate();
    endpoints.find_map(|(index, endpoint)| {
        let mut models = endpoint.models.iter();
        let model = models.position(|it| it.price.is_none() && names.contains(&it.name));
        Some((index, model?))
    })
}

fn key(check: &mut Check<'_>, path: &[Step<'_>], given: &shape::Client) -> Option<[u8; 32]> {
    let hash_at = below(path, "key_sha256");
    let plain = files::secret(
        check,
        path,
        ("key", given.key.as_deref()),
        ("key_file", given.key_file.as_deref()),
    );
    match (plain, &given.key_sha256) {
        (Err(files::Reported), _) => None,
        (Ok(Some(_)), Some(_)) => {
            let problem = conflict("this client has a key already");
            check.refuse(&hash_at, problem.expect("one of key, key_file, key_sha256"));
            None
        }
        (Ok(Some(key)), None) => Some(Sha256::digest(key.expose()).into()),
        (Ok(None), Some(hash)) => {
            let bytes = from_hex(hash);
            if bytes.is_none() {
                let problem = invalid(&format!(
                    "this is not a SHA-256: it has {} characters",
                    hash.chars().count()
                ));
                check.refuse(
                    &hash_at,
                    problem
                        .expect("64 hexadecimal digits")
                        .help("make one: printf %s \"$KEY\" | sha256sum"),
                );
            }
            bytes
        }
        (Ok(None), None) => {
            if !check.given(&hash_at) {
                let problem = missing("this client has no key");
                check.refuse(path, problem.expect("one of key, key_file, key_sha256"));
            }
            None
        }
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; 32];
    for (byte, digits) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(out)
}

fn globs(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Client,
) -> Option<Vec<WildMatch>> {
    let at = below(path, "models");
    let Some(list) = &given.models else {
        return (!check.given(&at)).then(|| vec![WildMatch::new("*")]);
    };
    if list.is_empty() {
        let problem = missing("this client may use nothing").expect("one glob or more");
        check.refuse(&at, problem.help("leave `models` out to allow all"));
        return None;
    }
    let globs = list.iter().map(|(_, glob)| WildMatch::new(glob)).collect();
    list.is_whole().then_some(globs)
}
