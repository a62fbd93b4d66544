//! What handlers may hold.

use std::sync::Arc;

use control::group::Groups;
use control::insight::Insights;
use control::resource_policy::ResourcePolicies;
use control::retrieval::Retrievals;
use control::sampling::Sampling;
use control::setting::Settings;
use control::tag::Tagging;
use ingest::Ingest;
use model::Clock;
use model::quota::Quotas;
use query::Query;
use sql::Sql;
use store::Store;
use tokio::sync::Semaphore;

use crate::access::Access;
use crate::error::ApiError;
use crate::guard::Guard;
use crate::{body, otlp};

/// The doors, and who this server says it is.
pub struct App {
    pub ingest: Ingest,
    pub query: Query,
    pub sql: Sql,
    pub sampling: Sampling,
    pub groups: Groups,
    pub insights: Insights,
    pub tags: Tagging,
    pub policies: ResourcePolicies,
    pub settings: Settings,
    pub retrievals: Retrievals,
    pub clock: Arc<dyn Clock>,
    pub identity: Identity,
    pub listeners: Listeners,
    pub guard: Guard,
    pub access: Access,
    /// For health alone.
    pub store: Store,
    pub started_us: i64,
    pub quotas: Arc<Quotas>,
    pub limits: Limits,
}

/// What is done at the same time; more waits.
pub struct Limits {
    /// Questions that are answered.
    questions: Arc<Semaphore>,
    /// Room for request bodies, in units.
    pub(crate) bodies: Arc<Semaphore>,
    /// Calls of OTLP over gRPC.
    pub(crate) otlp_calls: Semaphore,
}

impl Default for Limits {
    fn default() -> Limits {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Limits {
            questions: Arc::new(Semaphore::new(cores.max(2))),
            bodies: Arc::new(Semaphore::new(body::UNITS)),
            otlp_calls: Semaphore::new(otlp::CALLS_MAX),
        }
    }
}

/// The account and region that ARNs carry.
#[derive(Debug, Clone)]
pub struct Identity {
    pub account_id: String,
    pub region: String,
    pub retention_days: u32,
}

/// The addresses this server listens on.
#[derive(Debug, Clone)]
pub struct Listeners {
    pub http: String,
    pub daemon: String,
    pub otlp_grpc: Option<String>,
    pub otlp_http: Option<String>,
}

impl App {
    /// Asks the read door off the event loop: it reads files.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Query) -> query::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.limits.questions.clone().acquire_owned().await.map_err(|_| ApiError::shutting_down())?;
        let query = self.query.clone();
        // The place goes with the work: a caller who hangs up does not end it.
        let work = move || {
            let _place = place;
            question(&query)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer.map_err(ApiError::from),
            Err(err) => Err(ApiError::internal(err.to_string())),
        }
    }
}
