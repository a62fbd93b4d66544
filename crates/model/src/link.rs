//! Who sees whose data: sinks of monitoring accounts, and the links of source accounts to them, as CloudWatch's Observability Access
//! Manager defines them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

/// What links are about, as far as it is stored here.
pub const TRACES: &str = "AWS::XRay::Trace";
pub const METRICS: &str = "AWS::CloudWatch::Metric";
pub const LOG_GROUPS: &str = "AWS::Logs::LogGroup";
/// All that a link may name.
pub const RESOURCE_TYPES: [&str; 7] = [
    METRICS,
    LOG_GROUPS,
    TRACES,
    "AWS::ApplicationInsights::Application",
    "AWS::InternetMonitor::Monitor",
    "AWS::ApplicationSignals::Service",
    "AWS::ApplicationSignals::ServiceLevelObjective",
];

/// The place of a monitoring account that source accounts link to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    pub id: String,
    pub name: String,
    /// Who may link to it, in the words of IAM. None: nobody.
    pub policy: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Resource for Sink {
    const KIND: &'static str = "sink";

    fn key(&self) -> &str {
        &self.id
    }
}

/// What a source account shows to a monitoring account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub id: String,
    pub label_template: String,
    pub resource_types: Vec<String>,
    /// As it was given: filters of metrics and log groups.
    pub configuration: Option<serde_json::Value>,
    pub sink_account_id: String,
    pub sink_id: String,
    pub tags: BTreeMap<String, String>,
}

impl Resource for Link {
    const KIND: &'static str = "link";

    fn key(&self) -> &str {
        &self.id
    }
}
