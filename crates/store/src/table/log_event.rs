//! The `log_event` table: one row for each line of a log.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use model::CompactString;
use model::log::{EventNumber, LogEvent};
use model::owner::Owner;

use crate::error::Result;
use crate::rows::{ColumnKind, Retention, RowColumn, RowTable};

pub static LOG_EVENT: RowTable = RowTable {
    name: "log_event",
    number: 3,
    columns: &[
        RowColumn::new("time", ColumnKind::Time),
        RowColumn::optional("owner", ColumnKind::Text),
        RowColumn::new("log_group", ColumnKind::Text),
        RowColumn::new("stream", ColumnKind::Text),
        RowColumn::new("number", ColumnKind::Whole),
        RowColumn::new("message", ColumnKind::Text),
    ],
    time: "time",
    sort: &["log_group", "owner", "time", "number"],
    filters: &[],
    row_group_rows: 65_536,
    retention: Retention::Logs,
    roll_up: None,
    long_text: Some("message"),
};

pub(crate) const TIME: usize = 0;
pub(crate) const OWNER: usize = 1;
pub(crate) const GROUP: usize = 2;
pub(crate) const STREAM: usize = 3;
pub(crate) const NUMBER: usize = 4;
pub(crate) const MESSAGE: usize = 5;

/// The rows of events.
pub(crate) fn batch(events: &[LogEvent]) -> Result<RecordBatch> {
    let text = |of: fn(&LogEvent) -> Option<&str>| Arc::new(events.iter().map(of).collect::<StringArray>()) as ArrayRef;
    let times = TimestampMicrosecondArray::from_iter_values(events.iter().map(|event| event.time_us)).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times),
        text(|event| event.owner.as_ref().map(Owner::as_str)),
        text(|event| Some(&event.group)),
        text(|event| Some(&event.stream)),
        Arc::new(Int64Array::from_iter_values(events.iter().map(|event| event.number.0))),
        text(|event| Some(&event.message)),
    ];
    RecordBatch::try_new(LOG_EVENT.schema(), columns).map_err(|err| LOG_EVENT.error(err))
}

/// Rows of the table, column by column.
#[derive(Debug, Clone)]
pub struct LogRows {
    pub times: TimestampMicrosecondArray,
    owners: Names,
    groups: Names,
    pub streams: StringArray,
    pub numbers: Int64Array,
    pub messages: StringArray,
}

/// Names of rows: often one for all.
#[derive(Debug, Clone)]
pub(crate) enum Names {
    One(Option<CompactString>),
    Each(StringArray),
}

impl Names {
    fn of(&self, row: usize) -> Option<&str> {
        match self {
            Names::One(name) => name.as_deref(),
            Names::Each(names) => names.is_valid(row).then(|| names.value(row)),
        }
    }
}

impl LogRows {
    pub(crate) fn of(batch: &RecordBatch) -> LogRows {
        let text = |place: usize| batch.column(place).as_string::<i32>().clone();
        LogRows {
            times: batch.column(TIME).as_primitive::<TimestampMicrosecondType>().clone(),
            owners: Names::Each(text(OWNER)),
            groups: Names::Each(text(GROUP)),
            streams: text(STREAM),
            numbers: batch.column(NUMBER).as_primitive::<Int64Type>().clone(),
            messages: text(MESSAGE),
        }
    }

    /// Rows of one group: what is not given is empty, or 0.
    pub(crate) fn of_group(
        owner: Option<CompactString>,
        group: CompactString,
        times: TimestampMicrosecondArray,
        streams: Option<StringArray>,
        numbers: Option<Int64Array>,
        messages: Option<StringArray>,
    ) -> LogRows {
        let rows = times.len();
        let empty = || StringArray::new(OffsetBuffer::new_zeroed(rows), Buffer::default(), None);
        LogRows {
            owners: Names::One(owner),
            groups: Names::One(Some(group)),
            streams: streams.unwrap_or_else(empty),
            numbers: numbers.unwrap_or_else(|| Int64Array::from(vec![0; rows])),
            messages: messages.unwrap_or_else(empty),
            times,
        }
    }

    /// Rows of one stream that are nowhere but here, numbered from `first` on.
    pub fn of_texts<'t>(
        group: &str,
        stream: &str,
        times: Vec<i64>,
        first: i64,
        messages: impl Iterator<Item = &'t str>,
    ) -> LogRows {
        let rows = times.len();
        let times = TimestampMicrosecondArray::from(times).with_timezone("UTC");
        let streams = StringArray::from_iter_values(std::iter::repeat_n(stream, rows));
        let numbers = Int64Array::from_iter_values(first..first + rows as i64);
        let messages = StringArray::from_iter_values(messages);
        LogRows::of_group(None, group.into(), times, Some(streams), Some(numbers), Some(messages))
    }

    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    pub fn owner(&self, row: usize) -> Option<&str> {
        self.owners.of(row)
    }

    pub fn group(&self, row: usize) -> &str {
        self.groups.of(row).unwrap_or_default()
    }

    /// Of all messages.
    pub fn message_bytes(&self) -> u64 {
        let offsets = self.messages.value_offsets();
        offsets.last().zip(offsets.first()).map_or(0, |(last, first)| (last - first) as u64)
    }

    pub fn event(&self, row: usize) -> LogEvent {
        LogEvent {
            time_us: self.times.value(row),
            owner: self.owner(row).map(Owner::of_text),
            group: self.group(row).into(),
            stream: self.streams.value(row).into(),
            number: EventNumber(self.numbers.value(row)),
            message: self.messages.value(row).to_owned(),
        }
    }
}
