//! What a sound configuration is likely not meant to have.

use super::{Config, placeholder::placeholders};

/// Says what is likely a mistake although it works, in a line each.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut lines = placeholders(config);
    if config.routing.first_byte_timeout >= config.server.request_timeout {
        lines.push(
            "routing.first_byte_timeout is not below server.request_timeout: an endpoint that stays \
             silent takes all the time of a request, unless another is known to be quick"
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn a_first_byte_may_not_take_all_the_time_there_is() {
        for (first_byte, request, wrong) in [("59s", "60s", false), ("60s", "60s", true)] {
            let yaml = format!(
                "server: {{ request_timeout: {request} }}\n\
                 routing: {{ first_byte_timeout: {first_byte} }}\n\
                 endpoints: [{{ name: a, provider: openai, api_key: k, models: [m] }}]\n"
            );
            let config = parse(&yaml, "test.yaml", &|_| None).unwrap();
            let lines = super::warnings(&config);
            let found = lines.iter().any(|it| it.contains("first_byte_timeout"));
            assert_eq!(found, wrong, "{lines:?}");
        }
    }
}
