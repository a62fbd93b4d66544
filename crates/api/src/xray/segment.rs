//! Segments in: PutTraceSegments, PutTelemetryRecords.
//!
//! Differs from AWS: a refused document's message says what is wrong with it, behind AWS's "Invalid segment. ErrorCode: …".

use std::sync::Arc;

use bytes::Bytes;
use ingest::xray::TelemetryRecord;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::ApiError;
use crate::operation::{self, Answer};

mod document;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutTraceSegments {
    trace_segment_documents: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutTraceSegmentsResult {
    unprocessed_trace_segments: Vec<UnprocessedTraceSegment>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UnprocessedTraceSegment {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    error_code: &'static str,
    message: String,
}

/// The handler itself, and not a typed function like the others: this body has its own reader.
pub(super) fn put_trace_segments(app: Arc<App>, body: Bytes) -> Answer {
    Box::pin(async move {
        match document::read(&body) {
            Some(documents) => {
                drop(body);
                operation::answer(&put(&app, documents).await?)
            }
            None => {
                let put = |input: PutTraceSegments| async move {
                    put(&app, input.trace_segment_documents.into_iter().map(Bytes::from).collect()).await
                };
                operation::json(body, put).await
            }
        }
    })
}

async fn put(app: &App, documents: Vec<Bytes>) -> Result<PutTraceSegmentsResult, ApiError> {
    let count = documents.len();
    if count > app.quotas.documents_per_put {
        return Err(ApiError::invalid(format!(
            "TraceSegmentDocuments has {count} documents, the limit is {}",
            app.quotas.documents_per_put
        )));
    }
    let rejected = app.ingest.documents(documents).await?;
    let unprocessed_trace_segments = rejected
        .into_iter()
        .map(|rejected| UnprocessedTraceSegment {
            id: rejected.id,
            error_code: rejected.code,
            message: format!("Invalid segment. ErrorCode: {}, Cause: {}", rejected.code, rejected.message),
        })
        .collect();
    Ok(PutTraceSegmentsResult { unprocessed_trace_segments })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutTelemetryRecords {
    telemetry_records: Vec<TelemetryRecordInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct TelemetryRecordInput {
    segments_received_count: Option<u64>,
    segments_sent_count: Option<u64>,
    segments_spillover_count: Option<u64>,
    segments_rejected_count: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Nothing {}

pub(super) async fn put_telemetry_records(app: &App, input: PutTelemetryRecords) -> Result<Nothing, ApiError> {
    let records: Vec<TelemetryRecord> = input
        .telemetry_records
        .into_iter()
        .map(|record| TelemetryRecord {
            segments_received: record.segments_received_count.unwrap_or(0),
            segments_sent: record.segments_sent_count.unwrap_or(0),
            segments_spillover: record.segments_spillover_count.unwrap_or(0),
            segments_rejected: record.segments_rejected_count.unwrap_or(0),
        })
        .collect();
    app.ingest.telemetry(&records);
    Ok(Nothing {})
}
