//! The `segment` table: one row per segment and subsegment, sorted by trace id and arrival, so that one trace is one short run of
//! rows. Documents are not kept as text: what the model knows of them is columns, the rest is JSON beside them.

mod columns;
mod shared;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, new_null_array};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use model::{Segment, TraceId};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;

use crate::TraceDocuments;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::table::BATCH_BYTES;
use crate::table::file::{Checksums, FileWriter, TableFile, Written};

use columns::{Builder, DISTINCT, JSONS, MANY, Rows, SCHEMA, SEQUENCE, TRACE_ID};

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a page: what a look-up of one trace decompresses.
const PAGE_ROWS: usize = 2_048;
/// Rows of a batch, on the way in and out.
const BATCH_ROWS: usize = 8_192;
/// Dictionaries larger than this cost a look-up more than they save.
const DICTIONARY_BYTES: usize = 128 * 1024;

/// The documents in a batch of rows, with their numbers.
pub(crate) fn documents(batch: &RecordBatch) -> Vec<(u64, Segment<'_>)> {
    Rows::of(batch).documents(0..batch.num_rows())
}

/// Whether the rows begin inside a document.
pub(crate) fn begins_inside(batch: &RecordBatch) -> bool {
    batch.num_rows() > 0 && batch.column(1).is_null(0)
}

/// Rows that stand one behind the other in a file.
pub(crate) fn joined(batches: [&RecordBatch; 2]) -> Result<RecordBatch> {
    arrow_select::concat::concat_batches(batches[0].schema_ref(), batches).map_err(arrow)
}

fn properties() -> WriterProperties {
    let column = ColumnPath::from;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(column(TRACE_ID), EnabledStatistics::Page)
        .set_column_encoding(column(TRACE_ID), Encoding::DELTA_BYTE_ARRAY);
    for name in ["start_time", "duration_us", "name"] {
        properties = properties.set_column_statistics_enabled(column(name), EnabledStatistics::Chunk);
    }
    for name in [SEQUENCE, "start_time", "duration_us", "http_content_length"] {
        properties = properties.set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in
        [TRACE_ID, SEQUENCE, "start_time", "duration_us", "http_content_length", "id", "parent_id"].into_iter().chain(DISTINCT)
    {
        properties = properties.set_column_dictionary_enabled(column(name), false);
    }
    for name in MANY.into_iter().chain(JSONS).chain([TRACE_ID]) {
        properties = properties.set_column_compression(column(name), Compression::ZSTD(ZstdLevel::default()));
    }
    properties.build()
}

/// A file of the table that is being written. Documents come in the order of (trace id, number).
pub(crate) struct SegmentWriter {
    file: FileWriter,
    builder: Builder,
    documents: u64,
    traces: Vec<TraceId>,
}

/// A file of the table, as it was written.
pub(crate) struct SegmentsWritten {
    pub(crate) file: Written,
    pub(crate) documents: u64,
    /// Which the documents are of, each once.
    pub(crate) traces: Vec<TraceId>,
}

impl SegmentWriter {
    pub(crate) fn create(path: &Path) -> Result<SegmentWriter> {
        let file = FileWriter::create(path, SCHEMA.clone(), properties())?;
        Ok(SegmentWriter { file, builder: Builder::new(), documents: 0, traces: Vec::new() })
    }

    pub(crate) fn append(&mut self, trace_id: TraceId, sequence: u64, segment: &Segment<'_>) -> Result<()> {
        self.documents += 1;
        if self.traces.last() != Some(&trace_id) {
            self.traces.push(trace_id);
        }
        self.builder.append(trace_id, sequence, segment).map_err(arrow)?;
        if self.builder.rows >= BATCH_ROWS || self.builder.bytes >= BATCH_BYTES {
            let batch = self.builder.finish().map_err(arrow)?;
            self.file.write(&batch)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<SegmentsWritten> {
        if self.builder.rows > 0 {
            let batch = self.builder.finish().map_err(arrow)?;
            self.file.write(&batch)?;
        }
        Ok(SegmentsWritten { file: self.file.finish()?, documents: self.documents, traces: self.traces })
    }
}

fn arrow(source: arrow_schema::ArrowError) -> Error {
    Error::Parquet { path: "segment".into(), source: source.into() }
}

/// Writes one file with the rows of all.
pub(crate) fn merge(path: &Path, inputs: &[Arc<SegmentFile>]) -> Result<SegmentsWritten> {
    // Only columns that some input has something in.
    let used = SCHEMA.fields().iter().filter(|field| inputs.iter().any(|input| input.table.has(field.name())));
    let schema = Arc::new(Schema::new(used.cloned().collect::<Vec<_>>()));
    let mut file = FileWriter::create(path, schema.clone(), properties())?;
    let mut streams = inputs.iter().map(|input| Stream::open(input, schema.clone())).collect::<Result<Vec<_>>>()?;
    let mut heads: BinaryHeap<Reverse<((TraceId, u64), usize)>> = BinaryHeap::new();
    for (index, stream) in streams.iter_mut().enumerate() {
        heads.extend(stream.head()?.map(|head| Reverse((head, index))));
    }
    // Rows that go into the next batch: which batch of which stream, and the row in it. A stream's batches are numbered anew
    // with each batch written.
    let mut sources: Vec<RecordBatch> = Vec::new();
    let mut place_of: Vec<Option<usize>> = vec![None; streams.len()];
    let mut rows: Vec<(usize, usize)> = Vec::new();
    let mut documents = 0;
    let mut traces: Vec<TraceId> = Vec::new();
    let mut write = |sources: &mut Vec<RecordBatch>, place_of: &mut Vec<Option<usize>>, rows: &mut Vec<(usize, usize)>| {
        let sources_of: Vec<&RecordBatch> = sources.iter().collect();
        let batch = arrow_select::interleave::interleave_record_batch(&sources_of, rows).map_err(arrow)?;
        file.write(&batch)?;
        sources.clear();
        place_of.fill(None);
        rows.clear();
        Ok::<_, Error>(())
    };
    while let Some(Reverse(((trace_id, _), index))) = heads.pop() {
        let stream = &mut streams[index];
        documents += 1;
        if traces.last() != Some(&trace_id) {
            traces.push(trace_id);
        }
        // The document's own row, and those of what is embedded in it, over the end of a batch too.
        let mut first = true;
        while stream.fill()? && (first || stream.is_embedded()) {
            first = false;
            let place = *place_of[index].get_or_insert_with(|| {
                sources.push(stream.batch.clone());
                sources.len() - 1
            });
            rows.push((place, stream.row));
            stream.row += 1;
            if stream.row == stream.batch.num_rows() {
                place_of[index] = None;
            }
        }
        heads.extend(stream.head()?.map(|head| Reverse((head, index))));
        if rows.len() >= BATCH_ROWS || sources.len() > 4 * inputs.len() {
            write(&mut sources, &mut place_of, &mut rows)?;
        }
    }
    if !rows.is_empty() {
        write(&mut sources, &mut place_of, &mut rows)?;
    }
    Ok(SegmentsWritten { file: file.finish()?, documents, traces })
}

/// Files side by side, trace by trace.
pub(crate) struct Walk {
    /// The number of each file's part, and its rows.
    streams: Vec<(i64, Stream)>,
    heads: BinaryHeap<Reverse<(TraceId, usize)>>,
}

impl Walk {
    /// What of a file is damaged is told to `on_damage` with its part, and left out with all that is behind it.
    pub(crate) fn open(inputs: &[(i64, Arc<SegmentFile>)], on_damage: &mut dyn FnMut(i64, &Error)) -> Result<Walk> {
        let mut walk = Walk { streams: Vec::new(), heads: BinaryHeap::new() };
        for (part, file) in inputs {
            match Stream::open(file, file.table.used_schema()) {
                Ok(stream) => walk.streams.push((*part, stream)),
                Err(err) if err.is_damage() => on_damage(*part, &err),
                Err(err) => return Err(err),
            }
        }
        for index in 0..walk.streams.len() {
            walk.advance(index, on_damage)?;
        }
        Ok(walk)
    }

    /// Puts the stream's next trace among the heads.
    fn advance(&mut self, index: usize, on_damage: &mut dyn FnMut(i64, &Error)) -> Result<()> {
        let (part, stream) = &mut self.streams[index];
        match guarded(|| stream.head()) {
            Ok(head) => self.heads.extend(head.map(|(id, _)| Reverse((id, index)))),
            Err(err) if err.is_damage() => on_damage(*part, &err),
            Err(err) => return Err(err),
        }
        Ok(())
    }

    /// The next trace, with its rows of each file.
    pub(crate) fn next_trace(&mut self, on_damage: &mut dyn FnMut(i64, &Error)) -> Result<Option<(TraceId, Vec<RecordBatch>)>> {
        let Some(&Reverse((id, _))) = self.heads.peek() else { return Ok(None) };
        let mut batches = Vec::new();
        while let Some(&Reverse((next, index))) = self.heads.peek()
            && next == id
        {
            self.heads.pop();
            let (part, stream) = &mut self.streams[index];
            match guarded(|| stream.rows_of(id)) {
                Ok(rows) => batches.push(rows),
                Err(err) if err.is_damage() => {
                    // What was read of this trace may end inside a document.
                    on_damage(*part, &err);
                    continue;
                }
                Err(err) => return Err(err),
            }
            self.advance(index, on_damage)?;
        }
        Ok(Some((id, batches)))
    }
}

/// Damaged lengths and offsets can make the decoders panic.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::Damaged { path: "segment".into(), what: "reading it failed in an unexpected way".to_owned() })
    })
}

/// The rows of a file, one after the other.
struct Stream {
    batches: Box<dyn Iterator<Item = Result<RecordBatch>>>,
    /// What batches are brought to.
    schema: SchemaRef,
    batch: RecordBatch,
    row: usize,
}

impl Stream {
    fn open(file: &SegmentFile, schema: SchemaRef) -> Result<Stream> {
        let batches = file.table.batches(file.table.reader().with_batch_size(BATCH_ROWS / 4))?;
        Ok(Stream { batches: Box::new(batches), batch: RecordBatch::new_empty(schema.clone()), schema, row: 0 })
    }

    /// The batch with all columns of the schema.
    fn widen(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let column = |field: &FieldRef| match batch.column_by_name(field.name()) {
            Some(column) => column.clone(),
            None => new_null_array(field.data_type(), batch.num_rows()),
        };
        let columns = self.schema.fields().iter().map(column).collect();
        RecordBatch::try_new(self.schema.clone(), columns).map_err(arrow)
    }

    /// Goes on to the next batch where this one is at its end. Returns whether there is a row.
    fn fill(&mut self) -> Result<bool> {
        while self.row >= self.batch.num_rows() {
            match self.batches.next().transpose()? {
                Some(batch) => (self.batch, self.row) = (self.widen(&batch)?, 0),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn is_embedded(&self) -> bool {
        self.batch.column(1).is_null(self.row)
    }

    /// The rows of this trace, which is the next.
    fn rows_of(&mut self, id: TraceId) -> Result<RecordBatch> {
        let mut runs = Vec::new();
        while self.fill()? {
            let ids = self.batch.column(0).as_fixed_size_binary();
            let length = (self.row..ids.len()).take_while(|&row| ids.value(row) == &id.0[..]).count();
            if length == 0 {
                break;
            }
            runs.push(self.batch.slice(self.row, length));
            self.row += length;
        }
        match runs.as_slice() {
            [run] => Ok(run.clone()),
            runs => arrow_select::concat::concat_batches(&self.schema, runs).map_err(arrow),
        }
    }

    /// Trace and number of the document at the row.
    fn head(&mut self) -> Result<Option<(TraceId, u64)>> {
        if !self.fill()? {
            return Ok(None);
        }
        let id = self.batch.column(0).as_fixed_size_binary().value(self.row);
        let sequence = self.batch.column(1).as_primitive::<arrow_array::types::UInt64Type>().value(self.row);
        Ok(Some((TraceId(id.try_into().unwrap_or_default()), sequence)))
    }
}

/// An open file of the table.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    table: TableFile,
}

impl SegmentFile {
    pub(crate) fn open(path: &Path, checksums: Arc<Checksums>, cache: &Arc<Cache>) -> Result<SegmentFile> {
        Ok(SegmentFile { table: TableFile::open(path, checksums, cache)? })
    }

    /// What the open file takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    /// Opens a file whose checksums are not known.
    pub(crate) fn open_unchecked(path: &Path, cache: &Arc<Cache>) -> Result<SegmentFile> {
        SegmentFile::open(path, Arc::new(Checksums::of(path)?), cache)
    }

    pub(crate) fn rows(&self) -> usize {
        (0..self.table.groups()).map(|group| self.table.group_rows(group)).sum()
    }

    /// Whether the file has documents of the trace.
    pub(crate) fn contains(&self, id: TraceId) -> Result<bool> {
        Ok(!self.rows_with(id)?.is_empty())
    }

    /// Reads the trace's documents, as far as there is room.
    pub(crate) fn documents(&self, id: TraceId, into: &mut TraceDocuments) -> Result<()> {
        for (group, rows) in self.rows_with(id)? {
            let selection = RowSelection::from_consecutive_ranges(std::iter::once(rows), self.table.group_rows(group));
            let reader = self.table.rows_of(group, selection, self.table.used_columns())?.with_batch_size(PAGE_ROWS);
            for batch in self.table.batches(reader)? {
                if !into.push_rows(batch?)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Where the trace's rows are: row groups, and the run of rows in each. The ids of a page are read first, and not yet its other
    /// columns.
    fn rows_with(&self, id: TraceId) -> Result<Vec<(usize, Range<usize>)>> {
        let mut found = Vec::new();
        for group in 0..self.table.groups() {
            if !self.may_have(group, id) {
                continue;
            }
            let Some(pages) = self.pages_with(group, id)? else { continue };
            let reader = self.table.rows_of(group, pages.clone(), [TRACE_ID])?;
            // Selected rows back to rows of the group.
            let mut numbers = pages.iter().scan(0, |at, selector| {
                let start = std::mem::replace(at, *at + selector.row_count);
                Some(if selector.skip { 0..0 } else { start..*at })
            });
            let mut numbers = numbers.by_ref().flatten();
            let mut run: Option<Range<usize>> = None;
            for batch in self.table.batches(reader.with_batch_size(PAGE_ROWS))? {
                let batch = batch?;
                let ids = batch.column(0).as_fixed_size_binary();
                for (value, number) in ids.iter().zip(&mut numbers) {
                    if value == Some(&id.0[..]) {
                        run = Some(run.map_or(number, |run| run.start)..number + 1);
                    }
                }
            }
            found.extend(run.map(|run| (group, run)));
        }
        Ok(found)
    }

    /// The rows of those pages whose range of ids includes this one.
    fn pages_with(&self, group: usize, id: TraceId) -> Result<Option<RowSelection>> {
        let rows = self.table.group_rows(group);
        let metadata = self.table.group(group)?;
        let index = metadata.metadata().column_index().and_then(|index| index.first()?.first());
        let offsets = metadata.metadata().offset_index().and_then(|index| index.first()?.first());
        let (Some(ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index)), Some(offsets)) = (index, offsets) else {
            return Ok(Some(RowSelection::from_consecutive_ranges(std::iter::once(0..rows), rows)));
        };
        let locations = offsets.page_locations();
        let ranges = locations.iter().enumerate().filter_map(|(page, location)| {
            let holds = index.min_value(page).is_none_or(|min| min <= &id.0[..])
                && index.max_value(page).is_none_or(|max| max >= &id.0[..]);
            let end = locations.get(page + 1).map_or(rows, |next| next.first_row_index as usize);
            holds.then_some(location.first_row_index as usize..end)
        });
        let ranges: Vec<_> = ranges.collect();
        Ok((!ranges.is_empty()).then(|| RowSelection::from_consecutive_ranges(ranges.into_iter(), rows)))
    }

    /// Whether the row group's range of ids includes this one.
    fn may_have(&self, group: usize, id: TraceId) -> bool {
        match self.table.metadata.metadata().row_group(group).column(0).statistics() {
            Some(Statistics::FixedLenByteArray(ids)) => {
                ids.min_bytes_opt().is_none_or(|min| min <= &id.0[..]) && ids.max_bytes_opt().is_none_or(|max| max >= &id.0[..])
            }
            _ => true,
        }
    }
}
