//! Watching the files of a configuration.
//!
//! Editors write beside and rename, Kubernetes swaps a symbolic link to a
//! folder: a watched file would be lost with its inode. So the folders are
//! watched, of the file and of every link on the way to it, and what an event
//! says is not believed: the files are read, and only another content counts.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use breakerbox_actors::clock;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{sync::Notify, time::timeout};

use super::{By, Reloads};

/// Files are taken for written when nothing happened to them for so long …
const QUIET: Duration = Duration::from_millis(20);
/// … or at the latest so long after the first event.
const PATIENCE: Duration = Duration::from_millis(250);
/// The files are looked at this often without any event: some file systems
/// send none, and folders come into being.
const LOOK: Duration = Duration::from_secs(10);
/// Links followed on the way to one file; more are a loop.
const LINKS: usize = 40;

/// Reloads whenever a file of the configuration changes its content; ends only
/// by being dropped. Without a file to watch, does nothing.
pub async fn watch(reloads: Reloads) {
    if reloads.path().is_none() {
        return;
    }
    let mut folders = Folders::new();
    loop {
        folders.follow(&reloads.files());
        // What happened before they were watched has sent no event.
        if !reloads.is_stale() && timeout(LOOK, folders.event()).await.is_ok() {
            let latest = clock::now() + PATIENCE;
            while clock::now() < latest && timeout(QUIET, folders.event()).await.is_ok() {}
        }
        if reloads.is_stale() {
            reloads.again(By::File).await;
        }
    }
}

/// The folders that are watched.
struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    happened: Arc<Notify>,
}

impl Folders {
    fn new() -> Self {
        let happened = Arc::new(Notify::new());
        let told = happened.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading is an event, too; ours must not wake us.
            if !event.is_ok_and(|it| it.kind.is_access()) {
                told.notify_one();
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, every = ?LOOK, "no events of files: they are looked at instead");
        }
        Self {
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
            happened,
        }
    }

    /// Waits until something happened in a folder.
    async fn event(&self) {
        self.happened.notified().await;
    }

    /// Watches all folders on the way to `files`, and no others.
    fn follow(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let wanted: BTreeSet<_> = files.iter().flat_map(|it| on_the_way(it)).collect();
        for folder in self.watched.difference(&wanted) {
            // One that is gone is watched no more already.
            watcher.unwatch(folder).ok();
        }
        self.watched = wanted
            .into_iter()
            .filter(|folder| {
                self.watched.contains(folder)
                    || watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()
            })
            .collect();
    }
}

/// Returns the folders in which a change can make `path` another file: its
/// own, and that of each link on the way.
fn on_the_way(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..LINKS {
        folders.extend(path.parent().map(Path::to_owned));
        let mut prefixes: Vec<_> = path.ancestors().map(Path::to_owned).collect();
        prefixes.reverse();
        let Some((link, target)) = prefixes
            .into_iter()
            .find_map(|it| fs::read_link(&it).ok().map(|target| (it, target)))
        else {
            break;
        };
        let folder = link.parent().unwrap_or(Path::new("/"));
        folders.insert(folder.to_owned());
        let rest = path.strip_prefix(&link).unwrap_or(Path::new(""));
        let target = folder.join(target);
        path = if rest.as_os_str().is_empty() {
            target
        } else {
            target.join(rest)
        };
    }
    folders
}
