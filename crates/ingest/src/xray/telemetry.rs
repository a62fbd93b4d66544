//! What an X-Ray daemon reports about itself once a minute.

use crate::Ingest;

/// One record's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryRecord {
    pub segments_received: u64,
    pub segments_sent: u64,
    pub segments_spillover: u64,
    pub segments_rejected: u64,
}

impl Ingest {
    /// Adds the records to the counts that health shows.
    pub fn telemetry(&self, records: &[TelemetryRecord]) {
        self.counters.telemetry(|sum| {
            for record in records {
                sum.records += 1;
                sum.segments_received = sum.segments_received.saturating_add(record.segments_received);
                sum.segments_sent = sum.segments_sent.saturating_add(record.segments_sent);
                sum.segments_spillover = sum.segments_spillover.saturating_add(record.segments_spillover);
                sum.segments_rejected = sum.segments_rejected.saturating_add(record.segments_rejected);
            }
        });
    }
}
