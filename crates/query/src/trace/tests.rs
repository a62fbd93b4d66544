use model::segment;
use serde_json::{Value, json};
use testkit::{segment_id, trace_id};

use super::*;

const START: f64 = 1_795_000_000.0;

fn found(documents: &[Value], now_us: i64) -> Vec<Value> {
    let segments: Vec<Segment<'_>> =
        documents.iter().map(|value| segment::parse(value.to_string().leak().as_bytes()).unwrap()).collect();
    let trace = Trace::assemble(&segments);
    let id = trace_id(1_795_000_000, 1).parse().unwrap();
    put_together(id, &trace, now_us).segments.iter().map(|found| serde_json::from_str(&found.document).unwrap()).collect()
}

fn subsegment(id: u64, parent: u64) -> Value {
    let mut value = testkit::segment(&trace_id(1_795_000_000, 1), id, "step", START, 0.1);
    value["type"] = json!("subsegment");
    value["parent_id"] = json!(segment_id(parent));
    value
}

#[test]
fn streamed_subsegments_are_given_back_inside_their_parent() {
    let root = testkit::segment(&trace_id(1_795_000_000, 1), 1, "a", START, 1.0);
    let documents = found(&[subsegment(3, 2), subsegment(2, 1), root, subsegment(9, 8)], 0);
    assert_eq!(documents.len(), 2);
    let whole = documents.iter().find(|document| document["id"] == segment_id(1)).unwrap();
    assert_eq!(whole["subsegments"][0]["subsegments"][0]["id"], json!(segment_id(3)));
    let orphan = documents.iter().find(|document| document["id"] == segment_id(9)).unwrap();
    assert_eq!(orphan["type"], json!("subsegment"));
}

#[test]
fn a_chain_deeper_than_json_readers_bear_is_cut_and_complete() {
    let mut documents = vec![testkit::segment(&trace_id(1_795_000_000, 1), 1, "a", START, 1.0)];
    documents.extend((2..=5_000u64).map(|n| subsegment(n, n - 1)));
    let documents = found(&documents, 0);
    fn count(value: &Value) -> usize {
        1 + value["subsegments"].as_array().map_or(0, |children| children.iter().map(count).sum())
    }
    assert_eq!(documents.iter().map(count).sum::<usize>(), 5_000);
    assert!(documents.len() > 50);
    let tops = documents.iter().filter(|document| document.get("parent_id").is_none()).count();
    assert_eq!(tops, 1, "what was cut off names its parent");
}

#[test]
fn a_call_to_something_silent_gets_an_inferred_segment() {
    let mut root = testkit::segment(&trace_id(1_795_000_000, 1), 1, "a", START, 1.0);
    root["subsegments"] = json!([
        {"id": segment_id(2), "name": "dynamodb", "namespace": "aws", "start_time": START, "end_time": START + 0.1, "fault": true, "aws": {"table_name": "t"},
         "annotations": {"x": 1}},
        {"id": segment_id(3), "name": "other", "namespace": "remote", "traced": true, "start_time": START, "end_time": START + 0.1},
    ]);
    let early = found(std::slice::from_ref(&root), (START as i64 + 1) * 1_000_000);
    let late = found(&[root], (START as i64 + 60) * 1_000_000);
    assert_eq!((early.len(), late.len()), (2, 3), "a traced call waits for its callee");
    let table = &early[1];
    assert_eq!(table["inferred"], json!(true));
    assert_eq!(table["parent_id"], json!(segment_id(2)));
    assert_eq!(table["origin"], json!("AWS::DynamoDB::Table"));
    assert_eq!(table["fault"], json!(true));
    assert!(table.get("annotations").is_none() && table.get("namespace").is_none());
    assert!(late[2].get("origin").is_none());
}
