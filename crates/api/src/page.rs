//! Paging tokens: where to go on, for which question, until when. Opaque to clients; a changed or foreign one is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::limit;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

const VERSION: u8 = 1;

/// Makes a token for the question that `question` describes.
pub(crate) fn token(question: &impl Serialize, position: &impl Serialize, now_us: i64) -> Result<String, ApiError> {
    let position = serde_json::to_vec(position).map_err(|err| ApiError::internal(err.to_string()))?;
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&(now_us / 1_000_000).to_le_bytes());
    bytes.extend_from_slice(&digest(question)?.to_le_bytes());
    bytes.extend_from_slice(&position);
    let check = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a token that was made for the same question.
pub(crate) fn position<P: DeserializeOwned>(token: &str, question: &impl Serialize, now_us: i64) -> Result<P, ApiError> {
    let invalid = || ApiError::invalid("NextToken is not valid: it was not made by this server, or was changed");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (content, check) = bytes.split_last_chunk::<4>().ok_or_else(invalid)?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*check) || content.first() != Some(&VERSION) {
        return Err(invalid());
    }
    let (made_secs, rest) = content[1..].split_first_chunk::<8>().ok_or_else(invalid)?;
    let (made_for, position) = rest.split_first_chunk::<4>().ok_or_else(invalid)?;
    if u32::from_le_bytes(*made_for) != digest(question)? {
        return Err(ApiError::invalid(
            "NextToken belongs to a request with other parameters; repeat those, or start without a token",
        ));
    }
    if now_us / 1_000_000 - i64::from_le_bytes(*made_secs) > limit::PAGE_TOKEN_SECS {
        return Err(ApiError::invalid("NextToken has expired; start again without a token"));
    }
    serde_json::from_slice(position).map_err(|_| invalid())
}

/// For operations whose answers fit on one page: they hand out no tokens, so none can be theirs.
pub(crate) fn none(token: Option<&str>) -> Result<(), ApiError> {
    match token {
        None => Ok(()),
        Some(_) => Err(ApiError::invalid("NextToken is not valid: this operation answers on one page and hands out no tokens")),
    }
}

fn digest(question: &impl Serialize) -> Result<u32, ApiError> {
    serde_json::to_vec(question).map(|bytes| crc32c::crc32c(&bytes)).map_err(|err| ApiError::internal(err.to_string()))
}

#[cfg(test)]
mod tests;
