use serde_json::{Value, json};

use super::*;
use crate::segment;

const TRACE: &str = "1-66b5f1a0-0123456789abcdef01234567";
const START: f64 = 1_723_200_000.0;

fn hex(id: u64) -> String {
    format!("{id:016x}")
}

fn digest(documents: &[Value]) -> TraceDigest {
    let segments: Vec<Segment<'_>> = documents
        .iter()
        .map(|value| {
            let mut value = value.clone();
            value["trace_id"] = json!(TRACE);
            segment::parse(value.to_string().leak().as_bytes()).unwrap()
        })
        .collect();
    TraceDigest::of(TRACE.parse().unwrap(), &segments)
}

/// The reference story's denied write: the table refuses, everything above looks right.
fn denied() -> TraceDigest {
    digest(&[
        json!({"id": hex(1), "name": "BFF", "start_time": START, "end_time": START + 0.1, "user": "u-1",
               "http": {"request": {"method": "GET", "url": "http://bff/api"}, "response": {"status": 200}},
               "annotations": {"tier": "gold", "items": 3, "vip": true, "nested": {"no": 1}},
               "subsegments": [{"id": hex(2), "name": "backend1", "namespace": "remote", "start_time": START + 0.01, "end_time": START + 0.09}]}),
        json!({"id": hex(3), "parent_id": hex(2), "name": "Backend #1", "start_time": START + 0.02, "end_time": START + 0.08,
               "annotations": {"tier": "gold"},
               "subsegments": [{"id": hex(4), "name": "dynamodb", "namespace": "aws", "start_time": START + 0.03, "end_time": START + 0.05,
                                "fault": true, "error": true, "aws": {"table_name": "orders"}, "http": {"response": {"status": 400}},
                                "cause": {"exceptions": [{"id": "aa", "type": "ClientError", "message": "AccessDeniedException"}]}}]}),
    ])
}

#[test]
fn a_denied_write_is_a_root_cause_below_segments_that_look_right() {
    let digest = denied();
    assert!(!digest.flags().fault && digest.any_flags().fault);
    let [cause] = &digest.fault_causes[..] else { panic!("{:?}", digest.fault_causes) };
    assert!(!cause.client_impacting);
    let names: Vec<&str> = cause.services.iter().map(|service| service.id.name.as_str()).collect();
    assert_eq!(names, ["BFF", "Backend #1", "orders"]);
    assert!(cause.services[2].inferred);
    assert_eq!(cause.services[1].path[1].exceptions[0].name, "ClientError");
    assert!(digest.error_causes.is_empty(), "a fault is not counted as an error too");
}

#[test]
fn nodes_edges_and_what_each_side_saw() {
    let digest = denied();
    let kinds: Vec<(&str, Option<&str>)> =
        digest.services.iter().map(|service| (service.id.name.as_str(), service.id.kind.as_deref())).collect();
    assert_eq!(kinds, [("BFF", None), ("Backend #1", None), ("orders", Some("AWS::DynamoDB::Table"))]);
    let backend = &digest.visits[1];
    assert_eq!(backend.served.duration_us, Some(60_000));
    assert_eq!(backend.requested().duration_us, Some(80_000), "the caller's view has the network in it");
    assert_eq!(backend.caller.as_ref().unwrap().service, 0);
    let table = &digest.visits[2];
    assert!(table.inferred && !table.pending && table.served.flags.outcome() == Outcome::Fault);
}

#[test]
fn annotations_keep_their_types_and_their_services() {
    let digest = denied();
    let find = |key: &str| digest.annotations.iter().filter(|annotation| annotation.key == key).collect::<Vec<_>>();
    assert_eq!(find("tier")[0].services, [0, 1]);
    assert_eq!(find("items")[0].value, AnnotationValue::Number(3.0));
    assert_eq!(find("vip")[0].value, AnnotationValue::Boolean(true));
    assert!(find("nested").is_empty());
}

#[test]
fn the_first_fifty_annotation_keys_are_indexed() {
    let annotations: serde_json::Map<String, Value> = (0..80).map(|n| (format!("key{n:02}"), json!(n))).collect();
    let digest =
        digest(&[json!({"id": hex(1), "name": "a", "start_time": START, "end_time": START + 1.0, "annotations": annotations})]);
    assert_eq!(digest.annotations.len(), limit::ANNOTATION_KEYS_PER_TRACE);
}

#[test]
fn the_slow_path_descends_while_one_child_covers_most() {
    let digest = digest(&[
        json!({"id": hex(1), "name": "BFF", "start_time": START, "end_time": START + 5.1,
               "subsegments": [{"id": hex(2), "name": "one", "namespace": "remote", "start_time": START, "end_time": START + 0.05},
                               {"id": hex(3), "name": "two", "namespace": "remote", "start_time": START + 0.05, "end_time": START + 5.09}]}),
        json!({"id": hex(4), "parent_id": hex(3), "name": "Backend #2", "start_time": START + 0.06, "end_time": START + 5.08}),
    ]);
    let path = digest.slow_path.unwrap();
    let names: Vec<&str> = path.services.iter().flat_map(|service| &service.path).map(|entity| entity.name.as_str()).collect();
    assert_eq!(names, ["BFF", "two", "Backend #2"]);
    assert_eq!(path.services[1].path[0].coverage, 0.984);
}

#[test]
fn spellings_of_one_aws_service_are_one_node() {
    let call = |id: u64, name: &str| json!({"id": hex(id), "name": name, "namespace": "aws", "start_time": START, "end_time": START + 0.1});
    let digest = digest(&[json!({"id": hex(1), "name": "a", "start_time": START, "end_time": START + 1.0,
                                 "subsegments": [call(2, "dynamodb"), call(3, "DynamoDB"), call(4, "Secrets Manager")]})]);
    let nodes: Vec<(&str, Option<&str>)> =
        digest.services.iter().map(|service| (service.id.name.as_str(), service.id.kind.as_deref())).collect();
    assert_eq!(nodes, [("a", None), ("DynamoDB", Some("AWS::DynamoDB")), ("Secrets Manager", Some("AWS::Unknown"))]);
    assert_eq!(digest.services[1].names, ["DynamoDB", "dynamodb"]);
}

#[test]
fn a_trace_without_its_root_is_entered_at_its_earliest_segment() {
    let digest = digest(&[
        json!({"id": hex(3), "parent_id": hex(99), "name": "late", "start_time": START + 1.0, "end_time": START + 2.0}),
        json!({"id": hex(2), "parent_id": hex(98), "name": "early", "start_time": START, "end_time": START + 2.0, "fault": true}),
    ]);
    let entry = digest.entry_visit().unwrap();
    assert_eq!(digest.service(entry.service).id.name, "early");
    assert!(entry.root && digest.flags().fault);
}

#[test]
fn the_time_of_an_id_made_elsewhere_is_not_believed() {
    let id: TraceId = TRACE.parse().unwrap();
    let own_us = i64::from(id.epoch_secs()) * 1_000_000;
    assert_eq!(trace_time_us(id, own_us + 3_000_000), own_us);
    let far_us = own_us + 400 * DAY_US;
    assert_eq!(trace_time_us(id, far_us), far_us);
}

#[test]
fn a_digest_of_many_deep_failures_stays_small() {
    fn failing(depth: u32, id: &mut u64) -> Value {
        *id += 1;
        let exception = json!({"id": format!("{id:016x}"), "type": "E".repeat(5_000), "message": "m".repeat(5_000)});
        let mut value = json!({"id": format!("{id:016x}"), "name": format!("n{id}"), "start_time": 1.0, "end_time": 2.0, "fault": true,
                               "cause": {"exceptions": vec![exception; 12]}});
        if depth > 0 {
            value["subsegments"] = json!((0..if depth == 1 { 30 } else { 1 }).map(|_| failing(depth - 1, id)).collect::<Vec<_>>());
        }
        value
    }
    let segment = |value: Value| -> crate::Segment<'static> {
        // Larger than what is taken in: the digest must not rely on that.
        let mut segments = crate::segment::parse(
            json!({"id": "00000000000000aa", "name": "a", "start_time": 1, "end_time": 2,
            "trace_id": "1-66b5f1a0-0123456789abcdef01234567"})
            .to_string()
            .leak()
            .as_bytes(),
        )
        .unwrap();
        segments.fault = Some(true);
        segments.subsegments = Some(vec![embedded(&value)]);
        segments
    };
    fn embedded(value: &Value) -> crate::Segment<'static> {
        let mut inner = value.clone();
        let children = inner.as_object_mut().unwrap().remove("subsegments");
        inner["trace_id"] = json!("1-66b5f1a0-0123456789abcdef01234567");
        inner["cause"]["exceptions"].as_array_mut().unwrap().truncate(5);
        let mut segment = crate::segment::parse(inner.to_string().leak().as_bytes()).unwrap();
        segment.subsegments = children.map(|list| list.as_array().unwrap().iter().map(embedded).collect());
        segment
    }
    let segment = segment(failing(8, &mut 0));
    let digest = TraceDigest::of("1-66b5f1a0-0123456789abcdef01234567".parse().unwrap(), [&segment]);
    assert_eq!(digest.fault_causes.len(), limit::ROOT_CAUSES_PER_TRACE);
    let texts: usize = digest
        .fault_causes
        .iter()
        .flat_map(|cause| &cause.services)
        .flat_map(|service| &service.path)
        .flat_map(|entity| &entity.exceptions)
        .map(|exception| exception.name.len() + exception.message.len())
        .sum();
    assert!(texts <= limit::ROOT_CAUSES_PER_TRACE * limit::ROOT_CAUSE_BYTES, "{texts}");
    let culprit = digest.fault_causes[0].services.last().unwrap().path.last().unwrap();
    assert!(!culprit.exceptions.is_empty(), "the culprit's own exceptions come first");
}
