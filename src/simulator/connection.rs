//! One connection of a simulated provider: requests in, answers or faults out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use breakerbox_actors::clock;
use tokio::net::TcpStream;

use super::delivery::{Delivery, Next};
use super::dialect::Call;
use super::fault::{Api, Fault};
use super::luck::Luck;
use super::reply::Reply;
use super::shared::{Flight, Open, Shared};
use super::wire::{Gone, Request, Wire};

/// Answers requests until the client leaves or a fault ends the connection.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _open = Open::new(Arc::clone(&shared));
    // Small writes go out at once: a token must not wait for the next.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut wire = Wire::new(stream);
    loop {
        let idle_close = shared.active().script.idle_close;
        let read = match idle_close {
            None => wire.request().await,
            Some(after) => match tokio::time::timeout(after, wire.request()).await {
                Ok(read) => read,
                Err(_) => return wire.finish().await,
            },
        };
        let Ok(request) = read else { return };
        match answer(&mut wire, &shared, &request).await {
            Ok(Next::KeepAlive) if request.keep_alive => {}
            Ok(_) => return wire.finish().await,
            Err(Gone) => return,
        }
    }
}

async fn answer(wire: &mut Wire, shared: &Shared, request: &Request) -> Result<Next, Gone> {
    let now = clock::now();
    let active = shared.active();
    let script = &active.script;
    let key = script.dialect.key(request);
    let flight = Flight::new(shared, request, &key);
    let number = shared.number();
    let id = format!("req_{number:016x}");
    let mut luck = Luck::of_request(script.seed, number);
    let latency = luck.latency(script.latency);
    let error_luck = luck.unit();
    let route = script.dialect.route(request);
    let call = Call {
        script,
        route: &route,
        request,
        id: &id,
    };
    let at = active.elapsed(now);
    let fault = script
        .faults
        .iter()
        .find(|timed| timed.hits(route.api, at, luck.unit()))
        .map(|timed| timed.fault);
    let reply = match fault {
        Some(Fault::Reset) => {
            shared.decided(now, route.api, 0);
            wire.reset();
            flight.finish();
            return Err(Gone);
        }
        Some(Fault::Blackhole) => {
            shared.decided(now, route.api, 0);
            return Err(wire.wait_for_the_end().await);
        }
        Some(Fault::Status { code, retry_after }) => call.scripted(code, retry_after),
        Some(Fault::Unauthorized) => call.unauthorized(),
        _ => {
            let usage = fault != Some(Fault::MissingUsage);
            generate(shared, call, &key, now, error_luck, usage)
        }
    };
    let status = reply.status;
    shared.decided(now, route.api, status);
    let good = status == 200;
    let latency = if good && route.api.generates() {
        latency
    } else {
        Duration::ZERO
    };
    let delay = match fault {
        Some(Fault::Slow { delay }) => delay,
        _ => Duration::ZERO,
    };
    let delivery = Delivery {
        first: now + latency + delay,
        wait: latency + delay,
        pace: script.tokens_per_second,
        fault: fault.filter(|_| good),
        dialect: script.dialect,
        id,
        keep_alive: request.keep_alive,
        head_only: request.method == "HEAD",
    };
    let next = delivery.send(wire, reply).await?;
    flight.finish();
    Ok(next)
}

/// What the provider says, its own checks first: key, request, limits, luck.
fn generate(
    shared: &Shared,
    call: Call<'_>,
    key: &str,
    now: Instant,
    luck: f64,
    usage: bool,
) -> Reply {
    let script = call.script;
    let keys = &script.api_keys;
    let wrong = !keys.is_empty() && !keys.iter().any(|known| known == key);
    if wrong && call.route.api != Api::Health {
        return call.unauthorized();
    }
    let prepared = match call.prepare() {
        Ok(prepared) => prepared,
        Err(reply) => return *reply,
    };
    if !call.route.api.generates() {
        return (prepared.answer)(usage);
    }
    let (standing, refusal) =
        shared
            .book
            .lock()
            .take(&script.limits, &prepared.model, prepared.tokens, now);
    if let Some(refusal) = refusal {
        let reply = call.limited(&prepared.model, refusal, &standing);
        return call.quota_headers(reply, &standing);
    }
    // The shares stand side by side on the line from 0 to 1.
    let mut mark = 0.0;
    for error in &script.errors {
        mark += error.share;
        if luck < mark {
            return call.scripted(error.status, error.retry_after);
        }
    }
    call.quota_headers((prepared.answer)(usage), &standing)
}
