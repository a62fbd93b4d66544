//! What an X-Ray daemon offers: segments in datagrams, and the server's answers about sampling.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyExt, Limited};
use ingest::xray::daemon::{Payload, payload};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use crate::forward::told_to;
use crate::queue::{Message, Queue};
use crate::{Agent, gzip};

const DATAGRAM_BYTES: usize = 64 * 1024;
/// Documents of one PutTraceSegments (AWS), and how long the first of them waits for others.
const DOCUMENTS: usize = 50;
const GATHER: Duration = Duration::from_millis(200);
const BODY_BYTES_MAX: usize = 1024 * 1024;
const RETRY: Duration = Duration::from_millis(500);

pub(crate) fn router(agent: Agent) -> Router {
    Router::new().fallback(pass_through).with_state(agent)
}

/// Questions are the server's to answer. Without it there is no answer, and SDKs go by their local rules.
async fn pass_through(State(agent): State<Agent>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the request is too large\n").into_response();
    };
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default().to_owned();
    let kind = text(CONTENT_TYPE);
    let message = Message {
        path: parts.uri.path().to_owned(),
        content_type: if kind.is_empty() { "application/json".to_owned() } else { kind },
        content_encoding: text(http::header::CONTENT_ENCODING),
        body: body.to_bytes().to_vec(),
    };
    if message.path == "/TraceSegments" {
        // These must not be lost.
        return match agent.keep(message).await {
            Ok(()) => ([(CONTENT_TYPE, "application/json")], "{\"UnprocessedTraceSegments\":[]}").into_response(),
            Err(err) => (StatusCode::SERVICE_UNAVAILABLE, format!("{err}\n")).into_response(),
        };
    }
    match agent.forwarder.send(&message).await {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            let mut response = (parts.status, body).into_response();
            if let Some(kind) = parts.headers.get(CONTENT_TYPE) {
                response.headers_mut().insert(CONTENT_TYPE, kind.clone());
            }
            response
        }
        Err(err) => (StatusCode::SERVICE_UNAVAILABLE, format!("the server cannot be reached: {err}\n")).into_response(),
    }
}

pub(crate) async fn take_datagrams(queue: &Arc<Queue>, socket: UdpSocket, mut stop: watch::Receiver<bool>) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut documents: Vec<Bytes> = Vec::with_capacity(DOCUMENTS);
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = told_to(&mut stop) => break,
            () = sleep_until(due), if !documents.is_empty() => keep(queue, &mut documents, &mut stop).await,
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, _)) => match payload(&buffer[..length]) {
                    Ok(Payload::Document(document)) => {
                        if documents.is_empty() {
                            due = Instant::now() + GATHER;
                        }
                        documents.push(Bytes::copy_from_slice(document));
                        if documents.len() == DOCUMENTS {
                            keep(queue, &mut documents, &mut stop).await;
                        }
                    }
                    Ok(Payload::Spans(text)) => {
                        if let Some(request) = ingest::xray::daemon::spans(text) {
                            let message = crate::otlp::of_spans(&request);
                            keep_one(queue, message, &mut stop).await;
                        }
                    }
                    Err(reason) => debug!(reason, "a datagram was refused"),
                },
                Err(err) => {
                    warn!(error = %err, "receiving a datagram failed");
                    sleep(Duration::from_millis(10)).await;
                }
            },
        }
    }
    keep(queue, &mut documents, &mut stop).await;
}

async fn keep(queue: &Arc<Queue>, documents: &mut Vec<Bytes>, stop: &mut watch::Receiver<bool>) {
    if documents.is_empty() {
        return;
    }
    let texts: Vec<_> = documents.iter().map(|document| String::from_utf8_lossy(document)).collect();
    let body = serde_json::json!({"TraceSegmentDocuments": texts}).to_string();
    documents.clear();
    let Ok(body) = gzip(body.as_bytes()) else { return };
    let message = Message {
        path: "/TraceSegments".to_owned(),
        content_type: "application/json".to_owned(),
        content_encoding: "gzip".to_owned(),
        body,
    };
    keep_one(queue, message, stop).await;
}

/// A datagram has no answer, so that it waits for room; what comes meanwhile waits in the kernel.
async fn keep_one(queue: &Arc<Queue>, message: Message, stop: &mut watch::Receiver<bool>) {
    let mut is_told = false;
    loop {
        let (to, one) = (queue.clone(), message.clone());
        match tokio::task::spawn_blocking(move || to.push(&one)).await {
            Ok(Ok(())) => return,
            Ok(Err(err)) if !is_told => warn!(error = %err, "segments wait for room in the buffer"),
            Ok(Err(_)) => {}
            Err(_) => return,
        }
        is_told = true;
        tokio::select! {
            () = sleep(RETRY) => {}
            () = told_to(stop) => {
                warn!("stopping; there is no room in the buffer for the last segments, they are lost");
                return;
            }
        }
    }
}
