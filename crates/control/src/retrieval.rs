//! Retrieval of traces by id, as a job: started, asked about until it is complete, or cancelled. Here it is complete at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use model::{Clock, TimeRange, TraceId};

use crate::{Error, Result};

/// How long a job can be asked about.
const KEPT_US: i64 = 3_600_000_000;
/// Jobs that are remembered; the oldest goes first.
const JOBS: usize = 1_000;

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetrievalStatus {
    Complete,
    Cancelled,
    TimedOut,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieval {
    pub ids: Vec<TraceId>,
    /// Both ends belong to it.
    pub range: TimeRange,
    pub status: RetrievalStatus,
    started_us: i64,
}

/// The jobs, in memory. Cheap to clone.
#[derive(Clone)]
pub struct Retrievals {
    clock: Arc<dyn Clock>,
    jobs: Arc<Mutex<HashMap<String, Retrieval>>>,
}

impl Retrievals {
    pub fn new(clock: Arc<dyn Clock>) -> Retrievals {
        Retrievals { clock, jobs: Arc::default() }
    }

    /// Begins a job; returns the token to ask about it.
    pub fn start(&self, ids: Vec<TraceId>, range: TimeRange) -> String {
        let started_us = self.clock.now_us();
        let mut jobs = self.lock();
        // Those that timed out are told so for as long again.
        jobs.retain(|_, job| started_us - job.started_us < 2 * KEPT_US);
        if jobs.len() >= JOBS {
            let oldest = jobs.iter().min_by_key(|(_, job)| job.started_us).map(|(token, _)| token.clone());
            oldest.and_then(|token| jobs.remove(&token));
        }
        let token = crate::unique_id();
        jobs.insert(token.clone(), Retrieval { ids, range, status: RetrievalStatus::Complete, started_us });
        token
    }

    pub fn get(&self, token: &str) -> Result<Retrieval> {
        let mut job = self.lock().get(token).cloned().ok_or_else(|| unknown(token))?;
        if job.status == RetrievalStatus::Complete && self.clock.now_us() - job.started_us >= KEPT_US {
            job.status = RetrievalStatus::TimedOut;
        }
        Ok(job)
    }

    pub fn cancel(&self, token: &str) -> Result<()> {
        self.lock().get_mut(token).map(|job| job.status = RetrievalStatus::Cancelled).ok_or_else(|| unknown(token))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Retrieval>> {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn unknown(token: &str) -> Error {
    Error::NoResource(format!("there is no retrieval with the token {token}"))
}
