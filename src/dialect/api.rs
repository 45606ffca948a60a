//! The calls that are served, and where each provider has them.

/// A language that clients and providers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's, and that of everything compatible with it.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
}

impl Dialect {
    /// Returns the call that carries a conversation in this dialect to a provider.
    pub const fn conversation(self) -> Api {
        match self {
            Self::OpenAi => Api::ChatCompletions,
            Self::Anthropic => Api::Messages,
            Self::Gemini => Api::GenerateContent,
        }
    }

    /// Returns the call that counts a conversation's tokens, if there is one.
    pub const fn count(self) -> Option<Api> {
        match self {
            Self::OpenAi => None,
            Self::Anthropic => Some(Api::CountMessageTokens),
            Self::Gemini => Some(Api::CountContentTokens),
        }
    }
}

/// One of the calls that are served.
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
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`; never streams.
    CountMessageTokens,
    /// `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
    GenerateContent,
    /// `POST /v1beta/models/{model}:countTokens`; never streams.
    CountContentTokens,
}

impl Api {
    /// Every call, in the order of the path table.
    pub const ALL: [Self; 8] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::Messages,
        Self::CountMessageTokens,
        Self::GenerateContent,
        Self::CountContentTokens,
    ];

    /// Returns its place in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the dialect the call is of.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions | Self::Completions | Self::Embeddings | Self::Responses => {
                Dialect::OpenAi
            }
            Self::Messages | Self::CountMessageTokens => Dialect::Anthropic,
            Self::GenerateContent | Self::CountContentTokens => Dialect::Gemini,
        }
    }

    /// Tells whether the call carries a conversation, which every dialect can say.
    pub const fn is_conversation(self) -> bool {
        matches!(
            self,
            Self::ChatCompletions | Self::Responses | Self::Messages | Self::GenerateContent
        )
    }

    /// Tells whether the call counts the tokens of a conversation.
    pub const fn counts(self) -> bool {
        matches!(self, Self::CountMessageTokens | Self::CountContentTokens)
    }

    /// Returns the call that a provider of `dialect` is sent for this one:
    /// itself in its own dialect; `None` where that dialect cannot say it.
    pub const fn sent_to(self, dialect: Dialect) -> Option<Self> {
        match (self.dialect(), dialect) {
            (Dialect::OpenAi, Dialect::OpenAi)
            | (Dialect::Anthropic, Dialect::Anthropic)
            | (Dialect::Gemini, Dialect::Gemini) => Some(self),
            _ if self.is_conversation() => Some(dialect.conversation()),
            _ if self.counts() => dialect.count(),
            _ => None,
        }
    }

    /// Returns the path below a base URL such as `https://api.openai.com/v1`,
    /// and below `/v1` of ours; Gemini's calls have the model in theirs:
    /// [`gemini::path`](super::gemini).
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Responses => "/responses",
            Self::Messages => "/messages",
            Self::CountMessageTokens => "/messages/count_tokens",
            Self::GenerateContent | Self::CountContentTokens => "/models",
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
        !matches!(self, Self::Embeddings) && !self.counts()
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
            Self::Messages => "messages",
            Self::CountMessageTokens => "messages_count_tokens",
            Self::GenerateContent => "generate_content",
            Self::CountContentTokens => "count_tokens",
        }
    }
}

/// Returns `text` with everything percent-encoded that is not unreserved.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    push_encoded(&mut encoded, text);
    encoded
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
            .filter(|api| api.dialect() == Dialect::OpenAi)
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
    fn calls_are_listed_at_their_index() {
        for (index, api) in Api::ALL.iter().enumerate() {
            assert_eq!(api.index(), index);
        }
    }

    #[test]
    fn a_conversation_goes_anywhere_and_the_rest_to_its_own_dialect() {
        let to = |dialect| move |api: &Api| api.sent_to(dialect);
        let sent = |dialect| Api::ALL.iter().map(to(dialect)).collect::<Vec<_>>();
        use Api::*;
        let (chat, messages, content) =
            (Some(ChatCompletions), Some(Messages), Some(GenerateContent));
        let (count, count_content) = (Some(CountMessageTokens), Some(CountContentTokens));
        let own = [chat, Some(Completions), Some(Embeddings), Some(Responses)];
        let openai = [&own[..], &[chat, None, chat, None]].concat();
        assert_eq!(sent(Dialect::OpenAi), openai);
        assert_eq!(
            sent(Dialect::Anthropic),
            [
                messages, None, None, messages, messages, count, messages, count
            ]
        );
        assert_eq!(
            sent(Dialect::Gemini),
            [
                content,
                None,
                None,
                content,
                content,
                count_content,
                content,
                count_content
            ]
        );
    }

    #[test]
    fn only_embeddings_and_counts_never_stream() {
        let still = |api: &&Api| !api.streams();
        let still: Vec<_> = Api::ALL.iter().filter(still).copied().collect();
        assert_eq!(
            still,
            [
                Api::Embeddings,
                Api::CountMessageTokens,
                Api::CountContentTokens
            ]
        );
    }
}
