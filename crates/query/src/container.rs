//! What happened to containers.

use model::TimeRange;
use model::container::StateChange;
use model::link::METRICS;
use store::RowScan;

use crate::{Query, Result};

/// Whose changes: of everything, where nothing is named.
#[derive(Debug, Clone, Default)]
pub struct StateChangeFilter {
    pub cluster: Option<String>,
    pub service: Option<String>,
    pub task: Option<String>,
    pub container: Option<String>,
}

impl Query {
    /// In their order; the newest `limit` of them.
    pub fn state_changes(&self, filter: StateChangeFilter, range: TimeRange, limit: usize) -> Result<Vec<StateChange>> {
        let StateChangeFilter { cluster, service, task, container } = filter;
        let named = [("cluster", cluster), ("service", service), ("task", task), ("container", container)];
        let equal = named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let scan = RowScan { from_us: range.start_us, to_us: range.end_us, equal };
        let mut found = self.store.reader().scoped((self.scope)(METRICS)).state_changes(&scan)?;
        found.drain(..found.len().saturating_sub(limit));
        Ok(found)
    }
}
