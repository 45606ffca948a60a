//! `/api/config`, `/api/reload`, `/api/check`: what is in force, what was, and
//! how to change it.

use std::{cell::Cell, path::Path};

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, Bytes, Data, Payload},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Admin, answer, error, openapi::History, status::Reload, unknown};
use crate::{
    config::{self, Change, Config, Problems, Reach, Shown, env},
    reload::{By, Try},
    wall,
};

/// The longest body that is taken, in bytes.
const LONGEST: usize = 1 << 20;

/// What a configuration would change.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Compared {
    /// Whether it could be put in force.
    ok: bool,
    /// What differs from what is in force.
    changes: Vec<Change>,
    /// Why it could not: what is wrong with it, or what only a restart can change.
    problems: Vec<Shown>,
    /// What was not looked at, or is not shown.
    notes: Vec<String>,
}

impl Compared {
    /// Compares `new` with what is in force.
    fn with(in_force: &Config, new: &Config) -> Self {
        let changes = config::diff(in_force, new);
        let problems = new.start_only.refused(&changes);
        Self {
            ok: problems.is_empty(),
            changes,
            problems,
            notes: Vec::new(),
        }
    }

    fn wrong(problems: &Problems) -> Self {
        Self {
            problems: problems.shown(),
            ..Self::default()
        }
    }
}

/// One configuration that was in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Past {
    generation: u64,
    /// When it was put in force, RFC 3339.
    at: String,
    /// Who asked: `file`, `signal`, `api`, `rollback` or `start`.
    source: &'static str,
    /// The SHA-256 of its text.
    config_sha: String,
    /// What changed by it.
    changes: Vec<Change>,
    /// All of it, secrets hidden.
    #[schema(value_type = Object)]
    config: Value,
}

/// The configuration in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Effective {
    generation: u64,
    /// The SHA-256 of its text.
    config_sha: String,
    /// All of it, secrets hidden.
    #[schema(value_type = Object)]
    config: Value,
}

/// Which configuration to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    generation: u64,
}

/// Returns the configuration in force, every default filled in, secrets hidden.
#[utoipa::path(get, path = "/api/config", responses((status = 200, body = Effective)))]
pub(super) async fn effective(admin: Data<Admin>) -> HttpResponse {
    let generation = admin.shared.generation.load_full();
    answer(&Effective {
        generation: generation.number,
        config_sha: generation.config.sha256.to_string(),
        config: config::effective(&generation.config),
    })
}

/// Compares the file, as it is now, with what is in force.
#[utoipa::path(get, path = "/api/config/diff", responses(
    (status = 200, body = Compared), (status = 409, description = "there is no file")
))]
pub(super) async fn diff(admin: Data<Admin>) -> HttpResponse {
    match admin.reloads.read().await {
        Ok(config) => {
            let in_force = admin.shared.generation.load_full();
            answer(&Compared::with(&in_force.config, &config))
        }
        Err(Some(problems)) => answer(&Compared::wrong(&problems)),
        Err(None) => no_source(),
    }
}

/// Lists the last good configurations, newest first.
#[utoipa::path(get, path = "/api/config/history", responses((status = 200, body = History)))]
pub(super) async fn history(admin: Data<Admin>) -> HttpResponse {
    let kept = admin.reloads.history().into_iter();
    let history = kept.map(|it| Past {
        generation: it.generation,
        at: wall::text(it.at),
        source: it.by.label(),
        config_sha: it.config.sha256.to_string(),
        changes: it.changes,
        config: config::effective(&it.config),
    });
    answer(&History {
        history: history.collect(),
    })
}

/// Puts an earlier configuration in force again, until the file changes.
#[utoipa::path(post, path = "/api/config/rollback", request_body = RollBack, responses(
    (status = 200, body = Reload), (status = 400, description = "the body is none of ours"),
    (status = 404, description = "it is not kept any more"), (status = 413, description = "the body is too large"),
    (status = 422, body = Reload, description = "refused: nothing has changed")
))]
pub(super) async fn roll_back(admin: Data<Admin>, body: Payload) -> HttpResponse {
    let asked = match take(body).await {
        Ok(body) => serde_json::from_slice::<RollBack>(&body),
        Err(refused) => return refused,
    };
    let Ok(RollBack { generation }) = asked else {
        let words = "expected {\"generation\": N}";
        return error(StatusCode::BAD_REQUEST, "invalid_body", words);
    };
    match admin.reloads.roll_back(generation).await {
        Some(tried) => told(&tried),
        None => unknown(&format!(
            "generation {generation} is not kept: see /api/config/history"
        )),
    }
}

/// Reads the configuration again and puts it in force.
#[utoipa::path(post, path = "/api/reload", responses(
    (status = 200, body = Reload), (status = 409, description = "there is nothing to read"),
    (status = 422, body = Reload, description = "refused: nothing has changed")
))]
pub(super) async fn reload(admin: Data<Admin>) -> HttpResponse {
    match admin.reloads.again(By::Api).await {
        Some(tried) => told(&tried),
        None => no_source(),
    }
}

/// Says of a configuration what is wrong with it, or what it would change.
/// Of the files it names only those are read that the one in force names too.
#[utoipa::path(post, path = "/api/check", request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, body = Compared), (status = 400, description = "the body broke off"),
    (status = 413, description = "the body is too large"), (status = 503, description = "try again")))]
pub(super) async fn check(admin: Data<Admin>, body: Payload) -> HttpResponse {
    let body = match take(body).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let in_force = admin.shared.generation.load_full();
    let own = in_force.config.clone();
    let folder = admin.reloads.path().and_then(|it| it.parent());
    let folder = folder.map(Path::to_owned).unwrap_or_default();
    let read = web::block(move || {
        let used = Cell::new(false);
        let variable = |name: &str| {
            used.set(true);
            env::var(name)
        };
        let text = String::from_utf8_lossy(&body);
        // Whoever may ask must not learn which files there are.
        let reach = Reach::Only(&own.files);
        let read = config::parse_within(&text, "request", &folder, &variable, reach);
        (read, used.get())
    });
    let Ok((read, has_variables)) = read.await else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "try again");
    };
    let named = read.as_ref().map_or_else(Problems::files, |it| &it.files);
    let unread = named
        .iter()
        .filter(|it| !in_force.config.files.contains(it));
    let unread = unread.count();
    let mut compared = match &read {
        Ok(config) => Compared::with(&in_force.config, config),
        Err(problems) => Compared::wrong(problems),
    };
    if has_variables && !compared.changes.is_empty() {
        // Nor read the environment that way.
        let count = std::mem::take(&mut compared.changes).len();
        compared.notes.push(format!(
            "changes that are not shown, since the text has variables: {count}; /api/config/diff shows those of the file"
        ));
    }
    if unread > 0 {
        compared.notes.push(format!(
            "files that it names and the configuration in force does not are not read here: {unread}"
        ));
    }
    answer(&compared)
}

async fn take(body: Payload) -> Result<Bytes, HttpResponse> {
    match body.to_bytes_limited(LONGEST).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(error(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            "the body broke off",
        )),
        Err(_) => {
            let words = "the body is larger than 1 MiB";
            Err(error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                words,
            ))
        }
    }
}

fn told(tried: &Try) -> HttpResponse {
    let reload = Reload::of(tried);
    match reload.ok {
        true => answer(&reload),
        false => HttpResponse::UnprocessableEntity().json(&reload),
    }
}

fn no_source() -> HttpResponse {
    let words = "this gateway was started without a file that can be read again";
    error(StatusCode::CONFLICT, "no_source", words)
}
