//! What the server says about itself.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::principal::{Action, Principal};
use model::time::us_to_secs;
use serde_json::json;

use crate::app::App;
use crate::starting;

/// To those who may read; to everyone else, that it is there.
pub(crate) async fn health(State(app): State<Arc<App>>, principal: Option<Extension<Principal>>) -> Response {
    if !principal.is_some_and(|principal| principal.role.may(Action::Read)) {
        let body = json!({"status": "ok"});
        return ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response();
    }
    let ingest = app.ingest.stats();
    let store = app.store.stats().await;
    let recovery = app.store.recovery();
    let body = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "account_id": app.identity.account_id,
        "region": app.identity.region,
        "started": us_to_secs(app.started_us),
        "uptime_seconds": (app.clock.now_us() - app.started_us) / 1_000_000,
        "listeners": {"http": app.listeners.http, "daemon": app.listeners.daemon,
            "otlp_grpc": app.listeners.otlp_grpc, "otlp_http": app.listeners.otlp_http, "emf": app.listeners.emf, "task_metadata": app.listeners.task_metadata},
        "ingest": {
            "segments_accepted": ingest.segments_accepted,
            "segments_rejected": ingest.segments_rejected,
            "datapoints_accepted": ingest.datapoints_accepted,
            "events_rejected": ingest.events_rejected,
            "datagrams_received": ingest.datagrams_received,
            "datagrams_rejected": ingest.datagrams_rejected,
            "datagrams_kernel_dropped": ingest.datagrams_kernel_dropped,
            "daemon_telemetry": {
                "records": ingest.daemon_telemetry.records,
                "segments_received": ingest.daemon_telemetry.segments_received,
                "segments_sent": ingest.daemon_telemetry.segments_sent,
                "segments_spillover": ingest.daemon_telemetry.segments_spillover,
                "segments_rejected": ingest.daemon_telemetry.segments_rejected,
            },
        },
        "store": {
            "traces": store.traces,
            "segments": store.segments,
            "parts": store.parts,
            "bytes": store.part_bytes + store.log_bytes,
            "memory_bytes": store.memory_bytes,
            "retention_days": app.identity.retention_days,
            "oldest": store.oldest_us.map(us_to_secs),
            "damaged_parts": store.damaged_parts,
            "unreadable_reads": store.unreadable_reads,
        },
        "work": starting::works(&app.store.progress()),
        "recovery": {
            "replayed_documents": recovery.replayed_documents,
            "replayed_rows": recovery.replayed_rows,
            "swept_files": recovery.swept_files,
            "torn_bytes": recovery.log_damage.torn_bytes,
            "damaged_files": recovery.log_damage.damaged_files,
            "rebuilt_catalog": recovery.rebuilt_catalog,
        },
    });
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response()
}
