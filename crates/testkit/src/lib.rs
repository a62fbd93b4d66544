//! Help for tests: a clock that stands still, and segments built in a line.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::Clock;
use serde_json::{Value, json};

/// A clock that moves only when told.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    pub fn at_secs(secs: i64) -> ManualClock {
        ManualClock(Arc::new(AtomicI64::new(secs * 1_000_000)))
    }

    pub fn advance_secs(&self, secs: i64) {
        self.0.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A trace id whose time is `secs` and whose rest is `n`.
pub fn trace_id(secs: u32, n: u128) -> String {
    format!("1-{secs:08x}-{n:024x}")
}

/// A segment id.
pub fn segment_id(n: u64) -> String {
    format!("{n:016x}")
}

/// A complete segment document; change the value before writing it as text.
pub fn segment(trace_id: &str, id: u64, name: &str, start: f64, secs: f64) -> Value {
    json!({"trace_id": trace_id, "id": segment_id(id), "name": name, "start_time": start, "end_time": start + secs})
}
