//! The one metric catalogue: the engine's entries and the gateway's.
//!
//! Labels come from the configuration and from closed sets only; what a client
//! made up is `other`. Known series start at 0.

mod catalogue;
mod exposition;
mod handles;
mod models;
mod page;
mod process;
mod recorder;

pub use catalogue::catalogue;
pub use exposition::{Exposition, NotInstalled, lag_of};
pub(crate) use exposition::{credentials_refused, reloaded};
pub use handles::{ApiMetrics, CostMetric, InFlight, SiteMetrics};
pub(crate) use models::{ModelMetrics, RELOADED, failovers, retried};

/// Stands for every model that nobody serves, and for codes nobody registered.
const OTHER: &str = "other";
