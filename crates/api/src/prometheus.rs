//! Prometheus: what the server measures of itself, to be asked for, and remote write in.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{Kind, limit};
use tracing::{debug, error};

use crate::app::{App, Asking};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Reasons that an answer names.
const NAMED: usize = 5;

/// `GET /metrics`.
pub(crate) async fn exposition(State(app): State<Arc<App>>) -> Response {
    let ingest = app.ingest.stats();
    let store = app.store.stats().await;
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, values: &[(String, f64)]| {
        let _ = writeln!(text, "# HELP mitoshi_{name} {help}\n# TYPE mitoshi_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(text, "mitoshi_{name}{labels} {value}");
        }
    };
    let plain = |value: f64| [(String::new(), value)];
    let by = |counts: &std::collections::BTreeMap<&'static str, u64>| -> Vec<(String, f64)> {
        counts.iter().map(|(reason, count)| (format!("{{reason=\"{reason}\"}}"), *count as f64)).collect()
    };
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    family("build_info", "gauge", "Which version this is.", &[(version, 1.0)]);
    family("start_time_seconds", "gauge", "When it started, in seconds since 1970.", &plain(app.started_us as f64 / 1e6));
    family("segments_accepted_total", "counter", "Segments that were taken in.", &plain(ingest.segments_accepted as f64));
    family("segments_rejected_total", "counter", "Segments that were refused.", &by(&ingest.segments_rejected));
    family(
        "datapoints_accepted_total",
        "counter",
        "Datapoints of metrics that were taken in.",
        &plain(ingest.datapoints_accepted as f64),
    );
    family(
        "events_rejected_total",
        "counter",
        "Events in the embedded metric format that were refused.",
        &by(&ingest.events_rejected),
    );
    family(
        "datagrams_received_total",
        "counter",
        "Datagrams that came to the daemon's port.",
        &plain(ingest.datagrams_received as f64),
    );
    family("datagrams_rejected_total", "counter", "Datagrams that were refused.", &by(&ingest.datagrams_rejected));
    family(
        "datagrams_dropped_total",
        "counter",
        "Datagrams that the kernel threw away because the buffer was full.",
        &plain(ingest.datagrams_kernel_dropped as f64),
    );
    family("stored_segments", "gauge", "Segments in the store.", &plain(store.segments as f64));
    family("stored_traces", "gauge", "Traces in the store.", &plain(store.traces as f64));
    family("parts", "gauge", "Parts of the store.", &plain(store.parts as f64));
    family("part_bytes", "gauge", "Bytes of all parts.", &plain(store.part_bytes as f64));
    family("log_bytes", "gauge", "Bytes of the write-ahead log.", &plain(store.log_bytes as f64));
    family("memtable_bytes", "gauge", "Bytes in memory that are not in parts yet.", &plain(store.memory_bytes as f64));
    family("damaged_parts", "gauge", "Parts that cannot be read.", &plain(store.damaged_parts.len() as f64));
    family("unreadable_reads_total", "counter", "Documents that could not be read.", &plain(store.unreadable_reads as f64));
    ([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, "no-store")], text).into_response()
}

/// `POST /api/v1/write`: version 1 of remote write. What is refused is never sent again, so that an answer that refuses some of it
/// comes after the rest was kept.
pub(crate) async fn write(Asking(app): Asking, request: Request<Body>) -> Response {
    let (kind, encoding) = (text(&request, CONTENT_TYPE), text(&request, CONTENT_ENCODING));
    if kind.contains("proto=") && !kind.contains("prometheus.writerequest") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "remote write 1.0 is spoken here: prometheus.WriteRequest");
    }
    if !matches!(encoding.as_str(), "" | "snappy") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be compressed with snappy");
    }
    let (body, _room) = match crate::body::read(&app, request, limit::REQUEST_BYTES).await {
        Ok(read) => read,
        Err(err) => {
            let (status, message) = err.told();
            return refuse(status, &message);
        }
    };
    let _place = app.limits.otlp_calls.acquire().await;
    let request = match tokio::task::spawn_blocking(move || ingest::prometheus::read(&body)).await {
        Ok(Ok(request)) => request,
        Ok(Err(message)) => return refuse(StatusCode::BAD_REQUEST, &message),
        Err(err) => {
            error!(error = %err, "a remote write failed");
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why");
        }
    };
    match app.ingest.write(request, app.clock.now_us()).await {
        Ok(refused) if refused.is_empty() => StatusCode::NO_CONTENT.into_response(),
        Ok(refused) => {
            let named = refused.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
            refuse(StatusCode::BAD_REQUEST, &format!("{} samples were refused, the others kept: {named}", refused.len()))
        }
        Err(err) if err.kind() == Kind::Unavailable => {
            debug!(error = %err, "a remote write was refused");
            let mut answer = refuse(StatusCode::SERVICE_UNAVAILABLE, "the server cannot store data just now; send it again");
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            answer
        }
        Err(err) => {
            error!(error = %err, "a remote write failed");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why")
        }
    }
}

fn text(request: &Request<Body>, name: HeaderName) -> String {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{message}\n")).into_response()
}
