//! What must hold whatever happens.

use std::num::NonZeroU32;

use breakerbox_actors::state::breaker::Phase;

use super::{MINUTE, Place, World};
use crate::cell::{Kind, Lease};

impl World {
    /// Checks what must hold when a request starts.
    pub(super) fn check_start(&mut self, place: usize, lease: Lease) {
        let whereabouts = self.whereabouts();
        let now = self.now;
        let place = &mut self.places[place];
        let view = place.endpoint.machine.view(now);
        match lease.kind {
            Kind::Credit => assert_eq!(view.phase, Phase::Closed, "{whereabouts}"),
            Kind::Trial => {
                assert_eq!(view.phase, Phase::HalfOpen, "{whereabouts}");
                self.seen.note("trial");
            }
            Kind::LastResort => {
                assert_eq!(view.phase, Phase::Open, "{whereabouts}");
                self.seen.note("last_resort");
            }
        }
        assert!(!view.drained, "{whereabouts}: drained");
        assert_eq!(view.cooldown_until, None, "{whereabouts}: cooling down");
        if let Some((_, deadline)) = place.trial.filter(|_| lease.kind != Kind::Credit) {
            assert!(deadline <= now, "{whereabouts}: two trials");
        }
        place.minute.push_back((now, lease.mark, lease.reserved));
        while place
            .minute
            .front()
            .is_some_and(|entry| entry.0 + MINUTE <= now)
        {
            place.minute.pop_front();
        }
        let (requests, tokens) = place
            .minute
            .iter()
            .fold((0, 0), |(requests, tokens), entry| {
                (requests + 1, tokens + entry.2)
            });
        let limits = &place.endpoint.machine.policy().limits;
        let most =
            |limit: Option<NonZeroU32>| limit.map_or(u64::MAX, |limit| u64::from(limit.get()));
        assert!(
            requests <= most(limits.rpm),
            "{whereabouts}: {requests} requests"
        );
        assert!(tokens <= most(limits.tpm), "{whereabouts}: {tokens} tokens");
    }

    /// Checks what must hold after every step.
    pub(super) fn check_step(&self, place: usize) {
        let whereabouts = self.whereabouts();
        let Place {
            grant,
            endpoint,
            trial,
            ..
        } = &self.places[place];
        let view = endpoint.machine.view(self.now);
        assert_eq!(
            grant.refusal.is_none(),
            grant.credits > 0,
            "{whereabouts}: {grant:?}"
        );
        assert!(
            grant.weight.is_finite() && grant.weight > 0.0,
            "{whereabouts}: {grant:?}"
        );
        let until = grant.refusal.and_then(|refusal| refusal.until);
        assert!(
            until.is_none_or(|until| until > self.now),
            "{whereabouts}: {grant:?}"
        );
        assert!(
            grant.credits == 0 || view.phase != Phase::Open,
            "{whereabouts}: {grant:?}"
        );
        assert!(
            grant.last_resort == 0 || view.phase == Phase::Open,
            "{whereabouts}: {grant:?}"
        );
        let lent = (view.phase == Phase::HalfOpen && grant.credits > 0) || grant.last_resort > 0;
        let alive = trial.is_some_and(|trial| trial.1 > self.now);
        assert!(!(lent && alive), "{whereabouts}: a second trial is lent");
        assert!(
            view.phase != Phase::HalfOpen || grant.credits <= 1,
            "{whereabouts}: {grant:?}"
        );
    }
}
