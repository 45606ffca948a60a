//! What can go wrong on the data plane, and how a client is told.
//!
//! The only place that decides status codes. An error takes plain data, so
//! that whoever meets it can say what it knows: a refusal says when to come
//! back and why each endpoint is out, an error says which field is wrong.

mod near;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};

pub use near::near_names;

use crate::{
    config::{Budget, Cost},
    dialect::{Blame, Dialect, Reported, request::BadRequest},
    relay::StreamEnd,
    upstream::Refusal,
};

/// The longest a client is asked to wait: some obey no matter how long, and
/// others give up altogether above two minutes.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// When to come back where something ends soon, nobody knows when.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Endpoints by name, each with a fixed word for what is wrong with it.
pub type Reasons = Vec<(Arc<str>, &'static str)>;

/// Why a client does not get what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayError {
    /// There is no key, or none we know.
    InvalidApiKey,
    /// It is none we know, and too many of those came from the client's address.
    TooManyGuesses {
        /// Until the next is taken for a mistake.
        retry_after: Duration,
    },
    /// The client's key is not for this model.
    ModelNotAllowed {
        /// The model asked for.
        model: String,
    },
    /// No endpoint has this model.
    ModelNotFound {
        /// The model asked for.
        model: String,
        /// Models the client may have meant, from [`near_names`].
        near: Vec<String>,
    },
    /// No route takes this request for the model `auto`.
    NoRoute {
        /// What the request is for.
        task: String,
        /// How urgent it is.
        priority: &'static str,
    },
    /// The client has asked for as much as it may.
    ClientLimited {
        /// How much that is.
        limit: u32,
        /// Of what, in which time.
        of: &'static str,
        /// Until its window has room.
        retry_after: Duration,
    },
    /// The client's budget does not reach for this request.
    OverBudget {
        /// The budget.
        budget: Budget,
        /// What was spent of it.
        spent: Cost,
        /// What the request may cost.
        estimate: Cost,
        /// Until the budget starts anew; for ever if the request exceeds it all.
        retry_after: Duration,
        /// When it starts anew, in seconds since 1970.
        until: Option<u64>,
    },
    /// The client's budget would reach, if requests under way cost less than
    /// they may. Any of them may end any moment.
    BudgetHeld {
        /// The budget.
        budget: Budget,
        /// What was spent of it.
        spent: Cost,
        /// What the request may cost.
        estimate: Cost,
    },
    /// The request may cost more than it is allowed to.
    CostLimit {
        /// What it may cost at the cheapest endpoint, what was spent included.
        estimate: Cost,
        /// The most it may cost.
        cap: Cost,
        /// What earlier attempts have cost.
        spent: Cost,
    },
    /// The body cannot be what the call needs.
    BadRequest(BadRequest),
    /// The body is too large.
    BodyTooLarge {
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// The body has a `content-encoding`.
    EncodedBody,
    /// The body did not arrive in time.
    BodyTimeout,
    /// There is no such path.
    UnknownPath,
    /// The path is there, but not for this method.
    MethodNotAllowed {
        /// The methods it is there for, as the `allow` header lists them.
        allow: &'static str,
    },
    /// Every endpoint of the model is over its rate limit.
    RateLimited {
        /// The model asked for.
        model: String,
        /// Until the first window has room.
        retry_after: Duration,
        /// Which window or cooldown holds which endpoint.
        reasons: Reasons,
    },
    /// Every endpoint of the model is out.
    NoEndpoint {
        /// The model asked for.
        model: String,
        /// Until the first may be back.
        retry_after: Duration,
        /// Why each endpoint is out.
        reasons: Reasons,
    },
    /// The gateway itself has more to do than it can.
    Overloaded {
        /// Until it is worth another try.
        retry_after: Duration,
    },
    /// The last attempt failed, and there is none left.
    UpstreamError {
        /// The attempts in order and how each failed.
        attempts: Reasons,
    },
    /// The last attempt found a provider that says it is overloaded, and there
    /// is none left.
    UpstreamOverloaded {
        /// Until the provider may take more.
        retry_after: Duration,
        /// The attempts in order and how each failed.
        attempts: Reasons,
    },
    /// The last attempt got no answer in time, and there is none left.
    UpstreamTimeout {
        /// The attempts in order and how each failed.
        attempts: Reasons,
    },
    /// The last attempt was refused for our own key, and there is none left.
    UpstreamAuth {
        /// The attempts in order and how each failed.
        attempts: Reasons,
    },
    /// The provider reported an error in a body with status 200.
    Reported(Reported),
    /// The provider, of another dialect, says that the request is wrong.
    Rejected {
        /// The status it said so with, 400 to 499.
        status: u16,
        /// What it says.
        refusal: Refusal,
    },
    /// A stream broke after its first event. Has no status: told in the stream.
    StreamBroken(StreamEnd),
    /// A defect of the gateway.
    Internal,
}

impl GatewayError {
    /// Returns the status; a stream that broke has sent 200 long before, and
    /// is told here as it would have been without a first event.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidApiKey => StatusCode::UNAUTHORIZED,
            Self::ModelNotAllowed { .. } => StatusCode::FORBIDDEN,
            Self::ModelNotFound { .. } | Self::NoRoute { .. } | Self::UnknownPath => {
                StatusCode::NOT_FOUND
            }
            Self::CostLimit { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::RateLimited { .. }
            | Self::ClientLimited { .. }
            | Self::OverBudget { .. }
            | Self::BudgetHeld { .. }
            | Self::TooManyGuesses { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoEndpoint { .. } | Self::Overloaded { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamError { .. }
            | Self::UpstreamOverloaded { .. }
            | Self::UpstreamAuth { .. } => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Reported(reported) => match reported.blame {
                Blame::Client => StatusCode::BAD_REQUEST,
                Blame::RateLimit => StatusCode::TOO_MANY_REQUESTS,
                Blame::Key | Blame::Overload | Blame::Server => StatusCode::BAD_GATEWAY,
            },
            Self::Rejected { status, .. } => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::StreamBroken(StreamEnd::IdleTimeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::StreamBroken(StreamEnd::Stopped) => StatusCode::SERVICE_UNAVAILABLE,
            Self::StreamBroken(_) => StatusCode::BAD_GATEWAY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the fixed word that metrics have as a label and clients, mostly, as `error.code`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::InvalidApiKey => "invalid_api_key",
            Self::TooManyGuesses { .. } => "too_many_guesses",
            Self::ModelNotAllowed { .. } => "model_not_allowed",
            Self::ModelNotFound { .. } | Self::NoRoute { .. } => "model_not_found",
            Self::ClientLimited { .. } | Self::BudgetHeld { .. } => "rate_limit_exceeded",
            Self::OverBudget { .. } => "insufficient_quota",
            Self::CostLimit { .. } => "cost_limit_exceeded",
            Self::BadRequest(_) => "invalid_request",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::EncodedBody => "unsupported_encoding",
            Self::BodyTimeout => "request_timeout",
            Self::UnknownPath => "unknown_path",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::RateLimited { .. } => "upstream_rate_limited",
            Self::NoEndpoint { .. } => "no_endpoint_available",
            Self::Overloaded { .. } => "overloaded",
            Self::UpstreamError { .. } | Self::UpstreamOverloaded { .. } => "upstream_error",
            Self::UpstreamTimeout { .. } => "upstream_timeout",
            Self::UpstreamAuth { .. } => "upstream_auth_error",
            Self::Reported(reported) => match reported.blame {
                Blame::Client => "upstream_rejected",
                Blame::RateLimit => "upstream_rate_limited",
                Blame::Key => "upstream_auth_error",
                Blame::Overload | Blame::Server => "upstream_error",
            },
            Self::Rejected { .. } => "upstream_rejected",
            Self::StreamBroken(StreamEnd::IdleTimeout) => "upstream_timeout",
            Self::StreamBroken(StreamEnd::Stopped) => "shutting_down",
            Self::StreamBroken(_) => "upstream_error",
            Self::Internal => "internal_error",
        }
    }

    /// Returns what clients see as `error.code`: the provider's own word for why
    /// it refused a request, else [`Self::label`].
    fn code(&self) -> &str {
        match self {
            Self::Rejected { refusal, .. } => refusal.code.as_deref().unwrap_or(self.label()),
            _ => self.label(),
        }
    }

    /// Returns what `retry-after` says: whole seconds, rounded up, 1 to 60.
    pub fn retry_after(&self) -> Option<u64> {
        let wait = match self {
            Self::RateLimited { retry_after, .. }
            | Self::ClientLimited { retry_after, .. }
            | Self::OverBudget { retry_after, .. }
            | Self::NoEndpoint { retry_after, .. }
            | Self::UpstreamOverloaded { retry_after, .. }
            | Self::TooManyGuesses { retry_after }
            | Self::Overloaded { retry_after } => *retry_after,
            // A client that asks again has been told that it may.
            Self::BudgetHeld { .. } | Self::BodyTimeout => SOON,
            _ => return None,
        };
        let wait = wait.min(MAX_RETRY_AFTER);
        Some((wait.as_millis().div_ceil(1_000) as u64).max(1))
    }

    /// Tells whether the same request may succeed if it is sent again.
    ///
    /// Not when every attempt is used up, since clients retry several times on
    /// their own, unless waiting helps; nor when the limit lasts longer than they
    /// can be made to wait.
    pub fn should_retry(&self) -> bool {
        match self {
            Self::RateLimited { retry_after, .. }
            | Self::ClientLimited { retry_after, .. }
            | Self::OverBudget { retry_after, .. }
            | Self::UpstreamOverloaded { retry_after, .. } => *retry_after <= MAX_RETRY_AFTER,
            Self::BudgetHeld { .. }
            | Self::NoEndpoint { .. }
            | Self::Overloaded { .. }
            | Self::BodyTimeout => true,
            _ => false,
        }
    }

    /// Returns the field of the request that is at fault, if it is one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::BadRequest(bad) => bad.param.as_deref(),
            Self::Rejected { refusal, .. } => refusal.param.as_deref(),
            Self::ModelNotAllowed { .. } | Self::ModelNotFound { .. } | Self::NoRoute { .. } => {
                Some("model")
            }
            _ => None,
        }
    }

    /// Returns OpenAI's word for errors of this kind.
    fn kind(&self) -> &'static str {
        match self.status() {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            StatusCode::FORBIDDEN => "permission_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        }
    }
}

impl std::error::Error for GatewayError {}

impl From<BadRequest> for GatewayError {
    fn from(bad: BadRequest) -> Self {
        Self::BadRequest(bad)
    }
}

impl ResponseError for GatewayError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.answer(Dialect::OpenAi, "")
    }
}

impl GatewayError {
    /// Returns the status a client of `dialect` sees: Anthropic's know overload
    /// by a status of its own.
    fn status_in(&self, dialect: Dialect) -> StatusCode {
        let status = self.status();
        let overload = status == StatusCode::SERVICE_UNAVAILABLE || self.is_providers_overload();
        match dialect {
            Dialect::Anthropic if overload => StatusCode::from_u16(529).unwrap_or(status),
            _ => status,
        }
    }

    /// Tells whether a provider said that it is overloaded.
    fn is_providers_overload(&self) -> bool {
        match self {
            Self::UpstreamOverloaded { .. } => true,
            Self::Reported(reported) => reported.blame == Blame::Overload,
            Self::StreamBroken(end) => *end == StreamEnd::ErrorEvent(Blame::Overload),
            _ => false,
        }
    }

    /// Builds the answer to a client of `dialect`, whose request is known as
    /// `request_id`.
    pub fn answer(&self, dialect: Dialect, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_in(dialect));
        response.content_type(header::ContentType::json());
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if !self.should_retry() {
            response.insert_header(("x-should-retry", "false"));
        }
        if let Self::MethodNotAllowed { allow } = self {
            response.insert_header((header::ALLOW, *allow));
        }
        response.body(self.body(dialect, request_id))
    }
}
