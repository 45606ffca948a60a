//! What has happened: changes of status, reloads, alerts. Kept for the page
//! and told to every socket.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::SystemTime,
};

use breakerbox_actors::{
    clock, id::TargetId, messages::StatusChanged, state::health::Status, target::Target,
};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa::ToSchema;

use super::{
    alerts::{Alert, Alerts, Bad},
    reason,
};
use crate::{
    config::{Change, Shown},
    reload::Try,
    wall,
    worker::Shared,
};

/// Events that are kept.
const KEPT: usize = 500;
/// News that may wait for a slow socket before it loses the oldest.
const WAITING: usize = 64;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A target's status changed.
    StatusChange {
        /// RFC 3339.
        at: String,
        endpoint: String,
        model: String,
        /// The status until now.
        from: &'static str,
        /// The status from now on.
        to: &'static str,
        /// Of the circuit breaker.
        state: &'static str,
        /// Why, for people.
        reason: Option<String>,
    },
    /// A configuration was put in force, or refused.
    ConfigReload {
        /// RFC 3339.
        at: String,
        /// The generation in force afterwards.
        generation: u64,
        ok: bool,
        source: &'static str,
        changes: Vec<Change>,
        problems: Vec<Shown>,
    },
}

/// What sockets are told.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Event(Event),
    Alert(Alert),
}

/// Follows what happens. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct News(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Shared,
    book: Mutex<Book>,
    told: broadcast::Sender<Arc<Told>>,
}

#[derive(Debug, Default)]
struct Book {
    statuses: HashMap<TargetId, (Status, SystemTime)>,
    /// Newest last.
    events: VecDeque<Event>,
    alerts: Alerts,
}

impl News {
    pub(super) fn new(shared: Shared) -> Self {
        let now = wall::now();
        let table = shared.engine.table();
        let statuses = table
            .targets()
            .map(|it| (it.id().clone(), (it.status(), now)));
        let book = Book {
            statuses: statuses.collect(),
            ..Book::default()
        };
        Self(Arc::new(Inner {
            book: Mutex::new(book),
            told: broadcast::channel(WAITING).0,
            shared,
        }))
    }

    /// Returns since when `target` is in `status`.
    pub(super) fn since(&self, target: &TargetId, status: Status) -> SystemTime {
        let book = self.0.book.lock();
        let known = book.statuses.get(target).filter(|(it, _)| *it == status);
        // News of a change that is under way: it has only just happened.
        known.map_or_else(wall::now, |(_, since)| *since)
    }

    /// Returns what happened, oldest first.
    pub(super) fn events(&self) -> Vec<Event> {
        self.0.book.lock().events.iter().cloned().collect()
    }

    /// Returns the alerts as they are now, newest first.
    pub(super) fn alerts(&self) -> Vec<Alert> {
        self.refresh();
        self.0.book.lock().alerts.list()
    }

    /// Brings the open alerts up to date; who listens hears of each that reads
    /// otherwise now. A page that is open shows the numbers of its first second
    /// otherwise: a weight that has grown since, a penalty that has faded.
    pub(super) fn refresh(&self) {
        let generation = self.0.shared.generation.load_full();
        let table = self.0.shared.engine.table();
        let now = clock::now();
        let mut book = self.0.book.lock();
        for target in table.targets() {
            let (id, status) = (target.id(), target.status());
            // Of a change that is under way news will come.
            let is_known = book.statuses.get(id).is_some_and(|(it, _)| *it == status);
            let config = generation.endpoint(id.endpoint());
            let Some(config) = config.filter(|_| is_known && book.alerts.open_of(id).is_some())
            else {
                continue;
            };
            let seen = target.look(now);
            let reason = reason::of(status, &seen, target.refusal().0, config, None);
            let bad = Bad::of(&seen, config, reason);
            self.tell(book.alerts.refresh(id, status, bad, now).map(Told::Alert));
        }
    }

    /// Listens from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Told>> {
        self.0.told.subscribe()
    }

    /// Tells those who listen; with the book locked, so that nothing newer is
    /// told before.
    fn tell(&self, told: impl IntoIterator<Item = Told>) {
        for it in told {
            // Nobody may be listening.
            self.0.told.send(Arc::new(it)).ok();
        }
    }

    /// Looks at every target: news were lost, or there are other targets now.
    fn look_at_all(&self) {
        let table = self.0.shared.engine.table();
        let is_target = |id: &TargetId| table.targets().any(|it| it.id() == id);
        {
            let mut book = self.0.book.lock();
            book.statuses.retain(|id, _| is_target(id));
            let ended = book.alerts.retain(is_target, clock::now());
            self.tell(ended.into_iter().map(Told::Alert));
        }
        self.0.shared.tap.retain(is_target);
        for target in table.targets() {
            self.look_at(target);
        }
    }

    fn changed(&self, news: &StatusChanged) {
        let table = self.0.shared.engine.table();
        let mut targets = table.targets();
        if let Some(target) = targets.find(|it| *it.id() == news.target) {
            self.look_at(target);
        }
    }

    /// Compares how `target` is with what is known of it.
    fn look_at(&self, target: &Target) {
        let generation = self.0.shared.generation.load_full();
        let (id, status, now) = (target.id(), target.status(), clock::now());
        let Some(config) = generation.endpoint(id.endpoint()) else {
            return;
        };
        let mut book = self.0.book.lock();
        let seen = target.look(now);
        let why = reason::of(status, &seen, target.refusal().0, config, None);
        let before = book.statuses.get(id).map(|(it, _)| *it);
        if before == Some(status) {
            let bad = Bad::of(&seen, config, why);
            self.tell(book.alerts.refresh(id, status, bad, now).map(Told::Alert));
            return;
        }
        let at = wall::now();
        book.statuses.insert(id.clone(), (status, at));
        let from = before.unwrap_or(Status::Unknown);
        if from != status {
            let event = book.keep(Event::StatusChange {
                at: wall::text(at),
                endpoint: id.endpoint().to_string(),
                model: id.model().to_string(),
                from: from.label(),
                to: status.label(),
                state: seen.view.phase.label(),
                reason: why.clone(),
            });
            self.tell([Told::Event(event)]);
        }
        let bad = Bad::of(&seen, config, why);
        self.tell(book.alerts.status(id, status, bad, now).map(Told::Alert));
    }

    fn reloaded(&self, it: &Try) {
        {
            let mut book = self.0.book.lock();
            let event = book.keep(Event::ConfigReload {
                at: wall::text(it.at),
                generation: it.generation,
                ok: it.result.is_ok(),
                source: it.by.label(),
                changes: it.result.clone().unwrap_or_default(),
                problems: it.result.clone().err().unwrap_or_default(),
            });
            self.tell([Told::Event(event)]);
            let alert = book.alerts.reload(it, clock::now());
            self.tell(alert.map(Told::Alert));
        }
        self.look_at_all();
    }
}

impl Book {
    fn keep(&mut self, event: Event) -> Event {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
        event
    }
}

/// Follows the engine and the reloads until both are gone.
pub(super) async fn follow(
    news: News,
    mut statuses: broadcast::Receiver<StatusChanged>,
    mut reloads: broadcast::Receiver<Arc<Try>>,
) {
    loop {
        tokio::select! {
            changed = statuses.recv() => match changed {
                Ok(changed) => news.changed(&changed),
                Err(RecvError::Lagged(_)) => news.look_at_all(),
                Err(RecvError::Closed) => return,
            },
            tried = reloads.recv() => match tried {
                Ok(tried) => news.reloaded(&tried),
                Err(RecvError::Lagged(_)) => news.look_at_all(),
                Err(RecvError::Closed) => return,
            },
        }
    }
}
