//! How the endpoints are, and what changed last.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use breakerbox_actors::{
    clock, engine::Engine, id::TargetId, messages::StatusChanged, state::health::Status,
};

/// News of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Of which, and of which of its models.
    pub(super) target: TargetId,
    /// What it is since.
    pub(super) status: Status,
    /// Since when.
    pub(super) at: Instant,
}

/// Each endpoint's status: of its targets', the one that holds back most.
pub(super) fn statuses(engine: &Engine) -> BTreeMap<Arc<str>, Status> {
    let mut found: BTreeMap<Arc<str>, Status> = BTreeMap::new();
    for target in engine.table().targets() {
        let status = target.status();
        let endpoint = target.id().endpoint().clone();
        let known = found.entry(endpoint).or_insert(status);
        if weight(status) > weight(*known) {
            *known = status;
        }
    }
    found
}

/// How much a status holds back.
fn weight(status: Status) -> u8 {
    match status {
        Status::Unknown => 0,
        Status::Healthy => 1,
        Status::Degraded => 2,
        Status::RateLimited => 3,
        Status::Unhealthy => 4,
        Status::Disabled => 5,
    }
}

/// Remembers the latest news worth telling: that an endpoint went out of
/// service or came back. That it is a little better or worse is not.
#[derive(Default)]
pub(super) struct News {
    /// What each target was when it last changed.
    known: HashMap<TargetId, Status>,
    /// The latest.
    pub(super) last: Option<Change>,
}

impl News {
    /// Takes news in.
    pub(super) fn hear(&mut self, StatusChanged { target, status, .. }: StatusChanged) {
        let out = |status| weight(status) > weight(Status::Degraded);
        let before = self.known.insert(target.clone(), status);
        let before = before.unwrap_or(Status::Unknown);
        if before != status && (out(before) || out(status)) {
            let at = clock::now();
            self.last = Some(Change { target, status, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_going_out_and_coming_back_is_news() {
        let mut news = News::default();
        let mut hear = |status| {
            let target = TargetId::new("flaky", "m");
            let in_doubt = false;
            news.hear(StatusChanged {
                target,
                status,
                in_doubt,
            });
            news.last.take().map(|change| change.status)
        };
        assert_eq!(hear(Status::Healthy), None);
        assert_eq!(hear(Status::Degraded), None);
        assert_eq!(hear(Status::Unhealthy), Some(Status::Unhealthy));
        assert_eq!(hear(Status::Unhealthy), None);
        assert_eq!(hear(Status::Degraded), Some(Status::Degraded));
        assert_eq!(hear(Status::RateLimited), Some(Status::RateLimited));
    }
}
