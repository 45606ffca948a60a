//! What came of many requests, and of the endpoints meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use breakerbox_actors::clock;
use breakerbox_actors::messages::StatusChanged;
use breakerbox_actors::state::health::Status;
use parking_lot::Mutex;

use super::Shot;
use crate::support::gateway::House;

/// Fails unless every one is ok.
#[track_caller]
pub(in crate::upstream) fn assert_all_ok(shots: &[Shot]) {
    let bad: Vec<&Shot> = shots.iter().filter(|shot| !shot.ok()).collect();
    let first = bad
        .first()
        .map(|shot| (&shot.answer.head.start, shot.answer.text()));
    assert!(
        bad.is_empty(),
        "{} of {} failed, the first: {first:?}",
        bad.len(),
        shots.len()
    );
}

/// The time within which so large a part of `shots` was answered.
pub(in crate::upstream) fn quantile<'a>(
    shots: impl IntoIterator<Item = &'a Shot>,
    part: f64,
) -> Duration {
    let mut times: Vec<Duration> = shots.into_iter().map(|shot| shot.took).collect();
    assert!(!times.is_empty(), "no request to measure");
    times.sort();
    let last = times.len() - 1;
    times[(last as f64 * part).ceil() as usize]
}

/// Every change of an endpoint's status, with its time.
pub(in crate::upstream) struct News {
    heard: Arc<Mutex<Vec<(Instant, StatusChanged)>>>,
}

impl News {
    pub(in crate::upstream) fn listen(house: &House) -> Self {
        let heard: Arc<Mutex<Vec<_>>> = Arc::default();
        let mut source = house.engine().subscribe();
        let sink = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok(news) = source.recv().await {
                sink.lock().push((clock::now(), news));
            }
        });
        Self { heard }
    }

    /// When the endpoint was first seen in this status.
    pub(in crate::upstream) fn first(&self, endpoint: &str, status: Status) -> Option<Instant> {
        let heard = self.heard.lock();
        let mut found = heard
            .iter()
            .filter(|(_, news)| **news.target.endpoint() == *endpoint && news.status == status);
        found.next().map(|(at, _)| *at)
    }

    /// How often the endpoint got into this status.
    pub(in crate::upstream) fn count(&self, endpoint: &str, status: Status) -> usize {
        let heard = self.heard.lock();
        let mine = heard
            .iter()
            .filter(|(_, news)| **news.target.endpoint() == *endpoint);
        let mut statuses: Vec<Status> = mine.map(|(_, news)| news.status).collect();
        statuses.dedup();
        statuses.into_iter().filter(|it| *it == status).count()
    }
}
