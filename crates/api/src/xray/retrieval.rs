//! Retrieval of traces as a job, in X-Ray's form or OpenTelemetry's.
//!
//! Differs from AWS: everything is indexed, so that a job has nothing to look for and is complete at once.

use control::retrieval::{Retrieval, RetrievalStatus};
use model::{TimeRange, TraceId, limit};
use query::retrieval::TraceLink;
use serde::{Deserialize, Serialize};

use super::group::Nothing;
use super::service_graph::{Service, first_service, one_page};
use super::trace::{check_ids, distinct_ids, secs};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::{Moment, range};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartTraceRetrieval {
    trace_ids: Vec<String>,
    start_time: Option<Moment>,
    end_time: Option<Moment>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartTraceRetrievalResult {
    retrieval_token: String,
}

pub(super) async fn start_trace_retrieval(app: &App, input: StartTraceRetrieval) -> Result<StartTraceRetrievalResult, ApiError> {
    check_ids(&input.trace_ids, app.quotas.trace_ids_per_retrieval)?;
    let range = range(input.start_time, input.end_time)?;
    Ok(StartTraceRetrievalResult { retrieval_token: app.retrievals.start(distinct_ids(&input.trace_ids), range) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CancelTraceRetrieval {
    retrieval_token: String,
}

pub(super) async fn cancel_trace_retrieval(app: &App, input: CancelTraceRetrieval) -> Result<Nothing, ApiError> {
    app.retrievals.cancel(&input.retrieval_token).map_err(|err| ApiError::from(err).naming(&input.retrieval_token))?;
    Ok(Nothing {})
}

fn find(app: &App, token: &str) -> Result<Retrieval, ApiError> {
    app.retrievals.get(token).map_err(|err| ApiError::from(err).naming(token))
}

fn status(retrieval: &Retrieval) -> &'static str {
    match retrieval.status {
        RetrievalStatus::Complete => "COMPLETE",
        RetrievalStatus::Cancelled => "CANCELLED",
        RetrievalStatus::TimedOut => "TIMEOUT",
    }
}

/// The traces of the job that there are.
async fn traces(app: &App, retrieval: &Retrieval) -> Result<Vec<TraceId>, ApiError> {
    if retrieval.status != RetrievalStatus::Complete {
        return Ok(Vec::new());
    }
    let (ids, range): (_, TimeRange) = (retrieval.ids.clone(), retrieval.range);
    app.ask(move |door| door.active(&ids, range)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRetrievedTraces {
    retrieval_token: String,
    trace_format: Option<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRetrievedTracesResult {
    retrieval_status: &'static str,
    trace_format: &'static str,
    traces: Vec<RetrievedTrace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RetrievedTrace {
    id: TraceId,
    duration: f64,
    spans: Vec<RetrievedSpan>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RetrievedSpan {
    id: String,
    document: String,
}

/// Where a page begins: the trace, and the first of its spans that was not told.
#[derive(Serialize, Deserialize, Clone, Copy, Default)]
struct PageStart(usize, usize);

pub(super) async fn list_retrieved_traces(app: &App, input: ListRetrievedTraces) -> Result<ListRetrievedTracesResult, ApiError> {
    let as_spans = match input.trace_format.as_deref() {
        None | Some("XRAY") => false,
        Some("OTEL") => true,
        Some(other) => return Err(ApiError::invalid(format!("TraceFormat {other:?} is neither XRAY nor OTEL"))),
    };
    let retrieval = find(app, &input.retrieval_token)?;
    let question = ("ListRetrievedTraces", &input.retrieval_token, as_spans);
    let now_us = app.clock.now_us();
    let start: PageStart = match &input.next_token {
        Some(token) => page::position(token, &question, now_us)?,
        None => PageStart::default(),
    };
    let ids = traces(app, &retrieval).await?;
    let wanted: Vec<TraceId> = ids.iter().skip(start.0).take(limit::RETRIEVED_TRACES_PER_PAGE).copied().collect();
    let found = if as_spans { spans(app, wanted).await? } else { segments(app, wanted).await? };
    let mut told = Vec::new();
    let mut next = PageStart(start.0, start.1);
    for mut trace in found {
        let rest = trace.spans.split_off(next.1.min(trace.spans.len()));
        let more = rest.len() > limit::RETRIEVED_SPANS_PER_PAGE;
        trace.spans = rest.into_iter().take(limit::RETRIEVED_SPANS_PER_PAGE).collect();
        told.push(trace);
        next = if more { PageStart(next.0, next.1 + limit::RETRIEVED_SPANS_PER_PAGE) } else { PageStart(next.0 + 1, 0) };
        if more {
            break;
        }
    }
    let next = (next.0 < ids.len()).then_some(next);
    Ok(ListRetrievedTracesResult {
        retrieval_status: status(&retrieval),
        trace_format: if as_spans { "OTEL" } else { "XRAY" },
        traces: told,
        next_token: next.map(|next| page::token(&question, &next, now_us)).transpose()?,
    })
}

async fn segments(app: &App, ids: Vec<TraceId>) -> Result<Vec<RetrievedTrace>, ApiError> {
    let (found, _) = app.ask(move |door| door.traces(&ids)).await?;
    let trace = |trace: query::trace::FoundTrace| RetrievedTrace {
        id: trace.id,
        duration: secs(trace.duration_us),
        spans: trace
            .segments
            .into_iter()
            .map(|segment| RetrievedSpan { id: segment.id.to_string(), document: segment.document })
            .collect(),
    };
    Ok(found.into_iter().map(trace).collect())
}

async fn spans(app: &App, ids: Vec<TraceId>) -> Result<Vec<RetrievedTrace>, ApiError> {
    let found = app.ask(move |door| door.spans(&ids)).await?;
    let trace = |trace: query::retrieval::SpanTrace| RetrievedTrace {
        id: trace.id,
        duration: secs(trace.duration_us),
        spans: trace
            .spans
            .iter()
            .map(|span| RetrievedSpan {
                id: otlp::json::hex(&span.span.span_id),
                document: otlp::json::span_json(span).to_string(),
            })
            .collect(),
    };
    Ok(found.into_iter().map(trace).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetRetrievedTracesGraph {
    retrieval_token: String,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetRetrievedTracesGraphResult {
    retrieval_status: &'static str,
    services: Vec<RetrievedService>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RetrievedService {
    service: Service,
    links: Vec<GraphLink>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GraphLink {
    reference_type: &'static str,
    source_trace_id: TraceId,
    destination_trace_ids: Vec<TraceId>,
}

pub(super) async fn get_retrieved_traces_graph(
    app: &App,
    input: GetRetrievedTracesGraph,
) -> Result<GetRetrievedTracesGraphResult, ApiError> {
    let retrieval = find(app, &input.retrieval_token)?;
    let question = ("GetRetrievedTracesGraph", &input.retrieval_token);
    let now_us = app.clock.now_us();
    let from = first_service(input.next_token.as_deref(), &question, now_us)?;
    let ids = traces(app, &retrieval).await?;
    let (graph, links) = app.ask(move |door| Ok((door.trace_graph(&ids)?, door.links(&ids)?))).await?;
    let own = |node: &query::graph::GraphService| links_of(&links, node);
    let links: Vec<Vec<GraphLink>> = graph.iter().map(own).collect();
    let (services, next) = one_page(graph, from);
    let services = services.into_iter().zip(links.into_iter().skip(from));
    Ok(GetRetrievedTracesGraphResult {
        retrieval_status: status(&retrieval),
        services: services.map(|(service, links)| RetrievedService { service, links }).collect(),
        next_token: next.map(|next| page::token(&question, &next, now_us)).transpose()?,
    })
}

/// Links that a node's segments recorded, by the trace that they are of.
fn links_of(links: &[TraceLink], node: &query::graph::GraphService) -> Vec<GraphLink> {
    let mut of: Vec<GraphLink> = Vec::new();
    for link in links.iter().filter(|link| link.service == node.id) {
        let reference_type = if link.parent { "parent" } else { "child" };
        match of.iter_mut().find(|known| known.source_trace_id == link.from && known.reference_type == reference_type) {
            Some(known) if known.destination_trace_ids.contains(&link.to) => {}
            Some(known) => known.destination_trace_ids.push(link.to),
            None => of.push(GraphLink { reference_type, source_trace_id: link.from, destination_trace_ids: vec![link.to] }),
        }
    }
    of.truncate(limit::GRAPH_LINKS);
    of
}
