//! Metrics: what was measured, of what, in some period.

pub mod distribution;
pub mod statistic;

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::owner::Owner;
use crate::time::{DAY_US, SECOND_US};
use crate::{CompactString, limit};

pub use distribution::Distribution;
pub use statistic::Statistic;

/// The namespaces that AWS keeps for itself begin so. Here collectors write them.
pub const AWS_NAMESPACE: &str = "AWS/";

/// What values are said to be that have no unit.
pub const NO_UNIT: &str = "None";

/// What values may be.
pub const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    NO_UNIT,
];

/// The period of values that nobody says otherwise of, in seconds.
pub const STANDARD_PERIOD: i64 = 60;

const NAME_BYTES_MAX: usize = 255;
const VALUE_BYTES_MAX: usize = 1_024;
/// 2^360 (AWS).
const NUMBER_MAX: f64 = 2.348_542_582_773_833e108;
/// How far from now a time may be (AWS).
pub const FUTURE_US: i64 = 2 * 3_600 * SECOND_US;
pub const PAST_US: i64 = 14 * DAY_US;

/// What a metric is told apart by from all others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricId {
    pub namespace: CompactString,
    pub name: CompactString,
    pub dimensions: Dimensions,
    /// Whose it is, where that is not the account of this server.
    pub owner: Option<Owner>,
}

/// Values of a metric that came together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// When the period begins.
    pub time_us: i64,
    /// Whose it is, where that is not the account of this server.
    pub owner: Option<Owner>,
    pub namespace: CompactString,
    pub name: CompactString,
    /// What it was measured of: names with their values, in the order of the names.
    pub dimensions: Dimensions,
    /// As CloudWatch calls them, such as `Bytes` and `Count`.
    pub unit: Option<CompactString>,
    /// Seconds of the period: 1, 60, or those of a roll-up.
    pub period: i64,
    /// How many values there were, and what of them.
    pub samples: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
    /// The values, where more than smallest and largest are known of them and these are not the same.
    #[serde(skip)]
    pub distribution: Option<Distribution>,
}

/// What was measured: names with their values, each name once, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Dimensions(Vec<(CompactString, CompactString)>);

impl Dimensions {
    /// In any order; of a name that stands twice the last value counts.
    pub fn new<N: Into<CompactString>, V: Into<CompactString>>(pairs: impl IntoIterator<Item = (N, V)>) -> Dimensions {
        let mut sorted: Vec<(CompactString, CompactString)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(&mut later.1, &mut kept.1);
            }
            is_same
        });
        Dimensions(sorted)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a JSON object, its names in order: equal dimensions are equal texts.
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        self.write_json(&mut text);
        text
    }

    /// So at the end of a text.
    pub fn write_json(&self, text: &mut String) {
        text.push('{');
        for (place, (name, value)) in self.iter().enumerate() {
            text.push_str(if place > 0 { "," } else { "" });
            write_quoted(name, text);
            text.push(':');
            write_quoted(value, text);
        }
        text.push('}');
    }

    /// Reads what `to_json` wrote.
    pub fn from_json(text: &str) -> Dimensions {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
        Dimensions::new(object.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())))
    }
}

/// A JSON string.
fn write_quoted(content: &str, text: &mut String) {
    if content.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let _ = write!(text, "{}", serde_json::Value::from(content));
    } else {
        text.push('"');
        text.push_str(content);
        text.push('"');
    }
}

impl Metric {
    /// One value.
    pub fn value(time_us: i64, namespace: &str, name: &str, unit: &str, value: f64) -> Metric {
        Metric {
            time_us,
            owner: None,
            namespace: namespace.into(),
            name: name.into(),
            dimensions: Dimensions::default(),
            unit: Some(unit.into()),
            period: STANDARD_PERIOD,
            samples: 1.0,
            sum: value,
            minimum: value,
            maximum: value,
            distribution: None,
        }
    }

    pub fn sums(&self) -> Sums {
        Sums { samples: self.samples, sum: self.sum, minimum: self.minimum, maximum: self.maximum }
    }

    /// Values of which these sums are known.
    pub fn set(time_us: i64, namespace: &str, name: &str, sums: Sums) -> Metric {
        let Sums { samples, sum, minimum, maximum } = sums;
        Metric { unit: None, samples, sum, minimum, maximum, ..Metric::value(time_us, namespace, name, NO_UNIT, 0.0) }
    }

    /// Why it cannot be kept, if it cannot: what CloudWatch does not take is not taken by other ways in either.
    pub fn refusal(&self, now_us: i64, is_lenient: bool) -> Option<String> {
        let is_long = |text: &str| text.is_empty() || text.len() > NAME_BYTES_MAX;
        if is_long(&self.name) || is_long(&self.namespace) {
            return Some(format!("names and namespaces have from 1 to {NAME_BYTES_MAX} bytes"));
        }
        if self.dimensions.len() > limit::DIMENSIONS_PER_METRIC {
            return Some(format!("it has more than {} dimensions", limit::DIMENSIONS_PER_METRIC));
        }
        if self.dimensions.iter().any(|(name, value)| is_long(name) || value.is_empty() || value.len() > VALUE_BYTES_MAX) {
            return Some(format!("names of dimensions have at most {NAME_BYTES_MAX} bytes, their values {VALUE_BYTES_MAX}"));
        }
        let numbers = [self.samples, self.sum, self.minimum, self.maximum];
        if numbers.iter().any(|number| !number.is_finite() || number.abs() > NUMBER_MAX) {
            return Some("its values are no numbers, or greater than 2^360".to_owned());
        }
        if self.time_us > now_us + FUTURE_US {
            return Some("its time is more than two hours in the future".to_owned());
        }
        if !is_lenient && self.time_us < now_us - PAST_US {
            return Some("its time is more than two weeks ago".to_owned());
        }
        None
    }

    /// The same, measured of this.
    pub fn of(self, dimensions: Dimensions) -> Metric {
        Metric { dimensions, ..self }
    }
}

/// What is always known of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    pub samples: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
}

/// What is known of values that came at several times, or of several things.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub samples: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
    /// The values, where that was asked for; none where of some only smallest, largest and sum are known.
    values: Option<Box<Distribution>>,
}

impl Aggregate {
    /// Of nothing yet.
    pub fn new(with_values: bool) -> Aggregate {
        Aggregate {
            samples: 0.0,
            sum: 0.0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            values: with_values.then(Box::default),
        }
    }

    /// Values of which these sums are known. `values` says which they were; it is asked only where it matters.
    pub fn add_sums(&mut self, sums: &Sums, values: impl FnOnce() -> Option<Distribution>) {
        self.samples += sums.samples;
        self.sum += sums.sum;
        self.minimum = self.minimum.min(sums.minimum);
        self.maximum = self.maximum.max(sums.maximum);
        let Some(known) = &mut self.values else { return };
        if sums.minimum == sums.maximum {
            known.push(sums.minimum, sums.samples);
            return;
        }
        match values() {
            Some(more) => known.merge(&more),
            None => self.values = None,
        }
    }

    pub fn add(&mut self, metric: &Metric) {
        self.add_sums(&metric.sums(), || metric.distribution.clone());
    }

    pub fn merge(&mut self, other: &Aggregate) {
        let sums = Sums { samples: other.samples, sum: other.sum, minimum: other.minimum, maximum: other.maximum };
        self.add_sums(&sums, || other.values.as_deref().cloned());
    }

    pub fn values(&self) -> Option<&Distribution> {
        self.values.as_deref()
    }
}
