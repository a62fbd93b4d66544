//! Metric filters: what is counted of log events as they come in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::in_group;
use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// Its group and its name: see [`in_group`].
    pub key: String,
    /// A filter pattern.
    pub pattern: String,
    pub metric: MetricTransformation,
    pub created_us: i64,
    /// Dimensions that say where it was, `@aws.account` and `@aws.region`.
    pub system_dimensions: Vec<String>,
}

/// What becomes of an event that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricTransformation {
    pub namespace: String,
    pub name: String,
    /// A number, or the field of the pattern that has it.
    pub value: String,
    /// What a minute has in which events came in and none matched.
    pub default: Option<f64>,
    /// Names, with the fields that have the values.
    pub dimensions: BTreeMap<String, String>,
    pub unit: Option<String>,
}

impl MetricFilter {
    pub fn group(&self) -> &str {
        in_group::group(&self.key)
    }

    pub fn name(&self) -> &str {
        in_group::name(&self.key)
    }
}

impl Resource for MetricFilter {
    const KIND: &'static str = "metric_filter";

    fn key(&self) -> &str {
        &self.key
    }
}
