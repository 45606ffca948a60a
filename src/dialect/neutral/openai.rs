//! What only OpenAI's own can be told.

use serde::Serialize;

use super::{Feature, Json, Lost};

/// Fields that chat completions and responses share and nobody else has, as the
/// client wrote them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OpenAi {
    /// How many words to make; `text.verbosity` of responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<Json>,
    /// How soon, and for how much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Json>,
    /// Whether the provider keeps the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<Json>,
    /// What the client notes with an answer that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    /// What requests that begin alike have in common. Of no consequence to the
    /// answer: nobody misses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<Json>,
    /// Who the end user is, under the newer of the two names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<String>,
}

impl OpenAi {
    /// Names all that is said, since it cannot be said here; but for the user,
    /// who may have another name here.
    pub(in crate::dialect) fn lose(&self, lost: &mut Lost) {
        for (feature, value) in [
            (Feature::Verbosity, &self.verbosity),
            (Feature::ServiceTier, &self.service_tier),
            (Feature::Store, &self.store),
            (Feature::Metadata, &self.metadata),
        ] {
            if value.is_some() {
                lost.feature(feature);
            }
        }
    }
}
