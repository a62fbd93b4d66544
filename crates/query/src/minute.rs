//! Ranges of time, split: whole minutes are answered from sums, what is left from traces.

use model::TimeRange;
use model::minute::{MINUTE_US, minute_of};
use store::{MinuteBatch, MinuteRow, Reader};

use crate::Result;

/// How a range is answered.
pub(crate) struct Split {
    batches: Vec<MinuteBatch>,
    minutes: std::ops::Range<i64>,
    /// What is held back until then does not count.
    now_us: i64,
    /// What traces must answer: a request counts where it began in one of these.
    pub(crate) rest: Vec<TimeRange>,
}

impl Split {
    /// The whole range from traces.
    pub(crate) fn nothing_whole(range: TimeRange) -> Split {
        Split { batches: Vec::new(), minutes: 0..0, now_us: 0, rest: vec![range] }
    }

    pub(crate) fn of(reader: &Reader, range: TimeRange, now_us: i64) -> Result<Split> {
        let first = minute_of(range.start_us.saturating_add(MINUTE_US - 1));
        let minutes = first.max(reader.first_minute())..minute_of(range.end_us);
        if minutes.is_empty() {
            return Ok(Split::nothing_whole(range));
        }
        let Some(batches) = reader.minutes(minutes.clone())? else { return Ok(Split::nothing_whole(range)) };
        let start_of = |minute: i64| minute.saturating_mul(MINUTE_US);
        let mut rest = Vec::new();
        let mut add = |start_us: i64, end_us: i64| {
            if start_us < end_us {
                rest.push(TimeRange { start_us, end_us });
            }
        };
        add(range.start_us, start_of(minutes.start));
        add(start_of(minutes.end), range.end_us);
        Ok(Split { batches, minutes, now_us, rest })
    }

    /// The rows that count.
    pub(crate) fn rows(&self) -> impl Iterator<Item = MinuteRow<'_>> {
        let rows = self.batches.iter().flat_map(MinuteBatch::rows);
        rows.filter(|row| self.minutes.contains(&row.minute) && row.held_until_us.is_none_or(|until_us| until_us <= self.now_us))
    }
}

#[cfg(test)]
mod tests;
