//! The mapping as one page, written by what the codecs do.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::dialect::{neutral::testing::samples, translate};

const PAGE: &str = include_str!("../MAPPING.md");

/// The models whose columns the table of requests has; of a name that says
/// nothing, nothing is kept back.
const MODELS: [(Api, Variant, &str); 11] = [
    (Api::ChatCompletions, Variant::OpenAi, "gpt-4o"),
    (Api::ChatCompletions, Variant::OpenAi, "o3"),
    (Api::ChatCompletions, Variant::OpenAi, "gpt-5.2"),
    (Api::ChatCompletions, Variant::Compatible, "compatible"),
    (Api::Messages, Variant::OpenAi, "claude-sonnet-4-0"),
    (Api::Messages, Variant::OpenAi, "claude-sonnet-4-5"),
    (Api::Messages, Variant::OpenAi, "claude-opus-4-6"),
    (Api::Messages, Variant::OpenAi, "claude-opus-4-7"),
    (Api::GenerateContent, Variant::OpenAi, "gemini-2.0-flash"),
    (Api::GenerateContent, Variant::OpenAi, "gemini-2.5-pro"),
    (Api::GenerateContent, Variant::OpenAi, "gemini-3-pro"),
];

const HEAD: &str = "\
# What becomes of a request in another dialect

Written by `cargo test --lib dialect::tests::mapping` from what the codecs do, whenever that has changed.

A request to an endpoint of the client's own dialect is passed on byte for byte, and nothing here is about it; but
what another dialect's provider had a part in is taken out if the client's own would refuse it: thoughts and seals
that are not its own (`thought`), and thinking about calls that nobody thought of before (`reasoning`).
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    requests(&mut page);
    fields(&mut page);
    tool_names(&mut page);
    stops(&mut page);
    usage(&mut page);
    page
}

fn row(page: &mut String, cells: impl IntoIterator<Item = String>) {
    for cell in cells {
        write!(page, "| {cell} ").unwrap();
    }
    page.push_str("|\n");
}

fn title(page: &mut String, cells: &[String]) {
    row(page, cells.iter().cloned());
    row(page, cells.iter().map(|_| "---".to_owned()));
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn requests(page: &mut String) {
    page.push_str(
        "\n## Requests\n\n\
        What is carried over (+), and what `x-breakerbox-warnings: not carried over: …` names instead, by the model\n\
        that is asked. `compatible` is any model of an openai-compatible endpoint. Where it names `silent_user`, a dot is\n\
        said for a user who has said nothing that can be carried over, since no request may be without, or nothing behind\n\
        instructions that come last: they are moved, and the answer before them is not to be gone on with.\n\
        A custom tool is a function of one text, `input`, to all but OpenAI's models from GPT-5 on, and those of OpenAI and\n\
        Azure whose name tells nothing; its grammar is then said in the description, and nobody sees to it (`tool_grammar`).\n\
        To the client its calls are those of a custom tool. To OpenAI's dialect, a name of the end user above 64 bytes goes as\n\
        its hash, and to OpenAI itself an id of a call above 40 bytes ends in one: the same for the same one.\n\n",
    );
    let models = MODELS.iter().map(|(_, _, model)| code(model));
    let head: Vec<_> = ["the client asks for".to_owned()]
        .into_iter()
        .chain(models)
        .collect();
    title(page, &head);
    for sample in samples() {
        let cells = MODELS.iter().map(|&(api, variant, model)| {
            let mut lost = Lost::default();
            match api.dialect() {
                Dialect::OpenAi => chat::write::request(&sample.asked, model, variant, &mut lost),
                _ => write_request(api, &sample.asked, model, &mut lost),
            };
            let named: Vec<_> = names(&lost).iter().map(|name| code(name)).collect();
            match named.is_empty() {
                true => "+".to_owned(),
                false => named.join(", "),
            }
        });
        row(page, [sample.what.to_owned()].into_iter().chain(cells));
    }
}

/// Fields that the neutral form has no place for, by the clients' bodies.
fn fields(page: &mut String) {
    let user = json!([{"role": "user", "content": "hi"}]);
    let contents = json!([{"parts": [{"text": "hi"}]}]);
    let bodies = [
        (
            Api::ChatCompletions,
            json!({"messages": user, "logit_bias": {"1": 2},
            "modalities": ["text", "audio"], "audio": {"voice": "a"}, "prediction": {"type": "content"}, "web_search_options": {"a": 1}}),
        ),
        (
            Api::Responses,
            json!({"input": "hi", "tools": [{"type": "web_search"}, {"type": "namespace", "name": "n", "tools": [
            {"type": "function", "name": "f", "defer_loading": true}]}], "truncation": "auto", "max_tool_calls": 3}),
        ),
        (
            Api::Messages,
            json!({"max_tokens": 9, "messages": [{"role": "user", "content": [
            {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}], "container": "c",
            "mcp_servers": [{"type": "url"}], "context_management": {"edits": []}, "service_tier": "standard_only",
            "tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        ),
        (
            Api::GenerateContent,
            json!({"contents": contents, "safetySettings": [{"category": "c"}],
            "cachedContent": "c", "tools": [{"googleSearch": {}}],
            "generationConfig": {"responseModalities": ["IMAGE"], "speechConfig": {"languageCode": "de"}, "mediaResolution": "LOW"}}),
        ),
    ];
    page.push_str(
        "\n## Fields that are not carried over\n\n\
        Each is named by its place, whoever is asked; so is any other field that nobody knows.\n\n",
    );
    title(page, &["client".to_owned(), "named".to_owned()]);
    for (api, body) in bodies {
        let mut lost = Lost::default();
        read_request(api, body.to_string().as_bytes(), false, &mut lost);
        let named: Vec<_> = names(&lost).iter().map(|name| code(name)).collect();
        row(page, [client(api).to_owned(), named.join(", ")]);
    }
}

fn tool_names(page: &mut String) {
    page.push_str(
        "\n## Names of tools\n\n\
        A name that the provider would refuse is another one there, and the client's own in its answers. A tool within a\n\
        namespace (of responses, as Codex has those of MCP servers) has both names in one there, marked if another tool has\n\
        it, and calls of it have both apart; what the namespace is for is said ahead of what each of its tools is for, or\n\
        of the first, where it is very long.\n\n",
    );
    let head = [
        "the client's",
        "to chat completions",
        "to Messages",
        "to Gemini",
    ];
    title(page, &head.map(str::to_owned));
    let function = |name| json!({"type": "function", "name": name});
    let within =
        |space, name| json!({"type": "namespace", "name": space, "tools": [function(name)]});
    let both = |space, name| format!("{} within {}", code(name), code(space));
    let jira = ("mcp__jira__", "get_issue");
    let plain = ["get_weather", "files.read", "2nd-try", "größe"];
    let mut rows: Vec<_> = plain
        .map(|name| (code(name), json!([function(name)])))
        .into();
    rows.push((both(jira.0, jira.1), json!([within(jira.0, jira.1)])));
    rows.push((
        both("jira", "get_issue"),
        json!([within("jira", "get_issue")]),
    ));
    let taken = json!([within(jira.0, jira.1), function("mcp__jira__get_issue")]);
    let clash = format!(
        "{} beside {}",
        both(jira.0, jira.1),
        code("mcp__jira__get_issue")
    );
    rows.push((clash, taken));
    for (name, tools) in rows {
        let body = json!({"model": "m", "input": "hi", "tools": tools});
        let body = body.to_string().into();
        let asked = request::peek(&body, Api::Responses).unwrap();
        let asked = translate::Asked::read(&asked).unwrap();
        let told = PROVIDERS.map(|to| {
            let body = asked.write(to, Variant::OpenAi, "m").body;
            let body: Value = serde_json::from_slice(&body).unwrap();
            let tool = &body["tools"][0];
            let places = ["/function/name", "/name", "/functionDeclarations/0/name"];
            let name = places
                .iter()
                .find_map(|place| tool.pointer(place)?.as_str());
            code(name.unwrap())
        });
        row(page, [name].into_iter().chain(told));
    }
}

fn client(api: Api) -> &'static str {
    match api {
        Api::ChatCompletions => "chat completions",
        Api::Responses => "responses",
        Api::Messages => "Messages",
        _ => "Gemini",
    }
}

/// A whole answer of `sent` that ended by this word.
fn answer(sent: Api, word: &str) -> Value {
    let calls = word.contains("tool");
    match sent {
        Api::ChatCompletions => {
            let mut message = json!({"role": "assistant", "content": "hi"});
            if calls {
                message["tool_calls"] =
                    json!([{"id": "c", "function": {"name": "f", "arguments": "{}"}}]);
            }
            json!({"id": "c", "created": 9, "model": "m", "choices": [{"index": 0, "message": message,
                "finish_reason": word}], "usage": {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130,
                "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 10}}})
        }
        Api::Messages => {
            let mut content = vec![json!({"type": "text", "text": "hi"})];
            if calls {
                content.push(json!({"type": "tool_use", "id": "c", "name": "f", "input": {}}));
            }
            json!({"id": "c", "model": "m", "content": content, "stop_reason": word,
                "stop_sequence": (word == "stop_sequence").then_some("END")})
        }
        _ => {
            let (word, _) = word.split_once(' ').unwrap_or((word, ""));
            let mut parts = vec![json!({"text": "hi"})];
            if calls {
                parts.push(json!({"functionCall": {"name": "f", "args": {}}}));
            }
            json!({"responseId": "c", "modelVersion": "m",
                "candidates": [{"content": {"parts": parts}, "finishReason": word}]})
        }
    }
}

fn told(asked: Api, sent: Api, body: &Value) -> Value {
    let body = body.to_string();
    serde_json::from_slice(&answered(sent, asked, body.as_bytes())).unwrap()
}

fn stops(page: &mut String) {
    page.push_str("\n## Why an answer ended\n\n");
    let clients = CLIENTS.map(|api| format!("to {}", client(api)));
    let head: Vec<_> = ["a provider says".to_owned()]
        .into_iter()
        .chain(clients)
        .collect();
    title(page, &head);
    let words: [(Api, &[&str]); 3] = [
        (
            Api::ChatCompletions,
            &["stop", "length", "tool_calls", "content_filter"],
        ),
        (
            Api::Messages,
            &[
                "end_turn",
                "max_tokens",
                "model_context_window_exceeded",
                "pause_turn",
                "stop_sequence",
                "tool_use",
                "refusal",
            ],
        ),
        (
            Api::GenerateContent,
            &[
                "STOP",
                "STOP with a call of a tool",
                "MAX_TOKENS",
                "SAFETY",
                "RECITATION",
                "MALFORMED_FUNCTION_CALL",
            ],
        ),
    ];
    for (sent, words) in words {
        for word in words {
            let cells = CLIENTS.map(|asked| {
                let body = told(asked, sent, &answer(sent, word));
                let text = |value: &Value| value.as_str().map(code).unwrap_or_default();
                match asked {
                    Api::ChatCompletions => text(&body["choices"][0]["finish_reason"]),
                    Api::Responses => {
                        let why = text(&body["incomplete_details"]["reason"]);
                        format!("{} {why}", text(&body["status"])).trim().to_owned()
                    }
                    Api::Messages => text(&body["stop_reason"]),
                    _ => text(&body["candidates"][0]["finishReason"]),
                }
            });
            let word = match word.split_once(" with") {
                Some((word, _)) => format!("{} with a call", code(word)),
                None => code(word),
            };
            row(
                page,
                [format!("{}: {word}", client(sent))]
                    .into_iter()
                    .chain(cells),
            );
        }
    }
}

fn usage(page: &mut String) {
    page.push_str(
        "\n## Usage\n\n\
        The same bill in each dialect: 100 tokens in, 40 of them cached; 30 out, 10 of them thought.\n\n",
    );
    title(page, &["client".to_owned(), "usage".to_owned()]);
    let body = answer(Api::ChatCompletions, "stop");
    for asked in CLIENTS {
        let body = told(asked, Api::ChatCompletions, &body);
        let usage = match asked {
            Api::GenerateContent => &body["usageMetadata"],
            _ => &body["usage"],
        };
        row(page, [client(asked).to_owned(), code(&usage.to_string())]);
    }
}

/// Writes the page anew where it is not what the code does, and fails all the
/// same: the difference is for somebody to look at.
#[test]
fn the_page_is_what_the_code_does() {
    let page = page();
    if PAGE != page {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dialect/MAPPING.md");
        std::fs::write(path, page).unwrap();
        panic!("src/dialect/MAPPING.md was out of date and is written anew: see `git diff`");
    }
}

/// What the lists of the writers say is what the table shows.
#[test]
fn the_writers_lists_are_the_tables() {
    for (api, cannot) in [
        (Api::ChatCompletions, chat::write::CANNOT),
        (Api::Messages, anthropic::write::CANNOT),
        (Api::GenerateContent, gemini::write::CANNOT),
    ] {
        for (_, variant, model) in MODELS.iter().filter(|(of, _, _)| *of == api) {
            let never = |feature| {
                let of_it = samples()
                    .into_iter()
                    .filter(move |it| it.feature == feature);
                of_it.into_iter().all(|sample| {
                    let mut lost = Lost::default();
                    match api.dialect() {
                        Dialect::OpenAi => {
                            chat::write::request(&sample.asked, model, *variant, &mut lost)
                        }
                        _ => write_request(api, &sample.asked, model, &mut lost),
                    };
                    // Cool enough for everybody.
                    names(&lost).contains(feature.label()) || sample.what == "a temperature of 0.5"
                })
            };
            for feature in cannot {
                assert!(never(*feature), "{model} can say {feature:?}");
            }
        }
    }
}
