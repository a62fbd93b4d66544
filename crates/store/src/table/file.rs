//! Parquet files of parts. Each block of a file has a checksum in the catalog, so that a flipped bit is damage and not an answer.
//! Files are read by many threads at once: every read names its offset, so that no reader moves another's place.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::file::metadata::{FileMetaData, KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};

use super::ROW_GROUP_BYTES;
use crate::cache::Cache;
use crate::error::{Error, IoContext, Result};

/// Bytes that one checksum covers: what the smallest read has to check.
pub(crate) const BLOCK_BYTES: usize = 16 * 1024;

/// CRC-32C of each block of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checksums(Vec<u32>);

impl Checksums {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|sum| sum.to_le_bytes()).collect()
    }

    /// Those of the files of a part: before each how many there are.
    pub(crate) fn all_to_bytes(files: &[Arc<Checksums>]) -> Vec<u8> {
        files.iter().flat_map(|sums| (sums.0.len() as u32).to_le_bytes().into_iter().chain(sums.to_bytes())).collect()
    }

    pub(crate) fn all_from_bytes(bytes: &[u8]) -> Vec<Arc<Checksums>> {
        let mut files = Vec::new();
        let mut rest = bytes;
        while let Some((count, behind)) = rest.split_first_chunk::<4>() {
            let (sums, after) = behind.split_at((u32::from_le_bytes(*count) as usize).saturating_mul(4).min(behind.len()));
            files.push(Arc::new(Checksums::from_bytes(sums)));
            rest = after;
        }
        files
    }

    /// Of a file as it is now.
    pub(crate) fn of(path: &Path) -> Result<Checksums> {
        let mut file = File::open(path).at("open", path)?;
        let mut sums = Vec::new();
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        while (&mut file).take(BLOCK_BYTES as u64).read_to_end(&mut block).at("read", path)? > 0 {
            sums.push(crc32c::crc32c(&block));
            block.clear();
        }
        Ok(Checksums(sums))
    }

    fn from_bytes(bytes: &[u8]) -> Checksums {
        Checksums(bytes.chunks_exact(4).map(|sum| u32::from_le_bytes(sum.try_into().unwrap_or_default())).collect())
    }
}

/// A file that was written and is durable.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) checksums: Checksums,
}

/// A Parquet file that is being written.
pub(crate) struct FileWriter {
    path: PathBuf,
    writer: ArrowWriter<Summing>,
    schema: SchemaRef,
    /// Per column, whether any row has something to say in it.
    used: Vec<bool>,
}

/// A file's note of the columns in which no row has anything to say, so that they need not be read.
const UNUSED: &str = "mitoshi.unused_columns";

impl FileWriter {
    pub(crate) fn create(path: &Path, schema: SchemaRef, properties: WriterProperties) -> Result<FileWriter> {
        let file = File::create(path).at("create", path)?;
        let summing = Summing { file, checksums: Checksums::default(), sum: 0, filled: 0, bytes: 0 };
        let used = vec![false; schema.fields().len()];
        let writer = ArrowWriter::try_new(summing, schema.clone(), Some(properties)).at("write", path)?;
        Ok(FileWriter { path: path.to_owned(), writer, schema, used })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for (used, column) in self.used.iter_mut().zip(batch.columns()) {
            *used |= column.null_count() < column.len();
        }
        self.writer.write(batch).at("write", &self.path)?;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES {
            self.writer.flush().at("write", &self.path)?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Row groups that are complete.
    pub(crate) fn groups(&self) -> usize {
        self.writer.flushed_row_groups().len()
    }

    /// Whether rows wait for their row group to be complete.
    pub(crate) fn is_group_open(&self) -> bool {
        self.writer.in_progress_rows() > 0
    }

    /// Ends the row group, if one was begun.
    pub(crate) fn end_group(&mut self) -> Result<()> {
        self.writer.flush().at("write", &self.path)
    }

    /// Puts something into the file that is no row, between what readers of Parquet look at. Returns where it is.
    pub(crate) fn embed(&mut self, bytes: &[u8]) -> Result<usize> {
        let place = self.writer.bytes_written();
        self.writer.write_all(bytes).at("write", &self.path)?;
        Ok(place)
    }

    /// Something to find in the file's footer.
    pub(crate) fn note(&mut self, note: KeyValue) {
        self.writer.append_key_value_metadata(note);
    }

    /// Ends the file and makes it durable; the folder's entry is synced too.
    pub(crate) fn finish(mut self) -> Result<Written> {
        let unused = self.schema.fields().iter().zip(&self.used).filter(|(_, used)| !**used);
        let unused: Vec<&str> = unused.map(|(field, _)| field.name().as_str()).collect();
        self.writer.append_key_value_metadata(KeyValue::new(UNUSED.to_owned(), unused.join(",")));
        let path = self.path;
        let mut summing = self.writer.into_inner().at("write", &path)?;
        summing.file.sync_all().at("sync", &path)?;
        if let Some(dir) = path.parent() {
            crate::wal::sync_dir(dir)?;
        }
        if summing.filled > 0 {
            summing.checksums.0.push(summing.sum);
        }
        Ok(Written { bytes: summing.bytes, checksums: summing.checksums })
    }
}

/// Takes the checksums of what goes into a file.
struct Summing {
    file: File,
    checksums: Checksums,
    /// Of the block that is not full yet.
    sum: u32,
    filled: usize,
    bytes: u64,
}

impl Write for Summing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.bytes += written as u64;
        let mut rest = &buffer[..written];
        while !rest.is_empty() {
            let (block, after) = rest.split_at(rest.len().min(BLOCK_BYTES - self.filled));
            self.sum = crc32c::crc32c_append(self.sum, block);
            self.filled += block.len();
            if self.filled == BLOCK_BYTES {
                self.checksums.0.push(self.sum);
                (self.sum, self.filled) = (0, 0);
            }
            rest = after;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An open file of a table: what it has, and where. What stays in memory is its footer with the index of its pages.
#[derive(Debug)]
pub(crate) struct TableFile {
    pub(crate) path: PathBuf,
    pub(crate) file: PartFile,
    /// Without the index of pages: that of a large file takes tens of megabytes, and is read by row group where it is needed.
    pub(crate) metadata: ArrowReaderMetadata,
    /// Columns in which some row has something to say.
    used: HashSet<String>,
}

impl TableFile {
    pub(crate) fn open(path: &Path, checksums: Arc<Checksums>, cache: &Arc<Cache>) -> Result<TableFile> {
        let file = PartFile::open(path, checksums, cache)?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = ArrowReaderMetadata::load(&file, options).at("open", path)?;
        let notes = metadata.metadata().file_metadata().key_value_metadata();
        let unused = notes.into_iter().flatten().find(|note| note.key == UNUSED).and_then(|note| note.value.as_deref());
        let unused: HashSet<&str> = unused.unwrap_or_default().split(',').collect();
        let names = metadata.schema().fields().iter().map(|field| field.name().as_str());
        let used = names.filter(|name| !unused.contains(name)).map(str::to_owned).collect();
        Ok(TableFile { path: path.to_owned(), file, metadata, used })
    }

    /// What the open file takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.metadata.metadata().memory_size()
    }

    /// The columns that have something to say.
    pub(crate) fn used_schema(&self) -> SchemaRef {
        let fields = self.metadata.schema().fields().iter().filter(|field| self.has(field.name()));
        Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
    }

    pub(crate) fn used_columns(&self) -> impl Iterator<Item = &str> {
        self.used.iter().map(String::as_str)
    }

    /// What was embedded.
    pub(crate) fn embedded(&self, place: u64, length: usize) -> Result<Bytes> {
        self.file.get_bytes(place, length).at("read", &self.path)
    }

    /// What was noted in the footer.
    pub(crate) fn notes(&self) -> &[KeyValue] {
        self.metadata.metadata().file_metadata().key_value_metadata().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    pub(crate) fn group_rows(&self, group: usize) -> usize {
        self.metadata.metadata().row_group(group).num_rows() as usize
    }

    /// What says where the pages of a row group are. Of it, the row group is the only one.
    pub(crate) fn group(&self, group: usize) -> Result<ArrowReaderMetadata> {
        self.file.cache.group(self.file.number, group as u32, || self.read_group(group).at("read the page index of", &self.path))
    }

    fn read_group(&self, group: usize) -> parquet::errors::Result<ArrowReaderMetadata> {
        let whole = self.metadata.metadata();
        let of_file = whole.file_metadata();
        let (schema, orders) = (of_file.schema_descr_ptr(), of_file.column_orders().cloned());
        let group = whole.row_group(group).clone();
        let alone = FileMetaData::new(of_file.version(), group.num_rows(), None, None, schema, orders);
        let alone = ParquetMetaData::new(alone, vec![group]);
        let mut reader = ParquetMetaDataReader::new_with_metadata(alone).with_page_index_policy(PageIndexPolicy::Required);
        reader.read_page_indexes(&self.file)?;
        let options = ArrowReaderOptions::new().with_schema(self.metadata.schema().clone());
        ArrowReaderMetadata::try_new(Arc::new(reader.finish()?), options)
    }

    /// A reader of some rows of a row group, of those of these columns that have something to say.
    pub(crate) fn rows_of<'c>(
        &self,
        group: usize,
        rows: RowSelection,
        columns: impl IntoIterator<Item = &'c str>,
    ) -> Result<ParquetRecordBatchReaderBuilder<PartFile>> {
        Ok(self.reader_with(&self.group(group)?, columns).with_row_selection(rows))
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.used.contains(column)
    }

    /// A reader of all columns that have something to say.
    pub(crate) fn reader(&self) -> ParquetRecordBatchReaderBuilder<PartFile> {
        self.reader_of(self.used_columns())
    }

    /// A reader of those of these columns that have something to say. They come in the order of the table.
    pub(crate) fn reader_of<'c>(&self, columns: impl IntoIterator<Item = &'c str>) -> ParquetRecordBatchReaderBuilder<PartFile> {
        self.reader_with(&self.metadata, columns)
    }

    /// The same by other metadata of the file: such as gives columns another type.
    pub(crate) fn reader_with<'c>(
        &self,
        metadata: &ArrowReaderMetadata,
        columns: impl IntoIterator<Item = &'c str>,
    ) -> ParquetRecordBatchReaderBuilder<PartFile> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.into_iter().filter(|column| self.has(column)));
        builder.with_projection(mask)
    }

    pub(crate) fn batches(
        &self,
        builder: ParquetRecordBatchReaderBuilder<PartFile>,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let path = self.path.clone();
        let reader = builder.build().at("read", &self.path)?;
        Ok(reader.map(move |batch| batch.map_err(|source| Error::Parquet { path: path.clone(), source: source.into() })))
    }
}

/// An open file of known, final length.
#[derive(Debug, Clone)]
pub(crate) struct PartFile {
    file: Arc<File>,
    length: u64,
    checksums: Arc<Checksums>,
    cache: Arc<Cache>,
    /// Its number in the cache.
    number: u64,
}

impl PartFile {
    pub(crate) fn open(path: &Path, checksums: Arc<Checksums>, cache: &Arc<Cache>) -> Result<PartFile> {
        let file = File::open(path).at("open", path)?;
        let length = file.metadata().at("read size of", path)?.len();
        let part = PartFile { file: Arc::new(file), length, checksums, cache: cache.clone(), number: cache.next_file() };
        if length.div_ceil(BLOCK_BYTES as u64) != part.checksums.0.len() as u64 {
            return Err(part.damaged("its length is not what was written")).at("open", path);
        }
        Ok(part)
    }

    fn damaged(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, what)
    }

    /// These bytes, of blocks that have their checksums. What lies in one block is kept in memory for a while: pages are small,
    /// and the next one read is often beside it.
    fn read(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let block = BLOCK_BYTES as u64;
        let (first, last) = (start / block, (start + length as u64).saturating_sub(1) / block);
        if length == 0 || first != last {
            return self.read_blocks(start, length);
        }
        let within = (start - first * block) as usize;
        if let Some(bytes) = self.cache.block(self.number, first as u32) {
            return Ok(bytes.slice(within..within + length));
        }
        let bytes = self.read_blocks(first * block, block.min(self.length - first * block) as usize)?;
        self.cache.keep_block(self.number, first as u32, bytes.clone());
        Ok(bytes.slice(within..within + length))
    }

    /// Reads and checks the blocks that these bytes lie in.
    fn read_blocks(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let block = BLOCK_BYTES as u64;
        let first = start / block;
        let from = first * block;
        let to = (start + length as u64).div_ceil(block).saturating_mul(block).min(self.length);
        let mut buffer = vec![0; (to - from) as usize];
        self.file.read_exact_at(&mut buffer, from)?;
        for (chunk, sum) in buffer.chunks(BLOCK_BYTES).zip(&self.checksums.0[first as usize..]) {
            if crc32c::crc32c(chunk) != *sum {
                return Err(self.damaged("a block does not have its checksum"));
            }
        }
        let offset = (start - from) as usize;
        Ok(Bytes::from(buffer).slice(offset..offset + length))
    }

    /// Reads the whole file and says whether it is as it was written.
    #[cfg(test)]
    pub(crate) fn verify(&self) -> io::Result<()> {
        let mut at = 0;
        while at < self.length {
            let length = (self.length - at).min(64 * BLOCK_BYTES as u64);
            self.read_blocks(at, length as usize)?;
            at += length;
        }
        Ok(())
    }
}

impl Length for PartFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for PartFile {
    type T = From;

    fn get_read(&self, start: u64) -> parquet::errors::Result<From> {
        Ok(From { file: self.clone(), at: start, ahead: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // A damaged footer may ask for anything.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(parquet::errors::ParquetError::EOF(format!("{length} bytes at {start} of {}", self.length)));
        }
        Ok(self.read(start, length)?)
    }
}

/// Reads on from a place of its own.
pub(crate) struct From {
    file: PartFile,
    at: u64,
    ahead: Bytes,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            let length = (self.file.length.saturating_sub(self.at)).min(BLOCK_BYTES as u64);
            self.ahead = self.file.read(self.at, length as usize)?;
            self.at += length;
        }
        let taken = self.ahead.split_to(buffer.len().min(self.ahead.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}
