//! Which targets one ping speaks for.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    id::TargetId,
    state::{event::Pong, health::Status, policy::ProbePolicy},
    target::Target,
};

/// Targets of one endpoint that are pinged together: a ping that asks for no
/// model says the same of all.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The first one gives the group its name and takes the ping; never empty.
    pub(super) targets: Vec<Arc<Target>>,
    pub(super) policy: ProbePolicy,
}

impl Group {
    /// Returns whether pings are what any of them is waiting for.
    pub(super) fn is_out(&self) -> bool {
        self.targets.iter().any(|it| is_out(it.status()))
    }

    /// Returns whether requests have begun to fail at one that is not out.
    pub(super) fn is_doubtful(&self) -> bool {
        let fails = |target: &Arc<Target>| target.snapshot.lock().machine.failures_in_a_row() > 0;
        !self.is_out() && self.targets.iter().any(fails)
    }

    /// Returns what `pong`, heard after `took`, says of its targets. What one
    /// key serves for one model it is good for: for the others, too, a free
    /// ping that was refused for it shows no more than life.
    pub(super) fn judge(&self, pong: Pong, took: Duration) -> Pong {
        let refutes = |target: &Arc<Target>| target.snapshot.lock().machine.refutes_key_pings();
        if pong == Pong::KeyRejected && !self.policy.billed && self.targets.iter().any(refutes) {
            return Pong::Alive { latency: took };
        }
        pong
    }

    /// Returns how many pings in quick succession settle a doubt: beside the
    /// threshold one more, for what was served since the last ping outvotes
    /// the first.
    pub(super) fn quick_pings(&self) -> u32 {
        self.policy.unhealthy_threshold.get()
    }

    pub(super) fn has(&self, target: &Arc<Target>) -> bool {
        self.targets.iter().any(|it| Arc::ptr_eq(it, target))
    }

    /// Returns whether it goes on as `other` did.
    pub(super) fn continues(&self, other: &Self) -> bool {
        let firsts = self.targets.first().zip(other.targets.first());
        firsts.is_some_and(|(mine, theirs)| Arc::ptr_eq(mine, theirs))
    }

    /// Returns whether its ping may be sent at `now`.
    pub(super) fn may_be_pinged(&self, now: Instant) -> bool {
        let may = |target: &Arc<Target>| target.snapshot.lock().machine.may_be_pinged(now);
        !self.policy.billed || self.targets.iter().all(may)
    }
}

/// Returns whether pings are what a target of this status is waiting for.
pub(super) fn is_out(status: Status) -> bool {
    status == Status::Unhealthy
}

/// All groups, by the name of their first target.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<TargetId, Group>,
    names: BTreeMap<TargetId, TargetId>,
}

impl Groups {
    /// Groups what is `watched`: those of one endpoint that are pinged alike,
    /// unless each ping is billed to its model.
    pub(super) fn form(watched: Vec<(Arc<Target>, ProbePolicy)>) -> Self {
        let mut this = Self::default();
        for (target, policy) in watched {
            let alike = |(name, group): &(&TargetId, &mut Group)| {
                !policy.billed && name.endpoint() == target.id.endpoint() && group.policy == policy
            };
            let id = target.id.clone();
            let name = match this.groups.iter_mut().find(alike) {
                Some((name, group)) => {
                    group.targets.push(target);
                    name.clone()
                }
                None => {
                    let targets = vec![target];
                    this.groups.insert(id.clone(), Group { targets, policy });
                    id.clone()
                }
            };
            this.names.insert(id, name);
        }
        this
    }

    pub(super) fn get(&self, name: &TargetId) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Returns the group that `target` belongs to, and its name.
    pub(super) fn of(&self, target: &TargetId) -> Option<(&TargetId, &Group)> {
        self.groups.get_key_value(self.names.get(target)?)
    }

    /// Returns whether this very target, not another of its name, is in a group.
    pub(super) fn watches(&self, target: &Arc<Target>) -> bool {
        let group = self.of(&target.id);
        group.is_some_and(|(_, group)| group.has(target))
    }

    /// Returns how many targets are pinged.
    pub(super) fn pinged(&self) -> usize {
        let pinged = self.groups.values().filter(|it| it.policy.enabled);
        pinged.map(|it| it.targets.len()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TargetId, &Group)> {
        self.groups.iter()
    }
}
