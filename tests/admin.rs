//! The admin address: what it shows, what it lets an operator do, and whom it lets.

use serde_json::Value;

use crate::support::client::{self, Answer};
use crate::support::gateway::House;

mod socket;
mod status;
mod token;

/// One request to the admin address.
async fn call(
    house: &House,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    client::call(house.admin(), method, path, headers, body).await
}

/// What a path shows.
async fn shown(house: &House, path: &str) -> Value {
    let answer = call(house, "GET", path, &[], "").await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.json()
}

/// What an action answers.
async fn done(house: &House, path: &str, body: &str) -> Value {
    let headers = [("content-type", "application/json")];
    let answer = call(house, "POST", path, &headers, body).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.json()
}
