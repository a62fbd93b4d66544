//! SQL over log groups, as CloudWatch Logs has it beside its own language: each name behind FROM is a table of a group's events, or of
//! several groups', with a column for each field that is discovered in them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder,
    TimestampMillisecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, SchemaError, TableReference};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{self, Ident, TableFactor, Visit, Visitor, visit_expressions_mut};
use datafusion::sql::sqlparser::dialect::SparkSqlDialect;
use model::log::EventNumber;
use query::log::field::fields;
use store::{LogRows, LogScan, Reader};

use crate::engine::check_reads;

/// A table of a query, under the name that the query has for it.
#[derive(Debug, Clone)]
pub struct LogTable {
    pub name: String,
    /// Which events it has.
    pub scan: LogScan,
}

/// What was read for a query.
#[derive(Debug, Default)]
pub struct Scanned {
    pub rows: AtomicU64,
    pub bytes: AtomicU64,
}

/// Columns that every table has, before those of fields.
const TIMESTAMP: &str = "@timestamp";
const INGESTION_TIME: &str = "@ingestionTime";
const MESSAGE: &str = "@message";
const STREAM: &str = "@logStream";
const LOG: &str = "@log";
const OWN: [&str; 5] = [TIMESTAMP, INGESTION_TIME, MESSAGE, STREAM, LOG];

/// Fields that a table can have.
const FIELDS_MAX: usize = 1_000;
/// As Logs Insights tells moments.
const MOMENT: &str = "%Y-%m-%d %H:%M:%S%.3f";
/// Fields that a query names and no event has.
const MISSING_MAX: usize = 100;
const BATCH_ROWS: usize = 4_096;
const BATCHES_WAITING: usize = 2;

/// The query, which must be one. CloudWatch's engine is of Spark's family, and so are its names in backticks.
fn statement(query: &str) -> Result<Statement> {
    let mut statements = DFParserBuilder::new(query).with_dialect(&SparkSqlDialect).build()?.parse_statements()?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(DataFusionError::Plan("there is no query".to_owned())),
        _ => Err(DataFusionError::Plan("there can be one query only".to_owned())),
    }
}

/// What a query says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The names that it has for its tables, each once.
    pub tables: Vec<String>,
    /// Whether it says how many rows there may be.
    pub has_limit: bool,
}

pub(crate) fn parse(query: &str) -> Result<LogQuery> {
    let statement = statement(query)?;
    let (tables, _) = resolve_table_references(&statement, false)?;
    let name = |table| match table {
        TableReference::Bare { table } => Ok(table.to_string()),
        other => Err(DataFusionError::Plan(format!("{other} is no log group: names of log groups stand in backticks"))),
    };
    let has_limit = match &statement {
        Statement::Statement(statement) => match statement.as_ref() {
            ast::Statement::Query(query) => query.limit_clause.is_some() || query.fetch.is_some(),
            _ => false,
        },
        _ => false,
    };
    Ok(LogQuery { tables: tables.into_iter().map(name).collect::<Result<_>>()?, has_limit })
}

/// The tables of a query, with the fields that their events have. `is_over` says when nobody waits for them any more.
pub(crate) fn discovered(
    reader: Reader,
    tables: Vec<LogTable>,
    account_id: &str,
    scanned: &Arc<Scanned>,
    is_over: &dyn Fn() -> bool,
) -> std::result::Result<Vec<(String, LogEvents)>, store::Error> {
    let (reader, account_id) = (Arc::new(reader), Arc::<str>::from(account_id));
    let table = |LogTable { name, scan }| {
        let fields = discover(&reader, &scan, is_over)?;
        let schema = schema(&fields);
        let (reader, account_id, scanned) = (reader.clone(), account_id.clone(), scanned.clone());
        Ok((name, LogEvents { schema, fields, account_id, reader, scan, scanned }))
    };
    tables.into_iter().map(table).collect()
}

/// The plan of a query. A field that no event has is nothing in all of them, as it is in CloudWatch's own language.
pub(crate) async fn plan(context: &SessionContext, query: &str, mut tables: Vec<(String, LogEvents)>) -> Result<LogicalPlan> {
    let mut statement = statement(query)?;
    if let Statement::Statement(statement) = &mut statement {
        join_paths(statement, &tables);
    }
    let mut missing = 0;
    loop {
        for (name, events) in &tables {
            let reference = TableReference::bare(name.as_str());
            context.deregister_table(reference.clone())?;
            context.register_table(reference, Arc::new(events.clone()))?;
        }
        let err = match context.state().statement_to_plan(statement.clone()).await {
            Ok(plan) => return check_reads(&plan).map(|()| plan),
            Err(err) => err,
        };
        let Some((is_of_a_table, field)) = missing_field(&err) else { return Err(err) };
        missing += 1;
        // Of several tables, the first has it, unless the query says which.
        let having = if is_of_a_table { tables.len() } else { 1 };
        let mut is_new = false;
        for (_, events) in tables.iter_mut().take(having) {
            is_new |= !OWN.contains(&field.as_str()) && events.fields.insert(field.clone(), Kind::Nothing).is_none();
            events.schema = schema(&events.fields);
        }
        if !is_new || missing > MISSING_MAX {
            return Err(err);
        }
    }
}

/// The field that an error says is not there, and whether it was looked for in a certain table.
fn missing_field(err: &DataFusionError) -> Option<(bool, String)> {
    match err {
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { field, .. } => Some((field.relation.is_some(), field.name.clone())),
            _ => None,
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => missing_field(inner),
        DataFusionError::Collection(all) => all.first().and_then(missing_field),
        DataFusionError::Shared(inner) => missing_field(inner),
        _ => None,
    }
}

/// Collects what a query calls its tables.
#[derive(Default)]
struct TableNames(HashSet<String>);

impl Visitor for TableNames {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let (name, alias) = match factor {
            TableFactor::Table { name, alias, .. } => (Some(name), alias),
            TableFactor::Derived { alias, .. } => (None, alias),
            _ => return ControlFlow::Continue(()),
        };
        self.0.extend(alias.as_ref().map(|alias| alias.name.value.clone()));
        let last = name.and_then(|name| name.0.last()).and_then(|part| part.as_ident());
        self.0.extend(last.map(|name| name.value.clone()));
        ControlFlow::Continue(())
    }
}

/// `user.name` without backticks is the field of that path, where there is one and `user` is no table.
fn join_paths(statement: &mut ast::Statement, tables: &[(String, LogEvents)]) {
    let mut names = TableNames::default();
    let _: ControlFlow<()> = statement.visit(&mut names);
    let is_field = |path: &str| tables.iter().any(|(_, events)| events.fields.contains_key(path));
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expr| {
        if let ast::Expr::CompoundIdentifier(parts) = expr {
            let of_table = usize::from(names.0.contains(&parts[0].value));
            let path = parts[of_table..].iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
            if is_field(&path) {
                parts.truncate(of_table);
                parts.push(Ident::with_quote('`', path));
            }
            if let [field] = parts.as_slice() {
                *expr = ast::Expr::Identifier(field.clone());
            }
        }
        ControlFlow::Continue(())
    });
}

/// What all values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    /// A whole number that a floating one cannot hold.
    Long,
    Real,
    Truth,
    Text,
    /// No event has it.
    Nothing,
}

impl Kind {
    /// The closest that a value is. Numbers are those that are told as they were written.
    fn of(value: &str) -> Kind {
        if let Some(number) = value.parse::<i64>().ok().filter(|number| number.to_string() == value) {
            if number.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS { Kind::Whole } else { Kind::Long }
        } else if value.parse().ok().and_then(serde_json::Number::from_f64).is_some_and(|number| number.to_string() == value) {
            Kind::Real
        } else if matches!(value, "true" | "false") {
            Kind::Truth
        } else {
            Kind::Text
        }
    }

    fn with(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Nothing, kind) | (kind, Kind::Nothing) => kind,
            (one, another) if one == another => one,
            (Kind::Whole, Kind::Real) | (Kind::Real, Kind::Whole) => Kind::Real,
            (Kind::Whole, Kind::Long) | (Kind::Long, Kind::Whole) => Kind::Long,
            _ => Kind::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Kind::Whole | Kind::Long => DataType::Int64,
            Kind::Real => DataType::Float64,
            Kind::Truth => DataType::Boolean,
            Kind::Text | Kind::Nothing => DataType::Utf8,
        }
    }
}

/// The fields of a table's events, by their names.
type Fields = BTreeMap<String, Kind>;

fn schema(fields: &Fields) -> SchemaRef {
    let moment = || DataType::Timestamp(TimeUnit::Millisecond, None);
    let own = OWN.iter().map(|name| match *name {
        TIMESTAMP | INGESTION_TIME => Field::new(*name, moment(), false),
        name => Field::new(name, DataType::Utf8, false),
    });
    let fields = fields.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true));
    Arc::new(Schema::new(own.chain(fields).collect::<Vec<_>>()))
}

/// Looks at all events for their fields, and for what the values of these are: what is no number in one of them is a text in all.
fn discover(reader: &Reader, scan: &LogScan, is_over: &dyn Fn() -> bool) -> std::result::Result<Fields, store::Error> {
    let mut found = Fields::new();
    each_chunk(reader, &LogScan { with_messages: true, ..scan.clone() }, &mut |rows| {
        for row in 0..rows.len() {
            for (name, value) in fields(rows.messages.value(row)) {
                let of_value = || Kind::of(&value);
                match found.get(&name) {
                    Some(Kind::Text) => {}
                    Some(kind) => {
                        let kind = kind.with(of_value());
                        found.insert(name, kind);
                    }
                    None if found.len() < FIELDS_MAX && !OWN.contains(&name.as_str()) => {
                        found.insert(name, of_value());
                    }
                    None => {}
                }
            }
        }
        match is_over() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok(found)
}

fn each_chunk(
    reader: &Reader,
    scan: &LogScan,
    visit: &mut dyn FnMut(&LogRows) -> ControlFlow<()>,
) -> std::result::Result<(), store::Error> {
    let mut chunks = reader.log_chunks(scan)?;
    chunks.sort_by_key(|chunk| chunk.from_us);
    for chunk in chunks {
        if visit(&reader.log_rows(scan, &chunk)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// The events of a table, and of its columns those that are wanted.
#[derive(Clone)]
pub(crate) struct LogEvents {
    schema: SchemaRef,
    fields: Fields,
    account_id: Arc<str>,
    reader: Arc<Reader>,
    scan: LogScan,
    scanned: Arc<Scanned>,
}

impl fmt::Debug for LogEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEvents").field("scan", &self.scan).finish()
    }
}

#[async_trait]
impl TableProvider for LogEvents {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let places = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let schema: SchemaRef = Arc::new(self.schema.project(&places)?);
        let has = |name: &str| schema.index_of(name).is_ok();
        let scan = LogScan {
            with_numbers: has(INGESTION_TIME),
            with_streams: has(STREAM),
            with_messages: schema.fields().iter().any(|field| field.name() == MESSAGE || !OWN.contains(&field.name().as_str())),
            ..self.scan.clone()
        };
        let wanted = LogEvents { schema: schema.clone(), scan, ..self.clone() };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(wanted)], None, None, false, limit)?))
    }
}

impl PartitionStream for LogEvents {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(self.schema.clone(), BATCHES_WAITING);
        let sender = stream.tx();
        let events = self.clone();
        stream.spawn_blocking(move || {
            let mut failed = None;
            let done = each_chunk(&events.reader, &events.scan, &mut |rows| {
                events.scanned.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
                events.scanned.bytes.fetch_add(rows.message_bytes(), Ordering::Relaxed);
                for from in (0..rows.len()).step_by(BATCH_ROWS) {
                    let batch = match events.batch(rows, from..(from + BATCH_ROWS).min(rows.len())) {
                        Ok(batch) => batch,
                        Err(err) => {
                            failed = Some(err);
                            return ControlFlow::Break(());
                        }
                    };
                    // Whoever asked may have enough.
                    if sender.blocking_send(Ok(batch)).is_err() {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            });
            done.map_err(|err| DataFusionError::External(Box::new(err)))?;
            failed.map_or(Ok(()), Err)
        });
        stream.build()
    }
}

/// A column of fields that is being filled.
enum Filling {
    Whole(Int64Builder),
    Real(Float64Builder),
    Truth(BooleanBuilder),
    Text(StringBuilder),
}

impl Filling {
    fn new(kind: Kind) -> Filling {
        match kind {
            Kind::Whole | Kind::Long => Filling::Whole(Int64Builder::new()),
            Kind::Real => Filling::Real(Float64Builder::new()),
            Kind::Truth => Filling::Truth(BooleanBuilder::new()),
            Kind::Text | Kind::Nothing => Filling::Text(StringBuilder::new()),
        }
    }

    fn append(&mut self, value: Option<&str>) {
        match self {
            Filling::Whole(builder) => builder.append_option(value.and_then(|text| text.parse().ok())),
            Filling::Real(builder) => builder.append_option(value.and_then(|text| text.parse().ok())),
            Filling::Truth(builder) => builder.append_option(value.and_then(|text| text.parse().ok())),
            Filling::Text(builder) => builder.append_option(value),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Filling::Whole(builder) => builder,
            Filling::Real(builder) => builder,
            Filling::Truth(builder) => builder,
            Filling::Text(builder) => builder,
        };
        builder.finish()
    }
}

impl LogEvents {
    fn batch(&self, rows: &LogRows, range: Range<usize>) -> Result<RecordBatch> {
        // By their names, in order: fields are found for all columns of them at once.
        let wanted = |name: &str| self.schema.index_of(name).is_ok();
        let (names, mut filling): (Vec<&str>, Vec<Filling>) =
            self.fields.iter().filter(|(name, _)| wanted(name)).map(|(name, kind)| (name.as_str(), Filling::new(*kind))).unzip();
        if !names.is_empty() {
            for row in range.clone() {
                let found = fields(rows.messages.value(row));
                let mut values = vec![None; names.len()];
                for (name, value) in &found {
                    if let Ok(place) = names.binary_search(&name.as_str()) {
                        values[place].get_or_insert(value.as_str());
                    }
                }
                filling.iter_mut().zip(values).for_each(|(filling, value)| filling.append(value));
            }
        }
        let moments = |of: &dyn Fn(usize) -> i64| -> ArrayRef {
            let mut builder = TimestampMillisecondBuilder::new();
            range.clone().for_each(|row| builder.append_value(of(row).div_euclid(1_000)));
            Arc::new(builder.finish())
        };
        let texts = |of: &dyn Fn(usize) -> String| -> ArrayRef {
            let mut builder = StringBuilder::new();
            range.clone().for_each(|row| builder.append_value(of(row)));
            Arc::new(builder.finish())
        };
        let column = |field: &Arc<Field>| -> Result<ArrayRef> {
            Ok(match field.name().as_str() {
                TIMESTAMP => moments(&|row| rows.times.value(row)),
                INGESTION_TIME => moments(&|row| EventNumber(rows.numbers.value(row)).ingested_us()),
                MESSAGE => texts(&|row| rows.messages.value(row).to_owned()),
                STREAM => texts(&|row| rows.streams.value(row).to_owned()),
                LOG => texts(&|row| format!("{}:{}", self.account_id, rows.group(row))),
                name => match names.binary_search(&name) {
                    Ok(place) => filling[place].finish(),
                    Err(_) => return Err(DataFusionError::Internal(format!("there is no column {name}"))),
                },
            })
        };
        let arrays = self.schema.fields().iter().map(column).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(range.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }
}

/// Rows as texts: a column's name and its value, where it has one.
pub fn texts(batch: &RecordBatch) -> crate::Result<Vec<Vec<(String, String)>>> {
    let internal = |err: ArrowError| crate::Error::Internal(err.to_string());
    let options = FormatOptions::default()
        .with_timestamp_format(Some(MOMENT))
        .with_timestamp_tz_format(Some(MOMENT))
        .with_duration_format(DurationFormat::Pretty);
    let schema = batch.schema();
    let columns = batch.columns().iter().zip(schema.fields());
    let formatters = columns
        .map(|(column, field)| Ok((field.name(), column, ArrayFormatter::try_new(column, &options)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(internal)?;
    (0..batch.num_rows())
        .map(|row| {
            let has_value = formatters.iter().filter(|(_, column, _)| column.is_valid(row));
            let text = |(name, column, formatter): &(&String, &ArrayRef, ArrayFormatter<'_>)| {
                let text = formatter.value(row).try_to_string().map_err(internal)?;
                // Whole numbers are told as such.
                let text = match column.data_type() {
                    DataType::Float64 => text.strip_suffix(".0").map(str::to_owned).unwrap_or(text),
                    _ => text,
                };
                Ok(((*name).clone(), text))
            };
            has_value.map(text).collect()
        })
        .collect()
}
