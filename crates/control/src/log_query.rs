//! Queries of log events that were begun: how far each is, and what it found.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Clock;
use query::log::insights::{Answer, Stop};

use crate::{Error, Result};

/// Queries that are remembered, the newest, and those that run at a time (AWS).
const KNOWN_MAX: usize = 1_000;
const RUNNING_MAX: usize = 30;
/// Rows of all answers that are remembered.
const ROWS_MAX: usize = 500_000;

/// Cheap to clone.
#[derive(Clone)]
pub struct LogQueries {
    clock: Arc<dyn Clock>,
    all: Arc<Mutex<VecDeque<LogQueryJob>>>,
}

#[derive(Debug, Clone)]
pub struct LogQueryJob {
    pub id: String,
    /// As AWS names it.
    pub language: &'static str,
    pub text: String,
    pub groups: Vec<String>,
    pub begun_us: i64,
    pub ended_us: Option<i64>,
    pub status: Status,
    /// Shared with those who read it.
    pub answer: Arc<Answer>,
    stop: Stop,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Running,
    Complete,
    Cancelled,
    /// And why.
    Failed(String),
}

impl Status {
    pub fn as_str(&self) -> &'static str {
        match self {
            Status::Running => "Running",
            Status::Complete => "Complete",
            Status::Cancelled => "Cancelled",
            Status::Failed(_) => "Failed",
        }
    }
}

impl LogQueries {
    pub fn new(clock: Arc<dyn Clock>) -> LogQueries {
        LogQueries { clock, all: Arc::default() }
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<LogQueryJob>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one. Whoever runs it says its end with `finish`, and stops when that is wanted.
    pub fn start(&self, language: &'static str, text: &str, groups: Vec<String>) -> Result<(String, Stop)> {
        let mut all = self.all();
        if all.iter().filter(|job| job.status == Status::Running).count() >= RUNNING_MAX {
            return Err(Error::LimitExceeded(format!("{RUNNING_MAX} queries run already: wait for one, or stop it")));
        }
        let (id, stop) = (uuid::Uuid::new_v4().to_string(), Stop::default());
        all.push_back(LogQueryJob {
            id: id.clone(),
            language,
            text: text.to_owned(),
            groups,
            begun_us: self.clock.now_us(),
            ended_us: None,
            status: Status::Running,
            answer: Arc::default(),
            stop: stop.clone(),
        });
        // The oldest go: those that are over, and what they found.
        let is_much = |all: &VecDeque<LogQueryJob>| {
            all.len() > KNOWN_MAX || all.iter().map(|job| job.answer.rows.len()).sum::<usize>() > ROWS_MAX
        };
        while is_much(&all)
            && let Some(place) = all.iter().position(|job| job.status != Status::Running)
        {
            all.remove(place);
        }
        Ok((id, stop))
    }

    /// What a query that runs found so far.
    pub fn progress(&self, id: &str, so_far: Answer) {
        if let Some(job) = self.all().iter_mut().find(|job| job.id == id && job.status == Status::Running) {
            job.answer = Arc::new(so_far);
        }
    }

    pub fn finish(&self, id: &str, answer: std::result::Result<Answer, String>) {
        let now_us = self.clock.now_us();
        if let Some(job) = self.all().iter_mut().find(|job| job.id == id) {
            job.ended_us = Some(now_us);
            match answer {
                Ok(answer) => {
                    job.answer = Arc::new(answer);
                    if job.status == Status::Running {
                        job.status = Status::Complete;
                    }
                }
                Err(why) => job.status = Status::Failed(why),
            }
        }
    }

    pub fn get(&self, id: &str) -> Result<LogQueryJob> {
        let found = self.all().iter().find(|job| job.id == id).cloned();
        found.ok_or_else(|| Error::NoResource(format!("there is no query {id}")))
    }

    /// The newest first.
    pub fn list(&self) -> Vec<LogQueryJob> {
        self.all().iter().rev().cloned().collect()
    }

    /// Fails where it is over already.
    pub fn stop(&self, id: &str) -> Result<()> {
        let mut all = self.all();
        let job = all.iter_mut().find(|job| job.id == id).ok_or_else(|| Error::NoResource(format!("there is no query {id}")))?;
        if job.status != Status::Running {
            return Err(Error::Invalid(format!("query {id} is over: {}", job.status.as_str())));
        }
        job.stop.now();
        job.status = Status::Cancelled;
        Ok(())
    }
}
