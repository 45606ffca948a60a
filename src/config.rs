//! Configuration: a file's text in, a [`Config`] that cannot be wrong out.
//!
//! ```text
//! text ── tree ──── substitute ──── structure ──────── shape ──── compile ──── Config
//!         spans,    ${VAR} in       unknown keys,      serde      meaning:
//!         twins     scalars only    types, ranges      structs    names, files, keys
//! ```
//!
//! Each step adds its findings to one list and goes on with what is sound, so
//! that a person sees every problem at once. Nobody behind this module checks
//! a setting again.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

mod compile;
mod diff;
mod effective;
pub mod env;
mod from_environment;
mod limits;
mod placeholder;
mod places;
mod problem;
mod redact;
mod rotation;
mod secret;
pub mod settings;
mod shape;
mod source;
mod span;
mod start_only;
mod structure;
mod substitute;
mod tree;
mod units;
mod warnings;

use breakerbox_actors::state::estimate::Estimate;
pub use diff::{Change, How, What, diff};
pub use effective::effective;
pub use from_environment::from_environment;
pub use problem::{Problem, Problems, Shown};
pub use secret::Secret;
pub use settings::{
    AUTO, Admin, BaseUrl, Budget, Client, Config, Cors, Cost, DEFAULT_TASK, Endpoint, Fingerprint,
    Model, PemFile, Period, Price, Priority, ProbeKind, Provider, PublicModel, Route, Routing,
    Server, Strategy, Terms, Tls, is_task,
};
pub use start_only::StartOnly;
pub use units::{show_duration, show_size};
pub use warnings::warnings;

pub(crate) use problem::near;

/// Looks a variable of the environment up; [`env::var`] in the binary.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the command line says in place of the file; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// In place of `server.listen`.
    pub listen: Option<SocketAddr>,
    /// In place of `admin.listen`.
    pub admin_listen: Option<SocketAddr>,
}

/// Which of the files that settings name may be read.
#[derive(Clone, Copy, Debug)]
pub enum Reach<'a> {
    /// All of them.
    All,
    /// These; the others are taken to be as they should be.
    Only(&'a [PathBuf]),
}

impl Reach<'_> {
    fn has(self, path: &Path) -> bool {
        match self {
            Self::All => true,
            Self::Only(files) => files.iter().any(|it| it == path),
        }
    }
}

/// Reads the file at `path`, `-` being standard input, and compiles it.
/// Relative paths within it start at its folder.
///
/// # Errors
///
/// [`Problems`] lists all that is wrong with the file, or why it cannot be read.
pub fn load(path: &Path, env: Lookup<'_>) -> Result<Config, Problems> {
    load_with(path, env, Overrides::default())
}

/// Like [`load`], with `over` in place of what the file says.
///
/// # Errors
///
/// As [`load`]; also when `over` and the file do not go together.
pub fn load_with(path: &Path, env: Lookup<'_>, over: Overrides) -> Result<Config, Problems> {
    let name = path.display().to_string();
    let text = source::read(path).map_err(|problem| Problems::alone(&name, problem))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    compile_text(&text, &name, folder, env, over, Reach::All)
}

/// Returns the section `admin` of the file at `path`, whatever is wrong with
/// the rest of it: also of a file that is no YAML from some line on, if the
/// section stands before.
///
/// # Errors
///
/// [`Problems`] says why the file cannot be read, or what is wrong with the
/// section.
pub fn load_admin(path: &Path, env: Lookup<'_>) -> Result<Admin, Problems> {
    let name = path.display().to_string();
    let text = source::read(path).map_err(|problem| Problems::alone(&name, problem))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let whole = tree::parse(&text);
    let sound = match whole.root {
        Some(_) => whole,
        None => tree::sound_part(&text)
            .filter(|part| part.has("admin"))
            .unwrap_or(whole),
    };
    let Some(mut tree) = sound.root else {
        let (list, secrets) = (sound.problems, sound.secrets);
        return Err(Problems::new(&name, &text, list, &secrets, false));
    };
    let mut list = Vec::new();
    substitute::apply(&mut tree, env, &mut list);
    let value = structure::check(&tree, shape::schema(), &mut list);
    if !tree.is_map() {
        return Err(Problems::new(&name, &text, list, &sound.secrets, true));
    }
    let admin = serde_json::from_value(value)
        .ok()
        .and_then(|file| compile::admin(&file, &tree, folder, &mut list));
    admin.ok_or_else(|| {
        let (own, others): (Vec<_>, _) = list.into_iter().partition(|it| it.is_below("/admin"));
        let list = if own.is_empty() { others } else { own };
        Problems::new(&name, &text, list, &sound.secrets, true)
    })
}

/// Compiles `text`, which the problems call `name`. Relative paths within it
/// start at the working directory.
///
/// # Errors
///
/// [`Problems`] lists all that is wrong with the text.
pub fn parse(text: &str, name: &str, env: Lookup<'_>) -> Result<Config, Problems> {
    let (folder, over) = (Path::new(""), Overrides::default());
    compile_text(text, name, folder, env, over, Reach::All)
}

/// Like [`parse`], for a text that somebody sent: of the files it names only
/// those within `reach` are opened. Relative paths start at `folder`.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_within(
    text: &str,
    name: &str,
    folder: &Path,
    env: Lookup<'_>,
    reach: Reach<'_>,
) -> Result<Config, Problems> {
    compile_text(text, name, folder, env, Overrides::default(), reach)
}

/// Returns the request that prices and shares are told by where there is none:
/// a page or two of text, and no word of how long the answer may be.
pub(crate) fn typical() -> Estimate {
    Estimate::new(4_000, None)
}

/// Returns the JSON Schema (draft 2020-12) of the configuration, for editors.
pub fn schema() -> serde_json::Value {
    shape::published()
}

fn compile_text(
    text: &str,
    name: &str,
    folder: &Path,
    env: Lookup<'_>,
    over: Overrides,
    reach: Reach<'_>,
) -> Result<Config, Problems> {
    let parsed = tree::parse(text);
    let (mut list, secrets) = (parsed.problems, parsed.secrets);
    let Some(mut tree) = parsed.root else {
        return Err(Problems::new(name, text, list, &secrets, false));
    };
    substitute::apply(&mut tree, env, &mut list);
    let value = structure::check(&tree, shape::schema(), &mut list);
    let mut files = Vec::new();
    let config = match serde_json::from_value(value) {
        Ok(file) => compile::compile(&file, &tree, folder, over, reach, &mut list, &mut files),
        Err(error) => {
            // The structure was checked: a leftover is a fault of the schema.
            // serde's words may quote a value, its category does not.
            let what = format!("this cannot be read: {:?}", error.classify());
            list.push(Problem::new("structure", &what));
            None
        }
    };
    match config {
        Some(config) if list.is_empty() => Ok(Config {
            sha256: Fingerprint::of(text),
            start_only: StartOnly::find(name, text, &tree, &secrets),
            files,
            ..config
        }),
        _ => Err(Problems::new(name, text, list, &secrets, true).with_files(files)),
    }
}

#[cfg(test)]
mod tests;
