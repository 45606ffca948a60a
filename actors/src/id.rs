//! The name that actors, logs and metrics share.

use std::{fmt, sync::Arc};

/// One upstream target: an endpoint serving one public model. Cheap to clone.
///
/// # Example
///
/// ```
/// use breakerbox_actors::id::TargetId;
///
/// let id = TargetId::new("openai-eu", "gpt-4.1");
/// assert_eq!(id.to_string(), "openai-eu/gpt-4.1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId {
    endpoint: Arc<str>,
    model: Arc<str>,
}

impl TargetId {
    /// Names the target of `endpoint` and the public `model`.
    pub fn new(endpoint: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        Self {
            endpoint: endpoint.into(),
            model: model.into(),
        }
    }

    /// Returns the configured name of the endpoint.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    /// Returns the public name of the model.
    pub fn model(&self) -> &Arc<str> {
        &self.model
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint, self.model)
    }
}
