use super::*;

mod shipped;

/// An environment with these variables.
fn env<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    }
}

/// Compiles `text` in an empty environment.
fn compile(text: &str) -> Result<Config, Problems> {
    parse(text, "test.yaml", &env(&[]))
}
