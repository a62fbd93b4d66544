//! Tables: each is a list of columns over rows that the store's reader gives, described in one file.

pub(crate) mod log;
pub(crate) mod metric;
pub(crate) mod request;
pub(crate) mod segment;
pub(crate) mod state_change;
pub(crate) mod trace;

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, MapBuilder, RecordBatch, RecordBatchOptions,
    StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr, expressions};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use model::TraceId;
use store::Reader;

/// All times are UTC.
const ZONE: &str = "+00:00";
/// Rows of a batch.
const BATCH_ROWS: usize = 4_096;
/// A batch ends at about this size, however few rows that are.
const BATCH_BYTES: usize = 1024 * 1024;
/// Batches that wait for whoever takes them.
const BATCHES_WAITING: usize = 2;

/// A table that people can ask.
pub(crate) trait Table: Sized + Send + Sync + 'static {
    type Row<'r>;
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    /// `time` is among them.
    const COLUMNS: &'static [Column<Self>];
    /// Rows come newest first.
    const NEWEST_FIRST: bool = false;

    /// Calls `emit` with every row within the bounds and perhaps with others, until it breaks.
    fn scan(
        reader: &Reader,
        bounds: &Bounds,
        emit: &mut dyn FnMut(&Self::Row<'_>) -> ControlFlow<()>,
    ) -> std::result::Result<(), store::Error>;
}

/// A column: what it is called, what it says, and how it is had of a row.
pub(crate) struct Column<T: Table> {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) value: Value<T>,
    /// Asking for it needs all of a trace's digest; the others have enough with its outline.
    pub(crate) detail: bool,
}

impl<T: Table> Column<T> {
    pub(crate) const fn new(name: &'static str, description: &'static str, value: Value<T>) -> Column<T> {
        Column { name, description, value, detail: false }
    }

    pub(crate) const fn detail(name: &'static str, description: &'static str, value: Value<T>) -> Column<T> {
        Column { name, description, value, detail: true }
    }
}

type Of<T, V> = for<'a, 'r> fn(&'a <T as Table>::Row<'r>) -> V;
/// Takes the elements of a list.
pub(crate) type Add<'l> = dyn FnMut(&str) + 'l;
/// Takes the entries of a map.
pub(crate) type AddEntry<'l> = dyn FnMut(&str, &str) + 'l;

pub(crate) enum Value<T: Table> {
    Text(for<'a, 'r> fn(&'a T::Row<'r>) -> Option<Cow<'a, str>>),
    /// Microseconds since 1970.
    Time(Of<T, Option<i64>>),
    Real(Of<T, Option<f64>>),
    Whole(Of<T, Option<i64>>),
    Truth(Of<T, bool>),
    Texts(for<'a, 'r> fn(&'a T::Row<'r>, &mut Add<'_>)),
    /// Each key once.
    Map(for<'a, 'r> fn(&'a T::Row<'r>, &mut AddEntry<'_>)),
}

impl<T: Table> Clone for Value<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Table> Copy for Value<T> {}

impl<T: Table> Value<T> {
    fn data_type(&self) -> DataType {
        match self {
            Value::Text(_) => DataType::Utf8,
            Value::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(ZONE.into())),
            Value::Real(_) => DataType::Float64,
            Value::Whole(_) => DataType::Int64,
            Value::Truth(_) => DataType::Boolean,
            Value::Texts(_) => ListBuilder::new(StringBuilder::new()).finish().data_type_of(),
            Value::Map(_) => MapBuilder::new(None, StringBuilder::new(), StringBuilder::new()).finish().data_type_of(),
        }
    }
}

trait DataTypeOf {
    fn data_type_of(&self) -> DataType;
}

impl<A: datafusion::arrow::array::Array> DataTypeOf for A {
    fn data_type_of(&self) -> DataType {
        self.data_type().clone()
    }
}

/// A column that is being filled.
enum Filling<T: Table> {
    Text(for<'a, 'r> fn(&'a T::Row<'r>) -> Option<Cow<'a, str>>, StringBuilder),
    Time(Of<T, Option<i64>>, TimestampMicrosecondBuilder),
    Real(Of<T, Option<f64>>, Float64Builder),
    Whole(Of<T, Option<i64>>, Int64Builder),
    Truth(Of<T, bool>, BooleanBuilder),
    Texts(for<'a, 'r> fn(&'a T::Row<'r>, &mut Add<'_>), ListBuilder<StringBuilder>),
    Map(for<'a, 'r> fn(&'a T::Row<'r>, &mut AddEntry<'_>), MapBuilder<StringBuilder, StringBuilder>),
}

impl<T: Table> Filling<T> {
    fn new(value: Value<T>) -> Filling<T> {
        match value {
            Value::Text(of) => Filling::Text(of, StringBuilder::new()),
            Value::Time(of) => Filling::Time(of, TimestampMicrosecondBuilder::new().with_timezone(ZONE)),
            Value::Real(of) => Filling::Real(of, Float64Builder::new()),
            Value::Whole(of) => Filling::Whole(of, Int64Builder::new()),
            Value::Truth(of) => Filling::Truth(of, BooleanBuilder::new()),
            Value::Texts(of) => Filling::Texts(of, ListBuilder::new(StringBuilder::new())),
            Value::Map(of) => Filling::Map(of, MapBuilder::new(None, StringBuilder::new(), StringBuilder::new())),
        }
    }

    /// Returns about how many bytes were added.
    fn append(&mut self, row: &T::Row<'_>) -> Result<usize> {
        let mut bytes = 8;
        match self {
            Filling::Text(of, builder) => {
                let text = of(row);
                bytes += text.as_ref().map_or(0, |text| text.len());
                builder.append_option(text);
            }
            Filling::Time(of, builder) => builder.append_option(of(row)),
            Filling::Real(of, builder) => builder.append_option(of(row)),
            Filling::Whole(of, builder) => builder.append_option(of(row)),
            Filling::Truth(of, builder) => builder.append_value(of(row)),
            Filling::Texts(of, builder) => {
                of(row, &mut |text| {
                    bytes += text.len() + 4;
                    builder.values().append_value(text);
                });
                builder.append(true);
            }
            Filling::Map(of, builder) => {
                of(row, &mut |key, value| {
                    bytes += key.len() + value.len() + 8;
                    builder.keys().append_value(key);
                    builder.values().append_value(value);
                });
                builder.append(true)?;
            }
        }
        Ok(bytes)
    }

    fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Filling::Text(_, builder) => builder,
            Filling::Time(_, builder) => builder,
            Filling::Real(_, builder) => builder,
            Filling::Whole(_, builder) => builder,
            Filling::Truth(_, builder) => builder,
            Filling::Texts(_, builder) => builder,
            Filling::Map(_, builder) => builder,
        };
        builder.finish()
    }
}

/// What of a table is wanted, as far as that spares reading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bounds {
    /// `[from, to)` of the column `time`.
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
    pub(crate) trace_id: Option<TraceId>,
    /// Of the column `name`.
    pub(crate) name: Option<String>,
    /// Whether a column with `detail` is wanted.
    pub(crate) detail: bool,
}

const EVERYTHING: Bounds = Bounds { from_us: i64::MIN, to_us: i64::MAX, trace_id: None, name: None, detail: true };

impl Bounds {
    /// Narrows the bounds by a condition that all wanted rows meet. Returns whether it could be used.
    fn narrow(&mut self, condition: &Expr) -> bool {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                let (left, right) = (self.narrow(left), self.narrow(right));
                left || right
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (column_of(left), literal_of(right)) {
                (Some(column), Some(value)) => self.compare(column, *op, value),
                _ => match (literal_of(left), column_of(right), op.swap()) {
                    (Some(value), Some(column), Some(op)) => self.compare(column, op, value),
                    _ => false,
                },
            },
            Expr::Between(between) if !between.negated => {
                match (column_of(&between.expr), literal_of(&between.low), literal_of(&between.high)) {
                    (Some(column), Some(low), Some(high)) => {
                        let (low, high) = (self.compare(column, Operator::GtEq, low), self.compare(column, Operator::LtEq, high));
                        low || high
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn compare(&mut self, column: ColumnOf<'_>, op: Operator, value: &ScalarValue) -> bool {
        match (column, op) {
            (ColumnOf::Plain("trace_id"), Operator::Eq) => {
                let text = value.try_as_str().flatten();
                // What is no trace id equals none; the comparison that follows finds that.
                self.trace_id = text.and_then(|text| text.parse().ok()).or(self.trace_id);
                self.trace_id.is_some()
            }
            (ColumnOf::Plain("name"), Operator::Eq) => {
                self.name = value.try_as_str().flatten().map(str::to_owned).or(self.name.take());
                self.name.is_some()
            }
            (ColumnOf::Plain("time"), _) => {
                let Some(time_us) = time_us(value) else { return false };
                if matches!(op, Operator::Gt | Operator::GtEq | Operator::Eq) {
                    self.from_us = self.from_us.max(time_us);
                }
                if matches!(op, Operator::Lt | Operator::LtEq | Operator::Eq) {
                    // The literal may be finer than a microsecond.
                    self.to_us = self.to_us.min(time_us.saturating_add(2));
                }
                matches!(op, Operator::Gt | Operator::GtEq | Operator::Lt | Operator::LtEq | Operator::Eq)
            }
            // A time cut down to its minute is not later than the time.
            (ColumnOf::Truncated("time"), Operator::Gt | Operator::GtEq) => {
                let Some(time_us) = time_us(value) else { return false };
                self.from_us = self.from_us.max(time_us);
                true
            }
            _ => false,
        }
    }
}

/// A column in a comparison.
#[derive(Clone, Copy)]
enum ColumnOf<'e> {
    Plain(&'e str),
    /// In `date_trunc` or `date_bin`.
    Truncated(&'e str),
}

fn column_of(expr: &Expr) -> Option<ColumnOf<'_>> {
    match expr {
        Expr::Column(column) => Some(ColumnOf::Plain(&column.name)),
        Expr::Alias(alias) => column_of(&alias.expr),
        Expr::Cast(Cast { expr, field }) if matches!(field.data_type(), DataType::Timestamp(..)) => column_of(expr),
        Expr::ScalarFunction(call) if matches!(call.name(), "date_trunc" | "date_bin") => match column_of(call.args.get(1)?)? {
            ColumnOf::Plain(name) => Some(ColumnOf::Truncated(name)),
            ColumnOf::Truncated(_) => None,
        },
        _ => None,
    }
}

fn literal_of(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

fn time_us(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampSecond(Some(secs), _) => secs.checked_mul(1_000_000),
        ScalarValue::TimestampMillisecond(Some(millis), _) => millis.checked_mul(1_000),
        ScalarValue::TimestampMicrosecond(Some(us), _) => Some(*us),
        ScalarValue::TimestampNanosecond(Some(nanos), _) => Some(nanos.div_euclid(1_000)),
        _ => None,
    }
}

/// The view of the store that a query's tables share.
pub(crate) struct Snapshot(pub(crate) Arc<Reader>);

pub(crate) fn schema<T: Table>() -> SchemaRef {
    let is_nullable = |value: &Value<T>| matches!(value, Value::Text(_) | Value::Time(_) | Value::Real(_) | Value::Whole(_));
    let field = |column: &Column<T>| Field::new(column.name, column.value.data_type(), is_nullable(&column.value));
    Arc::new(Schema::new(T::COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

/// What the engine knows of a table.
pub(crate) struct Provider<T: Table> {
    schema: SchemaRef,
    table: PhantomData<T>,
}

impl<T: Table> Default for Provider<T> {
    fn default() -> Self {
        Provider { schema: schema::<T>(), table: PhantomData }
    }
}

impl<T: Table> fmt::Debug for Provider<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }
}

#[async_trait]
impl<T: Table> TableProvider for Provider<T> {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match { EVERYTHING }.narrow(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = state.config().get_extension::<Snapshot>();
        let snapshot = snapshot.ok_or_else(|| DataFusionError::Internal("the query has no view of the store".to_owned()))?;
        let columns = projection.cloned().unwrap_or_else(|| (0..T::COLUMNS.len()).collect());
        let mut bounds = Bounds { detail: columns.iter().any(|&column| T::COLUMNS[column].detail), ..EVERYTHING };
        for filter in filters {
            bounds.narrow(filter);
        }
        let schema: SchemaRef = Arc::new(self.schema.project(&columns)?);
        let time = columns.iter().position(|&column| T::COLUMNS[column].name == "time").filter(|_| T::NEWEST_FIRST);
        let ordering = time.and_then(|place| {
            let options = SortOptions { descending: true, nulls_first: true };
            LexOrdering::new([PhysicalSortExpr::new(Arc::new(expressions::Column::new("time", place)), options)])
        });
        let scan = Scan::<T> { reader: snapshot.0.clone(), schema: schema.clone(), columns, bounds, table: PhantomData };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, ordering, false, limit)?))
    }
}

/// A scan of a table that is yet to run.
struct Scan<T: Table> {
    reader: Arc<Reader>,
    schema: SchemaRef,
    columns: Vec<usize>,
    bounds: Bounds,
    table: PhantomData<T>,
}

impl<T: Table> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(type_name::<T>()).field("bounds", &self.bounds).finish()
    }
}

impl<T: Table> PartitionStream for Scan<T> {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(self.schema.clone(), BATCHES_WAITING);
        let sender = stream.tx();
        let (reader, bounds) = (self.reader.clone(), self.bounds.clone());
        let mut batch = Batch::<T>::new(self.schema.clone(), &self.columns);
        stream.spawn_blocking(move || {
            let mut failed = None;
            let mut seen = 0u64;
            let scanned = T::scan(&reader, &bounds, &mut |row| {
                seen += 1;
                if seen.is_multiple_of(1_024) && sender.is_closed() {
                    return ControlFlow::Break(());
                }
                match batch.append(row) {
                    Ok(None) => ControlFlow::Continue(()),
                    // Whoever asked may have enough.
                    Ok(Some(full)) => match sender.blocking_send(Ok(full)) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(_) => ControlFlow::Break(()),
                    },
                    Err(err) => {
                        failed = Some(err);
                        ControlFlow::Break(())
                    }
                }
            });
            scanned.map_err(|err| DataFusionError::External(Box::new(err)))?;
            if let Some(err) = failed {
                return Err(err);
            }
            if batch.rows > 0 {
                let _ = sender.blocking_send(Ok(batch.finish()?));
            }
            Ok(())
        });
        stream.build()
    }
}

/// Rows that are becoming a batch.
struct Batch<T: Table> {
    schema: SchemaRef,
    filling: Vec<Filling<T>>,
    rows: usize,
    bytes: usize,
}

impl<T: Table> Batch<T> {
    fn new(schema: SchemaRef, columns: &[usize]) -> Batch<T> {
        let filling = columns.iter().map(|&column| Filling::new(T::COLUMNS[column].value)).collect();
        Batch { schema, filling, rows: 0, bytes: 0 }
    }

    /// Adds a row. Returns the batch where it is full with that.
    fn append(&mut self, row: &T::Row<'_>) -> Result<Option<RecordBatch>> {
        for column in &mut self.filling {
            self.bytes += column.append(row)?;
        }
        self.rows += 1;
        (self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES).then(|| self.finish()).transpose()
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.filling.iter_mut().map(Filling::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}
