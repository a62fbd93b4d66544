//! AWS protocols in and out, and the console's files. No logic: a handler checks its input, knocks on one door, and shapes what
//! comes back.

mod access;
mod app;
mod body;
mod cloudwatch;
mod console;
mod container;
mod ecs;
mod error;
mod flight;
mod guard;
mod health;
mod jaeger;
mod logs;
mod notification;
mod oam;
mod operation;
mod otlp;
mod page;
mod parameter;
mod prometheus;
mod rpc;
mod session;
mod sns;
mod sql;
mod starting;
mod status_page;
mod sts;
mod synthetics;
mod time;
mod xray;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

pub use access::Access;
pub use app::{Accounts, App, Identity, Limits, Listeners};
pub use container::{take_counts, take_log_lines, take_report};
pub use guard::{Guard, Peer};
pub use logs::{keep_log_metrics, take_forwarded};
pub use notification::NotificationSetup;
pub use operation::Operation;
pub use starting::starting_router;
pub use synthetics::{apply_canary, canary_once};
pub use xray::OPERATIONS;

/// Everything: the APIs, the console, health.
pub fn router(app: Arc<App>) -> Router {
    apis(&app)
        .route("/api/health", get(health::health))
        .route("/api/session", get(session::session).post(session::sign_in).delete(session::sign_out))
        .route("/api/sql", get(sql::tables).post(sql::query))
        .route("/", get(console::file).post(rpc::root))
        .route("/service/{service}/operation/{operation}", post(rpc::path))
        .merge(oam::tags())
        .merge(synthetics::routes())
        .route("/api/state-changes", get(container::state_changes))
        .route("/api/accounts", get(container::accounts))
        .route("/api/containers", post(container::report))
        .route("/api/log-lines", post(container::log_lines))
        .route("/api/runtimes", get(container::runtimes))
        .route("/status", get(status_page::page))
        .route("/api/status-page", get(status_page::settings).put(status_page::change))
        .route("/api/alarm-preview", post(notification::preview))
        .route("/api/deliveries", get(notification::deliveries))
        .route("/api/notification-setup", get(notification::setup))
        .route("/metrics", get(prometheus::exposition))
        .route("/api/v1/write", post(prometheus::write))
        .merge(jaeger::routes())
        .merge(otlp::over_http())
        .route_service("/arrow.flight.protocol.FlightService/{operation}", flight::service(&app))
        .fallback(console::file)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(CompressionLayer::new())
        .layer(axum::middleware::from_fn_with_state(app.clone(), access::check))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::check))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(axum::middleware::map_response(error::no_sniffing))
        .with_state(app)
}

/// What an X-Ray daemon's TCP side passes on: the API alone, and for other machines only what a daemon's clients need.
pub fn daemon_router(app: Arc<App>) -> Router {
    apis(&app)
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::check_daemon))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::check))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(axum::middleware::map_response(error::no_sniffing))
        .with_state(app)
}

/// OpenTelemetry's addresses: spans alone.
pub fn otlp_router(app: Arc<App>) -> Router {
    otlp::routes(&app)
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(axum::middleware::from_fn_with_state(app.clone(), access::check))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::check))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(axum::middleware::map_response(error::no_sniffing))
        .with_state(app)
}

fn apis(_: &Arc<App>) -> Router<Arc<App>> {
    let mut router = Router::new();
    for operation in OPERATIONS.iter().chain(oam::OPERATIONS) {
        router = router.route(operation.path, post(operation.service()));
    }
    router
}
