//! The read door: questions in the field's words, answers as plain data. Knows no protocol, writes nothing.
//!
//! Every function here blocks: it may read files. Callers run it off their event loop.

mod error;
pub mod filter;
pub mod graph;
pub mod statistics;
pub mod summary;
pub mod trace;

use std::sync::Arc;

use model::Clock;
use store::{Reader, Store};

pub use error::{Error, Result};

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Query {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Query {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Query {
        Query { store, clock }
    }

    fn reader(&self) -> Reader {
        self.store.reader()
    }
}
