//! Processes of the binary, as an operator runs them, and the scripts that drive them.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use breakerbox_actors::clock;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A free port of the loopback, whichever.
const ANY: &str = "127.0.0.1:0";
/// The gateway's name among the processes.
pub(crate) const GATEWAY: &str = "gateway";

/// Processes and the folder of their files; all end with it.
pub(crate) struct Processes {
    runtime: Runtime,
    folder: TempDir,
    children: Vec<(String, Child)>,
}

impl Processes {
    pub(crate) fn new() -> Self {
        Self {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            folder: tempfile::tempdir().expect("a temporary folder"),
            children: Vec::new(),
        }
    }

    /// Starts a simulated provider with this script; [`Self::address`] tells where.
    pub(crate) fn provider(&mut self, name: &str, script: &str) {
        let file = self.write(&format!("{name}.yaml"), script);
        self.spawn(name, &["upstream", "--listen", ANY, "--script", &file]);
    }

    /// Starts the gateway with this configuration; [`Self::address`] tells where.
    pub(crate) fn gateway(&mut self, config: &str) {
        let file = self.write("breakerbox.yaml", config);
        let listen = ["--listen", ANY, "--admin-listen", ANY];
        self.spawn(
            GATEWAY,
            &[&["serve", "--config", &file], &listen[..]].concat(),
        );
    }

    /// Where a process listens, once it says so: a port that is free a moment before it starts may be taken then.
    /// Fails with the logs when one has ended or half a minute passes.
    pub(crate) fn address(&mut self, name: &str) -> SocketAddr {
        let log = self.folder.path().join(format!("{name}.log"));
        let Self {
            runtime, children, ..
        } = self;
        let told = runtime.block_on(async {
            let start = clock::now();
            while clock::now() - start < Duration::from_secs(30) {
                let log = fs::read_to_string(&log).unwrap_or_default();
                if let Some(at) = log.lines().find_map(address_in) {
                    return Some(at);
                }
                let mut children = children.iter_mut();
                if children.any(|(_, child)| !matches!(child.try_wait(), Ok(None))) {
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            None
        });
        assert!(told.is_some(), "{name} does not listen\n{}", self.logs());
        told.expect("as asserted")
    }

    /// Runs `command` to its end. *Errors*: its output, when it fails or is not done after `patience`.
    pub(crate) fn run(&self, mut command: Command, patience: Duration) -> Result<(), String> {
        let output = self.folder.path().join("script.log");
        let file = File::create(&output).expect("a log file");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a handle"))
            .stderr(file);
        let mut child = command.spawn().expect("the interpreter starts");
        let status = self.runtime.block_on(end(&mut child, patience));
        let text = fs::read_to_string(&output).unwrap_or_default();
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{text}\n{status}")),
            None => {
                child.kill().ok();
                child.wait().ok();
                Err(format!("{text}\nnot done after {patience:?}"))
            }
        }
    }

    /// The last lines that each process printed.
    pub(crate) fn logs(&self) -> String {
        let last = |(name, _): &(String, Child)| {
            let path = self.folder.path().join(format!("{name}.log"));
            let text = fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(40)..].join("\n");
            format!("--- {name}\n{last}\n")
        };
        self.children.iter().map(last).collect()
    }

    /// Writes a file of theirs; returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file is written");
        path.display().to_string()
    }

    /// Starts the binary with these arguments.
    fn spawn(&mut self, name: &str, args: &[&str]) {
        let log = File::create(self.folder.path().join(format!("{name}.log"))).expect("a log file");
        let child = Command::new(env!("CARGO_BIN_EXE_breakerbox"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.children.push((name.to_owned(), child));
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

async fn end(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let start = clock::now();
    while clock::now() - start < patience {
        if let Some(status) = child.try_wait().expect("a child of this process") {
            return Some(status);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

/// The address in the line with which a process says where it listens: a provider's base URL alone, or what the
/// gateway says of itself.
fn address_in(line: &str) -> Option<SocketAddr> {
    let is_own = line.starts_with("http://") || line.contains("\"subsystem\":\"gateway\"");
    let (_, rest) = line.split_once("http://").filter(|_| is_own)?;
    rest.split(['/', '"', ' ', ',']).next()?.parse().ok()
}
