//! Reads one scalar as its schema asks.

use serde_json::Value;

use super::{
    super::{
        problem::{Problem, near},
        units,
    },
    kind,
};

/// Reads `text` as `schema` wants it. The problem never quotes the text.
pub(super) fn read(text: &str, schema: &Value) -> Result<Value, Problem> {
    let wrong = |what: &str| Problem::new("wrong_value", what).expect(&describe(schema));
    match kind(schema) {
        "integer" => {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let value: u64 = match text.parse() {
                Ok(value) if digits => value,
                Err(_) if digits => return Err(wrong("this number is out of range")),
                _ => return Err(wrong("this is not a whole number")),
            };
            let low = schema["minimum"].as_u64().is_some_and(|low| value < low);
            let high = schema["maximum"].as_u64().is_some_and(|high| value > high);
            if low || high {
                return Err(wrong("this number is out of range"));
            }
            Ok(value.into())
        }
        "number" => {
            let value: f64 = match text.parse() {
                Ok(value) if plain_number(text) => value,
                _ => return Err(wrong("this is not a number")),
            };
            let low = schema["minimum"].as_f64().is_some_and(|low| value < low);
            let at = schema["exclusiveMinimum"]
                .as_f64()
                .is_some_and(|low| value <= low);
            let high = schema["maximum"].as_f64().is_some_and(|high| value > high);
            if low || at || high || !value.is_finite() {
                return Err(wrong("this number is out of range"));
            }
            Ok(value.into())
        }
        _ => {
            let words = words(schema);
            if !words.is_empty() {
                return match words.contains(&text) {
                    true => Ok(text.into()),
                    false => Err(wrong("this word has no meaning here").suggest(near(text, words))),
                };
            }
            match schema["format"].as_str() {
                Some("breakerbox-duration") => within(
                    schema,
                    units::duration(text),
                    units::duration,
                    "this is not a duration",
                )?,
                Some("breakerbox-size") => {
                    within(schema, units::size(text), units::size, "this is not a size")?;
                }
                _ => {}
            }
            Ok(text.into())
        }
    }
}

/// Digits with an optional sign, point and exponent: neither `inf` nor `nan`.
fn plain_number(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
}

fn within<T: PartialOrd>(
    schema: &Value,
    value: Result<T, String>,
    parse: impl Fn(&str) -> Result<T, String>,
    wrong: &str,
) -> Result<(), Problem> {
    let expected = describe(schema);
    let value = value.map_err(|help| {
        Problem::new("wrong_value", wrong)
            .expect(&expected)
            .help(&help)
    })?;
    let bound = |key: &str| schema[key].as_str().and_then(|text| parse(text).ok());
    let low = bound("formatMinimum").is_some_and(|low| value < low);
    let high = bound("formatMaximum").is_some_and(|high| value > high);
    if low || high {
        return Err(Problem::new("wrong_value", "this is out of range").expect(&expected));
    }
    Ok(())
}

/// Returns the words `schema` allows; none: any text.
fn words(schema: &Value) -> Vec<&str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    let described = schema["oneOf"].as_array().into_iter().flatten();
    let described = described.flat_map(|choice| {
        let listed = choice["enum"].as_array().into_iter().flatten();
        choice.get("const").into_iter().chain(listed)
    });
    listed.chain(described).filter_map(Value::as_str).collect()
}

/// Returns in a few words what `schema` accepts.
pub(super) fn describe(schema: &Value) -> String {
    let words = words(schema);
    if !words.is_empty() {
        return format!("one of {}", words.join(", "));
    }
    let range = range(schema);
    match (kind(schema), schema["format"].as_str()) {
        ("integer", _) => format!("a whole number{range}"),
        ("number", _) => format!("a number{range}"),
        (_, Some("breakerbox-duration")) => format!("{}{range}", units::DURATION),
        (_, Some("breakerbox-size")) => format!("{}{range}", units::SIZE),
        (_, Some("breakerbox-address")) => {
            "an address and a port, such as 127.0.0.1:8080".to_owned()
        }
        (_, Some("breakerbox-url")) => "a URL such as https://api.openai.com/v1".to_owned(),
        _ => "text".to_owned(),
    }
}

fn range(schema: &Value) -> String {
    let show = |value: &Value| match (value.as_str(), value.as_f64()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => value.to_string(),
    };
    let bound = |keys: [&str; 2]| keys.iter().find_map(|key| schema.get(*key).map(show));
    let low = bound(["minimum", "formatMinimum"]);
    let above = schema.get("exclusiveMinimum").map(show);
    match (low, above, bound(["maximum", "formatMaximum"])) {
        (Some(low), _, Some(high)) => format!(", {low} to {high}"),
        (Some(low), _, None) => format!(", {low} or more"),
        (None, Some(above), Some(high)) => format!(", above {above}, up to {high}"),
        (None, Some(above), None) => format!(", above {above}"),
        (None, None, Some(high)) => format!(", up to {high}"),
        (None, None, None) => String::new(),
    }
}
