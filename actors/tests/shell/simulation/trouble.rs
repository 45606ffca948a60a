//! What may befall an engine: bad upstreams, crashes, operators.

use breakerbox_actors::{guardian::DrainEndpoint, messages::Chaos, state::event::Pong};
use rand::RngExt;

use super::world::{NAMES, World, make};
use crate::support::{MS, Make, id, spec};

/// How an upstream really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upstream {
    Well,
    Broken,
    Limited,
    Silent,
}

impl World {
    pub(super) fn weather(&mut self) {
        let name = self.name();
        let upstream = match self.rng.random_range(0..6) {
            0..3 => Upstream::Well,
            3 => Upstream::Broken,
            4 => Upstream::Limited,
            _ => Upstream::Silent,
        };
        self.turns(name, upstream);
    }

    pub(super) fn turns(&mut self, name: &'static str, upstream: Upstream) {
        self.upstreams.insert(name, upstream);
        let answer = match upstream {
            Upstream::Well | Upstream::Limited => Some(Pong::Alive { latency: 10 * MS }),
            Upstream::Broken => Some(Pong::Failed),
            Upstream::Silent => None,
        };
        self.house.pinger.answers(name, answer);
    }

    pub(super) fn crash(&mut self) {
        let mut chaos = || match self.rng.random_range(0..3) {
            0 => Chaos::Panic,
            1 => Chaos::PanicIn(MS * 3),
            _ => Chaos::Stop,
        };
        let chaos = [chaos(), chaos()];
        match self.rng.random_range(0..10) {
            0 => self
                .house
                .engine
                .guardian()
                .try_send(chaos[0])
                .expect("an actor"),
            1 => self
                .house
                .engine
                .prober()
                .try_send(chaos[0])
                .expect("an actor"),
            2 => self.routers[self.rng.random_range(0..self.routers.len())]
                .try_send(chaos[0])
                .expect("an actor"),
            3 => {
                let name = self.name();
                for _ in 0..6 {
                    self.house.engine.chaos(&id(name), chaos[0]);
                }
            }
            _ => {
                let name = self.name();
                for chaos in chaos {
                    self.house.engine.chaos(&id(name), chaos);
                }
            }
        }
    }

    pub(super) async fn reload(&mut self) {
        let threshold = self.rng.random_range(2..8);
        let mut next: Vec<Make> = NAMES.map(make).into();
        for make in &mut next {
            make.breaker.failure_threshold = threshold;
        }
        if self.rng.random_bool(0.2) {
            next.pop();
            self.drained.remove("c");
            self.seen.note("removed");
        }
        self.targets = next;
        let applied = self.house.engine.apply(spec(&self.targets)).await;
        applied.expect("a guardian");
        self.seen.note("reloaded");
    }

    pub(super) async fn drain(&mut self) {
        let name = self.name();
        let drained = !self.drained.contains(name);
        self.tell_drain(name, drained).await;
    }

    pub(super) async fn tell_drain(&mut self, name: &'static str, drained: bool) {
        let endpoint = name.into();
        let guardian = self.house.engine.guardian();
        let found = guardian.send(DrainEndpoint { endpoint, drained }).await;
        if found == Ok(true) && drained {
            self.drained.insert(name);
            self.seen.note("drained");
        } else {
            self.drained.remove(name);
        }
    }
}
