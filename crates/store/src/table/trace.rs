//! The `trace` table: one row per trace, newest first. Derived from the segments: the columns that searches test, and the whole
//! digest behind them.

mod annotation;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use model::digest::{Annotation, Attributed, Link, RootCause, TraceDigest};
use model::owner::Owner;
use model::{CompactString, TraceId};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use super::visit::{VisitFile, VisitWriter, Visits};
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::filter::{Filter, Values};
use crate::scan::{Prefilter, ScanRange, VisitTest};
use crate::table::BATCH_BYTES;
use crate::table::file::{Checksums, FileWriter, PartFile, TableFile, Written};

pub(crate) use annotation::{HotKeys, KeyCounts, value_text};

/// Columns in file order; the numbers are their places in the schema. Behind them come those of hot annotation keys.
const TIME: usize = 0;
const TRACE_ID: usize = 1;
const START: usize = 2;
const END: usize = 3;
const RESPONSE_US: usize = 4;
const REVISION: usize = 5;
const HAS_FAULT: usize = 6;
const HAS_ERROR: usize = 7;
const HAS_THROTTLE: usize = 8;
const ANY_FAULT: usize = 9;
const ANY_ERROR: usize = 10;
const ANY_THROTTLE: usize = 11;
const PARTIAL: usize = 12;
const HTTP_METHOD: usize = 13;
const HTTP_URL: usize = 14;
const HTTP_STATUS: usize = 15;
const ENTRY: usize = 16;
const SERVICES: usize = 17;
const ANNOTATIONS: usize = 18;
const USERS: usize = 19;
const FIRST_VISIT: usize = 20;
const VISITS: usize = 21;
const ENTRY_VISIT: usize = 22;
const LINKS: usize = 23;
const OWNERS: usize = 24;
const DIGEST: usize = 25;

/// Between the elements of a list that is kept as one text. Names hardly ever contain it; one that does still finds itself.
const SEPARATOR: char = '\u{1f}';

/// Rows of a row group: the step in which a search goes back in time.
pub(crate) const ROW_GROUP_ROWS: usize = 8_192;
const PAGE_ROWS: usize = 512;
/// Digests are large and looked at one by one: small pages, so that little is decompressed for one.
const DIGEST_PAGE_BYTES: usize = 64 * 1024;
const WRITE_ROWS: usize = 32;
/// The digest's encoding. A row with another number is made anew from the segments by a rebuild.
const DIGEST_VERSION: u8 = 2;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("time", time(), false),
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("start_time", time(), false),
        Field::new("end_time", time(), false),
        Field::new("response_time_us", DataType::Int64, true),
        Field::new("revision", DataType::Int32, false),
        Field::new("has_fault", DataType::Boolean, false),
        Field::new("has_error", DataType::Boolean, false),
        Field::new("has_throttle", DataType::Boolean, false),
        Field::new("any_fault", DataType::Boolean, false),
        Field::new("any_error", DataType::Boolean, false),
        Field::new("any_throttle", DataType::Boolean, false),
        Field::new("partial", DataType::Boolean, false),
        Field::new("http_method", DataType::Utf8, true),
        Field::new("http_url", DataType::Utf8, true),
        Field::new("http_status", DataType::Int32, true),
        Field::new("entry_service", DataType::Utf8, true),
        Field::new("services", DataType::Utf8, false),
        Field::new("annotations", DataType::Utf8, false),
        Field::new("users", DataType::Utf8, false),
        // The trace's rows in the visit table, and which of them is its entry.
        Field::new("first_visit", DataType::Int32, false),
        Field::new("visits", DataType::Int32, false),
        Field::new("entry_visit", DataType::Int32, true),
        Field::new("links", DataType::Int32, false),
        // Who sent documents of it, where that is not the server's own account alone: see `owners_text`.
        Field::new("owners", DataType::Utf8, true),
        // What of the digest stands in no column.
        Field::new("digest", DataType::Binary, false),
    ]))
});

/// What a file of the table spans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) rows: u64,
    pub(crate) min_time_us: i64,
    pub(crate) max_time_us: i64,
    pub(crate) min_start_us: i64,
    pub(crate) max_end_us: i64,
}

impl Span {
    /// With what is known of other times too.
    pub(crate) fn with(self, bounds: Option<(i64, i64)>) -> Span {
        let Some((start_us, end_us)) = bounds else { return self };
        Span { min_start_us: self.min_start_us.min(start_us), max_end_us: self.max_end_us.max(end_us), ..self }
    }
}

impl Default for Span {
    fn default() -> Span {
        Span { rows: 0, min_time_us: i64::MAX, max_time_us: i64::MIN, min_start_us: i64::MAX, max_end_us: i64::MIN }
    }
}

impl Span {
    pub(crate) fn add(&mut self, digest: &TraceDigest) {
        self.rows += 1;
        self.min_time_us = self.min_time_us.min(digest.time_us);
        self.max_time_us = self.max_time_us.max(digest.time_us);
        self.min_start_us = self.min_start_us.min(digest.start_us);
        self.max_end_us = self.max_end_us.max(digest.end_us);
    }
}

/// The order of rows: newest first, ids break ties.
pub(crate) fn key(digest: &TraceDigest) -> RowKey {
    (digest.time_us, digest.id)
}

/// Where a row stands in time. Larger keys come first.
pub(crate) type RowKey = (i64, TraceId);

fn properties(hot: &HotKeys) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(WRITE_ROWS)
        .set_column_data_page_size_limit(ColumnPath::from("digest"), DIGEST_PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::None);
    for column in ["time", "start_time", "end_time", "response_time_us", "links"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk);
    }
    for column in ["time", "start_time", "end_time", "first_visit", "response_time_us"] {
        properties = properties.set_column_encoding(ColumnPath::from(column), Encoding::DELTA_BINARY_PACKED);
    }
    for column in ["trace_id", "digest", "annotations", "time", "start_time", "end_time", "first_visit", "response_time_us"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    // Numbers, flags and keys of dictionaries do not become fewer by compression.
    for column in ["digest", "annotations", "services", "users", "http_url"] {
        properties = properties.set_column_compression(ColumnPath::from(column), Compression::ZSTD(ZstdLevel::default()));
    }
    hot.properties(properties).build()
}

/// What of a digest stands in no column.
#[derive(Serialize)]
struct RestOf<'d> {
    links: &'d [Link],
    annotations: &'d [Annotation],
    users: &'d [Attributed],
    resource_arns: &'d [CompactString],
    instance_ids: &'d [CompactString],
    availability_zones: &'d [CompactString],
    fault_causes: &'d [RootCause],
    error_causes: &'d [RootCause],
    slow_path: &'d Option<RootCause>,
    /// Names of services beside their own, by the service's place.
    spellings: Vec<(u32, &'d [CompactString])>,
}

/// The same, as it is read.
#[derive(Default, Deserialize)]
struct Rest {
    links: Vec<Link>,
    annotations: Vec<Annotation>,
    users: Vec<Attributed>,
    resource_arns: Vec<CompactString>,
    instance_ids: Vec<CompactString>,
    availability_zones: Vec<CompactString>,
    fault_causes: Vec<RootCause>,
    error_causes: Vec<RootCause>,
    slow_path: Option<RootCause>,
    spellings: Vec<(u32, Vec<CompactString>)>,
}

/// The files of the `trace` table and of its visits, as they are written. Digests come newest first.
pub(crate) struct TraceWriter {
    file: FileWriter,
    visits: VisitWriter,
    rows: Rows,
    /// Of the whole file so far.
    count: usize,
    span: Span,
    keys: KeyCounts,
    /// What the rows on their way, and those of the row group that is open, have.
    values: Values,
    open_values: Values,
    /// Of the row groups that are complete.
    groups: Vec<Filter>,
}

/// The files of the two tables, as they were written.
pub(crate) struct TracesWritten {
    pub(crate) traces: Written,
    pub(crate) visits: Written,
    pub(crate) span: Span,
    /// What each row group has.
    pub(crate) groups: Vec<Filter>,
}

impl TraceWriter {
    pub(crate) fn create(path: &Path, visit_path: &Path, hot: HotKeys) -> Result<TraceWriter> {
        let fields = SCHEMA.fields().iter().cloned().chain(hot.fields());
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(TraceWriter {
            file: FileWriter::create(path, schema.clone(), properties(&hot))?,
            visits: VisitWriter::create(visit_path)?,
            rows: Rows::new(schema, hot),
            count: 0,
            span: Span::default(),
            keys: KeyCounts::default(),
            values: Values::default(),
            open_values: Values::default(),
            groups: Vec::new(),
        })
    }

    pub(crate) fn append(&mut self, digest: &TraceDigest) -> Result<()> {
        self.span.add(digest);
        self.keys.add(digest);
        self.values.add(digest);
        self.rows.append(digest, self.visits.rows)?;
        self.visits.append(self.count, digest)?;
        self.count += 1;
        if self.rows.count >= 2048 || self.rows.encoded.values_slice().len() >= BATCH_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        self.file.write(&self.rows.finish()?)?;
        let values = std::mem::take(&mut self.values);
        self.open_values.extend(&values);
        while self.groups.len() < self.file.groups() {
            // Rows of this batch may stand on both sides of a row group's end.
            let next = if self.file.is_group_open() { values.clone() } else { Values::default() };
            self.groups.push(std::mem::replace(&mut self.open_values, next).filter());
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<TracesWritten> {
        if self.rows.count > 0 {
            self.write()?;
        }
        if self.file.is_group_open() {
            self.groups.push(self.open_values.filter());
        }
        self.file.note(self.keys.note());
        Ok(TracesWritten { traces: self.file.finish()?, visits: self.visits.finish()?, span: self.span, groups: self.groups })
    }
}

/// Rows on their way into a file.
struct Rows {
    time: TimestampMicrosecondBuilder,
    id: FixedSizeBinaryBuilder,
    start: TimestampMicrosecondBuilder,
    end: TimestampMicrosecondBuilder,
    response: Int64Builder,
    revision: Int32Builder,
    flags: [BooleanBuilder; 7],
    method: StringBuilder,
    url: StringBuilder,
    status: Int32Builder,
    entry: StringBuilder,
    services: StringBuilder,
    annotations: StringBuilder,
    users: StringBuilder,
    /// First visit, visits, entry visit, links.
    places: [Int32Builder; 4],
    owners: StringBuilder,
    encoded: BinaryBuilder,
    buffer: Vec<u8>,
    schema: SchemaRef,
    hot: annotation::Columns,
    count: usize,
}

impl Rows {
    fn new(schema: SchemaRef, hot: HotKeys) -> Rows {
        let utc = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
        Rows {
            time: utc(),
            id: FixedSizeBinaryBuilder::new(16),
            start: utc(),
            end: utc(),
            response: Int64Builder::new(),
            revision: Int32Builder::new(),
            flags: std::array::from_fn(|_| BooleanBuilder::new()),
            method: StringBuilder::new(),
            url: StringBuilder::new(),
            status: Int32Builder::new(),
            entry: StringBuilder::new(),
            services: StringBuilder::new(),
            annotations: StringBuilder::new(),
            users: StringBuilder::new(),
            places: std::array::from_fn(|_| Int32Builder::new()),
            owners: StringBuilder::new(),
            encoded: BinaryBuilder::new(),
            buffer: Vec::new(),
            schema,
            hot: annotation::Columns::new(hot),
            count: 0,
        }
    }

    fn append(&mut self, digest: &TraceDigest, first_visit: usize) -> Result<()> {
        self.count += 1;
        self.time.append_value(digest.time_us);
        self.id.append_value(digest.id.0).map_err(arrow)?;
        self.start.append_value(digest.start_us);
        self.end.append_value(digest.end_us);
        self.response.append_option(digest.response_us().map(|us| us as i64));
        self.revision.append_value(digest.revision as i32);
        let (own, any) = (digest.flags(), digest.any_flags());
        let values = [own.fault, own.error, digest.has_throttle(), any.fault, any.error, any.throttle, digest.partial];
        for (builder, value) in self.flags.iter_mut().zip(values) {
            builder.append_value(value);
        }
        let http = digest.entry_visit().and_then(|visit| visit.served.http.as_deref());
        self.method.append_option(http.and_then(|http| http.method.as_deref()));
        self.url.append_option(http.and_then(|http| http.url.as_deref()));
        self.status.append_option(http.and_then(|http| http.status).and_then(|status| i32::try_from(status).ok()));
        self.entry.append_option(digest.entry_visit().map(|visit| digest.service(visit.service).id.name.as_str()));
        self.services
            .append_value(joined(&mut digest.services.iter().flat_map(|service| &service.names).map(|name| name.as_str())));
        self.annotations.append_value(self.hot.append(digest));
        self.users.append_value(joined(&mut digest.users.iter().map(|user| user.text.as_str())));
        let places =
            [Some(first_visit), Some(digest.visits.len()), digest.entry.map(|entry| entry as usize), Some(digest.links.len())];
        for (builder, value) in self.places.iter_mut().zip(places) {
            builder.append_option(value.map(|value| value as i32));
        }
        self.owners.append_option(owners_text(&digest.owners));
        let spellings = (0..).zip(&digest.services).filter(|(_, service)| service.names.len() > 1);
        let rest = RestOf {
            links: &digest.links,
            annotations: &digest.annotations,
            users: &digest.users,
            resource_arns: &digest.resource_arns,
            instance_ids: &digest.instance_ids,
            availability_zones: &digest.availability_zones,
            fault_causes: &digest.fault_causes,
            error_causes: &digest.error_causes,
            slow_path: &digest.slow_path,
            spellings: spellings.map(|(place, service)| (place, &service.names[1..])).collect(),
        };
        self.buffer.clear();
        self.buffer.push(DIGEST_VERSION);
        self.buffer = postcard::to_extend(&rest, std::mem::take(&mut self.buffer)).unwrap_or_default();
        self.encoded.append_value(&self.buffer);
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        self.count = 0;
        let [fault, error, throttle, any_fault, any_error, any_throttle, partial] = self.flags.each_mut().map(|flag| flag.finish());
        let [first_visit, visits, entry_visit, links] = self.places.each_mut().map(|place| place.finish());
        let mut columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.time.finish().with_timezone("UTC")),
            Arc::new(self.id.finish()),
            Arc::new(self.start.finish().with_timezone("UTC")),
            Arc::new(self.end.finish().with_timezone("UTC")),
            Arc::new(self.response.finish()),
            Arc::new(self.revision.finish()),
            Arc::new(fault),
            Arc::new(error),
            Arc::new(throttle),
            Arc::new(any_fault),
            Arc::new(any_error),
            Arc::new(any_throttle),
            Arc::new(partial),
            Arc::new(self.method.finish()),
            Arc::new(self.url.finish()),
            Arc::new(self.status.finish()),
            Arc::new(self.entry.finish()),
            Arc::new(self.services.finish()),
            Arc::new(self.annotations.finish()),
            Arc::new(self.users.finish()),
            Arc::new(first_visit),
            Arc::new(visits),
            Arc::new(entry_visit),
            Arc::new(links),
            Arc::new(self.owners.finish()),
            Arc::new(self.encoded.finish()),
        ];
        columns.extend(self.hot.finish());
        RecordBatch::try_new(self.schema.clone(), columns).map_err(arrow)
    }
}

/// Owners with commas between; nothing stands for the server's own account. None where there is no other.
fn owners_text(owners: &[Option<Owner>]) -> Option<String> {
    let texts: Vec<&str> = owners.iter().map(|owner| owner.as_ref().map_or("", Owner::as_str)).collect();
    (!owners.is_empty()).then(|| texts.join(","))
}

fn owners_of(text: &str) -> Vec<Option<Owner>> {
    text.split(',').map(|text| (!text.is_empty()).then(|| Owner::of_text(text))).collect()
}

/// The elements with a separator before, between and behind them, so that a whole element can be found as a substring.
fn joined(elements: &mut dyn Iterator<Item = &str>) -> String {
    let mut text = String::from(SEPARATOR);
    for element in elements {
        text.push_str(element);
        text.push(SEPARATOR);
    }
    text
}

fn arrow(source: arrow_schema::ArrowError) -> Error {
    Error::Parquet { path: "trace".into(), source: source.into() }
}

/// An open file of the table, with its visits.
#[derive(Debug)]
pub(crate) struct TraceFile {
    table: TableFile,
    visits: VisitFile,
    /// Newest time of each row group.
    newest_us: Vec<i64>,
    /// The first row of each row group.
    group_starts: Vec<usize>,
    /// Annotation keys that have a column of their own, in its order.
    hot: Vec<CompactString>,
}

/// A row that passed the prefilter, not yet decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) key: RowKey,
    row: usize,
}

/// Candidates that stand closer together than this are not worth a thread.
const ROWS_PER_THREAD: usize = 1024;
static DECODE_THREADS: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from).min(8));

/// Does each share of the work on a thread of its own, the last on this one.
fn on_threads<S: Send, T: Send>(shares: impl Iterator<Item = S>, work: impl Fn(S) -> T + Sync) -> Vec<T> {
    let mut shares: Vec<S> = shares.collect();
    let Some(last) = shares.pop() else { return Vec::new() };
    let work = &work;
    std::thread::scope(|scope| {
        let running: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || work(share))).collect();
        let own = work(last);
        let others = running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        others.chain(std::iter::once(own)).collect()
    })
}

/// Entry service and response time of a trace.
pub(crate) struct Response {
    pub(crate) entry: String,
    pub(crate) response_us: u64,
}

impl TraceFile {
    pub(crate) fn open(
        path: &Path,
        checksums: Arc<Checksums>,
        visit_path: &Path,
        visit_checksums: Arc<Checksums>,
        cache: &Arc<Cache>,
    ) -> Result<TraceFile> {
        let table = TableFile::open(path, checksums, cache)?;
        let newest_us = table.metadata.metadata().row_groups().iter().map(|group| match group.column(TIME).statistics() {
            Some(Statistics::Int64(statistics)) => statistics.max_opt().copied().unwrap_or(i64::MAX),
            _ => i64::MAX,
        });
        let newest_us = newest_us.collect();
        let mut group_starts = Vec::with_capacity(table.groups());
        let mut rows = 0;
        for group in 0..table.groups() {
            group_starts.push(rows);
            rows += table.group_rows(group);
        }
        let hot = annotation::hot_keys(table.metadata.schema());
        Ok(TraceFile { visits: VisitFile::open(visit_path, visit_checksums, cache)?, table, newest_us, group_starts, hot })
    }

    /// How many traces have which annotation keys, of the keys that most have.
    pub(crate) fn keys(&self) -> KeyCounts {
        KeyCounts::of(self.table.notes())
    }

    /// What the open files take in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes() + self.visits.memory_bytes()
    }

    pub(crate) fn groups(&self) -> usize {
        self.newest_us.len()
    }

    pub(crate) fn newest_us(&self, group: usize) -> i64 {
        self.newest_us[group]
    }

    /// The row group's rows behind `before` that `range` admits and that may match, newest first, and the keys of all
    /// rows the range admitted. What is much work is done on several cores.
    pub(crate) fn candidates(
        &self,
        group: usize,
        range: &ScanRange,
        prefilter: &Prefilter,
        before: RowKey,
    ) -> Result<(Vec<Candidate>, Vec<RowKey>)> {
        if !self.may_have(group, range, prefilter) {
            return Ok((Vec::new(), Vec::new()));
        }
        let rows = self.table.group_rows(group);
        let threads = if *prefilter == Prefilter::Anything { 1 } else { (rows / ROWS_PER_THREAD).min(*DECODE_THREADS) };
        if threads < 2 {
            return self.candidates_in(group, 0..rows, range, prefilter, before);
        }
        let share = rows.div_ceil(threads).next_multiple_of(PAGE_ROWS);
        let shares = (0..rows).step_by(share).map(|start| start..(start + share).min(rows));
        let (mut candidates, mut admitted) = (Vec::new(), Vec::with_capacity(rows));
        for found in on_threads(shares, |share| self.candidates_in(group, share, range, prefilter, before)) {
            let found = found?;
            candidates.extend(found.0);
            admitted.extend(found.1);
        }
        Ok((candidates, admitted))
    }

    /// Whether the row group can have anything, by the smallest and largest values in it.
    fn may_have(&self, group: usize, range: &ScanRange, prefilter: &Prefilter) -> bool {
        let column = |column: usize| self.table.metadata.metadata().row_group(group).column(column).statistics();
        let bounds = |place: usize| match column(place) {
            Some(Statistics::Int64(bounds)) => bounds.min_opt().zip(bounds.max_opt()).map(|(min, max)| (*min, *max)),
            _ => None,
        };
        if *prefilter == Prefilter::Links && matches!(column(LINKS), Some(Statistics::Int32(links)) if links.max_opt() == Some(&0))
        {
            return false;
        }
        let of = |place| bounds(place).unwrap_or((i64::MIN, i64::MAX));
        match *range {
            ScanRange::Time { from_us, .. } => from_us <= of(TIME).1,
            ScanRange::Active { from_us, to_us } => of(START).0 < to_us && from_us <= of(END).1,
            ScanRange::Ended { from_us, to_us } => of(END).0 < to_us && from_us <= of(END).1,
        }
    }

    fn candidates_in(
        &self,
        group: usize,
        within: Range<usize>,
        range: &ScanRange,
        prefilter: &Prefilter,
        before: RowKey,
    ) -> Result<(Vec<Candidate>, Vec<RowKey>)> {
        let mut columns = vec![TIME, TRACE_ID];
        if range.needs_bounds() {
            columns.extend([START, END]);
        }
        prefilter.columns(&self.hot, &mut columns);
        let columns = Columns::of(columns);
        let mut candidates = Vec::with_capacity(128);
        let mut admitted = Vec::with_capacity(within.len());
        let mut first_row = within.start;
        let selection = RowSelection::from_consecutive_ranges(std::iter::once(within.clone()), self.table.group_rows(group));
        let reader = self.table.rows_of(group, selection, self.names(&columns))?;
        let reader = reader.with_batch_size(within.len().max(1));
        for batch in self.table.batches(reader)? {
            let batch = batch?;
            let columns = columns.in_batch(&batch, &self.hot);
            let times = columns.times(TIME);
            let ids = columns.get(TRACE_ID).as_fixed_size_binary();
            let bounds = range.needs_bounds().then(|| (columns.times(START), columns.times(END)));
            let visits =
                |test: &VisitTest| self.test_visits(test, &columns, self.group_starts[group] + first_row, batch.num_rows());
            let passes = prefilter.evaluate(&columns, batch.num_rows(), &visits)?;
            for row in 0..batch.num_rows() {
                let (start, end) = bounds.map_or((0, 0), |(start, end)| (start.value(row), end.value(row)));
                let key = (times.value(row), TraceId(ids.value(row).try_into().unwrap_or_default()));
                if key >= before || !range.admits(key.0, start, end) {
                    continue;
                }
                admitted.push(key);
                if passes.as_ref().is_none_or(|passes| passes[row]) {
                    candidates.push(Candidate { key, row: first_row + row });
                }
            }
            first_row += batch.num_rows();
        }
        Ok((candidates, admitted))
    }

    /// For each row of a batch whether some visit of the trace passes.
    fn test_visits(&self, test: &VisitTest, columns: &Batch<'_>, first_trace: usize, traces: usize) -> Result<Vec<bool>> {
        let (firsts, counts) = (columns.whole(FIRST_VISIT), columns.whole(VISITS));
        let Some(last) = traces.checked_sub(1) else { return Ok(Vec::new()) };
        let rows = firsts.value(0) as usize..firsts.value(last) as usize + counts.value(last) as usize;
        self.visits.test(test, rows, first_trace, traces)
    }

    /// Decodes some candidates of a row group, in their order; what is much work on several cores. With `outline` only what
    /// tells which requests there were and how they went.
    pub(crate) fn digests(&self, group: usize, candidates: &[Candidate], outline: bool) -> Result<Vec<TraceDigest>> {
        let (Some(first), Some(last)) = (candidates.first(), candidates.last()) else { return Ok(Vec::new()) };
        // Few candidates far apart cost as much as many: whole pages are decompressed.
        let threads = ((last.row - first.row) / ROWS_PER_THREAD).min(*DECODE_THREADS);
        if threads < 2 {
            return self.decode(group, candidates, outline);
        }
        let shares = candidates.chunks(candidates.len().div_ceil(threads));
        let mut digests = Vec::with_capacity(candidates.len());
        for share in on_threads(shares, |share| self.decode(group, share, outline)) {
            digests.extend(share?);
        }
        Ok(digests)
    }

    fn decode(&self, group: usize, candidates: &[Candidate], outline: bool) -> Result<Vec<TraceDigest>> {
        let ranges = candidates.iter().map(|candidate| candidate.row..candidate.row + 1);
        let selection = RowSelection::from_consecutive_ranges(ranges, self.table.group_rows(group));
        let mut columns = vec![TIME, TRACE_ID, START, END, REVISION, PARTIAL, FIRST_VISIT, VISITS, ENTRY_VISIT, LINKS, OWNERS];
        // Links are what of the rest an outline needs, and few traces have any.
        let with_rest = !outline || self.table.has("links") && self.has_links(group)?;
        columns.extend(with_rest.then_some(DIGEST));
        let columns = Columns::of(columns);
        let reader = self.table.rows_of(group, selection, self.names(&columns))?;
        let mut digests = Vec::with_capacity(candidates.len());
        let mut rows_of_visits = Vec::with_capacity(candidates.len());
        for batch in self.table.batches(reader.with_batch_size(candidates.len().max(1)))? {
            let batch = batch?;
            let columns = columns.in_batch(&batch, &self.hot);
            let ids = columns.get(TRACE_ID).as_fixed_size_binary();
            let (times, starts, ends) = (columns.times(TIME), columns.times(START), columns.times(END));
            let (firsts, counts) = (columns.whole(FIRST_VISIT), columns.whole(VISITS));
            let partial = columns.get(PARTIAL).as_boolean();
            let owners = columns.find(OWNERS).map(|array| array.as_string::<i32>());
            let entries = columns.find(ENTRY_VISIT).map(|array| array.as_primitive::<Int32Type>());
            let rest = with_rest.then(|| columns.get(DIGEST).as_binary::<i32>());
            for row in 0..batch.num_rows() {
                let rest = rest.map(|rest| self.rest(rest.value(row))).transpose()?.unwrap_or_default();
                rows_of_visits.push(firsts.value(row) as usize..(firsts.value(row) as usize + counts.value(row) as usize));
                digests.push((
                    TraceDigest {
                        owners: owners
                            .filter(|array| array.is_valid(row))
                            .map_or_else(Vec::new, |array| owners_of(array.value(row))),
                        id: TraceId(ids.value(row).try_into().unwrap_or_default()),
                        time_us: times.value(row),
                        start_us: starts.value(row),
                        end_us: ends.value(row),
                        revision: columns.whole(REVISION).value(row) as u32,
                        partial: partial.value(row),
                        services: Vec::new(),
                        visits: Vec::new(),
                        entry: entries.filter(|array| array.is_valid(row)).map(|array| array.value(row) as u32),
                        links: rest.links,
                        annotations: rest.annotations,
                        users: rest.users,
                        resource_arns: rest.resource_arns,
                        instance_ids: rest.instance_ids,
                        availability_zones: rest.availability_zones,
                        fault_causes: rest.fault_causes,
                        error_causes: rest.error_causes,
                        slow_path: rest.slow_path,
                    },
                    rest.spellings,
                ));
            }
        }
        let visits = self.visits.visits(&rows_of_visits, outline)?;
        let damaged =
            || Error::Damaged { path: self.table.path.clone(), what: "a trace refers to what it does not have".to_owned() };
        let mut whole = Vec::with_capacity(digests.len());
        for ((mut digest, spellings), Visits { services, visits }) in digests.into_iter().zip(visits) {
            (digest.services, digest.visits) = (services, visits);
            for (place, names) in spellings {
                digest.services.get_mut(place as usize).ok_or_else(damaged)?.names.extend(names);
            }
            if outline {
                digest.visits.iter_mut().for_each(|visit| visit.user = None);
            }
            if !digest.is_consistent() {
                return Err(damaged());
            }
            whole.push(digest);
        }
        Ok(whole)
    }

    /// Whether a trace of the row group has links to others.
    fn has_links(&self, group: usize) -> Result<bool> {
        let columns = Columns::of(vec![LINKS]);
        let reader = self.reader(&columns).with_row_groups(vec![group]).with_batch_size(ROW_GROUP_ROWS);
        for batch in self.table.batches(reader)? {
            if columns.in_batch(&batch?, &self.hot).whole(LINKS).values().iter().any(|&links| links > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Entry services and response times of the traces filed in the range.
    pub(crate) fn responses(&self, group: usize, from_us: i64, to_us: i64, visit: &mut dyn FnMut(Response)) -> Result<()> {
        let columns = Columns::of(vec![TIME, RESPONSE_US, ENTRY]);
        let reader = self.reader(&columns).with_row_groups(vec![group]).with_batch_size(ROW_GROUP_ROWS);
        for batch in self.table.batches(reader)? {
            let batch = batch?;
            let columns = columns.in_batch(&batch, &self.hot);
            let (Some(entries), Some(responses)) = (columns.find(ENTRY), columns.find(RESPONSE_US)) else { continue };
            let (times, entries, responses) =
                (columns.times(TIME), entries.as_string::<i32>(), responses.as_primitive::<Int64Type>());
            for row in 0..batch.num_rows() {
                if (from_us..to_us).contains(&times.value(row)) && responses.is_valid(row) && entries.is_valid(row) {
                    visit(Response { entry: entries.value(row).to_owned(), response_us: responses.value(row) as u64 });
                }
            }
        }
        Ok(())
    }

    fn rest(&self, bytes: &[u8]) -> Result<Rest> {
        let damaged = |what: String| Error::Damaged { path: self.table.path.clone(), what };
        match bytes.split_first() {
            Some((&DIGEST_VERSION, rest)) => {
                postcard::from_bytes(rest).map_err(|err| damaged(format!("a trace digest does not decode: {err}")))
            }
            Some((version, _)) => Err(damaged(format!("a trace digest has version {version}"))),
            None => Err(damaged("a trace digest is empty".to_owned())),
        }
    }

    fn reader(&self, columns: &Columns) -> ParquetRecordBatchReaderBuilder<PartFile> {
        self.table.reader_of(self.names(columns))
    }

    fn names<'t>(&'t self, columns: &Columns) -> impl Iterator<Item = &'t str> {
        columns.0.iter().map(|&column| self.table.metadata.schema().field(column).name().as_str())
    }
}

/// Some of the table's columns, by their places.
struct Columns(Vec<usize>);

impl Columns {
    fn of(mut places: Vec<usize>) -> Columns {
        places.sort_unstable();
        places.dedup();
        Columns(places)
    }

    fn in_batch<'b>(&self, batch: &'b RecordBatch, hot: &'b [CompactString]) -> Batch<'b> {
        Batch { batch, hot }
    }
}

/// A batch with some of the table's columns.
#[derive(Clone, Copy)]
struct Batch<'b> {
    batch: &'b RecordBatch,
    /// Annotation keys that have a column of their own.
    hot: &'b [CompactString],
}

impl<'b> Batch<'b> {
    /// The column, unless no row of the file has anything in it.
    fn find(&self, column: usize) -> Option<&'b dyn Array> {
        let schema = &*SCHEMA;
        match column.checked_sub(schema.fields().len()) {
            Some(place) => self.batch.column_by_name(&annotation::column(&self.hot[place])),
            None => self.batch.column_by_name(schema.field(column).name()),
        }
        .map(AsRef::as_ref)
    }

    /// A column that every row has.
    fn get(&self, column: usize) -> &'b dyn Array {
        self.find(column).expect("invariant: a column that is never null is there")
    }

    fn times(&self, column: usize) -> &'b arrow_array::TimestampMicrosecondArray {
        self.get(column).as_primitive::<TimestampMicrosecondType>()
    }

    fn whole(&self, column: usize) -> &'b arrow_array::Int32Array {
        self.get(column).as_primitive::<Int32Type>()
    }
}

/// The column of an annotation key, where it has one of its own.
fn column_of(hot: &[CompactString], key: &str) -> Option<usize> {
    hot.iter().position(|known| known == key).map(|place| SCHEMA.fields().len() + place)
}

impl Prefilter {
    /// The columns this condition looks at.
    fn columns(&self, hot: &[CompactString], columns: &mut Vec<usize>) {
        match self {
            Prefilter::Anything | Prefilter::Nothing => {}
            Prefilter::And(parts) | Prefilter::Or(parts) => parts.iter().for_each(|part| part.columns(hot, columns)),
            Prefilter::Fault(_) => columns.push(HAS_FAULT),
            Prefilter::Error(_) => columns.push(HAS_ERROR),
            Prefilter::Throttle(_) => columns.push(HAS_THROTTLE),
            Prefilter::AnyFault => columns.push(ANY_FAULT),
            Prefilter::AnyError => columns.push(ANY_ERROR),
            Prefilter::AnyThrottle => columns.push(ANY_THROTTLE),
            Prefilter::Partial(_) => columns.push(PARTIAL),
            Prefilter::ResponseBetween(..) => columns.push(RESPONSE_US),
            Prefilter::StatusBetween(..) => columns.push(HTTP_STATUS),
            Prefilter::Method(_) => columns.push(HTTP_METHOD),
            Prefilter::UrlContains(_) => columns.push(HTTP_URL),
            Prefilter::Service(_) => columns.push(SERVICES),
            Prefilter::AnnotationKey(key) | Prefilter::AnnotationText(key, _) => {
                columns.push(column_of(hot, key).unwrap_or(ANNOTATIONS));
            }
            Prefilter::User(_) => columns.push(USERS),
            Prefilter::Links => columns.push(LINKS),
            Prefilter::Visit(_) => columns.extend([FIRST_VISIT, VISITS]),
        }
    }

    /// For each row whether it may match; none where every row may. `visits` tests the visits of all rows.
    fn evaluate(
        &self,
        columns: &Batch<'_>,
        rows: usize,
        visits: &dyn Fn(&VisitTest) -> Result<Vec<bool>>,
    ) -> Result<Option<Vec<bool>>> {
        let flag = |column: usize, wanted: bool| {
            let array = columns.get(column).as_boolean();
            Some((0..rows).map(|row| array.value(row) == wanted).collect())
        };
        let text = |column: usize, test: &dyn Fn(&str) -> bool| {
            let Some(array) = columns.find(column) else { return Some(vec![false; rows]) };
            let array = array.as_string::<i32>();
            // Neighbours often repeat: a list of services is tested once per run of equal texts.
            let mut last: Option<(&str, bool)> = None;
            let passes = (0..rows).map(|row| {
                if array.is_null(row) {
                    return false;
                }
                let value = array.value(row);
                match last {
                    Some((seen, passed)) if seen == value => passed,
                    _ => {
                        let passed = test(value);
                        last = Some((value, passed));
                        passed
                    }
                }
            });
            Some(passes.collect())
        };
        Ok(match self {
            Prefilter::Anything => None,
            Prefilter::Nothing => Some(vec![false; rows]),
            Prefilter::And(parts) => {
                let mut all: Option<Vec<bool>> = None;
                // Visits are the most work, and spared where nothing is left.
                let (last, first): (Vec<&Prefilter>, Vec<&Prefilter>) = parts.iter().partition(|part| part.asks_visits());
                for part in first.into_iter().chain(last) {
                    if all.as_ref().is_some_and(|all| !all.contains(&true)) {
                        break;
                    }
                    let Some(passes) = part.evaluate(columns, rows, visits)? else { continue };
                    match &mut all {
                        Some(all) => all.iter_mut().zip(passes).for_each(|(all, passes)| *all &= passes),
                        None => all = Some(passes),
                    }
                }
                all
            }
            Prefilter::Or(parts) => {
                let mut any = vec![false; rows];
                for part in parts {
                    // One side that everything passes makes the whole pass everything.
                    let Some(passes) = part.evaluate(columns, rows, visits)? else { return Ok(None) };
                    any.iter_mut().zip(passes).for_each(|(any, passes)| *any |= passes);
                }
                Some(any)
            }
            Prefilter::Fault(wanted) => flag(HAS_FAULT, *wanted),
            Prefilter::Error(wanted) => flag(HAS_ERROR, *wanted),
            Prefilter::Throttle(wanted) => flag(HAS_THROTTLE, *wanted),
            Prefilter::AnyFault => flag(ANY_FAULT, true),
            Prefilter::AnyError => flag(ANY_ERROR, true),
            Prefilter::AnyThrottle => flag(ANY_THROTTLE, true),
            Prefilter::Partial(wanted) => flag(PARTIAL, *wanted),
            Prefilter::ResponseBetween(low, high) => {
                let Some(array) = columns.find(RESPONSE_US) else { return Ok(Some(vec![false; rows])) };
                let array = array.as_primitive::<Int64Type>();
                Some((0..rows).map(|row| array.is_valid(row) && (*low..=*high).contains(&(array.value(row) as u64))).collect())
            }
            Prefilter::StatusBetween(low, high) => {
                let Some(array) = columns.find(HTTP_STATUS) else { return Ok(Some(vec![false; rows])) };
                let array = array.as_primitive::<Int32Type>();
                Some((0..rows).map(|row| array.is_valid(row) && (*low..=*high).contains(&i64::from(array.value(row)))).collect())
            }
            Prefilter::Method(method) => text(HTTP_METHOD, &|value| value == method),
            Prefilter::UrlContains(part) => text(HTTP_URL, &|value| value.contains(part.as_str())),
            Prefilter::Service(name) => {
                let element = format!("{SEPARATOR}{name}{SEPARATOR}");
                text(SERVICES, &|value| value.contains(&element))
            }
            Prefilter::AnnotationKey(key) => match column_of(columns.hot, key) {
                Some(column) => text(column, &|_| true),
                None => {
                    let element = format!("{SEPARATOR}{key}=");
                    text(ANNOTATIONS, &|value| value.contains(&element))
                }
            },
            Prefilter::AnnotationText(key, wanted) => match column_of(columns.hot, key) {
                Some(column) => {
                    let element = format!("{SEPARATOR}{wanted}{SEPARATOR}");
                    text(column, &|value| value.contains(&element))
                }
                None => {
                    let element = format!("{SEPARATOR}{key}={wanted}{SEPARATOR}");
                    text(ANNOTATIONS, &|value| value.contains(&element))
                }
            },
            Prefilter::User(user) => {
                let element = format!("{SEPARATOR}{user}{SEPARATOR}");
                text(USERS, &|value| value.contains(&element))
            }
            Prefilter::Links => Some(columns.whole(LINKS).values().iter().map(|&links| links > 0).collect()),
            Prefilter::Visit(test) => Some(visits(test)?),
        })
    }

    fn asks_visits(&self) -> bool {
        match self {
            Prefilter::And(parts) | Prefilter::Or(parts) => parts.iter().any(Prefilter::asks_visits),
            part => matches!(part, Prefilter::Visit(_)),
        }
    }
}
