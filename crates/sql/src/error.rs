//! Why a query has no answer.

use std::time::Duration;

use datafusion::common::DataFusionError;
use model::Kind;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The query cannot be read, names what there is not, or cannot be computed.
    #[error("{0}")]
    Query(String),
    #[error("queries can read and change nothing: {0}")]
    NotReading(String),
    #[error("the query took longer than {} s: ask for less time, or fewer columns, or raise sql.timeout_secs", .0.as_secs())]
    TooLong(Duration),
    #[error("the query needs more memory than {mib} MiB: ask for less time, group by less, or raise sql.memory_mib ({detail})")]
    TooLarge { mib: usize, detail: String },
    #[error(transparent)]
    Store(store::Error),
    #[error("{0}")]
    Internal(String),
    #[error("the server is stopping")]
    Stopping,
}

impl Error {
    pub fn kind(&self) -> Kind {
        match self {
            Error::Query(_) | Error::NotReading(_) | Error::TooLong(_) | Error::TooLarge { .. } => Kind::Invalid,
            Error::Store(err) => err.kind(),
            Error::Internal(_) => Kind::Internal,
            Error::Stopping => Kind::Unavailable,
        }
    }

    pub(crate) fn of(err: DataFusionError, memory_mib: usize) -> Error {
        match err {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Error::of(*inner, memory_mib),
            DataFusionError::Shared(inner) => match inner.find_root() {
                DataFusionError::ResourcesExhausted(detail) => Error::TooLarge { mib: memory_mib, detail: first_line(detail) },
                _ => Error::Query(message(&inner)),
            },
            DataFusionError::ResourcesExhausted(detail) => Error::TooLarge { mib: memory_mib, detail: first_line(&detail) },
            DataFusionError::External(inner) => match inner.downcast::<store::Error>() {
                Ok(err) => Error::Store(*err),
                Err(inner) => Error::Internal(inner.to_string()),
            },
            DataFusionError::Internal(_) | DataFusionError::IoError(_) | DataFusionError::ExecutionJoin(_) => {
                Error::Internal(message(&err))
            }
            err => Error::Query(message(&err)),
        }
    }
}

/// Without the engine's traces of where in itself it happened.
fn message(err: &DataFusionError) -> String {
    err.strip_backtrace()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches(':').to_owned()
}
