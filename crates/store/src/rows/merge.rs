//! One part of a table of rows instead of several of one day.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_row::{OwnedRow, RowConverter, Rows, SortField};
use arrow_select::filter::filter_record_batch;
use arrow_select::interleave::interleave_record_batch;

use super::part::{Origin, RowPart, RowWriter};
use super::{Retention, RowTable};
use crate::catalog::NewPart;
use crate::error::Result;
use crate::log::LogPolicy;
use crate::table::file::TableFile;
use crate::table::metric::Resolution;

/// Rows of a batch, on the way in and out.
const BATCH_ROWS: usize = 8_192;
const BATCH_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// Writes one part with the rows of all, but for log events that are no longer kept.
pub(crate) fn merge(
    dir: &Path,
    id: i64,
    inputs: &[RowPart],
    resolution: Resolution,
    policy: &LogPolicy,
    now_us: i64,
) -> Result<NewPart> {
    let table = inputs[0].table;
    let files = inputs.iter().map(|part| part.files.rows()).collect::<Result<Vec<_>>>()?;
    let mut origin = Origin::default();
    for (part, file) in inputs.iter().zip(&files) {
        let of_file = Origin::of(file);
        origin.last_sequence = origin.last_sequence.max(of_file.last_sequence);
        origin.merged.push(part.row.id);
    }
    let mut streams = files.iter().map(|file| Stream::open(table, file)).collect::<Result<Vec<_>>>()?;
    let mut heads: BinaryHeap<Reverse<(OwnedRow, usize)>> = BinaryHeap::new();
    for (index, stream) in streams.iter_mut().enumerate() {
        heads.extend(stream.head()?.map(|head| Reverse((head, index))));
    }
    let mut writer = RowWriter::create(dir, table, id, true)?;
    // Rows that go into the next batch: which batch, and the row in it.
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut place_of: Vec<Option<usize>> = vec![None; streams.len()];
    let mut rows: Vec<(usize, usize)> = Vec::new();
    let mut text_bytes = 0;
    let mut write = |batches: &mut Vec<RecordBatch>, place_of: &mut Vec<Option<usize>>, rows: &mut Vec<(usize, usize)>| {
        let batch = interleave_record_batch(&batches.iter().collect::<Vec<_>>(), rows).map_err(|err| table.error(err))?;
        let fewer = match (table.roll_up, table.retention) {
            (Some(roll_up), _) => (roll_up.fold)(&batch, resolution, now_us)?,
            (None, Retention::Logs) => match policy.kept(&batch, now_us) {
                Some(kept) => Some(filter_record_batch(&batch, &kept).map_err(|err| table.error(err))?),
                None => None,
            },
            (None, Retention::Metrics) => None,
        };
        writer.write(fewer.as_ref().unwrap_or(&batch))?;
        batches.clear();
        place_of.fill(None);
        rows.clear();
        Ok::<_, crate::Error>(())
    };
    while let Some(Reverse((_, index))) = heads.pop() {
        let stream = &mut streams[index];
        let place = *place_of[index].get_or_insert_with(|| {
            batches.push(stream.batch.clone());
            batches.len() - 1
        });
        rows.push((place, stream.row));
        text_bytes += table.long_texts(&stream.batch).map_or(0, |texts| texts.value_length(stream.row) as usize);
        stream.row += 1;
        if stream.row == stream.batch.num_rows() {
            place_of[index] = None;
        }
        heads.extend(stream.head()?.map(|head| Reverse((head, index))));
        if rows.len() >= BATCH_ROWS || batches.len() > 4 * inputs.len() || text_bytes >= BATCH_TEXT_BYTES {
            text_bytes = 0;
            write(&mut batches, &mut place_of, &mut rows)?;
        }
    }
    if !rows.is_empty() {
        write(&mut batches, &mut place_of, &mut rows)?;
    }
    writer.finish(inputs[0].row.day, &origin, now_us)
}

/// The rows of a file, one after the other, with what they are sorted by.
struct Stream {
    table: &'static RowTable,
    batches: Box<dyn Iterator<Item = Result<RecordBatch>>>,
    converter: RowConverter,
    batch: RecordBatch,
    keys: Rows,
    row: usize,
}

impl Stream {
    fn open(table: &'static RowTable, file: &Arc<TableFile>) -> Result<Stream> {
        let batches = super::scan::batches(table, file, None, BATCH_ROWS)?;
        let schema = table.schema();
        let fields = table.sort.iter().map(|name| SortField::new(schema.field(table.place(name)).data_type().clone()));
        let converter = RowConverter::new(fields.collect()).map_err(|err| table.error(err))?;
        let keys = converter.empty_rows(0, 0);
        Ok(Stream { table, batches, converter, batch: RecordBatch::new_empty(schema), keys, row: 0 })
    }

    /// The key of the row that comes next.
    fn head(&mut self) -> Result<Option<OwnedRow>> {
        while self.row >= self.batch.num_rows() {
            let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
            let columns: Vec<_> = self.table.sort.iter().map(|name| batch.column(self.table.place(name)).clone()).collect();
            self.keys = self.converter.convert_columns(&columns).map_err(|err| self.table.error(err))?;
            (self.batch, self.row) = (batch, 0);
        }
        Ok(Some(self.keys.row(self.row).owned()))
    }
}
