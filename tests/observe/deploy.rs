//! config/deploy: the files name each other as they are.

use breakerbox::config;

use crate::shipped::{files, here, read};

/// The files that compose mounts are there, at the paths where the others look for them.
#[test]
fn compose_wires_the_files_that_are_shipped() {
    let compose = read(here("config/deploy/compose.yaml"));
    let words = compose.split(|it: char| it.is_whitespace() || "[]\",".contains(it));
    let mounts: Vec<(&str, &str)> = words
        .filter_map(|it| it.strip_suffix(":ro")?.split_once(':'))
        .collect();
    assert!(mounts.len() >= 10, "{mounts:?}");
    for (from, _) in &mounts {
        let path = here("config/deploy").join(from);
        assert!(path.exists(), "{} is mounted", path.display());
    }
    let at = |from: &str| {
        let found = mounts.iter().find(|it| it.0 == from);
        found.unwrap_or_else(|| panic!("{from} is not mounted")).1
    };
    let provider = read(here(
        "config/grafana/provisioning/dashboards/breakerbox.yaml",
    ));
    let folder = at("../grafana/dashboards");
    assert!(
        provider.contains(&format!("path: {folder}\n")),
        "{provider}"
    );
    let first = format!("{folder}/breakerbox-overview.json");
    assert!(compose.contains(&first), "{first}");
    assert!(here("config/grafana/dashboards/breakerbox-overview.json").exists());
    let source = read(here(
        "config/grafana/provisioning/datasources/breakerbox.yaml",
    ));
    assert!(source.contains("url: $PROMETHEUS_URL") && compose.contains("PROMETHEUS_URL: "));
    // What prometheus.yml names relatively lies beside it.
    let job = read(here("config/prometheus/prometheus.yml"));
    for (named, target) in [
        ("targets.yml", at("./targets.yml")),
        ("rules/*.yml", at("../prometheus/rules")),
        ("admin_token", "/etc/prometheus/admin_token"),
    ] {
        assert!(job.contains(named), "{named}");
        let name = named.trim_end_matches("/*.yml");
        assert_eq!(target, format!("/etc/prometheus/{name}"));
        assert!(compose.contains(target), "{target}");
    }
}

/// The token is made by whoever deploys; the one beside the scrape job is for loopback, where none is asked.
#[test]
fn no_token_is_shipped() {
    assert_eq!(read(here("config/prometheus/admin_token")), "");
    for path in files("config/deploy/kubernetes", ".yaml") {
        let manifest = read(&path);
        for shipped in [
            "kind: Secret",
            "stringData",
            "change-me",
            "optional: true",
            "secretGenerator",
        ] {
            assert!(!manifest.contains(shipped), "{}: {shipped}", path.display());
        }
    }
    let ignored = read(here(".gitignore"));
    assert!(ignored.lines().any(|it| it == "/config/deploy/admin_token"));
}

#[test]
fn the_configuration_for_kubernetes_is_good() {
    let manifest = read(here("config/deploy/kubernetes/configuration.yaml"));
    let (_, rest) = manifest.split_once("breakerbox.yaml: |\n").expect("a file");
    let text = rest;
    let mounted = "_file: /etc/breakerbox/secrets/";
    assert_eq!(text.matches(mounted).count(), 3, "{text}");
    let deployment = read(here("config/deploy/kubernetes/deployment.yaml"));
    for part in text.split(mounted).skip(1) {
        let length = part.find(|it: char| !it.is_alphanumeric() && it != '_');
        let name = &part[..length.unwrap_or(part.len())];
        let path = format!("path: secrets/{name} ");
        assert!(deployment.contains(&path), "{path}");
        let made = format!("--from-literal={name}=\"$");
        assert!(manifest.contains(&made), "{name} is asked for");
    }
    let lines: Vec<&str> = text
        .lines()
        .map(|it| it.strip_prefix("    ").unwrap_or(it))
        .collect();
    // The files are in the cluster; here their names stand for what is in them.
    let text = lines.join("\n").replace(mounted, ": ");
    let parsed = config::parse(&text, "configuration.yaml", &|_| None);
    assert!(
        parsed.is_ok(),
        "{}",
        parsed.err().map(|it| it.to_string()).unwrap_or_default()
    );
}

#[test]
fn kubernetes_applies_every_manifest() {
    let list = read(here("config/deploy/kubernetes/kustomization.yaml"));
    for path in files("config/deploy/kubernetes", ".yaml") {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let listed = list.contains(&format!("- {name}\n"));
        assert_eq!(listed, name != "kustomization.yaml", "{name}");
    }
}
