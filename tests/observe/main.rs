//! What operators look at: the shipped dashboards and rules against a real Prometheus that scrapes a real
//! gateway, and the files of config/deploy that put them together.
//!
//! `make setup` brings Prometheus; without it these tests fail and say so.

#[cfg(test)]
#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "../support"]
mod support {
    pub(crate) mod chat;
    pub(crate) mod client;
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod wait;
}

#[cfg(test)]
mod dashboards;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod live;
#[cfg(test)]
mod page;
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod shipped;
