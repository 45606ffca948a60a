use metrics::{Level, Metadata, Recorder as _};

use super::*;

static METADATA: Metadata<'static> = Metadata::new("test", Level::INFO, None);

fn key(name: &'static str, endpoint: &str) -> Key {
    let label = metrics::Label::new("endpoint", endpoint.to_owned());
    Key::from_parts(name, vec![label])
}

fn names(recorder: &Recorder) -> Vec<String> {
    let mut names = Vec::new();
    recorder.visit(|key, _| names.push(key.name().to_owned()));
    names
}

const COUNTER: &str = "breakerbox_upstream_requests_total";
const GAUGE: &str = "breakerbox_endpoint_weight";
const HISTOGRAM: &str = "breakerbox_upstream_request_duration_seconds";

#[test]
fn what_is_not_in_the_catalogue_is_not_kept() {
    let recorder = Recorder::new();
    for name in ["made_up", "breakerbox_made_up_total"] {
        recorder
            .register_counter(&key(name, "a"), &METADATA)
            .increment(1);
        recorder.register_gauge(&key(name, "a"), &METADATA).set(1.0);
        recorder
            .register_histogram(&key(name, "a"), &METADATA)
            .record(1.0);
    }
    assert!(names(&recorder).is_empty());
}

#[test]
fn a_histogram_counts_each_sample_once_and_its_bounds_belong_to_the_lower_side() {
    let recorder = Recorder::new();
    let histogram = recorder.register_histogram(&key(HISTOGRAM, "a"), &METADATA);
    for value in [0.0, 0.001, 0.0011, 0.3, 600.0, 601.0] {
        histogram.record(value);
    }
    let mut seen = None;
    recorder.visit(|_, place| seen = place.read());
    let Some(Value::Distribution(seen)) = seen else {
        panic!("a histogram");
    };
    let bounds = match entry(&key(HISTOGRAM, "a")).map(|it| it.kind) {
        Some(Kind::Histogram(bounds)) => bounds,
        _ => panic!("a histogram"),
    };
    let up_to = |bound: f64| {
        let at = bounds.iter().position(|it| *it == bound);
        at.and_then(|at| seen.totals.get(at).copied())
    };
    assert_eq!(up_to(0.001), Some(2));
    assert_eq!(up_to(0.005), Some(3));
    assert_eq!(up_to(0.25), Some(3));
    assert_eq!(up_to(0.5), Some(4));
    assert_eq!(up_to(600.0), Some(5));
    assert_eq!((seen.count, seen.totals.len()), (6, 24));
    assert!((seen.sum - 1201.3021).abs() < 1e-9, "{}", seen.sum);
}

#[test]
fn a_series_is_kept_while_it_is_known_or_held() {
    let recorder = Recorder::new();
    let held = recorder.register_counter(&key(COUNTER, "held"), &METADATA);
    recorder
        .register_counter(&key(COUNTER, "known"), &METADATA)
        .increment(7);
    recorder
        .register_counter(&key(COUNTER, "gone"), &METADATA)
        .increment(1);
    recorder
        .register_gauge(&key(GAUGE, "gone"), &METADATA)
        .set(1.0);
    recorder
        .register_histogram(&key(HISTOGRAM, "gone"), &METADATA)
        .record(1.0);
    let known = |key: &Key| key.labels().any(|label| label.value() == "known");
    recorder.retain(known);
    assert_eq!(names(&recorder), [COUNTER, COUNTER]);
    held.increment(3);
    // Whoever asks for it meanwhile finds the same series.
    drop(held);
    recorder
        .register_counter(&key(COUNTER, "held"), &METADATA)
        .increment(1);
    let mut sum = 0;
    recorder.visit(|_, value| {
        if let Some(Value::Whole(value)) = value.read() {
            sum += value;
        }
    });
    assert_eq!(sum, 11);
    recorder.retain(known);
    assert_eq!(names(&recorder), [COUNTER]);
}

#[test]
fn a_thousand_renames_leave_nothing_behind() {
    let recorder = Recorder::new();
    for number in 0..1_000 {
        let name = format!("endpoint-{number}");
        let counter = recorder.register_counter(&key(COUNTER, &name), &METADATA);
        let gauge = recorder.register_gauge(&key(GAUGE, &name), &METADATA);
        let histogram = recorder.register_histogram(&key(HISTOGRAM, &name), &METADATA);
        recorder.retain(|key| key.labels().any(|label| label.value() == name));
        assert_eq!(names(&recorder).len(), 3, "{name}");
        drop((counter, gauge, histogram));
    }
}
