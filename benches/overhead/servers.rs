//! The processes of a run: nginx as upstream and as proxy, the pacer, the gateway. Each ends when dropped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use breakerbox_actors::clock;

use crate::Fallible;
use crate::http::{self, Connection};
use crate::machine::{self, Cores};

/// What the upstream answers to every chat request: about 700 bytes.
pub(crate) const ANSWER: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1760000000,"model":"bench-chat","choices":[{"index":0,"message":{"role":"assistant","content":"A circuit breaker watches the calls to a dependency. While they succeed it is closed and lets them through; after enough failures it opens and refuses at once, which spares both sides the wait. After a pause it lets a trial pass: a success closes it again, another failure keeps it open. The caller meanwhile uses something else.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":60,"completion_tokens":68,"total_tokens":128},"system_fingerprint":"fp_bench","service_tier":"default"}"#;

/// Sockets one nginx worker may have: two for each of 10,000 streams, and the sixteenth below which it starts to close
/// those that have not sent their request yet.
const CONNECTIONS: usize = 24_000;

/// The key that the gateway asks of its clients.
pub(crate) const CLIENT_KEY: &str = "bench-client-key";

/// A server process; ends when dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    fn start(mut command: Command, log: PathBuf) -> Fallible<Self> {
        let output = File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(Self {
            child: command.spawn()?,
            log,
        })
    }

    /// The process whose CPU time and memory count; its children count with it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a request is answered with 200. *Errors*: not within ten seconds; says what the process printed.
    async fn ready(self, at: SocketAddr, request: &[u8]) -> Fallible<Self> {
        let start = clock::now();
        loop {
            let tried = async { Connection::open(at).await?.exchange(request).await };
            let Err(why) = tried.await else {
                return Ok(self);
            };
            if clock::now() - start > Duration::from_secs(10) {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("no answer at {at}: {why}\n{said}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx takes its worker along when asked, not when killed.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// A port of the loopback that was free a moment ago.
fn free() -> Fallible<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The upstream of chat requests: nginx that answers by itself.
pub(crate) async fn upstream(cores: Cores, folder: &Path) -> Fallible<(Server, SocketAddr)> {
    let at = free()?;
    let locations = format!(
        "server {{ listen {at} backlog=4096; default_type application/json; location / {{ return 200 '{ANSWER}'; }} }}"
    );
    let server = nginx(cores.load, &folder.join("upstream"), &locations)?;
    Ok((
        server
            .ready(at, &http::post("/v1/chat/completions", "", "{}"))
            .await?,
        at,
    ))
}

/// nginx as the proxy to measure against, one port for each upstream.
pub(crate) struct Nginx {
    pub(crate) server: Server,
    pub(crate) chat: SocketAddr,
    pub(crate) streams: SocketAddr,
}

/// Starts nginx as a proxy with upstream keep-alive; streams unbuffered.
pub(crate) async fn nginx_proxy(
    cores: Cores,
    folder: &Path,
    chat_to: SocketAddr,
    streams_to: SocketAddr,
) -> Fallible<Nginx> {
    let (chat, streams) = (free()?, free()?);
    let mut text = String::new();
    for (name, at, to, more) in [
        ("chat", chat, chat_to, ""),
        ("streams", streams, streams_to, "proxy_buffering off;"),
    ] {
        text += &format!(
            "upstream {name} {{ server {to}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600s; }}\n\
             server {{ listen {at} backlog=4096; location / {{ proxy_pass http://{name}; proxy_http_version 1.1; \
             proxy_set_header Connection \"\"; {more} }} }}\n"
        );
    }
    let server = nginx(cores.proxy, &folder.join("proxy"), &text)?;
    let server = server
        .ready(chat, &http::post("/v1/chat/completions", "", "{}"))
        .await?;
    Ok(Nginx {
        server,
        chat,
        streams,
    })
}

fn nginx(core: usize, folder: &Path, servers: &str) -> Fallible<Server> {
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    let here = folder.display();
    let files = machine::open_files();
    let config = format!(
        "daemon off; worker_processes 1; pid {here}/pid; error_log {here}/error.log warn; worker_rlimit_nofile {files};\n\
         events {{ worker_connections {CONNECTIONS}; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;\n\
         client_body_temp_path {here}/body; proxy_temp_path {here}/proxied; fastcgi_temp_path {here}/fastcgi;\n\
         uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;\n{servers}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config)?;
    let mut command = machine::pinned(core, "nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file);
    command.arg("-e").arg(folder.join("error.log"));
    Server::start(command, folder.join("output"))
}

/// The upstream of streams, this program in another role.
pub(crate) async fn pacer(cores: Cores, folder: &Path) -> Fallible<(Server, SocketAddr)> {
    let at = free()?;
    let program = std::env::current_exe()?;
    let mut command = machine::pinned(cores.load, &program.to_string_lossy());
    command.args(["--pacer", &at.to_string()]);
    let server = Server::start(command, folder.join("pacer"))?;
    Ok((server.ready(at, b"GET / HTTP/1.1\r\n\r\n").await?, at))
}

/// The gateway under test.
pub(crate) struct Gateway {
    pub(crate) server: Server,
    pub(crate) at: SocketAddr,
    /// Where its metrics are.
    pub(crate) admin: SocketAddr,
    pub(crate) endpoints: usize,
}

/// The gateway with everything on: client key, limits, breaker, pings, metrics; one worker. Besides the two endpoints it has
/// `idle` more, of a model that nobody asks for.
pub(crate) async fn gateway(
    cores: Cores,
    folder: &Path,
    program: &Path,
    (chat_to, streams_to): (SocketAddr, SocketAddr),
    idle: usize,
) -> Fallible<Gateway> {
    let (at, admin) = (free()?, free()?);
    let mut config = format!(
        "server: {{ listen: \"{at}\", workers: 1 }}\n\
         admin: {{ listen: \"{admin}\" }}\n\
         clients:\n  - {{ name: bench, key: {CLIENT_KEY}, models: [\"bench-*\"] }}\n\
         endpoints:\n"
    );
    let mut endpoint = |name: &str, model: &str, to: SocketAddr, probe: &str| {
        config += &format!(
            "  - name: {name}\n    provider: openai-compatible\n    base_url: http://{to}/v1\n    api_key: bench-upstream-key\n    \
             models: [{model}]\n    limits: {{ rpm: 100000000, tpm: 4000000000, rpd: 1000000000, max_in_flight: 100000 }}\n{probe}"
        );
    };
    endpoint("bench-chat", "bench-chat", chat_to, "");
    endpoint("bench-stream", "bench-stream", streams_to, "");
    for number in 0..idle {
        let probe = "    probe: { kind: none }\n";
        endpoint(&format!("idle-{number}"), "idle", chat_to, probe);
    }
    let file = folder.join(format!("breakerbox-{idle}.yaml"));
    fs::write(&file, config)?;
    let mut command = machine::pinned(cores.proxy, &program.to_string_lossy());
    command.arg("serve").arg("--config").arg(&file);
    let server = Server::start(command, folder.join(format!("gateway-{idle}")))?;
    let probe = http::post(
        "/v1/chat/completions",
        CLIENT_KEY,
        &crate::body("bench-chat", ""),
    );
    Ok(Gateway {
        server: server.ready(at, &probe).await?,
        at,
        admin,
        endpoints: 2 + idle,
    })
}
