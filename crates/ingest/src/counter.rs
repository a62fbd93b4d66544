//! Counts of what came in, by what became of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Running counts since the process started.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) segments_accepted: AtomicU64,
    datapoints_accepted: AtomicU64,
    pub(crate) datagrams_received: AtomicU64,
    pub(crate) datagrams_kernel_dropped: AtomicU64,
    segments_rejected: Mutex<BTreeMap<&'static str, u64>>,
    datagrams_rejected: Mutex<BTreeMap<&'static str, u64>>,
    events_rejected: Mutex<BTreeMap<&'static str, u64>>,
    daemon_telemetry: Mutex<DaemonTelemetry>,
}

/// What X-Ray daemons in front of this server say about themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DaemonTelemetry {
    pub records: u64,
    pub segments_received: u64,
    pub segments_sent: u64,
    pub segments_spillover: u64,
    pub segments_rejected: u64,
}

/// A copy of the counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngestStats {
    pub segments_accepted: u64,
    pub datapoints_accepted: u64,
    pub segments_rejected: BTreeMap<&'static str, u64>,
    /// Events that should have had metrics, by why they were not taken.
    pub events_rejected: BTreeMap<&'static str, u64>,
    pub datagrams_received: u64,
    pub datagrams_rejected: BTreeMap<&'static str, u64>,
    /// Datagrams that the kernel threw away because the receive buffer was full.
    pub datagrams_kernel_dropped: u64,
    pub daemon_telemetry: DaemonTelemetry,
}

impl Counters {
    pub(crate) fn accepted(&self, segments: u64) {
        self.segments_accepted.fetch_add(segments, Ordering::Relaxed);
    }

    pub(crate) fn datapoints(&self, accepted: u64) {
        self.datapoints_accepted.fetch_add(accepted, Ordering::Relaxed);
    }

    pub(crate) fn segment_rejected(&self, reason: &'static str) {
        count(&self.segments_rejected, reason);
    }

    pub(crate) fn event_rejected(&self, reason: &'static str) {
        count(&self.events_rejected, reason);
    }

    pub(crate) fn datagram_rejected(&self, reason: &'static str) {
        count(&self.datagrams_rejected, reason);
    }

    pub(crate) fn telemetry(&self, add: impl FnOnce(&mut DaemonTelemetry)) {
        add(&mut self.daemon_telemetry.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    pub(crate) fn stats(&self) -> IngestStats {
        IngestStats {
            segments_accepted: self.segments_accepted.load(Ordering::Relaxed),
            datapoints_accepted: self.datapoints_accepted.load(Ordering::Relaxed),
            segments_rejected: copy(&self.segments_rejected),
            datagrams_received: self.datagrams_received.load(Ordering::Relaxed),
            datagrams_rejected: copy(&self.datagrams_rejected),
            events_rejected: copy(&self.events_rejected),
            datagrams_kernel_dropped: self.datagrams_kernel_dropped.load(Ordering::Relaxed),
            daemon_telemetry: *self.daemon_telemetry.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }
}

fn count(counts: &Mutex<BTreeMap<&'static str, u64>>, reason: &'static str) {
    *counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(reason).or_default() += 1;
}

fn copy(counts: &Mutex<BTreeMap<&'static str, u64>>) -> BTreeMap<&'static str, u64> {
    counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}
