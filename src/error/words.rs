//! What each error says, in a sentence or two for people.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use super::{GatewayError, Reasons};
use crate::config::Cost;

impl fmt::Display for GatewayError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidApiKey => out.write_str("The API key is missing or not known here."),
            Self::TooManyGuesses { .. } => out.write_str(
                "The API key is not known here, and too many like that came from this address.",
            ),
            Self::ModelNotAllowed { model } => {
                write!(
                    out,
                    "This API key may not use the model `{}`.",
                    brief(model)
                )
            }
            Self::ModelNotFound { model, near } => {
                write!(out, "There is no model `{}` here.", brief(model))?;
                match near.as_slice() {
                    [] => Ok(()),
                    near => write!(out, " Did you mean `{}`?", near.join("`, `")),
                }
            }
            Self::NoRoute { task, priority } => write!(
                out,
                "No route of the model `auto` takes the task `{task}` with the priority `{priority}`."
            ),
            Self::ClientLimited { limit, of, .. } => {
                write!(out, "This API key's limit of {limit} {of} is reached.")
            }
            Self::OverBudget {
                budget,
                spent,
                estimate,
                until,
                ..
            } => {
                let (most, per) = (budget.most, budget.per.label());
                if *estimate > budget.most {
                    return write!(
                        out,
                        "The request may cost ${estimate}, more than this API key's whole budget of ${most} per {per}."
                    );
                }
                write!(
                    out,
                    "This API key's budget of ${most} per {per} does not reach: ${spent} are spent, and the request may cost ${estimate}."
                )?;
                match until.and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at))) {
                    None => Ok(()),
                    Some(at) => {
                        let at = humantime::format_rfc3339_seconds(at);
                        write!(out, " It starts anew at {at}.")
                    }
                }
            }
            Self::BudgetHeld {
                budget,
                spent,
                estimate,
            } => write!(
                out,
                "Requests under way hold what is left of this API key's budget of ${} per {}: ${spent} are spent, and the request may cost ${estimate}. Try again when one has ended.",
                budget.most,
                budget.per.label()
            ),
            Self::CostLimit {
                estimate,
                cap,
                spent,
            } => {
                write!(
                    out,
                    "This request may cost ${estimate}, which is above its limit of ${cap}"
                )?;
                if *spent > Cost::ZERO {
                    write!(out, "; earlier attempts have cost ${spent} of it")?;
                }
                out.write_str(".")
            }
            Self::BadRequest(bad) => bad.fmt(out),
            Self::BodyTooLarge { limit } => {
                write!(out, "The body is larger than {limit} bytes.")
            }
            Self::EncodedBody => {
                out.write_str("Send the body as it is, without a content-encoding.")
            }
            Self::BodyTimeout => out.write_str("The body did not arrive in time."),
            Self::UnknownPath => out.write_str("There is nothing at this path."),
            Self::MethodNotAllowed { allow } => write!(out, "This path takes {allow} only."),
            Self::RateLimited { model, reasons, .. } => {
                write!(out, "Every endpoint of `{}` is rate-limited", brief(model))?;
                listed(out, reasons)
            }
            Self::NoEndpoint { model, reasons, .. } => {
                write!(out, "No endpoint of `{}` is available", brief(model))?;
                listed(out, reasons)
            }
            Self::Overloaded { .. } => out.write_str("The gateway is overloaded."),
            Self::UpstreamError { attempts } => {
                out.write_str("The upstream failed")?;
                listed(out, attempts)
            }
            Self::UpstreamOverloaded { attempts, .. } => {
                out.write_str("The upstream is overloaded")?;
                listed(out, attempts)
            }
            Self::UpstreamTimeout { attempts } => {
                out.write_str("The upstream did not answer in time")?;
                listed(out, attempts)
            }
            Self::UpstreamAuth { attempts } => {
                out.write_str("The upstream does not accept the gateway's key")?;
                listed(out, attempts)
            }
            Self::Reported(reported) => match reported.message.as_str() {
                "" => out.write_str("The upstream reported an error."),
                message => write!(out, "The upstream reported: {message}"),
            },
            Self::Rejected { refusal, .. } => match refusal.message.as_str() {
                "" => out.write_str("The upstream says that the request is wrong."),
                message => out.write_str(message),
            },
            Self::StreamBroken(end) => out.write_str(end.message()),
            Self::Internal => out.write_str("Something is wrong with the gateway itself."),
        }
    }
}

/// Cuts a name a client made up, so that no error is longer than a screen.
fn brief(name: &str) -> &str {
    &name[..name.floor_char_boundary(100)]
}

/// Ends a sentence with a list of endpoints, each with its reason.
fn listed(out: &mut fmt::Formatter<'_>, reasons: &Reasons) -> fmt::Result {
    const MOST: usize = 10;
    for (at, (endpoint, reason)) in reasons.iter().take(MOST).enumerate() {
        let lead = if at == 0 { ": " } else { ", " };
        write!(out, "{lead}{endpoint} ({reason})")?;
    }
    if reasons.len() > MOST {
        write!(out, " and {} more", reasons.len() - MOST)?;
    }
    out.write_str(".")
}
