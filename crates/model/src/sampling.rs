//! Sampling rules.

use std::collections::BTreeMap;

use serde::Serialize;

/// The rule that matches what no other rule matches. It cannot be deleted or moved.
pub const DEFAULT_RULE: &str = "Default";
/// Where the default rule stands: after every other.
pub const DEFAULT_PRIORITY: i64 = 10_000;

/// A sampling rule, as X-Ray defines it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SamplingRule {
    pub name: String,
    pub priority: i64,
    /// Share of requests sampled once the reservoir is used up, 0 to 1.
    pub fixed_rate: f64,
    /// Requests per second that are sampled first, over all clients together.
    pub reservoir_size: i64,
    pub service_name: String,
    pub service_type: String,
    pub host: String,
    pub http_method: String,
    pub url_path: String,
    pub resource_arn: String,
    pub attributes: BTreeMap<String, String>,
    pub rate_boost: Option<SamplingRateBoost>,
    pub created_us: i64,
    pub modified_us: i64,
}

/// How far the rate may rise when anomalies show, and how long it then rests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SamplingRateBoost {
    pub max_rate: f64,
    pub cooldown_window_minutes: i64,
}

impl SamplingRule {
    /// What every account starts with: one request a second and 5 % of the rest.
    pub fn default_rule() -> SamplingRule {
        let any = || "*".to_owned();
        SamplingRule {
            name: DEFAULT_RULE.to_owned(),
            priority: DEFAULT_PRIORITY,
            fixed_rate: 0.05,
            reservoir_size: 1,
            service_name: any(),
            service_type: any(),
            host: any(),
            http_method: any(),
            url_path: any(),
            resource_arn: any(),
            attributes: BTreeMap::new(),
            rate_boost: None,
            created_us: 0,
            modified_us: 0,
        }
    }

    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_RULE
    }
}

/// What one client reports about one rule for the last reporting interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingStatistics {
    pub rule_name: String,
    pub client_id: String,
    pub timestamp_us: i64,
    pub request_count: u64,
    pub sampled_count: u64,
    pub borrow_count: u64,
}

/// What a client may do with one rule until the quota ends.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingTarget {
    pub rule_name: String,
    pub fixed_rate: f64,
    /// Requests per second this client may take from the reservoir.
    pub reservoir_quota: i64,
    pub quota_until_us: i64,
    /// Seconds until the client should report again.
    pub interval_secs: i64,
    /// A higher rate for a while, because anomalies show.
    pub boost: Option<SamplingBoost>,
}

/// A rate that holds instead of the fixed one, until its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingBoost {
    pub rate: f64,
    pub until_us: i64,
}

/// What one client reports of a service's anomalies under one rule, for the last reporting interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoostStatistics {
    pub rule_name: String,
    pub service_name: String,
    pub timestamp_us: i64,
    pub anomaly_count: u64,
    pub total_count: u64,
    pub sampled_anomaly_count: u64,
}

/// What all clients together did with one rule in ten seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingWindow {
    pub rule_name: String,
    pub start_us: i64,
    pub request_count: u64,
    pub sampled_count: u64,
    pub borrow_count: u64,
}
