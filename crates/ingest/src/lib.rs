//! The write door: bytes to model to store. Reads nothing back.

mod counter;
mod error;
mod otlp;
pub mod own_metrics;
pub mod xray;

use std::sync::Arc;

use store::Store;

pub use ::otlp::Mapping;
pub use counter::{Counters, IngestStats};
pub use error::{Error, Result};

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    counters: Arc<Counters>,
    mapping: Arc<Mapping>,
}

impl Ingest {
    pub fn new(store: Store) -> Ingest {
        Ingest { store, counters: Arc::default(), mapping: Arc::default() }
    }

    /// What came in so far.
    pub fn stats(&self) -> IngestStats {
        self.counters.stats()
    }
}
