//! The text of `/metrics`: the series of the catalogue in its order.
//!
//! A page of a hundred endpoints has tens of thousands of lines, and from one
//! scrape to the next only their numbers differ: all else is spelled once, and
//! again when series come or go.

use std::fmt::Write as _;

use breakerbox_actors::metrics::{Kind, Metric};
use foldhash::{HashMap, HashMapExt};
use metrics::Key;
use metrics_exporter_prometheus::{
    LabelSet,
    formatting::{write_help_line, write_type_line},
};

use super::{
    catalogue::catalogue,
    recorder::{Place, Recorder, Value},
};

/// Everything but the numbers.
pub(super) struct Page {
    /// See [`Recorder::changes`].
    changes: u64,
    families: Vec<Family>,
    /// How long the text was.
    length: usize,
}

/// All series of one metric.
struct Family {
    metric: &'static Metric,
    /// Its help and its type.
    head: String,
    /// Of a histogram, upper bounds as `le` has them; the last one is infinite.
    bounds: Vec<String>,
    series: Vec<Series>,
}

/// One series, and how its labels are written, without braces.
struct Series {
    labels: String,
    place: Place,
}

impl Page {
    /// Spells what `recorder` has.
    pub(super) fn of(recorder: &Recorder) -> Self {
        // Before they are visited: what comes meanwhile is a change.
        let changes = recorder.changes();
        let mut families: Vec<Family> = catalogue().map(Family::new).collect();
        let mut at = HashMap::with_capacity(families.len());
        for (place, family) in families.iter().enumerate() {
            at.insert(family.metric.name, place);
        }
        recorder.visit(|key, place| {
            let family = at.get(key.name()).and_then(|at| families.get_mut(*at));
            if let Some(family) = family {
                family.series.push(Series::new(key, place));
            }
        });
        families.retain(|family| !family.series.is_empty());
        for family in &mut families {
            family
                .series
                .sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        }
        Self {
            changes,
            families,
            length: 0,
        }
    }

    /// Returns whether `recorder` still has the same series.
    pub(super) fn is_of(&self, recorder: &Recorder) -> bool {
        self.changes == recorder.changes()
    }

    /// Writes everything as it is now, in Prometheus's text format.
    pub(super) fn text(&mut self) -> String {
        let mut text = String::with_capacity(self.length + self.length / 16);
        for family in &self.families {
            family.write(&mut text);
        }
        self.length = text.len();
        text
    }
}

impl Family {
    fn new(metric: &'static Metric) -> Self {
        let (kind, bounds): (_, &[f64]) = match metric.kind {
            Kind::Counter | Kind::Sum => ("counter", &[]),
            Kind::Gauge => ("gauge", &[]),
            Kind::Histogram(bounds) => ("histogram", bounds),
        };
        let mut head = String::new();
        write_help_line(&mut head, metric.name, None, None, metric.help);
        write_type_line(&mut head, metric.name, None, None, kind);
        let bounds = bounds.iter().map(|bound| format!("le=\"{bound}\"}} "));
        Self {
            metric,
            head,
            bounds: bounds.chain(["le=\"+Inf\"} ".to_owned()]).collect(),
            series: Vec::new(),
        }
    }

    fn write(&self, text: &mut String) {
        let name = self.metric.name;
        text.push_str(&self.head);
        for series in &self.series {
            match series.place.read() {
                // It is forgotten this moment.
                None => {}
                Some(Value::Whole(value)) => {
                    series.begin(text, name, "");
                    whole(text, value);
                }
                Some(Value::Real(value)) => {
                    series.begin(text, name, "");
                    real(text, value);
                }
                Some(Value::Distribution(all)) => {
                    let comma = if series.labels.is_empty() { "" } else { "," };
                    let totals = all.totals.iter().copied().chain([all.count]);
                    for (bound, total) in self.bounds.iter().zip(totals) {
                        for part in [name, "_bucket{", &series.labels, comma, bound] {
                            text.push_str(part);
                        }
                        whole(text, total);
                    }
                    series.begin(text, name, "_sum");
                    real(text, all.sum);
                    series.begin(text, name, "_count");
                    whole(text, all.count);
                }
            }
        }
    }
}

impl Series {
    fn new(key: &Key, place: Place) -> Self {
        let labels = LabelSet::from_key_and_global(key, &Default::default());
        Self {
            labels: labels.to_strings().collect::<Vec<_>>().join(","),
            place,
        }
    }

    /// Writes a line up to its number.
    fn begin(&self, text: &mut String, name: &str, suffix: &str) {
        text.push_str(name);
        text.push_str(suffix);
        if !self.labels.is_empty() {
            text.push('{');
            text.push_str(&self.labels);
            text.push('}');
        }
        text.push(' ');
    }
}

/// Ends a line; writing to a string cannot fail.
fn whole(text: &mut String, value: u64) {
    writeln!(text, "{value}").ok();
}

/// As [`whole`], in Prometheus's spelling.
fn real(text: &mut String, value: f64) {
    match value {
        f64::INFINITY => writeln!(text, "+Inf").ok(),
        value => writeln!(text, "{value}").ok(),
    };
}

#[cfg(test)]
mod tests {
    use metrics::{Label, Level, Metadata, Recorder as _};

    use super::*;

    static METADATA: Metadata<'static> = Metadata::new("test", Level::INFO, None);

    fn key(name: &'static str, label: &'static str, value: &'static str) -> Key {
        Key::from_parts(name, vec![Label::new(label, value)])
    }

    #[test]
    fn numbers_are_read_each_time_and_series_when_they_come_or_go() {
        const COUNTER: &str = "breakerbox_upstream_requests_total";
        let recorder = Recorder::new();
        let counter = recorder.register_counter(&key(COUNTER, "endpoint", "b\"\n"), &METADATA);
        let mut page = Page::of(&recorder);
        counter.increment(7);
        assert!(page.is_of(&recorder));
        let text = page.text();
        assert!(
            text.contains(&format!("# TYPE {COUNTER} counter\n")),
            "{text}"
        );
        let line = format!("\n{COUNTER}{{endpoint=\"b\\\"\\n\"}} 7\n");
        assert!(text.contains(&line), "{text}");

        let histogram = key("breakerbox_overhead_seconds", "api", "x");
        recorder
            .register_histogram(&histogram, &METADATA)
            .record(99.0);
        recorder
            .register_counter(&key(COUNTER, "endpoint", "a"), &METADATA)
            .increment(1);
        assert!(!page.is_of(&recorder), "more series");
        let mut page = Page::of(&recorder);
        let text = page.text();
        let [a, b] = ["\"a\"} 1\n", "\\n\"} 7\n"].map(|it| text.find(it).expect("a series"));
        assert!(a < b, "in order: {text}");
        for line in [
            "breakerbox_overhead_seconds_bucket{api=\"x\",le=\"10\"} 0\n",
            "breakerbox_overhead_seconds_bucket{api=\"x\",le=\"+Inf\"} 1\n",
            "breakerbox_overhead_seconds_sum{api=\"x\"} 99\n",
            "breakerbox_overhead_seconds_count{api=\"x\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }

        let is_counter = |key: &Key| key.name() == COUNTER;
        assert_eq!(recorder.retain(is_counter), 0);
        assert!(!page.is_of(&recorder), "fewer series");
        assert!(
            !page.text().contains("api=\"x\""),
            "what is forgotten has no numbers"
        );
    }
}
