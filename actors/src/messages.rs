//! What the actors say to each other.
//!
//! | message | from → to | way |
//! |---|---|---|
//! | [`Pick`] → [`Lease`] | handler → router of its worker | `send`, same thread |
//! | [`Queue`] → [`Lease`] | handler → router of its worker | `send`, answered later |
//! | [`Reports`] | worker → endpoint | batched; urgent ones at once |
//! | [`Replenish`] | router → endpoint | `try_send`; a hint, once a look |
//! | [`Ping`] → `Pong` | prober → pinger | `send` |
//! | [`Heard`] | prober → endpoint | `try_send` |
//! | [`Patch`], [`Drain`] | guardian → endpoint | `try_send`; again at the next beat if lost |
//! | [`Reset`] | operator → endpoint | `try_send`, then [`Observe`]; not repeated if lost |
//! | [`StatusChanged`] | endpoint → subscribers | bounded broadcast; the slow lose the oldest |
//! | [`Observe`] → snapshot | anyone → any actor | `send` |

use std::{
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Message;

use crate::{
    error::Unavailable,
    id::TargetId,
    lease::Lease,
    state::{
        estimate::{Cost, Estimate},
        event::Pong,
        health::Status,
        machine::View,
        policy::EndpointPolicy,
    },
    table::Plan,
    target::Target,
};

/// Asks for a target for one attempt of a request.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Lease, Unavailable>")]
pub struct Pick {
    /// Who may serve the model that was asked for.
    pub plan: Arc<Plan>,
    /// Targets this request has tried already.
    pub except: Vec<Arc<Target>>,
    /// Only this endpoint will do.
    pub pin: Option<Arc<str>>,
    /// Tokens the request may use.
    pub estimate: Estimate,
    /// What the attempt may be estimated to cost; `None`: anything. Does not
    /// hold for targets whose price nobody knows.
    pub most: Option<Cost>,
    /// Whether this is an extra attempt, which the retry budget has to pay.
    pub extra: bool,
    /// Whether one of `except` may be asked again: then nobody whose circuit is
    /// open has to serve as a last resort.
    pub may_repeat: bool,
}

/// A [`Pick`] that would rather wait than be refused.
///
/// Answered with a lease as soon as one is free, first come first served, or
/// with the refusal at `deadline`.
#[derive(Debug, Message)]
#[rtype(result = "Result<Lease, Unavailable>")]
pub struct Queue {
    /// What is asked for.
    pub pick: Pick,
    /// When waiting ends.
    pub deadline: Instant,
}

/// Tells an endpoint that reports of what became of requests wait for it.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Reports;

/// Asks an endpoint to look at what was spent and grant anew.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Replenish;

/// Asks the gateway to ping one target.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Pong")]
pub struct Ping {
    /// Whom to ping.
    pub target: TargetId,
    /// How long the ping may take.
    pub timeout: Duration,
}

/// What a ping found, for the endpoint.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Heard(pub Pong);

/// New settings for an endpoint; its state stays.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Patch(pub EndpointPolicy);

/// Takes an endpoint out of service, or back in, by an operator's hand.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain(pub bool);

/// Says by an operator's hand that an endpoint is mended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Reset;

/// Ends an actor for good.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Retire;

/// News: a target's status changed, why its circuit is open, or it is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChanged {
    /// The target concerned.
    pub target: TargetId,
    /// Its status from now on.
    pub status: Status,
    /// Whether requests fail while its circuit is still closed. Told once a
    /// second at the most.
    pub in_doubt: bool,
}

/// Asks an actor how it is; `S` is what that kind of actor answers.
///
/// [`EndpointSeen`] or its whole [`Machine`](crate::state::machine::Machine),
/// [`RouterSeen`](crate::router::RouterSeen),
/// [`ProberSeen`](crate::prober::ProberSeen) or
/// [`GuardianSeen`](crate::guardian::GuardianSeen).
#[derive(Debug)]
pub struct Observe<S>(PhantomData<fn() -> S>);

impl<S> Default for Observe<S> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<S: 'static> Message for Observe<S> {
    type Result = S;
}

/// How an endpoint actor is.
#[derive(Clone, Debug)]
pub struct EndpointSeen {
    /// The target.
    pub target: TargetId,
    /// Its machine.
    pub view: View,
    /// Its settings in force.
    pub policy: EndpointPolicy,
    /// Requests under way.
    pub in_flight: u32,
    /// Credits that routers have left.
    pub credits: u32,
}

/// Lets tests make an actor fail.
#[cfg(feature = "chaos")]
macro_rules! fails_on_purpose {
    ($actor:ty) => {
        impl actix::Handler<$crate::messages::Chaos> for $actor {
            type Result = ();

            #[expect(
                clippy::disallowed_methods,
                reason = "failing is what the message asks for"
            )]
            fn handle(&mut self, chaos: $crate::messages::Chaos, ctx: &mut actix::Context<Self>) {
                use actix::{ActorContext, AsyncContext};
                use $crate::messages::Chaos;
                match chaos {
                    Chaos::Panic => panic!("asked to"),
                    Chaos::PanicIn(time) => {
                        ctx.run_later(time, |_, _| panic!("asked to, later"));
                    }
                    Chaos::Stop => ctx.stop(),
                    Chaos::Block(time) => std::thread::sleep(time),
                }
            }
        }
    };
}
#[cfg(feature = "chaos")]
pub(crate) use fails_on_purpose;

/// Makes an actor fail on purpose, for tests of its supervision.
#[cfg(feature = "chaos")]
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub enum Chaos {
    /// Panics in the handler.
    Panic,
    /// Panics in a future of the actor's, after so long.
    PanicIn(Duration),
    /// Stops without being told to.
    Stop,
    /// Blocks the arbiter's thread for so long.
    Block(Duration),
}
