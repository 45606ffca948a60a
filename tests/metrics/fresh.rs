//! A gateway that has served nothing: everything is there, at 0, in a form that Prometheus likes.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use breakerbox::metrics::catalogue;
use breakerbox_actors::clock;
use breakerbox_actors::metrics::Kind;
use metrics::Unit;

use super::Page;
use crate::cli::file;
use crate::support::client::get;
use crate::support::ports::Refused;
use crate::support::process::{Process, address_in};
use crate::support::wait::DEADLINE;

/// Entries without a series until something happens: none. An entry that cannot start at 0 says here why.
/// Some have series only where the configuration makes them possible: cost needs a price, failovers need
/// two endpoints.
const LATER: [&str; 0] = [];

/// Actors of a gateway with [`two_endpoints`]: 4 of endpoints, 2 routers, the prober and the guardian.
const ACTORS: usize = 8;

/// A gateway process of its own: recorders are shared by all that run in one.
async fn fresh(endpoints: &str) -> (Process, tempfile::TempDir, Page) {
    let text = format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 2 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n{endpoints}"
    );
    let (folder, path) = file(&text);
    let (process, _, admin) = Process::serve(&path).await;
    let read = async || Page::read(&get(admin, "/metrics").await.text());
    // Actors start on several threads; this is the last series of each.
    let last = "actor_message_duration_seconds_count{";
    let start = clock::now();
    while read().await.lines_with(last).len() < ACTORS {
        assert!(clock::now() - start < DEADLINE, "not all {ACTORS} {last}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Once more: that page was begun before the series was there.
    let page = read().await;
    (process, folder, page)
}

fn two_endpoints(address: std::net::SocketAddr) -> String {
    let line = |name: &str, more: &str| {
        format!(
            "  - {{ name: {name}, provider: openai-compatible, base_url: \"http://{address}/v1\", \
             models: [m, n], probe: {{ kind: none }}{more} }}\n"
        )
    };
    let priced = line("a", ", limits: { rpm: 10 }");
    let priced = priced.replace("[m,", "[{ name: m, price: { input: 1, output: 2 } },");
    priced + &line("b", "") + "routes: [{ models: [m] }]\n"
}

#[tokio::test]
async fn every_entry_of_the_catalogue_is_there_before_the_first_request() {
    let nobody = Refused::new();
    let (_process, _folder, page) = fresh(&two_endpoints(nobody.addr())).await;
    let known: BTreeSet<_> = catalogue().map(|metric| metric.name).collect();
    let shown: BTreeSet<_> = page.families.keys().map(String::as_str).collect();
    let absent: Vec<_> = known.difference(&shown).copied().collect();
    assert_eq!(absent, LATER);
    assert_eq!(shown.difference(&known).count(), 0, "{shown:?}");
    assert_eq!(known.len(), catalogue().count(), "names are unique");
    for metric in catalogue() {
        let family = &page.families[metric.name];
        let kind = match metric.kind {
            Kind::Counter | Kind::Sum => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        assert_eq!(family.kind, kind, "{}", metric.name);
        assert_eq!(family.help, metric.help, "{}", metric.name);
        for labels in &family.labels {
            assert_eq!(labels, metric.labels, "{}", metric.name);
        }
        let moves = [
            "process_",
            "breakerbox_actor_messages",
            "breakerbox_actor_message_duration",
        ];
        if kind == "gauge" || moves.iter().any(|it| metric.name.starts_with(it)) {
            continue;
        }
        for (labels, value) in &family.samples {
            assert_eq!(*value, 0.0, "{}{labels}", metric.name);
        }
    }
}

#[test]
fn names_follow_the_conventions() {
    for metric in catalogue() {
        let name = metric.name;
        assert!(
            name.starts_with("breakerbox_") || name.starts_with("process_"),
            "{name}"
        );
        let total = name.ends_with("_total");
        assert_eq!(
            total,
            matches!(metric.kind, Kind::Counter | Kind::Sum),
            "{name}"
        );
        let timed = name.trim_end_matches("_total").ends_with("_seconds");
        assert_eq!(timed, metric.unit == Unit::Seconds, "{name}");
        assert!(
            metric.help.ends_with('.') && !metric.help.contains('\n'),
            "{name}"
        );
        if let Kind::Histogram(bounds) = metric.kind {
            assert!(bounds.is_sorted() && !bounds.is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn each_known_series_starts_at_zero() {
    let nobody = Refused::new();
    let (_process, _folder, page) = fresh(&two_endpoints(nobody.addr())).await;
    let count = |name: &str| page.families[name].samples.len();
    // 2 models, `auto` and `other` with 5 codes each, by 8 calls.
    assert_eq!(count("breakerbox_http_requests_total"), 4 * 5 * 8);
    assert_eq!(count("breakerbox_cost_usd_total"), 1);
    assert_eq!(count("breakerbox_retries_total"), 10);
    assert_eq!(count("breakerbox_failovers_total"), 2 * 10);
    assert_eq!(count("breakerbox_upstream_requests_total"), 4 * 11);
    assert_eq!(count("breakerbox_breaker_transitions_total"), 4 * 17);
    assert_eq!(count("breakerbox_probes_total"), 4 * 4);
    // 4 endpoint actors can be replaced; 2 routers, the prober and the guardian only restart.
    assert_eq!(count("breakerbox_actor_restarts_total"), 4 * 3 + 4 * 2);
    assert_eq!(count("breakerbox_actor_up"), ACTORS);
    assert_eq!(count("breakerbox_client_disconnects_total"), 8);
    assert_eq!(count("breakerbox_config_reloads_total"), 2);
    assert_eq!(count("breakerbox_credentials_refused_total"), 2 * 2);
    assert_eq!(count("breakerbox_tokens_total"), 4 * 2);
    assert_eq!(count("breakerbox_rate_window_left"), 4 * 3);
    let left = |endpoint: &str, window: &str| {
        let labels = format!("{{endpoint=\"{endpoint}\",model=\"m\",window=\"{window}\"}}");
        page.value("breakerbox_rate_window_left", &labels)
    };
    assert_eq!(left("a", "rpm"), 10.0);
    assert_eq!(left("b", "rpm"), f64::INFINITY);
}

#[tokio::test]
async fn the_process_is_seen_as_it_is() {
    let nobody = Refused::new();
    let (process, _folder, page) = fresh(&two_endpoints(nobody.addr())).await;
    let value = |name: &str| page.value(name, "");
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
    assert!((4.0..1000.0).contains(&value("process_threads")));
    assert!(value("process_open_fds") > 4.0);
    assert!(value("process_max_fds") > value("process_open_fds"));
    assert!(value("process_cpu_seconds_total") < 60.0);
    let started = value("process_start_time_seconds");
    let in_force = value("breakerbox_config_last_reload_success_timestamp_seconds");
    // The kernel rounds to hundredths, and the boot time to whole seconds.
    assert!(
        (-2.0..60.0).contains(&(in_force - started)),
        "{started} {in_force}"
    );
    drop(process);
}

#[tokio::test]
async fn the_configuration_in_force_is_told_by_number_and_fingerprint() {
    let nobody = Refused::new();
    let (process, folder, page) = fresh(&two_endpoints(nobody.addr())).await;
    let path = folder.path().join("breakerbox.yaml");
    let fingerprint = |labels: &str| {
        let rest = labels.split_once("sha=\"").expect("a label").1.to_owned();
        rest.trim_end_matches("\"}").to_owned()
    };
    let info = |page: &Page| {
        let samples = page.families["breakerbox_config_info"].samples.clone();
        assert_eq!(samples.len(), 1, "{samples:?}");
        samples.into_keys().next().expect("one")
    };
    let first = info(&page);
    assert!(first.starts_with("{generation=\"1\",sha=\""), "{first}");
    let sum = Command::new("sha256sum")
        .arg(&path)
        .output()
        .expect("sha256sum");
    let sum = String::from_utf8(sum.stdout).expect("digits");
    assert_eq!(sum.split(' ').next(), Some(fingerprint(&first).as_str()));

    let admin = address_in(&process.logs("\"subsystem\":\"metrics\"").await);
    let text = std::fs::read_to_string(&path).expect("the file");
    std::fs::write(&path, format!("{text}# a remark\n")).expect("written");
    process.signal("HUP");
    process.logs("reloaded").await;
    let page = Page::read(&get(admin, "/metrics").await.text());
    let second = info(&page);
    assert!(second.starts_with("{generation=\"2\",sha=\""), "{second}");
    assert_ne!(fingerprint(&first), fingerprint(&second));

    std::fs::write(&path, "endpoints: 7\n").expect("written");
    process.signal("HUP");
    process.logs("reload refused").await;
    let page = Page::read(&get(admin, "/metrics").await.text());
    assert_eq!(info(&page), second);
    assert_eq!(
        page.value("breakerbox_config_last_reload_successful", ""),
        0.0
    );
    let reloads = |result: &str| {
        page.value(
            "breakerbox_config_reloads_total",
            &format!("{{result=\"{result}\"}}"),
        )
    };
    // The file is seen to change, too, and the signal may come after that.
    assert!(reloads("applied") >= 1.0 && reloads("refused") >= 1.0);
}

/// Prometheus's own opinion.
#[tokio::test]
async fn promtool_finds_nothing_to_say() {
    let nobody = Refused::new();
    let (_process, _folder, page) = fresh(&two_endpoints(nobody.addr())).await;
    let run = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = run.expect("no promtool here: run `make setup`");
    let mut stdin = promtool.stdin.take().expect("a pipe");
    stdin.write_all(page.text.as_bytes()).expect("it reads");
    drop(stdin);
    let told = promtool.wait_with_output().expect("it ends");
    let words = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success() && words.trim().is_empty(), "{words}");
}
