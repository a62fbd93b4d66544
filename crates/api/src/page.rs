//! Paging tokens of operations: see `model::page`. Questions and positions are whatever JSON can hold.

use model::page;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Makes a token for the question that `question` describes.
pub(crate) fn token(question: &impl Serialize, position: &impl Serialize, now_us: i64) -> Result<String, ApiError> {
    Ok(page::seal(&json(question)?, &json(position)?, now_us / 1_000_000))
}

/// Reads a token that was made for the same question.
pub(crate) fn position<P: DeserializeOwned>(token: &str, question: &impl Serialize, now_us: i64) -> Result<P, ApiError> {
    let invalid = |why: page::PageError| ApiError::invalid(format!("NextToken is not valid: {why}"));
    let position = page::open(token, &json(question)?, now_us / 1_000_000).map_err(invalid)?;
    serde_json::from_slice(&position).map_err(|_| invalid(page::PageError::Invalid))
}

/// For operations whose answers fit on one page: they hand out no tokens, so none can be theirs.
pub(crate) fn none(token: Option<&str>) -> Result<(), ApiError> {
    match token {
        None => Ok(()),
        Some(_) => Err(ApiError::invalid("NextToken is not valid: this operation answers on one page and hands out no tokens")),
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|err| ApiError::internal(err.to_string()))
}

#[cfg(test)]
mod tests;
