//! `logs`: one row per log event.

use std::ops::ControlFlow;

use model::log::EventNumber;
use query::log::field::fields;
use store::{LogRows, Reader};

use super::{Bounds, Column, Table, Value};

pub(crate) struct Logs;

/// An event.
pub(crate) struct Row<'r> {
    rows: &'r LogRows,
    row: usize,
}

impl Row<'_> {
    fn message(&self) -> &str {
        self.rows.messages.value(self.row)
    }
}

impl Table for Logs {
    type Row<'r> = Row<'r>;
    const NAME: &'static str = "logs";
    const DESCRIPTION: &'static str = "One row per log event.";
    const COLUMNS: &'static [Column<Logs>] = &[
        Column::new("time", "of the event", Value::Time(|row| Some(row.rows.times.value(row.row)))),
        Column::new(
            "ingestion_time",
            "when it came in",
            Value::Time(|row| Some(EventNumber(row.rows.numbers.value(row.row)).ingested_us())),
        ),
        Column::new("log_group", "that it is in", Value::Text(|row| Some(row.rows.group(row.row).into()))),
        Column::new("log_stream", "of the group", Value::Text(|row| Some(row.rows.streams.value(row.row).into()))),
        Column::new("message", "as it came", Value::Text(|row| Some(row.message().into()))),
        Column::new(
            "fields",
            "members of a message in JSON, by their paths, as in fields['user.name']",
            Value::Map(|row, add| fields(row.message()).iter().for_each(|(name, value)| add(name, value))),
        ),
        Column::new(
            "account",
            "of another account than the server's own, as in 111122223333/us-east-1",
            Value::Text(|row| row.rows.owner(row.row).map(Into::into)),
        ),
    ];

    fn scan(reader: &Reader, bounds: &Bounds, emit: &mut dyn FnMut(&Row<'_>) -> ControlFlow<()>) -> Result<(), store::Error> {
        reader.all_log_rows(bounds.from_us, bounds.to_us, &mut |rows| (0..rows.len()).try_for_each(|row| emit(&Row { rows, row })))
    }
}
