//! What the server measures of itself: a row per metric at the end of each period, in the namespace `Mitoshi`, beside the metrics
//! of others.

use std::time::Duration;

use model::Clock;
use model::metric::{Metric, STANDARD_PERIOD};
use tokio::sync::watch;
use tracing::warn;

use crate::{Ingest, IngestStats};

const NAMESPACE: &str = "Mitoshi";

/// Runs until told to stop. A period that could not be written is missing; what was counted in it is in the next one.
pub async fn run(ingest: Ingest, clock: std::sync::Arc<dyn Clock>, every: Duration, mut stop: watch::Receiver<bool>) {
    if every.is_zero() {
        return;
    }
    let every_us = every.as_micros() as i64;
    let period = if every.as_secs() < STANDARD_PERIOD as u64 { 1 } else { STANDARD_PERIOD };
    let mut before = ingest.stats();
    loop {
        // Periods begin at whole multiples, as those of all metrics do.
        let now_us = clock.now_us();
        let end_us = (now_us.div_euclid(every_us) + 1) * every_us;
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(Duration::from_micros((end_us - now_us).unsigned_abs())) => {}
        }
        let now = ingest.stats();
        let metrics = measure(&ingest, end_us - every_us, period, &before, &now).await;
        match ingest.store.append_metrics(&metrics).await {
            Ok(()) => before = now,
            Err(err) => warn!(error = %err, "the server's own metrics cannot be kept"),
        }
    }
}

async fn measure(ingest: &Ingest, time_us: i64, period: i64, before: &IngestStats, now: &IngestStats) -> Vec<Metric> {
    let store = ingest.store.stats().await;
    let all = |counts: &std::collections::BTreeMap<&'static str, u64>| counts.values().sum::<u64>();
    let counts = [
        ("SegmentsAccepted", before.segments_accepted, now.segments_accepted),
        ("DatapointsAccepted", before.datapoints_accepted, now.datapoints_accepted),
        ("SegmentsRejected", all(&before.segments_rejected), all(&now.segments_rejected)),
        ("DatagramsReceived", before.datagrams_received, now.datagrams_received),
        ("DatagramsRejected", all(&before.datagrams_rejected), all(&now.datagrams_rejected)),
        ("DatagramsDropped", before.datagrams_kernel_dropped, now.datagrams_kernel_dropped),
    ];
    let counts = counts.map(|(name, before, now)| (name, "Count", now.saturating_sub(before)));
    let sizes = [
        ("StoredSegments", "Count", store.segments),
        ("StoredTraces", "Count", store.traces),
        ("Parts", "Count", store.parts),
        ("PartBytes", "Bytes", store.part_bytes),
        ("LogBytes", "Bytes", store.log_bytes),
        ("MemtableBytes", "Bytes", store.memory_bytes),
        ("DamagedParts", "Count", store.damaged_parts.len() as u64),
    ];
    let value =
        |(name, unit, value): &(&str, &str, u64)| Metric { period, ..Metric::value(time_us, NAMESPACE, name, unit, *value as f64) };
    counts.iter().chain(&sizes).map(value).collect()
}
