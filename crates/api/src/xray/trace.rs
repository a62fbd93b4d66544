//! Traces out: GetTraceSummaries, BatchGetTraces.
//!
//! Differs from AWS: any length of range is answered; a filter's syntax error carries `Position` and `Expected` beside the message.

use std::collections::BTreeMap;

use model::CompactString;
use model::digest::{AnnotationValue, DigestService, TraceDigest};
use model::{TraceId, limit};
use query::filter::{self, CauseKind};
use query::summary::{Summary, SummaryQuery, TimeRangeType, cause_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::ScanPosition;

use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::{Moment, range};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTraceSummaries {
    start_time: Option<Moment>,
    end_time: Option<Moment>,
    time_range_type: Option<String>,
    sampling: Option<bool>,
    sampling_strategy: Option<SamplingStrategy>,
    filter_expression: Option<String>,
    next_token: Option<String>,
}

#[derive(Deserialize, Serialize, Clone)]
#[serde(rename_all = "PascalCase")]
struct SamplingStrategy {
    name: Option<String>,
    value: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTraceSummariesResult {
    trace_summaries: Vec<TraceSummary>,
    approximate_time: Moment,
    traces_processed_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TraceSummary {
    id: TraceId,
    start_time: Moment,
    duration: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_time: Option<f64>,
    has_fault: bool,
    has_error: bool,
    has_throttle: bool,
    is_partial: bool,
    http: Http,
    annotations: BTreeMap<CompactString, Vec<ValueWithServiceIds>>,
    users: Vec<TraceUser>,
    service_ids: Vec<ServiceIdOutput>,
    #[serde(rename = "ResourceARNs")]
    resource_arns: Vec<ResourceArn>,
    instance_ids: Vec<InstanceId>,
    availability_zones: Vec<AvailabilityZone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_point: Option<ServiceIdOutput>,
    fault_root_causes: Vec<Value>,
    error_root_causes: Vec<Value>,
    response_time_root_causes: Vec<Value>,
    revision: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_event_time: Option<Moment>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Http {
    #[serde(rename = "HttpURL", skip_serializing_if = "Option::is_none")]
    http_url: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_method: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<CompactString>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ValueWithServiceIds {
    annotation_value: AnnotationValueOutput,
    service_ids: Vec<ServiceIdOutput>,
}

#[derive(Serialize)]
#[expect(clippy::enum_variant_names, reason = "the names are the wire's")]
enum AnnotationValueOutput {
    StringValue(CompactString),
    NumberValue(f64),
    BooleanValue(bool),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TraceUser {
    user_name: CompactString,
    service_ids: Vec<ServiceIdOutput>,
}

#[derive(Serialize, Clone)]
#[serde(rename_all = "PascalCase")]
struct ServiceIdOutput {
    name: CompactString,
    names: Vec<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<CompactString>,
}

#[derive(Serialize)]
struct ResourceArn {
    #[serde(rename = "ARN")]
    arn: CompactString,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceId {
    id: CompactString,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AvailabilityZone {
    name: CompactString,
}

/// Where a page ends: time and id of the last trace looked at.
#[derive(Serialize, Deserialize)]
struct PageEnd(i64, TraceId);

pub(super) async fn get_trace_summaries(app: &App, input: GetTraceSummaries) -> Result<GetTraceSummariesResult, ApiError> {
    let range = range(input.start_time, input.end_time)?;
    let range_type = match input.time_range_type.as_deref() {
        None | Some("TraceId") => TimeRangeType::TraceId,
        Some("Event") => TimeRangeType::Event,
        Some("Service") => TimeRangeType::Service,
        Some(other) => return Err(ApiError::invalid(format!("TimeRangeType {other:?} is none of TraceId, Event and Service"))),
    };
    let sample = sample(&input)?;
    let text = input.filter_expression.clone().unwrap_or_default();
    let groups = app.groups.expressions().await?;
    let filter = filter::parse_with(&text, &groups).map_err(query::Error::from)?;
    let question = (range.start_us, range.end_us, &input.time_range_type, sample, &text);
    let now_us = app.clock.now_us();
    let after = match &input.next_token {
        Some(token) => {
            let PageEnd(time_us, trace_id) = page::position(token, &question, now_us)?;
            Some(ScanPosition { time_us, trace_id })
        }
        None => None,
    };
    let query = SummaryQuery {
        range,
        range_type,
        filter,
        sample,
        after,
        limit: limit::SUMMARIES_PER_PAGE,
        budget: limit::TRACES_SCANNED_PER_PAGE as u64,
    };
    let found = app.ask(move |door| door.summaries(&query)).await?;
    let next_token = match found.next {
        Some(next) => Some(page::token(&question, &PageEnd(next.time_us, next.trace_id), now_us)?),
        None => None,
    };
    Ok(GetTraceSummariesResult {
        trace_summaries: found.summaries.into_iter().map(summary).collect(),
        approximate_time: Moment(found.reached_us),
        traces_processed_count: found.considered,
        next_token,
    })
}

/// The share of traces to look at.
fn sample(input: &GetTraceSummaries) -> Result<Option<f64>, ApiError> {
    let Some(strategy) = input.sampling_strategy.as_ref().filter(|_| input.sampling == Some(true)) else {
        // Without a strategy AWS answers with a subset of its choosing; here that is everything.
        return Ok(None);
    };
    match strategy.name.as_deref() {
        None | Some("PartialScan" | "FixedRate") => {}
        Some(other) => return Err(ApiError::invalid(format!("sampling strategy {other:?} is none of PartialScan and FixedRate"))),
    }
    match strategy.value {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(ApiError::invalid(format!("the sampling strategy's Value is {value}, it must be from 0 to 1")))
        }
        value => Ok(value),
    }
}

fn summary(found: Summary) -> TraceSummary {
    let Summary { digest, slow, matched_event_us } = found;
    let services: Vec<ServiceIdOutput> = digest.services.iter().map(service_id).collect();
    let pick = |indexes: &[u32]| indexes.iter().map(|&index| services[index as usize].clone()).collect::<Vec<_>>();
    let entry = digest.entry_visit();
    let flags = digest.flags();
    let mut annotations: BTreeMap<CompactString, Vec<ValueWithServiceIds>> = BTreeMap::new();
    for annotation in &digest.annotations {
        let annotation_value = match &annotation.value {
            AnnotationValue::Text(text) => AnnotationValueOutput::StringValue(text.clone()),
            AnnotationValue::Number(number) => AnnotationValueOutput::NumberValue(*number),
            AnnotationValue::Boolean(boolean) => AnnotationValueOutput::BooleanValue(*boolean),
        };
        let value = ValueWithServiceIds { annotation_value, service_ids: pick(&annotation.services) };
        annotations.entry(annotation.key.clone()).or_default().push(value);
    }
    let users =
        digest.users.iter().map(|user| TraceUser { user_name: user.text.clone(), service_ids: pick(&user.services) }).collect();
    let causes = |causes: &[model::digest::RootCause], kind| causes.iter().map(|cause| cause_json(cause, kind)).collect();
    TraceSummary {
        id: digest.id,
        start_time: Moment(digest.start_us),
        duration: secs(digest.duration_us()),
        response_time: digest.response_us().map(secs),
        has_fault: flags.fault,
        has_error: flags.error,
        has_throttle: digest.has_throttle(),
        is_partial: digest.partial,
        http: entry.and_then(|visit| visit.served.http.as_deref()).map_or_else(Http::default, |http| Http {
            http_url: http.url.clone(),
            http_status: http.status,
            http_method: http.method.clone(),
            user_agent: http.user_agent.clone(),
            client_ip: http.client_ip.clone(),
        }),
        annotations,
        users,
        service_ids: services.iter().cloned().chain(clients(&digest)).collect(),
        resource_arns: digest.resource_arns.iter().map(|arn| ResourceArn { arn: arn.clone() }).collect(),
        instance_ids: digest.instance_ids.iter().map(|id| InstanceId { id: id.clone() }).collect(),
        availability_zones: digest.availability_zones.iter().map(|name| AvailabilityZone { name: name.clone() }).collect(),
        entry_point: entry.map(|visit| services[visit.service as usize].clone()),
        fault_root_causes: causes(&digest.fault_causes, CauseKind::Fault),
        error_root_causes: causes(&digest.error_causes, CauseKind::Error),
        response_time_root_causes: if slow {
            digest.slow_path.iter().map(|cause| cause_json(cause, CauseKind::ResponseTime)).collect()
        } else {
            Vec::new()
        },
        revision: digest.revision,
        matched_event_time: matched_event_us.map(Moment),
    }
}

/// The nodes that stand for whoever called the trace's roots.
fn clients(digest: &TraceDigest) -> Vec<ServiceIdOutput> {
    let mut roots: Vec<u32> = digest.visits.iter().filter(|visit| visit.root).map(|visit| visit.service).collect();
    roots.sort_unstable();
    roots.dedup();
    let client = |index| {
        let service = digest.service(index);
        ServiceIdOutput {
            name: service.id.name.clone(),
            names: vec![service.id.name.clone()],
            account_id: service.id.account_id.clone(),
            r#type: Some("client".into()),
        }
    };
    roots.into_iter().map(client).collect()
}

fn service_id(service: &DigestService) -> ServiceIdOutput {
    ServiceIdOutput {
        name: service.id.name.clone(),
        names: service.names.clone(),
        account_id: service.id.account_id.clone(),
        r#type: service.id.kind.clone(),
    }
}

/// Microseconds to seconds, with the three decimals that X-Ray shows.
pub(super) fn secs(us: u64) -> f64 {
    (us as f64 / 1e3).round() / 1e3
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetTraces {
    trace_ids: Vec<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetTracesResult {
    traces: Vec<TraceOutput>,
    unprocessed_trace_ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TraceOutput {
    id: TraceId,
    duration: f64,
    limit_exceeded: bool,
    segments: Vec<SegmentOutput>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SegmentOutput {
    id: String,
    document: String,
}

pub(super) async fn batch_get_traces(app: &App, input: BatchGetTraces) -> Result<BatchGetTracesResult, ApiError> {
    page::none(input.next_token.as_deref())?;
    check_ids(&input.trace_ids, app.quotas.trace_ids_per_get)?;
    let ids = distinct_ids(&input.trace_ids);
    let (found, _) = app.ask(move |door| door.traces(&ids)).await?;
    // Unknown ids go back as they came.
    let is_found = |text: &String| text.parse().is_ok_and(|id: TraceId| found.iter().any(|trace| trace.id == id));
    let unprocessed_trace_ids = input.trace_ids.iter().filter(|text| !is_found(text)).cloned().collect();
    let traces = found
        .into_iter()
        .map(|trace| TraceOutput {
            id: trace.id,
            duration: secs(trace.duration_us),
            limit_exceeded: trace.limit_exceeded,
            segments: trace
                .segments
                .into_iter()
                .map(|segment| SegmentOutput { id: segment.id.to_string(), document: segment.document })
                .collect(),
        })
        .collect();
    Ok(BatchGetTracesResult { traces, unprocessed_trace_ids })
}

/// How many ids there are, and how long; whether each is an id is the answer's business.
pub(super) fn check_ids(texts: &[String], max: usize) -> Result<(), ApiError> {
    if texts.is_empty() || texts.len() > max {
        return Err(ApiError::invalid(format!("TraceIds has {} ids, it must have from 1 to {max}", texts.len())));
    }
    if texts.iter().any(|text| text.is_empty() || text.chars().count() > 35) {
        return Err(ApiError::invalid("a trace id has from 1 to 35 characters"));
    }
    Ok(())
}

/// The texts that are ids, each once.
pub(super) fn distinct_ids(texts: &[String]) -> Vec<TraceId> {
    let mut ids = Vec::new();
    for id in texts.iter().filter_map(|text| text.parse().ok()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
