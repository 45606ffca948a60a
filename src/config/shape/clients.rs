//! The shapes of clients and of routes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::List;

/// Someone who may ask; exactly one of `key`, `key_file`, `key_sha256`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Client {
    /// Unique; in logs and metrics.
    #[schemars(required)]
    pub(in crate::config) name: Option<String>,
    /// The key itself.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) key: Option<String>,
    /// File that holds the key.
    pub(in crate::config) key_file: Option<String>,
    /// SHA-256 of the key, 64 hexadecimal digits.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) key_sha256: Option<String>,
    /// Models it may use, as globs with `*` and `?`. Default: all.
    #[schemars(length(min = 1))]
    pub(in crate::config) models: Option<List<String>>,
    /// How much it may ask for. A limit left out is no limit.
    pub(in crate::config) limits: Option<ClientLimits>,
    /// Money it may spend. Every model it may use then needs a price.
    pub(in crate::config) budget: Option<Budget>,
    /// The most that one request may cost over all its attempts, in US
    /// dollars; 0: only what is free. Every model it may use then needs a
    /// price.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(in crate::config) max_cost_per_request: Option<f64>,
}

/// How much a client may ask for.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ClientLimits {
    /// Requests in any 60 seconds.
    #[schemars(range(min = 1))]
    pub(in crate::config) rpm: Option<u32>,
    /// Tokens, in and out together, in any 60 seconds.
    #[schemars(range(min = 1))]
    pub(in crate::config) tpm: Option<u32>,
    /// Requests in any 24 hours.
    #[schemars(range(min = 1))]
    pub(in crate::config) rpd: Option<u32>,
}

/// Money a client may spend.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Budget {
    /// US dollars in each period.
    #[schemars(required, range(max = 1_000_000_000), extend("exclusiveMinimum" = 0.0))]
    pub(in crate::config) usd: Option<f64>,
    /// When it starts anew, by the calendar in UTC; weeks begin on Monday.
    #[schemars(required)]
    pub(in crate::config) per: Option<Period>,
}

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
}

/// Which models serve requests for `auto` of one kind.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Route {
    /// The task it takes, as `x-breakerbox-task` names it; requests without
    /// that header have the task `general`. Left out: any.
    pub(in crate::config) task: Option<String>,
    /// The priority it takes, as `x-breakerbox-priority` names it; requests
    /// without that header have the priority `normal`. Left out: any.
    pub(in crate::config) priority: Option<Priority>,
    /// Models tried in this order, each once no endpoint of those before can
    /// serve.
    #[schemars(required, length(min = 1))]
    pub(in crate::config) models: Option<List<String>>,
}

/// How urgent a request is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Priority {
    /// An answer soon is worth more than a good one.
    Fast,
    /// What a request is that says nothing.
    Normal,
    /// A good answer is worth waiting and paying for.
    High,
}
