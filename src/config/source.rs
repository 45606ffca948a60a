//! Files from outside: read with a limit, told apart from what is not text.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::{limits, problem::Problem};

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Reads the configuration file at `path`; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    let bytes = match path == Path::new(STANDARD_INPUT) {
        true => up_to(io::stdin().lock(), limits::FILE),
        false => read_up_to(path, limits::FILE),
    };
    let bytes = bytes.map_err(|error| {
        let problem = Problem::new("unreadable", &format!("cannot be read: {}", reason(&error)));
        match error.kind() {
            io::ErrorKind::NotFound => problem.help("check the path; `breakerbox serve` without --config builds a configuration from key variables such as OPENAI_API_KEY"),
            io::ErrorKind::InvalidInput => problem.help("to read standard input, write - for the file"),
            _ => problem.help("check that it is a file and that this user may read it"),
        }
    })?;
    if bytes.len() > limits::FILE {
        return Err(Problem::new("too_large", "the file is larger than 1 MiB")
            .expect("a configuration of at most 1 MiB")
            .help("is this the right file?"));
    }
    text(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, Problem> {
    let not_text = |at: usize, what: &str| {
        Problem::new(
            "not_text",
            &format!("this is not text: {what} at byte {at}"),
        )
        .expect("UTF-8 text")
        .help("is this the right file? Save it as UTF-8")
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(not_text(at, "a NUL"));
    }
    String::from_utf8(bytes).map_err(|error| {
        not_text(
            error.utf8_error().valid_up_to(),
            "an invalid UTF-8 sequence",
        )
    })
}

/// Reads at most `limit` bytes and one more, which tells that there are more.
pub(super) fn read_up_to(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe waits until somebody writes to it.
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    up_to(File::open(path)?, limit)
}

fn up_to(from: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns why a file cannot be read, in words that do not differ by system.
pub(super) fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::IsADirectory => "it is a folder",
        io::ErrorKind::InvalidInput => "it is no regular file",
        _ => "the system refuses",
    }
}
