//! The Anthropic dialect of the simulated provider.

mod answer;
mod check;
mod error;
mod read;

use serde_json::{Value, json};

use super::ask::{count, flag};
use super::content::Answer;
use super::dialect::{Call, Prepared, Route, decode, is_get};
use super::fault::Api;
use super::reply::Reply;
use super::wire::Request;

pub(super) use error::{broken, limited, quota_headers, scripted, unauthorized};
use error::{invalid, not_found};

/// The versions of the API that `anthropic-version` may name.
///
/// *Source*: Anthropic, "Versions".
const VERSIONS: [&str; 3] = [SAMPLED, "2023-01-01", "2026-10-21"];
/// The last version that takes `temperature`, `top_p` and `top_k`.
const SAMPLED: &str = "2023-06-01";
/// When every model is said to have come out.
const CREATED: &str = "2025-02-19T00:00:00Z";
/// Most models on a page, and how many there are when nothing is said.
const PAGE: (usize, usize) = (1_000, 20);

/// Reads method and path. What is not served is [`Api::Other`].
pub(super) fn route(request: &Request) -> Route {
    let path = request.path.as_str();
    let api = match (request.method.as_str(), path) {
        ("POST", "/v1/messages") => Api::Messages,
        ("POST", "/v1/messages/count_tokens") => Api::CountTokens,
        (_, "/v1/models") if is_get(request) => Api::Models,
        _ => match path.strip_prefix("/v1/models/").filter(|_| is_get(request)) {
            Some(model) => return Route::new(Api::Models, Some(decode(model))),
            None => Api::Other,
        },
    };
    Route::new(api, None)
}

/// Understands the request, or makes the error that tells what is wrong with it.
pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    match call.route.api {
        Api::Health => {
            return Ok(Prepared::ready(Reply::json(
                200,
                &json!({"status": "ok"}),
                0,
            )));
        }
        Api::Other => return Err(not_found(call, "Not found")),
        _ => {}
    }
    let version = call.request.header("anthropic-version");
    let version = version.ok_or_else(|| invalid(call, "anthropic-version: header is required"))?;
    if !VERSIONS.contains(&version) {
        let text = format!("anthropic-version: \"{version}\" is not a valid version");
        return Err(invalid(call, &text));
    }
    if call.route.api == Api::Models {
        return models(call);
    }
    let text = "The request body is not valid JSON: expected an object";
    let body = call.object().ok_or_else(|| invalid(call, text))?;
    let model = match body.get("model").map(Value::as_str) {
        None => return Err(invalid(call, "model: Field required")),
        Some(None | Some("")) => {
            return Err(invalid(call, "model: Input should be a valid string"));
        }
        Some(Some(model)) if !call.serves(model) => {
            return Err(not_found(call, &format!("model: {model}")));
        }
        Some(Some(model)) => model.to_owned(),
    };
    let counting = call.route.api == Api::CountTokens;
    let beta = call.request.header("anthropic-beta").is_some();
    let kind = check::Kind {
        counting,
        beta,
        sampled: version <= SAMPLED,
    };
    check::request(&body, kind).map_err(|text| invalid(call, &text))?;
    let ask = read::request(&body);
    if counting {
        let tokens = ask.prompt_tokens + body.get("tools").map_or(0, count);
        return Ok(Prepared::ready(Reply::json(
            200,
            &json!({"input_tokens": tokens}),
            0,
        )));
    }
    let answer = Answer::new(call.script, &call.request.body, &ask);
    let streams = flag(body.get("stream"));
    let id = call.id.to_owned();
    Ok(Prepared {
        tokens: answer.total() as u64,
        model: model.clone(),
        answer: Box::new(move |usage| match streams {
            true => answer::stream(answer, model, id, usage),
            false => answer::whole(&answer, &model, usage),
        }),
    })
}

fn models(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let entry =
        |id: &str| json!({"type": "model", "id": id, "display_name": id, "created_at": CREATED});
    if let Some(id) = call.route.model.as_deref() {
        return match call.serves(id) {
            true => Ok(Prepared::ready(Reply::json(200, &entry(id), 0))),
            false => Err(not_found(call, &format!("model: {id}"))),
        };
    }
    let (most, usual) = PAGE;
    let limit = match call.query("limit").map(str::parse::<usize>) {
        None => usual,
        Some(Ok(limit)) if (1..=most).contains(&limit) => limit,
        Some(_) => {
            let text = format!("limit: Input should be an integer from 1 to {most}");
            return Err(invalid(call, &text));
        }
    };
    let all = call.listed();
    let place = |name: &str| {
        let id = decode(call.query(name)?);
        all.iter().position(|known| *known == id)
    };
    // Pages go forward behind `after_id`, or backward before `before_id`.
    let (from, until) = match (place("after_id"), place("before_id")) {
        (Some(after), _) => (after + 1, (after + 1 + limit).min(all.len())),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (None, None) => (0, limit.min(all.len())),
    };
    let page = &all[from.min(until)..until];
    let more = match call.query("before_id") {
        Some(_) => from > 0,
        None => until < all.len(),
    };
    let data: Vec<Value> = page.iter().map(|id| entry(id)).collect();
    let list =
        json!({"data": data, "has_more": more, "first_id": page.first(), "last_id": page.last()});
    Ok(Prepared::ready(Reply::json(200, &list, 0)))
}
