//! How far long work is, for whoever waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The work under way in a store. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    jobs: Arc<Mutex<Vec<Arc<State>>>>,
}

/// A piece of work as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What is done, as in "merging parts".
    pub what: &'static str,
    /// What is counted, as in "documents".
    pub unit: &'static str,
    pub done: u64,
    pub total: u64,
}

#[derive(Debug)]
struct State {
    what: &'static str,
    unit: &'static str,
    done: AtomicU64,
    total: AtomicU64,
}

/// Work under way; it has ended when this is dropped.
#[derive(Debug)]
pub struct Job {
    progress: Progress,
    state: Arc<State>,
}

impl Progress {
    /// All work under way, the oldest first.
    pub fn current(&self) -> Vec<Work> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let work = |job: &Arc<State>| {
            let total = job.total.load(Ordering::Relaxed);
            Work { what: job.what, unit: job.unit, done: job.done.load(Ordering::Relaxed).min(total), total }
        };
        jobs.iter().map(work).collect()
    }

    pub fn begin(&self, what: &'static str, unit: &'static str, total: u64) -> Job {
        let state = Arc::new(State { what, unit, done: AtomicU64::new(0), total: AtomicU64::new(total) });
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).push(state.clone());
        Job { progress: self.clone(), state }
    }
}

impl Job {
    pub fn advance(&self, by: u64) {
        self.state.done.fetch_add(by, Ordering::Relaxed);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let mut jobs = self.progress.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.retain(|job| !Arc::ptr_eq(job, &self.state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_listed_from_its_beginning_to_its_end() {
        let progress = Progress::default();
        let first = progress.begin("merging parts", "documents", 10);
        let second = progress.begin("reading the log", "bytes", 5);
        first.advance(3);
        second.advance(7);
        let work = |what, unit, done, total| Work { what, unit, done, total };
        assert_eq!(progress.clone().current(), [work("merging parts", "documents", 3, 10), work("reading the log", "bytes", 5, 5)]);
        drop(first);
        assert_eq!(progress.current(), [work("reading the log", "bytes", 5, 5)]);
    }
}
