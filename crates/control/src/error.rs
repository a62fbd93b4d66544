//! Why a resource could not be read or changed.

use model::Kind;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    LimitExceeded(String),
    /// As `NotFound`, where the caller gave what identifies exactly one thing: an ARN, a token.
    #[error("{0}")]
    NoResource(String),
    #[error("{0}")]
    TooManyTags(String),
    #[error("{0}")]
    MalformedPolicyDocument(String),
    #[error("{0}")]
    InvalidPolicyRevisionId(String),
    #[error("{0}")]
    PolicySizeLimitExceeded(String),
    #[error("{0}")]
    PolicyCountLimitExceeded(String),
    #[error("{0}")]
    Conflict(String),
    /// It must not be deleted, by its own setting.
    #[error("{0}")]
    Protected(String),
    #[error("{0}")]
    QuotaExceeded(String),
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    WrongPassword(String),
    #[error("{0}")]
    TooManyTries(String),
    #[error("{0}")]
    Unexpected(String),
    #[error(transparent)]
    Query(#[from] query::Error),
    #[error(transparent)]
    Filter(#[from] query::filter::FilterError),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    pub fn kind(&self) -> Kind {
        match self {
            Error::Invalid(_)
            | Error::Filter(_)
            | Error::Conflict(_)
            | Error::Protected(_)
            | Error::Denied(_)
            | Error::WrongPassword(_)
            | Error::TooManyTries(_)
            | Error::TooManyTags(_)
            | Error::MalformedPolicyDocument(_)
            | Error::InvalidPolicyRevisionId(_) => Kind::Invalid,
            Error::NotFound(_) | Error::NoResource(_) => Kind::NotFound,
            Error::LimitExceeded(_)
            | Error::QuotaExceeded(_)
            | Error::PolicySizeLimitExceeded(_)
            | Error::PolicyCountLimitExceeded(_) => Kind::LimitExceeded,
            Error::Unexpected(_) => Kind::Internal,
            Error::Query(err) => err.kind(),
            Error::Store(err) => err.kind(),
        }
    }
}
