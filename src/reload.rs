//! Reloading: the configuration is read again, made ready, and only then put
//! in force. What is wrong changes nothing and is kept to be shown.
//!
//! ```text
//!  file changed ──┐
//!  SIGHUP ────────┼──▶ read ──▶ compare ──▶ make ready ──▶ put in force ──▶ history
//!  admin API ─────┘      └──────── problems ───┘                │
//!                                     └──▶ told to whoever listens: log, page, metrics
//! ```
//!
//! One notion for all of them, one at a time; [`By`] says who asked.

mod contents;
mod history;
pub mod watch;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use breakerbox_actors::engine::GuardianLost;
use parking_lot::Mutex;
use tokio::sync::{
    broadcast,
    watch::{Receiver, Sender},
};

use contents::Contents;
pub use history::{History, Kept};

use crate::{
    app::NotReloaded,
    config::{self, Change, Config, Problems, Shown},
    generation::Generation,
    metrics::{self, Exposition},
    wall,
    worker::Shared,
};

/// Reloads that may wait for a slow listener before it loses the oldest.
const NEWS: usize = 16;

/// How long a generation that is over is kept for requests on their way from
/// pick to attempt: many times longer than that takes.
const LINGER: Duration = Duration::from_secs(1);

fn files_of(source: Option<&Source>, files: &[PathBuf]) -> Contents {
    let own = source.and_then(Source::path);
    Contents::of(files.iter().chain(own))
}

/// Who asked for a configuration to be put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The start of the process.
    Start,
    /// A file that has changed.
    File,
    /// SIGHUP.
    Signal,
    /// The admin API.
    Api,
    /// The admin API, for an earlier configuration: nothing is read.
    RollBack,
}

impl By {
    /// Returns the fixed word for logs and the API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Api => "api",
            Self::RollBack => "rollback",
        }
    }
}

type Read = dyn Fn() -> Result<Config, Problems> + Send + Sync;

/// Where the configuration comes from. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    path: Option<PathBuf>,
    read: Arc<Read>,
}

impl Source {
    /// A source that `read` reads anew each time; `path` is its file, if it
    /// has one that can change.
    pub fn new(
        path: Option<PathBuf>,
        read: impl Fn() -> Result<Config, Problems> + Send + Sync + 'static,
    ) -> Self {
        Self {
            path,
            read: Arc::new(read),
        }
    }

    /// Returns the file, if there is one that can change.
    pub fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    /// Reads the configuration for the first time, on this thread.
    ///
    /// # Errors
    ///
    /// [`Problems`] of the file.
    pub fn first(&self) -> Result<Config, Problems> {
        (self.read)()
    }

    /// Reads the configuration, away from the threads that serve.
    ///
    /// # Errors
    ///
    /// [`Problems`] of the file; `None` if the process goes down.
    async fn read(&self) -> Result<Config, Option<Problems>> {
        let read = self.read.clone();
        match tokio::task::spawn_blocking(move || read()).await {
            Ok(read) => read.map_err(Some),
            Err(_) => Err(None),
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({:?})", self.path)
    }
}

/// One try to put a configuration in force.
#[derive(Clone, Debug)]
pub struct Try {
    /// When it ended.
    pub at: SystemTime,
    /// Who asked.
    pub by: By,
    /// The generation in force afterwards.
    pub generation: u64,
    /// What changed; or what is wrong, and nothing changed.
    pub result: Result<Vec<Change>, Vec<Shown>>,
}

/// What reloads the configuration of one gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloads(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Shared,
    exposition: Option<Exposition>,
    source: Option<Source>,
    /// Held by the one reload that is under way.
    turn: Arc<tokio::sync::Mutex<()>>,
    last: Mutex<Arc<Try>>,
    /// What was in the files when they were read last, the good and the bad:
    /// those that the configuration named, and its own.
    seen: Mutex<Contents>,
    /// What was in the files of the last configuration that was read and is or
    /// was put in force: a bad one between is no change.
    in_force: Mutex<Contents>,
    history: Mutex<History>,
    news: broadcast::Sender<Arc<Try>>,
    /// The number of the generation in force, from the instant it is.
    number: Sender<u64>,
}

impl Reloads {
    /// Begins with the configuration that `shared` has in force.
    pub fn new(shared: Shared, exposition: Option<Exposition>, source: Option<Source>) -> Self {
        let generation = shared.generation.load_full();
        let first = Arc::new(Try {
            at: wall::now(),
            by: By::Start,
            generation: generation.number,
            result: Ok(Vec::new()),
        });
        let mut history = History::default();
        history.keep(&first, &generation.config);
        let seen = files_of(source.as_ref(), &generation.config.files);
        Self(Arc::new(Inner {
            in_force: Mutex::new(seen.clone()),
            seen: Mutex::new(seen),
            shared,
            exposition,
            source,
            turn: Arc::default(),
            last: Mutex::new(first),
            history: Mutex::new(history),
            news: broadcast::channel(NEWS).0,
            number: Sender::new(generation.number),
        }))
    }

    /// Waits for its turn and does `work`, to its end also if whoever asked for
    /// it leaves: half of a reload would be worse than none. `None` if the
    /// process goes down meanwhile.
    async fn in_turn<T: 'static>(&self, work: impl AsyncFnOnce(&Self) -> T + 'static) -> Option<T> {
        let turn = self.0.turn.clone().lock_owned().await;
        let this = self.clone();
        let work = actix_rt::spawn(async move {
            let _turn = turn;
            work(&this).await
        });
        work.await.ok()
    }

    /// Reads the configuration again and puts it in force; `None` without a
    /// source to read.
    pub async fn again(&self, by: By) -> Option<Arc<Try>> {
        self.in_turn(async move |this| this.reread(by).await)
            .await?
    }

    async fn reread(&self, by: By) -> Option<Arc<Try>> {
        let source = self.0.source.as_ref()?;
        // Before they are read: a change on the way is seen as one.
        let mut seen = self.0.seen.lock().now();
        match source.read().await {
            Ok(config) => {
                seen.reaches(config.files.iter().chain(source.path()));
                self.0.seen.lock().clone_from(&seen);
                // Its own file may have been replaced since; what was read of it
                // is told by its hash.
                let same = seen.are_beside(source.path(), &self.0.in_force.lock());
                let (tried, result) = self.take_over(config, by, same).await;
                if result.is_ok() {
                    *self.0.in_force.lock() = seen;
                }
                Some(tried)
            }
            Err(None) => None,
            Err(Some(problems)) => {
                seen.reaches(problems.files().iter().chain(source.path()));
                *self.0.seen.lock() = seen;
                metrics::reloaded(false, true);
                tracing::error!(
                    %problems,
                    source = by.label(),
                    "reload refused: the configuration in force stays"
                );
                Some(self.note(by, Err(problems.shown())))
            }
        }
    }

    /// Puts `config` in force; returns what changed.
    ///
    /// # Errors
    ///
    /// [`NotReloaded`] says what is wrong; nothing has changed then.
    pub async fn apply(&self, config: Config, by: By) -> Result<Vec<Change>, NotReloaded> {
        let work = async move |this: &Self| this.take_over(config, by, false).await.1;
        self.in_turn(work).await.unwrap_or(Err(GuardianLost.into()))
    }

    /// Puts the configuration in force again that was `generation`, with the
    /// newest secrets and certificates: what was rotated stays refused. `None` if it is not among
    /// those kept.
    pub async fn roll_back(&self, generation: u64) -> Option<Arc<Try>> {
        self.in_turn(async move |this| this.go_back(generation).await)
            .await?
    }

    async fn go_back(&self, generation: u64) -> Option<Arc<Try>> {
        let now = self.0.shared.generation.load_full();
        let kept = self.history();
        let config = kept.iter().find(|it| it.generation == generation)?;
        let newest_first = kept.iter().map(|it| &*it.config);
        let config = Config::clone(&config.config)
            .with_newest_secrets(&now.config, newest_first)
            .with_files_of_now();
        let same = generation == now.number;
        Some(self.take_over(config, By::RollBack, same).await.0)
    }

    /// Returns the source's configuration, as it is now; nothing is put in force.
    ///
    /// # Errors
    ///
    /// [`Problems`] of the source; `None` where there is none to read.
    pub async fn read(&self) -> Result<Config, Option<Problems>> {
        self.0.source.as_ref().ok_or(None)?.read().await
    }

    /// Returns the last try.
    pub fn last(&self) -> Arc<Try> {
        self.0.last.lock().clone()
    }

    /// Returns the last good configurations, newest first.
    pub fn history(&self) -> Vec<Kept> {
        self.0.history.lock().newest_first()
    }

    /// Listens to tries from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Try>> {
        self.0.news.subscribe()
    }

    /// Watches the number of the generation in force: it changes before the try
    /// that brings it is told, and before the engine has taken it over.
    pub fn number(&self) -> Receiver<u64> {
        self.0.number.subscribe()
    }

    /// Returns the source's file, if it can change.
    pub fn path(&self) -> Option<&PathBuf> {
        self.0.source.as_ref()?.path()
    }

    /// Returns every file that the configuration comes from.
    fn files(&self) -> Vec<PathBuf> {
        self.0.seen.lock().files()
    }

    /// Returns whether a file has another content than when it was read last.
    fn is_stale(&self) -> bool {
        let seen = self.0.seen.lock().clone();
        seen.now() != seen
    }

    /// Puts `config` in force, and notes what came of it; `same` says that it
    /// was read from what the one in force was read from.
    async fn take_over(
        &self,
        config: Config,
        by: By,
        same: bool,
    ) -> (Arc<Try>, Result<Vec<Change>, NotReloaded>) {
        for line in config::warnings(&config) {
            tracing::warn!("{line}");
        }
        let result = self.commit(config, same).await;
        metrics::reloaded(result.is_ok(), by != By::RollBack);
        // Also of those that a refused one has named, and also if nobody asks
        // for /metrics: what is left behind must not pile up.
        if let Some(exposition) = &self.0.exposition {
            exposition.forget(&self.0.shared.generation.load());
        }
        let source = by.label();
        match &result {
            Ok(changes) if changes.is_empty() => {
                tracing::info!(source, "reloaded: nothing has changed");
            }
            Ok(changes) => {
                let changes: Vec<_> = changes.iter().map(|it| &*it.text).collect();
                tracing::info!(source, changes = changes.join("; "), "reloaded");
            }
            Err(error) => {
                tracing::error!(source, %error, "reload refused: the configuration in force stays");
            }
        }
        let told = match &result {
            Ok(changes) => Ok(changes.clone()),
            Err(NotReloaded::StartOnly(keys)) => Err(keys.clone()),
            Err(error) => Err(vec![Shown::alone("", error.to_string())]),
        };
        (self.note(by, told), result)
    }

    async fn commit(&self, config: Config, same: bool) -> Result<Vec<Change>, NotReloaded> {
        let shared = &self.0.shared;
        let before = shared.generation.load_full();
        let changes = config::diff(&before.config, &config);
        let refused = config.start_only.refused(&changes);
        if !refused.is_empty() {
            return Err(NotReloaded::StartOnly(refused));
        }
        if let Some([one, other]) = config.clients_with_one_key() {
            return Err(NotReloaded::OneKey(one.to_owned(), other.to_owned()));
        }
        let same = same && before.config.sha256.is(config.sha256);
        if same && changes.is_empty() {
            return Ok(changes);
        }
        let generation = before.next(Arc::new(config))?;
        let spec = generation.spec();
        let max_body = generation.config.server.max_body;
        // First who can be reached, then who may be picked: a target in the
        // table always has a site, if only in the generation before.
        self.put(Arc::new(generation));
        shared.room.resize(max_body);
        if let Err(lost) = shared.engine.apply(spec).await {
            // The engine goes on with what it has: nobody else may know better.
            shared.room.resize(before.config.server.max_body);
            self.put(before);
            return Err(lost.into());
        }
        // Whoever was picked by the table before is still to be found.
        actix_rt::spawn(async move {
            tokio::time::sleep(LINGER).await;
            drop(before);
        });
        Ok(changes)
    }

    fn put(&self, generation: Arc<Generation>) {
        let number = generation.number;
        self.0.shared.generation.store(generation);
        self.0.number.send_replace(number);
    }

    fn note(&self, by: By, result: Result<Vec<Change>, Vec<Shown>>) -> Arc<Try> {
        let generation = self.0.shared.generation.load_full();
        let this = Arc::new(Try {
            at: wall::now(),
            by,
            generation: generation.number,
            result,
        });
        let is_new = self.last().generation != this.generation;
        if is_new {
            self.0.history.lock().keep(&this, &generation.config);
        }
        *self.0.last.lock() = this.clone();
        // Nobody may be listening.
        self.0.news.send(this.clone()).ok();
        this
    }
}

#[cfg(test)]
mod tests;
