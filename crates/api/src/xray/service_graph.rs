//! The service graph out: GetServiceGraph, GetTraceGraph, GetTimeSeriesServiceStatistics.

use model::CompactString;
use model::{TimeRange, limit};
use query::forecast::Band;
use query::graph::{GraphEdge, GraphService};
use query::statistics::{Histogram, Selector, SeriesQuery, SeriesStep, Statistics, Tally};
use serde::{Deserialize, Serialize};

use super::group::of_group;
use super::trace::{check_ids, distinct_ids};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::{Moment, range};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetServiceGraph {
    start_time: Option<Moment>,
    end_time: Option<Moment>,
    group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    group_arn: Option<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetServiceGraphResult {
    start_time: Moment,
    end_time: Moment,
    services: Vec<Service>,
    contains_old_group_versions: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Service {
    reference_id: usize,
    name: CompactString,
    names: Vec<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<CompactString>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Moment>,
    edges: Vec<Edge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_statistics: Option<StatisticsOutput>,
    duration_histogram: Vec<HistogramEntry>,
    response_time_histogram: Vec<HistogramEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Edge {
    reference_id: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_statistics: Option<StatisticsOutput>,
    response_time_histogram: Vec<HistogramEntry>,
    aliases: Vec<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_event_age_histogram: Option<Vec<HistogramEntry>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticsOutput {
    ok_count: u64,
    error_statistics: ErrorStatistics,
    fault_statistics: FaultStatistics,
    total_count: u64,
    total_response_time: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorStatistics {
    throttle_count: u64,
    other_count: u64,
    total_count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FaultStatistics {
    other_count: u64,
    total_count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HistogramEntry {
    value: f64,
    count: u64,
}

pub(super) async fn get_service_graph(app: &App, input: GetServiceGraph) -> Result<GetServiceGraphResult, ApiError> {
    let range = graph_range(app, input.start_time, input.end_time)?;
    let question = ("GetServiceGraph", range.start_us, range.end_us, &input.group_name, &input.group_arn);
    let now_us = app.clock.now_us();
    let from = first_service(input.next_token.as_deref(), &question, now_us)?;
    let (filter, changed) = of_group(app, input.group_name.clone(), input.group_arn.clone(), range).await?;
    let graph = app.ask(move |door| door.service_graph(range, &filter)).await?;
    let (services, next) = one_page(graph, from);
    Ok(GetServiceGraphResult {
        start_time: Moment(range.start_us),
        end_time: Moment(range.end_us),
        services,
        contains_old_group_versions: changed,
        next_token: next.map(|next| page::token(&question, &next, now_us)).transpose()?,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTraceGraph {
    trace_ids: Vec<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTraceGraphResult {
    services: Vec<Service>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn get_trace_graph(app: &App, input: GetTraceGraph) -> Result<GetTraceGraphResult, ApiError> {
    check_ids(&input.trace_ids, app.quotas.trace_ids_per_graph)?;
    let ids = distinct_ids(&input.trace_ids);
    let question = ("GetTraceGraph", &input.trace_ids);
    let now_us = app.clock.now_us();
    let from = first_service(input.next_token.as_deref(), &question, now_us)?;
    let graph = app.ask(move |door| door.trace_graph(&ids)).await?;
    let (services, next) = one_page(graph, from);
    Ok(GetTraceGraphResult { services, next_token: next.map(|next| page::token(&question, &next, now_us)).transpose()? })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTimeSeriesServiceStatistics {
    start_time: Option<Moment>,
    end_time: Option<Moment>,
    group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    group_arn: Option<String>,
    entity_selector_expression: Option<String>,
    period: Option<i64>,
    forecast_statistics: Option<bool>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTimeSeriesServiceStatisticsResult {
    time_series_service_statistics: Vec<Step>,
    contains_old_group_versions: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Step {
    timestamp: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge_summary_statistics: Option<StatisticsOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_summary_statistics: Option<StatisticsOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_forecast_statistics: Option<ForecastStatistics>,
    response_time_histogram: Vec<HistogramEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ForecastStatistics {
    fault_count_high: u64,
    fault_count_low: u64,
}

impl From<Band> for ForecastStatistics {
    fn from(band: Band) -> ForecastStatistics {
        ForecastStatistics { fault_count_high: band.high, fault_count_low: band.low }
    }
}

pub(super) async fn get_time_series_service_statistics(
    app: &App,
    input: GetTimeSeriesServiceStatistics,
) -> Result<GetTimeSeriesServiceStatisticsResult, ApiError> {
    let range = graph_range(app, input.start_time, input.end_time)?;
    page::none(input.next_token.as_deref())?;
    let (filter, changed) = of_group(app, input.group_name, input.group_arn, range).await?;
    let period_secs = input.period.unwrap_or(60);
    if period_secs != 60 && period_secs != 300 {
        return Err(ApiError::invalid(format!("Period is {period_secs}, it must be 60 or 300")));
    }
    let selector = match input.entity_selector_expression.as_deref() {
        Some(text) if text.is_empty() || text.chars().count() > 500 => {
            return Err(ApiError::invalid("EntitySelectorExpression must have from 1 to 500 characters"));
        }
        Some(text) => Some(Selector::parse(text)?),
        None => None,
    };
    let of_service = matches!(selector, Some(Selector::Service(..)));
    let forecast = input.forecast_statistics == Some(true);
    if forecast && !of_service {
        return Err(ApiError::invalid("ForecastStatistics needs an EntitySelectorExpression that names a service"));
    }
    let query = SeriesQuery { range, period_us: period_secs * 1_000_000, selector, filter };
    let (steps, bands) = app
        .ask(move |door| match forecast {
            true => door.forecast(&query).map(|steps| steps.into_iter().map(|(step, band)| (step, Some(band))).unzip()),
            false => door.series(&query).map(|steps| (steps, Vec::new())),
        })
        .await?;
    let mut bands = bands.into_iter();
    let mut step = |step: SeriesStep| {
        let statistics = statistics(&step.tally.statistics);
        let (service, edge) = if of_service { (Some(statistics), None) } else { (None, Some(statistics)) };
        Step {
            timestamp: Moment(step.start_us),
            edge_summary_statistics: edge,
            service_summary_statistics: service,
            service_forecast_statistics: bands.next().flatten().map(ForecastStatistics::from),
            response_time_histogram: histogram(&step.tally.histogram),
        }
    };
    Ok(GetTimeSeriesServiceStatisticsResult {
        time_series_service_statistics: steps.into_iter().map(&mut step).collect(),
        contains_old_group_versions: changed,
    })
}

pub(super) fn graph_range(app: &App, start: Option<Moment>, end: Option<Moment>) -> Result<TimeRange, ApiError> {
    let range = range(start, end)?;
    let hours = app.quotas.graph_range_hours;
    if !app.quotas.lenient && range.end_us.saturating_sub(range.start_us) > hours.saturating_mul(3_600_000_000) {
        return Err(ApiError::invalid(format!("Time range cannot be longer than {hours} hours")));
    }
    Ok(range)
}

pub(super) fn first_service(token: Option<&str>, question: &impl Serialize, now_us: i64) -> Result<usize, ApiError> {
    token.map_or(Ok(0), |token| page::position(token, question, now_us))
}

/// A page of the graph. Reference ids are places in the whole graph, so edges may point to nodes of other pages.
pub(super) fn one_page(graph: Vec<GraphService>, from: usize) -> (Vec<Service>, Option<usize>) {
    let end = from.saturating_add(limit::SERVICES_PER_PAGE);
    let next = (end < graph.len()).then_some(end);
    (graph.into_iter().skip(from).take(limit::SERVICES_PER_PAGE).map(service).collect(), next)
}

fn service(node: GraphService) -> Service {
    let tally = node.tally.as_ref();
    let times = tally.filter(|tally| tally.start_us <= tally.end_us);
    Service {
        reference_id: node.reference,
        name: node.id.name,
        names: node.names,
        root: node.root.then_some(true),
        account_id: node.id.account_id,
        r#type: node.id.kind,
        state: if node.active { "active" } else { "unknown" },
        start_time: times.map(|tally| Moment(tally.start_us)),
        end_time: times.map(|tally| Moment(tally.end_us)),
        summary_statistics: tally.map(|tally| statistics(&tally.statistics)),
        duration_histogram: tally.map(|tally| histogram(&tally.histogram)).unwrap_or_default(),
        response_time_histogram: tally.map(|tally| histogram(&tally.histogram)).unwrap_or_default(),
        edges: node.edges.into_iter().map(edge).collect(),
    }
}

fn edge(edge: GraphEdge) -> Edge {
    let Tally { statistics: counts, histogram: times, start_us, end_us } = &edge.tally;
    let known = start_us <= end_us;
    Edge {
        reference_id: edge.to,
        start_time: known.then_some(Moment(*start_us)),
        end_time: known.then_some(Moment(*end_us)),
        summary_statistics: edge.link.is_none().then(|| statistics(counts)),
        response_time_histogram: histogram(times),
        aliases: Vec::new(),
        edge_type: edge.link.is_some().then_some("link"),
        received_event_age_histogram: edge.link.as_ref().map(histogram),
    }
}

fn statistics(counts: &Statistics) -> StatisticsOutput {
    StatisticsOutput {
        ok_count: counts.ok,
        error_statistics: ErrorStatistics {
            throttle_count: counts.throttle,
            other_count: counts.error,
            total_count: counts.error + counts.throttle,
        },
        fault_statistics: FaultStatistics { other_count: counts.fault, total_count: counts.fault },
        total_count: counts.total(),
        total_response_time: counts.total_response_us as f64 / 1e6,
    }
}

fn histogram(histogram: &Histogram) -> Vec<HistogramEntry> {
    histogram.entries().into_iter().map(|(value, count)| HistogramEntry { value, count }).collect()
}
