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

/// Rows are handed to the writer in batches that end at this size: a column of a batch must stay below 2 GiB.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// A row group ends at this size, encoded, for those who read all of a column of it at once.
const ROW_GROUP_BYTES: usize = 256 * 1024 * 1024;

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
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush().at("write", path)?;
        }
    }
    let file = writer.into_inner().at("write", path)?;
    file.sync_all().at("sync", path)?;
    let bytes = file.metadata().at("read size of", path)?.len();
    if let Some(dir) = path.parent() {
        crate::wal::sync_dir(dir)?;
    }
    Ok(bytes)
}
