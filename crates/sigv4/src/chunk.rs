//! Bodies in chunks (`Content-Encoding: aws-chunked`), each with a signature that builds on the one before it.

use subtle::ConstantTimeEq;

use crate::{Error, Hash, Payload, Signature, SigningKey, from_hex, hash, hex};

/// Bytes of a chunk's first line.
const LINE_MAX: usize = 1_024;
/// Bytes of all trailers.
const TRAILERS_MAX: usize = 16 * 1_024;

/// The content of a body in chunks. Without a key, signatures are not looked at.
pub fn decode(body: &[u8], payload: Payload, signature: &Signature, key: Option<&SigningKey>) -> Result<Vec<u8>, Error> {
    let signed = matches!(payload, Payload::SignedChunks { .. });
    let mut content = Vec::with_capacity(body.len());
    let mut rest = body;
    let mut before = signature.seed();
    loop {
        let (line, behind) = line(rest, LINE_MAX)?;
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| broken("the size of a chunk is no hexadecimal number"))?;
        if size > behind.len() {
            return Err(broken("the body ends within a chunk"));
        }
        let (data, behind) = behind.split_at(size);
        if signed {
            let claimed = extension.trim().strip_prefix("chunk-signature=").and_then(from_hex);
            let claimed = claimed.ok_or_else(|| broken("a chunk has no signature"))?;
            if let Some(key) = key {
                let text = format!("{}\n{}", hex(&hash(b"")), hex(&hash(data)));
                before = check(signature, key, "PAYLOAD", &before, &text, &claimed)?;
            }
        }
        content.extend_from_slice(data);
        if size > 0 {
            rest = behind.strip_prefix(b"\r\n").ok_or_else(|| broken("a chunk is longer than it says"))?;
            continue;
        }
        let trailers = trailers(behind)?;
        if payload == (Payload::SignedChunks { trailer: true }) {
            let claimed =
                trailers.iter().find(|(name, _)| name == "x-amz-trailer-signature").and_then(|(_, value)| from_hex(value));
            let claimed = claimed.ok_or_else(|| broken("the trailer has no signature"))?;
            if let Some(key) = key {
                let signed = trailers.iter().filter(|(name, _)| name != "x-amz-trailer-signature");
                let text: String = signed.map(|(name, value)| format!("{name}:{value}\n")).collect();
                check(signature, key, "TRAILER", &before, &hex(&hash(text.as_bytes())), &claimed)?;
            }
        }
        return Ok(content);
    }
}

fn check(signature: &Signature, key: &SigningKey, what: &str, before: &Hash, text: &str, claimed: &Hash) -> Result<Hash, Error> {
    let (time, scope) = (signature.time(), signature.scope());
    let computed = key.sign(&format!("AWS4-HMAC-SHA256-{what}\n{time}\n{scope}\n{}\n{text}", hex(before)));
    if bool::from(computed.ct_eq(claimed)) {
        return Ok(computed);
    }
    Err(Error::Invalid("The chunk signature we calculated does not match the signature you provided.".to_owned()))
}

/// Names in small letters, and values.
fn trailers(mut rest: &[u8]) -> Result<Vec<(String, String)>, Error> {
    if rest.len() > TRAILERS_MAX {
        return Err(broken("the trailers are too long"));
    }
    let mut trailers = Vec::new();
    while !rest.is_empty() {
        let (line, behind) = line(rest, TRAILERS_MAX)?;
        rest = behind;
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a trailer has no value"))?;
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(trailers)
}

fn line(bytes: &[u8], max: usize) -> Result<(&str, &[u8]), Error> {
    let end = bytes.windows(2).take(max).position(|pair| pair == b"\r\n").ok_or_else(|| broken("a line does not end"))?;
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| broken("a line is not text"))?;
    Ok((text, &bytes[end + 2..]))
}

fn broken(what: &str) -> Error {
    Error::Incomplete(format!("the body is not aws-chunked: {what}"))
}
