//! The request tap: the last requests with the path each took, for the
//! dashboard and `/api/requests`.
//!
//! In memory and bounded. Every request that did not go smoothly is recorded,
//! of the others a sample; one that is not recorded allocates nothing here.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use breakerbox_actors::{clock, id::TargetId, state::estimate::Cost};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;
use utoipa::ToSchema;

use crate::{
    traffic::{self, Minute, Totals},
    wall,
};

/// Requests that are kept.
pub const KEPT: usize = 1_000;
/// Smooth requests that one worker records in a second.
const SAMPLED: u32 = 10;
/// Records that may wait for a slow listener before it loses the oldest.
const NEWS: usize = 64;
/// The longest piece of somebody else's words that is kept, in characters.
const LONGEST: usize = 200;

/// One request that is over.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Record {
    /// Its `x-request-id`.
    pub id: String,
    /// When it was over, RFC 3339.
    pub at: String,
    /// Whose key it came with.
    pub client: Option<String>,
    /// On whose behalf, as the client says.
    pub user: Option<String>,
    /// The call, such as `chat_completions`.
    pub api: &'static str,
    /// The model asked for, if it is one of ours.
    pub model: Option<String>,
    /// The model that answered.
    pub served_model: Option<String>,
    /// The endpoint that answered.
    pub endpoint: Option<String>,
    /// The status the client saw; 499 if it left before.
    pub status: u16,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// From its head to the end of its answer.
    pub duration_ms: f64,
    /// Every attempt, in their order.
    pub attempts: Vec<Attempt>,
    /// What the client was told, or how its stream broke.
    pub error: Option<Fault>,
    /// What all attempts have cost.
    pub cost_usd: Option<f64>,
    /// Why each endpoint did not serve, where none did.
    pub refusal: Option<Vec<Refused>>,
}

/// One attempt of a request.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Attempt {
    /// Who was asked.
    pub endpoint: String,
    /// For which model.
    pub model: String,
    /// What came of it, in the words of `breakerbox_upstream_requests_total`.
    pub outcome: &'static str,
    /// How long it took.
    pub duration_ms: f64,
}

/// What went wrong, in a word and a sentence.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Fault {
    /// A fixed word.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// One endpoint that did not serve.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Refused {
    /// The endpoint.
    pub endpoint: String,
    /// The model it would have served.
    pub model: String,
    /// Why not, and until when if anyone knows.
    pub why: String,
}

/// The last failure of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: SystemTime,
    /// In the words of `breakerbox_upstream_requests_total`.
    pub outcome: &'static str,
    /// What it said, keys taken out; at most 200 characters.
    pub message: String,
}

/// What all workers record into. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tap(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    since: Instant,
    records: Mutex<VecDeque<Arc<Record>>>,
    errors: Mutex<HashMap<TargetId, LastError>>,
    minutes: Mutex<Vec<Arc<Minute>>>,
    news: broadcast::Sender<Arc<Record>>,
}

impl Default for Tap {
    fn default() -> Self {
        Self(Arc::new(Inner {
            since: clock::now(),
            records: Mutex::default(),
            errors: Mutex::default(),
            minutes: Mutex::default(),
            news: broadcast::channel(NEWS).0,
        }))
    }
}

impl Tap {
    /// Returns what one worker records through.
    pub fn ear(&self) -> Rc<Ear> {
        let minute = Minute::new(self.0.since);
        self.0.minutes.lock().push(minute.clone());
        Rc::new(Ear {
            tap: self.clone(),
            minute,
            second: Cell::new(0),
            taken: Cell::new(0),
        })
    }

    /// Returns the recorded requests, newest first.
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.0.records.lock().iter().rev().cloned().collect()
    }

    /// Listens to records from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Record>> {
        self.0.news.subscribe()
    }

    /// Returns the last failure of `target`.
    pub fn last_error(&self, target: &TargetId) -> Option<LastError> {
        self.0.errors.lock().get(target).cloned()
    }

    /// Notes what `target` said as it failed.
    pub(crate) fn failed(&self, target: &TargetId, outcome: &'static str, message: &str) {
        let error = LastError {
            at: wall::now(),
            outcome,
            message: brief(message),
        };
        self.0.errors.lock().insert(target.clone(), error);
    }

    /// Forgets the failures of those who are no target any more.
    pub(crate) fn retain(&self, is_target: impl Fn(&TargetId) -> bool) {
        self.0.errors.lock().retain(|target, _| is_target(target));
    }

    /// Returns what the last minute was like.
    pub(crate) fn totals(&self) -> Totals {
        traffic::totals(&self.0.minutes.lock())
    }
}

/// One worker's way into the [`Tap`].
#[derive(Debug)]
pub struct Ear {
    tap: Tap,
    minute: Arc<Minute>,
    /// The second that `taken` is of.
    second: Cell<u64>,
    taken: Cell<u32>,
}

impl Ear {
    /// Counts a request that is over `now` and took so long; `rough` ones, and of
    /// the others a sample, are recorded as `record` tells.
    pub(crate) fn ended(
        &self,
        (now, took): (Instant, Duration),
        (failed, rough): (bool, bool),
        cost: Option<Cost>,
        record: impl FnOnce() -> Record,
    ) {
        self.minute.ended(now, took, failed, cost);
        if !rough && !self.samples(now) {
            return;
        }
        let record = Arc::new(record());
        let mut records = self.tap.0.records.lock();
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(record.clone());
        drop(records);
        // Nobody may be listening.
        self.tap.0.news.send(record).ok();
    }

    /// See [`Tap::failed`].
    pub(crate) fn failed(&self, target: &TargetId, outcome: &'static str, message: &str) {
        self.tap.failed(target, outcome, message);
    }

    fn samples(&self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.tap.0.since).as_secs();
        if self.second.replace(second) != second {
            self.taken.set(0);
        }
        let taken = self.taken.get();
        self.taken.set(taken.saturating_add(1));
        taken < SAMPLED
    }
}

/// Returns at most 200 characters of `text`, on one line.
pub(crate) fn brief(text: &str) -> String {
    let flat = |c: char| if c.is_control() { ' ' } else { c };
    let mut brief: String = text.chars().map(flat).take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        brief.pop();
        brief.push('…');
    }
    brief
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: usize) -> Record {
        Record {
            id: id.to_string(),
            at: wall::text(wall::now()),
            client: None,
            user: None,
            api: "chat_completions",
            model: None,
            served_model: None,
            endpoint: None,
            status: 200,
            stream: false,
            duration_ms: 1.0,
            attempts: Vec::new(),
            error: None,
            cost_usd: None,
            refusal: None,
        }
    }

    fn end(ear: &Ear, rough: bool, id: usize) {
        let over = (clock::now(), Duration::ZERO);
        ear.ended(over, (false, rough), None, || record(id));
    }

    #[tokio::test(start_paused = true)]
    async fn of_smooth_requests_ten_a_second_are_recorded_and_of_others_all() {
        let tap = Tap::default();
        let (ear, other) = (tap.ear(), tap.ear());
        for id in 0..100 {
            end(&ear, false, id);
        }
        assert_eq!(tap.records().len(), 10);
        for id in 0..100 {
            end(&ear, true, id);
        }
        assert_eq!(tap.records().len(), 110);
        end(&other, false, 0);
        assert_eq!(tap.records().len(), 111, "each worker has its own sample");
        tokio::time::sleep(Duration::from_secs(1)).await;
        end(&ear, false, 0);
        assert_eq!(tap.records().len(), 112);
        assert!(tap.totals().requests_per_second > 100.0, "all are counted");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_are_kept_and_a_slow_listener_loses_the_oldest() {
        let tap = Tap::default();
        let ear = tap.ear();
        let mut slow = tap.subscribe();
        for id in 0..3_000 {
            end(&ear, true, id);
        }
        let records = tap.records();
        assert_eq!((records.len(), &*records[0].id), (KEPT, "2999"));
        assert!(matches!(
            slow.recv().await,
            Err(broadcast::error::RecvError::Lagged(_))
        ));
    }

    #[test]
    fn words_of_others_are_cut_and_kept_on_one_line() {
        assert_eq!(brief("a\nb"), "a b");
        let long = brief(&"é".repeat(300));
        assert_eq!(long.chars().count(), 200);
        assert!(long.ends_with('…'));
    }
}
