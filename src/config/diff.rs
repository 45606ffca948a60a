//! What a reload would change.

use std::{collections::HashMap, fmt::Display};

use sha2::{Digest, Sha256};

use super::{
    Client, Config, Cors, Endpoint, PemFile, Priority, PublicModel, Route, Secret, start_only,
    units::{show_duration, show_size},
};
pub use change::{Change, How, What};

mod change;

/// Compares `old` with `new`; no secrets. Empty: nothing changed.
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = fields(What::Setting, None, &planes(old), &planes(new));
    for change in &mut changes {
        let key = change.key.as_deref();
        change.start_only = key.is_some_and(|key| start_only::KEYS.contains(&key));
    }
    changes.extend(named(
        What::Endpoint,
        &all(&old.endpoints, |it| (&*it.name, endpoint(it))),
        &all(&new.endpoints, |it| (&*it.name, endpoint(it))),
    ));
    changes.extend(named(
        What::Model,
        &all(&old.models, |it| (&*it.name, model(it))),
        &all(&new.models, |it| (&*it.name, model(it))),
    ));
    changes.extend(named(
        What::Client,
        &all(&old.clients, |it| (&*it.name, client(it))),
        &all(&new.clients, |it| (&*it.name, client(it))),
    ));
    if old.routes != new.routes {
        let [from, to] = [routes(&old.routes), routes(&new.routes)];
        let values = [from.as_deref(), to.as_deref()];
        changes.push(Change::key(What::Routes, None, "routes", values, false));
    }
    changes
}

/// One setting.
struct Field {
    key: &'static str,
    /// Its value for people; `None` if it is not set.
    shown: Option<String>,
    /// What tells two secrets or contents apart, which people may not see.
    hidden: Option<[u8; 32]>,
    /// Whether people may not see its value either, but for the part of a
    /// secret that is `shown` where that part differs.
    is_secret: bool,
}

type Named<'a> = Vec<(&'a str, Vec<Field>)>;

fn all<'a, T>(list: &'a [T], fields: impl Fn(&'a T) -> (&'a str, Vec<Field>)) -> Named<'a> {
    list.iter().map(fields).collect()
}

fn fields(what: What, name: Option<&str>, old: &[Field], new: &[Field]) -> Vec<Change> {
    let pairs = old.iter().zip(new);
    pairs
        .filter(|(old, new)| {
            // What only came or went is shown as such.
            let both = old.hidden.zip(new.hidden);
            old.shown != new.shown || both.is_some_and(|(old, new)| old != new)
        })
        .map(|(old, new)| {
            let values = [old.shown.as_deref(), new.shown.as_deref()];
            // What people may see of two secrets or contents may be the same.
            let is_hidden = match (new.is_secret, values) {
                (true, [Some(old), Some(new)]) => old == new,
                (true, _) => true,
                (false, [old, new]) => old == new,
            };
            Change::key(what, name, new.key, values, is_hidden)
        })
        .collect()
}

fn named(what: What, old: &Named<'_>, new: &Named<'_>) -> Vec<Change> {
    let before: HashMap<_, _> = old.iter().map(|(name, fields)| (*name, fields)).collect();
    let after: HashMap<_, _> = new.iter().map(|(name, fields)| (*name, fields)).collect();
    let mut changes = Vec::new();
    for (name, _) in old {
        if !after.contains_key(name) {
            changes.push(Change::whole(what, name, How::Removed));
        }
    }
    for (name, now) in new {
        match before.get(name) {
            None => changes.push(Change::whole(what, name, How::Added)),
            Some(then) => changes.extend(fields(what, Some(name), then, now)),
        }
    }
    let kept = |list: &Named<'_>, other: &HashMap<_, _>| -> Vec<String> {
        let names = list.iter().map(|(name, _)| *name);
        names
            .filter(|name| other.contains_key(name))
            .map(str::to_owned)
            .collect()
    };
    if kept(old, &after) != kept(new, &before) {
        changes.push(Change::order(what));
    }
    changes
}

fn field(key: &'static str, shown: impl Display) -> Field {
    option(key, Some(shown))
}

fn secret(key: &'static str, secret: Option<&Secret>) -> Field {
    Field {
        key,
        shown: secret.map(Secret::to_string),
        hidden: secret.map(|secret| Sha256::digest(secret.expose()).into()),
        is_secret: true,
    }
}

fn option(key: &'static str, value: Option<impl Display>) -> Field {
    Field {
        key,
        shown: value.map(|value| value.to_string()),
        hidden: None,
        is_secret: false,
    }
}

fn planes(config: &Config) -> Vec<Field> {
    let (server, routing) = (&config.server, &config.routing);
    let tls = server.tls.as_ref();
    let content = |key, file: Option<&PemFile>| Field {
        key,
        shown: None,
        hidden: file.map(|it| it.sha256),
        is_secret: false,
    };
    let [cert, key] = [tls.map(|tls| &tls.cert), tls.map(|tls| &tls.key)];
    let tls = tls.map(|tls| format!("{} + {}", tls.cert.path.display(), tls.key.path.display()));
    let cors = match &server.cors {
        Cors::Any => Some("*".to_owned()),
        Cors::Of(origins) => (!origins.is_empty()).then(|| origins.join(", ")),
    };
    let time = |key, value| field(key, show_duration(value));
    vec![
        field("server.listen", server.listen),
        field("server.workers", server.workers),
        field("server.max_body", show_size(server.max_body)),
        time("server.request_timeout", server.request_timeout),
        time("server.shutdown_grace", server.shutdown_grace),
        option("server.tls", tls),
        // What is in them may be renewed.
        content("server.tls.cert", cert),
        content("server.tls.key", key),
        option("server.cors", cors),
        field("admin.listen", config.admin.listen),
        secret("admin.token", config.admin.token.as_ref()),
        field("routing.strategy", routing.strategy.label()),
        field("routing.max_attempts", routing.max_attempts),
        field("routing.retry_budget", routing.retry_budget.get()),
        time("routing.backoff.base", routing.backoff_base),
        time("routing.backoff.max", routing.backoff_max),
        time("routing.connect_timeout", routing.connect_timeout),
        time("routing.first_byte_timeout", routing.first_byte_timeout),
        time("routing.idle_timeout", routing.idle_timeout),
        time("routing.queue.max_wait", routing.queue_max_wait),
        field("routing.queue.max_length", routing.queue_max_length),
    ]
}

fn endpoint(endpoint: &Endpoint) -> Vec<Field> {
    let models = endpoint.models.iter().map(|model| {
        let price = model.price;
        let price = price.map(|price| format!(" at {}/{}", price.input, price.output));
        let upstream = match model.upstream == model.name {
            true => String::new(),
            false => format!("={}", model.upstream),
        };
        format!("{}{upstream}{}", model.name, price.unwrap_or_default())
    });
    let models: Vec<_> = models.collect();
    let limits = endpoint.policy.limits;
    let (breaker, probe) = (&endpoint.breaker, &endpoint.probe);
    let ca_file = endpoint.ca_file.as_ref();
    let time = |key, value| field(key, show_duration(value));
    vec![
        field("provider", endpoint.provider.label()),
        field("base_url", &endpoint.base_url),
        secret("api_key", endpoint.api_key.as_ref()),
        option("api_version", endpoint.api_version.as_ref()),
        field(
            "responses",
            if endpoint.native_responses {
                "native"
            } else {
                "chat"
            },
        ),
        field("models", models.join(", ")),
        field("weight", endpoint.policy.weight.get()),
        option("limits.rpm", limits.rpm),
        option("limits.tpm", limits.tpm),
        option("limits.rpd", limits.rpd),
        option("limits.max_in_flight", limits.max_in_flight),
        field("breaker.failure_threshold", breaker.failure_threshold),
        field("breaker.failure_rate", breaker.failure_rate),
        field("breaker.min_requests", breaker.min_requests),
        time("breaker.window", breaker.window),
        time("breaker.recovery_timeout", breaker.recovery_timeout),
        time("breaker.max_recovery_timeout", breaker.max_recovery_timeout),
        field("breaker.half_open_requests", breaker.half_open_requests),
        time("breaker.trial_timeout", breaker.trial_timeout),
        time("breaker.ramp", breaker.ramp),
        field("probe.kind", endpoint.probe_kind.label()),
        time("probe.interval", probe.interval),
        time("probe.interval_open", probe.interval_open),
        time("probe.timeout", probe.timeout),
        field("probe.healthy_threshold", probe.healthy_threshold),
        field("probe.unhealthy_threshold", probe.unhealthy_threshold),
        time("probe.degraded_latency", probe.degraded_latency),
        time("probe.unhealthy_latency", probe.unhealthy_latency),
        Field {
            hidden: ca_file.map(|it| it.sha256),
            ..option("ca_file", ca_file.map(|it| it.path.display()))
        },
    ]
}

fn model(model: &PublicModel) -> Vec<Field> {
    let fallbacks: Vec<_> = model.fallbacks.iter().map(|name| &**name).collect();
    let price = model.price;
    vec![
        option(
            "fallbacks",
            (!fallbacks.is_empty()).then(|| fallbacks.join(", ")),
        ),
        option(
            "price",
            price.map(|price| format!("{}/{}", price.input, price.output)),
        ),
    ]
}

fn client(client: &Client) -> Vec<Field> {
    let globs: Vec<_> = client.models.iter().map(|glob| glob.pattern()).collect();
    let (limits, budget) = (client.terms.limits, client.terms.budget);
    let cap = client.max_cost_per_request;
    vec![
        Field {
            key: "key",
            shown: Some("***".to_owned()),
            hidden: Some(client.key_sha256),
            is_secret: true,
        },
        field("models", globs.join(", ")),
        option("limits.rpm", limits.rpm),
        option("limits.tpm", limits.tpm),
        option("limits.rpd", limits.rpd),
        option(
            "budget",
            budget.map(|it| format!("${} per {}", it.most, it.per.label())),
        ),
        option("max_cost_per_request", cap.map(|cap| format!("${cap}"))),
    ]
}

/// Routes have no names: all are told of when one changes.
fn routes(routes: &[Route]) -> Option<String> {
    let route = |route: &Route| {
        let task = route.task.as_deref().unwrap_or("any");
        let priority = route.priority.map_or("any", Priority::label);
        format!("{task}/{priority}: {}", route.models.join(", "))
    };
    let shown: Vec<_> = routes.iter().map(route).collect();
    (!shown.is_empty()).then(|| shown.join("; "))
}
