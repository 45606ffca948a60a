//! What the repository says of itself is so: files that are pointed to exist, every dependency has its reason, and
//! what a machine lacks for the tests is named.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The targets of the links of a Markdown text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
}

/// The anchors of a Markdown text's headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    headings.map(anchor).collect()
}

/// The links of the Markdown file at `path` that lead nowhere in the repository.
fn broken(path: &str, text: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let leads = |link: &&str| {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => root.join(path),
            file => root.join(folder).join(file),
        };
        let marks = || anchors(&std::fs::read_to_string(&target).unwrap_or_default());
        target.exists() && (anchor.is_empty() || marks().iter().any(|it| it == anchor))
    };
    let own = links(text).filter(|link| !link.contains("://"));
    own.filter(|link| !leads(link)).map(str::to_owned).collect()
}

#[test]
fn every_file_that_is_linked_to_exists() {
    let readme = read("README.md");
    assert!(links(&readme).count() > 30, "the README is full of links");
    for (path, text) in [
        ("README.md", readme),
        ("CHANGELOG.md", read("CHANGELOG.md")),
        ("src/dialect/MAPPING.md", read("src/dialect/MAPPING.md")),
    ] {
        assert_eq!(broken(path, &text), [""; 0], "{path}");
    }
    let text = "[a](src/none.rs) [b](#no-such-heading) [c](LICENSE) [d](https://example.com/x)";
    assert_eq!(
        broken("README.md", text),
        ["src/none.rs", "#no-such-heading"]
    );
}

/// The dependencies of a manifest that have no reason behind them. Those of the workspace have it there.
fn unexplained(manifest: &str) -> Vec<&str> {
    let mut depends = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            depends = line.trim_end_matches(']').ends_with("dependencies");
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| depends) else {
            continue;
        };
        let reason = value.rsplit_once("# ").map_or("", |(_, reason)| reason);
        let elsewhere =
            name.trim_end().ends_with(".workspace") || value.contains("workspace = true");
        if !elsewhere && reason.len() < 4 {
            found.push(name.trim_end());
        }
    }
    found
}

#[test]
fn every_dependency_says_why_it_is_here() {
    for path in ["Cargo.toml", "actors/Cargo.toml"] {
        let manifest = read(path);
        assert_eq!(unexplained(&manifest), [""; 0], "{path}");
    }
    let manifest = "[dependencies]\na = \"1\"\nb = \"1\" # a reason\nc.workspace = true\n[features]\nd = []\n\
                    [dev-dependencies]\ne = { version = \"1\" } #\n";
    assert_eq!(unexplained(manifest), ["a", "e"]);
}

#[test]
fn a_machine_that_lacks_something_is_told_what_and_how_to_get_it() {
    // Nothing is there but what the script itself is made of: no tools, and nobody to install them.
    let folder = tempfile::tempdir().expect("a folder");
    for tool in ["bash", "dirname"] {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output();
        let found = String::from_utf8(found.expect("a shell").stdout).expect("a path");
        symlink(found.trim(), folder.path().join(tool)).expect("a link");
    }
    let setup = |what: &str| {
        let mut command = Command::new(folder.path().join("bash"));
        command.args([".ci/setup", what]).env_clear();
        command.env("PATH", folder.path());
        let ended = command.current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let ended = ended.expect("it runs");
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        String::from_utf8(ended.stderr).expect("text")
    };
    let told = setup("test");
    for tool in [
        "cargo",
        "cc",
        "python3",
        "node",
        "npm",
        "prometheus",
        "promtool",
        "curl",
        "chromium",
    ] {
        let line = format!("\n  {tool}: ");
        assert_eq!(told.matches(&line).count(), 1, "{tool} in {told}");
    }
    let (_, packages) = told.split_once("apt-get install ").expect("how to get it");
    for package in [
        "build-essential",
        "python3",
        "nodejs",
        "npm",
        "prometheus",
        "curl",
        "chromium",
    ] {
        assert!(
            packages.split_whitespace().any(|it| it == package),
            "{package} in {told}"
        );
    }
}
