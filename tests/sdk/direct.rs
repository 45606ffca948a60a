//! The official SDKs straight against the simulated providers, with no gateway between.

use crate::processes::{Processes, free};
use crate::{Language, NODE, PYTHON, TURN};

/// The key that the providers know.
const KEY: &str = "sdk-test-key";
/// Providers by the flag that names them to a script; the keys of their scripts, beside those of all.
const PROVIDERS: [(&str, &str); 4] = [
    // Half a prompt from the cache, and two calls at once.
    ("base", "{ calls: 2, cached: 0.5, latency: { fixed: 5ms } }"),
    (
        "limited",
        "{ faults: [{ fault: { status: { code: 429, retry_after: 2s } } }] }",
    ),
    (
        "overloaded",
        "{ faults: [{ fault: { status: { code: 529 } } }] }",
    ),
    (
        "broken",
        "{ faults: [{ fault: { error_event: { after: 4 } } }] }",
    ),
];

/// Runs `script` against providers of this dialect.
fn drive(language: &Language, script: &str, dialect: &str) {
    let _turn = TURN.lock();
    let mut processes = Processes::new();
    let mut args = vec!["--key".to_owned(), KEY.to_owned()];
    for (name, more) in PROVIDERS {
        let at = free();
        let more = more.trim_start_matches("{ ").trim_end_matches('}');
        let all = format!(
            "dialect: {dialect}, strict: true, api_keys: [{KEY}], models: [gemini-3-pro, simulated]"
        );
        processes.provider(name, at, &format!("{{ {all}, {more} }}"));
        args.extend([format!("--{name}-url"), format!("http://{at}")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    language.run(&processes, script, &args);
}

#[test]
fn openai_python_accepts_the_provider() {
    drive(&PYTHON, "python/direct_openai.py", "openai");
}

#[test]
fn openai_node_and_the_ai_sdk_accept_the_providers() {
    drive(&NODE, "node/direct_openai.mjs", "openai");
}

#[test]
fn anthropic_python_accepts_the_provider() {
    drive(&PYTHON, "python/direct_anthropic.py", "anthropic");
}

#[test]
fn anthropic_node_accepts_the_provider() {
    drive(&NODE, "node/direct_anthropic.mjs", "anthropic");
}

#[test]
fn google_genai_python_accepts_the_provider() {
    drive(&PYTHON, "python/direct_gemini.py", "gemini");
}

#[test]
fn ai_sdk_node_accepts_the_gemini_provider() {
    drive(&NODE, "node/direct_gemini.mjs", "gemini");
}
