use actix_web::body::MessageBody;
use serde_json::Value;

use super::*;
use crate::{
    config::Period,
    dialect::{Api, Dialect, ResponseHead},
};

fn reasons() -> Reasons {
    vec![("eu".into(), "circuit open"), ("us".into(), "draining")]
}

fn reported(blame: Blame) -> GatewayError {
    GatewayError::Reported(Reported {
        blame,
        message: "m".into(),
    })
}

fn usd(dollars: f64) -> Cost {
    Cost::of(dollars).unwrap()
}

/// Every error with its status, code, `retry-after`, and whether to retry.
fn table() -> Vec<(GatewayError, u16, &'static str, Option<u64>, bool)> {
    use GatewayError as E;
    let model = || "gpt-4.1".to_owned();
    let bad = BadRequest {
        param: Some("stream".into()),
        message: "`stream` must be true or false.".into(),
    };
    let limited = |retry_after| E::RateLimited {
        model: model(),
        retry_after,
        reasons: reasons(),
    };
    let out = |retry_after| E::NoEndpoint {
        model: model(),
        retry_after,
        reasons: reasons(),
    };
    let overloaded = |retry_after| E::UpstreamOverloaded {
        retry_after,
        attempts: reasons(),
    };
    let ms = Duration::from_millis;
    let client = |retry_after| E::ClientLimited {
        limit: 600,
        of: "requests a minute",
        retry_after,
    };
    let a_day = Budget {
        most: usd(100.0),
        per: Period::Day,
    };
    let held = E::BudgetHeld {
        budget: a_day,
        spent: usd(99.9),
        estimate: usd(0.02),
    };
    let budget = |retry_after| E::OverBudget {
        budget: a_day,
        spent: usd(99.99),
        estimate: usd(0.02),
        retry_after,
        until: Some(1_709_251_200),
    };
    vec![
        (E::InvalidApiKey, 401, "invalid_api_key", None, false),
        (
            E::TooManyGuesses {
                retry_after: Duration::from_millis(100),
            },
            429,
            "too_many_guesses",
            Some(1),
            false,
        ),
        (
            E::ModelNotAllowed { model: model() },
            403,
            "model_not_allowed",
            None,
            false,
        ),
        (
            E::ModelNotFound {
                model: model(),
                near: vec![],
            },
            404,
            "model_not_found",
            None,
            false,
        ),
        (
            E::NoRoute {
                task: "code".into(),
                priority: "high",
            },
            404,
            "model_not_found",
            None,
            false,
        ),
        (client(ms(100)), 429, "rate_limit_exceeded", Some(1), true),
        (
            client(ms(60_000)),
            429,
            "rate_limit_exceeded",
            Some(60),
            true,
        ),
        (
            client(ms(86_400_000)),
            429,
            "rate_limit_exceeded",
            Some(60),
            false,
        ),
        (held, 429, "rate_limit_exceeded", Some(1), true),
        (
            budget(ms(30_000)),
            429,
            "insufficient_quota",
            Some(30),
            true,
        ),
        (
            budget(ms(3_600_000)),
            429,
            "insufficient_quota",
            Some(60),
            false,
        ),
        (
            E::CostLimit {
                estimate: usd(0.5),
                cap: usd(0.25),
                spent: usd(0.1),
            },
            402,
            "cost_limit_exceeded",
            None,
            false,
        ),
        (E::BadRequest(bad), 400, "invalid_request", None, false),
        (
            E::BodyTooLarge { limit: 1 << 25 },
            413,
            "body_too_large",
            None,
            false,
        ),
        (E::EncodedBody, 415, "unsupported_encoding", None, false),
        (E::BodyTimeout, 408, "request_timeout", Some(1), true),
        (E::UnknownPath, 404, "unknown_path", None, false),
        (
            E::MethodNotAllowed { allow: "POST" },
            405,
            "method_not_allowed",
            None,
            false,
        ),
        (limited(ms(0)), 429, "upstream_rate_limited", Some(1), true),
        (
            limited(ms(20_001)),
            429,
            "upstream_rate_limited",
            Some(21),
            true,
        ),
        (
            limited(ms(60_000)),
            429,
            "upstream_rate_limited",
            Some(60),
            true,
        ),
        (
            limited(ms(60_001)),
            429,
            "upstream_rate_limited",
            Some(60),
            false,
        ),
        (
            limited(Duration::MAX),
            429,
            "upstream_rate_limited",
            Some(60),
            false,
        ),
        (out(ms(999)), 503, "no_endpoint_available", Some(1), true),
        (
            out(Duration::MAX),
            503,
            "no_endpoint_available",
            Some(60),
            true,
        ),
        (
            E::Overloaded {
                retry_after: ms(1_500),
            },
            503,
            "overloaded",
            Some(2),
            true,
        ),
        (
            E::UpstreamError {
                attempts: reasons(),
            },
            502,
            "upstream_error",
            None,
            false,
        ),
        (overloaded(ms(4_100)), 502, "upstream_error", Some(5), true),
        (
            overloaded(ms(300_000)),
            502,
            "upstream_error",
            Some(60),
            false,
        ),
        (
            E::UpstreamTimeout {
                attempts: reasons(),
            },
            504,
            "upstream_timeout",
            None,
            false,
        ),
        (
            E::UpstreamAuth {
                attempts: reasons(),
            },
            502,
            "upstream_auth_error",
            None,
            false,
        ),
        (
            reported(Blame::Client),
            400,
            "upstream_rejected",
            None,
            false,
        ),
        (
            reported(Blame::RateLimit),
            429,
            "upstream_rate_limited",
            None,
            false,
        ),
        (
            reported(Blame::Key),
            502,
            "upstream_auth_error",
            None,
            false,
        ),
        (
            reported(Blame::Overload),
            502,
            "upstream_error",
            None,
            false,
        ),
        (reported(Blame::Server), 502, "upstream_error", None, false),
        (
            E::StreamBroken(StreamEnd::Truncated),
            502,
            "upstream_error",
            None,
            false,
        ),
        (
            E::StreamBroken(StreamEnd::IdleTimeout),
            504,
            "upstream_timeout",
            None,
            false,
        ),
        (
            E::StreamBroken(StreamEnd::Stopped),
            503,
            "shutting_down",
            None,
            false,
        ),
        (E::Internal, 500, "internal_error", None, false),
    ]
}

#[test]
fn every_error_on_the_wire() {
    for (error, status, code, retry_after, should_retry) in table() {
        let response = error.error_response();
        assert_eq!(response.status().as_u16(), status, "{error:?}");
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            header("retry-after"),
            retry_after.map(|seconds| seconds.to_string())
        );
        assert_eq!(
            header("x-should-retry"),
            (!should_retry).then(|| "false".to_owned())
        );
        assert_eq!(header("content-type").unwrap(), "application/json");
        assert_eq!(error.label(), code);

        let body = response.into_body().try_into_bytes().unwrap();
        assert!(body.ends_with(b"}\n"), "a line of text");
        let body: Value = serde_json::from_slice(&body).unwrap();
        let detail = body["error"].as_object().unwrap();
        let names: Vec<&String> = detail.keys().collect();
        assert_eq!(names, ["code", "message", "param", "type"]);
        assert_eq!(detail["code"], code);
        assert_eq!(detail["message"].as_str().unwrap(), error.to_string());
        assert!(detail["type"].as_str().unwrap().ends_with("_error"));
        assert_eq!(detail["param"].as_str(), error.param());
    }
}

#[test]
fn refusals_about_money_name_the_amounts() {
    let told = |code: &str| {
        let errors = table().into_iter().map(|(error, ..)| error);
        let of_code = errors.filter(|it| it.label() == code);
        of_code.map(|it| it.to_string()).collect::<Vec<_>>()
    };
    let quota = told("insufficient_quota");
    let sum = "This API key's budget of $100 per day does not reach: $99.99 are spent, and the request may cost $0.02.";
    let anew = "It starts anew at 2024-03-01T00:00:00Z.";
    assert_eq!(quota[0], format!("{sum} {anew}"));
    assert_eq!(
        told("cost_limit_exceeded"),
        [
            "This request may cost $0.5, which is above its limit of $0.25; earlier attempts have cost $0.1 of it."
        ]
    );
    let limited = told("rate_limit_exceeded");
    assert_eq!(
        limited[0],
        "This API key's limit of 600 requests a minute is reached."
    );
    let held = "Requests under way hold what is left of this API key's budget of $100 per day: $99.9 are spent, and the request may cost $0.02. Try again when one has ended.";
    assert!(limited.iter().any(|it| it == held), "{limited:?}");
}

#[test]
fn a_refusal_gives_the_reason_of_each_endpoint() {
    let mut error = GatewayError::NoEndpoint {
        model: "gpt-4.1".into(),
        retry_after: Duration::ZERO,
        reasons: reasons(),
    };
    assert_eq!(
        error.to_string(),
        "No endpoint of `gpt-4.1` is available: eu (circuit open), us (draining)."
    );
    if let GatewayError::NoEndpoint { reasons, .. } = &mut error {
        reasons.extend((0..50).map(|at| (Arc::from(format!("e{at}")), "rate limited")));
    }
    let text = error.to_string();
    assert!(text.ends_with("e7 (rate limited) and 42 more."), "{text}");
    let none = GatewayError::UpstreamError { attempts: vec![] };
    assert_eq!(none.to_string(), "The upstream failed.");
}

#[test]
fn a_name_that_a_client_made_up_is_cut_and_cannot_break_the_body() {
    let error = GatewayError::ModelNotFound {
        model: "\"}\n\u{0}é".repeat(10_000),
        near: vec![],
    };
    let body = error.body(Dialect::OpenAi, "");
    assert!(body.len() < 1_000);
    serde_json::from_slice::<Value>(&body).unwrap();
}

#[test]
fn names_that_are_near() {
    let known = [
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4o",
        "claude-sonnet-4",
        "deepseek-chat",
    ];
    assert_eq!(near_names("gpt-4.1mini", known)[0], "gpt-4.1-mini");
    assert_eq!(near_names("GPT-4.1", known)[0], "gpt-4.1");
    assert_eq!(near_names("deepseek_chat", known), ["deepseek-chat"]);
    assert_eq!(near_names("llama", known), [""; 0]);
    assert_eq!(near_names(&"gpt-4.1".repeat(100), known), [""; 0]);
    assert!(near_names("gpt-4", known).len() <= 3);
    let error = GatewayError::ModelNotFound {
        model: "gpt4.1".into(),
        near: near_names("gpt4.1", ["gpt-4.1", "x"]),
    };
    assert_eq!(
        error.to_string(),
        "There is no model `gpt4.1` here. Did you mean `gpt-4.1`?"
    );
    assert_eq!(error.param(), Some("model"));
}

#[test]
fn errors_within_a_stream() {
    let error = GatewayError::StreamBroken(StreamEnd::IdleTimeout);
    for api in [Api::ChatCompletions, Api::Completions] {
        let event = error.event(api, None, 0);
        let body = [b"data: ", &error.body(Dialect::OpenAi, "")[..], b"\n"].concat();
        assert_eq!(event, body);
    }
    let head = ResponseHead {
        id: "resp_1".into(),
        created_at: 9,
        model: "m".into(),
    };
    let event = error.event(Api::Responses, Some(&head), 7);
    let text = str::from_utf8(&event).unwrap();
    let json = text.strip_prefix("event: response.failed\ndata: ").unwrap();
    let json: Value = serde_json::from_str(json.strip_suffix("\n\n").unwrap()).unwrap();
    assert_eq!(json["sequence_number"], 7);
    assert_eq!(json["response"]["id"], "resp_1");
    assert_eq!(json["response"]["error"]["code"], "upstream_timeout");
    assert_eq!(json["response"]["output"], serde_json::json!([]));
    assert_eq!(
        error
            .event(Api::Responses, None, 0)
            .iter()
            .filter(|b| **b == b'\n')
            .count(),
        3
    );
}
