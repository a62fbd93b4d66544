//! Root causes: the way from the entry of a trace down to what failed, or to what took the time.
//!
//! AWS documents the shape and not the algorithm. Here: every failing entity below which nothing else failed is a root cause,
//! whether or not those above it failed too. A page that looks right although a write was denied has one.

use serde::{Deserialize, Serialize};

use super::{Flags, truncated};
use crate::limit;
use crate::segment::Cause;
use crate::service::{self, ServiceId};
use crate::trace::Trace;

/// One cause: the services passed, from the entry to the culprit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RootCause {
    /// The trace's entry was affected too.
    pub client_impacting: bool,
    pub services: Vec<CauseService>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseService {
    pub id: ServiceId,
    pub inferred: bool,
    /// From the segment down to the call of the next service, or to the culprit.
    pub path: Vec<CauseEntity>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseEntity {
    pub name: String,
    pub remote: bool,
    pub exceptions: Vec<CauseException>,
    /// Share of the root's response time, 0 to 1. Zero for failures, where it is not asked.
    pub coverage: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseException {
    pub name: String,
    pub message: String,
}

/// The causes of the failures that `failed` recognises.
pub(super) fn failures(trace: &Trace<'_>, failed: impl Fn(Flags) -> bool) -> Vec<RootCause> {
    let failing: Vec<bool> = trace.entities.iter().map(|entity| failed(Flags::of(entity.segment))).collect();
    if !failing.contains(&true) {
        return Vec::new();
    }
    // Whether anything at or below an entity failed. Entities are visited leaves first.
    let order = depth_first(trace);
    let mut below = vec![false; trace.entities.len()];
    for &index in order.iter().rev() {
        let entity = &trace.entities[index];
        below[index] = entity.children.iter().chain(&entity.callees).any(|&next| failing[next] || below[next]);
    }
    let mut causes: Vec<RootCause> = Vec::new();
    for &index in &order {
        if !failing[index] || below[index] {
            continue;
        }
        let path = path_to(trace, index);
        let client_impacting = failing[path[0]];
        let cause = describe(trace, &path, client_impacting, None);
        if !causes.contains(&cause) {
            causes.push(cause);
        }
        if causes.len() == limit::ROOT_CAUSES_PER_TRACE {
            break;
        }
    }
    causes
}

/// From the entry, the child or callee that covers most of its parent's time, as long as it covers more than half.
pub(super) fn slow_path(trace: &Trace<'_>) -> Option<RootCause> {
    let roots = trace.roots();
    let root = *roots.iter().min_by_key(|&&root| trace.entities[root].segment.start_us())?;
    let duration = |index: usize| {
        let segment = trace.entities[index].segment;
        segment.end_us().map_or(0, |end| (end - segment.start_us()).max(0))
    };
    let total = duration(root);
    if total == 0 {
        return None;
    }
    let mut path = vec![root];
    let mut at = root;
    // A path cannot be longer than there are entities, whatever the documents claim.
    while path.len() <= trace.entities.len() {
        let entity = &trace.entities[at];
        let Some(&next) = entity.children.iter().chain(&entity.callees).max_by_key(|&&next| duration(next)) else {
            break;
        };
        if duration(next) * 2 <= duration(at) {
            break;
        }
        path.push(next);
        at = next;
    }
    Some(describe(trace, &path, true, Some(&|index| duration(index) as f64 / total as f64)))
}

/// Entities in depth-first order from the tops; each once.
fn depth_first(trace: &Trace<'_>) -> Vec<usize> {
    let mut seen = vec![false; trace.entities.len()];
    let mut order = Vec::with_capacity(trace.entities.len());
    let uncalled = trace.tops().filter(|&top| trace.entities[top].caller.is_none());
    let mut stack: Vec<usize> = uncalled.collect();
    stack.reverse();
    // Documents may name each other as callers in a circle; such tops come last.
    let mut rest = trace.tops();
    loop {
        while let Some(index) = stack.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            order.push(index);
            let entity = &trace.entities[index];
            stack.extend(entity.callees.iter().rev());
            stack.extend(entity.children.iter().rev());
        }
        match rest.find(|&top| !seen[top]) {
            Some(top) => stack.push(top),
            None => return order,
        }
    }
}

/// The entities from the top of the trace to this one.
fn path_to(trace: &Trace<'_>, index: usize) -> Vec<usize> {
    let mut path = vec![index];
    let mut at = index;
    while let Some(above) = trace.entities[at].parent.or(trace.entities[at].caller) {
        if path.contains(&above) {
            break;
        }
        path.push(above);
        at = above;
    }
    path.reverse();
    path
}

fn describe(trace: &Trace<'_>, path: &[usize], client_impacting: bool, coverage: Option<&dyn Fn(usize) -> f64>) -> RootCause {
    let mut services: Vec<CauseService> = Vec::new();
    let mut owner = None;
    let entity_of = |index: usize| {
        let segment = trace.entities[index].segment;
        CauseEntity {
            name: segment.name.clone(),
            remote: trace.entities[index].parent.is_some() && segment.is_call(),
            exceptions: exceptions(trace, index),
            coverage: coverage.map_or(0.0, |coverage| (coverage(index) * 1000.0).round() / 1000.0),
        }
    };
    for &index in path {
        let top = trace.entities[index].owner;
        if owner != Some(top) {
            owner = Some(top);
            services.push(CauseService { id: service::of_segment(trace.entities[top].segment), inferred: false, path: Vec::new() });
        }
        if let Some(service) = services.last_mut() {
            service.path.push(entity_of(index));
        }
    }
    // A call to something that does not report itself: the culprit is what was called.
    if let Some(&last) = path.last().filter(|&&last| trace.infers_service(last)) {
        let id = service::of_call(trace.entities[last].segment);
        let entity = CauseEntity { name: id.name.clone(), remote: false, ..entity_of(last) };
        services.push(CauseService { id, inferred: true, path: vec![entity] });
    }
    RootCause { client_impacting, services }
}

fn exceptions(trace: &Trace<'_>, index: usize) -> Vec<CauseException> {
    let segment = trace.entities[index].segment;
    let describe = |exception: &crate::segment::Exception| CauseException {
        name: exception.kind.clone().unwrap_or_default(),
        message: truncated(exception.message.as_deref().unwrap_or_default(), limit::INDEXED_MESSAGE_CHARS),
    };
    match &segment.cause {
        Some(Cause::Recorded(_)) => segment.exceptions().iter().take(10).map(describe).collect(),
        Some(Cause::Reference(id)) => {
            let recorded = trace.entities.iter().flat_map(|entity| entity.segment.exceptions());
            recorded.filter(|exception| exception.id.as_deref() == Some(id)).take(1).map(describe).collect()
        }
        None => Vec::new(),
    }
}
