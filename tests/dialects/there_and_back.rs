//! A conversation that another dialect's provider has had a part in goes on at home.

use breakerbox::simulator::{Dialect, Running, Script, Simulator};
use serde_json::{Value, json};

use super::{Asks, PROVIDERS, Says};
use crate::support::client::{Answer, post};
use crate::support::gateway::House;
use crate::support::ports::ANY;

impl Asks {
    /// Who speaks the client's dialect.
    fn home(self) -> Says {
        match self {
            Self::Chat | Self::Responses => Says::OpenAi,
            Self::Messages => Says::Anthropic,
            Self::Content => Says::Gemini,
        }
    }
}

/// The tool at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    Function,
    /// A custom one, which OpenAI's clients only have.
    Custom,
    /// Beside a function, one of the same name within a namespace, which clients of responses only have.
    Namespaced,
}

/// A conversation as a client keeps it: what it was told is given back as it was.
struct Talk {
    asks: Asks,
    tool: Tool,
    /// Thoughts are referred to, as SDKs do that leave `store` alone.
    refers: bool,
    turns: Vec<Value>,
    /// Calls of the last answer, and their names.
    calls: Vec<(Value, Value)>,
}

impl Talk {
    fn says(&mut self, text: &str) {
        self.turns.push(match self.asks {
            Asks::Content => json!({"role": "user", "parts": [{"text": text}]}),
            _ => json!({"role": "user", "content": text}),
        });
    }

    /// Asks the provider of `says` to think about all that was said, with a tool at hand.
    async fn asks(&mut self, house: &House, says: Says) -> Answer {
        let model = says.provider();
        let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
        let turns = &self.turns;
        let mut body = match self.asks {
            Asks::Chat => json!({"model": model, "messages": turns, "reasoning_effort": "high",
                "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}),
            Asks::Responses => json!({"model": model, "input": turns, "store": false,
                "reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
                "tools": [{"type": "function", "name": "f", "parameters": schema, "strict": false}]}),
            Asks::Messages => json!({"model": model, "messages": turns, "max_tokens": 4096,
                "thinking": {"type": "enabled", "budget_tokens": 2048},
                "tools": [{"name": "f", "input_schema": schema}]}),
            Asks::Content => json!({"contents": turns,
                "generationConfig": {"thinkingConfig": {"includeThoughts": true}},
                "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]}),
        };
        match (self.tool, self.asks) {
            (Tool::Function, _) => {}
            (Tool::Custom, Asks::Chat) => {
                body["tools"] = json!([{"type": "custom", "custom": {"name": "f"}}])
            }
            (Tool::Custom, _) => body["tools"] = json!([{"type": "custom", "name": "f"}]),
            (Tool::Namespaced, _) => {
                let function = body["tools"][0].take();
                let space = json!({"type": "namespace", "name": "mcp__s__", "description": "S.", "tools": [function]});
                // They call the first, and the one at home knows functions only.
                body["tools"] = match says == self.asks.home() {
                    true => json!([function, space]),
                    false => json!([space, function]),
                };
            }
        }
        let path = self.asks.path(false).replace("/m:", &format!("/{model}:"));
        let answer = post(house.addr(), &path, &body).await;
        assert_eq!(answer.status(), 200, "{says:?}: {}\n{body}", answer.text());
        let told = answer.json();
        if self.tool == Tool::Namespaced {
            let output = told["output"].as_array().expect("items");
            for call in output.iter().filter(|it| it["type"] == "function_call") {
                let space = if says == self.asks.home() {
                    Value::Null
                } else {
                    json!("mcp__s__")
                };
                assert_eq!([&call["namespace"], &call["name"]], [&space, &json!("f")]);
            }
        }
        self.is_told(&told);
        answer
    }

    fn is_told(&mut self, answer: &Value) {
        if self.tool == Tool::Custom {
            assert!(!answer.to_string().contains("\"arguments\""), "{answer}");
        }
        let calls = |list: &Value, id: &str, name: &str| {
            let list = list.as_array().into_iter().flatten();
            let called = list.filter(|it| !it.pointer(name).unwrap_or(&Value::Null).is_null());
            let called = called.map(|it| (it[id].clone(), it.pointer(name).unwrap().clone()));
            called.collect::<Vec<_>>()
        };
        match self.asks {
            Asks::Chat => {
                let message = &answer["choices"][0]["message"];
                let name = match self.tool {
                    Tool::Custom => "/custom/name",
                    _ => "/function/name",
                };
                self.calls = calls(&message["tool_calls"], "id", name);
                self.turns.push(message.clone());
            }
            Asks::Responses => {
                self.calls = calls(&answer["output"], "call_id", "/name");
                let items = answer["output"].as_array().expect("items");
                let items = items.iter().cloned();
                let refers = self.refers;
                self.turns.extend(items.map(|item| match &item["type"] {
                    kind if refers && kind == "reasoning" => {
                        json!({"type": "item_reference", "id": item["id"]})
                    }
                    _ => item,
                }));
            }
            Asks::Messages => {
                self.calls = calls(&answer["content"], "id", "/name");
                self.turns
                    .push(json!({"role": "assistant", "content": answer["content"]}));
            }
            Asks::Content => {
                let content = &answer["candidates"][0]["content"];
                self.calls = calls(&content["parts"], "id", "/functionCall/name");
                self.turns.push(content.clone());
            }
        }
    }

    /// Tells what the tools returned that the last answer called.
    fn returns(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        assert!(!calls.is_empty(), "no calls: {:?}", self.turns);
        let results = calls.into_iter().map(|(id, name)| match self.asks {
            Asks::Chat => json!({"role": "tool", "tool_call_id": id, "content": "done"}),
            Asks::Responses if self.tool == Tool::Custom => {
                json!({"type": "custom_tool_call_output", "call_id": id, "output": "done"})
            }
            Asks::Responses => {
                json!({"type": "function_call_output", "call_id": id, "output": "done"})
            }
            Asks::Messages => json!({"type": "tool_result", "tool_use_id": id, "content": "done"}),
            Asks::Content => {
                json!({"functionResponse": {"name": name, "response": {"output": "done"}}})
            }
        });
        match self.asks {
            Asks::Chat | Asks::Responses => self.turns.extend(results),
            Asks::Messages => {
                let results: Vec<_> = results.collect();
                self.turns.push(json!({"role": "user", "content": results}));
            }
            Asks::Content => {
                let results: Vec<_> = results.collect();
                self.turns.push(json!({"role": "user", "parts": results}));
            }
        }
    }
}

/// Providers as exact as their models of today, each with a model called as its provider.
fn providers() -> (Vec<Running>, House) {
    let mut endpoints = "endpoints:\n".to_owned();
    let mut running = Vec::new();
    for says in PROVIDERS {
        let (dialect, provider, upstream) = match says {
            Says::OpenAi => (Dialect::Openai, "openai", "gpt-5.2"),
            Says::Anthropic => (Dialect::Anthropic, "anthropic", "claude-opus-4-5"),
            Says::Gemini => (Dialect::Gemini, "gemini", "gemini-3-pro-preview"),
        };
        let script = Script {
            dialect,
            strict: true,
            ..Script::default()
        };
        let provider_of = Simulator::start(script, ANY).expect("a provider");
        endpoints += &format!(
            "  - {{ name: back-{provider}, provider: {provider}, base_url: \"{}\", api_key: k, probe: {{ kind: none }}, \
             models: [{{ name: {}, upstream: {upstream} }}] }}\n",
            provider_of.base_url(),
            says.provider(),
        );
        running.push(provider_of);
    }
    (running, House::start(&endpoints))
}

/// Has `asks` talk with its own provider, another one, and its own again; and returns, of each other one,
/// what the way home has cost.
async fn there_and_back(asks: Asks, tool: Tool, refers: bool) -> Vec<(Says, Option<String>)> {
    let (_running, house) = providers();
    let mut costs = Vec::new();
    for away in PROVIDERS.into_iter().filter(|says| *says != asks.home()) {
        let mut talk = Talk {
            asks,
            tool,
            refers,
            turns: Vec::new(),
            calls: Vec::new(),
        };
        let home = asks.home();
        talk.says("hello");
        talk.asks(&house, home).await;
        talk.returns();
        talk.asks(&house, away).await;
        talk.says("and now?");
        talk.asks(&house, away).await;
        talk.returns();
        let answer = talk.asks(&house, home).await;
        let warnings = answer.head.header("x-breakerbox-warnings");
        costs.push((away, warnings.map(str::to_owned)));
        talk.says("and at last?");
        talk.asks(&house, home).await;
        talk.returns();
        talk.asks(&house, home).await;
    }
    costs
}

fn lost(what: &str) -> Option<String> {
    Some(format!("not carried over: {what}"))
}

#[tokio::test]
async fn chat_finds_home() {
    let costs = [
        (Says::Anthropic, lost("thought")),
        (Says::Gemini, lost("thought")),
    ];
    assert_eq!(
        there_and_back(Asks::Chat, Tool::Function, false).await,
        costs
    );
    assert_eq!(there_and_back(Asks::Chat, Tool::Custom, false).await, costs);
}

#[tokio::test]
async fn responses_find_home() {
    let costs = [
        (Says::Anthropic, lost("thought")),
        (Says::Gemini, lost("thought")),
    ];
    assert_eq!(
        there_and_back(Asks::Responses, Tool::Function, false).await,
        costs
    );
    assert_eq!(
        there_and_back(Asks::Responses, Tool::Custom, false).await,
        costs
    );
    let namespaced = there_and_back(Asks::Responses, Tool::Namespaced, false);
    assert_eq!(namespaced.await, costs);
    let referring = there_and_back(Asks::Responses, Tool::Function, true);
    assert_eq!(referring.await, costs);
}

#[tokio::test]
async fn messages_find_home() {
    let costs = [
        (Says::OpenAi, lost("reasoning")),
        (Says::Gemini, lost("reasoning, thought")),
    ];
    assert_eq!(
        there_and_back(Asks::Messages, Tool::Function, false).await,
        costs
    );
}

#[tokio::test]
async fn geminis_contents_find_home() {
    let costs = [(Says::OpenAi, None), (Says::Anthropic, lost("thought"))];
    assert_eq!(
        there_and_back(Asks::Content, Tool::Function, false).await,
        costs
    );
}
