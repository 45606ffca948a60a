//! What can go wrong at a simulated provider, and when.

use std::time::Duration;

use serde::Deserialize;

use super::script::{duration, optional_duration};

/// One way in which a provider fails.
///
/// The first five act on every request, the others on generated answers only; [`Timed::only`] chooses
/// otherwise. `after` counts events of a stream, and one that is shorter is spared; an answer that is no
/// stream breaks in the middle of its body instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The provider is gone: its connections are closed, new ones refused.
    Refuse,
    /// Each request is answered with a TCP reset.
    Reset,
    /// Requests are read and never answered; the connection stays open.
    Blackhole,
    /// Each request gets this status and an error body.
    Status {
        /// 400 to 599.
        code: u16,
        /// Sent as `retry-after`, in whole seconds rounded up, and as `retry-after-ms`; in Gemini's body.
        #[serde(default, with = "optional_duration")]
        retry_after: Option<Duration>,
    },
    /// Every key is rejected: 401, or 400 where the dialect is Gemini's.
    Unauthorized,
    /// Answers begin later than they would, by `delay`.
    Slow {
        /// Added to the time to the first byte.
        #[serde(with = "duration")]
        delay: Duration,
    },
    /// An answer falls silent and keeps its connection open.
    Stall {
        /// Events sent before the silence.
        after: usize,
    },
    /// An answer ends too early.
    Cut {
        /// Events sent before the end.
        after: usize,
        /// How the connection looks then.
        #[serde(default)]
        end: End,
    },
    /// One event, or the body, is half a JSON text.
    Malformed {
        /// Good events before it.
        after: usize,
    },
    /// `content-length` does not say how long the body is.
    WrongLength {
        /// Added to the true length; below zero, more is sent than was announced. Not 0.
        by: i64,
    },
    /// Answers tell nothing about tokens, asked or not.
    MissingUsage,
    /// A 200 whose body, or whose event after `after` good ones, is an error of the dialect.
    ErrorEvent {
        /// Good events before it.
        after: usize,
    },
    /// A 200 whose body is a web page, as from a proxy in between.
    Html,
}

/// How a cut answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The HTTP body ends as it should, only the content is not whole.
    Clean,
    /// The connection is closed in mid-body.
    #[default]
    Fin,
    /// The connection is reset.
    Reset,
}

/// What a request asks for; decides which faults hit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST …/chat/completions`
    Chat,
    /// `POST …/responses`
    Responses,
    /// `POST …/completions`
    Completions,
    /// `POST …/embeddings`
    Embeddings,
    /// Anthropic's `POST /v1/messages`
    Messages,
    /// Gemini's `:generateContent` and `:streamGenerateContent`
    GenerateContent,
    /// `POST /v1/messages/count_tokens`, and Gemini's `:countTokens`
    CountTokens,
    /// `GET …/models` and `…/models/{id}`
    Models,
    /// `GET /health`
    Health,
    /// Any other request; its answer is a 404.
    Other,
}

impl Api {
    /// Whether an answer is generated, and so billed, limited, slow and fragile.
    pub fn generates(self) -> bool {
        !matches!(
            self,
            Self::CountTokens | Self::Models | Self::Health | Self::Other
        )
    }
}

/// A stretch of time since the script was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first instant.
    pub from: Duration,
    /// The first instant after it. None: it never ends.
    pub until: Option<Duration>,
}

impl Window {
    /// Whether `at` is inside.
    pub fn contains(self, at: Duration) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A fault with its time, its share and its aim.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Shape")]
pub struct Timed {
    /// When it acts.
    pub window: Window,
    /// What happens.
    pub fault: Fault,
    /// Share of the requests that it hits, 0 to 1. An outage ([`Fault::Refuse`]) takes all.
    pub share: f64,
    /// Which requests it may hit. Empty: as [`Fault`] says.
    pub only: Vec<Api>,
}

/// How [`Timed`] is written: flat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(default, with = "duration")]
    from: Duration,
    #[serde(default, with = "optional_duration")]
    until: Option<Duration>,
    fault: Fault,
    #[serde(default = "whole")]
    share: f64,
    #[serde(default)]
    only: Vec<Api>,
}

fn whole() -> f64 {
    1.0
}

impl From<Shape> for Timed {
    fn from(shape: Shape) -> Self {
        Self {
            window: Window {
                from: shape.from,
                until: shape.until,
            },
            fault: shape.fault,
            share: shape.share,
            only: shape.only,
        }
    }
}

impl From<Fault> for Timed {
    /// The fault from the start on, for ever, for all.
    fn from(fault: Fault) -> Self {
        Self {
            window: Window {
                from: Duration::ZERO,
                until: None,
            },
            fault,
            share: 1.0,
            only: Vec::new(),
        }
    }
}

impl Timed {
    /// The fault from `from` to `until` since the script was set, for all.
    pub fn between(from: Duration, until: Duration, fault: Fault) -> Self {
        let window = Window {
            from,
            until: Some(until),
        };
        Self {
            window,
            ..Self::from(fault)
        }
    }

    pub(super) fn is_outage(&self) -> bool {
        self.fault == Fault::Refuse
    }

    /// Whether it hits a request of `api` at `at`; `luck` is uniform in [0, 1).
    pub(super) fn hits(&self, api: Api, at: Duration, luck: f64) -> bool {
        let aimed = if self.only.is_empty() {
            self.fault.hits_everything() || api.generates()
        } else {
            self.only.contains(&api)
        };
        aimed && luck < self.share && self.window.contains(at)
    }

    pub(super) fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if self
            .window
            .until
            .is_some_and(|until| until <= self.window.from)
        {
            found.push(("until", "must be after from"));
        }
        if !(0.0..=1.0).contains(&self.share) {
            found.push(("share", "must be 0 to 1"));
        }
        if self.is_outage() && (self.share < 1.0 || !self.only.is_empty()) {
            found.push(("fault", "refuse hits all requests: no share, no only"));
        }
        match self.fault {
            Fault::Status { code, .. } if !(400..=599).contains(&code) => {
                found.push(("fault.status.code", "must be 400 to 599"));
            }
            Fault::WrongLength { by: 0 } => {
                found.push(("fault.wrong_length.by", "must not be 0"));
            }
            _ => {}
        }
        found
    }
}

impl Fault {
    fn hits_everything(self) -> bool {
        matches!(
            self,
            Self::Refuse | Self::Reset | Self::Blackhole | Self::Status { .. } | Self::Unauthorized
        )
    }
}
