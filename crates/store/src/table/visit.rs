//! The `visit` table: one row per request that a trace made somewhere, as it was served and as its caller saw it. Derived from the
//! segments; the rows of a trace stand together, in the order of the `trace` table of the same part.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use model::CompactString;
use model::digest::{Call, Caller, DigestHttp, DigestService, Flags, TraceDigest, Visit};
use model::service::ServiceId;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::cache::Cache;
use crate::error::{Error, IoContext, Result};
use crate::scan::VisitTest;
use crate::table::file::{Checksums, FileWriter, TableFile, Written};

const TRACE_ROW: &str = "trace_row";
const START_TIME: &str = "start_time";

/// Whole numbers. `caller` is a service of the trace, by its place among those that the trace's visits name, in their order.
const NUMBERS: [&str; 7] =
    ["duration_us", "caller", "user", "seen_after_us", "seen_duration_us", "http_status", "seen_http_status"];

/// The last three are about what the caller saw.
const FLAGS: [&str; 9] = ["error", "throttle", "fault", "root", "inferred", "pending", "seen_error", "seen_throttle", "seen_fault"];

const TEXTS: [&str; 12] = [
    "service_name",
    "service_type",
    "service_account_id",
    "http_method",
    "http_url",
    "http_user_agent",
    "http_client_ip",
    "seen_http_method",
    "seen_http_url",
    "seen_http_user_agent",
    "seen_http_client_ip",
    "caller_name",
];

/// Texts of which there may be many: the others are dictionaries with short keys, which do not become fewer by compression.
const MANY: [&str; 6] =
    ["http_url", "http_user_agent", "http_client_ip", "seen_http_url", "seen_http_user_agent", "seen_http_client_ip"];

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a page: what is decompressed for the visits of one trace.
const PAGE_ROWS: usize = 512;
/// Rows of a batch, on the way in and out.
const BATCH_ROWS: usize = 8_192;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new(TRACE_ROW, DataType::Int32, false),
        Field::new(START_TIME, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
    ];
    fields.extend(NUMBERS.map(|name| Field::new(name, DataType::Int64, true)));
    fields.extend(FLAGS.map(|name| Field::new(name, DataType::Boolean, true)));
    fields.extend(TEXTS.map(|name| Field::new(name, DataType::Utf8, name != TEXTS[0])));
    Arc::new(Schema::new(fields))
});

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_dictionary_page_size_limit(128 * 1024)
        .set_statistics_enabled(EnabledStatistics::None);
    for name in [TRACE_ROW, START_TIME, "duration_us", "seen_after_us", "seen_duration_us"] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in MANY {
        properties = properties.set_column_compression(ColumnPath::from(name), Compression::ZSTD(ZstdLevel::default()));
    }
    properties.build()
}

/// A file of the table that is being written.
pub(super) struct VisitWriter {
    file: FileWriter,
    trace_row: Int32Builder,
    start_time: TimestampMicrosecondBuilder,
    numbers: [Int64Builder; NUMBERS.len()],
    flags: [BooleanBuilder; FLAGS.len()],
    texts: [StringBuilder; TEXTS.len()],
    /// In the builders.
    waiting: usize,
    /// Of the whole file so far.
    pub(super) rows: usize,
}

impl VisitWriter {
    pub(super) fn create(path: &Path) -> Result<VisitWriter> {
        Ok(VisitWriter {
            file: FileWriter::create(path, SCHEMA.clone(), properties())?,
            trace_row: Int32Builder::new(),
            start_time: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            numbers: std::array::from_fn(|_| Int64Builder::new()),
            flags: std::array::from_fn(|_| BooleanBuilder::new()),
            texts: std::array::from_fn(|_| StringBuilder::new()),
            waiting: 0,
            rows: 0,
        })
    }

    /// Adds the visits of a trace, which has this place in the trace table.
    pub(super) fn append(&mut self, trace_row: usize, digest: &TraceDigest) -> Result<()> {
        for visit in &digest.visits {
            self.append_visit(trace_row, digest, visit);
        }
        self.rows += digest.visits.len();
        self.waiting += digest.visits.len();
        if self.waiting >= BATCH_ROWS { self.write() } else { Ok(()) }
    }

    fn append_visit(&mut self, trace_row: usize, digest: &TraceDigest, visit: &Visit) {
        let Visit { service, root, inferred, pending, served, caller, user } = visit;
        let seen = caller.as_ref().and_then(|caller| caller.seen.as_ref());
        self.trace_row.append_value(trace_row as i32);
        self.start_time.append_value(served.start_us);
        let duration = |call: &Call| call.duration_us.map(|us| us as i64);
        let status = |call: &Call| call.http.as_ref()?.status;
        let numbers = [
            duration(served),
            caller.as_ref().map(|caller| i64::from(caller.service)),
            user.map(i64::from),
            seen.map(|seen| seen.start_us - served.start_us),
            seen.and_then(duration),
            status(served),
            seen.and_then(status),
        ];
        self.numbers.iter_mut().zip(numbers).for_each(|(builder, number)| builder.append_option(number));
        let flags = [
            Some(served.flags.error),
            Some(served.flags.throttle),
            Some(served.flags.fault),
            Some(*root),
            Some(*inferred),
            Some(*pending),
            seen.map(|seen| seen.flags.error),
            seen.map(|seen| seen.flags.throttle),
            seen.map(|seen| seen.flags.fault),
        ];
        self.flags.iter_mut().zip(flags).for_each(|(builder, flag)| builder.append_option(flag));
        let service = &digest.service(*service).id;
        let [method, url, user_agent, client_ip] = http(Some(served));
        let [seen_method, seen_url, seen_user_agent, seen_client_ip] = http(seen);
        let texts = [
            Some(service.name.as_str()),
            service.kind.as_deref(),
            service.account_id.as_deref(),
            method,
            url,
            user_agent,
            client_ip,
            seen_method,
            seen_url,
            seen_user_agent,
            seen_client_ip,
            caller.as_ref().map(|caller| digest.service(caller.service).id.name.as_str()),
        ];
        self.texts.iter_mut().zip(texts).for_each(|(builder, text)| builder.append_option(text));
    }

    fn write(&mut self) -> Result<()> {
        let mut columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(self.trace_row.finish()), Arc::new(self.start_time.finish().with_timezone("UTC"))];
        columns.extend(self.numbers.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.flags.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        self.waiting = 0;
        self.file.write(&RecordBatch::try_new(SCHEMA.clone(), columns).map_err(arrow)?)
    }

    pub(super) fn finish(mut self) -> Result<Written> {
        if self.waiting > 0 {
            self.write()?;
        }
        self.file.finish()
    }
}

/// What HTTP says of a call, in the order of the columns.
fn http(call: Option<&Call>) -> [Option<&str>; 4] {
    let http = call.and_then(|call| call.http.as_deref());
    [
        http.and_then(|http| http.method.as_deref()),
        http.and_then(|http| http.url.as_deref()),
        http.and_then(|http| http.user_agent.as_deref()),
        http.and_then(|http| http.client_ip.as_deref()),
    ]
}

fn arrow(source: ArrowError) -> Error {
    Error::Parquet { path: "visit".into(), source: source.into() }
}

/// A batch's columns. One that is missing says nothing in any row.
struct Rows<'b> {
    trace_row: Option<&'b Int32Array>,
    start_time: Option<&'b TimestampMicrosecondArray>,
    numbers: [Option<&'b Int64Array>; NUMBERS.len()],
    flags: [Option<&'b BooleanArray>; FLAGS.len()],
    texts: [Option<&'b StringArray>; TEXTS.len()],
}

impl<'b> Rows<'b> {
    fn of(batch: &'b RecordBatch) -> Rows<'b> {
        let column = |name: &str| batch.column_by_name(name);
        Rows {
            trace_row: column(TRACE_ROW).map(|array| array.as_primitive::<Int32Type>()),
            start_time: column(START_TIME).map(|array| array.as_primitive::<TimestampMicrosecondType>()),
            numbers: NUMBERS.map(|name| column(name).map(|array| array.as_primitive::<Int64Type>())),
            flags: FLAGS.map(|name| column(name).map(|array| array.as_boolean())),
            texts: TEXTS.map(|name| column(name).and_then(|array| array.as_string_opt::<i32>())),
        }
    }

    fn number(&self, number: usize, row: usize) -> Option<i64> {
        self.numbers[number].filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }

    fn flag(&self, flag: usize, row: usize) -> bool {
        self.flags[flag].is_some_and(|array| array.is_valid(row) && array.value(row))
    }

    fn text(&self, text: usize, row: usize) -> Option<&'b str> {
        self.texts[text].filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }

    fn http(&self, status: usize, first_text: usize, row: usize) -> Option<Box<DigestHttp>> {
        let text = |n: usize| self.text(first_text + n, row).map(CompactString::from);
        let http =
            DigestHttp { method: text(0), url: text(1), user_agent: text(2), client_ip: text(3), status: self.number(status, row) };
        (http != DigestHttp::default()).then(|| Box::new(http))
    }

    fn visit(&self, row: usize, service: u32) -> Visit {
        let start_us = self.start_time.map_or(0, |array| array.value(row));
        let flags = |first: usize| Flags {
            error: self.flag(first, row),
            throttle: self.flag(first + 1, row),
            fault: self.flag(first + 2, row),
        };
        let seen = self.number(3, row).map(|after_us| Call {
            start_us: start_us.wrapping_add(after_us),
            duration_us: self.number(4, row).map(|us| us as u64),
            flags: flags(6),
            http: self.http(6, 7, row),
        });
        Visit {
            service,
            root: self.flag(3, row),
            inferred: self.flag(4, row),
            pending: self.flag(5, row),
            served: Call {
                start_us,
                duration_us: self.number(0, row).map(|us| us as u64),
                flags: flags(0),
                http: self.http(5, 3, row),
            },
            caller: self.number(1, row).map(|service| Caller { service: service as u32, seen }),
            user: self.number(2, row).map(|user| user as u32),
        }
    }
}

/// The visits of one trace, and the services they name.
#[derive(Debug, Default)]
pub(super) struct Visits {
    pub(super) services: Vec<DigestService>,
    pub(super) visits: Vec<Visit>,
}

impl Visits {
    fn push(&mut self, rows: &Rows<'_>, row: usize) {
        let id =
            [rows.text(0, row).unwrap_or_default(), rows.text(1, row).unwrap_or_default(), rows.text(2, row).unwrap_or_default()];
        let is_same = |service: &DigestService| {
            service.id.name == id[0]
                && service.id.kind.as_deref() == rows.text(1, row)
                && service.id.account_id.as_deref() == rows.text(2, row)
        };
        let place = self.services.iter().position(is_same).unwrap_or_else(|| {
            let text = |n| rows.text(n, row).map(CompactString::from);
            let id = ServiceId { name: id[0].into(), kind: text(1), account_id: text(2) };
            self.services.push(DigestService { names: vec![id.name.clone()], id, inferred: true });
            self.services.len() - 1
        });
        let visit = rows.visit(row, place as u32);
        self.services[place].inferred &= visit.inferred;
        self.visits.push(visit);
    }
}

/// An open file of the table.
#[derive(Debug)]
pub(super) struct VisitFile {
    table: TableFile,
    /// The same, to read the names of services as dictionaries: a test looks at each distinct name once.
    names_as_keys: SchemaRef,
    /// The first row of each row group, and the end of the last.
    group_starts: Vec<usize>,
}

impl VisitFile {
    pub(super) fn open(path: &Path, checksums: Arc<Checksums>, cache: &Arc<Cache>) -> Result<VisitFile> {
        let table = TableFile::open(path, checksums, cache)?;
        let mut group_starts = vec![0];
        for group in 0..table.groups() {
            group_starts.push(group_starts[group] + table.group_rows(group));
        }
        let as_keys = |field: &FieldRef| match field.name().as_str() {
            "service_name" | "caller_name" => {
                let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                Arc::new(Field::new(field.name(), keys, field.is_nullable()))
            }
            _ => field.clone(),
        };
        let schema = Schema::new(table.metadata.schema().fields().iter().map(as_keys).collect::<Vec<_>>());
        Ok(VisitFile { table, names_as_keys: Arc::new(schema), group_starts })
    }

    /// What the open file takes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    /// The rows in these ranges, which ascend. With `names_as_keys` the names of services come as dictionaries.
    fn batches(
        &self,
        ranges: &[Range<usize>],
        columns: &[&str],
        names_as_keys: bool,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let rows: usize = ranges.iter().map(Range::len).sum();
        let mut batches = Vec::new();
        let mut ranges = ranges;
        for group in 0..self.table.groups() {
            let (start, end) = (self.group_starts[group], self.group_starts[group + 1]);
            // Those that end before the group are done; the last one may go on into the next group.
            ranges = &ranges[ranges.partition_point(|range| range.end <= start)..];
            let here = ranges.iter().take_while(|range| range.start < end);
            let mut here = here.map(|range| range.start.max(start) - start..range.end.min(end) - start).peekable();
            if here.peek().is_none() {
                continue;
            }
            let selection = RowSelection::from_consecutive_ranges(here, end - start);
            let mut metadata = self.table.group(group)?;
            if names_as_keys {
                let options = ArrowReaderOptions::new().with_schema(self.names_as_keys.clone());
                metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).at("read", &self.table.path)?;
            }
            let reader = self.table.reader_with(&metadata, columns.iter().copied()).with_row_selection(selection);
            batches.push(self.table.batches(reader.with_batch_size(rows.clamp(1, BATCH_ROWS)))?);
        }
        Ok(batches.into_iter().flatten())
    }

    /// The visits in each of these ranges, which ascend; with `outline_only` without what HTTP says of them.
    pub(super) fn visits(&self, ranges: &[Range<usize>], outline_only: bool) -> Result<Vec<Visits>> {
        let mut found: Vec<Visits> = Vec::with_capacity(ranges.len());
        let rows_of: Vec<Range<usize>> = ranges.iter().filter(|range| !range.is_empty()).cloned().collect();
        if rows_of.is_empty() {
            found.resize_with(ranges.len(), Visits::default);
            return Ok(found);
        }
        let mut columns = vec![START_TIME];
        columns.extend(if outline_only { &NUMBERS[..5] } else { &NUMBERS[..] });
        columns.extend(FLAGS);
        // The caller's name follows from its place.
        columns.extend(if outline_only { &TEXTS[..3] } else { &TEXTS[..11] });
        let mut lengths = ranges.iter().map(Range::len);
        let mut missing = 0;
        for batch in self.batches(&rows_of, &columns, false)? {
            let batch = batch?;
            let rows = Rows::of(&batch);
            for row in 0..batch.num_rows() {
                while missing == 0 {
                    let Some(length) = lengths.next() else { return Ok(found) };
                    found.push(Visits { services: Vec::with_capacity(length.min(8)), visits: Vec::with_capacity(length) });
                    missing = length;
                }
                if let Some(visits) = found.last_mut() {
                    visits.push(&rows, row);
                }
                missing -= 1;
            }
        }
        found.resize_with(ranges.len(), Visits::default);
        Ok(found)
    }

    /// For each of `traces` rows of the trace table, from `first_trace` on, whether some visit of it passes the test. `rows` are
    /// the visits of all of them.
    pub(super) fn test(&self, test: &VisitTest, rows: Range<usize>, first_trace: usize, traces: usize) -> Result<Vec<bool>> {
        let mut passed = vec![false; traces];
        if rows.is_empty() {
            return Ok(passed);
        }
        let mut columns = vec![TRACE_ROW];
        test.columns(&mut columns);
        for batch in self.batches(&[rows], &columns, true)? {
            let batch = batch?;
            let rows = Rows::of(&batch);
            let Some(trace_rows) = rows.trace_row else { return Ok(passed) };
            let service = test.service.as_ref().map(|name| Names::of(&batch, TEXTS[0], name));
            let (from, at_edge) = match &test.from {
                Some(name) => (Some(Names::of(&batch, TEXTS[11], name)), Some(Names::of(&batch, TEXTS[0], name))),
                None => (None, None),
            };
            for row in 0..batch.num_rows() {
                let at = (trace_rows.value(row) as usize).wrapping_sub(first_trace);
                if at >= traces || passed[at] {
                    continue;
                }
                passed[at] = service.as_ref().is_none_or(|service| service.matches(row) == Some(true))
                    && from.as_ref().is_none_or(|from| match from.matches(row) {
                        Some(matches) => matches,
                        None => rows.flag(3, row) && at_edge.as_ref().is_some_and(|name| name.matches(row) == Some(true)),
                    })
                    && test.calls(&rows, row);
            }
        }
        Ok(passed)
    }
}

/// A column of names, and which of its distinct ones are a given one.
struct Names<'b> {
    keys: Option<&'b Int32Array>,
    is_wanted: Vec<bool>,
}

impl<'b> Names<'b> {
    fn of(batch: &'b RecordBatch, column: &str, wanted: &str) -> Names<'b> {
        let Some(dictionary) = batch.column_by_name(column).map(|array| array.as_dictionary::<Int32Type>()) else {
            return Names { keys: None, is_wanted: Vec::new() };
        };
        let is_wanted = |name: Option<&str>| name.is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        Names { keys: Some(dictionary.keys()), is_wanted: dictionary.values().as_string::<i32>().iter().map(is_wanted).collect() }
    }

    /// None where the row has no name.
    fn matches(&self, row: usize) -> Option<bool> {
        let keys = self.keys.filter(|keys| keys.is_valid(row))?;
        Some(self.is_wanted.get(keys.value(row) as usize) == Some(&true))
    }
}

impl VisitTest {
    fn columns(&self, columns: &mut Vec<&'static str>) {
        columns.extend(self.service.is_some().then_some(TEXTS[0]));
        if self.from.is_some() {
            columns.extend([TEXTS[0], TEXTS[11], FLAGS[3]]);
        }
        if self.duration_us.is_some() {
            columns.extend([NUMBERS[0], NUMBERS[3], NUMBERS[4]]);
        }
        for (place, wanted) in [self.error, self.throttle, self.fault].into_iter().enumerate() {
            if wanted {
                columns.extend([FLAGS[place], FLAGS[place + 6]]);
            }
        }
    }

    /// Whether the request passes, as served or as its caller saw it.
    fn calls(&self, rows: &Rows<'_>, row: usize) -> bool {
        let flag = |place: usize| rows.flag(place, row) || rows.flag(place + 6, row);
        let within =
            |number: usize, (low, high): (u64, u64)| rows.number(number, row).is_some_and(|us| (low..=high).contains(&(us as u64)));
        self.duration_us.is_none_or(|bounds| within(0, bounds) || within(4, bounds))
            && (!self.error || flag(0))
            && (!self.throttle || flag(1))
            && (!self.fault || flag(2))
    }
}
