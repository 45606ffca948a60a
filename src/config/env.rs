//! The only place that reads the environment.

/// Returns the variable `name` of the process, or `None` when it is unset or
/// not UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "the one function that reads the environment"
)]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
