//! The binary as a process, as a person or a service manager runs it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use breakerbox_actors::clock;
use parking_lot::Mutex;
use serde_json::Value;

use super::wait::{DEADLINE, eventually};

/// Variables of the machine that would change what the binary does.
const FOREIGN: [&str; 9] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "DEEPSEEK_API_KEY",
    "OPENROUTER_API_KEY",
    "OLLAMA_HOST",
    "BREAKERBOX_ADMIN_TOKEN",
    "RUST_LOG",
    "NO_COLOR",
    "RUST_BACKTRACE",
];

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_breakerbox");

/// A run of the binary. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    out: Stream,
    err: Stream,
}

/// Lines of one output, as they come.
struct Stream {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None: a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Process {
    /// Starts the binary without any variable that matters to it.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// Starts a gateway from the configuration at `path`; returns its data and its admin address, too.
    pub(crate) async fn serve(path: &str) -> (Self, SocketAddr, SocketAddr) {
        let process = Self::start(&["serve", "--config", path]);
        let what = async |subsystem: &str| {
            let part = format!("\"subsystem\":\"{subsystem}\"");
            address_in(&process.logs(&part).await)
        };
        let (data, admin) = (what("gateway").await, what("metrics").await);
        (process, data, admin)
    }

    /// Starts the binary with these variables.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(args).envs(variables.iter().copied());
        Self::spawn(command)
    }

    /// Starts the binary from a shell that has run `script` before.
    pub(crate) fn start_after(script: &str, args: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{script}; exec \"$0\" \"$@\""), BINARY]);
        command.args(args);
        Self::spawn(command)
    }

    /// Starts any program.
    pub(crate) fn spawn(mut command: Command) -> Self {
        for name in FOREIGN {
            if !command.get_envs().any(|(given, _)| given == name) {
                command.env_remove(name);
            }
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}: {command:?}"));
        let out = Stream::of(child.stdout.take().expect("a pipe"));
        let err = Stream::of(child.stderr.take().expect("a pipe"));
        Self { child, out, err }
    }

    /// How many file descriptors it has open.
    pub(crate) fn open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    /// What it has written to standard output so far, line by line.
    pub(crate) fn out(&self) -> Vec<String> {
        self.out.lines.lock().clone()
    }

    /// What it has written to standard error so far, line by line.
    pub(crate) fn err(&self) -> Vec<String> {
        self.err.lines.lock().clone()
    }

    /// Waits for a line of standard output that contains `part`.
    pub(crate) async fn says(&self, part: &str) -> String {
        self.line(&self.out, part).await
    }

    /// Waits for a line of standard error that contains `part`.
    pub(crate) async fn logs(&self, part: &str) -> String {
        self.line(&self.err, part).await
    }

    async fn line(&self, stream: &Stream, part: &str) -> String {
        let start = clock::now();
        loop {
            let lines = stream.lines.lock().clone();
            if let Some(line) = lines.iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            assert!(
                clock::now() - start < DEADLINE,
                "no {part:?} in {lines:#?}; out {:#?}; err {:#?}",
                self.out(),
                self.err()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a signal by its name: `TERM`, `INT`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own: not every machine has the program.
        let kill = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success(), "{kill}");
    }

    /// Waits until it has ended.
    pub(crate) async fn end(mut self) -> Ended {
        let mut code = None;
        eventually(DEADLINE, || match self.child.try_wait() {
            Ok(Some(status)) => {
                code = status.code();
                true
            }
            _ => false,
        })
        .await;
        Ended {
            code,
            out: self.out.rest(),
            err: self.err.rest(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Stream {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                written.lock().push(line);
            }
        });
        Self {
            lines,
            reader: Some(reader),
        }
    }

    /// Everything, after the process has ended.
    fn rest(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends");
        }
        self.lines.lock().join("\n")
    }
}

/// Runs the binary to its end.
pub(crate) async fn run(args: &[&str]) -> Ended {
    Process::start(args).end().await
}

/// The address in a URL within a line.
pub(crate) fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("://").expect("a URL");
    let end = rest.find(['/', ' ', '"']).unwrap_or(rest.len());
    rest[..end].parse().expect("an address")
}

/// The log lines that are JSON, each of which must be whole.
pub(crate) fn json_lines(lines: &[String]) -> Vec<Value> {
    let parse = |line: &String| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    };
    lines.iter().map(parse).collect()
}
