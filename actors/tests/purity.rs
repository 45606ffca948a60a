//! The machines are pure: their files name no clock, no chance of their own,
//! no log, no actor and no I/O.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What must not be named, and why.
const BANNED: [(&str, &str); 24] = [
    ("Instant::now", "time is an argument"),
    ("SystemTime", "wall time jumps"),
    (".elapsed(", "it reads the clock"),
    ("clock::", "time is an argument"),
    ("thread_rng", "chance is an argument"),
    ("rand::rng", "chance is an argument"),
    ("rand::random", "chance is an argument"),
    ("rngs::", "chance is an argument"),
    ("from_os_rng", "chance is an argument"),
    ("RandomState", "chance is an argument"),
    ("HashMap", "its order is chance"),
    ("tracing", "what happened is a return value"),
    ("log::", "what happened is a return value"),
    ("metrics::", "what happened is a return value"),
    ("println!", "what happened is a return value"),
    ("eprintln!", "what happened is a return value"),
    ("actix", "actors are the shell"),
    ("tokio", "actors are the shell"),
    ("std::thread", "nothing waits here"),
    ("std::fs", "no file here"),
    ("std::net", "no socket here"),
    ("std::env", "settings are an argument"),
    ("sync::", "no shared state here"),
    ("async ", "nothing waits here"),
];

/// Returns the lines of `source` that are neither comment nor test, numbered.
fn code(source: &str) -> impl Iterator<Item = (usize, &str)> {
    source
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .enumerate()
        .map(|(number, line)| (number + 1, line))
}

fn offences(path: &Path, source: &str) -> Vec<String> {
    let offence = |(number, line): (usize, &str)| {
        let (word, why) = BANNED.iter().find(|(word, _)| line.contains(word))?;
        Some(format!("{}:{number}: {word}: {why}", path.display()))
    };
    code(source).filter_map(offence).collect()
}

/// Returns the files under `folder` that are not tests.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_machines_are_pure() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = files(&source.join("state"));
    files.push(source.join("state.rs"));
    assert!(files.len() > 15, "the machines have moved: {files:?}");
    let found: Vec<String> = files
        .iter()
        .flat_map(|path| offences(path, &fs::read_to_string(path).expect("a file")))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_ban_fires_in_code_and_in_code_only() {
    for (word, _) in BANNED {
        let path = Path::new("x.rs");
        let found = offences(path, &format!("let a = 1;\nlet b = {word};"));
        assert_eq!(found.len(), 1, "{word}");
        assert!(found[0].starts_with("x.rs:2: "), "{found:?}");
        assert!(offences(path, &format!("/// says {word}\n#[cfg(test)]\n{word}")).is_empty());
    }
}
