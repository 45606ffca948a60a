//! How likely each token was, told to every client that can be by every provider that says it.

use serde_json::{Value, json};

use super::alike::simulated;
use super::{Asks, Says, house, stream_of};
use crate::support::client::post;
use crate::support::gateway::House;

/// Those who can ask for it.
const CLIENTS: [Asks; 3] = [Asks::Chat, Asks::Responses, Asks::Content];

fn body(asks: Asks, streams: bool) -> Value {
    let mut body = asks.body(streams);
    let more = match asks {
        Asks::Chat => json!({"logprobs": true, "top_logprobs": 2}),
        Asks::Responses => {
            json!({"include": ["message.output_text.logprobs"], "top_logprobs": 2})
        }
        Asks::Content => json!({"generationConfig": {"responseLogprobs": true, "logprobs": 2}}),
        Asks::Messages => json!({}),
    };
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

/// The tokens of an answer or of one event, and how many might have stood in the place of each.
fn tokens(asks: Asks, of: &Value) -> Vec<(String, usize)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value["token"].as_str().expect("a token").to_owned();
    let (tokens, tops): (Vec<Value>, Vec<usize>) = match asks {
        Asks::Content => {
            let told = &of["candidates"][0]["logprobsResult"];
            let tops = list(&told["topCandidates"]);
            let tops = tops.iter().map(|top| list(&top["candidates"]).len());
            (list(&told["chosenCandidates"]), tops.collect())
        }
        _ => {
            let told = match asks {
                Asks::Chat => list(&of["choices"][0]["logprobs"]["content"]),
                _ if of["type"] == "response.output_text.delta" => list(&of["logprobs"]),
                _ => list(&of["output"][0]["content"][0]["logprobs"]),
            };
            let tops = told.iter().map(|it| list(&it["top_logprobs"]).len());
            let tops = tops.collect();
            (told, tops)
        }
    };
    assert_eq!(tokens.len(), tops.len());
    tokens.iter().map(text).zip(tops).collect()
}

fn check(tokens: &[(String, usize)], text: &str, what: &str) {
    let said: String = tokens.iter().map(|(token, _)| token.as_str()).collect();
    assert!(!text.is_empty());
    assert_eq!(said, text, "{what}");
    assert!(tokens.iter().all(|(_, others)| *others == 2), "{what}");
}

#[tokio::test]
async fn each_token_is_told_of_with_its_text() {
    for says in [Says::OpenAi, Says::Gemini] {
        let (_provider, line) = simulated(says, "sim", "m");
        let house = House::start(&format!("endpoints:\n{line}"));
        for asks in CLIENTS {
            let what = format!("{asks:?} {says:?}");
            let answer = post(house.addr(), asks.path(false), &body(asks, false)).await;
            assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
            assert_eq!(answer.head.header("x-breakerbox-warnings"), None, "{what}");
            let (text, _, _) = asks.told(&answer);
            check(&tokens(asks, &answer.json()), &text, &what);

            let (_, events) = stream_of(&house, asks, &body(asks, true)).await;
            let data = events.iter().map(|it| serde_json::from_str(&it.data));
            let data: Vec<Value> = data.map(Result::unwrap_or_default).collect();
            let told: Vec<_> = data.iter().flat_map(|it| tokens(asks, it)).collect();
            // The last event of responses is about the whole answer again.
            check(&told, &asks.streamed(&events), &what);
        }
    }
}

#[tokio::test]
async fn who_cannot_say_it_is_named() {
    let evil = Says::Anthropic.answers("hi");
    let house = house(Says::Anthropic, "silent", &evil);
    for asks in CLIENTS {
        let answer = post(house.addr(), asks.path(false), &body(asks, false)).await;
        let warnings = answer.head.header("x-breakerbox-warnings");
        assert_eq!(warnings, Some("not carried over: logprobs"), "{asks:?}");
    }
}
