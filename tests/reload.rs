//! Reloading from files and by hand: what changes a configuration, what does not, and what is said of it.

use std::net::SocketAddr;
use std::path::PathBuf;

use breakerbox::simulator::{Running, Script, Simulator};
use breakerbox_actors::clock;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::chat::{CHAT, ask};
use crate::support::client::{Answer, get, post};
use crate::support::ports::ANY;
use crate::support::process::Process;
use crate::support::wait::DEADLINE;

mod files;
mod hand;
mod mistakes;
mod rotation;

/// A gateway process with its file and its provider.
struct Served {
    process: Process,
    provider: Running,
    folder: TempDir,
    data: SocketAddr,
    admin: SocketAddr,
}

impl Served {
    /// Starts one from what `lay` puts into a folder; it returns the path of the file.
    async fn start(lay: impl FnOnce(&TempDir, &str) -> PathBuf) -> Self {
        let provider = Simulator::start(Script::default(), ANY).expect("a provider");
        let folder = TempDir::new().expect("a folder");
        let path = lay(&folder, &provider.base_url());
        let (process, data, admin) = Process::serve(path.to_str().expect("text")).await;
        Self {
            process,
            provider,
            folder,
            data,
            admin,
        }
    }

    /// Starts one from a plain file that serves the model `m`.
    async fn plain() -> Self {
        Self::start(|folder, url| {
            let path = folder.path().join("breakerbox.yaml");
            std::fs::write(&path, config(url, "m")).expect("written");
            path
        })
        .await
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("breakerbox.yaml")
    }

    fn config(&self, model: &str) -> String {
        config(&self.provider.base_url(), model)
    }

    /// Replaces the file as editors do: beside it, then renamed.
    fn replace(&self, text: &str) {
        let beside = self.folder.path().join(".breakerbox.yaml.swp");
        std::fs::write(&beside, text).expect("written");
        std::fs::rename(&beside, self.path()).expect("renamed");
    }

    async fn status(&self) -> Value {
        get(self.admin, "/api/status").await.json()
    }

    async fn asks(&self, model: &str) -> u16 {
        post(self.data, CHAT, &ask(model, "hello")).await.status()
    }

    async fn reload(&self) -> Answer {
        post(self.admin, "/api/reload", &Value::Null).await
    }

    /// Waits until this generation is in force.
    async fn generation(&self, number: u64) -> Value {
        let start = clock::now();
        loop {
            let status = self.status().await;
            let last = &status["reload"];
            if last["ok"] == true && last["generation"] == number {
                return status;
            }
            assert!(clock::now() - start < DEADLINE, "{status}");
        }
    }
}

fn config(url: &str, model: &str) -> String {
    format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n  - {{ name: only, provider: openai-compatible, base_url: \"{url}\", models: [{model}] }}\n"
    )
}
