//! `/api/sql`: a query in, rows out as they come.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use model::limit;
use serde::Deserialize;
use serde_json::json;
use sql::{Answer, Encoder, Format};
use tracing::warn;

use crate::app::App;
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sql: String,
}

/// Formats by the name in `?format=` and by media type, the usual one first.
const FORMATS: [(&str, &str, Format); 3] = [
    ("json", "application/x-ndjson", Format::JsonLines),
    ("csv", "text/csv", Format::Csv),
    ("arrow", "application/vnd.apache.arrow.stream", Format::Arrow),
];

/// The tables.
pub(crate) async fn tables(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], json!({"tables": app.sql.tables()}).to_string()).into_response()
}

pub(crate) async fn query(State(app): State<Arc<App>>, RawQuery(options): RawQuery, request: Request<Body>) -> Response {
    match answer(&app, options.as_deref().unwrap_or_default(), request).await {
        Ok(response) => response,
        Err(err) => err.into_response(),
    }
}

async fn answer(app: &App, options: &str, request: Request<Body>) -> Result<Response, ApiError> {
    let (media_type, format) = format_of(options, request.headers())?;
    let is_text = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let (body, _room) = crate::body::read(app, request, limit::REQUEST_BYTES).await?;
    let question = if is_text {
        String::from_utf8(body.to_vec()).map_err(|_| ApiError::invalid("the query is not UTF-8"))?
    } else {
        let read = serde_json::from_slice::<Question>(&body);
        read.map_err(|err| ApiError::invalid(format!("the request body is not {{\"sql\": \"SELECT …\"}}: {err}")))?.sql
    };
    let rows = app.sql.query(question).await?;
    let encoder = Encoder::new(format, &rows.schema)?;
    let bytes = stream::unfold(Some((rows, encoder)), |state| async {
        let (mut rows, mut encoder) = state?;
        match next(&mut rows, &mut encoder).await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((rows, encoder)))),
            Ok(None) => Some((encoder.finish().map(Bytes::from), None)),
            Err(err) => {
                // Too late to say so: the answer ends without its end.
                warn!(error = %err, "a query failed after its first rows");
                Some((Err(err), None))
            }
        }
    });
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store")], Body::from_stream(bytes)).into_response())
}

async fn next(rows: &mut Answer, encoder: &mut Encoder) -> sql::Result<Option<Bytes>> {
    match rows.next().await {
        Some(batch) => Ok(Some(encoder.encode(&batch?)?.into())),
        None => Ok(None),
    }
}

/// The format that is asked for.
fn format_of(options: &str, headers: &HeaderMap) -> Result<(&'static str, Format), ApiError> {
    if !options.is_empty() {
        let asked = options.strip_prefix("format=").and_then(|name| FORMATS.iter().find(|(known, ..)| *known == name));
        let (_, media_type, format) =
            asked.ok_or_else(|| ApiError::invalid("after ? there can be format=json, format=csv or format=arrow"))?;
        return Ok((media_type, *format));
    }
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("*/*").to_ascii_lowercase();
    let ranges = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    let known = |range: &str| match range {
        "*/*" | "application/*" | "application/json" => Some(&FORMATS[0]),
        "text/*" => Some(&FORMATS[1]),
        range => FORMATS.iter().find(|(_, media_type, _)| *media_type == range),
    };
    let (_, media_type, format) = ranges.filter_map(known).next().ok_or_else(|| {
        let all = FORMATS.map(|(_, media_type, _)| media_type).join(", ");
        ApiError::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptableException", format!("rows can be had as {all}"))
    })?;
    Ok((media_type, *format))
}
