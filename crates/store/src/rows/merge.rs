//! One part of a table of rows instead of several of one day.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::Range;
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
    let writer = RowWriter::create(dir, table, id)?;
    let mut out = Out { table, writer, resolution, policy, now_us, batches: Vec::new(), rows: Vec::new(), text_bytes: 0 };
    let mut place_of: Vec<Option<usize>> = vec![None; streams.len()];
    while let Some(Reverse((_, index))) = heads.pop() {
        let stream = &mut streams[index];
        // All rows of this file that come before those of the others: where files are of times that follow each other, these are many.
        let run = stream.run(heads.peek().map(|Reverse((head, other))| (head, index < *other)));
        if run.len() == stream.batch.num_rows() && run.len() >= BATCH_ROWS / 2 {
            out.write(&mut place_of)?;
            out.keep(&stream.batch)?;
        } else {
            for row in run.clone() {
                let place = *place_of[index].get_or_insert_with(|| {
                    out.batches.push(stream.batch.clone());
                    out.batches.len() - 1
                });
                out.rows.push((place, row));
                out.text_bytes += table.long_texts(&stream.batch).map_or(0, |texts| texts.value_length(row) as usize);
                if out.rows.len() >= BATCH_ROWS || out.text_bytes >= BATCH_TEXT_BYTES {
                    out.write(&mut place_of)?;
                }
            }
            if out.batches.len() > 4 * inputs.len() {
                out.write(&mut place_of)?;
            }
        }
        stream.row = run.end;
        if stream.row == stream.batch.num_rows() {
            place_of[index] = None;
        }
        heads.extend(stream.head()?.map(|head| Reverse((head, index))));
    }
    out.write(&mut place_of)?;
    out.writer.finish(inputs[0].row.day, &origin, now_us)
}

/// Where merged rows go.
struct Out<'m> {
    table: &'static RowTable,
    writer: RowWriter,
    resolution: Resolution,
    policy: &'m LogPolicy,
    now_us: i64,
    /// Batches that rows are taken from, and which rows: in which of them, and where there.
    batches: Vec<RecordBatch>,
    rows: Vec<(usize, usize)>,
    text_bytes: usize,
}

impl Out<'_> {
    /// Writes the rows that were picked; `place_of` says where the batches of the files are among theirs.
    fn write(&mut self, place_of: &mut [Option<usize>]) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let batch = interleave_record_batch(&batches, &self.rows).map_err(|err| self.table.error(err))?;
        self.batches.clear();
        self.rows.clear();
        self.text_bytes = 0;
        place_of.fill(None);
        self.keep(&batch)
    }

    /// Writes what is to be kept of a batch, in the resolution in which it is.
    fn keep(&mut self, batch: &RecordBatch) -> Result<()> {
        let fewer = match (self.table.roll_up, self.table.retention) {
            (Some(roll_up), _) => (roll_up.fold)(batch, self.resolution, self.now_us)?,
            (None, Retention::Logs) => match self.policy.kept(batch, self.now_us) {
                Some(kept) => Some(filter_record_batch(batch, &kept).map_err(|err| self.table.error(err))?),
                None => None,
            },
            (None, Retention::Metrics) => None,
        };
        self.writer.write(fewer.as_ref().unwrap_or(batch))
    }
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

    /// The rows from the next one on that come before `before`, or, where that is said, beside it; all of the batch where there is none.
    fn run(&self, before: Option<(&OwnedRow, bool)>) -> Range<usize> {
        let (begin, end) = (self.row, self.batch.num_rows());
        let Some((before, is_equal_too)) = before else { return begin..end };
        let is_before = |row: usize| match self.keys.row(row).cmp(&before.row()) {
            Ordering::Less => true,
            Ordering::Equal => is_equal_too,
            Ordering::Greater => false,
        };
        // The next one is. Twice as far each time, then between the last two.
        let (mut known, mut step) = (begin, 1);
        while known + step < end && is_before(known + step) {
            known += step;
            step *= 2;
        }
        let (mut low, mut high) = (known + 1, (known + step).min(end));
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        begin..low
    }
}
