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

/// Where the page begins that a token asks for; without a token, at the first.
pub(crate) fn begin<P: DeserializeOwned + Default>(
    token: Option<&str>,
    question: &impl Serialize,
    now_us: i64,
) -> Result<P, ApiError> {
    token.map_or_else(|| Ok(P::default()), |token| position(token, question, now_us))
}

/// The page that a token asks for, of all that there are, and the token of the next.
pub(crate) fn cut<T>(
    all: Vec<T>,
    token: Option<&str>,
    most: usize,
    question: &impl Serialize,
    now_us: i64,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let from: usize = begin(token, question, now_us)?;
    let end = from.saturating_add(most);
    let next = (end < all.len()).then(|| self::token(question, &end, now_us)).transpose()?;
    Ok((all.into_iter().skip(from).take(most).collect(), next))
}

/// The same of what is in the order of its names, and stays right where some come and go between pages.
pub(crate) fn cut_by_name<T>(
    all: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
    token: Option<&str>,
    most: usize,
    question: &impl Serialize,
    now_us: i64,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let after: Option<String> = begin(token, question, now_us)?;
    let mut rest = all.into_iter().filter(|each| after.as_deref().is_none_or(|after| name(each) > after));
    let page: Vec<T> = rest.by_ref().take(most).collect();
    let next = match (rest.next(), page.last()) {
        (Some(_), Some(last)) => Some(self::token(question, &name(last), now_us)?),
        _ => None,
    };
    Ok((page, next))
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
