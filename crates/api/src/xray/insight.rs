//! Insights.

use control::insight::InsightQuery;
use model::CompactString;
use model::insight::{Impact, Insight, InsightEvent};
use model::limit;
use model::service::ServiceId;
use query::graph::GraphService;
use serde::{Deserialize, Serialize};

use super::group::{arn_of, group_ref};
use super::service_graph::{first_service, graph_range};
use crate::app::{App, Identity};
use crate::error::ApiError;
use crate::page;
use crate::time::{Moment, range};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsightSummaries {
    states: Option<Vec<String>>,
    group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    group_arn: Option<String>,
    start_time: Option<Moment>,
    end_time: Option<Moment>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsightSummariesResult {
    insight_summaries: Vec<InsightSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InsightSummary {
    #[serde(flatten)]
    insight: InsightOutput,
    last_update_time: Moment,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InsightOutput {
    insight_id: String,
    #[serde(rename = "GroupARN")]
    group_arn: String,
    group_name: String,
    root_cause_service_id: ServiceIdOutput,
    categories: [&'static str; 1],
    state: &'static str,
    start_time: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Moment>,
    summary: String,
    client_request_impact_statistics: RequestImpactStatistics,
    root_cause_service_request_impact_statistics: RequestImpactStatistics,
    top_anomalous_services: Vec<AnomalousService>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceIdOutput {
    name: CompactString,
    names: [CompactString; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<CompactString>,
}

impl From<ServiceId> for ServiceIdOutput {
    fn from(id: ServiceId) -> ServiceIdOutput {
        ServiceIdOutput { names: [id.name.clone()], name: id.name, account_id: id.account_id, r#type: id.kind }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AnomalousService {
    service_id: ServiceIdOutput,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RequestImpactStatistics {
    fault_count: u64,
    ok_count: u64,
    total_count: u64,
}

impl From<Impact> for RequestImpactStatistics {
    fn from(impact: Impact) -> RequestImpactStatistics {
        RequestImpactStatistics {
            fault_count: impact.faults,
            ok_count: impact.total.saturating_sub(impact.faults),
            total_count: impact.total,
        }
    }
}

fn anomalous(services: Vec<ServiceId>) -> Vec<AnomalousService> {
    services.into_iter().map(|id| AnomalousService { service_id: id.into() }).collect()
}

fn output(insight: Insight, identity: &Identity) -> InsightOutput {
    InsightOutput {
        group_arn: arn_of(&insight.group_name, &insight.group_id, identity),
        categories: ["FAULT"],
        state: if insight.is_active() { "ACTIVE" } else { "CLOSED" },
        start_time: Moment(insight.start_us),
        end_time: insight.end_us.map(Moment),
        summary: insight.summary(),
        client_request_impact_statistics: insight.clients.into(),
        root_cause_service_request_impact_statistics: insight.root_cause_impact.into(),
        top_anomalous_services: anomalous(insight.services),
        root_cause_service_id: insight.root_cause.into(),
        group_name: insight.group_name,
        insight_id: insight.id,
    }
}

pub(super) async fn get_insight_summaries(app: &App, input: GetInsightSummaries) -> Result<GetInsightSummariesResult, ApiError> {
    let active = match input.states.as_deref().unwrap_or_default() {
        [] => None,
        [state] if state == "ACTIVE" => Some(true),
        [state] if state == "CLOSED" => Some(false),
        [state] => return Err(ApiError::invalid(format!("States has {state:?}, it must be ACTIVE or CLOSED"))),
        _ => return Err(ApiError::invalid("States has more than one member; leave it out to ask for both")),
    };
    let group = group_ref(app, input.group_name.clone(), input.group_arn.clone())?;
    let range = range(input.start_time, input.end_time)?;
    let now_us = app.clock.now_us();
    not_too_old(app, range.start_us, now_us)?;
    let limit = page_size(input.max_results, limit::INSIGHTS_PER_PAGE)?;
    let question = ("GetInsightSummaries", &input.states, &input.group_name, &input.group_arn, range.start_us, range.end_us);
    let after: Option<(i64, String)> = input.next_token.map(|token| page::position(&token, &question, now_us)).transpose()?;
    let mut insights = app.insights.list(&InsightQuery { group, range, active }).await?;
    if let Some((start_us, id)) = after {
        insights.retain(|insight| (std::cmp::Reverse(insight.start_us), &insight.id) > (std::cmp::Reverse(start_us), &id));
    }
    let more = insights.len() > limit;
    insights.truncate(limit);
    let last = insights.last().filter(|_| more).map(|insight| (insight.start_us, insight.id.clone()));
    let summary =
        |insight: Insight| InsightSummary { last_update_time: Moment(insight.updated_us), insight: output(insight, &app.identity) };
    Ok(GetInsightSummariesResult {
        insight_summaries: insights.into_iter().map(summary).collect(),
        next_token: last.map(|last| page::token(&question, &last, now_us)).transpose()?,
    })
}

/// As many as fit on a page, unless fewer are wanted.
fn page_size(wanted: Option<i64>, limit: usize) -> Result<usize, ApiError> {
    match wanted {
        None => Ok(limit),
        Some(wanted) => usize::try_from(wanted)
            .ok()
            .filter(|wanted| (1..=limit).contains(wanted))
            .ok_or_else(|| ApiError::invalid(format!("MaxResults is {wanted}, it must be from 1 to {limit}"))),
    }
}

fn not_too_old(app: &App, start_us: i64, now_us: i64) -> Result<(), ApiError> {
    let days = app.quotas.insight_days;
    if !app.quotas.lenient && start_us < now_us.saturating_sub(days.saturating_mul(86_400_000_000)) {
        return Err(ApiError::invalid(format!("StartTime is more than {days} days ago")));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsight {
    insight_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsightResult {
    insight: InsightOutput,
}

pub(super) async fn get_insight(app: &App, input: GetInsight) -> Result<GetInsightResult, ApiError> {
    Ok(GetInsightResult { insight: output(app.insights.get(&input.insight_id).await?, &app.identity) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsightEvents {
    insight_id: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsightEventsResult {
    insight_events: Vec<InsightEventOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InsightEventOutput {
    summary: String,
    event_time: Moment,
    client_request_impact_statistics: RequestImpactStatistics,
    root_cause_service_request_impact_statistics: RequestImpactStatistics,
    top_anomalous_services: Vec<AnomalousService>,
}

impl From<InsightEvent> for InsightEventOutput {
    fn from(event: InsightEvent) -> InsightEventOutput {
        InsightEventOutput {
            summary: event.summary,
            event_time: Moment(event.time_us),
            client_request_impact_statistics: event.clients.into(),
            root_cause_service_request_impact_statistics: event.root_cause_impact.into(),
            top_anomalous_services: anomalous(event.services),
        }
    }
}

/// The newest first.
pub(super) async fn get_insight_events(app: &App, input: GetInsightEvents) -> Result<GetInsightEventsResult, ApiError> {
    let limit = page_size(input.max_results, limit::INSIGHT_EVENTS_PER_PAGE)?;
    let question = ("GetInsightEvents", &input.insight_id);
    let now_us = app.clock.now_us();
    // Counted from the oldest: new ones do not move it.
    let below: Option<usize> = input.next_token.map(|token| page::position(&token, &question, now_us)).transpose()?;
    let mut events = app.insights.get(&input.insight_id).await?.events;
    events.truncate(below.unwrap_or(events.len()));
    let first = events.len().saturating_sub(limit);
    Ok(GetInsightEventsResult {
        insight_events: events.drain(first..).rev().map(InsightEventOutput::from).collect(),
        next_token: (first > 0).then(|| page::token(&question, &first, now_us)).transpose()?,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsightImpactGraph {
    insight_id: String,
    start_time: Option<Moment>,
    end_time: Option<Moment>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInsightImpactGraphResult {
    insight_id: String,
    start_time: Moment,
    end_time: Moment,
    service_graph_start_time: Moment,
    service_graph_end_time: Moment,
    services: Vec<ImpactService>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImpactService {
    reference_id: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<CompactString>,
    name: CompactString,
    names: Vec<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<CompactString>,
    edges: Vec<ImpactEdge>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImpactEdge {
    reference_id: usize,
}

pub(super) async fn get_insight_impact_graph(
    app: &App,
    input: GetInsightImpactGraph,
) -> Result<GetInsightImpactGraphResult, ApiError> {
    let range = graph_range(app, input.start_time, input.end_time)?;
    let now_us = app.clock.now_us();
    not_too_old(app, range.start_us, now_us)?;
    let question = ("GetInsightImpactGraph", &input.insight_id, range.start_us, range.end_us);
    let from = first_service(input.next_token.as_deref(), &question, now_us)?;
    let insight = app.insights.get(&input.insight_id).await?;
    let expression = app.insights.expression(&insight).await?;
    let services = insight.services.clone();
    let graph = app.ask(move |door| door.impact_graph(range, &expression, &services)).await?;
    let next = from.saturating_add(limit::SERVICES_PER_PAGE);
    let next = (next < graph.len()).then_some(next);
    let service = |node: GraphService| ImpactService {
        reference_id: node.reference,
        r#type: node.id.kind,
        name: node.id.name,
        names: node.names,
        account_id: node.id.account_id,
        edges: node.edges.into_iter().map(|edge| ImpactEdge { reference_id: edge.to }).collect(),
    };
    Ok(GetInsightImpactGraphResult {
        insight_id: insight.id,
        start_time: Moment(range.start_us),
        end_time: Moment(range.end_us),
        service_graph_start_time: Moment(range.start_us),
        service_graph_end_time: Moment(range.end_us),
        services: graph.into_iter().skip(from).take(limit::SERVICES_PER_PAGE).map(service).collect(),
        next_token: next.map(|next| page::token(&question, &next, now_us)).transpose()?,
    })
}
