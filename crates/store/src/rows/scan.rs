//! Reading rows: those of a range of time, with certain values.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use model::container::StateChange;
use parquet::file::statistics::Statistics;

use super::RowTable;
use super::part::packed_texts;
use crate::Reader;
use crate::error::{IoContext, Result};
use crate::packed::Choice;
use crate::table::file::TableFile;
use crate::table::state_change::{STATE_CHANGE, state_changes};

/// Which rows.
#[derive(Debug, Clone, Default)]
pub struct RowScan {
    /// `[from, to)` of the table's time.
    pub from_us: i64,
    pub to_us: i64,
    /// Columns of text that must have these values.
    pub equal: Vec<(&'static str, String)>,
}

const BATCH_ROWS: usize = 8_192;

impl Reader {
    /// Changes of containers' states that are for whoever reads, in their order.
    pub fn state_changes(&self, scan: &RowScan) -> Result<Vec<StateChange>> {
        let mut found = Vec::new();
        self.rows(&STATE_CHANGE, scan, &mut |batch| {
            found.extend(state_changes(&batch));
            ControlFlow::Continue(())
        })?;
        found.retain(|change| self.scope.has(change.owner.as_ref()));
        found.sort_by_key(|change| change.time_us);
        Ok(found)
    }

    /// Calls `visit` with the rows that the scan is for, in batches of the table's schema and in no order that means anything, until
    /// it breaks.
    pub fn rows(
        &self,
        table: &'static RowTable,
        scan: &RowScan,
        visit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut give = |batch: &RecordBatch| -> Result<ControlFlow<()>> {
            let rows = matching(table, scan, batch)?;
            Ok(if rows.num_rows() == 0 { ControlFlow::Continue(()) } else { visit(rows) })
        };
        let memory = self.flushing.as_deref().and_then(|flushing| flushing.rows.get(table.name));
        for batch in memory.into_iter().chain(self.active_rows.get(table.name)).flat_map(|batches| batches.iter()) {
            if give(batch)?.is_break() {
                return Ok(());
            }
        }
        let admitted = |row: &crate::catalog::PartRow| row.min_time_us < scan.to_us && scan.from_us <= row.max_time_us;
        for part in self.row_parts.iter().filter(|part| part.table.name == table.name && admitted(&part.row)) {
            let flow = part.files.tolerate(|files| {
                let file = files.rows()?;
                let groups = (0..file.groups()).map(|group| Ok(may_have(table, scan, &file, group)?.then_some(group)));
                let groups: Vec<usize> = groups.filter_map(Result::transpose).collect::<Result<_>>()?;
                for batch in batches(table, &file, Some(groups), BATCH_ROWS)? {
                    if give(&batch?)?.is_break() {
                        return Ok(Some(()));
                    }
                }
                Ok(None)
            })?;
            if flow.is_some() {
                break;
            }
        }
        Ok(())
    }
}

/// The rows of a file, or of some of its row groups, with all columns of the table.
pub(crate) fn batches(
    table: &'static RowTable,
    file: &Arc<TableFile>,
    groups: Option<Vec<usize>>,
    batch_rows: usize,
) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>>>> {
    if table.long_text.is_some() {
        // Of one row group at a time, which bounds how much text there is.
        let groups = groups.unwrap_or_else(|| (0..file.groups()).collect());
        let file = file.clone();
        let of_group = move |group: usize| {
            let read = || {
                let texts = packed_texts(table, &file, group, &Choice::default())?;
                let reader = file.reader().with_batch_size(batch_rows).with_row_groups(vec![group]);
                let mut from = 0;
                let whole = |batch: Result<RecordBatch>| {
                    let (batch, first) = (batch?, from);
                    from += batch.num_rows();
                    table.widened(match &texts {
                        Some(texts) => table.with_texts(&batch, texts, first)?,
                        None => batch,
                    })
                };
                file.batches(reader)?.map(whole).collect::<Result<Vec<_>>>()
            };
            match read() {
                Ok(batches) => batches.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(err) => vec![Err(err)],
            }
        };
        return Ok(Box::new(groups.into_iter().flat_map(of_group)));
    }
    let mut reader = file.reader().with_batch_size(batch_rows);
    if let Some(groups) = groups {
        reader = reader.with_row_groups(groups);
    }
    Ok(Box::new(file.batches(reader)?.map(move |batch| table.widened(batch?))))
}

/// Whether a row group can have rows that match, by what its statistics and filters say.
fn may_have(table: &RowTable, scan: &RowScan, file: &TableFile, group: usize) -> Result<bool> {
    let metadata = file.metadata.metadata().row_group(group);
    // Files of older formats have fewer columns.
    let column = |name: &str| file.metadata.schema().index_of(name).ok();
    if let Some(Statistics::Int64(times)) = column(table.time).and_then(|place| metadata.column(place).statistics())
        && let (Some(min), Some(max)) = (times.min_opt(), times.max_opt())
        && (*min >= scan.to_us || *max < scan.from_us)
    {
        return Ok(false);
    }
    for (name, value) in &scan.equal {
        // Rows without the column do not have the value.
        let Some(place) = column(name) else { return Ok(false) };
        if let Some(texts) = metadata.column(place).statistics()
            && let (Some(min), Some(max)) = (texts.min_bytes_opt(), texts.max_bytes_opt())
            && (value.as_bytes() < min || (value.as_bytes() > max && !value.as_bytes().starts_with(max)))
        {
            return Ok(false);
        }
        let bloom = file.reader().get_row_group_column_bloom_filter(group, place).at("read", &file.path)?;
        if bloom.is_some_and(|bloom| !bloom.check(&value.as_str())) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn matching(table: &RowTable, scan: &RowScan, batch: &RecordBatch) -> Result<RecordBatch> {
    let times = batch.column(table.place(table.time)).as_primitive::<TimestampMicrosecondType>();
    let texts: Vec<_> =
        scan.equal.iter().map(|(name, value)| (batch.column(table.place(name)).as_string::<i32>(), value.as_str())).collect();
    let is_wanted = |row: usize| {
        let time_us = times.value(row);
        scan.from_us <= time_us
            && time_us < scan.to_us
            && texts.iter().all(|(texts, value)| texts.is_valid(row) && texts.value(row) == *value)
    };
    let wanted: BooleanArray = (0..batch.num_rows()).map(|row| Some(is_wanted(row))).collect();
    if wanted.true_count() == batch.num_rows() {
        return Ok(batch.clone());
    }
    filter_record_batch(batch, &wanted).map_err(|err| table.error(err))
}
