//! The configuration in force, as the admin API shows it: in the shape of the
//! file, every default filled in, every secret hidden.

use serde_json::{Value, json};

use crate::dialect::Dialect;

use super::{
    Client, Config, Cors, Endpoint, Price, Priority,
    units::{show_duration, show_size},
};

/// Returns `config` in the shape of its file; secrets are `"***"`, what is not
/// set is null.
pub fn effective(config: &Config) -> Value {
    let (server, routing) = (&config.server, &config.routing);
    let cors = match &server.cors {
        Cors::Any => json!("*"),
        Cors::Of(origins) => json!(origins),
    };
    let tls = server.tls.as_ref();
    let models = config.models.iter().map(|model| {
        json!({ "name": model.name, "fallbacks": model.fallbacks, "price": price(model.price) })
    });
    let routes = config.routes.iter().map(|route| {
        json!({
            "task": route.task,
            "priority": route.priority.map(Priority::label),
            "models": route.models,
        })
    });
    json!({
        "server": {
            "listen": server.listen,
            "workers": server.workers,
            "max_body": show_size(server.max_body),
            "request_timeout": show_duration(server.request_timeout),
            "shutdown_grace": show_duration(server.shutdown_grace),
            "tls": tls.map(|tls| json!({ "cert": tls.cert.path, "key": tls.key.path })),
            "cors": cors,
        },
        "admin": {
            "listen": config.admin.listen,
            "token": config.admin.token.as_ref().map(ToString::to_string),
        },
        "endpoints": config.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "models": models.collect::<Vec<_>>(),
        "routing": {
            "strategy": routing.strategy.label(),
            "max_attempts": routing.max_attempts,
            "retry_budget": routing.retry_budget.get(),
            "backoff": {
                "base": show_duration(routing.backoff_base),
                "max": show_duration(routing.backoff_max),
            },
            "connect_timeout": show_duration(routing.connect_timeout),
            "first_byte_timeout": show_duration(routing.first_byte_timeout),
            "idle_timeout": show_duration(routing.idle_timeout),
            "queue": {
                "max_wait": show_duration(routing.queue_max_wait),
                "max_length": routing.queue_max_length,
            },
        },
        "routes": routes.collect::<Vec<_>>(),
        "clients": config.clients.iter().map(client).collect::<Vec<_>>(),
    })
}

fn price(price: Option<Price>) -> Value {
    price.map_or(
        Value::Null,
        |it| json!({ "input": it.input, "output": it.output }),
    )
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let (breaker, probe) = (&endpoint.breaker, &endpoint.probe);
    let limits = endpoint.policy.limits;
    // To the other dialects it is always translated, and there the key is refused.
    let responses = (endpoint.provider.dialect() == Dialect::OpenAi).then_some(
        match endpoint.native_responses {
            true => "native",
            false => "chat",
        },
    );
    let models = endpoint.models.iter().map(|model| {
        json!({ "name": model.name, "upstream": model.upstream, "price": price(model.price) })
    });
    json!({
        "name": endpoint.name,
        "provider": endpoint.provider.label(),
        "base_url": endpoint.base_url.to_string(),
        "api_key": endpoint.api_key.as_ref().map(ToString::to_string),
        "api_version": endpoint.api_version,
        "responses": responses,
        "models": models.collect::<Vec<_>>(),
        "weight": endpoint.policy.weight.get(),
        "limits": {
            "rpm": limits.rpm,
            "tpm": limits.tpm,
            "rpd": limits.rpd,
            "max_in_flight": limits.max_in_flight,
        },
        "breaker": {
            "failure_threshold": breaker.failure_threshold,
            "failure_rate": breaker.failure_rate,
            "min_requests": breaker.min_requests,
            "window": show_duration(breaker.window),
            "recovery_timeout": show_duration(breaker.recovery_timeout),
            "max_recovery_timeout": show_duration(breaker.max_recovery_timeout),
            "half_open_requests": breaker.half_open_requests,
            "trial_timeout": show_duration(breaker.trial_timeout),
            "ramp": show_duration(breaker.ramp),
        },
        "probe": {
            "kind": endpoint.probe_kind.label(),
            "interval": show_duration(probe.interval),
            "interval_open": show_duration(probe.interval_open),
            "timeout": show_duration(probe.timeout),
            "healthy_threshold": probe.healthy_threshold,
            "unhealthy_threshold": probe.unhealthy_threshold,
            "degraded_latency": show_duration(probe.degraded_latency),
            "unhealthy_latency": show_duration(probe.unhealthy_latency),
        },
        "ca_file": endpoint.ca_file.as_ref().map(|it| &it.path),
    })
}

fn client(client: &Client) -> Value {
    let globs = client.models.iter().map(|glob| glob.pattern());
    let (limits, budget) = (client.terms.limits, client.terms.budget);
    json!({
        "name": client.name,
        "key": "***",
        "models": globs.collect::<Vec<_>>(),
        "limits": { "rpm": limits.rpm, "tpm": limits.tpm, "rpd": limits.rpd },
        "budget": budget.map(|it| json!({ "usd": it.most.dollars(), "per": it.per.label() })),
        "max_cost_per_request": client.max_cost_per_request.map(|it| it.dollars()),
    })
}
