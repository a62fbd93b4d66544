//! Whole traces, as documents.

use model::trace::Trace;
use model::{Segment, SegmentId, TraceId, service};

use crate::graph::callee_may_come;
use crate::{Query, Result};

/// Deeper trees than this are cut: what hangs below comes as documents of its own, with the parent's id in it.
const DEPTH_MAX: usize = 64;

/// A trace with its documents, put together.
#[derive(Debug, Clone)]
pub struct FoundTrace {
    pub id: TraceId,
    pub duration_us: u64,
    /// There is more than is shown.
    pub limit_exceeded: bool,
    pub segments: Vec<FoundSegment>,
}

#[derive(Debug, Clone)]
pub struct FoundSegment {
    pub id: SegmentId,
    /// JSON text.
    pub document: String,
}

impl Query {
    /// The traces that are known, and the ids of those that are not.
    pub fn traces(&self, ids: &[TraceId]) -> Result<(Vec<FoundTrace>, Vec<TraceId>)> {
        let reader = self.reader();
        let now_us = self.clock.now_us();
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        for &id in ids {
            let documents = reader.documents(id)?;
            if documents.is_empty() {
                unknown.push(id);
            } else {
                let segments = documents.segments();
                let trace = Trace::assemble(&segments);
                let mut trace = put_together(id, &trace, now_us);
                trace.limit_exceeded |= documents.limit_exceeded;
                found.push(trace);
            }
        }
        Ok((found, unknown))
    }
}

fn put_together(id: TraceId, trace: &Trace<'_>, now_us: i64) -> FoundTrace {
    let (start_us, end_us) = trace.bounds_us();
    let count = trace.entities.len();
    let depth = depths(trace);
    // Each entity without its children first; then children move into their parents, the deepest first.
    let mut built: Vec<Option<Segment<'_>>> = trace.entities.iter().map(|entity| Some(entity.segment.without_children())).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(depth[index]));
    for &index in &order {
        let children = &trace.entities[index].children;
        let embedded: Vec<Segment<'_>> = children
            .iter()
            .filter(|&&child| !depth[child].is_multiple_of(DEPTH_MAX))
            .filter_map(|&child| built[child].take())
            .collect();
        let had_list = trace.entities[index].segment.subsegments.is_some();
        if let Some(segment) = &mut built[index] {
            segment.subsegments = (had_list || !embedded.is_empty()).then_some(embedded);
        }
    }
    let mut segments: Vec<FoundSegment> = built
        .into_iter()
        .enumerate()
        .filter_map(|(index, segment)| {
            let mut segment = segment?;
            segment.trace_id = Some(id);
            // Cut off for its depth: it stands alone and says where it belongs.
            if let Some(parent) = trace.entities[index].parent {
                segment.kind = Some("subsegment".into());
                segment.parent_id = Some(trace.entities[parent].segment.id);
            }
            Some(FoundSegment { id: segment.id, document: segment.to_json() })
        })
        .collect();
    for index in (0..count).filter(|&index| trace.infers_service(index)) {
        let call = trace.entities[index].segment;
        let ended_us = call.end_us().unwrap_or_else(|| call.start_us());
        if call.is_traced() && callee_may_come(ended_us, now_us) {
            continue;
        }
        let segment = inferred(id, call);
        segments.push(FoundSegment { id: segment.id, document: segment.to_json() });
    }
    FoundTrace { id, duration_us: end_us.abs_diff(start_us), limit_exceeded: trace.limit_exceeded, segments }
}

fn depths(trace: &Trace<'_>) -> Vec<usize> {
    let mut depth = vec![0; trace.entities.len()];
    let mut stack: Vec<usize> = trace.tops().collect();
    while let Some(index) = stack.pop() {
        for &child in &trace.entities[index].children {
            depth[child] = depth[index] + 1;
            stack.push(child);
        }
    }
    depth
}

/// The segment that a service would have sent, had it reported itself; all it says comes from its caller.
fn inferred<'a>(trace_id: TraceId, call: &Segment<'a>) -> Segment<'a> {
    let kind = service::of_call(call).kind.filter(|kind| kind != "remote");
    let mut segment = Segment::new(call.id.inferred(), call.name.clone(), call.start_time);
    segment.end_time = call.end_time;
    segment.in_progress = call.in_progress.filter(|&in_progress| in_progress);
    segment.trace_id = Some(trace_id);
    segment.parent_id = Some(call.id);
    segment.inferred = Some(true);
    segment.origin = kind.map(|kind| String::from(kind).into());
    segment.error = call.error;
    segment.throttle = call.throttle;
    segment.fault = call.fault;
    segment.http.clone_from(&call.http);
    segment.aws.clone_from(&call.aws);
    segment.sql.clone_from(&call.sql);
    segment.cause.clone_from(&call.cause);
    segment
}

#[cfg(test)]
mod tests;
