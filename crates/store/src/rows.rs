//! Tables of rows: what metrics, changes of state, and whatever else is no segment, are kept in. Such a table is a description in one file of `table/`:
//! its columns, how parts are sorted, which columns can be looked up, and how long rows are kept. Everything else, from the log to
//! compaction and backups, is the same for all of them.
//!
//! Rows are Arrow batches of the table's schema. They go the way that documents go: log, memory, parts of one day each.

pub(crate) mod merge;
mod order;
pub(crate) mod part;
pub(crate) mod scan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, new_null_array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;
use bytes::{Buf, Bytes};

pub use scan::RowScan;

use crate::error::{Error, Result};
use crate::table::log_event::LOG_EVENT;
use crate::table::metric::{METRIC, Resolution};
use crate::table::state_change::STATE_CHANGE;

/// All tables of rows.
pub(crate) static TABLES: [&RowTable; 3] = [&METRIC, &STATE_CHANGE, &LOG_EVENT];

/// A table's description.
#[derive(Debug)]
pub struct RowTable {
    /// Of its folder, and in the catalog.
    pub name: &'static str,
    /// In the log, for ever.
    pub number: u8,
    pub columns: &'static [RowColumn],
    /// The column that says when: a part holds rows of one UTC day of it, and retention goes by it.
    pub time: &'static str,
    /// Columns by which the rows of a part are sorted: what is asked for together first.
    pub sort: &'static [&'static str],
    /// Columns of text that are looked up by their value: files have filters of these, so that most are not read.
    pub filters: &'static [&'static str],
    /// Rows of a row group, the step in which a file is read.
    pub row_group_rows: usize,
    pub retention: Retention,
    /// How rows become fewer when they are old.
    pub(crate) roll_up: Option<RollUp>,
    /// A column of texts of any length, in which parts of them are looked for: files have filters of its grams.
    pub(crate) long_text: Option<&'static str>,
}

/// How rows of short periods become rows of longer ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RollUp {
    /// Rows in the place of these, which come in the table's order; none where there is nothing to do.
    pub(crate) fold: fn(&RecordBatch, Resolution, now_us: i64) -> Result<Option<RecordBatch>>,
    /// The shortest period of rows, in seconds.
    pub(crate) finest: fn(&RecordBatch) -> i64,
    /// The shortest period that rows of this age should have.
    pub(crate) due: fn(Resolution, age_us: i64) -> i64,
}

#[derive(Debug)]
pub struct RowColumn {
    pub name: &'static str,
    pub kind: ColumnKind,
    pub nullable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Microseconds since 1970.
    Time,
    Text,
    Whole,
    Real,
    Bytes,
}

/// Which of the store's options says how many days rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    Metrics,
    /// As the policy of each group of logs says.
    Logs,
}

impl RowColumn {
    pub(crate) const fn new(name: &'static str, kind: ColumnKind) -> RowColumn {
        RowColumn { name, kind, nullable: false }
    }

    pub(crate) const fn optional(name: &'static str, kind: ColumnKind) -> RowColumn {
        RowColumn { name, kind, nullable: true }
    }

    fn field(&self) -> Field {
        Field::new(self.name, self.data_type(), self.nullable)
    }

    fn data_type(&self) -> DataType {
        match self.kind {
            ColumnKind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Whole => DataType::Int64,
            ColumnKind::Real => DataType::Float64,
            ColumnKind::Bytes => DataType::Binary,
        }
    }
}

impl RowTable {
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(RowColumn::field).collect::<Vec<_>>()))
    }

    /// Of files that have long texts in another way than as a column.
    pub(crate) fn schema_without_texts(&self) -> SchemaRef {
        let columns = self.columns.iter().filter(|column| Some(column.name) != self.long_text);
        Arc::new(Schema::new(columns.map(RowColumn::field).collect::<Vec<_>>()))
    }

    pub(crate) fn named(name: &str) -> Option<&'static RowTable> {
        TABLES.into_iter().find(|table| table.name == name)
    }

    /// The texts of its long column.
    pub(crate) fn long_texts<'b>(&self, batch: &'b RecordBatch) -> Option<&'b StringArray> {
        self.long_text.map(|name| batch.column(self.place(name)).as_string())
    }

    /// The same with its long texts, which stand in `texts` from `first` on.
    pub(crate) fn with_texts(&self, batch: &RecordBatch, texts: &StringArray, first: usize) -> Result<RecordBatch> {
        if texts.len() < first + batch.num_rows() {
            return Err(self.error(ArrowError::ComputeError("there are fewer texts than rows".to_owned())));
        }
        let name = self.long_text.expect("invariant: tables with packed texts have a column of them");
        let mut fields = batch.schema_ref().fields().to_vec();
        let mut columns = batch.columns().to_vec();
        fields.push(Arc::new(Field::new(name, DataType::Utf8, false)));
        columns.push(Arc::new(texts.slice(first, batch.num_rows())));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|err| self.error(err))
    }

    /// The place of a column, which the table has.
    pub(crate) fn place(&self, name: &str) -> usize {
        self.columns.iter().position(|column| column.name == name).expect("invariant: descriptions name their own columns")
    }

    /// The same with the types that columns have today. Formats before 9 had whole numbers where real ones are now.
    pub(crate) fn with_types(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let is_same = |field: &Arc<Field>| field.data_type() == &self.columns[self.place(field.name())].data_type();
        if batch.schema_ref().fields().iter().all(is_same) {
            return Ok(batch);
        }
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let wanted = &self.columns[self.place(field.name())];
            fields.push(Field::new(wanted.name, wanted.data_type(), wanted.nullable));
            columns.push(match (column.data_type(), wanted.kind) {
                (DataType::Int64, ColumnKind::Real) => {
                    let numbers = column.as_primitive::<Int64Type>();
                    Arc::new(numbers.iter().map(|number| number.map(|number| number as f64)).collect::<Float64Array>()) as ArrayRef
                }
                _ => column.clone(),
            });
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|err| self.error(err))
    }

    /// The same with all columns: those that it lacks say nothing. Rows with other columns than the table has are no rows of it.
    pub(crate) fn widened(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let schema = self.schema();
        if let Some(other) = batch.schema_ref().fields().iter().find(|field| schema.index_of(field.name()).is_err()) {
            return Err(self.error(ArrowError::SchemaError(format!("{} has no column {}", self.name, other.name()))));
        }
        let batch = self.with_types(batch)?;
        let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
            Some(column) => column.clone(),
            None => new_null_array(field.data_type(), batch.num_rows()),
        };
        let columns = schema.fields().iter().map(column).collect();
        RecordBatch::try_new(schema, columns).map_err(|err| self.error(err))
    }

    pub(crate) fn error(&self, source: ArrowError) -> Error {
        Error::Parquet { path: self.name.into(), source: source.into() }
    }
}

/// Rows to keep, ready for the log.
#[derive(Debug, Clone)]
pub(crate) struct NewRows {
    pub(crate) table: &'static RowTable,
    pub(crate) batch: RecordBatch,
    /// The batch as the log has it.
    encoded: Vec<u8>,
}

/// Before the batch: the table's number and how many rows there are.
const HEAD_BYTES: usize = 1 + 4;

impl NewRows {
    pub(crate) fn new(table: &'static RowTable, batch: RecordBatch) -> Result<NewRows> {
        if batch.schema_ref().as_ref() != table.schema().as_ref() {
            let source = ArrowError::SchemaError(format!("rows of another kind than those of {}", table.name));
            return Err(table.error(source));
        }
        let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).map_err(|err| table.error(err))?;
        writer.write(&batch).map_err(|err| table.error(err))?;
        let encoded = writer.into_inner().map_err(|err| table.error(err))?;
        Ok(NewRows { table, batch, encoded })
    }

    pub(crate) fn bytes(&self) -> usize {
        HEAD_BYTES + self.encoded.len()
    }

    pub(crate) fn count(&self) -> u64 {
        self.batch.num_rows() as u64
    }

    pub(crate) fn write(&self, buffer: &mut Vec<u8>) {
        buffer.push(self.table.number);
        buffer.extend_from_slice(&(self.batch.num_rows() as u32).to_le_bytes());
        buffer.extend_from_slice(&self.encoded);
    }
}

/// One batch of several.
pub(crate) fn concat(table: &RowTable, batches: &[RecordBatch]) -> Result<RecordBatch> {
    concat_batches(&table.schema(), batches).map_err(|err| table.error(err))
}

/// How many rows a frame of the log has.
pub(crate) fn count(payload: &Bytes) -> u64 {
    payload.get(1..HEAD_BYTES).map_or(0, |mut rows| u64::from(rows.get_u32_le()))
}

/// The rows of a frame of the log. None where they are of a table, or of a form, that this version does not know.
pub(crate) fn decode(payload: &Bytes) -> Option<(&'static RowTable, RecordBatch)> {
    let table = TABLES.into_iter().find(|table| Some(&table.number) == payload.first())?;
    let mut reader = StreamReader::try_new(payload.get(HEAD_BYTES..)?, None).ok()?;
    let batch = reader.next()?.ok()?;
    Some((table, table.widened(batch).ok()?))
}
