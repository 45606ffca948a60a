use breakerbox_actors::state::event::{Event, Outcome};

use super::*;
use crate::admin::testing::Patient;

/// One failure opens.
const FRAIL: &str = "breaker: { failure_threshold: 1 }";

fn told(alerts: &mut Alerts, of: &Patient) -> Option<Alert> {
    let seen = of.seen();
    let bad = of.reason().map(|reason| Bad {
        seen: &seen,
        config: &of.config,
        reason,
    });
    alerts.status(&of.target, seen.view.status, bad, of.now)
}

fn out(endpoint: &str, model: &str) -> Patient {
    let mut patient = Patient::new(endpoint, model, FRAIL);
    patient.fails(1);
    patient
}

/// Closes its circuit and lets the weight grow.
fn mends(patient: &mut Patient) {
    patient.step(Event::Reset);
    patient.ends(Outcome::Success);
    patient.waits(Duration::from_secs(20));
}

#[test]
fn an_endpoint_that_is_out_for_all_its_models_is_one_incident() {
    let mut alerts = Alerts::default();
    let mut models = ["a", "b", "c", "d", "e"].map(|model| out("eu", model));
    let first = told(&mut alerts, &models[0]).expect("an alert");
    assert_eq!(first.models, ["a"]);
    for it in &models[1..] {
        let more = told(&mut alerts, it).expect("the page hears of it");
        assert_eq!((&more.id, &more.at), (&first.id, &first.at));
    }
    // Told again, it is no news.
    assert_eq!(told(&mut alerts, &models[2]), None);
    let list = alerts.list();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0].models, ["a", "b", "c", "d", "e"]);
    assert_eq!(list[0].model.as_deref(), Some("a"));
    let message = &list[0].message;
    assert!(
        message.starts_with("eu/a is unhealthy: 1 failures in a row"),
        "{message}"
    );
    assert!(
        message.ends_with("; not well either: b, c, d, e"),
        "{message}"
    );
    assert_eq!(list[0].evidence["counted_failures"], 1);

    for (number, it) in models.iter_mut().enumerate() {
        mends(it);
        let now = told(&mut alerts, it).expect("a change");
        assert_eq!(now.resolved_at.is_some(), number == 4, "{number}");
    }
    assert_eq!(alerts.list().len(), 1);

    // Another endpoint is another incident.
    told(&mut alerts, &out("us", "a")).expect("an alert");
    assert_eq!(alerts.list().len(), 2);
}

#[test]
fn the_worst_of_an_endpoint_s_models_gives_the_alert_its_kind() {
    let mut alerts = Alerts::default();
    let mut limited = Patient::new("eu", "a", FRAIL);
    limited.ends(Outcome::RateLimited {
        retry_after: None,
        daily: false,
    });
    assert_eq!(
        told(&mut alerts, &limited).expect("an alert").kind,
        "rate_limited"
    );
    let mut down = out("eu", "b");
    let worse = told(&mut alerts, &down).expect("an alert");
    assert_eq!(
        (worse.kind, worse.model.as_deref()),
        ("endpoint_down", Some("b"))
    );
    assert_eq!(worse.models, ["b", "a"]);
    mends(&mut down);
    let left = told(&mut alerts, &down).expect("a change");
    assert_eq!(
        (left.kind, left.models),
        ("rate_limited", vec!["a".to_owned()])
    );
    assert_eq!(alerts.list().len(), 1);
}

#[test]
fn models_that_leave_the_configuration_leave_their_incident() {
    let mut alerts = Alerts::default();
    let models = ["a", "b"].map(|model| out("eu", model));
    for it in &models {
        told(&mut alerts, it);
    }
    let now = models[0].now;
    let fewer = alerts.retain(|it| **it.model() == *"b", now);
    assert_eq!(fewer.len(), 1);
    assert_eq!(
        (&*fewer[0].models, &fewer[0].resolved_at),
        (&["b".to_owned()][..], &None)
    );
    let none = alerts.retain(|_| false, now);
    assert!(none[0].resolved_at.is_some());
    assert!(alerts.retain(|_| false, now + SAME).is_empty());
    assert!(alerts.incidents.is_empty() && alerts.unwell.is_empty());
}

#[test]
fn what_goes_on_is_the_last_to_be_forgotten() {
    let mut alerts = Alerts::default();
    let first = told(&mut alerts, &out("first", "m")).expect("an alert");
    let mut over = out("over", "m");
    told(&mut alerts, &over);
    mends(&mut over);
    told(&mut alerts, &over).expect("its end");
    for number in 2..=KEPT {
        told(&mut alerts, &out(&format!("more-{number}"), "m"));
    }
    let list = alerts.list();
    assert_eq!(list.len(), KEPT);
    assert_eq!(list.last().map(|it| &it.id), Some(&first.id));
    assert!(!list.iter().any(|it| it.endpoint.as_deref() == Some("over")));
    // Of a hundred that go on the oldest has to go; if it comes back, it is told.
    told(&mut alerts, &out("one-more", "m"));
    assert!(!alerts.list().iter().any(|it| it.id == first.id));
    assert_eq!(
        told(&mut alerts, &out("first", "m")).expect("told anew").id,
        first.id
    );
    assert_eq!(alerts.list().len(), KEPT);
}

#[test]
fn what_worsens_keeps_its_id_and_what_is_back_soon_is_the_same_incident() {
    let mut alerts = Alerts::default();
    let mut it = Patient::new("eu", "m", FRAIL);
    it.ends(Outcome::RateLimited {
        retry_after: None,
        daily: false,
    });
    let first = told(&mut alerts, &it).expect("an alert");
    assert_eq!((first.kind, first.severity), ("rate_limited", "warning"));
    it.fails(1);
    let worse = told(&mut alerts, &it).expect("it is worse");
    assert_eq!((worse.kind, worse.severity), ("endpoint_down", "critical"));
    assert_eq!((&worse.id, &worse.at), (&first.id, &first.at));

    mends(&mut it);
    let over = told(&mut alerts, &it).expect("its end");
    assert_eq!((&over.id, over.resolved_at.is_some()), (&first.id, true));
    assert_eq!(told(&mut alerts, &it), None, "it ends once");

    it.waits(SAME - Duration::from_secs(1));
    it.fails(1);
    let again = told(&mut alerts, &it).expect("it is back");
    assert_eq!((&again.id, &again.resolved_at), (&first.id, &None));
    assert_eq!(alerts.list().len(), 1);

    mends(&mut it);
    told(&mut alerts, &it).expect("its end");
    it.waits(SAME);
    it.fails(1);
    let other = told(&mut alerts, &it).expect("another one");
    assert_ne!(other.id, first.id);
    assert_eq!(alerts.list().len(), 2);
}
