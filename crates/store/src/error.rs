//! What can go wrong with stored data.

use std::io::ErrorKind;
use std::path::PathBuf;

use model::Kind;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what} {path}: {source}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("catalog: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("catalog migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("part {path}: {source}", path = path.display())]
    Parquet { path: PathBuf, source: parquet::errors::ParquetError },
    #[error("part {path}: {what}", path = path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("data folder {path} is in use by another process", path = path.display())]
    Locked { path: PathBuf },
    #[error("data folder {path} has format version {found}; this version of mitoshi reads version {known}", path = path.display())]
    Format { path: PathBuf, found: String, known: u32 },
    #[error("there is no data in {path}", path = path.display())]
    NoData { path: PathBuf },
    #[error("there is no backup in {path}", path = path.display())]
    NoBackup { path: PathBuf },
    #[error("{path} is not empty", path = path.display())]
    NotEmpty { path: PathBuf },
    #[error("parts were merged faster than they could be copied")]
    Busy,
    #[error("{path} is a backup", path = path.display())]
    IsBackup { path: PathBuf },
    #[error("a restore into {path} did not finish", path = path.display())]
    HalfRestored { path: PathBuf },
    #[error("the write-ahead log cannot be written: {0}")]
    LogUnwritable(String),
    #[error("{bytes} bytes wait in memory to be written to disk, the limit is {limit}")]
    Behind { bytes: usize, limit: usize },
    #[error("{0} failed in an unexpected way: this is a defect, please report it")]
    Panicked(&'static str),
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// Whether the catalog's database is not what was written.
    pub(crate) fn is_catalog_damage(&self) -> bool {
        use sqlx::migrate::MigrateError;
        let source = match self {
            Error::Sql(source) | Error::Migrate(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)) => {
                source
            }
            // The note of what was done to the database is not what was noted.
            Error::Migrate(MigrateError::VersionMismatch(_)) => return true,
            _ => return false,
        };
        match source {
            // SQLITE_CORRUPT and SQLITE_NOTADB, in the low byte of the extended code.
            sqlx::Error::Database(err) => {
                err.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 11 | 26))
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
            _ => false,
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Error::LogUnwritable(_) | Error::Behind { .. } | Error::Closed | Error::Busy => Kind::Unavailable,
            Error::Io { source, .. } if source.kind() == ErrorKind::StorageFull => Kind::Unavailable,
            Error::Parquet { .. } | Error::Damaged { .. } => Kind::Corrupt,
            Error::Locked { .. }
            | Error::Format { .. }
            | Error::IsBackup { .. }
            | Error::HalfRestored { .. }
            | Error::NoData { .. }
            | Error::NoBackup { .. }
            | Error::NotEmpty { .. } => Kind::Invalid,
            Error::Io { .. } | Error::Sql(_) | Error::Migrate(_) | Error::Panicked(_) => Kind::Internal,
        }
    }
}

impl Error {
    /// Whether the file itself is at fault. Anything else (no more file descriptors, a failing disk) may pass.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Error::Damaged { .. } => true,
            Error::Io { source, .. } => matches!(source.kind(), ErrorKind::NotFound | ErrorKind::InvalidData),
            Error::Parquet { source: parquet::errors::ParquetError::External(inner), .. } => inner
                .downcast_ref::<std::io::Error>()
                .is_none_or(|err| matches!(err.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData)),
            Error::Parquet { .. } => true,
            _ => false,
        }
    }
}

/// Names the file in an I/O error.
pub(crate) trait IoContext<T> {
    fn at(self, what: &'static str, path: &std::path::Path) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn at(self, what: &'static str, path: &std::path::Path) -> Result<T> {
        self.map_err(|source| Error::Io { what, path: path.to_owned(), source })
    }
}

impl<T> IoContext<T> for Result<T, parquet::errors::ParquetError> {
    fn at(self, _: &'static str, path: &std::path::Path) -> Result<T> {
        self.map_err(|source| Error::Parquet { path: path.to_owned(), source })
    }
}
