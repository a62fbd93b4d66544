//! Root causes: the way from the entry of a trace down to what failed, or to what took the time.
//!
//! AWS documents the shape and not the algorithm. Here: every failing entity below which nothing else failed is a root cause,
//! whether or not those above it failed too. A page that looks right although a write was denied has one.

use compact_str::CompactString;
use std::cell::OnceCell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Flags, truncated};
use crate::limit;
use crate::segment::{Cause, Exception};
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
    pub name: CompactString,
    pub remote: bool,
    pub exceptions: Vec<CauseException>,
    /// Share of the root's response time, 0 to 1. Zero for failures, where it is not asked.
    pub coverage: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseException {
    pub name: CompactString,
    pub message: CompactString,
}

/// The causes of the failures that `failed` recognises.
pub(super) fn failures(trace: &Trace<'_>, failed: impl Fn(Flags) -> bool) -> Vec<RootCause> {
    let failing: Vec<bool> = trace.entities.iter().map(|entity| failed(Flags::of(entity.segment))).collect();
    if !failing.contains(&true) {
        return Vec::new();
    }
    let recorded = Recorded::default();
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
        let cause = describe(trace, &recorded, &path, client_impacting, None);
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
    Some(describe(trace, &Recorded::default(), &path, true, Some(&|index| duration(index) as f64 / total as f64)))
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
    let mut seen = vec![false; trace.entities.len()];
    seen[index] = true;
    let mut path = vec![index];
    let mut at = index;
    while let Some(above) = trace.entities[at].parent.or(trace.entities[at].caller) {
        if std::mem::replace(&mut seen[above], true) {
            break;
        }
        path.push(above);
        at = above;
    }
    path.reverse();
    path
}

/// The exceptions of a trace by their ids, gathered when first asked for.
#[derive(Default)]
struct Recorded<'a>(OnceCell<HashMap<&'a str, &'a Exception<'a>>>);

impl<'a> Recorded<'a> {
    fn find(&self, trace: &Trace<'a>, id: &str) -> Option<&'a Exception<'a>> {
        let gather = || {
            let mut by_id = HashMap::new();
            for exception in trace.entities.iter().flat_map(|entity| entity.segment.exceptions()) {
                if let Some(id) = exception.id.as_deref() {
                    by_id.entry(id).or_insert(exception);
                }
            }
            by_id
        };
        self.0.get_or_init(gather).get(id).copied()
    }
}

/// What an entity takes in an answer beside its name and its exceptions.
const ENTITY_BYTES: usize = 64;

fn describe<'a>(
    trace: &Trace<'a>,
    recorded: &Recorded<'a>,
    path: &[usize],
    client_impacting: bool,
    coverage: Option<&dyn Fn(usize) -> f64>,
) -> RootCause {
    let ends = limit::ROOT_CAUSE_PATH / 2;
    let (first, last) = if path.len() > 2 * ends { (&path[..ends], &path[path.len() - ends..]) } else { (path, &path[..0]) };
    // From the culprit up, so that what is cut is far from it.
    let mut room = limit::ROOT_CAUSE_BYTES;
    let mut listed: Vec<(usize, Vec<CauseException>)> = Vec::new();
    for &index in first.iter().chain(last).rev() {
        let name_bytes = trace.entities[index].segment.name.len().min(limit::INDEXED_NAME_CHARS) + ENTITY_BYTES;
        match room.checked_sub(name_bytes) {
            Some(rest) => room = rest,
            // The entry is always listed.
            None if index != path[0] => continue,
            None => {}
        }
        listed.push((index, exceptions(trace, recorded, index, &mut room)));
    }
    listed.reverse();

    let mut services: Vec<CauseService> = Vec::new();
    let mut owner = None;
    let entity = |index: usize, exceptions| {
        let segment = trace.entities[index].segment;
        CauseEntity {
            name: truncated(&segment.name, limit::INDEXED_NAME_CHARS),
            remote: trace.entities[index].parent.is_some() && segment.is_call(),
            exceptions,
            coverage: coverage.map_or(0.0, |coverage| (coverage(index) * 1000.0).round() / 1000.0),
        }
    };
    // A call to something that does not report itself: the culprit is what was called.
    let uninstrumented = listed.last().filter(|(last, _)| trace.infers_service(*last)).map(|(last, exceptions)| {
        let id = service::of_call(trace.entities[*last].segment);
        let called = CauseEntity { name: id.name.clone(), remote: false, ..entity(*last, exceptions.clone()) };
        CauseService { id, inferred: true, path: vec![called] }
    });
    for (index, exceptions) in listed {
        let top = trace.entities[index].owner;
        if owner != Some(top) {
            owner = Some(top);
            services.push(CauseService { id: service::of_segment(trace.entities[top].segment), inferred: false, path: Vec::new() });
        }
        if let Some(service) = services.last_mut() {
            service.path.push(entity(index, exceptions));
        }
    }
    services.extend(uninstrumented);
    RootCause { client_impacting, services }
}

/// An entity's exceptions, as far as there is room for them.
fn exceptions<'a>(trace: &Trace<'a>, recorded: &Recorded<'a>, index: usize, room: &mut usize) -> Vec<CauseException> {
    let segment = trace.entities[index].segment;
    let mut describe = |exception: &Exception<'_>| {
        let exception = CauseException {
            name: truncated(exception.kind.as_deref().unwrap_or_default(), limit::INDEXED_NAME_CHARS),
            message: truncated(exception.message.as_deref().unwrap_or_default(), limit::INDEXED_MESSAGE_CHARS),
        };
        *room = room.checked_sub(exception.name.len() + exception.message.len())?;
        Some(exception)
    };
    match &segment.cause {
        Some(Cause::Recorded(_)) => segment.exceptions().iter().take(10).map_while(&mut describe).collect(),
        Some(Cause::Reference(id)) => recorded.find(trace, id).and_then(describe).into_iter().collect(),
        None => Vec::new(),
    }
}
