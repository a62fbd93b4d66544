//! A span as one JSON object, in the form that AWS gives spans: attributes are plain members, kind and status are words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value as Json, json};

use crate::proto::common::v1::any_value::Value;
use crate::proto::common::v1::{AnyValue, KeyValue};
use crate::proto::trace::v1::span::SpanKind;
use crate::proto::trace::v1::status::StatusCode;
use crate::span::ResourceSpan;

/// The span as JSON.
pub fn span_json(span: &ResourceSpan) -> Json {
    let it = &span.span;
    let mut object = json!({
        "resource": { "attributes": attributes_json(&span.resource.attributes) },
        "scope": { "name": span.scope.name, "version": span.scope.version },
        "traceId": hex(&it.trace_id),
        "spanId": hex(&it.span_id),
        "flags": it.flags,
        "name": it.name,
        "kind": kind(it.kind()),
        "startTimeUnixNano": it.start_time_unix_nano,
        "endTimeUnixNano": it.end_time_unix_nano,
        "durationNano": it.end_time_unix_nano.saturating_sub(it.start_time_unix_nano),
        "attributes": attributes_json(&it.attributes),
        "status": status(span),
    });
    if !it.parent_span_id.is_empty() {
        object["parentSpanId"] = hex(&it.parent_span_id).into();
    }
    if !it.trace_state.is_empty() {
        object["traceState"] = it.trace_state.clone().into();
    }
    if !it.events.is_empty() {
        let events = it.events.iter().map(|event| {
            json!({ "timeUnixNano": event.time_unix_nano, "name": event.name, "attributes": attributes_json(&event.attributes) })
        });
        object["events"] = events.collect();
    }
    if !it.links.is_empty() {
        let links = it.links.iter().map(|link| {
            json!({ "traceId": hex(&link.trace_id), "spanId": hex(&link.span_id), "attributes": attributes_json(&link.attributes) })
        });
        object["links"] = links.collect();
    }
    object
}

/// A kind as a word.
pub fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "UNSPECIFIED",
        SpanKind::Internal => "INTERNAL",
        SpanKind::Server => "SERVER",
        SpanKind::Client => "CLIENT",
        SpanKind::Producer => "PRODUCER",
        SpanKind::Consumer => "CONSUMER",
    }
}

fn status(span: &ResourceSpan) -> Json {
    let status = span.span.status.as_ref();
    let code = match status.map_or(StatusCode::Unset, |status| status.code()) {
        StatusCode::Unset => "UNSET",
        StatusCode::Ok => "OK",
        StatusCode::Error => "ERROR",
    };
    match status.map(|status| status.message.as_str()).filter(|message| !message.is_empty()) {
        Some(message) => json!({ "code": code, "message": message }),
        None => json!({ "code": code }),
    }
}

pub(crate) fn attributes_json(attributes: &[KeyValue]) -> Map<String, Json> {
    attributes.iter().map(|pair| (pair.key.clone(), value_json(pair.value.as_ref()))).collect()
}

/// The value as JSON; what JSON has no form for becomes a text.
pub fn value_json(value: Option<&AnyValue>) -> Json {
    match value.and_then(|value| value.value.as_ref()) {
        None => Json::Null,
        Some(Value::StringValue(text)) => text.clone().into(),
        Some(Value::BoolValue(value)) => (*value).into(),
        Some(Value::IntValue(number)) => (*number).into(),
        Some(Value::DoubleValue(number)) if number.is_finite() => (*number).into(),
        Some(Value::DoubleValue(number)) => number.to_string().into(),
        Some(Value::BytesValue(bytes)) => BASE64.encode(bytes).into(),
        Some(Value::ArrayValue(array)) => array.values.iter().map(|value| value_json(Some(value))).collect(),
        Some(Value::KvlistValue(list)) => Json::Object(attributes_json(&list.values)),
        Some(Value::StringValueStrindex(index)) => (*index).into(),
    }
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
