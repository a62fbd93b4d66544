//! Traces in the JSON of Jaeger's query API, as Jaeger itself shows spans of OpenTelemetry.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};

use crate::json::{hex, value_json};
use crate::proto::common::v1::any_value::Value;
use crate::proto::common::v1::{AnyValue, KeyValue};
use crate::proto::trace::v1::span::SpanKind;
use crate::proto::trace::v1::status::StatusCode;
use crate::span::ResourceSpan;

const SERVICE_NAME: &str = "service.name";
/// Of spans whose resource has no name.
const NO_NAME: &str = "unknown";

/// A trace of these spans. Spans of one resource share a process.
pub fn trace_json(trace_id: &str, spans: &[ResourceSpan]) -> Json {
    let mut processes: BTreeMap<String, Json> = BTreeMap::new();
    let mut names: Vec<(Json, String)> = Vec::new();
    let mut made = Vec::with_capacity(spans.len());
    for span in spans {
        let process = process_json(span);
        let id = match names.iter().find(|(known, _)| *known == process) {
            Some((_, id)) => id.clone(),
            None => {
                let id = format!("p{}", names.len() + 1);
                processes.insert(id.clone(), process.clone());
                names.push((process, id.clone()));
                id
            }
        };
        made.push(span_json(trace_id, span, &id));
    }
    json!({ "traceID": trace_id, "spans": made, "processes": processes, "warnings": null })
}

/// The service that a span is of.
pub fn service_name(span: &ResourceSpan) -> &str {
    let named = span.resource.attributes.iter().find(|pair| pair.key == SERVICE_NAME);
    match named.and_then(|pair| pair.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name,
        _ => NO_NAME,
    }
}

/// What kind of span it is, in Jaeger's words; nothing where it is not said.
pub fn kind(span: &ResourceSpan) -> &'static str {
    match span.span.kind() {
        SpanKind::Unspecified => "",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

/// Whether a tag of the span, of its process or of one of its logs has this value, written as text.
pub fn has_tag(span: &ResourceSpan, key: &str, value: &str) -> bool {
    let is_it = |tag: &Json| tag["key"] == key && text_of(&tag["value"]) == value;
    let attributes = span.resource.attributes.iter().chain(span.span.events.iter().flat_map(|event| &event.attributes));
    tags(span).iter().any(is_it) || attributes.map(tag).any(|tag| is_it(&tag))
}

fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn process_json(span: &ResourceSpan) -> Json {
    let tags: Vec<Json> = span.resource.attributes.iter().filter(|pair| pair.key != SERVICE_NAME).map(tag).collect();
    json!({ "serviceName": service_name(span), "tags": tags })
}

fn span_json(trace_id: &str, span: &ResourceSpan, process: &str) -> Json {
    let it = &span.span;
    let reference =
        |kind: &str, trace_id: &str, span_id: &[u8]| json!({ "refType": kind, "traceID": trace_id, "spanID": hex(span_id) });
    let mut references = Vec::new();
    if !it.parent_span_id.is_empty() {
        references.push(reference("CHILD_OF", trace_id, &it.parent_span_id));
    }
    references.extend(it.links.iter().map(|link| reference("FOLLOWS_FROM", &hex(&link.trace_id), &link.span_id)));
    let logs = it.events.iter().map(|event| {
        let name = json!({ "key": "event", "type": "string", "value": event.name });
        let fields: Vec<Json> = std::iter::once(name).chain(event.attributes.iter().map(tag)).collect();
        json!({ "timestamp": event.time_unix_nano / 1_000, "fields": fields })
    });
    json!({
        "traceID": trace_id,
        "spanID": hex(&it.span_id),
        "operationName": it.name,
        "references": references,
        // What was kept was sampled.
        "flags": it.flags & 0xff | 1,
        "startTime": it.start_time_unix_nano / 1_000,
        "duration": it.end_time_unix_nano.saturating_sub(it.start_time_unix_nano) / 1_000,
        "tags": tags(span),
        "logs": logs.collect::<Vec<Json>>(),
        "processID": process,
        "warnings": null,
    })
}

fn tags(span: &ResourceSpan) -> Vec<Json> {
    let it = &span.span;
    let text = |key: &str, value: &str| (!value.is_empty()).then(|| json!({ "key": key, "type": "string", "value": value }));
    let mut tags: Vec<Json> = it.attributes.iter().map(tag).collect();
    tags.extend(text("otel.scope.name", &span.scope.name));
    tags.extend(text("otel.scope.version", &span.scope.version));
    tags.extend(text("span.kind", kind(span)));
    tags.extend(text("w3c.tracestate", &it.trace_state));
    if let Some(status) = &it.status {
        match status.code() {
            StatusCode::Unset => {}
            StatusCode::Ok => tags.extend(text("otel.status_code", "OK")),
            StatusCode::Error => {
                tags.extend(text("otel.status_code", "ERROR"));
                tags.push(json!({ "key": "error", "type": "bool", "value": true }));
            }
        }
        tags.extend(text("otel.status_description", &status.message));
    }
    tags
}

fn tag(pair: &KeyValue) -> Json {
    let (kind, value) = match pair.value.as_ref() {
        Some(AnyValue { value: Some(value) }) => typed(value, pair),
        _ => ("string", "".into()),
    };
    json!({ "key": pair.key, "type": kind, "value": value })
}

fn typed(value: &Value, pair: &KeyValue) -> (&'static str, Json) {
    match value {
        Value::StringValue(text) => ("string", text.clone().into()),
        Value::BoolValue(value) => ("bool", (*value).into()),
        Value::IntValue(number) => ("int64", (*number).into()),
        Value::DoubleValue(number) if number.is_finite() => ("float64", (*number).into()),
        Value::BytesValue(bytes) => ("binary", BASE64.encode(bytes).into()),
        // Lists and maps are texts of JSON there.
        _ => ("string", text_of(&value_json(pair.value.as_ref())).into()),
    }
}
