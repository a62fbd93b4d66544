//! Documents as spans: those that were spans as they came, those of X-Ray's SDKs as the OpenTelemetry Collector's X-Ray receiver
//! shows them.

use std::collections::HashMap;

use model::segment::{Exception, Json, Members};
use model::trace::{Entity, Trace};
use model::{Segment, SegmentId, TraceId};
use serde_json::{Map, Value as JsonValue};

use crate::attribute::{from_plain, int_pair, pair, text_pair};
use crate::document::{ANNOTATIONS_ATTRIBUTE, DEFAULT_NAMESPACE, METADATA_ATTRIBUTE};
use crate::extra::{self, Extra, ExtraLink};
use crate::proto::common::v1::any_value::Value;
use crate::proto::common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue};
use crate::proto::resource::v1::Resource;
use crate::proto::trace::v1::span::{Event, Link, SpanKind};
use crate::proto::trace::v1::{Span, Status, status::StatusCode};
use crate::resource::METADATA_PREFIX;
use crate::same;

/// A span with who reported it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResourceSpan {
    pub resource: Resource,
    pub resource_schema_url: String,
    pub scope: InstrumentationScope,
    pub scope_schema_url: String,
    pub span: Span,
}

/// The spans of a trace, subsegments that are embedded included.
pub fn spans(trace_id: TraceId, trace: &Trace<'_>) -> Vec<ResourceSpan> {
    // Many documents of a trace have one owner: what it says of itself is put together once.
    let mut resources: HashMap<usize, Resource> = HashMap::new();
    let mut spans = Vec::with_capacity(trace.entities.len());
    for entity in &trace.entities {
        let parent = entity.parent.map(|parent| trace.entities[parent].segment);
        match extra_of(entity.segment) {
            Some(extra) if extra.made => {}
            Some(extra) => spans.push(as_it_came(trace_id, entity.segment, parent, extra)),
            None => {
                let resource = resources.entry(entity.owner).or_insert_with(|| {
                    let owner = trace.entities[entity.owner].segment;
                    if owner.is_subsegment() { Resource::default() } else { resource_of(owner) }
                });
                let resource = resource.clone();
                let span = of_segment(trace_id, entity, parent);
                spans.push(ResourceSpan { resource, span, ..ResourceSpan::default() });
            }
        }
    }
    spans
}

/// Nanoseconds since 1970.
pub(crate) fn nanos(secs: f64) -> u64 {
    (secs * 1e9).round() as u64
}

fn extra_of(document: &Segment<'_>) -> Option<Extra> {
    serde_json::from_str(document.rest.get(extra::MEMBER)?.as_str()).ok()
}

fn as_it_came(trace_id: TraceId, document: &Segment<'_>, parent: Option<&Segment<'_>>, extra: Extra) -> ResourceSpan {
    let same = extra.same.iter().filter_map(|key| same::pair(document, key));
    let mut attributes: Vec<KeyValue> = same.chain(extra.attributes.pairs()).collect();
    let mut resource = Resource {
        attributes: extra.resource.attributes.pairs().collect(),
        dropped_attributes_count: extra.resource.dropped,
        entity_refs: Vec::new(),
    };
    for (r#type, schema_url, id_keys, description_keys) in extra.resource.entities {
        resource.entity_refs.push(EntityRef { schema_url, r#type, id_keys, description_keys });
    }
    if let Some(annotations) = &document.annotations {
        for (key, value) in json_members(annotations) {
            if !extra.annotations.contains(&key) {
                attributes.push(pair(key, from_plain(&value)));
            }
        }
    }
    if let Some(metadata) = &document.metadata
        && let Some(JsonValue::Object(default)) = json_members(metadata).remove(DEFAULT_NAMESPACE)
    {
        for (key, value) in default {
            match key.strip_prefix(METADATA_PREFIX) {
                Some(key) => resource.attributes.push(pair(key, from_plain(&value))),
                None => attributes.push(pair(key, from_plain(&value))),
            }
        }
    }
    let links = document.links.as_deref().unwrap_or_default();
    let extra_links = extra.links.into_iter().map(Some).chain(std::iter::repeat(None));
    let end = document.end_time.unwrap_or(document.start_time);
    let [start_behind, end_behind] = extra.ns;
    // A segment that was made stands between the span and its parent.
    let made = parent.filter(|parent| extra_of(parent).is_some_and(|extra| extra.made));
    let parent_id = made.map_or(document.parent_id, |made| made.parent_id);
    let span = Span {
        trace_id: trace_id.0.to_vec(),
        span_id: id_bytes(document.id),
        trace_state: extra.trace_state,
        parent_span_id: parent_id.map(id_bytes).unwrap_or_default(),
        flags: extra.flags,
        name: extra.name.unwrap_or_else(|| document.name.to_string()),
        kind: extra.kind,
        start_time_unix_nano: ahead(document.start_time, start_behind),
        end_time_unix_nano: ahead(end, end_behind),
        attributes,
        dropped_attributes_count: extra.dropped[0],
        events: extra.events.iter().map(|event| event.event()).collect(),
        dropped_events_count: extra.dropped[1],
        links: links.iter().zip(extra_links).map(|(link, extra)| link_of(link, extra.unwrap_or_default())).collect(),
        dropped_links_count: extra.dropped[2],
        status: extra.status.map(|(code, message)| Status { code, message }),
    };
    ResourceSpan {
        resource,
        resource_schema_url: extra.resource.schema_url,
        scope: extra.scope.scope(),
        scope_schema_url: extra.scope.schema_url,
        span,
    }
}

fn ahead(secs: f64, behind: i64) -> u64 {
    (nanos(secs) as i128 + i128::from(behind)).clamp(0, u64::MAX.into()) as u64
}

fn id_bytes(id: SegmentId) -> Vec<u8> {
    id.0.to_be_bytes().to_vec()
}

fn json_members(json: &Json<'_>) -> Map<String, JsonValue> {
    serde_json::from_str(json.as_str()).unwrap_or_default()
}

fn link_of(link: &Json<'_>, extra: ExtraLink) -> Link {
    let members = link.members();
    let trace_id = members.text("trace_id").unwrap_or_default();
    let attributes = members.get("attributes").map(json_members).unwrap_or_default();
    let plain = attributes.iter().map(|(key, value)| pair(key, from_plain(value)));
    Link {
        trace_id: trace_id.parse::<TraceId>().map_or_else(|_| unhex(&trace_id), |id| id.0.to_vec()),
        span_id: unhex(&members.text("id").unwrap_or_default()),
        trace_state: extra.trace_state,
        attributes: plain.chain(extra.typed.0).collect(),
        dropped_attributes_count: extra.dropped,
        flags: extra.flags,
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or_default() as u8;
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// A segment or subsegment of X-Ray's own.
fn of_segment(trace_id: TraceId, entity: &Entity<'_>, parent: Option<&Segment<'_>>) -> Span {
    let segment = entity.segment;
    let is_segment = parent.is_none() && !entity.orphan;
    let kind = match () {
        () if is_segment => SpanKind::Server,
        () if segment.is_call() => SpanKind::Client,
        () => SpanKind::Internal,
    };
    let parent_id = parent.map(|parent| parent.id).or(segment.parent_id);
    let start = nanos_of_us(segment.start_us());
    let failed = segment.fault == Some(true) || segment.error == Some(true) || segment.throttle == Some(true);
    let exceptions = segment.exceptions();
    let status = failed.then(|| Status {
        code: StatusCode::Error.into(),
        message: exceptions.first().and_then(|exception| exception.message.as_deref()).unwrap_or_default().to_owned(),
    });
    Span {
        trace_id: trace_id.0.to_vec(),
        span_id: id_bytes(segment.id),
        parent_span_id: parent_id.map(id_bytes).unwrap_or_default(),
        name: segment.name.to_string(),
        kind: kind.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: segment.end_us().map_or(start, nanos_of_us),
        attributes: attributes_of(segment, is_segment),
        events: exceptions.iter().map(|exception| exception_event(segment, exception)).collect(),
        links: segment.links.iter().flatten().map(|link| link_of(link, ExtraLink::default())).collect(),
        status,
        ..Span::default()
    }
}

fn nanos_of_us(us: i64) -> u64 {
    u64::try_from(us).unwrap_or_default().saturating_mul(1_000)
}

fn attributes_of(segment: &Segment<'_>, is_segment: bool) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            attributes.push(text_pair(key, value));
        }
    };
    if !is_segment && segment.namespace.as_deref() == Some("aws") {
        put("rpc.system", Some("aws-api"));
        put("rpc.service", Some(&segment.name));
    } else if segment.is_call() {
        put("peer.service", Some(&segment.name));
    }
    if let Some(request) = segment.request() {
        put("http.request.method", request.method.as_deref());
        put("url.full", request.url.as_deref());
        put("user_agent.original", request.user_agent.as_deref());
        put("client.address", request.client_ip.as_deref());
    }
    put("enduser.id", segment.user.as_deref());
    put("aws.xray.origin", segment.origin.as_deref());
    if let Some(aws) = &segment.aws
        && !is_segment
    {
        put("rpc.method", aws.operation.as_deref());
        put("aws.region", aws.region.as_deref());
        put("aws.request_id", aws.request_id.as_deref());
        put("aws.table_name", aws.table_name.as_deref());
        put("aws.s3.bucket", aws.bucket_name.as_deref());
        put("aws.queue_url", aws.queue_url.as_deref());
        put("faas.invoked_name", aws.function_name.as_deref());
        put("aws.account_id", aws.account_id.as_deref());
    }
    if let Some(sql) = &segment.sql {
        let sql = sql.members();
        put("db.system.name", sql.text("database_type").map(|text| text.to_ascii_lowercase()).as_deref());
        put("db.connection_string", sql.text("connection_string").or_else(|| sql.text("url")).as_deref());
        put("db.user", sql.text("user").as_deref());
        put("db.query.text", sql.text("sanitized_query").as_deref());
    }
    if let Some(status) = segment.status() {
        attributes.push(int_pair("http.response.status_code", status));
    }
    if let Some(length) = segment.http.as_ref().and_then(|http| http.response.as_ref()?.content_length) {
        attributes.push(int_pair("http.response.body.size", length));
    }
    if segment.is_in_progress() {
        attributes.push(pair("aws.xray.inprogress", AnyValue { value: Some(Value::BoolValue(true)) }));
    }
    if let Some(annotations) = &segment.annotations {
        let annotations = json_members(annotations);
        let keys = annotations.keys().map(|key| AnyValue { value: Some(Value::StringValue(key.clone())) }).collect();
        attributes.push(pair(ANNOTATIONS_ATTRIBUTE, AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: keys })) }));
        attributes.extend(annotations.iter().map(|(key, value)| pair(key, from_plain(value))));
    }
    if let Some(metadata) = &segment.metadata {
        for (namespace, value) in json_members(metadata) {
            attributes.push(text_pair(&format!("{METADATA_ATTRIBUTE}{namespace}"), value.to_string()));
        }
    }
    attributes
}

fn exception_event(segment: &Segment<'_>, exception: &Exception<'_>) -> Event {
    let mut attributes = Vec::new();
    for (key, value) in [("exception.type", &exception.kind), ("exception.message", &exception.message)] {
        if let Some(value) = value {
            attributes.push(text_pair(key, value.as_ref()));
        }
    }
    if let Some(frames) = exception.stack.as_ref().and_then(Json::elements) {
        let mut trace =
            format!("{}: {}", exception.kind.as_deref().unwrap_or("Exception"), exception.message.as_deref().unwrap_or_default());
        for frame in frames {
            let frame: Members<'_> = frame.members();
            let label = frame.text("label").unwrap_or_default();
            let path = frame.text("path").unwrap_or_default();
            let line = frame.get("line").map(|line| line.as_str().to_owned()).unwrap_or_default();
            trace.push_str(&format!("\n\tat {label} ({path}:{line})"));
        }
        attributes.push(text_pair("exception.stacktrace", trace));
    }
    Event {
        time_unix_nano: nanos_of_us(segment.end_us().unwrap_or_else(|| segment.start_us())),
        name: "exception".to_owned(),
        attributes,
        dropped_attributes_count: 0,
    }
}

/// Who sent a segment, in OpenTelemetry's words.
fn resource_of(segment: &Segment<'_>) -> Resource {
    let mut attributes = vec![text_pair("service.name", segment.name.as_ref())];
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            attributes.push(text_pair(key, value));
        }
    };
    let platform = match segment.origin.as_deref() {
        Some("AWS::EC2::Instance") => Some("aws_ec2"),
        Some("AWS::ElasticBeanstalk::Environment") => Some("aws_elastic_beanstalk"),
        Some("AWS::EKS::Container") => Some("aws_eks"),
        Some("AWS::AppRunner::Service") => Some("aws_app_runner"),
        Some("AWS::Lambda" | "AWS::Lambda::Function") => Some("aws_lambda"),
        Some(origin) if origin.starts_with("AWS::ECS::") => Some("aws_ecs"),
        _ => None,
    };
    put("cloud.provider", platform.map(|_| "aws"));
    put("cloud.platform", platform);
    if let Some(service) = &segment.service {
        let service = service.members();
        put("service.version", service.text("version").as_deref());
        put("process.runtime.name", service.text("runtime").as_deref());
        put("process.runtime.version", service.text("runtime_version").as_deref());
    }
    if let Some(aws) = &segment.aws {
        put("cloud.account.id", aws.account_id.as_deref());
        for (block, names) in [
            ("ec2", &[("instance_id", "host.id"), ("availability_zone", "cloud.availability_zone")][..]),
            ("ecs", &[("container", "container.name"), ("container_id", "container.id"), ("task_arn", "aws.ecs.task.arn")][..]),
            ("eks", &[("cluster_name", "k8s.cluster.name"), ("pod", "k8s.pod.name"), ("container_id", "container.id")][..]),
            ("xray", &[("sdk", "telemetry.sdk.name"), ("sdk_version", "telemetry.sdk.version")][..]),
        ] {
            if let Some(block) = aws.rest.get(block) {
                let block = block.members();
                for (member, key) in names {
                    put(key, block.text(member).as_deref());
                }
            }
        }
    }
    Resource { attributes, ..Resource::default() }
}
