//! Paging tokens: where to go on, for which question, since when. Opaque to clients; a changed or foreign one is told from a good one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limit;

const VERSION: u8 = 1;

/// Why a token leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("it was not made by this server, or was changed")]
    Invalid,
    #[error("it belongs to a request with other parameters; repeat those, or start without a token")]
    OtherQuestion,
    #[error("it has expired; start again without a token")]
    Expired,
}

/// Makes a token for the question that these bytes describe.
pub fn seal(question: &[u8], position: &[u8], now_secs: i64) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&now_secs.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(question).to_le_bytes());
    bytes.extend_from_slice(position);
    let check = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position in a token that was made for the same question.
pub fn open(token: &str, question: &[u8], now_secs: i64) -> Result<Vec<u8>, PageError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| PageError::Invalid)?;
    let (content, check) = bytes.split_last_chunk::<4>().ok_or(PageError::Invalid)?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*check) || content.first() != Some(&VERSION) {
        return Err(PageError::Invalid);
    }
    let (made_secs, rest) = content[1..].split_first_chunk::<8>().ok_or(PageError::Invalid)?;
    let (made_for, position) = rest.split_first_chunk::<4>().ok_or(PageError::Invalid)?;
    if u32::from_le_bytes(*made_for) != crc32c::crc32c(question) {
        return Err(PageError::OtherQuestion);
    }
    if now_secs.saturating_sub(i64::from_le_bytes(*made_secs)) > limit::PAGE_TOKEN_SECS {
        return Err(PageError::Expired);
    }
    Ok(position.to_vec())
}
