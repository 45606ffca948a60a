//! Breakers, limits and pings.

use std::{num::NonZeroU32, time::Duration};

use breakerbox_actors::{
    error::InvalidPolicy,
    state::policy::{
        BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings, Ratio,
        Weight,
    },
};

use super::{Check, below, invalid};
use crate::config::{
    places::Step,
    settings::ProbeKind,
    shape::{self, Dur},
};

/// The sections that endpoints override, and what is wrong with them already.
pub(super) struct Sections {
    breaker: BreakerSettings,
    probe: ProbeSettings,
    kind: ProbeKind,
    refused: [Option<InvalidPolicy>; 2],
}

/// What [`policy`] makes for one endpoint.
pub(super) struct Policies {
    pub(super) policy: EndpointPolicy,
    pub(super) breaker: BreakerSettings,
    pub(super) probe: ProbeSettings,
    pub(super) kind: ProbeKind,
}

/// Reads the sections `breaker` and `probe` over the defaults.
pub(super) fn sections(check: &mut Check<'_>, file: &shape::File) -> Sections {
    let mut sections = Sections {
        breaker: BreakerSettings::default(),
        probe: ProbeSettings::default(),
        kind: ProbeKind::Models,
        refused: [None, None],
    };
    if let Some(given) = &file.breaker {
        sections.breaker = given.over(&sections.breaker);
        let refused = BreakerPolicy::new(&sections.breaker).err();
        report(check, &[Step::Key("breaker")], refused);
        sections.refused[0] = refused;
    }
    if let Some(given) = &file.probe {
        sections.kind = given.kind.map_or(sections.kind, kind);
        sections.probe = given.over(&sections.probe);
        let refused = ProbePolicy::new(&sections.probe).err();
        report(check, &[Step::Key("probe")], refused);
        sections.refused[1] = refused;
    }
    sections
}

/// Builds the policy of the endpoint at `path`.
pub(super) fn policy(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Endpoint,
    sections: &Sections,
) -> Option<Policies> {
    let breaker_settings = given.breaker.clone().unwrap_or_default();
    let breaker_settings = breaker_settings.over(&sections.breaker);
    let breaker = BreakerPolicy::new(&breaker_settings);
    // The section was refused for the same reason: saying it once is enough.
    let news = |error: InvalidPolicy| !sections.refused.contains(&Some(error));
    report(
        check,
        &below(path, "breaker"),
        breaker.err().filter(|error| news(*error)),
    );

    let probe = given.probe.clone().unwrap_or_default();
    let kind = probe.kind.map_or(sections.kind, kind);
    let probe_settings = ProbeSettings {
        enabled: kind != ProbeKind::None,
        billed: kind == ProbeKind::Chat,
        ..probe.over(&sections.probe)
    };
    let probe = ProbePolicy::new(&probe_settings);
    report(
        check,
        &below(path, "probe"),
        probe.err().filter(|error| news(*error)),
    );

    let weight = Weight::new(given.weight.unwrap_or(1.0));
    report(check, path, weight.err());

    let limits = given.limits.unwrap_or_default();
    let limits = Limits {
        rpm: limits.rpm.and_then(NonZeroU32::new),
        tpm: limits.tpm.and_then(NonZeroU32::new),
        rpd: limits.rpd.and_then(NonZeroU32::new),
        max_in_flight: limits.max_in_flight.and_then(NonZeroU32::new),
    };
    let policy = EndpointPolicy {
        weight: weight.ok()?,
        breaker: breaker.ok()?,
        limits,
        probe: probe.ok()?,
    };
    Some(Policies {
        policy,
        breaker: breaker_settings,
        probe: probe_settings,
        kind,
    })
}

fn report(check: &mut Check<'_>, section: &[Step<'_>], refused: Option<InvalidPolicy>) {
    let Some(InvalidPolicy { key, expected }) = refused else {
        return;
    };
    let at = below(section, key);
    let problem = invalid(&format!("`{key}` does not fit the other settings"))
        .expect(&format!("{key}: {expected}"));
    let problem = match check.given(&at) {
        true => problem,
        false => problem.help(&format!("give `{key}`, too: its default does not fit")),
    };
    check.refuse(&at, problem);
}

fn kind(given: shape::ProbeKind) -> ProbeKind {
    match given {
        shape::ProbeKind::Models => ProbeKind::Models,
        shape::ProbeKind::Health => ProbeKind::Health,
        shape::ProbeKind::Chat => ProbeKind::Chat,
        shape::ProbeKind::None => ProbeKind::None,
    }
}

/// Returns `given`, or `millis` by default.
pub(super) fn time(given: Option<Dur>, millis: u64) -> Duration {
    given.map_or(Duration::from_millis(millis), |dur| dur.0)
}

/// Returns a share whose range the schema has checked.
pub(super) fn ratio(value: f64) -> Ratio {
    Ratio::new(value.clamp(0.0, 1.0)).unwrap_or(Ratio::ONE)
}
