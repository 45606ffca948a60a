//! Connections that wait for their next request.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use breakerbox_actors::clock;
use foldhash::HashMap;

use super::{connection::Connection, origin::Origin};

/// How long connections are kept.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    /// A connection unused for so long is not used again. Below 15 seconds,
    /// after which several providers close theirs: a request sent at that very
    /// moment is lost.
    pub idle: Duration,
    /// A connection is closed at this age, so that a changed DNS record takes
    /// effect.
    pub lifetime: Duration,
    /// Idle connections kept per origin; more are closed after their answer.
    pub connections: usize,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(10),
            lifetime: Duration::from_secs(600),
            connections: 512,
        }
    }
}

struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

/// The idle connections of one thread, newest on top.
///
/// The newest is taken first, so that under light load the others grow old and
/// are closed.
pub(super) struct Pool {
    idle: RefCell<HashMap<u64, Vec<Idle>>>,
    keep: KeepAlive,
}

impl Pool {
    pub(super) fn new(keep: KeepAlive) -> Rc<Self> {
        Rc::new(Self {
            idle: RefCell::default(),
            keep,
        })
    }

    /// Returns the connection to `origin` that was used last, if one is alive.
    pub(super) fn take(&self, origin: &Origin, now: Instant) -> Option<Box<Connection>> {
        let mut idle = self.idle.borrow_mut();
        let stack = idle.get_mut(&origin.id())?;
        while let Some(mut top) = stack.pop() {
            if now.saturating_duration_since(top.since) >= self.keep.idle {
                // All below it are older still.
                stack.clear();
                return None;
            }
            if self.is_young(&top.connection, now) && top.connection.is_quiet() {
                return Some(top.connection);
            }
        }
        None
    }

    /// Keeps `connection` for the next request to the origin with this id.
    pub(super) fn put(&self, origin: u64, mut connection: Box<Connection>, now: Instant) {
        if !connection.is_settled() || !self.is_young(&connection, now) {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let stack = idle.entry(origin).or_default();
        if stack.len() < self.keep.connections {
            connection.rest();
            stack.push(Idle {
                connection,
                since: now,
            });
        }
    }

    /// Closes all idle connections to `origin`: the newest was found dead after
    /// it had taken a request, so the others hardly live.
    pub(super) fn distrust(&self, origin: &Origin) {
        self.idle.borrow_mut().remove(&origin.id());
    }

    /// Closes connections that are too old to be used.
    fn sweep(&self, now: Instant) {
        self.idle.borrow_mut().retain(|_, stack| {
            stack.retain(|idle| now.saturating_duration_since(idle.since) < self.keep.idle);
            !stack.is_empty()
        });
    }

    fn is_young(&self, connection: &Connection, now: Instant) -> bool {
        now.saturating_duration_since(connection.born()) < self.keep.lifetime
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.idle.borrow().values().map(Vec::len).sum()
    }

    /// Bytes that idle connections hold on to.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let idle = self.idle.borrow();
        let held = idle.values().flatten().map(|idle| idle.connection.memory());
        held.sum()
    }
}

/// Sweeps `pool` until its client is gone, so that connections to an origin
/// that gets no more requests are closed as well.
pub(super) async fn sweep(pool: Weak<Pool>, idle: Duration) {
    let pause = idle.max(Duration::from_secs(1)) / 2;
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep(clock::now());
    }
}
