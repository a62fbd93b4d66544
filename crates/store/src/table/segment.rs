//! The `segment` table: one row per document, sorted by trace id, so that one trace is one short run of rows.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use model::TraceId;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::TraceDocuments;
use crate::error::{Error, IoContext, Result};
use crate::table::BATCH_BYTES;
use crate::table::file::PartFile;

const TRACE_ID: &str = "trace_id";
const SEQUENCE: &str = "sequence";
const DOCUMENT: &str = "document";

/// Rows of a row group: one bloom filter and one set of page statistics each.
const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a page: what a look-up of one trace decompresses.
const PAGE_ROWS: usize = 512;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new(TRACE_ID, DataType::FixedSizeBinary(16), false),
        Field::new(SEQUENCE, DataType::UInt64, false),
        Field::new(DOCUMENT, DataType::Binary, false),
    ]))
});

/// A row on its way into a file. Rows are written in the order of (trace id, sequence).
pub(crate) struct Row {
    pub(crate) trace_id: TraceId,
    pub(crate) sequence: u64,
    pub(crate) document: Bytes,
}

/// Writes rows, already sorted, to a new file. Returns its size and how many rows there were.
pub(crate) fn write(path: &Path, rows: &mut dyn Iterator<Item = Result<Row>>, traces: u64) -> Result<(u64, u64)> {
    let trace_id = ColumnPath::from(TRACE_ID);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_statistics_enabled(trace_id.clone(), EnabledStatistics::Page)
        .set_column_bloom_filter_enabled(trace_id.clone(), true)
        .set_column_bloom_filter_fpp(trace_id.clone(), 0.001)
        .set_column_bloom_filter_max_ndv(trace_id, traces.clamp(1, ROW_GROUP_ROWS as u64))
        .set_column_encoding(ColumnPath::from(SEQUENCE), Encoding::DELTA_BINARY_PACKED)
        .build();
    let mut count = 0;
    let mut batches = std::iter::from_fn(|| batch(rows, &mut count).transpose());
    let bytes = super::write_file(path, SCHEMA.clone(), properties, &mut batches)?;
    Ok((bytes, count))
}

fn batch(rows: &mut dyn Iterator<Item = Result<Row>>, count: &mut u64) -> Result<Option<RecordBatch>> {
    let mut ids = FixedSizeBinaryBuilder::new(16);
    let mut sequences = UInt64Builder::new();
    let mut documents = BinaryBuilder::new();
    let (mut taken, mut bytes) = (0, 0);
    while taken < 4096 && bytes < BATCH_BYTES {
        let Some(row) = rows.next() else { break };
        let row = row?;
        taken += 1;
        bytes += row.document.len();
        ids.append_value(row.trace_id.0).map_err(arrow)?;
        sequences.append_value(row.sequence);
        documents.append_value(&row.document);
    }
    let ids = ids.finish();
    if ids.is_empty() {
        return Ok(None);
    }
    *count += ids.len() as u64;
    let columns: Vec<Arc<dyn Array>> = vec![Arc::new(ids), Arc::new(sequences.finish()), Arc::new(documents.finish())];
    RecordBatch::try_new(SCHEMA.clone(), columns).map(Some).map_err(arrow)
}

fn arrow(source: arrow_schema::ArrowError) -> Error {
    Error::Parquet { path: "segment".into(), source: source.into() }
}

/// An open file of the table. What is kept in memory is its footer, page index and bloom filters.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    path: std::path::PathBuf,
    file: PartFile,
    metadata: ArrowReaderMetadata,
    blooms: Vec<Option<Sbbf>>,
}

impl SegmentFile {
    pub(crate) fn open(path: &Path) -> Result<SegmentFile> {
        let file = PartFile::open(path)?;
        let metadata =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required))
                .at("open", path)?;
        let builder = builder(&file, &metadata);
        let groups = metadata.metadata().num_row_groups();
        let blooms =
            (0..groups).map(|group| builder.get_row_group_column_bloom_filter(group, 0).at("read", path)).collect::<Result<_>>()?;
        Ok(SegmentFile { path: path.to_owned(), file, metadata, blooms })
    }

    /// Whether the file has documents of the trace.
    pub(crate) fn contains(&self, id: TraceId) -> Result<bool> {
        Ok(!self.rows_with(id)?.is_empty())
    }

    /// Reads the trace's documents, as far as there is room.
    pub(crate) fn documents(&self, id: TraceId, into: &mut TraceDocuments) -> Result<()> {
        for (group, rows) in self.rows_with(id)? {
            let group_rows = self.metadata.metadata().row_group(group).num_rows() as usize;
            let reader = builder(&self.file, &self.metadata)
                .with_row_groups(vec![group])
                .with_row_selection(RowSelection::from_consecutive_ranges(std::iter::once(rows), group_rows))
                .with_batch_size(PAGE_ROWS)
                .build()
                .at("read", &self.path)?;
            for batch in reader {
                let batch = batch.map_err(|source| Error::Parquet { path: self.path.clone(), source: source.into() })?;
                let sequences = batch.column(1).as_primitive::<UInt64Type>();
                let documents = batch.column(2).as_binary::<i32>();
                for row in 0..batch.num_rows() {
                    if !into.push(sequences.value(row), documents.value(row)) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the trace's rows are: row groups, and the run of rows in each. The filters say no nearly always and are never wrong
    /// about that; where they do not, the ids of a page are read, and not yet its documents.
    fn rows_with(&self, id: TraceId) -> Result<Vec<(usize, Range<usize>)>> {
        let mut found = Vec::new();
        for (group, bloom) in self.blooms.iter().enumerate() {
            if bloom.as_ref().is_some_and(|bloom| !bloom.check(&id.0[..])) {
                continue;
            }
            let Some(pages) = self.pages_with(group, id) else { continue };
            let schema = self.metadata.metadata().file_metadata().schema_descr();
            let reader = builder(&self.file, &self.metadata)
                .with_projection(ProjectionMask::columns(schema, [TRACE_ID]))
                .with_row_groups(vec![group])
                .with_row_selection(pages.clone())
                .with_batch_size(PAGE_ROWS)
                .build()
                .at("read", &self.path)?;
            // Selected rows back to rows of the group.
            let mut numbers = pages.iter().scan(0, |at, selector| {
                let start = std::mem::replace(at, *at + selector.row_count);
                Some(if selector.skip { 0..0 } else { start..*at })
            });
            let mut numbers = numbers.by_ref().flatten();
            let mut run: Option<Range<usize>> = None;
            for batch in reader {
                let batch = batch.map_err(|source| Error::Parquet { path: self.path.clone(), source: source.into() })?;
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
    fn pages_with(&self, group: usize, id: TraceId) -> Option<RowSelection> {
        let rows = self.metadata.metadata().row_group(group).num_rows() as usize;
        let index = self.metadata.metadata().column_index()?.get(group)?.first()?;
        let offsets = self.metadata.metadata().offset_index()?.get(group)?.first()?;
        let ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) = index else {
            return Some(RowSelection::from_consecutive_ranges(std::iter::once(0..rows), rows));
        };
        let locations = offsets.page_locations();
        let ranges = locations.iter().enumerate().filter_map(|(page, location)| {
            let holds = index.min_value(page).is_none_or(|min| min <= &id.0[..])
                && index.max_value(page).is_none_or(|max| max >= &id.0[..]);
            let end = locations.get(page + 1).map_or(rows, |next| next.first_row_index as usize);
            holds.then_some(location.first_row_index as usize..end)
        });
        let ranges: Vec<_> = ranges.collect();
        (!ranges.is_empty()).then(|| RowSelection::from_consecutive_ranges(ranges.into_iter(), rows))
    }

    /// All rows, in the file's order.
    pub(crate) fn rows(&self) -> Result<impl Iterator<Item = Result<Row>> + use<>> {
        let reader = builder(&self.file, &self.metadata).with_batch_size(2048).build().at("read", &self.path)?;
        let path = self.path.clone();
        Ok(reader.flat_map(move |batch| match batch {
            Ok(batch) => rows_of(&batch).into_iter().map(Ok).collect::<Vec<_>>(),
            Err(source) => vec![Err(Error::Parquet { path: path.clone(), source: source.into() })],
        }))
    }
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let ids = batch.column(0).as_fixed_size_binary();
    let sequences = batch.column(1).as_primitive::<UInt64Type>();
    let documents = batch.column(2).as_binary::<i32>();
    (0..batch.num_rows())
        .map(|row| Row {
            trace_id: TraceId(ids.value(row).try_into().unwrap_or_default()),
            sequence: sequences.value(row),
            document: Bytes::copy_from_slice(documents.value(row)),
        })
        .collect()
}

fn builder(file: &PartFile, metadata: &ArrowReaderMetadata) -> ParquetRecordBatchReaderBuilder<PartFile> {
    ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone()).with_projection(ProjectionMask::all())
}
