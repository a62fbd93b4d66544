//! Mute rules: when alarms leave their actions alone.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteRule {
    pub name: String,
    pub description: Option<String>,
    /// `cron(…)` of five fields, or `at(yyyy-MM-ddThh:mm)`.
    pub expression: String,
    /// ISO 8601, from a minute to 15 days.
    pub duration: String,
    pub time_zone: Option<String>,
    pub alarms: Vec<String>,
    pub start_us: Option<i64>,
    pub expire_us: Option<i64>,
    pub updated_us: i64,
}

impl Resource for MuteRule {
    const KIND: &'static str = "mute_rule";

    fn key(&self) -> &str {
        &self.name
    }
}
