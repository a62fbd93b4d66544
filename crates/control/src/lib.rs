//! Resources that people edit, and the loops that act on their own.

pub mod alarm;
pub mod anomaly_detector;
pub mod canary;
pub mod cluster;
pub mod dashboard;
pub mod delivery;
mod error;
pub mod export_task;
pub mod group;
pub mod insight;
pub mod key;
pub mod link;
pub mod log;
pub mod log_query;
pub mod lookup_table;
pub mod metric_filter;
pub mod mute_rule;
pub mod query_definition;
pub mod resource_policy;
pub mod retrieval;
pub mod sampling;
pub mod schedule;
pub mod setting;
pub mod subscription_filter;
pub mod tag;
pub mod topic;
pub mod upkeep;
pub mod user;

pub use error::{Error, Result};

/// An id that nothing had before: 26 letters and digits of chance.
fn unique_id() -> String {
    let digit = |_| char::from_digit(rand::random_range(0..36), 36).unwrap_or('0').to_ascii_uppercase();
    (0..26).map(digit).collect()
}
