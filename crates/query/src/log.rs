//! Log events: in their order, and those that match.

pub mod field;
pub mod insights;
pub mod pattern;
pub mod span;
#[cfg(test)]
mod tests;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::str::FromStr;

use memchr::memmem::Finder;
use model::link::LOG_GROUPS;
use model::log::{EventNumber, LogEvent};
use store::{LogChunk, LogRows, LogScan, Needle, Reader};

use crate::{Query, Result};

/// The whole number that a text is.
pub(crate) fn whole(text: &str) -> Option<i128> {
    text.trim().parse().ok()
}

/// Where an event stands among all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct LogPosition {
    pub time_us: i64,
    pub number: EventNumber,
}

/// Digits of each half of a position in a text: as many as in AWS's tokens and ids.
const POSITION_DIGITS: usize = 28;

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0POSITION_DIGITS$}{:0POSITION_DIGITS$}", self.time_us.max(0), self.number.0.max(0))
    }
}

/// A text is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the position of a log event")]
pub struct InvalidPosition;

impl FromStr for LogPosition {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<LogPosition, InvalidPosition> {
        let half = |digits: &str| digits.parse().map_err(|_| InvalidPosition);
        let (time, number) = text.split_at_checked(POSITION_DIGITS).ok_or(InvalidPosition)?;
        Ok(LogPosition { time_us: half(time)?, number: EventNumber(half(number)?) })
    }
}

/// How two values may be compared, in filter patterns and in Logs Insights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds for values in this order; of what has none, as NaN has not, nothing holds but that it is not equal.
    pub(crate) fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOrder {
    OldestFirst,
    NewestFirst,
}

/// How much of it is wanted at most.
#[derive(Debug, Clone, Copy)]
pub struct LogBudget {
    pub events: usize,
    /// Of messages.
    pub bytes: usize,
    /// Events that are looked at.
    pub scanned: usize,
}

/// Events that were asked for, in the order that was.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    pub events: Vec<LogEvent>,
    /// The last event that was looked at, where there may be more behind it.
    pub next: Option<LogPosition>,
}

/// A place from which a heap takes the next event: what comes first is the greatest.
type Head = (Ranked, usize, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ranked {
    Newest(LogPosition),
    Oldest(Reverse<LogPosition>),
}

impl Query {
    fn log_reader(&self) -> Reader {
        self.store.reader().scoped((self.scope)(LOG_GROUPS))
    }

    /// Events that `is_wanted`, behind a place, as much as there is room for.
    pub fn log_events(
        &self,
        scan: &LogScan,
        order: LogOrder,
        after: Option<LogPosition>,
        is_wanted: &mut dyn FnMut(&LogRows, usize) -> bool,
        budget: LogBudget,
    ) -> Result<LogPage> {
        let mut page =
            Page { page: LogPage::default(), is_wanted, order, after, budget, bytes: 0, scanned: 0, last: None, is_left: false };
        let is_over = walk(&self.log_reader(), scan, Vec::new(), order, after, &mut page)?;
        let Page { mut page, last, is_left, .. } = page;
        page.next = last.filter(|_| is_left || !is_over);
        Ok(page)
    }
}

/// Fills a page.
struct Page<'w> {
    page: LogPage,
    is_wanted: &'w mut dyn FnMut(&LogRows, usize) -> bool,
    order: LogOrder,
    after: Option<LogPosition>,
    budget: LogBudget,
    bytes: usize,
    scanned: usize,
    last: Option<LogPosition>,
    is_left: bool,
}

impl Visit for Page<'_> {
    fn before(&mut self, chunk: &LogChunk, at: LogPosition) -> ControlFlow<()> {
        let is_further = self.after.is_none_or(|after| match self.order {
            LogOrder::OldestFirst => at > after,
            LogOrder::NewestFirst => at < after,
        });
        if self.scanned >= self.budget.scanned && is_further {
            // All before it was looked at, whether or not there was something.
            self.last = Some(at);
            return ControlFlow::Break(());
        }
        self.scanned += chunk.rows;
        ControlFlow::Continue(())
    }

    fn row(&mut self, rows: &Rc<LogRows>, row: usize) -> ControlFlow<()> {
        let is_wanted = (self.is_wanted)(rows, row);
        let size = rows.messages.value_length(row) as usize;
        // A page has one event at least.
        if is_wanted && !self.page.events.is_empty() && self.bytes + size > self.budget.bytes {
            self.is_left = true;
            return ControlFlow::Break(());
        }
        self.last = Some(position(rows, row));
        if is_wanted {
            self.bytes += size;
            self.page.events.push(rows.event(row));
        }
        match self.page.events.len() >= self.budget.events {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Whoever looks at the rows of a scan, one after the other, until it breaks.
pub(crate) trait Visit {
    /// Before a chunk is read; everything up to `at` was visited.
    fn before(&mut self, _chunk: &LogChunk, _at: LogPosition) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The rows of a chunk, none of which was visited yet.
    fn opened(&mut self, _rows: &LogRows) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn row(&mut self, rows: &Rc<LogRows>, row: usize) -> ControlFlow<()>;
}

/// Finds the rows that have the needles of a scan: it looks at all messages of a chunk as one text.
pub(crate) struct Candidates<'s> {
    /// The longest text, which is looked for first, and the others.
    first: Option<Finder<'s>>,
    others: Vec<Finder<'s>>,
}

impl<'s> Candidates<'s> {
    pub(crate) fn new(needles: &'s [Needle]) -> Candidates<'s> {
        let text = |needle: &'s Needle| match needle {
            Needle::Text(text) if !text.is_empty() => Some(text.as_slice()),
            // In whatever form it stands: whoever looks at the row finds out.
            _ => None,
        };
        let mut texts: Vec<&[u8]> = needles.iter().filter_map(text).collect();
        texts.sort_by_key(|text| Reverse(text.len()));
        let mut finders = texts.into_iter().map(Finder::new);
        Candidates { first: finders.next(), others: finders.collect() }
    }

    /// Calls `look` with each row that has them all, until it breaks.
    pub(crate) fn each(&self, rows: &LogRows, mut look: impl FnMut(usize) -> ControlFlow<()>) {
        let Some(first) = &self.first else {
            let _ = (0..rows.len()).try_for_each(look);
            return;
        };
        let (text, offsets) = (rows.messages.value_data(), rows.messages.value_offsets());
        let mut row = 0;
        while row < rows.len() {
            let from = offsets[row] as usize;
            let Some(found) = first.find(&text[from..offsets[rows.len()] as usize]) else { return };
            let at = from + found;
            // The row in which it begins; where it goes on into the next one, it is in neither.
            row += offsets[row + 1..=rows.len()].partition_point(|end| *end as usize <= at);
            let (begin, end) = (offsets[row] as usize, offsets[row + 1] as usize);
            if at + first.needle().len() <= end {
                let message = &text[begin..end];
                if self.others.iter().all(|other| other.find(message).is_some()) && look(row).is_break() {
                    return;
                }
            }
            row += 1;
        }
    }
}

/// Lets `visitor` see the rows of a scan in order, and those of `more`. Returns whether it has seen all.
pub(crate) fn walk(
    reader: &Reader,
    scan: &LogScan,
    more: Vec<LogRows>,
    order: LogOrder,
    after: Option<LogPosition>,
    visitor: &mut dyn Visit,
) -> Result<bool> {
    let mut scan = LogScan { with_numbers: true, ..scan.clone() };
    if let Some(LogPosition { time_us, .. }) = after {
        match order {
            LogOrder::OldestFirst => scan.from_us = scan.from_us.max(time_us),
            LogOrder::NewestFirst => scan.to_us = scan.to_us.min(time_us.saturating_add(1)),
        }
    }
    let mut chunks = reader.log_chunks(&scan)?;
    // The last is opened first.
    match order {
        LogOrder::OldestFirst => chunks.sort_by_key(|chunk| Reverse(chunk.from_us)),
        LogOrder::NewestFirst => chunks.sort_by_key(|chunk| chunk.to_us),
    }
    let may_begin_before = |chunk: &LogChunk, at: LogPosition| match order {
        LogOrder::OldestFirst => chunk.from_us <= at.time_us,
        LogOrder::NewestFirst => chunk.to_us >= at.time_us,
    };
    // Everything up to there comes before the chunk.
    let edge = |chunk: &LogChunk| match order {
        LogOrder::OldestFirst => LogPosition { time_us: chunk.from_us.saturating_sub(1), number: EventNumber(i64::MAX) },
        LogOrder::NewestFirst => LogPosition { time_us: chunk.to_us.saturating_add(1), number: EventNumber(0) },
    };
    let rank = |at: LogPosition| match order {
        LogOrder::OldestFirst => Ranked::Oldest(Reverse(at)),
        LogOrder::NewestFirst => Ranked::Newest(at),
    };
    let is_after = |at: LogPosition| {
        after.is_none_or(|after| match order {
            LogOrder::OldestFirst => at > after,
            LogOrder::NewestFirst => at < after,
        })
    };
    let needles = scan.needles.clone();
    let candidates = Candidates::new(&needles);
    let mut open: Vec<Option<(Rc<LogRows>, Vec<u32>)>> = Vec::new();
    let mut heads: BinaryHeap<Head> = BinaryHeap::new();
    let take = |rows: LogRows, open: &mut Vec<Option<(Rc<LogRows>, Vec<u32>)>>, heads: &mut BinaryHeap<Head>| {
        let mut places: Vec<u32> = Vec::new();
        candidates.each(&rows, |row| {
            if is_after(position(&rows, row)) {
                places.push(row as u32);
            }
            ControlFlow::Continue(())
        });
        places.sort_by_key(|row| Reverse(rank(position(&rows, *row as usize))));
        if let Some(first) = places.first() {
            heads.push((rank(position(&rows, *first as usize)), open.len(), 0));
            open.push(Some((Rc::new(rows), places)));
        }
    };
    for rows in more {
        if visitor.opened(&rows).is_break() {
            return Ok(false);
        }
        take(rows, &mut open, &mut heads);
    }
    loop {
        // Whatever may have something that comes before the next one is opened first.
        while let Some(chunk) = chunks.last() {
            if heads.peek().is_some_and(|(first, ..)| !may_begin_before(chunk, first.position())) {
                break;
            }
            if visitor.before(chunk, edge(chunk)).is_break() {
                return Ok(false);
            }
            let rows = reader.log_rows(&scan, chunk)?;
            chunks.pop();
            if visitor.opened(&rows).is_break() {
                return Ok(false);
            }
            take(rows, &mut open, &mut heads);
        }
        let Some((_, index, place)) = heads.pop() else { return Ok(true) };
        let Some((rows, places)) = &open[index] else { return Ok(true) };
        let flow = visitor.row(rows, places[place] as usize);
        match places.get(place + 1) {
            Some(next) => heads.push((rank(position(rows, *next as usize)), index, place + 1)),
            None => open[index] = None,
        }
        if flow.is_break() {
            return Ok(heads.is_empty() && chunks.is_empty());
        }
    }
}

impl Ranked {
    fn position(self) -> LogPosition {
        match self {
            Ranked::Newest(at) | Ranked::Oldest(Reverse(at)) => at,
        }
    }
}

impl From<&LogEvent> for LogPosition {
    fn from(event: &LogEvent) -> LogPosition {
        LogPosition { time_us: event.time_us, number: event.number }
    }
}

fn position(rows: &LogRows, row: usize) -> LogPosition {
    LogPosition { time_us: rows.times.value(row), number: EventNumber(rows.numbers.value(row)) }
}
