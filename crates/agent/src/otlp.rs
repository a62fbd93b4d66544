//! OTLP in: messages are passed on as they come, once they are on disk. The server reads them.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Buf, Bytes};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Frame;

use crate::queue::{Message, QueueError};
use crate::{Agent, gzip};

const PROTOBUF: &str = "application/x-protobuf";
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Before a message of gRPC: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
const UNAVAILABLE: &str = "14";
const INVALID: &str = "3";

pub(crate) fn router(agent: Agent) -> Router {
    let over_http = |path: &'static str| post(move |state, request| take_http(state, path, request));
    let over_grpc = |path: &'static str| post(move |state, request| take_grpc(state, path, request));
    Router::new()
        .route("/v1/traces", over_http("/v1/traces"))
        .route("/v1/metrics", over_http("/v1/metrics"))
        .route("/v1/logs", over_http("/v1/logs"))
        .route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", over_grpc("/v1/traces"))
        .route("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", over_grpc("/v1/metrics"))
        .route("/opentelemetry.proto.collector.logs.v1.LogsService/Export", over_grpc("/v1/logs"))
        .with_state(agent)
}

/// Spans that came another way.
pub(crate) fn of_spans(request: &impl prost::Message) -> Message {
    let body = request.encode_to_vec();
    let (body, content_encoding) = match gzip(&body) {
        Ok(packed) => (packed, "gzip".to_owned()),
        Err(_) => (body, String::new()),
    };
    Message { path: "/v1/traces".to_owned(), content_type: PROTOBUF.to_owned(), content_encoding, body }
}

async fn take_http(State(agent): State<Agent>, path: &'static str, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return (StatusCode::PAYLOAD_TOO_LARGE, "send smaller batches\n").into_response(),
    };
    let kind = text(&parts.headers, &CONTENT_TYPE);
    let is_json = kind.to_ascii_lowercase().starts_with("application/json");
    if !is_json && !kind.to_ascii_lowercase().starts_with(PROTOBUF) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type is neither application/x-protobuf nor application/json\n")
            .into_response();
    }
    let content_encoding = text(&parts.headers, &CONTENT_ENCODING);
    let message = match packed(path, kind, content_encoding, &body) {
        Ok(message) => message,
        Err(err) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{err}\n")).into_response(),
    };
    match agent.keep(message).await {
        // An empty answer in either form: everything was taken.
        Ok(()) if is_json => ([(CONTENT_TYPE, "application/json")], "{}").into_response(),
        Ok(()) => ([(CONTENT_TYPE, PROTOBUF)], Bytes::new()).into_response(),
        Err(err) => {
            let mut answer = (StatusCode::SERVICE_UNAVAILABLE, format!("{err}\n")).into_response();
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            answer
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// As it came, where it is compressed already.
fn packed(path: &str, content_type: String, content_encoding: String, body: &[u8]) -> std::io::Result<Message> {
    let is_plain = matches!(content_encoding.as_str(), "" | "identity" | "none");
    Ok(Message {
        path: path.to_owned(),
        content_type,
        content_encoding: if is_plain { "gzip".to_owned() } else { content_encoding },
        body: if is_plain { gzip(body)? } else { body.to_vec() },
    })
}

async fn take_grpc(State(agent): State<Agent>, path: &'static str, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return refuse(INVALID, "the message is too large"),
    };
    if body.len() < PREFIX_BYTES {
        return refuse(INVALID, "the message has no beginning");
    }
    let (is_packed, length) = (body.get_u8() != 0, body.get_u32() as usize);
    if body.len() != length {
        return refuse(INVALID, "one message is taken at a time");
    }
    let encoding = if is_packed { text(&parts.headers, &HeaderName::from_static("grpc-encoding")) } else { String::new() };
    if is_packed && !matches!(encoding.as_str(), "gzip" | "zstd") {
        return refuse("12", "the compression is not known; gzip and zstd are");
    }
    let message = match packed(path, PROTOBUF.to_owned(), encoding, &body) {
        Ok(message) => message,
        Err(err) => return refuse("13", &err.to_string()),
    };
    match agent.keep(message).await {
        Ok(()) => accepted(),
        Err(err @ QueueError::Full(_)) => refuse(UNAVAILABLE, &err.to_string()),
        Err(err) => refuse(UNAVAILABLE, &err.to_string()),
    }
}

/// An empty message, and that all went well.
fn accepted() -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let frames: [Result<Frame<Bytes>, std::convert::Infallible>; 2] =
        [Ok(Frame::data(Bytes::from_static(&[0; PREFIX_BYTES]))), Ok(Frame::trailers(trailers))];
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn refuse(status: &'static str, message: &str) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(STATUS, HeaderValue::from_static(status));
    headers.extend(HeaderValue::from_str(message).ok().map(|message| (MESSAGE, message)));
    response
}
