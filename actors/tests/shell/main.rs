//! The actors, their messages and what they share, as the gateway sees them.
//!
//! Most tests run all actors on one thread with a paused clock: time passes
//! only when nobody has anything left to do. Those that are about threads use
//! real ones and wait for conditions, never for a while.
//!
//! `SIM_SEED=17 cargo test -p breakerbox-actors --test shell simulation`
//! replays one seed of the simulation; `SIM_SEEDS=1000` widens the sweep.

#[cfg(test)]
mod actix_facts;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod money;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod pings;
#[cfg(test)]
mod queueing;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod supervision;
#[cfg(test)]
mod support;
#[cfg(test)]
mod threads;
#[cfg(test)]
mod trials;
