//! The `metric` table: one row per metric, unit and period, as it came in or as it was rolled up.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema};
use model::metric::{Dimensions, Distribution, Metric, MetricId, STANDARD_PERIOD, Sums};
use model::owner::Owner;
use model::time::{DAY_US, SECOND_US};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector};

use crate::error::{Error, IoContext, Result};
use crate::rows::{ColumnKind, Retention, RollUp, RowColumn, RowTable};
use crate::table::file::TableFile;

pub static METRIC: RowTable = RowTable {
    name: "metric",
    number: 1,
    columns: &[
        RowColumn::new("time", ColumnKind::Time),
        RowColumn::optional("owner", ColumnKind::Text),
        RowColumn::new("namespace", ColumnKind::Text),
        RowColumn::new("name", ColumnKind::Text),
        // A JSON object, its names in order, so that equal dimensions are equal texts.
        RowColumn::new("dimensions", ColumnKind::Text),
        RowColumn::optional("unit", ColumnKind::Text),
        // Seconds; none is a minute.
        RowColumn::optional("period", ColumnKind::Whole),
        RowColumn::new("samples", ColumnKind::Real),
        RowColumn::new("sum", ColumnKind::Real),
        // None where there was one value: the sum is all of these.
        RowColumn::optional("minimum", ColumnKind::Real),
        RowColumn::optional("maximum", ColumnKind::Real),
        // The values, where there were several that are not the same, and it is known which.
        RowColumn::optional("distribution", ColumnKind::Bytes),
    ],
    time: "time",
    sort: &["namespace", "name", "dimensions", "owner", "unit", "time"],
    filters: &["name", "dimensions"],
    // Values have a dictionary in each group: in fewer groups there are fewer of them.
    row_group_rows: 524_288,
    retention: Retention::Metrics,
    roll_up: Some(RollUp { fold, finest, due: Resolution::finest }),
    long_text: None,
};

const TIME: usize = 0;
const OWNER: usize = 1;
const NAMESPACE: usize = 2;
const NAME: usize = 3;
const DIMENSIONS: usize = 4;
const UNIT: usize = 5;
const PERIOD: usize = 6;
const SAMPLES: usize = 7;
const SUM: usize = 8;
const MINIMUM: usize = 9;
const MAXIMUM: usize = 10;
const DISTRIBUTION: usize = 11;

/// Rows of a metric in an entry of the index.
const ENTRY_ROWS: usize = 512;

/// Different values that are kept exactly when values of several periods become one.
const ROLLED_VALUES_MAX: usize = 16;

/// How long values are kept in which resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Hours that values of periods below a minute are kept as they came; then they become minutes.
    pub second_hours: u32,
    /// Days that minutes are kept; then they become five minutes.
    pub minute_days: u32,
    /// Days that five minutes are kept; then they become hours.
    pub five_minutes_days: u32,
}

impl Default for Resolution {
    /// As CloudWatch has it.
    fn default() -> Resolution {
        Resolution { second_hours: 3, minute_days: 15, five_minutes_days: 63 }
    }
}

impl Resolution {
    /// The shortest period, in seconds, of values that are as old as this.
    fn finest(self, age_us: i64) -> i64 {
        let is_over = |limit_us: i64| limit_us > 0 && age_us >= limit_us;
        if is_over(i64::from(self.five_minutes_days) * DAY_US) {
            3_600
        } else if is_over(i64::from(self.minute_days) * DAY_US) {
            300
        } else if is_over(i64::from(self.second_hours) * 3_600 * SECOND_US) {
            STANDARD_PERIOD
        } else {
            1
        }
    }
}

/// The rows of metrics.
pub(crate) fn batch(metrics: &[Metric]) -> Result<RecordBatch> {
    let mut rows = Rows::with_capacity(metrics.len());
    let mut dimensions = String::new();
    for metric in metrics {
        dimensions.clear();
        metric.dimensions.write_json(&mut dimensions);
        let key = Key {
            owner: metric.owner.as_ref().map(Owner::as_str),
            namespace: &metric.namespace,
            name: &metric.name,
            dimensions: &dimensions,
            unit: metric.unit.as_deref(),
        };
        rows.push(&key, metric.time_us, metric.period, &metric.sums(), metric.distribution.as_ref());
    }
    rows.finish()
}

/// The metrics of rows, as they were given.
pub fn metrics(batch: &RecordBatch) -> Vec<Metric> {
    let columns = Columns::of(batch);
    let metric = |row: usize| {
        let (key, sums) = (columns.key(row), columns.values.sums(row));
        Metric {
            time_us: columns.values.times.value(row),
            owner: key.owner.map(Owner::of_text),
            namespace: key.namespace.into(),
            name: key.name.into(),
            dimensions: Dimensions::from_json(key.dimensions),
            unit: key.unit.map(Into::into),
            period: columns.values.period(row),
            samples: sums.samples,
            sum: sums.sum,
            minimum: sums.minimum,
            maximum: sums.maximum,
            distribution: columns.values.distribution(row),
        }
    };
    (0..batch.num_rows()).map(metric).collect()
}

/// What rows have in common that may become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key<'r> {
    pub(crate) owner: Option<&'r str>,
    pub(crate) namespace: &'r str,
    pub(crate) name: &'r str,
    pub(crate) dimensions: &'r str,
    unit: Option<&'r str>,
}

impl Key<'_> {
    pub(crate) fn id(&self) -> MetricId {
        MetricId {
            namespace: self.namespace.into(),
            name: self.name.into(),
            dimensions: Dimensions::from_json(self.dimensions),
            owner: self.owner.map(Owner::of_text),
        }
    }

    /// The same of any unit.
    pub(crate) fn of_any_unit(self) -> Self {
        Key { unit: None, ..self }
    }
}

/// Rows that are being made.
struct Rows {
    time: TimestampMicrosecondBuilder,
    /// Owner, namespace, name, dimensions, unit.
    texts: [StringBuilder; 5],
    period: Int64Builder,
    /// Samples, sum, minimum, maximum.
    numbers: [Float64Builder; 4],
    distribution: BinaryBuilder,
}

impl Rows {
    fn with_capacity(rows: usize) -> Rows {
        Rows {
            time: TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            texts: std::array::from_fn(|_| StringBuilder::with_capacity(rows, 0)),
            period: Int64Builder::with_capacity(rows),
            numbers: std::array::from_fn(|_| Float64Builder::with_capacity(rows)),
            distribution: BinaryBuilder::new(),
        }
    }

    fn push(&mut self, key: &Key<'_>, time_us: i64, period: i64, sums: &Sums, distribution: Option<&Distribution>) {
        self.time.append_value(time_us);
        let texts = [key.owner, Some(key.namespace), Some(key.name), Some(key.dimensions), key.unit];
        self.texts.iter_mut().zip(texts).for_each(|(builder, text)| builder.append_option(text));
        self.period.append_option((period != STANDARD_PERIOD).then_some(period));
        let bounds = (sums.samples != 1.0).then_some((sums.minimum, sums.maximum));
        let numbers = [Some(sums.samples), Some(sums.sum), bounds.map(|bounds| bounds.0), bounds.map(|bounds| bounds.1)];
        self.numbers.iter_mut().zip(numbers).for_each(|(builder, number)| builder.append_option(number));
        let distribution = distribution.filter(|_| sums.minimum != sums.maximum);
        self.distribution.append_option(distribution.map(Distribution::to_bytes));
    }

    fn finish(mut self) -> Result<RecordBatch> {
        let [owner, namespace, name, dimensions, unit] =
            self.texts.each_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let [samples, sum, minimum, maximum] = self.numbers.each_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            owner,
            namespace,
            name,
            dimensions,
            unit,
            Arc::new(self.period.finish()),
            samples,
            sum,
            minimum,
            maximum,
            Arc::new(self.distribution.finish()),
        ];
        RecordBatch::try_new(METRIC.schema(), columns).map_err(|err| METRIC.error(err))
    }
}

/// The columns of a batch of the table's schema.
pub(crate) struct Columns<'b> {
    owners: &'b StringArray,
    namespaces: &'b StringArray,
    names: &'b StringArray,
    dimensions: &'b StringArray,
    pub(crate) values: Values<'b>,
}

impl<'b> Columns<'b> {
    pub(crate) fn of(batch: &'b RecordBatch) -> Columns<'b> {
        let text = |place: usize| batch.column(place).as_string::<i32>();
        Columns {
            owners: text(OWNER),
            namespaces: text(NAMESPACE),
            names: text(NAME),
            dimensions: text(DIMENSIONS),
            values: Values::of(batch, Some),
        }
    }

    pub(crate) fn key(&self, row: usize) -> Key<'b> {
        Key {
            owner: self.owners.is_valid(row).then(|| self.owners.value(row)),
            namespace: self.namespaces.value(row),
            name: self.names.value(row),
            dimensions: self.dimensions.value(row),
            unit: self.values.unit(row),
        }
    }
}

/// Those that say what was measured when, and not of what. Columns in which no row has anything to say may be missing.
pub(crate) struct Values<'b> {
    pub(crate) times: &'b TimestampMicrosecondArray,
    units: Option<&'b StringArray>,
    periods: Option<&'b Int64Array>,
    samples: &'b Float64Array,
    sums: &'b Float64Array,
    bounds: Option<(&'b Float64Array, &'b Float64Array)>,
    distributions: Option<&'b BinaryArray>,
}

impl<'b> Values<'b> {
    /// `place` says where a column of the table is in the batch.
    fn of(batch: &'b RecordBatch, place: impl Fn(usize) -> Option<usize>) -> Values<'b> {
        let column = |of_table: usize| place(of_table).map(|place| batch.column(place));
        let number = |of_table: usize| column(of_table).map(|column| column.as_primitive::<Float64Type>());
        let known = "invariant: columns that every row has are in every file";
        Values {
            times: column(TIME).expect(known).as_primitive::<TimestampMicrosecondType>(),
            units: column(UNIT).map(|column| column.as_string::<i32>()),
            periods: column(PERIOD).map(|column| column.as_primitive::<Int64Type>()),
            samples: number(SAMPLES).expect(known),
            sums: number(SUM).expect(known),
            bounds: number(MINIMUM).zip(number(MAXIMUM)),
            distributions: column(DISTRIBUTION).map(|column| column.as_binary::<i32>()),
        }
    }

    pub(crate) fn unit(&self, row: usize) -> Option<&'b str> {
        self.units.filter(|units| units.is_valid(row)).map(|units| units.value(row))
    }

    pub(crate) fn period(&self, row: usize) -> i64 {
        self.periods.filter(|periods| periods.is_valid(row)).map_or(STANDARD_PERIOD, |periods| periods.value(row))
    }

    pub(crate) fn sums(&self, row: usize) -> Sums {
        let (samples, sum) = (self.samples.value(row), self.sums.value(row));
        let (minimum, maximum) = match self.bounds {
            Some((minima, maxima)) if minima.is_valid(row) && maxima.is_valid(row) => (minima.value(row), maxima.value(row)),
            _ => (sum, sum),
        };
        Sums { samples, sum, minimum, maximum }
    }

    pub(crate) fn distribution(&self, row: usize) -> Option<Distribution> {
        let bytes = self.distributions.filter(|distributions| distributions.is_valid(row))?;
        Distribution::from_bytes(bytes.value(row))
    }
}

/// Rows of longer periods, where those of short ones are old enough. Rows come in the table's order; what of a period is in another
/// batch remains a row of its own, as readers add up all that they find.
fn fold(batch: &RecordBatch, resolution: Resolution, now_us: i64) -> Result<Option<RecordBatch>> {
    let columns = Columns::of(batch);
    let placed = |row: usize| {
        let time_us = columns.values.times.value(row);
        let period = columns.values.period(row).max(resolution.finest(now_us - time_us));
        (period, time_us - time_us.rem_euclid(period * SECOND_US))
    };
    // Each run is rows that become one.
    let mut runs: Vec<Range<usize>> = Vec::with_capacity(batch.num_rows());
    let mut is_changed = false;
    for row in 0..batch.num_rows() {
        let place = placed(row);
        is_changed |= place.0 != columns.values.period(row);
        match runs.last_mut() {
            Some(run) if placed(run.start) == place && columns.key(run.start) == columns.key(row) => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    if !is_changed && runs.len() == batch.num_rows() {
        return Ok(None);
    }
    let mut rows = Rows::with_capacity(runs.len());
    for run in runs {
        let (period, time_us) = placed(run.start);
        let (key, is_one) = (columns.key(run.start), run.len() == 1);
        let mut all = model::metric::Aggregate::new(true);
        run.for_each(|row| all.add_sums(&columns.values.sums(row), || columns.values.distribution(row)));
        let values = all.values().map(|values| if is_one { values.clone() } else { values.compacted(ROLLED_VALUES_MAX) });
        let sums = Sums { samples: all.samples, sum: all.sum, minimum: all.minimum, maximum: all.maximum };
        rows.push(&key, time_us, period, &sums, values.as_ref());
    }
    rows.finish().map(Some)
}

/// The shortest period of rows.
fn finest(batch: &RecordBatch) -> i64 {
    let values = Values::of(batch, Some);
    (0..batch.num_rows()).map(|row| values.period(row)).min().unwrap_or(i64::MAX)
}

/// Which metrics a part has, and in which of its rows.
#[derive(Debug)]
pub(crate) struct Index {
    /// In the order of the ids.
    entries: Vec<Entry>,
}

/// Rows of one metric, which stand together: all, or about as many as are worth a place of their own.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: Arc<MetricId>,
    pub(crate) rows: Range<u32>,
    pub(crate) min_time_us: i64,
    pub(crate) max_time_us: i64,
}

impl Index {
    /// Reads what metrics a file has. `shared` gives ids that are known already in the place of equal ones.
    pub(crate) fn read(file: &TableFile, shared: &dyn Fn(MetricId) -> Arc<MetricId>) -> Result<Index> {
        let texts = [OWNER, NAMESPACE, NAME, DIMENSIONS].map(|place| METRIC.columns[place].name);
        // With numbers instead of texts: most rows are of the metric of the row before.
        let field = |field: &Arc<Field>| {
            let numbered = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            match texts.contains(&field.name().as_str()) {
                true => Arc::new(field.as_ref().clone().with_data_type(numbered)),
                false => field.clone(),
            }
        };
        let schema = Schema::new(file.metadata.schema().fields().iter().map(field).collect::<Vec<_>>());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::try_new(file.metadata.metadata().clone(), options).at("open", &file.path)?;
        let reader = file.reader_with(&metadata, texts.into_iter().chain(["time"])).with_batch_size(8_192);
        let mut entries: Vec<Entry> = Vec::new();
        let mut first_row = 0u32;
        for batch in file.batches(reader)? {
            let batch = batch?;
            let times = batch.column_by_name("time").ok_or_else(|| lacks(file, "time"))?.as_primitive::<TimestampMicrosecondType>();
            let columns = texts.map(|name| batch.column_by_name(name).map(|column| column.as_dictionary::<Int32Type>()));
            let is_same = |a: usize, b: usize| {
                columns.iter().flatten().all(|column| {
                    let keys = column.keys();
                    keys.is_valid(a) == keys.is_valid(b) && (keys.is_null(a) || keys.value(a) == keys.value(b))
                })
            };
            let text = |place: usize, row: usize| -> Option<&str> {
                let column = columns[place].filter(|column| column.keys().is_valid(row))?;
                Some(column.values().as_string::<i32>().value(column.keys().value(row) as usize))
            };
            let mut row = 0;
            while row < batch.num_rows() {
                let (mut end, mut min_time_us, mut max_time_us) = (row, i64::MAX, i64::MIN);
                while end < batch.num_rows() && end - row < ENTRY_ROWS && is_same(row, end) {
                    min_time_us = min_time_us.min(times.value(end));
                    max_time_us = max_time_us.max(times.value(end));
                    end += 1;
                }
                let missing = || lacks(file, "namespace, name or dimensions");
                let key = Key {
                    owner: text(0, row),
                    namespace: text(1, row).ok_or_else(missing)?,
                    name: text(2, row).ok_or_else(missing)?,
                    dimensions: text(3, row).ok_or_else(missing)?,
                    unit: None,
                };
                let id = key.id();
                let last_row = first_row + end as u32;
                match entries.last_mut().filter(|last| *last.id == id) {
                    // Rows stand in the order of time: of long series, those of a short time can be read alone.
                    Some(last) if last.rows.len() >= ENTRY_ROWS => {
                        let (id, rows) = (last.id.clone(), first_row + row as u32..last_row);
                        entries.push(Entry { id, rows, min_time_us, max_time_us });
                    }
                    Some(last) => {
                        last.rows.end = last_row;
                        last.min_time_us = last.min_time_us.min(min_time_us);
                        last.max_time_us = last.max_time_us.max(max_time_us);
                    }
                    None => {
                        let rows = first_row + row as u32..last_row;
                        entries.push(Entry { id: shared(id), rows, min_time_us, max_time_us });
                    }
                }
                row = end;
            }
            first_row += batch.num_rows() as u32;
        }
        entries.sort_by(|a, b| (&a.id, a.rows.start).cmp(&(&b.id, b.rows.start)));
        Ok(Index { entries })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The rows of a metric.
    pub(crate) fn of(&self, id: &MetricId) -> &[Entry] {
        let from = self.entries.partition_point(|entry| *entry.id < *id);
        let of = self.entries[from..].iter().take_while(|entry| *entry.id == *id).count();
        &self.entries[from..from + of]
    }
}

fn lacks(file: &TableFile, what: &str) -> Error {
    Error::Damaged { path: file.path.clone(), what: format!("rows lack {what}") }
}

/// Reads rows of a file, each with the number that stands beside its range. Ranges do not overlap.
pub(crate) fn read_rows(
    file: &TableFile,
    mut ranges: Vec<(Range<u32>, usize)>,
    visit: &mut dyn FnMut(usize, &Values<'_>, usize),
) -> Result<()> {
    ranges.sort_by_key(|(rows, _)| rows.start);
    let mut first = 0usize;
    let mut ranges = ranges.into_iter().peekable();
    for group in 0..file.groups() {
        let end = first + file.group_rows(group);
        // What is wanted of this row group, counted from its first row.
        let mut wanted: Vec<(Range<usize>, usize)> = Vec::new();
        while let Some((rows, number)) = ranges.peek().filter(|(rows, _)| (rows.start as usize) < end) {
            let (from, to) = ((rows.start as usize).max(first), (rows.end as usize).min(end));
            wanted.push((from - first..to - first, *number));
            if rows.end as usize > end {
                break;
            }
            ranges.next();
        }
        if !wanted.is_empty() {
            read_group(file, group, &wanted, visit)?;
        }
        first = end;
    }
    Ok(())
}

fn read_group(
    file: &TableFile,
    group: usize,
    wanted: &[(Range<usize>, usize)],
    visit: &mut dyn FnMut(usize, &Values<'_>, usize),
) -> Result<()> {
    let mut selectors = Vec::with_capacity(wanted.len() * 2);
    let mut at = 0;
    for (rows, _) in wanted {
        if rows.start > at {
            selectors.push(RowSelector::skip(rows.start - at));
        }
        selectors.push(RowSelector::select(rows.len()));
        at = rows.end;
    }
    let places = [TIME, UNIT, PERIOD, SAMPLES, SUM, MINIMUM, MAXIMUM, DISTRIBUTION];
    let columns = places.map(|place| METRIC.columns[place].name);
    let reader = file.rows_of(group, RowSelection::from(selectors), columns)?.with_batch_size(16_384);
    let mut numbers = wanted.iter().flat_map(|(rows, number)| std::iter::repeat_n(*number, rows.len()));
    for batch in file.batches(reader)? {
        let batch = METRIC.with_types(batch?)?;
        let values = Values::of(&batch, |place| batch.schema_ref().index_of(METRIC.columns[place].name).ok());
        for row in 0..batch.num_rows() {
            if let Some(number) = numbers.next() {
                visit(number, &values, row);
            }
        }
    }
    Ok(())
}

/// The rows of batches in memory by their metric.
pub(crate) fn by_metric<'b>(batches: impl Iterator<Item = &'b RecordBatch>, visit: &mut dyn FnMut(&MetricId, &Values<'b>, usize)) {
    let mut ids: HashMap<Key<'b>, MetricId, foldhash::fast::RandomState> = HashMap::default();
    for batch in batches {
        let columns = Columns::of(batch);
        for row in 0..batch.num_rows() {
            let key = columns.key(row).of_any_unit();
            visit(ids.entry(key).or_insert_with(|| key.id()), &columns.values, row);
        }
    }
}
