//! The nouns of Mitoshi: plain data, ids, time, limits, error kinds.
//!
//! Nothing here does I/O, knows a wire protocol's envelope, or is asynchronous. The segment document is the one JSON shape that
//! lives here, because the document *is* the noun: X-Ray SDKs, the store and the API all speak it.

pub mod alarm;
pub mod anomaly_detector;
pub mod canary;
pub mod cluster;
pub mod container;
pub mod dashboard;
pub mod digest;
pub mod error;
pub mod export_task;
pub mod group;
pub mod histogram;
pub mod id;
pub mod insight;
pub mod key;
pub mod limit;
pub mod link;
pub mod log;
pub mod lookup_table;
pub mod metric;
pub mod metric_filter;
pub mod minute;
pub mod mute_rule;
pub mod owner;
pub mod page;
pub mod principal;
pub mod query_definition;
pub mod quota;
pub mod resource;
pub mod sampling;
pub mod segment;
pub mod service;
pub mod setting;
pub mod subscription_filter;
pub mod time;
pub mod topic;
pub mod trace;
pub mod user;

/// Text that is mostly short: names, methods, addresses. Up to 24 bytes of it stand in place, without an allocation.
pub use compact_str::CompactString;
pub use error::Kind;
pub use id::{SegmentId, TraceId};
pub use segment::Segment;
pub use time::{Clock, SystemClock, TimeRange};
