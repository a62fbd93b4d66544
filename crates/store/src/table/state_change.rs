//! The `state_change` table: one row for everything that happened to a container.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use model::container::{Change, StateChange};
use model::owner::Owner;

use crate::error::Result;
use crate::rows::{ColumnKind, Retention, RowColumn, RowTable};

pub static STATE_CHANGE: RowTable = RowTable {
    name: "state_change",
    number: 2,
    columns: &[
        RowColumn::new("time", ColumnKind::Time),
        RowColumn::optional("owner", ColumnKind::Text),
        RowColumn::new("cluster", ColumnKind::Text),
        RowColumn::optional("service", ColumnKind::Text),
        RowColumn::new("family", ColumnKind::Text),
        RowColumn::new("task", ColumnKind::Text),
        RowColumn::new("container", ColumnKind::Text),
        RowColumn::new("container_id", ColumnKind::Text),
        RowColumn::new("change", ColumnKind::Text),
        RowColumn::optional("exit_code", ColumnKind::Whole),
        RowColumn::optional("reason", ColumnKind::Text),
    ],
    time: "time",
    sort: &["cluster", "service", "task", "time"],
    filters: &["cluster", "task"],
    row_group_rows: 65_536,
    retention: Retention::Metrics,
    roll_up: None,
    long_text: None,
};

const TIME: usize = 0;
const EXIT_CODE: usize = 9;

/// The rows of changes.
pub(crate) fn batch(changes: &[StateChange]) -> Result<RecordBatch> {
    let text = |of: fn(&StateChange) -> Option<&str>| Arc::new(changes.iter().map(of).collect::<StringArray>()) as ArrayRef;
    let times = TimestampMicrosecondArray::from_iter_values(changes.iter().map(|change| change.time_us)).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times),
        text(|change| change.owner.as_ref().map(Owner::as_str)),
        text(|change| Some(&change.cluster)),
        text(|change| change.service.as_deref()),
        text(|change| Some(&change.family)),
        text(|change| Some(&change.task)),
        text(|change| Some(&change.container)),
        text(|change| Some(&change.container_id)),
        text(|change| Some(change.change.as_str())),
        Arc::new(changes.iter().map(|change| change.exit_code).collect::<Int64Array>()),
        text(|change| change.reason.as_deref()),
    ];
    RecordBatch::try_new(STATE_CHANGE.schema(), columns).map_err(|err| STATE_CHANGE.error(err))
}

/// The changes of rows. Those of kinds that this version does not know are left out.
pub fn state_changes(batch: &RecordBatch) -> Vec<StateChange> {
    let times = batch.column(TIME).as_primitive::<TimestampMicrosecondType>();
    let exit_codes = batch.column(EXIT_CODE).as_primitive::<Int64Type>();
    let text = |row: usize, place: usize| {
        let texts = batch.column(place).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row))
    };
    let known = |row: usize, place: usize| text(row, place).unwrap_or_default();
    let change = |row: usize| {
        Some(StateChange {
            time_us: times.value(row),
            owner: text(row, 1).map(Owner::of_text),
            cluster: known(row, 2).into(),
            service: text(row, 3).map(Into::into),
            family: known(row, 4).into(),
            task: known(row, 5).into(),
            container: known(row, 6).into(),
            container_id: known(row, 7).to_owned(),
            change: Change::of_text(known(row, 8))?,
            exit_code: exit_codes.is_valid(row).then(|| exit_codes.value(row)),
            reason: text(row, 10).map(str::to_owned),
        })
    };
    (0..batch.num_rows()).filter_map(change).collect()
}
