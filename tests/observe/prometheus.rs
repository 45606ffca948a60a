//! Prometheus as a process, its tool, and its HTTP API.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::client::get;
use crate::support::process::Process;

/// A running Prometheus.
pub(crate) struct Prometheus {
    /// Ends with this.
    _process: Process,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it with the file `prometheus.yml` of `folder`, on a free port.
    pub(crate) async fn start(folder: &Path) -> Self {
        let mut command = Command::new("prometheus");
        command.current_dir(folder).args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--web.listen-address=127.0.0.1:0",
        ]);
        let installed = Command::new("prometheus").arg("--version").output();
        assert!(installed.is_ok(), "no prometheus here: run `make setup`");
        let process = Process::spawn(command);
        process.logs("Server is ready").await;
        let line = process.logs("Listening on").await;
        let (_, address) = line.rsplit_once("address=").expect("an address");
        Self {
            address: address.parse().expect("an address"),
            _process: process,
        }
    }

    /// Asks a path of the API; the part `data` of its answer, or what it says is wrong.
    pub(crate) async fn ask(&self, path: &str) -> Result<Value, String> {
        let answer = get(self.address, &format!("/api/v1/{path}")).await.json();
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// The values of an instant query, those that are no number left out.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<f64>, String> {
        let path = format!("query?query={}", escaped(expression));
        let data = self.ask(&path).await?;
        let result = data["result"].as_array().cloned().unwrap_or_default();
        let pairs = match data["resultType"].as_str() {
            Some("scalar") => vec![Value::Array(result)],
            _ => result
                .into_iter()
                .map(|mut it| it["value"].take())
                .collect(),
        };
        let values = pairs.iter().filter_map(|it| it[1].as_str()?.parse().ok());
        Ok(values.filter(|it: &f64| !it.is_nan()).collect())
    }

    /// The one value of an instant query; 0 while there is none.
    pub(crate) async fn value(&self, expression: &str) -> f64 {
        let values = self.query(expression).await.expect(expression);
        values.first().copied().unwrap_or_default()
    }
}

/// Writes `text` so that it may stand in a query string.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Runs promtool in config/prometheus; what it printed.
pub(crate) fn promtool(args: &[&str]) -> String {
    let run = Command::new("promtool")
        .args(args)
        .current_dir(crate::shipped::here("config/prometheus"))
        .output();
    let ended = run.expect("no promtool here: run `make setup`");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&ended.stdout) + &text(&ended.stderr);
    assert!(ended.status.success(), "promtool {args:?}\n{printed}");
    printed
}
