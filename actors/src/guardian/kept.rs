//! One target that the guardian keeps, seen from outside.

use std::sync::Arc;

use crate::{
    chance::luck,
    clock,
    endpoint::{self, Surroundings},
    messages::{Drain, Patch, Retire},
    spec::TargetSpec,
    state::policy::EndpointPolicy,
    supervise::{self, Bond, Incident, SILENT_BEATS},
    target::Target,
};

/// A target, and what its actor was last told to be.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) target: Arc<Target>,
    pub(super) identity: Arc<str>,
    pub(super) credentials: u64,
    pub(super) policy: EndpointPolicy,
    pub(super) drained: bool,
    pub(super) arbiter: usize,
    /// Messages handled up to the last beat.
    pub(super) handled: u64,
    /// Beats since which mail waits and none is handled.
    pub(super) silent: u32,
}

/// How an actor looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Well,
    /// Its mailbox is closed: supervisor or arbiter are gone.
    Gone,
    /// It does not handle its mail.
    Silent,
}

impl Kept {
    /// Looks at the actor from outside; called once a beat.
    pub(super) fn sign(&mut self) -> Sign {
        let Some(office) = self.target.office() else {
            return Sign::Well;
        };
        if !office.addr.connected() {
            return Sign::Gone;
        }
        let handled = office.mail.handled_count();
        let idle = handled == self.handled && office.mail.depth() > 0;
        self.handled = handled;
        self.silent = if idle && !office.bond.is_resting() {
            self.silent + 1
        } else {
            0
        };
        if self.silent >= SILENT_BEATS {
            Sign::Silent
        } else {
            Sign::Well
        }
    }

    /// Tells the actor again what it is to be, if a panic or a replacement
    /// has swallowed it: all mail is handled, and still it is not so.
    pub(super) fn remind(&self) {
        let Some(office) = self.target.office() else {
            return;
        };
        if office.mail.depth() > 0 || office.bond.is_resting() {
            return;
        }
        let (policy, drained) = {
            let saved = self.target.snapshot.lock();
            (*saved.machine.policy(), saved.machine.is_drained())
        };
        if policy != self.policy {
            office.post(Patch(self.policy));
        }
        if drained != self.drained {
            office.post(Drain(self.drained));
        }
    }

    /// Gives the actor new settings; its state stays. New credentials are told
    /// by a patch that changes nothing: a rejected key is then tried again.
    pub(super) fn patched(&self, spec: &TargetSpec) -> Self {
        if (self.policy, self.credentials) != (spec.policy, spec.credentials) {
            self.target.post(Patch(spec.policy));
        }
        Self {
            policy: spec.policy,
            credentials: spec.credentials,
            ..self.clone()
        }
    }

    /// Takes the target's grant back and ends its actor, also one that is
    /// stuck. Its series stay until the last request to it is over.
    pub(super) fn retire(&self) {
        let target = &self.target;
        let now = clock::now();
        let office = {
            // Under the lock the actor either has committed or will see that
            // it was retired: it publishes nothing after this.
            let mut saved = target.snapshot.lock();
            let office = target.move_to(None);
            if let Some(office) = &office {
                office.bond.retire();
            }
            let changes = saved.withdraw(&target.cell, now, luck(), None);
            endpoint::tell(target, &saved.machine, changes, now);
            office
        };
        if let Some(office) = office {
            office.post(Retire);
        }
    }
}

/// Tells of a restart; takes a resting actor's grant back.
pub(super) fn tell(target: &Target, bond: &Bond, around: &Surroundings, incident: Incident) {
    let reason = incident.ended.label();
    target.metrics.actor.restarted(reason);
    let Some(until) = incident.rests_until else {
        tracing::warn!(endpoint = %target.id, reason, "endpoint actor restarted");
        return;
    };
    tracing::error!(
        endpoint = %target.id,
        reason,
        seconds = supervise::QUARANTINE.as_secs(),
        "endpoint actor restarted too often: quarantined"
    );
    {
        let mut saved = target.snapshot.lock();
        if bond.is_retired() {
            return;
        }
        let now = clock::now();
        let changes = saved.withdraw(&target.cell, now, luck(), Some(until));
        endpoint::tell(target, &saved.machine, changes, now);
    }
    around.tell(target, target.status(), false);
    // Who waits for it hears why there is no use in it.
    around.bell.ring();
}
