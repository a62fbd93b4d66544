//! What the measurements share.

pub mod generate;
pub mod metric;
pub mod span;
