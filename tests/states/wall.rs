//! The wall clock jumps: no breaker moves, no minute goes over its limit.
//!
//! The real binary runs under a wall clock of its own: a small library, loaded before the system's, adds
//! what a file says to what the system's clock says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use breakerbox_actors::clock;

use super::{badly, failed, well};
use crate::support::chat::{CHAT, ask, error_code, response};
use crate::support::client::{get, post};
use crate::support::evil::{Act, Evil};
use crate::support::process::{Process, address_in};
use crate::support::wait::DEADLINE;

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, at);
    const char *path = getenv("WALL_OFFSET");
    FILE *file = id == CLOCK_REALTIME && path ? fopen(path, "r") : NULL;
    long offset = 0;
    if (file) {
        if (fscanf(file, "%ld", &offset) == 1) at->tv_sec += offset;
        fclose(file);
    }
    return result;
}
"#;

/// The binary, and the folder with its wall clock.
struct Gateway {
    _process: Process,
    folder: tempfile::TempDir,
    addr: SocketAddr,
    admin: SocketAddr,
}

fn build(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("wall.c"), folder.join("wall.so"));
    std::fs::write(&source, SHIM).expect("written");
    // The linker that built the test.
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]);
    cc.arg(&library).arg(&source).arg("-ldl");
    assert!(cc.status().expect("a C compiler").success());
    library
}

impl Gateway {
    async fn start(yaml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let library = build(folder.path());
        let [config, offset] = ["config.yaml", "offset"].map(|name| folder.path().join(name));
        std::fs::write(&config, yaml).expect("written");
        std::fs::write(&offset, "0").expect("written");
        let text = |path: &Path| path.to_str().expect("a path").to_owned();
        let process = Process::start_with(
            &["--log-format=text", "serve", "--config", &text(&config)],
            &[
                ("LD_PRELOAD", &text(&library)),
                ("WALL_OFFSET", &text(&offset)),
            ],
        );
        Self {
            addr: address_in(&process.logs("gateway   ").await),
            admin: address_in(&process.logs("metrics   ").await),
            _process: process,
            folder,
        }
    }

    fn jump_to(&self, seconds: i64) {
        // In one step: a half-written number would be another jump.
        let [next, offset] = ["next", "offset"].map(|name| self.folder.path().join(name));
        std::fs::write(&next, seconds.to_string()).expect("written");
        std::fs::rename(next, offset).expect("renamed");
    }

    async fn ask(&self, model: &str) -> (u16, String) {
        let answer = post(self.addr, CHAT, &ask(model, "hello")).await;
        let code = match answer.status() {
            200 => String::new(),
            _ => error_code(&answer),
        };
        (answer.status(), code)
    }

    /// When the circuit closes by the wall clock, as the gateway sees that; 0 while it is closed.
    async fn open_until(&self) -> f64 {
        let text = get(self.admin, "/metrics").await.text();
        let name = "breakerbox_breaker_open_until_timestamp_seconds{endpoint=\"open\"";
        let mut lines = text.lines().filter(|line| line.starts_with(name));
        let value = lines
            .next()
            .and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }
}

fn endpoint(name: &str, upstream: &Evil, more: &str) -> String {
    format!(
        "  - {{ name: {name}, provider: openai-compatible, base_url: \"{}\", models: [{name}], \
         probe: {{ kind: none }}{more} }}\n",
        upstream.base_url()
    )
}

#[tokio::test]
async fn jumps_of_the_wall_clock_move_no_breaker_no_window_and_no_cooldown() {
    const LIMIT: usize = 5;
    let limited = Evil::start(|_, _| well());
    let cool = Evil::start(|_, _| {
        let refused = response(429, &[("retry-after", "40")], "{\"error\":{}}");
        vec![Act::Send(refused), Act::KeepAlive]
    });
    let open = Evil::start(|_, _| badly());
    let gateway = Gateway::start(&format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n{}{}{}\
         breaker: {{ failure_threshold: 3 }}\n\
         routing: {{ max_attempts: 1, queue: {{ max_wait: 0s }} }}\n",
        endpoint("limited", &limited, ", limits: { rpm: 5 }"),
        endpoint("cool", &cool, ""),
        endpoint("open", &open, ""),
    ))
    .await;
    for _ in 0..LIMIT {
        assert_eq!(gateway.ask("limited").await.0, 200);
    }
    assert_eq!(gateway.ask("cool").await.0, 429);
    for _ in 0..3 {
        assert!(failed(gateway.ask("open").await.0));
    }
    let start = clock::now();
    let shown = loop {
        let shown = gateway.open_until().await;
        if shown > 0.0 {
            break shown;
        }
        assert!(clock::now() - start < DEADLINE, "not open");
    };
    for hour in [0, 1, -1, 24 * 366, -24 * 366] {
        gateway.jump_to(hour * 3_600);
        assert_eq!(gateway.ask("limited").await.0, 429, "{hour} h");
        assert_eq!(gateway.ask("cool").await.0, 429, "{hour} h");
        let (status, code) = gateway.ask("open").await;
        let refused = status == 503 && code == "no_endpoint_available";
        // At most once a second it is tried as a last resort.
        assert!(refused || failed(status), "{hour} h: {status} {code}");
    }
    assert_eq!(limited.count(), LIMIT);
    assert_eq!(cool.count(), 1);
    assert!(open.count() <= 3 + 5, "{}", open.count());
    // The wall clock did jump for the gateway: what it shows to people moved along.
    gateway.jump_to(3_600);
    let mut moved = 0.0;
    let start = clock::now();
    // It is shown anew with the next try.
    while moved < 3_000.0 && clock::now() - start < DEADLINE {
        gateway.ask("open").await;
        moved = gateway.open_until().await - shown;
    }
    assert!((3_590.0..3_620.0).contains(&moved), "{moved}");
}
