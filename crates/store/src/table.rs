//! The tables: one file each, the only places that know column names.

mod file;
pub(crate) mod segment;
pub(crate) mod trace;

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::error::{IoContext, Result};

/// Writes one Parquet file and makes it durable; the folder's entry is synced too.
pub(crate) fn write_file(
    path: &Path,
    schema: SchemaRef,
    properties: WriterProperties,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let file = File::create(path).at("create", path)?;
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).at("write", path)?;
    for batch in batches {
        writer.write(&batch?).at("write", path)?;
    }
    let file = writer.into_inner().at("write", path)?;
    file.sync_all().at("sync", path)?;
    let bytes = file.metadata().at("read size of", path)?.len();
    if let Some(dir) = path.parent() {
        crate::wal::sync_dir(dir)?;
    }
    Ok(bytes)
}
