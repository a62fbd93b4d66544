//! Log records of OpenTelemetry as log events, and log events as records.

use model::log::{LogEvent, LogLine, trace_ids};
use prost::Message;
use serde_json::{Map, Value, json};

use crate::attribute::{find_text, from_plain, pair};
use crate::json::{attributes_json, hex, value_json};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::KeyValue;
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

/// Where attributes of a resource say that its lines belong (AWS).
const GROUP: &str = "aws.log.group.names";
const STREAM: &str = "aws.log.stream.names";
/// What tells several instances of a service apart, the best first.
const INSTANCES: [&str; 5] = ["service.instance.id", "container.id", "k8s.pod.name", "host.name", "host.id"];
/// Where groups of services begin, and the group of resources that name no service.
const GROUP_PREFIX: &str = "/otel/";
const NO_SERVICE: &str = "unknown_service";
const NO_INSTANCE: &str = "default";

/// The lines of a request. Records that say no time have `now_us`.
pub fn lines(request: &ExportLogsServiceRequest, now_us: i64) -> Vec<LogLine> {
    let mut lines = Vec::new();
    for of_resource in &request.resource_logs {
        let attributes = of_resource.resource.as_ref().map(|it| it.attributes.as_slice()).unwrap_or_default();
        let (group, stream) = (group(attributes), stream(attributes));
        let resource = json!({ "attributes": attributes_json(attributes) });
        for of_scope in &of_resource.scope_logs {
            let scope = of_scope.scope.as_ref().map(|scope| {
                let mut told = json!({ "name": scope.name });
                if !scope.version.is_empty() {
                    told["version"] = scope.version.clone().into();
                }
                told
            });
            for record in &of_scope.log_records {
                let time = if record.time_unix_nano > 0 { record.time_unix_nano } else { record.observed_time_unix_nano };
                let time_us = if time > 0 { (time / 1_000) as i64 } else { now_us };
                let message = message(record, &resource, scope.as_ref());
                lines.push(LogLine { group: group.clone(), stream: stream.clone(), time_us, message });
            }
        }
    }
    lines
}

fn group(attributes: &[KeyValue]) -> String {
    // Of several names the first one counts.
    let named = text_or_first(attributes, GROUP);
    named.unwrap_or_else(|| {
        format!("{GROUP_PREFIX}{}", find_text(attributes, "service.name").filter(|name| !name.is_empty()).unwrap_or(NO_SERVICE))
    })
}

fn stream(attributes: &[KeyValue]) -> String {
    let instance = || INSTANCES.iter().find_map(|name| find_text(attributes, name)).filter(|name| !name.is_empty());
    text_or_first(attributes, STREAM).or_else(|| instance().map(str::to_owned)).unwrap_or_else(|| NO_INSTANCE.to_owned())
}

fn text_or_first(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|pair| pair.key == name)?.value.as_ref()?;
    let found = match value_json(Some(value)) {
        Value::String(text) => text,
        Value::Array(items) => items.first()?.as_str()?.to_owned(),
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// A record as one JSON object, in the form that AWS gives records.
fn message(record: &LogRecord, resource: &Value, scope: Option<&Value>) -> String {
    let mut told = Map::new();
    told.insert("resource".to_owned(), resource.clone());
    if let Some(scope) = scope {
        told.insert("scope".to_owned(), scope.clone());
    }
    let mut add = |name: &str, value: Value| told.insert(name.to_owned(), value);
    add("timeUnixNano", record.time_unix_nano.into());
    add("observedTimeUnixNano", record.observed_time_unix_nano.into());
    if record.severity_number != 0 {
        add("severityNumber", record.severity_number.into());
    }
    if !record.severity_text.is_empty() {
        add("severityText", record.severity_text.clone().into());
    }
    if record.body.is_some() {
        add("body", value_json(record.body.as_ref()));
    }
    if !record.event_name.is_empty() {
        add("eventName", record.event_name.clone().into());
    }
    add("attributes", attributes_json(&record.attributes).into());
    if record.dropped_attributes_count > 0 {
        add("droppedAttributesCount", record.dropped_attributes_count.into());
    }
    add("flags", record.flags.into());
    add("traceId", hex(&record.trace_id).into());
    add("spanId", hex(&record.span_id).into());
    Value::Object(told).to_string()
}

/// Events of one stream as a request in protobuf.
pub fn encode(group: &str, stream: &str, events: &[&LogEvent]) -> Vec<u8> {
    let text = |name: &str, value: &str| pair(name, from_plain(&value.into()));
    let record = |event: &&LogEvent| LogRecord {
        time_unix_nano: (event.time_us.max(0) as u64).saturating_mul(1_000),
        observed_time_unix_nano: (event.number.ingested_us().max(0) as u64).saturating_mul(1_000),
        body: Some(from_plain(&event.message.as_str().into())),
        trace_id: trace_ids(event.message.as_bytes()).first().map(|id| id.0.to_vec()).unwrap_or_default(),
        ..LogRecord::default()
    };
    let attributes = vec![text(GROUP, group), text(STREAM, stream)];
    let scope_logs = vec![ScopeLogs { log_records: events.iter().map(record).collect(), ..ScopeLogs::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }] }
        .encode_to_vec()
}

#[cfg(test)]
mod tests {
    use model::log::EventNumber;

    use super::*;

    #[test]
    fn events_come_back_from_the_other_side() {
        let event = LogEvent {
            time_us: 1_795_000_000_123_456,
            owner: None,
            group: "shop".into(),
            stream: "a".into(),
            number: EventNumber::at(1_795_000_001_000_000),
            message: "failed, trace 1-5759e988-bd862e3fe1be46a994272793".to_owned(),
        };
        let bytes = encode("shop", "a", &[&event]);
        let request = ExportLogsServiceRequest::decode(&bytes[..]).unwrap();
        let found = lines(&request, 0);
        assert_eq!((found[0].group.as_str(), found[0].stream.as_str(), found[0].time_us), ("shop", "a", event.time_us));
        let message: Value = serde_json::from_str(&found[0].message).unwrap();
        assert_eq!(message["body"], event.message);
        assert_eq!(message["traceId"], "5759e988bd862e3fe1be46a994272793");
    }

    #[test]
    fn groups_and_streams_are_those_of_the_service() {
        let of = |pairs: &[(&str, Value)]| {
            let attributes: Vec<KeyValue> = pairs.iter().map(|(name, value)| pair(*name, from_plain(value))).collect();
            (group(&attributes), stream(&attributes))
        };
        assert_eq!(of(&[]), ("/otel/unknown_service".to_owned(), "default".to_owned()));
        assert_eq!(of(&[("service.name", "shop".into()), ("host.name", "h1".into())]), ("/otel/shop".to_owned(), "h1".to_owned()));
        let named = [("aws.log.group.names", json!(["mine", "other"])), ("aws.log.stream.names", json!("s"))];
        assert_eq!(of(&named), ("mine".to_owned(), "s".to_owned()));
    }
}
