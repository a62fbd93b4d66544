//! Clusters: where services and tasks run, and how much is measured of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::container::Insights;
use crate::resource::Resource;

/// A cluster, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub insights: Insights,
    pub created_us: i64,
    pub tags: BTreeMap<String, String>,
}

impl Resource for Cluster {
    const KIND: &'static str = "cluster";

    fn key(&self) -> &str {
        &self.name
    }
}

/// What clusters get that are new and do not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDefault {
    pub insights: Insights,
}

impl Resource for ClusterDefault {
    const KIND: &'static str = "cluster_default";

    fn key(&self) -> &str {
        ""
    }
}
