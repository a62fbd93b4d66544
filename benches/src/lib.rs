//! What the measurements share.

pub mod generate;
