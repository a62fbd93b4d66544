//! The `minute` table: one row per minute, service called and caller, with the requests that began in it. Derived from the digests.
//! Rows of several parts add up; a part that made digests of older parts out of date has these subtracted, so numbers may be negative.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use model::digest::DigestService;
use model::minute::{EdgeMinute, From, MINUTE_US, MinuteEdge, Minutes, Requests};
use model::service::ServiceId;
use model::{CompactString, histogram};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::table::file::{Checksums, FileWriter, TableFile, Written};

/// When the minute begins.
const TIME: &str = "time";
/// `client`, `service`, or nothing where the caller is unknown.
const CALLER: &str = "caller";
const TEXTS: [&str; 7] =
    ["service_name", "service_type", "service_account_id", CALLER, "caller_name", "caller_type", "caller_account_id"];
/// Other spellings of the names.
const SPELLINGS: [&str; 2] = ["service_spellings", "caller_spellings"];
/// Whether the service is known only from calls to it.
const INFERRED: [&str; 2] = ["service_inferred", "caller_inferred"];
/// Those with `seen_` are of what the caller saw; nothing there where that is the same.
const NUMBERS: [&str; 11] = [
    "visits",
    "ok",
    "error",
    "throttle",
    "fault",
    "duration_us",
    "seen_ok",
    "seen_error",
    "seen_throttle",
    "seen_fault",
    "seen_duration_us",
];
const TIMES: [&str; 5] = ["start_time", "end_time", "seen_start_time", "seen_end_time", "held_until_time"];
/// How many requests took how long, as `model::histogram` writes it: as lists, reading these would take most of the time of a
/// question.
const DURATIONS: [&str; 2] = ["durations", "seen_durations"];

/// Rows of a row group: what is read at least.
const ROW_GROUP_ROWS: usize = 2_048;

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new(TIME, utc(), false)];
    fields.extend(TEXTS.map(|name| Field::new(name, DataType::Utf8, name != TEXTS[0])));
    fields.extend(SPELLINGS.map(|name| Field::new(name, list(DataType::Utf8), true)));
    fields.extend(INFERRED.map(|name| Field::new(name, DataType::Boolean, true)));
    fields.extend(NUMBERS.map(|name| Field::new(name, DataType::Int64, true)));
    fields.extend(TIMES.map(|name| Field::new(name, utc(), true)));
    fields.extend(DURATIONS.map(|name| Field::new(name, DataType::Binary, true)));
    Arc::new(Schema::new(fields))
});

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from(TIME), EnabledStatistics::Chunk);
    for name in DURATIONS {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    properties.build()
}

fn arrow(source: ArrowError) -> Error {
    Error::Parquet { path: "minute".into(), source: source.into() }
}

/// The span of time that the rows are of.
pub(crate) fn span(minutes: &Minutes) -> Option<(i64, i64)> {
    let edges = minutes.edges();
    let (first, last) = (edges.first()?.0.minute, edges.last()?.0.minute);
    Some((first.saturating_mul(MINUTE_US), last.saturating_add(1).saturating_mul(MINUTE_US)))
}

/// Writes a file of the table.
pub(crate) fn write(path: &Path, minutes: &Minutes) -> Result<Written> {
    let mut file = FileWriter::create(path, SCHEMA.clone(), properties())?;
    for MinuteBatch { batch } in MinuteBatch::all(minutes)? {
        file.write(&batch)?;
    }
    file.finish()
}

struct Builders {
    time: TimestampMicrosecondBuilder,
    texts: [StringBuilder; TEXTS.len()],
    spellings: [ListBuilder<StringBuilder>; SPELLINGS.len()],
    inferred: [BooleanBuilder; INFERRED.len()],
    numbers: [Int64Builder; NUMBERS.len()],
    times: [TimestampMicrosecondBuilder; TIMES.len()],
    durations: [BinaryBuilder; DURATIONS.len()],
    bytes: Vec<u8>,
}

impl Builders {
    fn new() -> Builders {
        let item = |of: DataType| Field::new("item", of, false);
        let time = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
        Builders {
            time: time(),
            texts: std::array::from_fn(|_| StringBuilder::new()),
            spellings: std::array::from_fn(|_| ListBuilder::new(StringBuilder::new()).with_field(item(DataType::Utf8))),
            inferred: std::array::from_fn(|_| BooleanBuilder::new()),
            numbers: std::array::from_fn(|_| Int64Builder::new()),
            times: std::array::from_fn(|_| time()),
            durations: std::array::from_fn(|_| BinaryBuilder::new()),
            bytes: Vec::new(),
        }
    }

    fn append(&mut self, row: &MinuteEdge<'_>, edge: &EdgeMinute) {
        let MinuteEdge { minute, to, from, held_until_us } = *row;
        let EdgeMinute { visits, served, requested } = edge;
        self.time.append_value(minute.saturating_mul(MINUTE_US));
        let (kind, caller) = match from {
            From::Unknown => (None, None),
            From::Client => (Some("client"), None),
            From::Service(service) => (Some("service"), Some(service)),
        };
        let id = |service: &'_ DigestService| -> [Option<String>; 3] {
            let ServiceId { name, kind, account_id } = &service.id;
            [Some(name.to_string()), kind.as_ref().map(|kind| kind.to_string()), account_id.as_ref().map(|id| id.to_string())]
        };
        let [name, service_kind, account] = id(to);
        let [caller_name, caller_kind, caller_account] = caller.map(id).unwrap_or_default();
        let texts = [name, service_kind, account, kind.map(str::to_owned), caller_name, caller_kind, caller_account];
        self.texts.iter_mut().zip(texts).for_each(|(builder, text)| builder.append_option(text));
        for (builder, service) in self.spellings.iter_mut().zip([Some(to), caller]) {
            let others = service.map_or(&[][..], |service| &service.names[1..]);
            others.iter().for_each(|name| builder.values().append_value(name));
            builder.append(!others.is_empty());
        }
        for (builder, service) in self.inferred.iter_mut().zip([Some(to), caller]) {
            builder.append_option(service.map(|service| service.inferred));
        }
        let counts = |requests: &Requests| {
            let [ok, error, throttle, fault] = requests.outcomes;
            [ok, error, throttle, fault, requests.duration_us]
        };
        let numbers = std::iter::once(Some(*visits))
            .chain(counts(served).map(Some))
            .chain(requested.as_ref().map_or([None; 5], |requested| counts(requested).map(Some)));
        self.numbers.iter_mut().zip(numbers).for_each(|(builder, number)| builder.append_option(number));
        let bounds = |requests: &Requests| {
            let any = requests.start_us <= requests.end_us;
            [any.then_some(requests.start_us), any.then_some(requests.end_us)]
        };
        let [start, end] = bounds(served);
        let [seen_start, seen_end] = requested.as_ref().map_or([None; 2], bounds);
        let times = [start, end, seen_start, seen_end, held_until_us];
        self.times.iter_mut().zip(times).for_each(|(builder, time)| builder.append_option(time));
        for (which, requests) in [Some(served), requested.as_ref()].into_iter().enumerate() {
            let Some(requests) = requests else {
                self.durations[which].append_null();
                continue;
            };
            self.bytes.clear();
            histogram::encode(requests.places.iter().map(|(&place, &count)| (place, count)), &mut self.bytes);
            self.durations[which].append_value(&self.bytes);
        }
    }

    fn finish(mut self) -> Result<RecordBatch> {
        let mut columns: Vec<Arc<dyn Array>> = vec![Arc::new(self.time.finish().with_timezone("UTC"))];
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.spellings.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.inferred.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.numbers.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.times.iter_mut().map(|builder| Arc::new(builder.finish().with_timezone("UTC")) as Arc<dyn Array>));
        columns.extend(self.durations.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        RecordBatch::try_new(SCHEMA.clone(), columns).map_err(arrow)
    }
}

/// One row, as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub struct MinuteRow<'b> {
    pub minute: i64,
    pub to: Side<'b>,
    pub from: From<Side<'b>>,
    pub visits: i64,
    pub served: Counted<'b>,
    /// As the caller saw them; none where that is the same.
    pub requested: Option<Counted<'b>>,
    /// Until when they do not count.
    pub held_until_us: Option<i64>,
}

impl MinuteRow<'_> {
    pub fn add_to(&self, all: &mut Minutes) {
        let edge = EdgeMinute {
            visits: self.visits,
            served: self.served.to_requests(),
            requested: self.requested.map(Counted::to_requests),
        };
        let (to, from) = (self.to.to_service(), self.from.map(Side::to_service));
        let row = MinuteEdge { minute: self.minute, to: &to, from: from.as_ref(), held_until_us: self.held_until_us };
        all.merge(&row, &edge);
    }
}

/// A service of a row.
#[derive(Debug, Clone, Copy)]
pub struct Side<'b> {
    pub name: &'b str,
    pub kind: Option<&'b str>,
    pub account_id: Option<&'b str>,
    pub inferred: bool,
    spellings: Option<(&'b StringArray, usize, usize)>,
}

impl<'b> Side<'b> {
    /// The name first, then the other spellings met.
    pub fn names(&self) -> impl Iterator<Item = &'b str> + use<'b> {
        let spellings = self.spellings;
        let others = spellings.into_iter().flat_map(|(texts, from, to)| (from..to).map(move |place| texts.value(place)));
        std::iter::once(self.name).chain(others)
    }

    pub fn to_service(self) -> DigestService {
        DigestService {
            id: ServiceId {
                name: self.name.into(),
                kind: self.kind.map(CompactString::from),
                account_id: self.account_id.map(CompactString::from),
            },
            names: self.names().map(CompactString::from).collect(),
            inferred: self.inferred,
        }
    }
}

/// Requests of a row.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'b> {
    pub outcomes: [i64; 4],
    pub duration_us: i64,
    pub start_us: i64,
    pub end_us: i64,
    durations: &'b [u8],
}

impl<'b> Counted<'b> {
    /// How many took how long, by `histogram::place`.
    pub fn durations(&self) -> impl Iterator<Item = (u32, i64)> + use<'b> {
        histogram::decode(self.durations)
    }

    fn to_requests(self) -> Requests {
        Requests {
            outcomes: self.outcomes,
            duration_us: self.duration_us,
            places: self.durations().collect(),
            start_us: self.start_us,
            end_us: self.end_us,
        }
    }
}

/// An open file of the table.
#[derive(Debug)]
pub(crate) struct MinuteFile {
    table: TableFile,
}

impl MinuteFile {
    pub(crate) fn open(path: &Path, checksums: Arc<Checksums>, cache: &Arc<Cache>) -> Result<MinuteFile> {
        Ok(MinuteFile { table: TableFile::open(path, checksums, cache)? })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    /// Batches that have all rows of these minutes, and perhaps some beside them.
    pub(crate) fn batches(&self, minutes: Range<i64>) -> Result<Vec<MinuteBatch>> {
        let wanted: Vec<usize> = (0..self.table.groups()).filter(|&group| self.may_have(group, &minutes)).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let reader = self.table.reader().with_row_groups(wanted).with_batch_size(ROW_GROUP_ROWS);
        let mut batches = Vec::new();
        for batch in self.table.batches(reader)? {
            batches.push(MinuteBatch::of(batch?).ok_or_else(|| Error::Damaged {
                path: self.table.path.clone(),
                what: "its columns are not those of the table".to_owned(),
            })?);
        }
        Ok(batches)
    }

    fn may_have(&self, group: usize, minutes: &Range<i64>) -> bool {
        let group = self.table.metadata.metadata().row_group(group);
        let Some(Statistics::Int64(times)) = group.columns().first().and_then(|column| column.statistics()) else { return true };
        let (Some(first), Some(last)) = (times.min_opt(), times.max_opt()) else { return true };
        *first < minutes.end.saturating_mul(MINUTE_US) && minutes.start.saturating_mul(MINUTE_US) <= *last
    }

    /// Adds everything in the file.
    pub(crate) fn merge_into(&self, all: &mut Minutes) -> Result<()> {
        for batch in self.batches(i64::MIN..i64::MAX)? {
            batch.rows().for_each(|row| row.add_to(all));
        }
        Ok(())
    }
}

/// Rows of the table.
#[derive(Debug)]
pub struct MinuteBatch {
    batch: RecordBatch,
}

impl MinuteBatch {
    /// Everything that was counted.
    pub(crate) fn all(minutes: &Minutes) -> Result<Vec<MinuteBatch>> {
        let mut batches = Vec::new();
        for rows in minutes.edges().chunks(ROW_GROUP_ROWS) {
            let mut builders = Builders::new();
            rows.iter().for_each(|(row, edge)| builders.append(row, edge));
            batches.push(MinuteBatch { batch: builders.finish()? });
        }
        Ok(batches)
    }

    /// A batch whose columns have the types that the table's have.
    fn of(batch: RecordBatch) -> Option<MinuteBatch> {
        let good = batch
            .schema()
            .fields()
            .iter()
            .all(|field| SCHEMA.field_with_name(field.name()).is_ok_and(|known| known.data_type() == field.data_type()));
        let needed = [TIME, TEXTS[0], NUMBERS[0]];
        (good && needed.iter().all(|name| batch.column_by_name(name).is_some())).then_some(MinuteBatch { batch })
    }

    pub fn rows(&self) -> impl Iterator<Item = MinuteRow<'_>> {
        let column = |name: &str| self.batch.column_by_name(name);
        let time = column(TIME).map(|array| array.as_primitive::<TimestampMicrosecondType>());
        let texts = TEXTS.map(|name| column(name).map(|array| array.as_string::<i32>()));
        let spellings = SPELLINGS.map(|name| column(name).map(|array| array.as_list::<i32>()));
        let inferred = INFERRED.map(|name| column(name).map(|array| array.as_boolean()));
        let numbers = NUMBERS.map(|name| column(name).map(|array| array.as_primitive::<Int64Type>()));
        let times = TIMES.map(|name| column(name).map(|array| array.as_primitive::<TimestampMicrosecondType>()));
        let durations = DURATIONS.map(|name| column(name).map(|array| array.as_binary::<i32>()));
        (0..self.batch.num_rows()).map(move |row| {
            let text = |n: usize| texts[n].filter(|array| array.is_valid(row)).map(|array| array.value(row));
            let number = |n: usize| numbers[n].filter(|array| array.is_valid(row)).map(|array| array.value(row));
            let moment = |n: usize| times[n].filter(|array| array.is_valid(row)).map(|array| array.value(row));
            let side = |n: usize, first_text: usize| Side {
                name: text(first_text).unwrap_or_default(),
                kind: text(first_text + 1),
                account_id: text(first_text + 2),
                inferred: inferred[n].is_some_and(|array| array.is_valid(row) && array.value(row)),
                spellings: spellings[n].filter(|array| array.is_valid(row)).map(|list| {
                    let offsets = list.value_offsets();
                    (list.values().as_string::<i32>(), offsets[row] as usize, offsets[row + 1] as usize)
                }),
            };
            let counted = |number_at: usize, time_at: usize, at: usize| {
                let whole = |n: usize| number(number_at + n).unwrap_or_default();
                Counted {
                    outcomes: [whole(0), whole(1), whole(2), whole(3)],
                    duration_us: whole(4),
                    start_us: moment(time_at).unwrap_or(i64::MAX),
                    end_us: moment(time_at + 1).unwrap_or(i64::MIN),
                    durations: durations[at].filter(|array| array.is_valid(row)).map_or(&[][..], |array| array.value(row)),
                }
            };
            MinuteRow {
                minute: time.map_or(0, |array| array.value(row)).div_euclid(MINUTE_US),
                to: side(0, 0),
                from: match text(3) {
                    None => From::Unknown,
                    Some("client") => From::Client,
                    Some(_) => From::Service(side(1, 4)),
                },
                visits: number(0).unwrap_or_default(),
                served: counted(1, 0, 0),
                requested: number(6).map(|_| counted(6, 2, 1)),
                held_until_us: moment(4),
            }
        })
    }
}
