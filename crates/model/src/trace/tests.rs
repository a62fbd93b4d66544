use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::segment;

const TRACE: &str = "1-66b5f1a0-0123456789abcdef01234567";

fn document(mut value: Value) -> Segment<'static> {
    value["trace_id"] = json!(TRACE);
    if value.get("start_time").is_none() {
        value["start_time"] = json!(100.0);
    }
    if value.get("end_time").is_none() && value.get("in_progress").is_none() {
        value["end_time"] = json!(101.0);
    }
    segment::parse(value.to_string().leak().as_bytes()).unwrap()
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

proptest! {
    /// Subsegments sent on their own, whose parents are any of each other or unknown: each stands in one tree, and every tree ends.
    #[test]
    fn loose_subsegments_of_any_shape_become_trees(parents in prop::collection::vec(0usize..14, 1..12)) {
        let documents: Vec<Segment<'_>> = parents
            .iter()
            .enumerate()
            .map(|(n, parent)| document(json!({
                "id": hex(n as u64 + 1), "name": format!("n{}", n % 2), "type": "subsegment", "namespace": "remote",
                "parent_id": hex(*parent as u64 + 1),
                "subsegments": [{"id": hex(n as u64 + 101), "name": "n0", "namespace": "remote", "start_time": 1, "end_time": 2}],
            })))
            .collect();
        let trace = Trace::assemble(&documents);
        prop_assert_eq!(trace.entities.len(), 2 * parents.len());
        for index in 0..trace.entities.len() {
            let mut top = index;
            let mut steps = 0;
            while let Some(parent) = trace.entities[top].parent {
                prop_assert!(trace.entities[parent].children.contains(&top));
                top = parent;
                steps += 1;
                prop_assert!(steps <= trace.entities.len(), "a circle");
            }
            prop_assert_eq!(trace.entities[index].owner, top);
            prop_assert_eq!(trace.entities[index].orphan, index == top);
            // What the quick marking found, by looking.
            let mut stack = trace.entities[index].children.clone();
            let mut repeated = false;
            while let Some(inner) = stack.pop() {
                repeated |= trace.entities[inner].segment.name == trace.entities[index].segment.name;
                stack.extend(&trace.entities[inner].children);
            }
            prop_assert_eq!(trace.infers_service(index), !repeated && trace.entities[index].callees.is_empty());
        }
        // A parent that is known is hung from, except by one of each circle.
        for (n, parent) in parents.iter().enumerate().filter(|(_, parent)| **parent < parents.len()) {
            let (child, parent) = (trace.by_id(SegmentId(n as u64 + 1)).unwrap(), trace.by_id(SegmentId(*parent as u64 + 1)).unwrap());
            prop_assert!(trace.entities[child].parent == Some(parent) || trace.entities[child].orphan);
        }
    }
}

#[test]
fn a_trace_beyond_its_limit_says_so_and_is_put_together_quickly() {
    // One long chain, and one wide tree: both were quadratic once.
    let count = limit::ENTITIES_PER_TRACE as u64 + 1;
    let chain: Vec<Segment<'_>> = (1..=count)
        .map(|n| document(json!({"id": hex(n), "name": "a", "type": "subsegment", "namespace": "remote", "parent_id": hex(n + 1)})))
        .collect();
    let trace = Trace::assemble(&chain);
    assert!(trace.limit_exceeded);
    assert_eq!(trace.entities.len(), limit::ENTITIES_PER_TRACE);
    assert_eq!(trace.tops().count(), 1);
    let wide: Vec<Segment<'_>> = (1..count)
        .map(|n| {
            document(json!({"id": hex(n), "name": format!("service {n}"), "user": format!("user {n}"), "annotations": {"n": n}}))
        })
        .collect();
    let digest = crate::digest::TraceDigest::of(TRACE.parse().unwrap(), &wide);
    assert_eq!(digest.services.len(), limit::ENTITIES_PER_TRACE);
    assert_eq!(digest.annotations.len(), limit::INDEXED_VALUES_PER_TRACE);
    assert!(digest.is_consistent());
}
