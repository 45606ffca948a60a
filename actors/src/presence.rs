//! What an actor looks like from outside, in one form for all kinds.

use crate::metrics::ActorMetrics;

/// One actor, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// `endpoint`, `router`, `prober` or `guardian`.
    pub actor: String,
    /// Which of its kind: an endpoint's target, a router's number; the kind
    /// where there is one only.
    pub name: String,
    /// Whether it takes messages.
    pub up: bool,
    /// Messages that wait.
    pub mailbox_depth: u64,
    /// Messages it has begun to handle since the start.
    pub messages: u64,
    /// Restarts and replacements since the start.
    pub restarts: u64,
    /// Why the last one: `panic`, `stop` or `replaced`.
    pub last_restart: Option<&'static str>,
}

impl Presence {
    pub(crate) fn new(
        actor: &str,
        name: &str,
        up: bool,
        mailbox_depth: u64,
        metrics: &ActorMetrics,
    ) -> Self {
        let (restarts, last_restart) = metrics.restarts();
        Self {
            actor: actor.to_owned(),
            name: name.to_owned(),
            up,
            mailbox_depth,
            messages: metrics.messages(),
            restarts,
            last_restart,
        }
    }
}
