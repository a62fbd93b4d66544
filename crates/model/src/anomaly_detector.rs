//! Anomaly detectors: how what is usual of a metric is learned, where someone says more of it than that it should be.

use serde::{Deserialize, Serialize};

use crate::CompactString;
use crate::metric::{Dimensions, MetricId};
use crate::owner::Owner;
use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnomalyDetector {
    pub id: String,
    pub of: Detected,
    pub training: Training,
}

/// What is learned of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Detected {
    Metric {
        namespace: CompactString,
        name: CompactString,
        dimensions: Dimensions,
        owner: Option<Owner>,
        statistic: String,
    },
    /// Queries as GetMetricData takes them, in JSON, and the expression of the one whose result is wanted.
    Math {
        queries: String,
        expression: String,
    },
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Training {
    /// Seconds, from and to: nothing is learned of these.
    pub excluded: Vec<(i64, i64)>,
    /// Whose days and weeks count, by its IANA name; UTC, where none is given.
    pub time_zone: Option<String>,
    pub adaptation: Option<Adaptation>,
    pub outliers: Option<OutlierFiltering>,
    /// Whether it jumps at certain times of each hour or day.
    pub has_periodic_spikes: Option<bool>,
}

/// How fast what was so before is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adaptation {
    Fast,
    Normal,
    Slow,
}

/// How much of what was unusual is left out of what is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutlierFiltering {
    Minimal,
    Moderate,
    Strict,
}

impl Detected {
    pub fn is_of(&self, id: &MetricId, with_statistic: &str) -> bool {
        match self {
            Detected::Metric { namespace, name, dimensions, owner, statistic } => {
                (namespace, name, dimensions, owner) == (&id.namespace, &id.name, &id.dimensions, &id.owner)
                    && statistic == with_statistic
            }
            Detected::Math { .. } => false,
        }
    }
}

impl Resource for AnomalyDetector {
    const KIND: &'static str = "anomaly_detector";

    fn key(&self) -> &str {
        &self.id
    }
}
