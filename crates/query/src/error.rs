//! Why a question has no answer.

use model::Kind;

use crate::filter::FilterError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Filter(#[from] FilterError),
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    pub fn kind(&self) -> Kind {
        match self {
            Error::Filter(_) | Error::Invalid(_) => Kind::Invalid,
            Error::Store(err) => err.kind(),
        }
    }
}
