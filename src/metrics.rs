//! The one metric catalogue: the engine's entries and the gateway's.
//!
//! Labels come from the configuration and from closed sets only; what a client
//! made up is `other`. Known series start at 0.

mod catalogue;
mod exposition;
mod handles;

pub use catalogue::catalogue;
pub(crate) use exposition::reloaded;
pub use exposition::{Exposition, NotInstalled, lag_of};
pub(crate) use handles::expect;
pub use handles::{ApiMetrics, CostMetric, InFlight, SiteMetrics};
