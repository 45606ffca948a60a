//! Every SDK by every provider: the same checks straight at a simulated provider of the SDK's own dialect, and
//! through the gateway at one of each dialect. Nothing but base URL and key tells the two apart.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::processes::{GATEWAY, Processes};
use crate::{KEY, Language, NODE, PYTHON, TURN};

/// Kinds of providers.
struct Kind {
    /// What reports call it.
    name: &'static str,
    /// The dialect that it is simulated in.
    dialect: &'static str,
    /// The gateway's word for it.
    provider: &'static str,
    /// What the names of its models begin with.
    prefix: &'static str,
    /// What it calls its model itself.
    upstream: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "openai",
        dialect: "openai",
        provider: "openai",
        prefix: "gpt",
        upstream: "gpt-4.1",
    },
    // The same servers, taken for one of the many that know chat only.
    Kind {
        name: "compatible",
        dialect: "openai",
        provider: "openai-compatible",
        prefix: "llama",
        upstream: "gpt-4.1",
    },
    Kind {
        name: "anthropic",
        dialect: "anthropic",
        provider: "anthropic",
        prefix: "claude",
        upstream: "claude-sonnet-4-5",
    },
    Kind {
        name: "gemini",
        dialect: "gemini",
        provider: "gemini",
        prefix: "gemini",
        upstream: "gemini-2.5-flash",
    },
];
const DIALECTS: [&str; 3] = ["openai", "anthropic", "gemini"];
/// The providers of each dialect by what is the matter with them; the keys of their scripts, beside those of all.
const PROVIDERS: [(&str, &str); 6] = [
    // Half a prompt from the cache, and two calls at once.
    (
        "steady",
        "calls: 2, cached: 0.5, models: [gpt-4.1, gpt-5.2, claude-sonnet-4-5, gemini-2.5-flash, gemini-3-pro]",
    ),
    (
        "limited",
        "faults: [{ fault: { status: { code: 429, retry_after: 2s } } }]",
    ),
    (
        "overloaded",
        "faults: [{ fault: { status: { code: 529 } } }]",
    ),
    (
        "broken",
        "faults: [{ fault: { error_event: { after: 4 } } }]",
    ),
    ("cut", "faults: [{ fault: { cut: { after: 6 } } }]"),
    (
        "first",
        "faults: [{ fault: { error_event: { after: 0 } } }]",
    ),
];

/// What scripts ask for beside the model of each provider: models of the steady ones, by their names upstream.
/// One that nobody has, one of Gemini's that seals its calls, one of OpenAI's that thinks.
const MORE: [(&str, &str); 3] = [
    ("missing", "missing"),
    ("sealing", "gemini-3-pro"),
    ("thinking", "gpt-5.2"),
];

/// The sites of a kind: each with its provider, and its model's name upstream.
fn sites(kind: &Kind) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let own = kind.upstream;
    let all = PROVIDERS.iter().map(move |(name, _)| (*name, *name, own));
    all.chain(MORE.map(|(site, upstream)| (site, "steady", upstream)))
}

/// Providers of all dialects, a gateway in front of them, and the file that tells scripts where to find what.
struct Matrix {
    processes: Processes,
    targets: String,
}

impl Matrix {
    /// Starts all; `own` is the dialect of the SDK, in which it asks a provider directly as well.
    fn start(own: &str) -> Self {
        let mut processes = Processes::new();
        let all = DIALECTS
            .iter()
            .flat_map(|dialect| PROVIDERS.map(|(name, more)| (*dialect, name, more)));
        for (dialect, name, more) in all.clone() {
            let script =
                format!("{{ dialect: {dialect}, strict: true, api_keys: [{KEY}], {more} }}");
            processes.provider(&format!("{dialect}-{name}"), &script);
        }
        let at: Addresses = all
            .map(|(dialect, name, _)| {
                let address = processes.address(&format!("{dialect}-{name}"));
                ((dialect, name), address)
            })
            .collect();
        processes.gateway(&config(&at));
        let gateway = processes.address(GATEWAY);
        let direct = KINDS.iter().find(|kind| kind.name == own);
        let direct = direct.map(|kind| {
            target(kind, "direct", |_, provider, upstream| {
                (at[&(own, provider)], upstream.to_owned())
            })
        });
        let through = KINDS.iter().map(|kind| {
            target(kind, kind.name, |site, _, _| {
                (gateway, format!("{}-{site}", kind.prefix))
            })
        });
        let targets: Vec<Value> = direct.into_iter().chain(through).collect();
        let text = json!({"key": KEY, "targets": targets}).to_string();
        let targets = processes.write("targets.json", &text);
        Self { processes, targets }
    }
}

type Addresses = HashMap<(&'static str, &'static str), SocketAddr>;

/// The gateway's configuration: an endpoint for each provider, a model for each site.
fn config(at: &Addresses) -> String {
    let (mut endpoints, mut fallbacks) = (String::new(), String::new());
    for (number, kind) in KINDS.iter().enumerate() {
        let Kind {
            name: of,
            dialect,
            provider,
            prefix,
            ..
        } = kind;
        let version = match *dialect {
            "gemini" => "v1beta",
            _ => "v1",
        };
        for (name, _) in PROVIDERS {
            let at = at[&(*dialect, name)];
            let models: Vec<String> = sites(kind)
                .filter(|(_, provider, _)| *provider == name)
                .map(|(site, _, upstream)| {
                    format!("{{ name: {prefix}-{site}, upstream: {upstream} }}")
                })
                .collect();
            endpoints += &format!(
                "  - {{ name: {of}-{name}, provider: {provider}, base_url: \"http://{at}/{version}\", \
                 api_key: {KEY}, models: [{}], breaker: {{ failure_threshold: 2 }} }}\n",
                models.join(", ")
            );
        }
        // What fails before its first event is answered by a provider of another kind.
        let next = KINDS[(number + 1) % KINDS.len()].prefix;
        fallbacks += &format!("  - {{ name: {prefix}-first, fallbacks: [{next}-steady] }}\n");
    }
    // No pings: what an endpoint is must come from the traffic of the scripts alone.
    format!(
        "server: {{ workers: 1 }}\nendpoints:\n{endpoints}models:\n{fallbacks}probe: {{ kind: none }}\n\
         routing: {{ retry_budget: 1.0, queue: {{ max_wait: 0s }} }}\nclients: [{{ name: sdk, key: {KEY} }}]\n"
    )
}

/// What a script needs to know of one kind of provider; `find` tells address and model of a site.
fn target(
    kind: &Kind,
    name: &str,
    find: impl Fn(&str, &'static str, &str) -> (SocketAddr, String),
) -> Value {
    let told = sites(kind).map(|(site, provider, upstream)| {
        let (at, model) = find(site, provider, upstream);
        (
            site.to_owned(),
            json!({"url": format!("http://{at}"), "model": model}),
        )
    });
    let told: Map<String, Value> = told.collect();
    json!({"name": name, "provider": kind.dialect, "sites": told})
}

/// Runs `script` of an SDK of the dialect `own`.
fn drive(language: &Language, script: &str, own: &str) {
    let _turn = TURN.read();
    let matrix = Matrix::start(own);
    language.run(&matrix.processes, script, &["--targets", &matrix.targets]);
}

#[test]
fn openai_python_chat() {
    drive(&PYTHON, "python/openai_chat.py", "openai");
}

#[test]
fn openai_python_responses() {
    drive(&PYTHON, "python/openai_responses.py", "openai");
}

#[test]
fn anthropic_python() {
    drive(&PYTHON, "python/anthropic_messages.py", "anthropic");
}

#[test]
fn google_genai_python() {
    drive(&PYTHON, "python/google_genai.py", "gemini");
}

#[test]
fn asynchronous_python_clients() {
    // None is the SDK's own dialect: they are three.
    drive(&PYTHON, "python/asynchronous.py", "");
}

#[test]
fn langchain_openai() {
    drive(&PYTHON, "python/langchain_chat.py", "openai");
}

#[test]
fn openai_node() {
    drive(&NODE, "node/openai.mjs", "openai");
}

#[test]
fn anthropic_node() {
    drive(&NODE, "node/anthropic.mjs", "anthropic");
}

#[test]
fn ai_sdk_openai() {
    drive(&NODE, "node/ai_openai.mjs", "openai");
}

#[test]
fn ai_sdk_anthropic() {
    drive(&NODE, "node/ai_anthropic.mjs", "anthropic");
}

#[test]
fn ai_sdk_google() {
    drive(&NODE, "node/ai_google.mjs", "gemini");
}
