//! The read door: questions in the field's words, answers as plain data. Knows no protocol, writes nothing.
//!
//! Every function here blocks: it may read files. Callers run it off their event loop.

pub mod container;
mod error;
pub mod filter;
pub mod forecast;
pub mod graph;
pub mod insight;
pub mod log;
pub mod metric;
mod minute;
pub mod operation;
pub mod retrieval;
pub mod runtime;
pub mod statistics;
pub mod summary;
pub mod trace;

use std::sync::{Arc, Mutex};

use model::Clock;
use model::link::TRACES;
use model::owner::Scope;
use store::{Reader, Store};

pub use error::{Error, Result};

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Query {
    store: Store,
    clock: Arc<dyn Clock>,
    slowness: Arc<Mutex<summary::KnownSlowness>>,
    /// What whoever asks may see.
    scope: Arc<ScopeOf>,
}

/// What may be seen of a type of resource, as links name them.
pub type ScopeOf = dyn Fn(&str) -> Scope + Send + Sync;

impl Query {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Query {
        Query { store, clock, slowness: Arc::default(), scope: Arc::new(|_| Scope::Everything) }
    }

    /// The same for someone who may not see all there is. The scope is asked for with each question.
    pub fn scoped(&self, scope: Arc<ScopeOf>) -> Query {
        Query { slowness: Arc::default(), scope, ..self.clone() }
    }

    /// Whether nothing is left out of answers.
    pub fn sees_everything(&self) -> bool {
        self.reader().has_everything()
    }

    fn reader(&self) -> Reader {
        self.store.reader().scoped((self.scope)(TRACES))
    }
}
