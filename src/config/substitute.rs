//! `${VAR}`, `${VAR:-default}` and `${VAR:?message}` in values.
//!
//! Done on the tree, not on the text: a value can never become a key, a list or
//! a second line of configuration, whatever a variable holds.

use super::{
    Lookup,
    problem::Problem,
    redact,
    tree::{Kind, Node, Scalar},
};

const FORMS: &str = "${NAME}, ${NAME:-default} or ${NAME:?message}";

/// Says whether `text` is one variable in `${…}` and nothing else: no default,
/// which could be a secret.
pub(super) fn is_reference(text: &str) -> bool {
    let inside = text
        .strip_prefix("${")
        .and_then(|text| text.strip_suffix('}'));
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    inside.is_some_and(|inside| {
        let name = inside.split_once(":?").map_or(inside, |(name, _)| name);
        name.chars().all(in_name) && !inside.contains('}')
    })
}

/// Replaces the variables in every scalar below `node`. What cannot be replaced
/// is reported and marked broken.
pub(super) fn apply(node: &mut Node, env: Lookup<'_>, problems: &mut Vec<Problem>) {
    let replaced = match &mut node.kind {
        Kind::List(items) => return items.iter_mut().for_each(|item| apply(item, env, problems)),
        Kind::Map(entries) => {
            let values = entries.iter_mut().map(|entry| &mut entry.value);
            return values.for_each(|value| apply(value, env, problems));
        }
        Kind::Broken => return,
        Kind::Scalar(scalar) => replace(scalar, env),
    };
    match (replaced, &mut node.kind) {
        (Ok(text), Kind::Scalar(scalar)) => scalar.text = text,
        (Err(problem), kind) => {
            problems.push(problem.at(node.span));
            *kind = Kind::Broken;
        }
        (Ok(_), _) => {}
    }
}

fn replace(scalar: &Scalar, env: Lookup<'_>) -> Result<String, Problem> {
    let mut out = String::with_capacity(scalar.raw.len());
    let mut rest = scalar.raw.as_str();
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        // `$${` is a literal `${`.
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = from.find('}') else {
            return Err(Problem::new("variable", "this `${` has no `}`")
                .expect(FORMS)
                .help("close it, or write `$${` for a literal `${`"));
        };
        out.push_str(&value(&from[2..end], env)?);
        rest = &from[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Returns what stands for the inside of one `${…}`.
fn value(inside: &str, env: Lookup<'_>) -> Result<String, Problem> {
    let end = inside
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(
            Problem::new("variable", "this is not the name of a variable")
                .expect(FORMS)
                .help("names have letters, digits and `_`, and start with no digit"),
        );
    }
    let set = env(name);
    let filled = set.clone().filter(|value| !value.is_empty());
    if rest.is_empty() {
        return set.ok_or_else(|| {
            let early = "set it before the gateway starts, for a running one keeps what it has";
            Problem::new("unset_variable", &format!("the variable {name} is not set"))
                .expect("a variable of the environment")
                .help(&format!("{early}, or give a default: ${{{name}:-default}}"))
        });
    }
    if rest.contains("${") {
        return Err(
            Problem::new("variable", "a default cannot hold another variable").expect(FORMS),
        );
    }
    if let Some(default) = rest.strip_prefix(":-") {
        return Ok(filled.unwrap_or_else(|| default.to_owned()));
    }
    if let Some(message) = rest.strip_prefix(":?") {
        return filled.ok_or_else(|| {
            let problem =
                Problem::new("unset_variable", &format!("the variable {name} is not set"))
                    .expect("a variable of the environment that is not empty");
            match message.trim() {
                "" => problem.help("set it"),
                message => problem.help(&redact::shown(message)),
            }
        });
    }
    Err(Problem::new(
        "variable",
        &format!("`{}` after {name} has no meaning", redact::shown(rest)),
    )
    .expect(FORMS))
}
