//! A gateway and its providers as processes, as an operator runs them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use breakerbox_actors::clock;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The key that the gateway knows.
pub(crate) const KEY: &str = "sdk-test-key";

/// Simulated providers by name, each with its script and the models it serves through the gateway.
const PROVIDERS: [(&str, &str, &str); 9] = [
    (
        "steady",
        "latency: { fixed: 20ms }",
        "gpt-4.1, gpt-3.5-turbo-instruct, text-embedding-3-small, meta/llama-3, private-model",
    ),
    (
        "limited",
        "faults: [{ fault: { status: { code: 429, retry_after: 20s } } }]",
        "gpt-4.1, gpt-limited",
    ),
    ("tight", "limits: { rpm: 1, window: 2s }", "gpt-tight"),
    ("silent", "faults: [{ fault: blackhole }]", "gpt-silent"),
    (
        "stranger",
        "faults: [{ fault: unauthorized }]",
        "gpt-stranger",
    ),
    (
        "strict",
        "faults: [{ fault: { status: { code: 400 } } }]",
        "gpt-strict",
    ),
    (
        "picky",
        "faults: [{ fault: { status: { code: 422 } } }]",
        "gpt-picky",
    ),
    (
        "failing",
        "faults: [{ fault: { status: { code: 500 } } }]",
        "gpt-failing",
    ),
    (
        "cut",
        "faults: [{ fault: { cut: { after: 6 } } }]",
        "gpt-cut",
    ),
];

/// Processes and the folder of their files; all end with it.
pub(crate) struct Fleet {
    runtime: Runtime,
    folder: TempDir,
    children: Vec<Child>,
    gateway: SocketAddr,
    steady: SocketAddr,
    /// Bound and not listening: whoever connects is refused, and nobody else gets the port.
    _refusing: Socket,
}

impl Fleet {
    /// Starts the providers, then the gateway, and waits until each answers.
    pub(crate) fn start() -> Self {
        let (refusing, refuses_at) = refusing();
        let mut fleet = Self {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            folder: tempfile::tempdir().expect("a temporary folder"),
            children: Vec::new(),
            gateway: free(),
            steady: free(),
            _refusing: refusing,
        };
        let mut endpoints = format!(
            "  - {{ name: refusing, provider: openai-compatible, base_url: \"http://{refuses_at}/v1\", api_key: k, \
             models: [gpt-4.1, gpt-dead] }}\n"
        );
        for (name, script, models) in PROVIDERS {
            let at = if name == "steady" {
                fleet.steady
            } else {
                free()
            };
            let file = fleet.write(&format!("{name}.yaml"), script);
            fleet.spawn(
                name,
                &["upstream", "--listen", &at.to_string(), "--script", &file],
            );
            fleet.wait_for(at);
            endpoints += &format!(
                "  - {{ name: {name}, provider: openai-compatible, base_url: \"http://{at}/v1\", api_key: k, models: [{models}] }}\n"
            );
        }
        // No pings: what an endpoint is must come from the traffic of the tests alone.
        let config = format!(
            "server: {{ listen: \"{}\", workers: 1 }}\n\
             admin: {{ listen: \"{}\" }}\n\
             endpoints:\n{endpoints}\
             probe: {{ kind: none }}\n\
             routing: {{ first_byte_timeout: 1s, queue: {{ max_wait: 0s }} }}\n\
             clients: [{{ name: sdk, key: {KEY}, models: [\"gpt-*\", \"text-*\", \"meta/*\"] }}]\n",
            fleet.gateway,
            free(),
        );
        let file = fleet.write("breakerbox.yaml", &config);
        fleet.spawn("gateway", &["serve", "--config", &file]);
        fleet.wait_for(fleet.gateway);
        fleet
    }

    /// What a user puts in `base_url`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.gateway)
    }

    /// The healthy provider itself, without the gateway.
    pub(crate) fn steady_url(&self) -> String {
        format!("http://{}/v1", self.steady)
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

    /// The last lines that the gateway and each provider printed.
    pub(crate) fn logs(&self) -> String {
        let names = PROVIDERS.map(|(name, _, _)| name);
        let last = |name: &&str| {
            let text = fs::read_to_string(self.folder.path().join(format!("{name}.log")))
                .unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!(
                "--- {name}\n{}\n",
                lines[lines.len().saturating_sub(40)..].join("\n")
            )
        };
        ["gateway"].iter().chain(names.iter()).map(last).collect()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file is written");
        path.display().to_string()
    }

    fn spawn(&mut self, name: &str, args: &[&str]) {
        let log = File::create(self.folder.path().join(format!("{name}.log"))).expect("a log file");
        let child = Command::new(env!("CARGO_BIN_EXE_breakerbox"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.children.push(child);
    }

    /// Waits until somebody listens at `at`; fails with the logs when a process ends or half a minute passes.
    fn wait_for(&mut self, at: SocketAddr) {
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
                    .any(|child| !matches!(child.try_wait(), Ok(None)))
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

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in &mut self.children {
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
fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a free port");
    let at = socket
        .local_addr()
        .expect("its address")
        .as_socket()
        .expect("an IP address");
    (socket, at)
}
