//! Reading log events, and which of them are still kept.
//!
//! Events are found by chunks: a row group of a part or a batch in memory, with the time it spans. Whoever wants events in order reads
//! chunks in order, and all that overlap together; whoever counts reads them in any order, several at a time.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow_select::concat::concat_batches;
use arrow_select::filter::{filter, filter_record_batch};
use model::CompactString;
use model::log::{EventNumber, LogEvent};
use model::owner::Owner;
use model::time::DAY_US;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::statistics::Statistics;

use crate::error::{Error, Result};
use crate::gram::{self, Needle};
use crate::packed::Choice;
use crate::rows::RowScan;
use crate::rows::part::{RowPart, grams, packed_texts};
use crate::table::file::TableFile;
use crate::table::log_event::{self, LOG_EVENT, LogRows};
use crate::{Reader, Store, read, write};

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct LogScan {
    pub groups: Vec<LogGroupScan>,
    /// `[from, to)`.
    pub from_us: i64,
    pub to_us: i64,
    /// Of those that came before alone, where that is said.
    pub until: Option<EventNumber>,
    /// Each of these must be in the message. It is only used to leave out what cannot match: what comes must still be looked at.
    pub needles: Vec<Needle>,
    /// What is wanted besides times; without it, numbers are 0 and texts are empty.
    pub with_numbers: bool,
    pub with_streams: bool,
    pub with_messages: bool,
}

/// A group whose events are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogGroupScan {
    pub owner: Option<Owner>,
    pub name: CompactString,
    /// What came before it is gone.
    pub since: EventNumber,
    /// Streams whose earlier events are gone.
    pub stream_since: HashMap<CompactString, EventNumber>,
    /// Of these streams alone.
    pub streams: Option<BTreeSet<CompactString>>,
}

/// Numbers of events that are being kept. Until it is dropped, they are not settled.
pub struct EventNumbers<'s> {
    pub first: EventNumber,
    under_way: &'s Mutex<BTreeSet<i64>>,
}

impl Drop for EventNumbers<'_> {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.first.0);
    }
}

/// A part of what a scan is for.
#[derive(Debug, Clone)]
pub struct LogChunk {
    pub from_us: i64,
    /// Included.
    pub to_us: i64,
    /// At most so many.
    pub rows: usize,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(RecordBatch),
    Part(RowPart, usize),
}

/// A group: its owner, if it is not the server's own account, and its name.
type GroupKey<'g> = (Option<&'g str>, &'g str);

/// Which events are kept, of each group.
#[derive(Debug, Default)]
pub struct LogPolicy(pub HashMap<(Option<Owner>, CompactString), GroupPolicy>);

#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupPolicy {
    /// What came before it is gone.
    pub since: EventNumber,
    /// For ever, where it is 0.
    pub days: u32,
    /// Streams whose earlier events are gone.
    pub streams: HashMap<CompactString, EventNumber>,
}

impl LogPolicy {
    /// After how many days nothing of any group is kept; 0 where there is no such time.
    pub(crate) fn days_max(&self) -> u32 {
        match self.0.values().any(|group| group.days == 0) {
            true => 0,
            false => self.0.values().map(|group| group.days).max().unwrap_or(0),
        }
    }

    /// For each row whether it is kept, where not all are.
    pub(crate) fn kept(&self, batch: &RecordBatch, now_us: i64) -> Option<BooleanArray> {
        let texts = |place: usize| batch.column(place).as_string::<i32>();
        let (owners, groups, streams) = (texts(log_event::OWNER), texts(log_event::GROUP), texts(log_event::STREAM));
        let times = batch.column(log_event::TIME).as_primitive::<TimestampMicrosecondType>();
        let numbers = batch.column(log_event::NUMBER).as_primitive::<Int64Type>();
        let mut last: Option<(GroupKey<'_>, Option<&GroupPolicy>)> = None;
        let kept: BooleanArray = (0..batch.num_rows())
            .map(|row| {
                let key = (owners.is_valid(row).then(|| owners.value(row)), groups.value(row));
                let policy = match last {
                    Some((known, policy)) if known == key => policy,
                    _ => self.0.get(&(key.0.map(Owner::of_text), key.1.into())),
                };
                last = Some((key, policy));
                Some(policy.is_none_or(|policy| {
                    let number = EventNumber(numbers.value(row));
                    let oldest_us = match policy.days {
                        0 => i64::MIN,
                        days => now_us.saturating_sub(i64::from(days) * DAY_US),
                    };
                    number >= policy.since
                        && times.value(row) >= oldest_us
                        && policy.streams.get(streams.value(row)).is_none_or(|since| number >= *since)
                }))
            })
            .collect();
        (kept.true_count() < kept.len()).then_some(kept)
    }
}

/// A part is written again when one row of so many is no longer kept.
const REMOVABLE_SHARE: i64 = 8;

/// How many rows of a part are no longer kept.
fn removable(file: &TableFile, policy: &LogPolicy, now_us: i64) -> Result<i64> {
    let mut count = 0;
    for group in 0..file.groups() {
        let reader = file.reader_of(["time", "owner", "log_group", "stream", "number"]).with_row_groups(vec![group]);
        for batch in file.batches(reader)? {
            let batch = batch?;
            let batch = with_empty_texts(&batch, batch.num_rows(), None)?;
            count += policy.kept(&batch, now_us).map_or(0, |kept| (kept.len() - kept.true_count()) as i64);
        }
    }
    Ok(count)
}

impl LogChunk {
    /// Whether it is in no part yet.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.place, Place::Memory(_))
    }
}

impl Store {
    /// Numbers for so many events that came in now, the first of them: above all there were.
    pub fn event_numbers(&self, count: usize) -> EventNumber {
        let (now, count) = (EventNumber::at(self.inner.clock.now_us()).0, count as i64);
        let next = |last: i64| Some(now.max(last + 1) + count - 1);
        let last = self.inner.event_number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        EventNumber(now.max(last + 1))
    }

    /// The same for events that are about to be kept.
    pub fn begin_events(&self, count: usize) -> EventNumbers<'_> {
        let under_way = &self.inner.events_under_way;
        let mut all = under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.event_numbers(count);
        all.insert(first.0);
        EventNumbers { first, under_way }
    }

    /// What came before it can be read, or will never be: whoever reads up to here and then from here on misses nothing.
    pub fn settled_events(&self) -> EventNumber {
        let under_way = self.inner.events_under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.inner.event_number.load(Ordering::Relaxed) + 1;
        EventNumber(under_way.first().copied().unwrap_or(next))
    }

    /// Numbers go on behind those that were given before, whatever the clock says now.
    pub(crate) async fn see_event_numbers(&self) -> Result<()> {
        let reader = self.reader();
        let last = move || reader.last_event_number();
        let last = tokio::task::spawn_blocking(last).await.map_err(|_| Error::Panicked("looking for the last log event"))??;
        self.inner.event_number.fetch_max(last, Ordering::Relaxed);
        Ok(())
    }

    /// Makes events durable and visible, all or none.
    pub async fn append_log_events(&self, events: &[LogEvent]) -> Result<()> {
        self.know_all(events.iter().filter_map(|event| event.owner.as_ref())).await?;
        self.append_rows(&LOG_EVENT, log_event::batch(events)?).await
    }

    /// Says which events are kept from now on. What is not is left out by whoever reads, and goes with the next compactions.
    pub fn set_log_policy(&self, policy: LogPolicy) {
        *write(&self.inner.log_policy) = Arc::new(policy);
        self.inner.kept_logs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A part of which much is no longer kept.
    pub(crate) async fn due_log_removal(&self, parts: &[RowPart]) -> Result<Option<RowPart>> {
        let policy = read(&self.inner.log_policy).clone();
        if policy.0.is_empty() {
            return Ok(None);
        }
        let now_us = self.inner.clock.now_us();
        for part in parts.iter().filter(|part| part.table.name == LOG_EVENT.name && part.files.damage().is_none()) {
            let id = part.row.id;
            let is_known = |kept: &HashMap<i64, i64>| kept.get(&id).is_some_and(|until_us| now_us < *until_us);
            if is_known(&self.inner.kept_logs.lock().unwrap_or_else(PoisonError::into_inner)) {
                continue;
            }
            let (part_to_read, policy) = (part.clone(), policy.clone());
            let count = move || part_to_read.files.tolerate(|files| removable(&*files.rows()?, &policy, now_us).map(Some));
            let removable =
                tokio::task::spawn_blocking(count).await.map_err(|_| Error::Panicked("looking for old log events"))??;
            if removable.unwrap_or(0) * REMOVABLE_SHARE >= part.row.segment_rows.max(1) {
                return Ok(Some(part.clone()));
            }
            self.inner.kept_logs.lock().unwrap_or_else(PoisonError::into_inner).insert(id, now_us + DAY_US);
        }
        Ok(None)
    }
}

impl Reader {
    fn last_event_number(&self) -> Result<i64> {
        let mut last = 0;
        for batch in self.log_batches() {
            let numbers = batch.column(log_event::NUMBER).as_primitive::<Int64Type>();
            last = numbers.values().iter().copied().fold(last, i64::max);
        }
        for part in self.row_parts.iter().filter(|part| part.table.name == LOG_EVENT.name) {
            let of_part = part.files.tolerate(|files| {
                let file = files.rows()?;
                let numbers = |group| match file.metadata.metadata().row_group(group).column(log_event::NUMBER).statistics() {
                    Some(Statistics::Int64(numbers)) => numbers.max_opt().copied(),
                    _ => None,
                };
                Ok((0..file.groups()).filter_map(numbers).max())
            })?;
            last = last.max(of_part.unwrap_or(0));
        }
        Ok(last)
    }

    /// The events that are in no part yet.
    fn log_batches(&self) -> impl Iterator<Item = &RecordBatch> {
        let flushing = self.flushing.as_deref().and_then(|flushing| flushing.rows.get(LOG_EVENT.name));
        flushing.into_iter().chain(self.active_rows.get(LOG_EVENT.name)).flat_map(|batches| batches.iter())
    }

    /// Calls `visit` with all events of a time that are kept, of whatever group, in no order that means anything, until it breaks.
    pub fn all_log_rows(&self, from_us: i64, to_us: i64, visit: &mut dyn FnMut(&LogRows) -> ControlFlow<()>) -> Result<()> {
        let scan = RowScan { from_us, to_us, equal: Vec::new() };
        let mut failed = None;
        self.rows(&LOG_EVENT, &scan, &mut |batch| {
            let kept = match self.log_policy.kept(&batch, self.now_us) {
                None => Ok(batch),
                Some(mask) => filter_record_batch(&batch, &mask),
            };
            match kept {
                Ok(kept) => visit(&LogRows::of(&kept)),
                Err(err) => {
                    failed = Some(LOG_EVENT.error(err));
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// What there is to read for a scan, in no order that means anything.
    pub fn log_chunks(&self, scan: &LogScan) -> Result<Vec<LogChunk>> {
        let mut chunks = Vec::new();
        for batch in self.log_batches() {
            let times = batch.column(log_event::TIME).as_primitive::<TimestampMicrosecondType>();
            let bounds = times.values().iter().fold((i64::MAX, i64::MIN), |(min, max), &time| (min.min(time), max.max(time)));
            let numbers = batch.column(log_event::NUMBER).as_primitive::<Int64Type>();
            let is_new = |since: EventNumber| numbers.values().iter().any(|number| *number >= since.0);
            let has_new = scan.groups.iter().map(|group| group.since).min().is_none_or(is_new);
            if bounds.0 < scan.to_us && scan.from_us <= bounds.1 && has_new {
                chunks.push(LogChunk {
                    from_us: bounds.0,
                    to_us: bounds.1,
                    rows: batch.num_rows(),
                    place: Place::Memory(batch.clone()),
                });
            }
        }
        let is_within = |part: &&RowPart| {
            part.table.name == LOG_EVENT.name && part.row.min_time_us < scan.to_us && scan.from_us <= part.row.max_time_us
        };
        for part in self.row_parts.iter().filter(is_within) {
            let found = part.files.tolerate(|files| {
                let file = files.rows()?;
                let mut found = Vec::new();
                for group in 0..file.groups() {
                    if let Some((from_us, to_us)) = group_bounds(scan, &file, group)?
                        && may_have_needles(scan, &file, group)?
                    {
                        let rows = file.group_rows(group);
                        found.push(LogChunk { from_us, to_us, rows, place: Place::Part(part.clone(), group) });
                    }
                }
                Ok(Some(found))
            })?;
            chunks.extend(found.into_iter().flatten());
        }
        Ok(chunks)
    }

    /// The rows of a chunk that the scan is for, but for its needles.
    pub fn log_rows(&self, scan: &LogScan, chunk: &LogChunk) -> Result<LogRows> {
        let wanted = Wanted::of(scan, self);
        let batch = match &chunk.place {
            Place::Memory(batch) => {
                let mask = wanted.mask(batch);
                filter_record_batch(batch, &mask).map_err(|err| LOG_EVENT.error(err))?
            }
            Place::Part(part, group) => {
                let read = part.files.tolerate(|files| {
                    let file = files.rows()?;
                    match wanted.only(&file, *group) {
                        Some(only) => read_only(scan, only, &file, *group).map(Some),
                        None => Ok(Some(LogRows::of(&read_group(scan, &wanted, &file, *group)?))),
                    }
                })?;
                return Ok(read.unwrap_or_else(|| LogRows::of(&RecordBatch::new_empty(LOG_EVENT.schema()))));
            }
        };
        Ok(LogRows::of(&batch))
    }
}

/// The time that a row group spans, where it can have events of the scan.
fn group_bounds(scan: &LogScan, file: &TableFile, group: usize) -> Result<Option<(i64, i64)>> {
    let metadata = file.metadata.metadata().row_group(group);
    let statistics = |place: usize| metadata.column(place).statistics();
    let (mut from_us, mut to_us) = (i64::MIN, i64::MAX);
    if let Some(Statistics::Int64(times)) = statistics(log_event::TIME)
        && let (Some(min), Some(max)) = (times.min_opt(), times.max_opt())
    {
        (from_us, to_us) = (*min, *max);
        if from_us >= scan.to_us || to_us < scan.from_us {
            return Ok(None);
        }
    }
    if let Some(Statistics::Int64(numbers)) = statistics(log_event::NUMBER)
        && let (Some(min), Some(max)) = (numbers.min_opt(), numbers.max_opt())
        && (scan.until.is_some_and(|until| *min >= until.0) || scan.groups.iter().all(|group| *max < group.since.0))
    {
        return Ok(None);
    }
    if let Some(names) = statistics(log_event::GROUP)
        && let (Some(min), Some(max)) = (names.min_bytes_opt(), names.max_bytes_opt())
    {
        let may_be = |group: &LogGroupScan| {
            let name = group.name.as_bytes();
            name >= min && (name <= max || name.starts_with(max))
        };
        if !scan.groups.iter().any(may_be) {
            return Ok(None);
        }
    }
    Ok(Some((from_us, to_us)))
}

fn may_have_needles(scan: &LogScan, file: &TableFile, group: usize) -> Result<bool> {
    let is_said = |needle: &Needle| match needle {
        Needle::Text(text) => text.len() >= gram::TEXT_MIN,
        Needle::Trace(_) => true,
    };
    if !scan.needles.iter().any(is_said) {
        return Ok(true);
    }
    let Some((place, length)) = grams(file, group) else { return Ok(true) };
    let filter = file.embedded(place, length)?;
    Ok(scan.needles.iter().filter(|needle| is_said(needle)).all(|needle| gram::may_have(&filter, needle)))
}

/// The groups of a scan that whoever reads may see.
struct Wanted<'s> {
    scan: &'s LogScan,
    groups: HashMap<GroupKey<'s>, &'s LogGroupScan>,
}

impl<'s> Wanted<'s> {
    fn of(scan: &'s LogScan, reader: &Reader) -> Wanted<'s> {
        let visible = scan.groups.iter().filter(|group| reader.scope.has(group.owner.as_ref()));
        let groups = visible.map(|group| ((group.owner.as_ref().map(Owner::as_str), group.name.as_str()), group)).collect();
        Wanted { scan, groups }
    }

    /// Which rows are wanted; `batch` has all columns but messages.
    fn mask(&self, batch: &RecordBatch) -> BooleanArray {
        let texts = |place: usize| batch.column(place).as_string::<i32>();
        let (owners, groups, streams) = (texts(log_event::OWNER), texts(log_event::GROUP), texts(log_event::STREAM));
        let times = batch.column(log_event::TIME).as_primitive::<TimestampMicrosecondType>();
        let numbers = batch.column(log_event::NUMBER).as_primitive::<Int64Type>();
        // Rows of a group mostly stand together.
        let mut last: Option<(GroupKey<'_>, Option<&LogGroupScan>)> = None;
        (0..batch.num_rows())
            .map(|row| {
                let time_us = times.value(row);
                if time_us < self.scan.from_us || time_us >= self.scan.to_us {
                    return Some(false);
                }
                let key = (owners.is_valid(row).then(|| owners.value(row)), groups.value(row));
                let group = match last {
                    Some((known, group)) if known == key => group,
                    _ => self.groups.get(&key).copied(),
                };
                last = Some((key, group));
                Some(group.is_some_and(|group| {
                    let number = EventNumber(numbers.value(row));
                    number >= group.since && self.scan.until.is_none_or(|until| number < until) && {
                        let by_stream = group.streams.is_some() || !group.stream_since.is_empty();
                        !by_stream || {
                            let stream = streams.value(row);
                            group.streams.as_ref().is_none_or(|wanted| wanted.contains(stream))
                                && group.stream_since.get(stream).is_none_or(|since| number >= *since)
                        }
                    }
                }))
            })
            .collect()
    }

    /// The one group of a row group, where all of that is wanted: its statistics tell.
    fn only(&self, file: &TableFile, group: usize) -> Option<&'s LogGroupScan> {
        let metadata = file.metadata.metadata().row_group(group);
        let text = |place: usize| match metadata.column(place).statistics()? {
            Statistics::ByteArray(texts) if texts.min_is_exact() && texts.max_is_exact() => {
                let (min, max) = (texts.min_opt()?, texts.max_opt()?);
                (min == max).then(|| std::str::from_utf8(min.data()).ok())?
            }
            _ => None,
        };
        let whole = |place: usize| match metadata.column(place).statistics()? {
            Statistics::Int64(numbers) => Some((*numbers.min_opt()?, *numbers.max_opt()?)),
            _ => None,
        };
        let owner = match metadata.column(log_event::OWNER).statistics()?.null_count_opt()? {
            0 => Some(text(log_event::OWNER)?),
            nulls if nulls == metadata.num_rows() as u64 => None,
            _ => return None,
        };
        let found = self.groups.get(&(owner, text(log_event::GROUP)?)).copied()?;
        let (first, last) = whole(log_event::NUMBER)?;
        let (from_us, to_us) = whole(log_event::TIME)?;
        let is_whole = from_us >= self.scan.from_us
            && to_us < self.scan.to_us
            && first >= found.since.0
            && self.scan.until.is_none_or(|until| last < until.0)
            && found.streams.is_none()
            && found.stream_since.is_empty();
        is_whole.then_some(found)
    }

    fn needs_streams(&self) -> bool {
        self.scan.with_streams || self.groups.values().any(|group| group.streams.is_some() || !group.stream_since.is_empty())
    }
}

/// The rows of a row group, all of which are wanted.
fn read_only(scan: &LogScan, only: &LogGroupScan, file: &TableFile, group: usize) -> Result<LogRows> {
    let optional = [("number", scan.with_numbers), ("stream", scan.with_streams), ("message", scan.with_messages)];
    let columns = std::iter::once("time").chain(optional.iter().filter(|(_, is_wanted)| *is_wanted).map(|(name, _)| *name));
    let reader = file.reader_of(columns).with_row_groups(vec![group]).with_batch_size(file.group_rows(group).max(1));
    let batches: Vec<RecordBatch> = file.batches(reader)?.collect::<Result<_>>()?;
    let Some(first) = batches.first() else { return Ok(LogRows::of(&RecordBatch::new_empty(LOG_EVENT.schema()))) };
    let packed = if scan.with_messages { packed_messages(scan, file, group, None)? } else { None };
    let batch = if batches.len() == 1 {
        first.clone()
    } else {
        concat_batches(&first.schema(), &batches).map_err(|err| LOG_EVENT.error(err))?
    };
    let text = |name: &str| batch.column_by_name(name).map(|column| column.as_string::<i32>().clone());
    let numbers = batch.column_by_name("number").map(|column| column.as_primitive::<Int64Type>().clone());
    let owner = only.owner.as_ref().map(|owner| owner.as_str().into());
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>().clone();
    let messages = packed.or_else(|| text("message"));
    Ok(LogRows::of_group(owner, only.name.clone(), times, text("stream"), numbers, messages))
}

/// The messages of a row group where they are packed: those that cannot have the needles of a scan, or are not of these rows, may be
/// empty.
fn packed_messages(scan: &LogScan, file: &TableFile, group: usize, rows: Option<&BooleanArray>) -> Result<Option<StringArray>> {
    packed_texts(&LOG_EVENT, file, group, &Choice { needles: &scan.needles, rows })
}

/// The rows of a row group that are wanted: messages are read of these alone.
fn read_group(scan: &LogScan, wanted: &Wanted<'_>, file: &TableFile, group: usize) -> Result<RecordBatch> {
    let read = |columns: Vec<&str>, selection: Option<RowSelection>| -> Result<Vec<RecordBatch>> {
        let mut reader = file.reader_of(columns).with_row_groups(vec![group]).with_batch_size(file.group_rows(group).max(1));
        if let Some(selection) = selection {
            reader = reader.with_row_selection(selection);
        }
        file.batches(reader)?.collect()
    };
    let mut columns = vec!["time", "owner", "log_group", "number"];
    if wanted.needs_streams() {
        columns.push("stream");
    }
    let found = read(columns, None)?;
    let Some(first) = found.first() else { return Ok(RecordBatch::new_empty(LOG_EVENT.schema())) };
    let keys = concat_batches(&first.schema(), &found).map_err(|err| LOG_EVENT.error(err))?;
    let rows = keys.num_rows();
    let keys = with_empty_texts(&keys, rows, None)?;
    let mask = wanted.mask(&keys);
    let kept = filter_record_batch(&keys, &mask).map_err(|err| LOG_EVENT.error(err))?;
    if !scan.with_messages || kept.num_rows() == 0 {
        return Ok(kept);
    }
    if let Some(texts) = packed_messages(scan, file, group, Some(&mask))? {
        let texts = filter(&texts, &mask).map_err(|err| LOG_EVENT.error(err))?;
        return with_empty_texts(&kept, kept.num_rows(), Some(texts.as_string::<i32>().clone()));
    }
    // To leave out a few rows costs more than to read them.
    let is_most = kept.num_rows() * 2 > rows;
    let selection = (!is_most).then(|| RowSelection::from_filters(std::slice::from_ref(&mask)));
    let texts = read(vec!["message"], selection)?;
    let texts: Vec<&dyn Array> = texts.iter().map(|batch| batch.column(0).as_ref()).collect();
    let texts = arrow_select::concat::concat(&texts).map_err(|err| LOG_EVENT.error(err))?;
    let texts = if is_most && kept.num_rows() < rows { filter(&texts, &mask).map_err(|err| LOG_EVENT.error(err))? } else { texts };
    with_empty_texts(&kept, kept.num_rows(), Some(texts.as_string::<i32>().clone()))
}

/// The same with all columns of the table: texts that were not read are empty.
fn with_empty_texts(batch: &RecordBatch, rows: usize, messages: Option<StringArray>) -> Result<RecordBatch> {
    let schema = LOG_EVENT.schema();
    let column = |field: &Arc<arrow_schema::Field>| -> arrow_array::ArrayRef {
        if let (Some(messages), "message") = (&messages, field.name().as_str()) {
            return Arc::new(messages.clone());
        }
        match batch.column_by_name(field.name()) {
            Some(column) => column.clone(),
            None if field.is_nullable() => new_null_array(field.data_type(), rows),
            None => Arc::new(std::iter::repeat_n(Some(""), rows).collect::<StringArray>()),
        }
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).map_err(|err| LOG_EVENT.error(err))
}
