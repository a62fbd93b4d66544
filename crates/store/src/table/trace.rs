//! The `trace` table: one row per trace, newest first. Derived from the segments: the columns that searches test, and the whole
//! digest behind them.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use model::TraceId;
use model::digest::{AnnotationValue, TraceDigest};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::error::{Error, IoContext, Result};
use crate::scan::{Prefilter, ScanRange};
use crate::table::BATCH_BYTES;
use crate::table::file::{Checksums, FileWriter, PartFile, Written};

/// Columns in file order; the numbers are their places in the schema.
const TIME: usize = 0;
const TRACE_ID: usize = 1;
const START: usize = 2;
const END: usize = 3;
const RESPONSE_US: usize = 4;
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
const DIGEST: usize = 20;

/// Between the elements of a list that is kept as one text. Names hardly ever contain it; one that does still finds itself.
const SEPARATOR: char = '\u{1f}';

/// Rows of a row group: the step in which a search goes back in time.
pub(crate) const ROW_GROUP_ROWS: usize = 8_192;
const PAGE_ROWS: usize = 512;
/// Digests are large and looked at one by one: small pages, so that little is decompressed for one.
const DIGEST_PAGE_BYTES: usize = 64 * 1024;
const WRITE_ROWS: usize = 32;
/// The digest's encoding. A row with another number is made anew from the segments by a rebuild.
const DIGEST_VERSION: u8 = 1;

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

/// Writes digests, already newest first, to a new file.
pub(crate) fn write(path: &Path, digests: &mut dyn Iterator<Item = Result<TraceDigest>>) -> Result<(Written, Span)> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(WRITE_ROWS)
        .set_column_data_page_size_limit(ColumnPath::from("digest"), DIGEST_PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::None);
    for column in ["time", "start_time", "end_time", "response_time_us"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk);
    }
    for column in ["trace_id", "digest", "annotations", "time", "start_time", "end_time"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    let mut span = Span::default();
    let mut file = FileWriter::create(path, SCHEMA.clone(), properties.build())?;
    while let Some(batch) = batch(digests, &mut span)? {
        file.write(&batch)?;
    }
    Ok((file.finish()?, span))
}

fn batch(digests: &mut dyn Iterator<Item = Result<TraceDigest>>, span: &mut Span) -> Result<Option<RecordBatch>> {
    let utc = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let (mut time, mut start, mut end) = (utc(), utc(), utc());
    let mut id = FixedSizeBinaryBuilder::new(16);
    let mut response = Int64Builder::new();
    let (mut revision, mut status) = (Int32Builder::new(), Int32Builder::new());
    let mut flags: [BooleanBuilder; 7] = std::array::from_fn(|_| BooleanBuilder::new());
    let (mut method, mut url, mut entry) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let (mut services, mut annotations, mut users) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let mut encoded = BinaryBuilder::new();
    let mut buffer = Vec::new();
    let mut rows = 0;
    while rows < 2048 && encoded.values_slice().len() < BATCH_BYTES {
        let Some(digest) = digests.next() else { break };
        let digest = digest?;
        span.add(&digest);
        rows += 1;
        time.append_value(digest.time_us);
        id.append_value(digest.id.0).map_err(arrow)?;
        start.append_value(digest.start_us);
        end.append_value(digest.end_us);
        response.append_option(digest.response_us().map(|us| us as i64));
        revision.append_value(digest.revision as i32);
        let (own, any) = (digest.flags(), digest.any_flags());
        let values = [own.fault, own.error, digest.has_throttle(), any.fault, any.error, any.throttle, digest.partial];
        for (builder, value) in flags.iter_mut().zip(values) {
            builder.append_value(value);
        }
        let http = digest.entry_visit().and_then(|visit| visit.served.http.as_deref());
        method.append_option(http.and_then(|http| http.method.as_deref()));
        url.append_option(http.and_then(|http| http.url.as_deref()));
        status.append_option(http.and_then(|http| http.status).and_then(|status| i32::try_from(status).ok()));
        entry.append_option(digest.entry_visit().map(|visit| digest.service(visit.service).id.name.as_str()));
        services.append_value(joined(&mut digest.services.iter().flat_map(|service| &service.names).map(|name| name.as_str())));
        annotations.append_value(annotation_text(&digest));
        users.append_value(joined(&mut digest.users.iter().map(|user| user.text.as_str())));
        buffer.clear();
        buffer.push(DIGEST_VERSION);
        buffer = postcard::to_extend(&digest, buffer).unwrap_or_default();
        encoded.append_value(&buffer);
    }
    if rows == 0 {
        return Ok(None);
    }
    let [fault, error, throttle, any_fault, any_error, any_throttle, partial] = flags.map(|mut builder| builder.finish());
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(time.finish()),
        Arc::new(id.finish()),
        Arc::new(start.finish()),
        Arc::new(end.finish()),
        Arc::new(response.finish()),
        Arc::new(revision.finish()),
        Arc::new(fault),
        Arc::new(error),
        Arc::new(throttle),
        Arc::new(any_fault),
        Arc::new(any_error),
        Arc::new(any_throttle),
        Arc::new(partial),
        Arc::new(method.finish()),
        Arc::new(url.finish()),
        Arc::new(status.finish()),
        Arc::new(entry.finish()),
        Arc::new(services.finish()),
        Arc::new(annotations.finish()),
        Arc::new(users.finish()),
        Arc::new(encoded.finish()),
    ];
    RecordBatch::try_new(SCHEMA.clone(), columns).map(Some).map_err(arrow)
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

fn annotation_text(digest: &TraceDigest) -> String {
    let mut text = String::from(SEPARATOR);
    for annotation in &digest.annotations {
        text.push_str(&annotation.key);
        text.push('=');
        match &annotation.value {
            AnnotationValue::Text(value) => text.push_str(value),
            AnnotationValue::Number(value) => text.push_str(&value.to_string()),
            AnnotationValue::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
        }
        text.push(SEPARATOR);
    }
    text
}

fn arrow(source: arrow_schema::ArrowError) -> Error {
    Error::Parquet { path: "trace".into(), source: source.into() }
}

/// An open file of the table; its footer stays in memory.
#[derive(Debug)]
pub(crate) struct TraceFile {
    path: PathBuf,
    file: PartFile,
    metadata: ArrowReaderMetadata,
    /// Newest time of each row group.
    newest_us: Vec<i64>,
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

/// Entry service and response time of a trace.
pub(crate) struct Response {
    pub(crate) entry: String,
    pub(crate) response_us: u64,
}

impl TraceFile {
    pub(crate) fn open(path: &Path, checksums: Arc<Checksums>) -> Result<TraceFile> {
        let file = PartFile::open(path, checksums)?;
        let metadata =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required))
                .at("open", path)?;
        let newest_us = metadata
            .metadata()
            .row_groups()
            .iter()
            .map(|group| match group.column(TIME).statistics() {
                Some(parquet::file::statistics::Statistics::Int64(statistics)) => statistics.max_opt().copied().unwrap_or(i64::MAX),
                _ => i64::MAX,
            })
            .collect();
        Ok(TraceFile { path: path.to_owned(), file, metadata, newest_us })
    }

    pub(crate) fn groups(&self) -> usize {
        self.newest_us.len()
    }

    pub(crate) fn newest_us(&self, group: usize) -> i64 {
        self.newest_us[group]
    }

    /// The row group's rows behind `before` that `range` admits and that may match, newest first, and the keys of all
    /// rows the range admitted.
    pub(crate) fn candidates(
        &self,
        group: usize,
        range: &ScanRange,
        prefilter: &Prefilter,
        before: RowKey,
    ) -> Result<(Vec<Candidate>, Vec<RowKey>)> {
        let mut columns = vec![TIME, TRACE_ID];
        if range.needs_bounds() {
            columns.extend([START, END]);
        }
        prefilter.columns(&mut columns);
        columns.sort_unstable();
        columns.dedup();
        let reader =
            self.builder(&columns).with_row_groups(vec![group]).with_batch_size(ROW_GROUP_ROWS).build().at("read", &self.path)?;
        let mut candidates = Vec::new();
        let mut admitted = Vec::new();
        let mut first_row = 0;
        for batch in reader {
            let batch = batch.map_err(|err| self.arrow(err))?;
            let columns = Columns { batch: &batch, places: &columns };
            let times = columns.times(TIME);
            let ids = columns.get(TRACE_ID).as_fixed_size_binary();
            let bounds = range.needs_bounds().then(|| (columns.times(START), columns.times(END)));
            let passes = prefilter.evaluate(&columns, batch.num_rows());
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

    /// Decodes some candidates of a row group, in their order; what is much work on several cores.
    pub(crate) fn digests(&self, group: usize, candidates: &[Candidate]) -> Result<Vec<TraceDigest>> {
        let (Some(first), Some(last)) = (candidates.first(), candidates.last()) else { return Ok(Vec::new()) };
        // Few candidates far apart cost as much as many: whole pages are decompressed.
        let threads = ((last.row - first.row) / ROWS_PER_THREAD).min(*DECODE_THREADS);
        if threads < 2 {
            return self.decode_all(group, candidates);
        }
        let shares = candidates.chunks(candidates.len().div_ceil(threads));
        let decoded: Vec<Result<Vec<TraceDigest>>> = std::thread::scope(|scope| {
            let running: Vec<_> = shares.map(|share| scope.spawn(|| self.decode_all(group, share))).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        let mut digests = Vec::with_capacity(candidates.len());
        for share in decoded {
            digests.extend(share?);
        }
        Ok(digests)
    }

    fn decode_all(&self, group: usize, candidates: &[Candidate]) -> Result<Vec<TraceDigest>> {
        let rows = self.metadata.metadata().row_group(group).num_rows() as usize;
        let ranges = candidates.iter().map(|candidate| candidate.row..candidate.row + 1);
        let reader = self
            .builder(&[DIGEST])
            .with_row_groups(vec![group])
            .with_row_selection(RowSelection::from_consecutive_ranges(ranges, rows))
            .with_batch_size(candidates.len().max(1))
            .build()
            .at("read", &self.path)?;
        let mut digests = Vec::with_capacity(candidates.len());
        for batch in reader {
            let batch = batch.map_err(|err| self.arrow(err))?;
            let column = batch.column(0).as_binary::<i32>();
            for row in 0..batch.num_rows() {
                digests.push(self.decode(column.value(row))?);
            }
        }
        Ok(digests)
    }

    /// Entry services and response times of the traces filed in the range.
    pub(crate) fn responses(&self, group: usize, from_us: i64, to_us: i64, visit: &mut dyn FnMut(Response)) -> Result<()> {
        let columns = [TIME, RESPONSE_US, ENTRY];
        let reader =
            self.builder(&columns).with_row_groups(vec![group]).with_batch_size(ROW_GROUP_ROWS).build().at("read", &self.path)?;
        for batch in reader {
            let batch = batch.map_err(|err| self.arrow(err))?;
            let columns = Columns { batch: &batch, places: &columns };
            let (times, entries) = (columns.times(TIME), columns.text(ENTRY));
            let responses = columns.get(RESPONSE_US).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                if (from_us..to_us).contains(&times.value(row)) && responses.is_valid(row) && entries.is_valid(row) {
                    visit(Response { entry: entries.value(row).to_owned(), response_us: responses.value(row) as u64 });
                }
            }
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<TraceDigest> {
        let damaged = |what: String| Error::Damaged { path: self.path.clone(), what };
        match bytes.split_first() {
            Some((&DIGEST_VERSION, rest)) => {
                let digest: TraceDigest =
                    postcard::from_bytes(rest).map_err(|err| damaged(format!("a trace digest does not decode: {err}")))?;
                if !digest.is_consistent() {
                    return Err(damaged("a trace digest refers to what it does not have".to_owned()));
                }
                Ok(digest)
            }
            Some((version, _)) => Err(damaged(format!("a trace digest has version {version}"))),
            None => Err(damaged("a trace digest is empty".to_owned())),
        }
    }

    fn builder(&self, columns: &[usize]) -> ParquetRecordBatchReaderBuilder<PartFile> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone());
        let mask = ProjectionMask::leaves(builder.parquet_schema(), columns.iter().copied());
        builder.with_projection(mask)
    }

    fn arrow(&self, source: arrow_schema::ArrowError) -> Error {
        Error::Parquet { path: self.path.clone(), source: source.into() }
    }
}

/// A batch with some of the table's columns, by their place in the table.
struct Columns<'b> {
    batch: &'b RecordBatch,
    places: &'b [usize],
}

impl<'b> Columns<'b> {
    fn get(&self, column: usize) -> &'b dyn Array {
        let place = self.places.iter().position(|&place| place == column).unwrap_or_default();
        self.batch.column(place).as_ref()
    }

    fn times(&self, column: usize) -> &'b arrow_array::TimestampMicrosecondArray {
        self.get(column).as_primitive::<TimestampMicrosecondType>()
    }

    fn text(&self, column: usize) -> &'b StringArray {
        self.get(column).as_string::<i32>()
    }
}

impl Prefilter {
    /// The columns this condition looks at.
    fn columns(&self, columns: &mut Vec<usize>) {
        match self {
            Prefilter::Anything | Prefilter::Nothing => {}
            Prefilter::And(parts) | Prefilter::Or(parts) => parts.iter().for_each(|part| part.columns(columns)),
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
            Prefilter::AnnotationKey(_) | Prefilter::AnnotationText(..) => columns.push(ANNOTATIONS),
            Prefilter::User(_) => columns.push(USERS),
        }
    }

    /// For each row whether it may match; none where every row may.
    fn evaluate(&self, columns: &Columns<'_>, rows: usize) -> Option<Vec<bool>> {
        let flag = |column: usize, wanted: bool| {
            let array = columns.get(column).as_boolean();
            Some((0..rows).map(|row| array.value(row) == wanted).collect())
        };
        let text = |column: usize, test: &dyn Fn(&str) -> bool| {
            let array = columns.text(column);
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
        match self {
            Prefilter::Anything => None,
            Prefilter::Nothing => Some(vec![false; rows]),
            Prefilter::And(parts) => {
                let mut all: Option<Vec<bool>> = None;
                for passes in parts.iter().filter_map(|part| part.evaluate(columns, rows)) {
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
                    let passes = part.evaluate(columns, rows)?;
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
                let array = columns.get(RESPONSE_US).as_primitive::<Int64Type>();
                Some((0..rows).map(|row| array.is_valid(row) && (*low..=*high).contains(&(array.value(row) as u64))).collect())
            }
            Prefilter::StatusBetween(low, high) => {
                let array = columns.get(HTTP_STATUS).as_primitive::<Int32Type>();
                Some((0..rows).map(|row| array.is_valid(row) && (*low..=*high).contains(&i64::from(array.value(row)))).collect())
            }
            Prefilter::Method(method) => text(HTTP_METHOD, &|value| value == method),
            Prefilter::UrlContains(part) => text(HTTP_URL, &|value| value.contains(part.as_str())),
            Prefilter::Service(name) => {
                let element = format!("{SEPARATOR}{name}{SEPARATOR}");
                text(SERVICES, &|value| value.contains(&element))
            }
            Prefilter::AnnotationKey(key) => {
                let element = format!("{SEPARATOR}{key}=");
                text(ANNOTATIONS, &|value| value.contains(&element))
            }
            Prefilter::AnnotationText(key, wanted) => {
                let element = format!("{SEPARATOR}{key}={wanted}{SEPARATOR}");
                text(ANNOTATIONS, &|value| value.contains(&element))
            }
            Prefilter::User(user) => {
                let element = format!("{SEPARATOR}{user}{SEPARATOR}");
                text(USERS, &|value| value.contains(&element))
            }
        }
    }
}
