//! What config/deploy/compose.yaml puts together, as processes on this machine: the same configuration,
//! scripts, traffic, scrape job and rules, only with other addresses.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::prometheus::Prometheus;
use crate::shipped::{files, here, read};
use crate::support::process::{Process, address_in};

const TOKEN: &str = "a-token-of-the-test";
const KEYS: [(&str, &str); 2] = [
    ("TEAM_A_KEY", "key-of-team-a"),
    ("TEAM_B_KEY", "key-of-team-b"),
];
const PROVIDERS: [&str; 3] = ["steady", "flaky", "limited"];

pub(crate) struct Fleet {
    pub(crate) prometheus: Prometheus,
    pub(crate) gateway: Process,
    folder: TempDir,
    _others: Vec<Process>,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let token = folder.path().join("admin_token");
        fs::write(&token, TOKEN).expect("written");

        let mut others = Vec::new();
        let mut config = read(here("config/deploy/breakerbox.yaml"));
        let mut replace = |from: &str, to: &str| {
            assert!(config.contains(from), "no {from} in {config}");
            config = config.replace(from, to);
        };
        for name in PROVIDERS {
            let script = here("config/deploy/simulated").join(format!("{name}.yaml"));
            let script = script.display().to_string();
            let provider =
                Process::start(&["upstream", "--listen=127.0.0.1:0", "--script", &script]);
            let address = address_in(&provider.says("http://").await);
            replace(&format!("http://{name}:9000"), &format!("http://{address}"));
            others.push(provider);
        }
        replace("0.0.0.0:8080", "127.0.0.1:0");
        replace("0.0.0.0:8081", "127.0.0.1:0");
        replace("/run/secrets/admin_token", &token.display().to_string());
        let path = folder.path().join("breakerbox.yaml");
        fs::write(&path, &config).expect("written");

        let path = path.display().to_string();
        let gateway = Process::start_with(&["serve", "--config", &path], &KEYS);
        let what = async |subsystem: &str| {
            let part = format!("\"subsystem\":\"{subsystem}\"");
            address_in(&gateway.logs(&part).await)
        };
        let (address, admin) = (what("gateway").await, what("metrics").await);
        others.push(traffic(address));
        let prometheus = scraping(&folder, admin).await;
        Self {
            prometheus,
            gateway,
            folder,
            _others: others,
        }
    }

    /// Changes the gateway's file.
    pub(crate) fn write(&self, change: impl FnOnce(String) -> String) {
        let path = self.folder.path().join("breakerbox.yaml");
        fs::write(&path, change(read(&path))).expect("written");
    }
}

/// The shipped script that asks the gateway.
fn traffic(gateway: SocketAddr) -> Process {
    let mut command = Command::new("sh");
    command
        .arg(here("config/deploy/simulated/traffic.sh"))
        .env("GATEWAY", format!("http://{gateway}"))
        .envs(KEYS);
    Process::spawn(command)
}

/// Prometheus with the shipped files, in a hurry.
async fn scraping(folder: &TempDir, admin: SocketAddr) -> Prometheus {
    let text = read(here("config/prometheus/prometheus.yml"));
    assert_eq!(text.matches("_interval: 15s").count(), 2, "{text}");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write(
        "prometheus.yml",
        text.replace("_interval: 15s", "_interval: 1s"),
    );
    write("targets.yml", format!("- targets: [\"{admin}\"]\n"));
    for path in files("config/prometheus/rules", ".yml") {
        let name = path.file_name().expect("a name").to_string_lossy();
        write(&format!("rules/{name}"), read(&path));
    }
    Prometheus::start(folder.path()).await
}
