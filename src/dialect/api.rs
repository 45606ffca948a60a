//! The four calls that are passed on, and where each provider has them.

/// One of the calls of the OpenAI dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`; never streams.
    Embeddings,
    /// `POST /v1/responses`.
    Responses,
}

impl Api {
    /// Every call, in the order of the path table.
    pub const ALL: [Self; 4] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
    ];

    /// Returns its place in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the path below a provider's base URL, and below `/v1` of ours.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Responses => "/responses",
        }
    }

    /// Returns the path and query below the host of an Azure resource.
    ///
    /// Azure names the deployment in the path, but for responses, where the
    /// body's `model` names it as everywhere else.
    ///
    /// # Example
    ///
    /// ```
    /// use breakerbox::dialect::Api;
    ///
    /// assert_eq!(
    ///     Api::ChatCompletions.azure_target("my gpt", "2024-10-21"),
    ///     "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
    /// );
    /// ```
    ///
    /// # Source
    ///
    /// Azure OpenAI REST reference, data plane, "Request URI".
    pub fn azure_target(self, deployment: &str, api_version: &str) -> String {
        let mut target = String::from("/openai");
        if self != Self::Responses {
            target.push_str("/deployments/");
            push_encoded(&mut target, deployment);
        }
        target.push_str(self.path());
        target.push_str("?api-version=");
        push_encoded(&mut target, api_version);
        target
    }

    /// Tells whether `"stream": true` means anything to this call.
    pub const fn streams(self) -> bool {
        !matches!(self, Self::Embeddings)
    }

    /// Tells whether an answer has `choices`; a stream of these is the kind
    /// that must be asked for its usage.
    pub(crate) const fn has_choices(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions)
    }

    /// Returns a fixed word for metric labels.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
        }
    }
}

/// Appends `text` with everything percent-encoded that is not unreserved (RFC 3986, 2.3).
fn push_encoded(target: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push('%');
            target.push(char::from(HEX[usize::from(byte >> 4)]));
            target.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_names_the_deployment_in_the_path_but_for_responses() {
        let targets: Vec<_> = Api::ALL
            .iter()
            .map(|api| api.azure_target("a/b?c", "2025-04-01-preview"))
            .collect();
        assert_eq!(
            targets,
            [
                "/openai/deployments/a%2Fb%3Fc/chat/completions?api-version=2025-04-01-preview",
                "/openai/deployments/a%2Fb%3Fc/completions?api-version=2025-04-01-preview",
                "/openai/deployments/a%2Fb%3Fc/embeddings?api-version=2025-04-01-preview",
                "/openai/responses?api-version=2025-04-01-preview",
            ]
        );
    }

    #[test]
    fn each_stands_at_its_index() {
        let indices = Api::ALL.map(Api::index);
        assert_eq!(indices, [0, 1, 2, 3]);
    }

    #[test]
    fn only_embeddings_never_stream() {
        assert!(
            Api::ALL
                .iter()
                .all(|api| api.streams() == (*api != Api::Embeddings))
        );
    }
}
