//! What the measurements share.

pub mod generate;
pub mod span;
