//! AWS Signature Version 4: reads who signed a request, says whether they did, and signs. Pure: no clock, no keys of its own.
//!
//! A request is signed by the header `Authorization`, or by parameters of its URL (presigned). Its body is signed as a whole, not at all
//! (`UNSIGNED-PAYLOAD`), or chunk by chunk (`aws-chunked`).

mod canonical;
mod chunk;
mod error;
mod time;

use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use chunk::decode as decode_chunks;
pub use error::Error;

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a signer's clock may be off, and how long a signature serves that names no end.
const SKEW_SECS: i64 = 300;
/// The longest time that a presigned request may name.
const EXPIRES_SECS_MAX: i64 = 7 * 24 * 3_600;
/// Headers that a request may sign, and bytes of what names them.
const SIGNED_HEADERS_MAX: usize = 100;

pub type Hash = [u8; 32];

/// What a request says of its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub access_key_id: String,
    /// `20261231`, as the scope has it.
    pub date: String,
    pub region: String,
    pub service: String,
    pub session_token: Option<String>,
    /// Seconds since 1970 at which it was made, and for how long it serves, where it says so.
    pub time_secs: i64,
    expires_secs: Option<i64>,
    /// As the request has it: `20261231T235959Z`.
    time: String,
    signed_headers: Vec<String>,
    signature: Hash,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Query,
}

/// How a body is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// As a whole, by its hash.
    Whole,
    Unsigned,
    /// In chunks, each with a signature that builds on the one before it.
    SignedChunks {
        trailer: bool,
    },
    /// In chunks without signatures.
    UnsignedChunks,
}

/// The key that signs what belongs to a scope.
#[derive(Clone)]
pub struct SigningKey(Hash);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    pub fn new(secret: &str, date: &str, region: &str, service: &str) -> SigningKey {
        let mut key = hmac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
        for part in [region, service, "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        SigningKey(key)
    }

    pub(crate) fn sign(&self, text: &str) -> Hash {
        hmac(&self.0, text.as_bytes())
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Hash {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("invariant: a key of any length will do");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

pub(crate) fn hex(hash: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    hash.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char]).collect()
}

pub(crate) fn from_hex(text: &str) -> Option<Hash> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    let mut hash = Hash::default();
    if bytes.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

/// Who signs, for what.
#[derive(Clone)]
pub struct Signer {
    pub access_key_id: String,
    pub secret: String,
    pub region: String,
    pub service: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.access_key_id)
    }
}

impl Signer {
    /// Signs a request: its method, path, `host` and type, and its body by its hash.
    pub fn sign(&self, request: &mut Parts, body: &Hash, now_secs: i64) {
        let stamp = time::stamp(now_secs);
        let date = &stamp[..8];
        let value = |text: &str| http::HeaderValue::from_str(text).ok();
        let made = http::HeaderName::from_static("x-amz-date");
        request.headers.remove(http::header::AUTHORIZATION);
        request.headers.remove(&made);
        request.headers.extend(value(&stamp).map(|stamp| (made, stamp)));
        let candidates = ["content-type", "host", "x-amz-date", "x-amz-target"];
        let signed: Vec<String> =
            candidates.into_iter().filter(|name| request.headers.contains_key(*name)).map(str::to_owned).collect();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let canonical = canonical::request(request, &signed, false, &hex(body));
        let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex(&hash(canonical.as_bytes())));
        let signature = SigningKey::new(&self.secret, date, &self.region, &self.service).sign(&to_sign);
        let text = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={}",
            self.access_key_id,
            signed.join(";"),
            hex(&signature)
        );
        request.headers.extend(value(&text).map(|text| (http::header::AUTHORIZATION, text)));
    }
}

impl Signature {
    /// The request's signature; none where it has none.
    pub fn of(request: &Parts) -> Result<Option<Signature>, Error> {
        if let Some(value) = request.headers.get(http::header::AUTHORIZATION) {
            let text = value.to_str().map_err(|_| Error::Incomplete("Authorization is not text".to_owned()))?;
            // Other schemes are other people's.
            return if text.starts_with("AWS4-") { Signature::of_header(request, text).map(Some) } else { Ok(None) };
        }
        let query = canonical::Parameters::of(request.uri.query().unwrap_or_default());
        if query.get("X-Amz-Algorithm").is_some() { Signature::of_query(&query).map(Some) } else { Ok(None) }
    }

    fn of_header(request: &Parts, text: &str) -> Result<Signature, Error> {
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        check_algorithm(algorithm)?;
        let member = |name: &str| {
            let mut members = rest.split(',').filter_map(|member| member.trim().split_once('='));
            let value = members.find(|(known, _)| *known == name).map(|(_, value)| value.trim());
            value.ok_or_else(|| Error::Incomplete(format!("Authorization header requires '{name}' parameter")))
        };
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let made = match header("x-amz-date") {
            Some(text) => text.to_owned(),
            // Its own form is another one.
            None => header("date").and_then(time::of_http_date).ok_or_else(|| {
                Error::Incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header".to_owned())
            })?,
        };
        let token = header("x-amz-security-token").map(str::to_owned);
        Signature::read(member("Credential")?, member("SignedHeaders")?, member("Signature")?, made, token, None, Place::Header)
    }

    fn of_query(query: &canonical::Parameters) -> Result<Signature, Error> {
        let member = |name: &str| {
            query.get(name).ok_or_else(|| Error::Incomplete(format!("AWS query-string parameters must include '{name}'")))
        };
        check_algorithm(&member("X-Amz-Algorithm")?)?;
        let expires = member("X-Amz-Expires")?;
        let expires_secs = expires.parse().ok().filter(|secs| (1..=EXPIRES_SECS_MAX).contains(secs));
        let expires_secs = expires_secs
            .ok_or_else(|| Error::Incomplete(format!("X-Amz-Expires must be a number from 1 to {EXPIRES_SECS_MAX}: {expires}")))?;
        Signature::read(
            &member("X-Amz-Credential")?,
            &member("X-Amz-SignedHeaders")?,
            &member("X-Amz-Signature")?,
            member("X-Amz-Date")?,
            query.get("X-Amz-Security-Token"),
            Some(expires_secs),
            Place::Query,
        )
    }

    fn read(
        credential: &str,
        signed_headers: &str,
        signature: &str,
        time: String,
        session_token: Option<String>,
        expires_secs: Option<i64>,
        place: Place,
    ) -> Result<Signature, Error> {
        // A key id may have slashes, the rest may not.
        let mut parts = credential.rsplitn(5, '/');
        let (terminator, service, region, date, id) = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
        let (Some("aws4_request"), Some(service), Some(region), Some(date), Some(id)) = (terminator, service, region, date, id)
        else {
            let shape = "KEYID/YYYYMMDD/REGION/SERVICE/aws4_request";
            return Err(Error::Incomplete(format!("Credential should be of the form {shape}: {credential}")));
        };
        let time_secs = time::of_stamp(&time)
            .ok_or_else(|| Error::Incomplete(format!("X-Amz-Date is not of the form YYYYMMDDTHHMMSSZ: {time}")))?;
        if !time.starts_with(date) {
            return Err(Error::Invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{time}'"
            )));
        }
        let signed_headers: Vec<String> = signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        if signed_headers.len() > SIGNED_HEADERS_MAX {
            return Err(Error::Incomplete(format!("more than {SIGNED_HEADERS_MAX} headers are signed")));
        }
        if !signed_headers.iter().any(|name| name == "host" || name == ":authority") {
            return Err(Error::Invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned()));
        }
        let signature =
            from_hex(signature).ok_or_else(|| Error::Incomplete("Signature is not 64 hexadecimal digits".to_owned()))?;
        Ok(Signature {
            access_key_id: id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            session_token,
            time_secs,
            expires_secs,
            time,
            signed_headers,
            signature,
            place,
        })
    }

    /// How the body is signed.
    pub fn payload(&self, request: &Parts) -> Result<Payload, Error> {
        let Some(value) = request.headers.get("x-amz-content-sha256") else { return Ok(Payload::Whole) };
        match value.to_str().unwrap_or_default() {
            "UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Payload::SignedChunks { trailer: false }),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Payload::SignedChunks { trailer: true }),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::UnsignedChunks),
            text if from_hex(text).is_some() => Ok(Payload::Whole),
            text => Err(Error::Invalid(format!("x-amz-content-sha256 is none that is known: {text}"))),
        }
    }

    /// Whether the key's owner made this signature for this request, and lately. `body` is the hash of the body as it came.
    pub fn verify(&self, request: &Parts, body: &Hash, key: &SigningKey, now_secs: i64) -> Result<(), Error> {
        self.check_time(now_secs)?;
        self.check_coverage(request)?;
        let claimed = request.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
        let payload = match (claimed, self.place) {
            // What the header claims has to be so.
            (Some(text), _) => match from_hex(text) {
                Some(hash) if !bool::from(hash.ct_eq(body)) => {
                    return Err(Error::Invalid(
                        "The provided 'x-amz-content-sha256' header does not match what was computed.".to_owned(),
                    ));
                }
                _ => text.to_owned(),
            },
            (None, _) => hex(body),
        };
        let canonical = canonical::request(request, &self.signed_headers, self.place == Place::Query, &payload);
        let to_sign = format!("{ALGORITHM}\n{}\n{}\n{}", self.time, self.scope(), hex(&hash(canonical.as_bytes())));
        if bool::from(key.sign(&to_sign).ct_eq(&self.signature)) {
            return Ok(());
        }
        Err(Error::Invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. \
             Consult the service documentation for details."
                .to_owned(),
        ))
    }

    fn check_time(&self, now_secs: i64) -> Result<(), Error> {
        let (now, stamp) = (time::stamp(now_secs), &self.time);
        if self.time_secs > now_secs + SKEW_SECS {
            let latest = time::stamp(now_secs + SKEW_SECS);
            return Err(Error::Invalid(format!(
                "Signature not yet current: {stamp} is still later than {latest} ({now} + 5 min.)"
            )));
        }
        let (end_secs, why) = match self.expires_secs {
            Some(secs) => (self.time_secs + secs, "X-Amz-Expires"),
            None => (self.time_secs + SKEW_SECS, "5 min."),
        };
        if now_secs > end_secs {
            return Err(Error::Expired(format!(
                "Signature expired: {stamp} + {why} ({}) is now earlier than {now}",
                time::stamp(end_secs)
            )));
        }
        Ok(())
    }

    /// Headers that change what a request means have to be signed.
    fn check_coverage(&self, request: &Parts) -> Result<(), Error> {
        let missing = request.headers.keys().map(http::HeaderName::as_str).find(|name| {
            name.starts_with("x-amz-")
                && !ADDED_ON_THE_WAY.contains(name)
                && !self.signed_headers.iter().any(|signed| signed == name)
        });
        match missing {
            Some(name) => Err(Error::Invalid(format!("There were headers present in the request which were not signed: {name}"))),
            None => Ok(()),
        }
    }

    /// What chunks of the body build on.
    pub fn seed(&self) -> Hash {
        self.signature
    }

    pub(crate) fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    pub(crate) fn time(&self) -> &str {
        &self.time
    }
}

/// Headers that proxies add behind the signer.
const ADDED_ON_THE_WAY: &[&str] = &["x-amzn-trace-id", "x-amz-cf-id"];

fn check_algorithm(algorithm: &str) -> Result<(), Error> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(Error::Incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'; {ALGORITHM} is the one there is")))
}

#[cfg(test)]
mod tests;
