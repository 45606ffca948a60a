//! How likely the words of an answer were: made up, and the same each time.

/// The word and what might have stood in its place, `others` of them and the
/// word first, each with the logarithm of its probability.
pub(super) fn likely(word: &str, others: u64) -> Vec<(String, f64)> {
    let name = |at: u64| match at {
        0 => word.to_owned(),
        at => format!("{word}{at}"),
    };
    (0..others.max(1))
        .map(|at| (name(at), -0.25 * (at + 1) as f64))
        .collect()
}
