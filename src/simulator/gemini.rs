//! The Gemini dialect of the simulated provider.

mod answer;
mod check;
mod error;
mod read;

use serde_json::{Value, json};

use super::ask::count;
use super::content::Answer;
use super::dialect::{Call, Prepared, Route, decode, is_get};
use super::fault::Api;
use super::reply::Reply;
use super::wire::Request;

pub(super) use error::{broken, limited, scripted, unauthorized};
use error::{invalid, not_found, unknown_field};

/// Most models on a page, and how many there are when nothing is said.
const PAGE: (usize, usize) = (1_000, 50);

/// Reads method and path. What is not served is [`Api::Other`].
pub(super) fn route(request: &Request) -> Route {
    let path = request.path.as_str();
    let rooted = ["/v1beta/models", "/v1/models"];
    let rest = rooted.iter().find_map(|root| path.strip_prefix(root));
    let rest = rest.map(|rest| rest.strip_prefix('/').unwrap_or(rest));
    let Some(rest) = rest else {
        return Route::new(Api::Other, None);
    };
    if is_get(request) {
        let model = (!rest.is_empty()).then(|| decode(rest));
        return Route::new(Api::Models, model);
    }
    let Some((model, method)) = rest.rsplit_once(':').filter(|_| request.method == "POST") else {
        return Route::new(Api::Other, None);
    };
    let (api, streams) = match method {
        "generateContent" => (Api::GenerateContent, false),
        "streamGenerateContent" => (Api::GenerateContent, true),
        "countTokens" => (Api::CountTokens, false),
        _ => (Api::Other, false),
    };
    Route {
        streams,
        ..Route::new(api, Some(decode(model)))
    }
}

/// Whether a stream is asked for as server-sent events; without, it is one long array.
fn is_sse(call: &Call<'_>) -> bool {
    call.query("alt") == Some("sse")
}

/// Understands the request, or makes the error that tells what is wrong with it.
pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let model = match (call.route.api, call.route.model.as_deref()) {
        (Api::Health, _) => {
            return Ok(Prepared::ready(Reply::json(
                200,
                &json!({"status": "ok"}),
                0,
            )));
        }
        (Api::Models, model) => return models(call, model),
        (_, Some(model)) if call.route.api != Api::Other => model,
        _ => return Err(not_found(call, "Requested entity was not found.")),
    };
    if !call.serves(model) {
        let text = format!(
            "models/{model} is not found for API version v1beta, or is not supported for generateContent."
        );
        return Err(not_found(call, &text));
    }
    let text = "Invalid JSON payload received. Unable to parse.";
    let body = call.object().ok_or_else(|| invalid(call, text))?;
    let wrong = |wrong: check::Wrong| match wrong {
        check::Wrong::Unknown { name, place } => unknown_field(call, &name, &place),
        check::Wrong::Invalid(text) => invalid(call, &text),
    };
    if call.route.api == Api::CountTokens {
        let of = check::counted(&body, model).map_err(wrong)?;
        let tokens = read::request(of).prompt_tokens + of.get("tools").map_or(0, count);
        let told = json!({"totalTokens": tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]});
        return Ok(Prepared::ready(Reply::json(200, &told, 0)));
    }
    check::request(&body, model).map_err(wrong)?;
    let ask = read::request(&body);
    let made = answer::Made {
        model: model.to_owned(),
        answer: Answer::new(call.script, &call.request.body, &ask),
        shows: read::shows_thoughts(&body),
        seals: check::seals(model),
        logprobs: read::logprobs(&body),
    };
    let (streams, sse) = (call.route.streams, is_sse(call));
    Ok(Prepared {
        tokens: made.answer.total() as u64,
        model: model.to_owned(),
        answer: Box::new(move |usage| match streams {
            true => answer::stream(made, usage, sse),
            false => answer::whole(&made, usage),
        }),
    })
}

fn models(call: &Call<'_>, model: Option<&str>) -> Result<Prepared, Box<Reply>> {
    let entry = |id: &str| {
        json!({
            "name": format!("models/{id}"), "version": "001", "displayName": id,
            "description": "A simulated model", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2,
        })
    };
    if let Some(id) = model {
        return match call.serves(id) {
            true => Ok(Prepared::ready(Reply::json(200, &entry(id), 0))),
            false => Err(not_found(
                call,
                &format!("models/{id} is not found for API version v1beta"),
            )),
        };
    }
    let (most, usual) = PAGE;
    let size = call
        .query("pageSize")
        .and_then(|size| size.parse::<usize>().ok());
    let size = size.filter(|size| *size > 0).unwrap_or(usual).min(most);
    let all = call.listed();
    // A token names the first model of its page.
    let token = call.query("pageToken").filter(|token| !token.is_empty());
    let from = match token.map(|token| token.parse::<usize>()) {
        None => 0,
        Some(Ok(from)) if from < all.len() => from,
        Some(_) => return Err(invalid(call, "Invalid page token.")),
    };
    let until = (from + size).min(all.len());
    let mut list =
        json!({"models": all[from..until].iter().map(|id| entry(id)).collect::<Vec<Value>>()});
    if until < all.len() {
        list["nextPageToken"] = json!(until.to_string());
    }
    Ok(Prepared::ready(Reply::json(200, &list, 0)))
}
