use breakerbox_actors::state::event::{Event, Outcome, Pong};

use super::*;
use crate::admin::testing::Patient;

/// One failure opens.
const FRAIL: &str = "breaker: { failure_threshold: 1 }";

fn told(alerts: &mut Alerts, of: &Patient) -> Option<Alert> {
    let seen = of.seen();
    let bad = Bad::of(&seen, &of.config, of.kept_reason());
    alerts.status(&of.target, seen.view.status, bad, of.now)
}

fn refreshed(alerts: &mut Alerts, of: &Patient) -> Option<Alert> {
    let seen = of.seen();
    let bad = Bad::of(&seen, &of.config, of.kept_reason());
    alerts.refresh(&of.target, seen.view.status, bad, of.now)
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

#[test]
fn evidence_names_the_threshold_that_was_reached() {
    let threshold = |of: &Patient| {
        let alert = told(&mut Alerts::default(), of).expect("an alert");
        alert.evidence["threshold"].clone()
    };
    let mut pinged = Patient::new("eu", "m", "probe: { unhealthy_threshold: 2 }");
    for _ in 0..2 {
        pinged.step(Event::Pong(Pong::Failed));
    }
    let pings = json!({ "key": "probe.unhealthy_threshold", "value": 2 });
    assert_eq!(threshold(&pinged), pings);
    let alert = told(&mut Alerts::default(), &pinged).expect("an alert");
    assert_eq!(
        (
            &alert.evidence["counted_failures"],
            &alert.evidence["failure_threshold"]
        ),
        (&json!(2), &Value::Null)
    );

    let mut row = Patient::new("eu", "m", "breaker: { failure_threshold: 3 }");
    row.fails(3);
    let failures = json!({ "key": "breaker.failure_threshold", "value": 3 });
    assert_eq!(threshold(&row), failures);

    let keys = "breaker: { failure_threshold: 99, min_requests: 4, failure_rate: 0.5 }";
    let mut rate = Patient::new("eu", "m", keys);
    for _ in 0..2 {
        rate.ends(Outcome::Success);
        rate.fails(1);
    }
    let share = json!({ "key": "breaker.failure_rate", "value": 0.5 });
    assert_eq!(threshold(&rate), share);

    let mut rejected = Patient::new("eu", "m", "");
    rejected.ends(Outcome::KeyRejected);
    assert_eq!(threshold(&rejected), Value::Null);
}

#[test]
fn what_opened_the_circuit_first_is_told_after_trials_that_failed() {
    let mut alerts = Alerts::default();
    let mut it = Patient::new("eu", "m", "breaker: { failure_threshold: 3 }");
    it.fails(3);
    let first = told(&mut alerts, &it).expect("an alert");
    assert_eq!(first.evidence["counted_failures"], 3);
    assert_eq!(first.evidence["first_opening"], Value::Null);
    for _ in 0..2 {
        it.waits(Duration::from_secs(3600));
        told(&mut alerts, &it);
        it.fails(1);
        told(&mut alerts, &it);
        let list = alerts.list();
        let evidence = &list[0].evidence;
        assert_eq!(
            (list.len(), &evidence["cause"]),
            (1, &json!("trial_failed"))
        );
        assert_eq!(evidence["counted_failures"], Value::Null);
        let opening = &evidence["first_opening"];
        assert_eq!(
            (
                &opening["cause"],
                &opening["counted_failures"],
                &opening["counted_of"]
            ),
            (&json!("failures"), &json!(3), &json!(3))
        );
        assert_eq!(opening["threshold"]["value"], 3);
    }
}

#[test]
fn an_alert_that_says_something_else_is_told_though_it_is_not_worse() {
    let mut alerts = Alerts::default();
    let mut it = out("eu", "m");
    let mut last = told(&mut alerts, &it).expect("an alert");
    let mut kinds = vec![last.kind];
    it.waits(Duration::from_secs(3600));
    for step in [Event::Reset, Event::Tick] {
        it.step(step);
        if let Some(now) = told(&mut alerts, &it) {
            kinds.push(now.kind);
            last = now;
        }
        assert_eq!(last.message, alerts.list()[0].message);
    }
    assert_eq!(kinds, ["endpoint_down", "endpoint_degraded"]);
}

#[test]
fn an_open_alert_is_kept_true_without_another_line() {
    let mut alerts = Alerts::default();
    let mut it = Patient::new("eu", "m", "breaker: { failure_threshold: 3 }");
    it.fails(3);
    let first = told(&mut alerts, &it).expect("an alert");
    assert!(
        first.message.ends_with("(failure_threshold): circuit open"),
        "what is kept tells no time left: {}",
        first.message
    );
    it.waits(Duration::from_secs(1));
    assert_eq!(refreshed(&mut alerts, &it), None, "nothing to tell");
    it.reloads("breaker: { failure_threshold: 10 }");
    let now = refreshed(&mut alerts, &it).expect("another threshold");
    assert_eq!((&now.id, &now.at), (&first.id, &first.at));
    assert_eq!(now.evidence["threshold"]["value"], 10);
    assert!(
        now.message.contains("failure_threshold, now 10"),
        "{}",
        now.message
    );
    assert_eq!(alerts.list(), [now]);
    // Neither one that is over nor one that nobody was told of comes up by it.
    mends(&mut it);
    told(&mut alerts, &it).expect("its end");
    it.fails(10);
    assert_eq!(refreshed(&mut alerts, &it), None);
    assert_eq!(refreshed(&mut alerts, &out("us", "m")), None);
    assert!(alerts.list()[0].resolved_at.is_some());
}

#[test]
fn a_refused_reload_names_the_place_of_what_is_wrong() {
    let refused = |problems: Vec<Shown>| Try {
        at: wall::now(),
        by: By::File,
        generation: 7,
        result: Err(problems),
    };
    let only = Shown::alone(
        "server.workers",
        "only a restart can change this".to_owned(),
    );
    let message = |it: &Try| {
        let alert = Alerts::default().reload(it, breakerbox_actors::clock::now());
        alert.expect("an alert").message
    };
    assert_eq!(
        message(&refused(vec![only.clone()])),
        "the configuration was refused, generation 7 stays: server.workers: only a restart can change this"
    );
    let placed = Shown {
        line: Some(2),
        ..Shown::alone("endpoints[0].wieght", "unknown key".to_owned())
    };
    assert_eq!(
        message(&refused(vec![placed, only])),
        "the configuration was refused, generation 7 stays: line 2: endpoints[0].wieght: unknown key; and 1 more"
    );
}
