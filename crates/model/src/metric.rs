//! Metrics: what was measured, of what, in some period.

use crate::CompactString;

/// Values of a metric that came together.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// When the period begins.
    pub time_us: i64,
    pub namespace: CompactString,
    pub name: CompactString,
    /// What it was measured of: names with their values.
    pub dimensions: Vec<(CompactString, CompactString)>,
    /// As CloudWatch calls them, such as `Bytes` and `Count`.
    pub unit: Option<CompactString>,
    /// How many values there were, and what of them.
    pub samples: i64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
}

impl Metric {
    /// One value.
    pub fn value(time_us: i64, namespace: &str, name: &str, unit: &str, value: f64) -> Metric {
        Metric {
            time_us,
            namespace: namespace.into(),
            name: name.into(),
            dimensions: Vec::new(),
            unit: Some(unit.into()),
            samples: 1,
            sum: value,
            minimum: value,
            maximum: value,
        }
    }
}
