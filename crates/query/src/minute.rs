//! Ranges of time, split: whole minutes are answered from sums, what is left from traces.

use std::collections::BTreeSet;

use model::minute::{MINUTE_US, minute_of};
use model::{TimeRange, limit};
use store::{MinuteBatch, MinuteRow, Reader};

use crate::Result;

/// How a range is answered.
pub(crate) struct Split {
    batches: Vec<MinuteBatch>,
    minutes: std::ops::Range<i64>,
    /// Minutes in which calls ended so lately that their inferred services are still held back, one by one.
    unsettled: BTreeSet<i64>,
    /// What traces must answer: a request counts where it began in one of these.
    pub(crate) rest: Vec<TimeRange>,
}

impl Split {
    /// The whole range from traces.
    pub(crate) fn nothing_whole(range: TimeRange) -> Split {
        Split { batches: Vec::new(), minutes: 0..0, unsettled: BTreeSet::new(), rest: vec![range] }
    }

    pub(crate) fn of(reader: &Reader, range: TimeRange, now_us: i64) -> Result<Split> {
        let first = minute_of(range.start_us.saturating_add(MINUTE_US - 1));
        let minutes = first.max(reader.first_minute())..minute_of(range.end_us);
        if minutes.is_empty() {
            return Ok(Split::nothing_whole(range));
        }
        let Some(batches) = reader.minutes(minutes.clone())? else { return Ok(Split::nothing_whole(range)) };
        let held_back_us = now_us.saturating_sub(limit::TRACED_GRACE_SECS * 1_000_000);
        let mut unsettled = BTreeSet::new();
        for row in batches.iter().flat_map(MinuteBatch::rows) {
            if minutes.contains(&row.minute) && row.pending_end_us.is_some_and(|end_us| end_us > held_back_us) {
                unsettled.insert(row.minute);
            }
        }
        let start_of = |minute: i64| minute.saturating_mul(MINUTE_US);
        let mut rest = Vec::new();
        let mut add = |start_us: i64, end_us: i64| {
            if start_us < end_us {
                rest.push(TimeRange { start_us, end_us });
            }
        };
        add(range.start_us, start_of(minutes.start));
        unsettled.iter().for_each(|&minute| add(start_of(minute), start_of(minute + 1)));
        add(start_of(minutes.end), range.end_us);
        // One scan for what is side by side.
        rest.dedup_by(|next, last| {
            let touches = last.end_us == next.start_us;
            if touches {
                last.end_us = next.end_us;
            }
            touches
        });
        Ok(Split { batches, minutes, unsettled, rest })
    }

    /// The rows that count.
    pub(crate) fn rows(&self) -> impl Iterator<Item = MinuteRow<'_>> {
        let rows = self.batches.iter().flat_map(MinuteBatch::rows);
        rows.filter(|row| self.minutes.contains(&row.minute) && !self.unsettled.contains(&row.minute))
    }
}

#[cfg(test)]
mod tests;
