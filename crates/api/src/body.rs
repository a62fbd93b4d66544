//! Taking a request's body in, within bounds: its size, the time it may take to arrive, and the memory of all that arrive at the
//! same time.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::limit;
use tokio::sync::SemaphorePermit;

use crate::app::App;
use crate::error::ApiError;

/// How long a body may take, waiting for room included.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bodies up to this size need no room of their own: the bound on connections bounds them too.
const SMALL_BYTES: usize = 64 * 1024;
/// Memory is counted in units of this.
const UNIT_BYTES: usize = 1024;

/// Units of memory for large bodies.
pub const BODY_UNITS: usize = 256 * 1024 * 1024 / UNIT_BYTES;

/// The body, with the room it holds until it is let go.
pub(crate) async fn read(app: &App, request: Request<Body>) -> Result<(Bytes, Option<SemaphorePermit<'_>>), ApiError> {
    match tokio::time::timeout(TIMEOUT, read_all(app, request)).await {
        Ok(read) => read,
        Err(_) => {
            let message = format!("the request body did not arrive within {} seconds", TIMEOUT.as_secs());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message))
        }
    }
}

async fn read_all(app: &App, request: Request<Body>) -> Result<(Bytes, Option<SemaphorePermit<'_>>), ApiError> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let length = length.unwrap_or(limit::REQUEST_BYTES);
    if length > limit::REQUEST_BYTES {
        return Err(too_large());
    }
    let room = if length > SMALL_BYTES {
        let units = length.div_ceil(UNIT_BYTES) as u32;
        Some(app.bodies.acquire_many(units).await.map_err(|_| ApiError::shutting_down())?)
    } else {
        None
    };
    match Limited::new(request.into_body(), limit::REQUEST_BYTES).collect().await {
        Ok(body) => Ok((body.to_bytes(), room)),
        Err(err) if err.is::<LengthLimitError>() => Err(too_large()),
        Err(err) => Err(ApiError::invalid(format!("the request body cannot be read: {err}"))),
    }
}

fn too_large() -> ApiError {
    let message = format!("the request body is larger than {} bytes", limit::REQUEST_BYTES);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message)
}
