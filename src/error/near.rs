//! "Did you mean".

/// The most names that are proposed.
const MOST: usize = 3;

/// How alike two names must be, from 0.0 to 1.0; `gpt-4.1` and `gpt4.1` are 0.95.
const ALIKE: f64 = 0.85;

/// Returns up to three of `known` that look most like `asked`, the likest first.
///
/// Give it only names the client may know of. Names longer than 200 bytes are
/// nobody's misspelling: nothing is near them.
///
/// # Source
///
/// Jaro–Winkler similarity, which favours a common start, as model families have.
pub fn near_names<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    if asked.len() > 200 {
        return Vec::new();
    }
    let asked = asked.to_lowercase();
    let mut near: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&asked, &name.to_lowercase()), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.truncate(MOST);
    near.into_iter().map(|(_, name)| name.to_owned()).collect()
}
