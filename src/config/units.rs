//! Durations and sizes as people write them.

use std::time::Duration;

/// What a duration looks like, for messages.
pub(super) const DURATION: &str = "a duration such as 250ms, 10s, 5m or 24h";
/// What a size looks like, for messages.
pub(super) const SIZE: &str = "a size such as 512KiB or 32MiB";

/// Longest duration accepted: what is added to a clock must not overflow it.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// The same as people write it.
pub(super) const LONGEST_WRITTEN: &str = "366d";

const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Returns the duration `text` stands for: a number and one of `ms s m h d`,
/// exact to a millisecond, up to 366 days; or how to mend it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let millis = scaled(text, &DURATIONS, "s")?;
    let value = Duration::from_millis(millis);
    if value > LONGEST {
        return Err(format!("the longest is {LONGEST_WRITTEN}"));
    }
    Ok(value)
}

/// Returns the bytes `text` stands for: a number and one of `B KB MB GB KiB
/// MiB GiB`; or how to mend it.
pub(super) fn size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES, "MiB")
}

fn scaled(text: &str, units: &[(&str, u64)], usual: &str) -> Result<u64, String> {
    let words = || {
        let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    };
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    if number.is_empty() {
        return Err(format!("start with a number, end with one of {}", words()));
    }
    if unit.is_empty() {
        return Err(format!("add a unit: one of {}", words()));
    }
    let exact = units.iter().find(|(name, _)| *name == unit);
    let near = || {
        units
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
    };
    let Some((_, factor)) = exact else {
        return Err(match near() {
            Some((name, _)) => format!("write the unit as {name}"),
            None => format!("use one of the units {}", words()),
        });
    };
    let value: f64 = number
        .parse()
        .map_err(|_| format!("write one number and one unit, such as 10{usual}"))?;
    // 2^53: up to here every whole number has a float of its own.
    let product = value * *factor as f64;
    if product > 9_007_199_254_740_992.0 {
        return Err("this is far too much".to_owned());
    }
    Ok(product.round() as u64)
}

/// Writes `value` as the configuration would: the largest unit that divides it.
pub fn show_duration(value: Duration) -> String {
    let millis = value.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    largest(millis, &DURATIONS)
}

/// Writes `bytes` as the configuration would: the largest unit that divides it.
pub fn show_size(bytes: usize) -> String {
    largest(bytes as u128, &SIZES)
}

fn largest(value: u128, units: &[(&str, u64)]) -> String {
    let fit = units
        .iter()
        .filter(|(_, factor)| value.is_multiple_of(u128::from(*factor)))
        .max_by_key(|(_, factor)| *factor);
    match fit {
        Some((name, factor)) => format!("{}{name}", value / u128::from(*factor)),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
