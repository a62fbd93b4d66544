//! Why a signature is not taken. The words are AWS's own where AWS says something.

/// A signature that is not good. `exception` has the name under which clients know it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something is missing, or cannot be read.
    #[error("{0}")]
    Incomplete(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Expired(String),
}

impl Error {
    pub fn exception(&self) -> &'static str {
        match self {
            Error::Incomplete(_) => "IncompleteSignatureException",
            Error::Invalid(_) | Error::Expired(_) => "InvalidSignatureException",
        }
    }
}
