//! Resources that people edit, and the loops that act on their own.

mod error;
pub mod sampling;
pub mod upkeep;

pub use error::{Error, Result};
