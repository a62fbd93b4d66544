//! Answers as bytes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::json;
use datafusion::arrow::json::writer::{EncoderOptions, LineDelimited, make_encoder};

use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One object per row and line.
    JsonLines,
    /// With a line of names first. What is not plain stands in it as JSON.
    Csv,
    /// The Arrow IPC stream.
    Arrow,
}

/// Writes batches one after the other.
pub struct Encoder {
    schema: SchemaRef,
    writer: Writer,
}

enum Writer {
    JsonLines,
    Csv { names_written: bool },
    Arrow(Box<StreamWriter<Vec<u8>>>),
}

impl Encoder {
    pub fn new(format: Format, schema: &SchemaRef) -> Result<Encoder> {
        let writer = match format {
            Format::JsonLines => Writer::JsonLines,
            Format::Csv => Writer::Csv { names_written: false },
            Format::Arrow => Writer::Arrow(Box::new(StreamWriter::try_new(Vec::new(), schema).map_err(failed)?)),
        };
        Ok(Encoder { schema: schema.clone(), writer })
    }

    pub fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        self.write(batch).map_err(failed)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let mut bytes = Vec::new();
        match &mut self.writer {
            Writer::JsonLines => {
                let builder = json::WriterBuilder::new().with_explicit_nulls(true);
                let mut writer = builder.build::<_, LineDelimited>(&mut bytes);
                writer.write(batch)?;
                writer.finish()?;
            }
            Writer::Csv { names_written } => {
                let mut writer = csv::WriterBuilder::new().with_header(!*names_written).build(&mut bytes);
                writer.write(&plain(batch)?)?;
                drop(writer);
                *names_written = true;
            }
            Writer::Arrow(writer) => {
                writer.write(batch)?;
                bytes = std::mem::take(writer.get_mut());
            }
        }
        Ok(bytes)
    }

    /// What comes last.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        if let Writer::Csv { names_written: false } = self.writer {
            return self.encode(&RecordBatch::new_empty(self.schema.clone()));
        }
        match self.writer {
            Writer::Arrow(mut writer) => {
                writer.finish().map_err(failed)?;
                Ok(std::mem::take(writer.get_mut()))
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn failed(err: ArrowError) -> Error {
    Error::Query(format!("the answer cannot be written in this format: {err}"))
}

/// The batch with lists, maps and structures as JSON text.
fn plain(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let is_nested = field.data_type().is_nested();
        fields.push(if is_nested { Arc::new(Field::new(field.name(), DataType::Utf8, true)) } else { field.clone() });
        columns.push(if is_nested { as_json(field, column)? } else { column.clone() });
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn as_json(field: &Arc<Field>, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(field, column, &options)?;
    let mut texts = StringBuilder::new();
    let mut text = Vec::new();
    for row in 0..column.len() {
        if column.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}
