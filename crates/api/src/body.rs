//! Taking a request's body in, within bounds: its size, the time it may take to arrive, and the memory of all that arrive at the
//! same time.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::error::ApiError;

/// How long a body may take, waiting for room included.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long nothing of it may come.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bodies up to this size need no room of their own: the bound on connections bounds them too.
const SMALL_BYTES: usize = 64 * 1024;
/// Memory is counted in units of this.
pub(crate) const UNIT_BYTES: usize = 1024;

/// Units of memory for large bodies.
pub(crate) const UNITS: usize = 256 * 1024 * 1024 / UNIT_BYTES;

/// The room that a body holds until it is let go.
pub(crate) type Room = Option<Arc<OwnedSemaphorePermit>>;

/// The body of a request that was read before, for its signature.
#[derive(Clone)]
pub(crate) struct AlreadyRead {
    pub(crate) bytes: Bytes,
    pub(crate) room: Room,
}

/// The body, with its room.
pub(crate) async fn read(app: &App, mut request: Request<Body>, limit: usize) -> Result<(Bytes, Room), ApiError> {
    if let Some(AlreadyRead { bytes, room }) = request.extensions_mut().remove() {
        return if bytes.len() > limit { Err(too_large(limit)) } else { Ok((bytes, room)) };
    }
    let (parts, body) = request.into_parts();
    read_body(app, &parts.headers, body, limit).await
}

/// The body of a request with these headers.
pub(crate) async fn read_body(app: &App, headers: &HeaderMap, body: Body, limit: usize) -> Result<(Bytes, Room), ApiError> {
    match tokio::time::timeout(TIMEOUT, read_all(app, headers, body, limit)).await {
        Ok(read) => read,
        Err(_) => {
            let message = format!("the request body did not arrive within {} seconds", TIMEOUT.as_secs());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message))
        }
    }
}

async fn read_all(app: &App, headers: &HeaderMap, mut incoming: Body, limit: usize) -> Result<(Bytes, Room), ApiError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let unreadable = |err: axum::Error| ApiError::invalid(format!("the request body cannot be read: {err}"));
    let mut body = BytesMut::new();
    let mut room: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = tokio::time::timeout(IDLE_TIMEOUT, incoming.frame()).await.map_err(|_| too_slow(IDLE_TIMEOUT))? {
        let Ok(data) = frame.map_err(unreadable)?.into_data() else { continue };
        if body.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        if body.is_empty() {
            // What was announced is room to read into, and no more than was announced is believed before it comes.
            body.reserve(length.unwrap_or(0).clamp(data.len(), SMALL_BYTES.max(data.len())));
        }
        body.extend_from_slice(&data);
        let units = body.len().saturating_sub(SMALL_BYTES).div_ceil(UNIT_BYTES);
        let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if units > held {
            let more =
                app.limits.bodies.clone().acquire_many_owned((units - held) as u32).await.map_err(|_| ApiError::shutting_down())?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
        }
    }
    Ok((body.freeze(), room.map(Arc::new)))
}

fn too_slow(timeout: Duration) -> ApiError {
    let message = format!("the request body did not arrive: nothing came for {} seconds", timeout.as_secs());
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message)
}

pub(crate) fn too_large(limit: usize) -> ApiError {
    let message = format!("the request body is larger than {} bytes", limit);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message)
}

/// A request's body without its compression, where it has one, and the room for both.
pub(crate) async fn read_packed(app: &App, request: Request<Body>, bytes_max: usize) -> Result<(Bytes, Rooms), ApiError> {
    let encoding = request.headers().get(CONTENT_ENCODING).cloned();
    let (body, room) = read(app, request, bytes_max).await?;
    let (body, more_room) = unpacked(app, body, encoding, bytes_max).await?;
    Ok((body, (room, more_room)))
}

type Rooms = (Room, Option<OwnedSemaphorePermit>);

/// The body without its compression, and the room for it.
async fn unpacked(
    app: &App,
    body: Bytes,
    encoding: Option<HeaderValue>,
    bytes_max: usize,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), ApiError> {
    let encoding = encoding.as_ref().map(|encoding| encoding.to_str().unwrap_or("?").trim()).unwrap_or_default();
    match encoding {
        "" | "identity" => return Ok((body, None)),
        "gzip" => {}
        other => {
            let message = format!("the content encoding {other:?} is not supported; gzip is");
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaTypeException", message));
        }
    }
    let units = (bytes_max / UNIT_BYTES) as u32;
    let room = app.limits.bodies.clone().acquire_many_owned(units).await.map_err(|_| ApiError::shutting_down())?;
    let mut unpacked = Vec::new();
    let reader = flate2::read::MultiGzDecoder::new(&body[..]);
    reader
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|err| ApiError::invalid(format!("the request body is not gzip as it says: {err}")))?;
    if unpacked.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok((Bytes::from(unpacked), Some(room)))
}
