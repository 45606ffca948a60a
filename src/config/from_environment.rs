//! A configuration without a file: one endpoint for each well-known variable
//! that is set.
//!
//! What is built is configuration text, so that a start without a file obeys
//! the very rules of one with a file.

use std::path::Path;

use super::{Config, Lookup, Overrides, Problem, Problems, Reach, compile_text};

/// A provider known by the variable that holds its key.
struct Known {
    /// Name of the endpoint.
    name: &'static str,
    provider: &'static str,
    /// The variable that makes it an endpoint.
    variable: &'static str,
    /// The endpoint's `base_url`.
    base_url: &'static str,
    /// Whether the variable is the key; else it is the address.
    keyed: bool,
    /// Public name and upstream name.
    models: &'static [(&'static str, &'static str)],
}

/// Where a lookup finds the address made of `OLLAMA_HOST`.
const OLLAMA_URL: &str = "BREAKERBOX_OLLAMA_URL";

/// The providers that are known. A model that two of them serve fails over
/// between them.
const KNOWN: [Known; 6] = [
    Known {
        name: "openai",
        provider: "openai",
        variable: "OPENAI_API_KEY",
        base_url: "${OPENAI_BASE_URL:-https://api.openai.com/v1}",
        keyed: true,
        models: &[
            ("gpt-4.1", "gpt-4.1"),
            ("gpt-4.1-mini", "gpt-4.1-mini"),
            ("gpt-4.1-nano", "gpt-4.1-nano"),
            ("gpt-4o", "gpt-4o"),
            ("gpt-4o-mini", "gpt-4o-mini"),
            ("o3", "o3"),
            ("o4-mini", "o4-mini"),
        ],
    },
    Known {
        name: "anthropic",
        provider: "anthropic",
        variable: "ANTHROPIC_API_KEY",
        base_url: "https://api.anthropic.com/v1",
        keyed: true,
        models: &[
            ("claude-opus-4-1", "claude-opus-4-1"),
            ("claude-sonnet-4-5", "claude-sonnet-4-5"),
            ("claude-sonnet-4", "claude-sonnet-4-0"),
            ("claude-haiku-4-5", "claude-haiku-4-5"),
        ],
    },
    Known {
        name: "gemini",
        provider: "gemini",
        variable: "GEMINI_API_KEY",
        base_url: "https://generativelanguage.googleapis.com/v1beta",
        keyed: true,
        models: &[
            ("gemini-2.5-pro", "gemini-2.5-pro"),
            ("gemini-2.5-flash", "gemini-2.5-flash"),
            ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
        ],
    },
    Known {
        name: "deepseek",
        provider: "openai-compatible",
        variable: "DEEPSEEK_API_KEY",
        base_url: "https://api.deepseek.com/v1",
        keyed: true,
        models: &[
            ("deepseek-chat", "deepseek-chat"),
            ("deepseek-reasoner", "deepseek-reasoner"),
        ],
    },
    Known {
        name: "openrouter",
        provider: "openai-compatible",
        variable: "OPENROUTER_API_KEY",
        base_url: "https://openrouter.ai/api/v1",
        keyed: true,
        models: &[
            ("gpt-4.1", "openai/gpt-4.1"),
            ("gpt-4.1-mini", "openai/gpt-4.1-mini"),
            ("gpt-4o", "openai/gpt-4o"),
            ("gpt-4o-mini", "openai/gpt-4o-mini"),
            ("claude-sonnet-4", "anthropic/claude-sonnet-4"),
            ("gemini-2.5-pro", "google/gemini-2.5-pro"),
            ("deepseek-chat", "deepseek/deepseek-chat"),
        ],
    },
    Known {
        name: "ollama",
        provider: "openai-compatible",
        variable: "OLLAMA_HOST",
        base_url: "${BREAKERBOX_OLLAMA_URL}",
        keyed: false,
        models: &[
            ("llama3.2", "llama3.2"),
            ("qwen3", "qwen3"),
            ("gemma3", "gemma3"),
            ("deepseek-r1", "deepseek-r1"),
        ],
    },
];

/// Builds a configuration from the well-known variables that `env` has, with
/// `over` in place of the default addresses, and says in a line each what was
/// built from which.
///
/// # Errors
///
/// [`Problems`] when none is set, or when what is set makes no sense.
pub fn from_environment(
    env: Lookup<'_>,
    over: Overrides,
) -> Result<(Config, Vec<String>), Problems> {
    let set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
    let found: Vec<_> = KNOWN.iter().filter(|known| set(known.variable)).collect();
    if found.is_empty() {
        let variables: Vec<_> = KNOWN.iter().map(|known| known.variable).collect();
        let problem = Problem::new(
            "nothing_to_serve",
            "there is no configuration file and no known variable is set",
        )
        .expect(&format!(
            "--config FILE, or one of {}",
            variables.join(", ")
        ))
        .help("start from config/minimal.yaml, or try `breakerbox demo`");
        return Err(Problems::alone(NAME, problem));
    }
    let text = text(&found);
    let with_address = |name: &str| match name {
        OLLAMA_URL => env("OLLAMA_HOST").map(|host| ollama_url(&host)),
        name => env(name).map(|value| value.trim().to_owned()),
    };
    let config = compile_text(&text, NAME, Path::new(""), &with_address, over, Reach::All)?;
    let said = config
        .endpoints
        .iter()
        .zip(&found)
        .map(|(endpoint, known)| {
            let models: Vec<_> = known.models.iter().map(|(name, _)| *name).collect();
            format!(
                "endpoint {} at {} from {}: {}",
                endpoint.name,
                endpoint.base_url,
                known.variable,
                models.join(", ")
            )
        });
    let said = said.collect();
    Ok((config, said))
}

const NAME: &str = "environment";

fn text(found: &[&Known]) -> String {
    let mut text = String::from("endpoints:\n");
    for known in found {
        text.push_str(&format!(
            "  - name: {}\n    provider: {}\n    base_url: {}\n",
            known.name, known.provider, known.base_url
        ));
        if known.keyed {
            text.push_str(&format!("    api_key: ${{{}}}\n", known.variable));
        }
        text.push_str("    models:\n");
        for (name, upstream) in known.models {
            text.push_str(&format!(
                "      - {{ name: {name}, upstream: {upstream} }}\n"
            ));
        }
    }
    text
}

/// Returns the base URL for a value of `OLLAMA_HOST`, which may lack scheme and
/// port, and may be the address a server listens on.
///
/// *Source*: Ollama's `envconfig.Host`: `http`, 127.0.0.1 and 11434 by default;
/// with a scheme, the scheme's own port.
fn ollama_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = match host.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, host),
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    let (name, port) = match authority.rsplit_once(':') {
        // A colon within brackets belongs to an IPv6 address.
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (authority, None),
    };
    let name = match name {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        name => name,
    };
    let port = match (port, scheme) {
        (Some(port), _) => format!(":{port}"),
        (None, None) => ":11434".to_owned(),
        (None, Some(_)) => String::new(),
    };
    let path = match path.ends_with("/v1") {
        true => path,
        false => format!("{path}/v1"),
    };
    format!("{}://{name}{port}{path}", scheme.unwrap_or("http"))
}

#[cfg(test)]
mod tests {
    use super::ollama_url;

    #[test]
    fn an_ollama_host_becomes_a_base_url() {
        for (host, url) in [
            ("localhost", "http://localhost:11434/v1"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0:9000", "http://127.0.0.1:9000/v1"),
            (":9000", "http://127.0.0.1:9000/v1"),
            ("[::]", "http://[::1]:11434/v1"),
            ("http://gpu/", "http://gpu/v1"),
            (
                "https://gpu.example:444/llm/",
                "https://gpu.example:444/llm/v1",
            ),
            ("https://gpu.example/v1", "https://gpu.example/v1"),
        ] {
            assert_eq!(ollama_url(host), url, "{host}");
        }
    }
}
