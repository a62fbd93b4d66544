//! Time. Documents carry epoch seconds as floating point and keep them as they came; everything that is compared, sorted or
//! stored as a column is a whole number of microseconds.

use std::time::{SystemTime, UNIX_EPOCH};

/// The only source of "now". Passed in everywhere, so that a test can hold time still.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since the epoch.
    fn now_us(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

/// One second in microseconds.
pub const SECOND_US: i64 = 1_000_000;

/// One day in microseconds.
pub const DAY_US: i64 = 86_400_000_000;

/// Epoch seconds to microseconds. Values beyond some thousand years saturate, far enough from the ends of 64 bits that sums and
/// differences of a few times cannot overflow.
pub fn secs_to_us(secs: f64) -> i64 {
    (secs * 1e6).round().clamp(-1e17, 1e17) as i64
}

/// Microseconds to epoch seconds.
pub fn us_to_secs(us: i64) -> f64 {
    us as f64 / 1e6
}

/// A half-open range `[start, end)` in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub start_us: i64,
    pub end_us: i64,
}

impl TimeRange {
    pub fn contains(&self, at_us: i64) -> bool {
        self.start_us <= at_us && at_us < self.end_us
    }
}
