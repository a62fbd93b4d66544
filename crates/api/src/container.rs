//! What happened to containers, and which nodes of the trace map they are, for the console: AWS has no operations for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use control::cluster::performance;
use model::container::{Container, Report, StateChange, Task};
use model::log::LogLine;
use model::metric::Metric;
use model::{TimeRange, limit};
use query::container::StateChangeFilter;
use query::runtime::Runtime;
use serde_json::{Value, json};
use tracing::debug;

use crate::app::{App, Asked, Asking};
use crate::error::ApiError;
use crate::logs;
use crate::parameter::Parameters;
use crate::time::Moment;

/// The newest are told, where there are more.
const CHANGES_MAX: usize = 1_000;

/// `GET /api/state-changes?from=…&to=…&cluster=…&service=…&task=…&container=…`, times in seconds.
pub(crate) async fn state_changes(Asked(app): Asked, RawQuery(query): RawQuery) -> Response {
    match changes(&app, &Parameters::of(query.as_deref())).await {
        Ok(body) => ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response(),
        Err(err) => err.into_response(),
    }
}

/// `GET /api/runtimes?from=…&to=…`: nodes of the trace map, each with its containers.
pub(crate) async fn runtimes(Asking(app): Asking, RawQuery(query): RawQuery) -> Response {
    match placed(&app, &Parameters::of(query.as_deref())).await {
        Ok(body) => ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response(),
        Err(err) => err.into_response(),
    }
}

/// `GET /api/accounts`: the account that asks, and those whose clusters and metrics it sees.
pub(crate) async fn accounts(State(root): State<Arc<App>>, Asking(app): Asking) -> Response {
    let body = json!({"own": app.identity.account_id, "linked": app.linked_accounts(&root)});
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response()
}

fn range(parameters: &Parameters) -> Result<TimeRange, ApiError> {
    let time = |name: &str| {
        let secs = parameters.number(name)?.ok_or_else(|| ApiError::invalid(format!("{name} is missing: seconds since 1970")))?;
        Ok::<_, ApiError>(secs.saturating_mul(1_000_000))
    };
    Ok(TimeRange { start_us: time("from")?, end_us: time("to")? })
}

async fn placed(app: &App, parameters: &Parameters) -> Result<Value, ApiError> {
    let range = range(parameters)?;
    let runtimes = app.ask(move |query| query.runtimes(range)).await?;
    let placed = app.clusters.placed(&runtimes).await?;
    let place = |(task, container): &(Task, Container)| json!({"cluster": task.cluster, "service": task.service, "task": task.id, "container": container.name, "status": container.status.as_str()});
    let node = |(runtime, containers): (&Runtime, &Vec<(Task, Container)>)| {
        let places: Vec<Value> = containers.iter().map(place).collect();
        json!({"name": runtime.service.name, "type": runtime.service.kind, "containers": places})
    };
    let nodes: Vec<Value> = runtimes.iter().zip(&placed).filter(|(_, containers)| !containers.is_empty()).map(node).collect();
    Ok(json!({"nodes": nodes}))
}

async fn changes(app: &App, parameters: &Parameters) -> Result<Value, ApiError> {
    let range = range(parameters)?;
    let text = |name: &str| parameters.get(name).map(str::to_owned);
    let filter =
        StateChangeFilter { cluster: text("cluster"), service: text("service"), task: text("task"), container: text("container") };
    let found = app.ask(move |query| query.state_changes(filter, range, CHANGES_MAX)).await?;
    Ok(json!({"changes": found.iter().map(change).collect::<Vec<_>>()}))
}

fn change(change: &StateChange) -> Value {
    json!({
        "time": Moment(change.time_us),
        "account": change.owner.as_ref().map(|owner| owner.account_id()),
        "cluster": change.cluster,
        "service": change.service,
        "family": change.family,
        "task": change.task,
        "container": change.container,
        "containerId": change.container_id,
        "change": change.change,
        "exitCode": change.exit_code,
        "reason": change.reason,
    })
}

/// Keeps what a machine reports. Where this fails, it may come again.
pub async fn take_report(app: &App, report: Report) -> Result<(), String> {
    take(app, report).await.map_err(|err| err.told().1)
}

async fn take(app: &App, report: Report) -> Result<(), ApiError> {
    let Some(metrics) = app.clusters.report(&report).await? else { return Ok(()) };
    app.ingest.state_changes(report.changes.clone()).await?;
    app.ingest.metrics(metrics).await?;
    let mut levels = BTreeMap::new();
    for task in report.tasks.iter().chain(&report.gone) {
        if !levels.contains_key(&task.cluster) {
            levels.insert(task.cluster.clone(), app.clusters.insights(&task.cluster).await?);
        }
    }
    let place = performance::Place { account_id: app.identity.account_id.clone(), region: app.identity.region.clone() };
    let events = performance::of_report(&report, &place, |cluster| levels.get(cluster).copied().unwrap_or_default());
    logs::take_performance(app, events).await?;
    app.clusters.taken(&report);
    Ok(())
}

/// Keeps how much runs in clusters, as metrics and as performance log events.
pub async fn take_counts(app: &App, counts: Vec<Metric>) -> Result<(), String> {
    let events = performance::of_counts(&counts, app.clock.now_us());
    let taken = async {
        app.ingest.metrics(counts).await?;
        logs::take_performance(app, events).await
    };
    taken.await.map_err(|err: ApiError| err.told().1)
}

/// `POST /api/containers`: a report of an agent, as JSON.
pub(crate) async fn report(Asking(app): Asking, request: Request<Body>) -> Response {
    match reported(&app, request).await {
        Ok(()) => ([(CONTENT_TYPE, "application/json")], "{}").into_response(),
        Err(err) => err.into_response(),
    }
}

/// `POST /api/log-lines`: what containers wrote, as an agent has it, as JSON.
pub(crate) async fn log_lines(Asking(app): Asking, request: Request<Body>) -> Response {
    match lines(&app, request).await {
        Ok(()) => ([(CONTENT_TYPE, "application/json")], "{}").into_response(),
        Err(err) => err.into_response(),
    }
}

async fn lines(app: &App, request: Request<Body>) -> Result<(), ApiError> {
    let (body, _rooms) = crate::body::read_packed(app, request, limit::REQUEST_BYTES).await?;
    let lines: Vec<LogLine> =
        serde_json::from_slice(&body).map_err(|err| ApiError::invalid(format!("the body is no list of lines: {err}")))?;
    keep_lines(app, lines).await
}

/// Keeps lines that containers of this machine wrote.
pub async fn take_log_lines(app: &App, lines: Vec<LogLine>) -> Result<(), String> {
    keep_lines(app, lines).await.map_err(|err| err.told().1)
}

async fn keep_lines(app: &App, lines: Vec<LogLine>) -> Result<(), ApiError> {
    // What cannot be kept now can never be.
    for refused in logs::take_lines(app, lines).await? {
        debug!(error = %refused, "a line of a container cannot be kept");
    }
    Ok(())
}

async fn reported(app: &App, request: Request<Body>) -> Result<(), ApiError> {
    let (body, _rooms) = crate::body::read_packed(app, request, limit::REQUEST_BYTES).await?;
    let mut report: Report =
        serde_json::from_slice(&body).map_err(|err| ApiError::invalid(format!("the body is no report of containers: {err}")))?;
    let now_us = app.clock.now_us();
    // What is wrong with one metric is no reason to lose the others.
    report.metrics.retain(|metric| metric.refusal(now_us, app.quotas.lenient).is_none());
    report.metrics.iter_mut().for_each(|metric| metric.owner = None);
    report.changes.iter_mut().for_each(|change| change.owner = None);
    take(app, report).await
}
