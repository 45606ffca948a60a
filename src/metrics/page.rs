//! The text of `/metrics`: the series of the catalogue in its order.
//!
//! A page of a hundred endpoints has tens of thousands of lines, so what lines
//! share is written once and copied: the labels of a series, the bounds of a
//! metric.

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
    recorder::{Recorder, Value},
};

/// The longest number, and what else a line has beside name and labels.
const REST_OF_LINE: usize = 40;

/// Writes everything recorded, in Prometheus's text format.
pub(super) fn text(recorder: &Recorder) -> String {
    let mut families: Vec<Family> = catalogue().map(Family::new).collect();
    let mut places = HashMap::with_capacity(families.len());
    for (place, family) in families.iter().enumerate() {
        places.insert(family.metric.name, place);
    }
    recorder.visit(|key, value| {
        let place = places.get(key.name()).copied();
        if let Some(family) = place.and_then(|place| families.get_mut(place)) {
            family.add(key, &value);
        }
    });
    let mut text = String::new();
    for family in families {
        family.write(&mut text);
    }
    text
}

/// All series of one metric.
struct Family {
    metric: &'static Metric,
    /// Of a histogram, upper bounds as `le` has them; the last one is infinite.
    bounds: Vec<String>,
    series: Vec<String>,
}

impl Family {
    fn new(metric: &'static Metric) -> Self {
        let bounds = match metric.kind {
            Kind::Histogram(bounds) => bounds,
            _ => &[],
        };
        let bounds = bounds.iter().map(|bound| format!("le=\"{bound}\"}} "));
        Self {
            metric,
            bounds: bounds.chain(["le=\"+Inf\"} ".to_owned()]).collect(),
            series: Vec::new(),
        }
    }

    /// Writes one series.
    fn add(&mut self, key: &Key, value: &Value) {
        let labels = LabelSet::from_key_and_global(key, &Default::default());
        let labels = labels.to_strings().collect::<Vec<_>>().join(",");
        let lines = match value {
            Value::Distribution(_) => self.bounds.len() + 2,
            _ => 1,
        };
        let line = key.name().len() + labels.len() + REST_OF_LINE;
        let mut text = String::with_capacity(lines * line);
        let head = |text: &mut String, suffix: &str| {
            text.push_str(key.name());
            text.push_str(suffix);
            if !labels.is_empty() {
                text.push('{');
                text.push_str(&labels);
                text.push('}');
            }
            text.push(' ');
        };
        match value {
            Value::Whole(value) => {
                head(&mut text, "");
                whole(&mut text, *value);
            }
            Value::Real(value) => {
                head(&mut text, "");
                real(&mut text, *value);
            }
            Value::Distribution(all) => {
                let comma = if labels.is_empty() { "" } else { "," };
                let totals = all.totals.iter().copied().chain([all.count]);
                for (bound, total) in self.bounds.iter().zip(totals) {
                    for part in [key.name(), "_bucket{", &labels, comma, bound] {
                        text.push_str(part);
                    }
                    whole(&mut text, total);
                }
                head(&mut text, "_sum");
                real(&mut text, all.sum);
                head(&mut text, "_count");
                whole(&mut text, all.count);
            }
        }
        self.series.push(text);
    }

    /// Writes the metric, unless it has no series.
    fn write(mut self, text: &mut String) {
        if self.series.is_empty() {
            return;
        }
        self.series.sort_unstable();
        write_help_line(text, self.metric.name, None, None, self.metric.help);
        let kind = match self.metric.kind {
            Kind::Counter | Kind::Sum => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        write_type_line(text, self.metric.name, None, None, kind);
        text.extend(self.series);
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
