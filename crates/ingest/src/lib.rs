//! The write door: bytes to model to store. Reads nothing back.

mod container;
mod counter;
pub mod emf;
mod error;
mod log;
mod metric;
mod otlp;
pub mod own_metrics;
pub mod prometheus;
pub mod xray;

use std::sync::{Arc, Mutex};

use ::otlp::metric::Counted;
use model::owner::Owner;
use model::quota::Quotas;
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
    quotas: Arc<Quotas>,
    /// Of OpenTelemetry's counts, up to where they were told.
    counted: Arc<Mutex<Counted>>,
    /// Whose it is what comes in, where that is not the server's own account.
    owner: Option<Owner>,
}

impl Ingest {
    pub fn new(store: Store, quotas: Arc<Quotas>) -> Ingest {
        Ingest { store, counters: Arc::default(), mapping: Arc::default(), quotas, counted: Arc::default(), owner: None }
    }

    /// The same for what another account sends.
    pub fn of(&self, owner: Option<Owner>) -> Ingest {
        Ingest { owner, ..self.clone() }
    }

    /// What came in so far.
    pub fn stats(&self) -> IngestStats {
        self.counters.stats()
    }
}
