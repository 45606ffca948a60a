//! The list of models, as each client knows it.

use serde_json::Value;

use super::{Says, house};
use crate::support::client::{Answer, Client};
use crate::support::gateway::House;

async fn get(house: &House, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut client = Client::connect(house.addr()).await;
    client.request("GET", path, headers, b"").await;
    client.answer().await
}

const CLAUDE: [(&str, &str); 1] = [("anthropic-version", "2023-06-01")];

#[tokio::test]
async fn each_client_gets_the_list_it_knows() {
    let evil = Says::Gemini.answers("hello");
    let house = house(Says::Gemini, "listed", &evil);
    let list = async |path: &str, headers: &[(&str, &str)]| -> Value {
        let answer = get(&house, path, headers).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()
    };
    let openai = list("/v1/models", &[]).await;
    assert_eq!(
        (&openai["object"], &openai["data"][0]["object"]),
        (&"list".into(), &"model".into())
    );
    assert_eq!(openai["data"][0]["id"], "m");
    let claude = list("/v1/models?limit=20", &CLAUDE).await;
    assert_eq!(
        (&claude["has_more"], &claude["last_id"]),
        (&false.into(), &"m".into())
    );
    assert_eq!(claude["data"][0]["type"], "model");
    let gemini = list("/v1beta/models?pageSize=5", &[]).await;
    assert_eq!(gemini["models"][0]["name"], "models/m");

    assert_eq!(list("/v1/models/m", &[]).await, openai["data"][0]);
    assert_eq!(list("/v1/models/m", &CLAUDE).await, claude["data"][0]);
    assert_eq!(list("/v1beta/models/m", &[]).await, gemini["models"][0]);
    for entry in [&openai["data"][0], &claude["data"][0], &gemini["models"][0]] {
        assert_eq!(entry["available"], true);
    }

    let unknown = get(&house, "/v1/models/x", &CLAUDE).await;
    assert_eq!(
        (unknown.status(), &unknown.json()["error"]["type"]),
        (404, &"not_found_error".into())
    );
    let unknown = get(&house, "/v1beta/models/x", &[]).await;
    assert_eq!(
        (unknown.status(), &unknown.json()["error"]["status"]),
        (404, &"NOT_FOUND".into())
    );
}
