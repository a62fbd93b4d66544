//! SQL over log groups, as CloudWatch Logs has it beside its own language: each name behind FROM is a table of a group's events, or of
//! several groups', with a column for each field that is discovered in them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, NullArray, RecordBatch, RecordBatchOptions,
    StringBuilder, TimestampMillisecondBuilder,
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
use datafusion::sql::sqlparser::ast::{self, Ident, visit_expressions_mut};
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

/// The tables that a query names, each once.
pub(crate) fn tables(query: &str) -> Result<Vec<String>> {
    let (tables, _) = resolve_table_references(&statement(query)?, false)?;
    tables
        .into_iter()
        .map(|table| match table {
            TableReference::Bare { table } => Ok(table.to_string()),
            other => Err(DataFusionError::Plan(format!("{other} is no log group: names of log groups stand in backticks"))),
        })
        .collect()
}

/// The tables with the fields that their events have. `is_over` says when nobody waits for them any more.
pub(crate) fn discovered(
    reader: &Arc<Reader>,
    tables: Vec<LogTable>,
    account_id: &str,
    is_over: &dyn Fn() -> bool,
) -> std::result::Result<Vec<(String, Columns, LogScan)>, store::Error> {
    let account_id: Arc<str> = account_id.into();
    tables
        .into_iter()
        .map(|LogTable { name, scan }| {
            let fields = discover(reader, &scan, is_over)?;
            Ok((name, Columns { fields, account_id: account_id.clone() }, scan))
        })
        .collect()
}

/// The plan of a query. A field that no event has is nothing in all of them, as it is in CloudWatch's own language.
pub(crate) async fn plan(
    context: &SessionContext,
    query: &str,
    reader: &Arc<Reader>,
    mut tables: Vec<(String, Columns, LogScan)>,
    scanned: &Arc<Scanned>,
) -> Result<LogicalPlan> {
    let mut statement = statement(query)?;
    if let Statement::Statement(statement) = &mut statement {
        join_paths(statement, &tables);
    }
    let mut missing = 0;
    loop {
        for (name, columns, scan) in &tables {
            let schema = columns.schema();
            let table = LogGroupTable {
                schema,
                columns: columns.clone(),
                reader: reader.clone(),
                scan: scan.clone(),
                scanned: scanned.clone(),
            };
            let reference = TableReference::bare(name.as_str());
            context.deregister_table(reference.clone())?;
            context.register_table(reference, Arc::new(table))?;
        }
        match context.state().statement_to_plan(statement.clone()).await {
            Ok(plan) => {
                check_reads(&plan)?;
                return Ok(plan);
            }
            Err(err) => {
                let Some((is_of_a_table, field)) = missing_field(&err) else { return Err(err) };
                missing += 1;
                // Of several tables, the first has it, unless the query says which.
                let having = if is_of_a_table { tables.len() } else { 1 };
                let mut is_new = false;
                for (_, columns, _) in tables.iter_mut().take(having) {
                    is_new |= !OWN.contains(&field.as_str()) && columns.fields.insert(field.clone(), Kind::Nothing).is_none();
                }
                if !is_new || missing > MISSING_MAX {
                    return Err(err);
                }
            }
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

/// `user.name` without backticks is the field of that path, where there is one.
fn join_paths(statement: &mut ast::Statement, tables: &[(String, Columns, LogScan)]) {
    let is_field = |path: &str| tables.iter().any(|(_, columns, _)| columns.fields.contains_key(path));
    let joined = |parts: &[Ident]| parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expr| {
        if let ast::Expr::CompoundIdentifier(parts) = expr {
            if is_field(&joined(parts)) {
                *expr = ast::Expr::Identifier(Ident::with_quote('`', joined(parts)));
            } else if parts.len() > 2 && is_field(&joined(&parts[1..])) {
                let path = Ident::with_quote('`', joined(&parts[1..]));
                parts.truncate(1);
                parts.push(path);
            }
        }
        ControlFlow::Continue(())
    });
}

/// What all values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Real,
    Truth,
    Text,
    /// No event has it.
    Nothing,
}

impl Kind {
    /// The closest that a value is. Numbers are those that are told as they were written.
    fn of(value: &str) -> Kind {
        if value.parse::<i64>().is_ok_and(|number| number.to_string() == value) {
            Kind::Whole
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
            _ => Kind::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Kind::Whole => DataType::Int64,
            Kind::Real => DataType::Float64,
            Kind::Truth => DataType::Boolean,
            Kind::Text | Kind::Nothing => DataType::Utf8,
        }
    }
}

/// The fields of a table's events, by their names.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    fields: BTreeMap<String, Kind>,
    account_id: Arc<str>,
}

impl Columns {
    fn schema(&self) -> SchemaRef {
        let moment = || DataType::Timestamp(TimeUnit::Millisecond, None);
        let own = OWN.iter().map(|name| match *name {
            TIMESTAMP | INGESTION_TIME => Field::new(*name, moment(), false),
            name => Field::new(name, DataType::Utf8, false),
        });
        let fields = self.fields.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true));
        Arc::new(Schema::new(own.chain(fields).collect::<Vec<_>>()))
    }
}

/// Looks at all events for their fields, and for what the values of these are: what is no number in one of them is a text in all.
fn discover(
    reader: &Reader,
    scan: &LogScan,
    is_over: &dyn Fn() -> bool,
) -> std::result::Result<BTreeMap<String, Kind>, store::Error> {
    let mut found: BTreeMap<String, Kind> = BTreeMap::new();
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

struct LogGroupTable {
    schema: SchemaRef,
    columns: Columns,
    reader: Arc<Reader>,
    scan: LogScan,
    scanned: Arc<Scanned>,
}

impl fmt::Debug for LogGroupTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogGroupTable").field("scan", &self.scan).finish()
    }
}

#[async_trait]
impl TableProvider for LogGroupTable {
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
        let partition = LogGroupScan {
            schema: schema.clone(),
            columns: self.columns.clone(),
            reader: self.reader.clone(),
            scan,
            scanned: self.scanned.clone(),
        };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(partition)], None, None, false, limit)?))
    }
}

struct LogGroupScan {
    schema: SchemaRef,
    columns: Columns,
    reader: Arc<Reader>,
    scan: LogScan,
    scanned: Arc<Scanned>,
}

impl fmt::Debug for LogGroupScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogGroupScan").field("scan", &self.scan).finish()
    }
}

impl PartitionStream for LogGroupScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(self.schema.clone(), BATCHES_WAITING);
        let sender = stream.tx();
        let (schema, columns, reader, scan, scanned) =
            (self.schema.clone(), self.columns.clone(), self.reader.clone(), self.scan.clone(), self.scanned.clone());
        stream.spawn_blocking(move || {
            let mut failed = None;
            let done = each_chunk(&reader, &scan, &mut |rows| {
                scanned.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
                scanned.bytes.fetch_add(rows.message_bytes(), Ordering::Relaxed);
                for from in (0..rows.len()).step_by(BATCH_ROWS) {
                    let batch = match batch(&schema, &columns, rows, from..(from + BATCH_ROWS).min(rows.len())) {
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
            Kind::Whole => Filling::Whole(Int64Builder::new()),
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

fn batch(schema: &SchemaRef, columns: &Columns, rows: &LogRows, range: std::ops::Range<usize>) -> Result<RecordBatch> {
    // Fields are found for all columns of them at once.
    let mut filling: Vec<(&str, Filling)> = schema
        .fields()
        .iter()
        .filter_map(|field| columns.fields.get_key_value(field.name()))
        .map(|(name, kind)| (name.as_str(), Filling::new(*kind)))
        .collect();
    if !filling.is_empty() {
        for row in range.clone() {
            let found = fields(rows.messages.value(row));
            for (name, filling) in &mut filling {
                filling.append(found.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str()));
            }
        }
    }
    let mut fields = filling.into_iter();
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
    let column = |field: &Arc<Field>| -> ArrayRef {
        match field.name().as_str() {
            TIMESTAMP => moments(&|row| rows.times.value(row)),
            INGESTION_TIME => moments(&|row| EventNumber(rows.numbers.value(row)).ingested_us()),
            MESSAGE => texts(&|row| rows.messages.value(row).to_owned()),
            STREAM => texts(&|row| rows.streams.value(row).to_owned()),
            LOG => texts(&|row| format!("{}:{}", columns.account_id, rows.group(row))),
            _ => {
                fields.next().map_or_else(|| Arc::new(NullArray::new(range.len())) as ArrayRef, |(_, mut filling)| filling.finish())
            }
        }
    };
    let arrays = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(range.len()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?)
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
