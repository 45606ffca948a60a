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

use std::{net::SocketAddr, path::Path};

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
mod secret;
pub mod settings;
mod shape;
mod source;
mod structure;
mod substitute;
mod tree;
mod units;
mod warnings;

use breakerbox_actors::state::estimate::Estimate;
pub use diff::{Diff, diff};
pub use effective::effective;
pub use from_environment::from_environment;
pub use problem::{Problem, Problems, Shown};
pub use secret::Secret;
pub use settings::{
    AUTO, Admin, BaseUrl, Budget, Client, Config, Cors, Cost, DEFAULT_TASK, Endpoint, Fingerprint,
    Model, Period, Price, Priority, ProbeKind, Provider, PublicModel, Route, Routing, Server,
    Strategy, Terms, Tls, is_task,
};
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
    compile_text(
        &text,
        &name,
        path.parent().unwrap_or_else(|| Path::new("")),
        env,
        over,
    )
}

/// Compiles `text`, which the problems call `name`. Relative paths within it
/// start at the working directory.
///
/// # Errors
///
/// [`Problems`] lists all that is wrong with the text.
pub fn parse(text: &str, name: &str, env: Lookup<'_>) -> Result<Config, Problems> {
    compile_text(text, name, Path::new(""), env, Overrides::default())
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
        Ok(file) => compile::compile(&file, &tree, folder, over, &mut list, &mut files),
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
            files,
            ..config
        }),
        _ => Err(Problems::new(name, text, list, &secrets, true).with_files(files)),
    }
}

#[cfg(test)]
mod tests;
