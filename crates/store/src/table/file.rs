//! A Parquet file that many threads read at once: every read names its offset, so that no reader moves another's place.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use crate::error::{IoContext, Result};

/// An open file of known, final length.
#[derive(Debug, Clone)]
pub(crate) struct PartFile {
    file: Arc<File>,
    length: u64,
}

impl PartFile {
    pub(crate) fn open(path: &Path) -> Result<PartFile> {
        let file = File::open(path).at("open", path)?;
        let length = file.metadata().at("read size of", path)?.len();
        Ok(PartFile { file: Arc::new(file), length })
    }
}

impl Length for PartFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for PartFile {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<BufReader<From>> {
        Ok(BufReader::new(From { file: self.file.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // A damaged footer may ask for anything.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(parquet::errors::ParquetError::EOF(format!("{length} bytes at {start} of {}", self.length)));
        }
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, start)?;
        Ok(buffer.into())
    }
}

/// Reads on from a place of its own.
pub(crate) struct From {
    file: Arc<File>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
