use serde_json::{Value, json};

use super::*;
use crate::segment;

const TRACE: &str = "1-66b5f1a0-0123456789abcdef01234567";

fn document(mut value: Value) -> Segment {
    value["trace_id"] = json!(TRACE);
    if value.get("start_time").is_none() {
        value["start_time"] = json!(100.0);
    }
    if value.get("end_time").is_none() && value.get("in_progress").is_none() {
        value["end_time"] = json!(101.0);
    }
    segment::parse(value.to_string().as_bytes()).unwrap()
}

fn hex(id: u64) -> String {
    format!("{id:016x}")
}

fn at<'t>(trace: &'t Trace<'_>, id: u64) -> &'t Entity<'t> {
    &trace.entities[trace.by_id(SegmentId(id)).unwrap()]
}

#[test]
fn streamed_subsegments_find_their_parents_in_any_order() {
    let root = document(
        json!({"id": hex(1), "name": "a", "subsegments": [{"id": hex(2), "name": "work", "start_time": 100.1, "end_time": 100.2}]}),
    );
    let child = document(json!({"id": hex(3), "name": "inner", "type": "subsegment", "parent_id": hex(2)}));
    let grandchild = document(json!({"id": hex(4), "name": "innermost", "type": "subsegment", "parent_id": hex(3)}));
    let orphan = document(json!({"id": hex(5), "name": "lost", "type": "subsegment", "parent_id": hex(99)}));
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let all = [&root, &child, &grandchild, &orphan];
        let trace = Trace::assemble(order.map(|n| all[n]));
        assert_eq!(trace.entities.len(), 5);
        let owner = trace.by_id(SegmentId(1)).unwrap();
        assert_eq!(at(&trace, 4).owner, owner);
        assert_eq!(at(&trace, 3).parent, trace.by_id(SegmentId(2)));
        assert!(at(&trace, 5).orphan && !at(&trace, 4).orphan);
        assert_eq!(trace.roots(), [owner]);
    }
}

#[test]
fn a_complete_document_replaces_one_in_progress_and_never_the_other_way() {
    let begun = document(json!({"id": hex(1), "name": "a", "in_progress": true}));
    let done = document(json!({"id": hex(1), "name": "a", "end_time": 105.0}));
    let again = document(json!({"id": hex(1), "name": "a", "end_time": 106.0}));
    for (documents, end) in [(vec![&begun, &done], 105.0), (vec![&done, &begun], 105.0), (vec![&done, &again, &begun], 106.0)] {
        let trace = Trace::assemble(documents);
        assert_eq!(trace.entities.len(), 1);
        assert_eq!(trace.entities[0].segment.end_time, Some(end));
    }
}

#[test]
fn circles_of_parents_and_callers_end() {
    let a = document(json!({"id": hex(1), "name": "a", "type": "subsegment", "parent_id": hex(2)}));
    let b = document(json!({"id": hex(2), "name": "b", "type": "subsegment", "parent_id": hex(1)}));
    let own = document(json!({"id": hex(3), "name": "c", "type": "subsegment", "parent_id": hex(3)}));
    let x = document(json!({"id": hex(4), "name": "x", "parent_id": hex(5), "fault": true}));
    let y = document(json!({"id": hex(5), "name": "y", "parent_id": hex(4)}));
    let documents = [&a, &b, &own, &x, &y];
    let trace = Trace::assemble(documents);
    assert_eq!(trace.entities.len(), 5);
    let digest = crate::digest::TraceDigest::of(TRACE.parse().unwrap(), documents);
    assert_eq!(digest.visits.len(), 2);
}

#[test]
fn of_two_instrumented_layers_of_one_call_the_inner_counts() {
    let root = document(json!({"id": hex(1), "name": "a", "subsegments": [
        {"id": hex(2), "name": "api.example.com", "namespace": "remote", "start_time": 1, "end_time": 2, "subsegments": [
            {"id": hex(3), "name": "api.example.com", "namespace": "remote", "start_time": 1, "end_time": 2}]}]}));
    let trace = Trace::assemble([&root]);
    assert!(!trace.infers_service(trace.by_id(SegmentId(2)).unwrap()));
    assert!(trace.infers_service(trace.by_id(SegmentId(3)).unwrap()));
}
