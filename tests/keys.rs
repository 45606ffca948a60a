//! Every key of the configuration does something: for each, the test that sees it act, after a start with it
//! and, but for what only a restart can change, after a reload that brings it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::chat::{chunk, delta, stream_head};
use crate::support::evil::{Act, Evil};
use crate::upstream::tls;

mod clients;
mod endpoints;
mod limits;
mod machine;
mod models;
mod pings;
mod planes;
mod prices;
mod routes;
mod routing;
mod terms;

/// A test; only that it is there can be known.
type Test = fn();

#[rustfmt::skip]
const KEYS: &[(&str, Test)] = &[
    ("server.listen", planes::listen),
    ("server.workers", planes::workers),
    ("server.max_body", planes::max_body),
    ("server.request_timeout", planes::request_timeout),
    ("server.shutdown_grace", planes::shutdown_grace),
    ("server.cors[]", planes::cors),
    ("server.tls.cert", planes::tls),
    ("server.tls.key", planes::tls),
    ("admin.listen", planes::listen),
    ("admin.token", planes::token),
    ("admin.token_file", planes::token),
    ("endpoints[].name", endpoints::name),
    ("endpoints[].provider", endpoints::provider),
    ("endpoints[].base_url", endpoints::base_url),
    ("endpoints[].api_key", endpoints::api_key),
    ("endpoints[].api_key_file", endpoints::api_key),
    ("endpoints[].api_version", endpoints::api_version),
    ("endpoints[].responses", endpoints::responses),
    ("endpoints[].models[]", endpoints::models),
    ("endpoints[].models[].name", endpoints::models),
    ("endpoints[].models[].upstream", endpoints::upstream),
    ("endpoints[].models[].price.input", prices::of_an_endpoint),
    ("endpoints[].models[].price.output", prices::of_an_endpoint),
    ("endpoints[].weight", endpoints::weight),
    ("endpoints[].limits.rpm", limits::rpm),
    ("endpoints[].limits.tpm", limits::tpm),
    ("endpoints[].limits.rpd", limits::rpd),
    ("endpoints[].limits.max_in_flight", limits::max_in_flight),
    ("endpoints[].ca_file", tls::ca_file),
    ("models[].name", models::name),
    ("models[].fallbacks[]", models::fallbacks),
    ("models[].price.input", prices::of_a_model),
    ("models[].price.output", prices::of_a_model),
    ("routing.strategy", prices::strategy),
    ("routing.max_attempts", routing::max_attempts),
    ("routing.retry_budget", routing::retry_budget),
    ("routing.backoff.base", routing::backoff_base),
    ("routing.backoff.max", routing::backoff_max),
    ("routing.connect_timeout", routing::connect_timeout),
    ("routing.first_byte_timeout", routing::first_byte_timeout),
    ("routing.idle_timeout", routing::idle_timeout),
    ("routing.queue.max_wait", routing::max_wait),
    ("routing.queue.max_length", routing::max_length),
    ("clients[].name", clients::name),
    ("clients[].key", clients::keys),
    ("clients[].key_file", clients::keys),
    ("clients[].key_sha256", clients::keys),
    ("clients[].models[]", clients::models),
    ("clients[].limits.rpm", terms::rpm),
    ("clients[].limits.tpm", terms::tpm),
    ("clients[].limits.rpd", terms::rpd),
    ("clients[].budget.usd", terms::usd),
    ("clients[].budget.per", terms::per),
    ("clients[].max_cost_per_request", terms::max_cost_per_request),
    ("routes[].task", routes::task),
    ("routes[].priority", routes::priority),
    ("routes[].models[]", routes::models),
];

/// The two sections that an endpoint may override: each test sees a key act in both places.
#[rustfmt::skip]
const IN_BOTH_PLACES: &[(&str, Test)] = &[
    ("breaker.failure_threshold", machine::failure_threshold),
    ("breaker.failure_rate", machine::failure_rate),
    ("breaker.min_requests", machine::min_requests),
    ("breaker.window", machine::window),
    ("breaker.recovery_timeout", machine::recovery_timeout),
    ("breaker.max_recovery_timeout", machine::max_recovery_timeout),
    ("breaker.half_open_requests", machine::half_open_requests),
    ("breaker.trial_timeout", machine::trial_timeout),
    ("breaker.ramp", machine::ramp),
    ("probe.kind", pings::kind),
    ("probe.interval", pings::interval),
    ("probe.interval_open", pings::interval_open),
    ("probe.timeout", pings::timeout),
    ("probe.healthy_threshold", machine::healthy_threshold),
    ("probe.unhealthy_threshold", machine::unhealthy_threshold),
    ("probe.degraded_latency", machine::degraded_latency),
    ("probe.unhealthy_latency", machine::unhealthy_latency),
];

/// An upstream that falls silent after the first event of its stream.
fn stalling() -> Evil {
    Evil::start(|_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&delta("hel"))),
            Act::Blackhole,
        ]
    })
}

/// The keys of the published schema that take a value.
fn keys(root: &Value) -> BTreeSet<String> {
    fn walk(root: &Value, node: &Value, path: &str, out: &mut BTreeSet<String>) {
        if let Some(reference) = node["$ref"].as_str() {
            let target = root.pointer(reference.trim_start_matches('#'));
            walk(root, target.expect("a definition"), path, out);
        } else if let Some(choices) = node["anyOf"].as_array() {
            for choice in choices.iter().filter(|choice| choice["type"] != "null") {
                walk(root, choice, path, out);
            }
        } else if let Some(properties) = node["properties"].as_object() {
            for (key, node) in properties {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                walk(root, node, &path, out);
            }
        } else if node["items"].is_object() {
            walk(root, &node["items"], &format!("{path}[]"), out);
        } else {
            out.insert(path.to_owned());
        }
    }
    let mut out = BTreeSet::new();
    walk(root, root, "", &mut out);
    out
}

#[test]
fn every_key_of_the_schema_has_a_test_that_sees_it_act() {
    let mut tested: Vec<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    for (key, _) in IN_BOTH_PLACES {
        tested.extend([(*key).to_owned(), format!("endpoints[].{key}")]);
    }
    let rows = tested.len();
    let tested: BTreeSet<String> = tested.into_iter().collect();
    assert_eq!(tested.len(), rows, "a key has two rows");
    assert_eq!(keys(&breakerbox::config::schema()), tested);
}

/// Configurations with one endpoint and these keys of a section that it may override: once in the section,
/// once at the endpoint.
fn in_both_places(section: &str, keys: &str) -> [String; 2] {
    let with = |more: &str| {
        format!(
            "endpoints:\n  - {{ name: a, provider: openai-compatible, base_url: \"http://127.0.0.1:1/v1\", \
             models: [m]{more} }}\n"
        )
    };
    let section = format!("{section}: {{ {keys} }}");
    [with("") + &section, with(&format!(", {section}"))]
}
