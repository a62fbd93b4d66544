//! Jaeger's query API, for Jaeger's own console and Grafana's Jaeger data source.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::{TimeRange, TraceId};
use query::operation::SpanSearch;
use query::retrieval::SpanTrace;
use serde_json::{Value, json};

use crate::app::{App, Asking};
use crate::error::ApiError;
use crate::parameter::Parameters;

/// How far back services and operations are named, where nobody says.
const NAMES_US: i64 = 2 * 86_400_000_000;
/// How far back a search goes, where nobody says.
const LOOKBACK_US: i64 = 3_600_000_000;
/// Traces of one search: asked for, where nobody says, and at most.
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 1_500;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/services/{service}/operations", get(operations_of))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(traces))
        .route("/api/traces/{id}", get(trace))
        .route("/api/dependencies", get(dependencies))
}

fn answer(data: Value) -> Response {
    let total = data.as_array().map_or(0, Vec::len);
    told(StatusCode::OK, json!({ "data": data, "total": total, "limit": 0, "offset": 0, "errors": null }))
}

fn told(status: StatusCode, body: Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response()
}

fn refuse(err: ApiError) -> Response {
    let (status, message) = err.told();
    let errors = json!([{ "code": status.as_u16(), "msg": message }]);
    told(status, json!({ "data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors }))
}

fn respond(result: Result<Value, ApiError>) -> Response {
    result.map_or_else(refuse, answer)
}

fn lately(app: &App) -> TimeRange {
    let now_us = app.clock.now_us();
    TimeRange { start_us: now_us - NAMES_US, end_us: now_us + 60_000_000 }
}

async fn services(Asking(app): Asking) -> Response {
    let range = lately(&app);
    respond(app.ask(move |door| door.service_names(range)).await.map(|names| json!(names)))
}

async fn operations_of(Asking(app): Asking, Path(service): Path<String>) -> Response {
    let range = lately(&app);
    let found = app.ask(move |door| door.operations(&service, range)).await;
    respond(found.map(|operations| {
        let mut names: Vec<String> = operations.into_iter().map(|(name, _)| name).collect();
        names.dedup();
        json!(names)
    }))
}

async fn operations(Asking(app): Asking, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::of(query.as_deref());
    let Some(service) = parameters.get("service").map(str::to_owned) else {
        return refuse(ApiError::invalid("the parameter service is missing"));
    };
    let wanted = parameters.get("spanKind").map(str::to_ascii_lowercase);
    let range = lately(&app);
    let found = app.ask(move |door| door.operations(&service, range)).await;
    respond(found.map(|operations| {
        let wanted = operations.into_iter().filter(|(_, kind)| wanted.as_deref().is_none_or(|wanted| wanted == *kind));
        wanted.map(|(name, kind)| json!({ "name": name, "spanKind": kind })).collect()
    }))
}

async fn traces(Asking(app): Asking, RawQuery(query): RawQuery) -> Response {
    respond(found(&app, &Parameters::of(query.as_deref())).await)
}

async fn found(app: &App, parameters: &Parameters) -> Result<Value, ApiError> {
    let ids = parameters.all("traceID").map(trace_id).collect::<Result<Vec<TraceId>, _>>()?;
    if !ids.is_empty() {
        let ids: Vec<TraceId> = ids.into_iter().take(LIMIT_MAX).collect();
        return Ok(shown(&app.ask(move |door| door.spans(&ids)).await?));
    }
    let service = parameters.get("service").ok_or_else(|| ApiError::invalid("the parameter service is missing"))?;
    let end_us = parameters.number("end")?.unwrap_or_else(|| app.clock.now_us());
    let lookback_us = match parameters.get("lookback") {
        None | Some("custom") => LOOKBACK_US,
        Some(_) => parameters.duration("lookback")?.map_or(LOOKBACK_US, |us| us.min(i64::MAX as u64) as i64),
    };
    let start_us = parameters.number("start")?.unwrap_or_else(|| end_us.saturating_sub(lookback_us));
    if start_us >= end_us {
        return Err(ApiError::invalid("start is not before end"));
    }
    let limit = parameters.number("limit")?.map_or(LIMIT, |limit| limit.clamp(1, LIMIT_MAX as i64) as usize);
    let search = SpanSearch {
        service: Some(service.to_owned()),
        operation: parameters.get("operation").filter(|operation| *operation != "all").map(str::to_owned),
        kind: None,
        tags: tags(parameters)?,
        min_duration_us: parameters.duration("minDuration")?,
        max_duration_us: parameters.duration("maxDuration")?,
        limit,
    };
    let range = TimeRange { start_us, end_us };
    Ok(shown(&app.ask(move |door| door.search_spans(&search, range)).await?))
}

/// `tags={"key":"value"}` and `tag=key:value`.
fn tags(parameters: &Parameters) -> Result<Vec<(String, String)>, ApiError> {
    let mut tags = Vec::new();
    for text in parameters.all("tags") {
        let read: BTreeMap<String, Value> = serde_json::from_str(text)
            .map_err(|_| ApiError::invalid(format!("tags is {text:?}, which is no object such as {{\"error\":\"true\"}}")))?;
        tags.extend(read.into_iter().map(|(key, value)| match value {
            Value::String(text) => (key, text),
            value => (key, value.to_string()),
        }));
    }
    for text in parameters.all("tag") {
        let (key, value) =
            text.split_once(':').ok_or_else(|| ApiError::invalid(format!("tag is {text:?}, which is not key:value")))?;
        tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(tags)
}

/// In hexadecimal digits, with or without zeros before them, or in X-Ray's form.
fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    let invalid = || ApiError::invalid(format!("{text:?} is no trace id"));
    if text.starts_with("1-") {
        return text.parse().map_err(|_| invalid());
    }
    u128::from_str_radix(text, 16).ok().filter(|_| text.len() <= 32).map(|id| TraceId(id.to_be_bytes())).ok_or_else(invalid)
}

fn shown(traces: &[SpanTrace]) -> Value {
    traces.iter().map(|trace| otlp::jaeger::trace_json(&otlp::json::hex(&trace.id.0), &trace.spans)).collect()
}

async fn trace(Asking(app): Asking, Path(id): Path<String>) -> Response {
    let id = match trace_id(&id) {
        Ok(id) => id,
        Err(err) => return refuse(err),
    };
    match app.ask(move |door| door.spans(&[id])).await {
        Ok(traces) if traces.is_empty() => {
            refuse(ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", "trace not found"))
        }
        Ok(traces) => answer(shown(&traces)),
        Err(err) => refuse(err),
    }
}

async fn dependencies(Asking(app): Asking, RawQuery(query): RawQuery) -> Response {
    respond(called(&app, &Parameters::of(query.as_deref())).await)
}

/// Who called whom how often. Clients outside are nobody's parent.
async fn called(app: &App, parameters: &Parameters) -> Result<Value, ApiError> {
    let end_us = parameters.number("endTs")?.map_or_else(|| app.clock.now_us(), |ms| ms.saturating_mul(1_000));
    let lookback_us = parameters.number("lookback")?.map_or(86_400_000_000, |ms| ms.saturating_mul(1_000));
    let range = TimeRange { start_us: end_us.saturating_sub(lookback_us), end_us };
    let graph = app.ask(move |door| door.service_graph(range, &query::filter::Expression::Constant(true))).await?;
    let mut calls: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for node in graph.iter().filter(|node| node.tally.is_some()) {
        for edge in node.edges.iter().filter(|edge| edge.link.is_none()) {
            let callee = &graph[edge.to].id.name;
            *calls.entry((node.id.name.as_str(), callee.as_str())).or_default() += edge.tally.statistics.total();
        }
    }
    Ok(calls.into_iter().map(|((parent, child), count)| json!({ "parent": parent, "child": child, "callCount": count })).collect())
}
