//! Processes of the binary, as an operator runs them, and the scripts that drive them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use breakerbox_actors::clock;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

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

    /// Starts a simulated provider with this script, and waits until it listens at `at`.
    pub(crate) fn provider(&mut self, name: &str, at: SocketAddr, script: &str) {
        let file = self.write(&format!("{name}.yaml"), script);
        let at_text = at.to_string();
        self.spawn(name, &["upstream", "--listen", &at_text, "--script", &file]);
        self.wait_for(at);
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
    pub(crate) fn spawn(&mut self, name: &str, args: &[&str]) {
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

    /// Waits until somebody listens at `at`; fails with the logs when a process ends or half a minute passes.
    pub(crate) fn wait_for(&mut self, at: SocketAddr) {
        let Self {
            runtime, children, ..
        } = self;
        let listening = runtime.block_on(async {
            let start = clock::now();
            while clock::now() - start < Duration::from_secs(30) {
                if TcpStream::connect(at).is_ok() {
                    return true;
                }
                if children
                    .iter_mut()
                    .any(|(_, child)| !matches!(child.try_wait(), Ok(None)))
                {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            false
        });
        assert!(listening, "nobody listens at {at}\n{}", self.logs());
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

/// A port of the loopback that was free a moment ago.
pub(crate) fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
