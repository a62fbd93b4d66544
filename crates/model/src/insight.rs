//! Insights: times at which a service failed more often than it used to, and what that did to clients.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;
use crate::service::ServiceId;

/// An insight, as X-Ray defines it. Its category is always FAULT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Insight {
    /// A UUID.
    pub id: String,
    pub group_name: String,
    /// The end of the group's ARN: see `Group::id`.
    pub group_id: String,
    /// The failing service that is farthest from the clients.
    pub root_cause: ServiceId,
    /// All services that fail more than usual because of it: itself, then those with the most faults.
    pub services: Vec<ServiceId>,
    /// The beginning of the first minute with too many faults, and the end of the last one; none while it goes on.
    pub start_us: i64,
    pub end_us: Option<i64>,
    pub updated_us: i64,
    /// Requests of clients in this time.
    pub clients: Impact,
    /// Requests to the root cause in this time.
    pub root_cause_impact: Impact,
    /// The share of the root cause's requests that failed before.
    pub usual_rate: f64,
    /// The oldest first.
    pub events: Vec<InsightEvent>,
}

/// A moment at which an insight became another: it began, its services changed, it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightEvent {
    pub time_us: i64,
    pub summary: String,
    pub services: Vec<ServiceId>,
    pub clients: Impact,
    pub root_cause_impact: Impact,
}

/// How many requests failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Impact {
    pub faults: u64,
    pub total: u64,
}

impl Impact {
    pub fn rate(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.faults as f64 / self.total as f64 }
    }
}

impl std::ops::AddAssign for Impact {
    fn add_assign(&mut self, other: Impact) {
        self.faults = self.faults.saturating_add(other.faults);
        self.total = self.total.saturating_add(other.total);
    }
}

impl Insight {
    pub fn is_active(&self) -> bool {
        self.end_us.is_none()
    }

    /// What it is, in a sentence or two.
    pub fn summary(&self) -> String {
        let Insight { root_cause, root_cause_impact, clients, .. } = self;
        let begin = if self.is_active() { "is failing" } else { "failed" };
        let usual = percent(self.usual_rate);
        let rate = percent(root_cause_impact.rate());
        let name = root_cause.label();
        format!(
            "{name} {begin}: {} of {} requests ({rate}, where {usual} are usual). {} of {} requests of clients failed meanwhile.",
            root_cause_impact.faults, root_cause_impact.total, clients.faults, clients.total
        )
    }

    /// Whether any of it lies between the two times.
    pub fn overlaps(&self, from_us: i64, to_us: i64) -> bool {
        self.start_us < to_us && self.end_us.is_none_or(|end_us| end_us > from_us)
    }
}

/// A share, for people.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

impl Resource for Insight {
    const KIND: &'static str = "insight";

    fn key(&self) -> &str {
        &self.id
    }
}
