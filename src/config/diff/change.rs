//! One thing that differs between two configurations.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A key of the sections `server`, `admin` and `routing`.
    Setting,
    /// An endpoint, or one of its keys.
    Endpoint,
    /// A public model, or one of its keys.
    Model,
    /// A client, or one of its keys.
    Client,
    /// The routes, which have no names, all together.
    Routes,
}

impl What {
    /// Returns the word that begins a line about something with a name.
    fn label(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Endpoint => "endpoint",
            Self::Model => "model",
            Self::Client => "client",
            Self::Routes => "routes",
        }
    }
}

/// How it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It was not there, or not set.
    Added,
    /// It is not there any more, or not set.
    Removed,
    /// It has another value.
    Changed,
    /// The same ones stand in another order, which is the order they are tried in.
    Reordered,
}

/// One thing that differs. Its `text` is what [`Display`](fmt::Display) writes:
/// all of it in one line for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What it is about.
    pub what: What,
    /// The name of the endpoint, model or client; null of a setting, of the
    /// routes and of an order.
    pub name: Option<String>,
    /// The key that changed, such as `breaker.failure_threshold`; null if the
    /// whole thing came, went or moved.
    pub key: Option<String>,
    /// How it differs.
    pub kind: How,
    /// The value until now, as the file would have it; null if there was none
    /// or it is a secret.
    pub from: Option<String>,
    /// The value from now on; null if there is none or it is a secret.
    pub to: Option<String>,
    /// Whether only a restart can bring it about: a reload refuses it.
    pub start_only: bool,
    /// The change in one line, such as `endpoint a: weight: 1 → 2`.
    pub text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Change {
    /// All of `name` came or went.
    pub(super) fn whole(what: What, name: &str, kind: How) -> Self {
        let word = match kind {
            How::Added => "added",
            How::Removed => "removed",
            How::Changed | How::Reordered => "changed",
        };
        Self {
            text: format!("{} {name}: {word}", what.label()),
            name: Some(name.to_owned()),
            ..Self::new(what, kind)
        }
    }

    /// Those that stayed stand in another order.
    pub(super) fn order(what: What) -> Self {
        Self {
            text: format!("order of {}s: changed", what.label()),
            ..Self::new(what, How::Reordered)
        }
    }

    /// `key`, of `name` if that is not a section, has another value; `secret`
    /// ones are not told.
    pub(super) fn key(
        what: What,
        name: Option<&str>,
        key: &str,
        [from, to]: [Option<&str>; 2],
        secret: bool,
    ) -> Self {
        let kind = match (from, to) {
            (None, Some(_)) => How::Added,
            (Some(_), None) => How::Removed,
            _ => How::Changed,
        };
        let whose = name.map_or_else(String::new, |name| format!("{} {name}: ", what.label()));
        let none = "none";
        let text = match (secret, kind) {
            (true, How::Changed) => format!("{whose}{key}: changed"),
            _ => format!(
                "{whose}{key}: {} → {}",
                from.unwrap_or(none),
                to.unwrap_or(none)
            ),
        };
        let told = |value: Option<&str>| value.filter(|_| !secret).map(str::to_owned);
        Self {
            name: name.map(str::to_owned),
            key: Some(key.to_owned()),
            from: told(from),
            to: told(to),
            text,
            ..Self::new(what, kind)
        }
    }

    fn new(what: What, kind: How) -> Self {
        Self {
            what,
            name: None,
            key: None,
            kind,
            from: None,
            to: None,
            start_only: false,
            text: String::new(),
        }
    }
}
