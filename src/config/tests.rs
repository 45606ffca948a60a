use serde_json::{Value, json};

use super::*;

mod applied;
mod environment;
mod hostile;
mod keys;
mod meaning;
mod messages;
mod reload;
mod schema;
mod secrets;
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

/// Compiles `text`, which is good.
fn good(text: &str) -> Config {
    compile(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Compiles `text`, which is bad, and returns what people read.
fn bad(text: &str) -> String {
    match compile(text) {
        Ok(config) => panic!("accepted: {text}\n{config:?}"),
        Err(problems) => problems.to_string(),
    }
}

/// One good endpoint, to be put in front of what a test is about.
const ENDPOINT: &str = "endpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]\n";
