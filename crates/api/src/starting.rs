//! What is answered while the store is being opened.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use store::{Progress, Work};

use crate::error::{self, ApiError};

/// Says that the server is starting, and how far it is.
pub fn starting_router(progress: Progress) -> Router {
    Router::new()
        .route("/api/health", get(health))
        .fallback(refuse)
        .layer(axum::middleware::map_response(error::no_sniffing))
        .with_state(progress)
}

async fn health(State(progress): State<Progress>) -> Response {
    let body = json!({
        "status": "starting",
        "version": env!("CARGO_PKG_VERSION"),
        "work": works(&progress.current()),
    });
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, body.to_string()).into_response()
}

async fn refuse(State(progress): State<Progress>) -> Response {
    let work = progress.current();
    let doing = work.first().map(|work| format!(": {}, {} of {} {}", work.what, work.done, work.total, work.unit));
    let message = format!("the server is starting{}; try again later", doing.unwrap_or_default());
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message).into_response()
}

/// Long work under way, as health shows it.
pub(crate) fn works(work: &[Work]) -> Vec<Value> {
    let one = |work: &Work| json!({"what": work.what, "unit": work.unit, "done": work.done, "total": work.total});
    work.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(progress: &Progress, path: &str) -> (StatusCode, Value, bool) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = starting_router(progress.clone()).oneshot(request).await.unwrap();
        let (status, is_timed) = (answer.status(), answer.headers().contains_key(RETRY_AFTER));
        let body = axum::body::to_bytes(answer.into_body(), 1024 * 1024).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap(), is_timed)
    }

    #[tokio::test]
    async fn says_how_far_the_start_is() {
        let progress = Progress::default();
        let job = progress.begin("replaying the log", "bytes", 400);
        job.advance(100);
        let (status, body, is_timed) = ask(&progress, "/api/health").await;
        assert_eq!((status, is_timed), (StatusCode::SERVICE_UNAVAILABLE, true));
        assert_eq!(body["status"], "starting");
        assert_eq!(body["work"], json!([{"what": "replaying the log", "unit": "bytes", "done": 100, "total": 400}]));
        let (status, body, _) = ask(&progress, "/TraceSummaries").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let message = body["Message"].as_str().or(body["message"].as_str()).unwrap();
        assert!(message.contains("replaying the log, 100 of 400 bytes"), "{message}");
        drop(job);
        let (_, body, _) = ask(&progress, "/TraceSummaries").await;
        let message = body["Message"].as_str().or(body["message"].as_str()).unwrap();
        assert_eq!(message, "the server is starting; try again later");
    }
}
