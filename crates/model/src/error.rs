//! The coarse kinds of error that all crates share; `api` maps each to an AWS exception in one place.

/// What a caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is wrong: change it.
    Invalid,
    /// The named thing does not exist.
    NotFound,
    /// A limit on the number of things is reached: delete some, or raise the limit.
    LimitExceeded,
    /// Try again later: the server lacks disk or memory just now.
    Unavailable,
    /// Stored bytes are damaged; they were set aside.
    Corrupt,
    /// A defect or an environment problem that an operator must look at.
    Internal,
}
