//! `GET /api/actors`: every actor, seen from outside.

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Admin, answer, openapi::Actors};

/// One actor.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Actor {
    /// `endpoint`, `router`, `prober` or `guardian`.
    actor: String,
    /// Which of its kind.
    name: String,
    /// Whether it takes messages.
    up: bool,
    /// Messages that wait.
    mailbox_depth: u64,
    /// Messages it has begun to handle.
    messages: u64,
    /// Restarts and replacements.
    restarts: u64,
    /// Why the last one: `panic`, `stop` or `replaced`.
    last_restart_reason: Option<&'static str>,
}

impl Actor {
    pub(super) fn all(admin: &Admin) -> Vec<Self> {
        let actors = admin.shared.engine.actors().into_iter();
        actors
            .map(|it| Self {
                actor: it.actor,
                name: it.name,
                up: it.up,
                mailbox_depth: it.mailbox_depth,
                messages: it.messages,
                restarts: it.restarts,
                last_restart_reason: it.last_restart,
            })
            .collect()
    }
}

/// Lists every actor.
#[utoipa::path(get, path = "/api/actors", responses((status = 200, body = Actors)))]
pub(super) async fn list(admin: Data<Admin>) -> HttpResponse {
    answer(&Actors {
        actors: Actor::all(&admin),
    })
}
