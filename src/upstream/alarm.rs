//! One timer for the whole life of a connection.
//!
//! A timer per request or per chunk costs more than reading the chunk. So a
//! connection keeps one, moves it only when it rings, and remembers what it is
//! really waiting for beside it.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use breakerbox_actors::clock;
use tokio::time::{Sleep, sleep_until};

/// A timer that may ring early and then goes back to sleep.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Is ready once `deadline` has passed; wakes the task of `cx` then.
    ///
    /// `lull` is the shortest wait this connection usually makes. The timer is
    /// armed no further ahead than that, so that the next wait rarely has to
    /// pull it closer: in steady traffic it moves once per `lull`, not once per
    /// request.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Instant,
        lull: Duration,
    ) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline.min(clock::now() + lull).into())));
        if sleep.deadline().into_std() > deadline {
            sleep.as_mut().reset(deadline.into());
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            let now = clock::now();
            if now >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline.min(now + lull).into());
        }
    }
}
