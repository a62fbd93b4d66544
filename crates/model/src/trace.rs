//! Assembly: from the documents of one trace, in any order and with parts missing, to one tree of entities.
//!
//! An entity is a segment or a subsegment. Its `parent` is the entity that contains it; a segment's `caller` is the entity, in
//! another service, that its `parent_id` names. An independent subsegment whose parent has not arrived (yet) is an orphan: it is
//! kept, stands at the top of its own tree, and is marked.

use std::collections::HashMap;

use crate::{Segment, SegmentId};

#[cfg(test)]
mod tests;

/// One trace, put together. Borrows the documents it was made from.
#[derive(Debug)]
pub struct Trace<'a> {
    pub entities: Vec<Entity<'a>>,
    by_id: HashMap<SegmentId, usize>,
}

/// A segment or subsegment in its place.
#[derive(Debug)]
pub struct Entity<'a> {
    pub segment: &'a Segment,
    /// The entity this one is embedded in.
    pub parent: Option<usize>,
    /// The segment (or orphan) at the top of the tree this one belongs to.
    pub owner: usize,
    /// For segments: the entity in another service that made the call.
    pub caller: Option<usize>,
    /// Embedded entities, by start time.
    pub children: Vec<usize>,
    /// Segments of other services that this entity called.
    pub callees: Vec<usize>,
    /// A subsegment whose parent is unknown.
    pub orphan: bool,
}

impl<'a> Trace<'a> {
    /// Puts the documents of one trace together. They come in the order in which they arrived: of two documents with one id the
    /// complete one wins, and of two complete ones the later.
    pub fn assemble(documents: impl IntoIterator<Item = &'a Segment>) -> Trace<'a> {
        let documents = winners(documents);
        let mut trace = Trace { entities: Vec::with_capacity(documents.len() * 3), by_id: HashMap::new() };
        // Whole segments first: a subsegment that was sent on its own and is also embedded counts once, where it is embedded.
        for &document in documents.iter().filter(|document| !document.is_subsegment()) {
            trace.add(document, None);
        }
        let first_loose = trace.entities.len();
        let mut loose = Vec::new();
        for &document in documents.iter().filter(|document| document.is_subsegment()) {
            if !trace.by_id.contains_key(&document.id) {
                loose.push(trace.add(document, None));
            }
        }
        for index in loose {
            let parent = trace.entities[index].segment.parent_id.and_then(|id| trace.by_id.get(&id).copied());
            match parent.filter(|&parent| !trace.is_within(parent, index)) {
                Some(parent) => {
                    trace.entities[index].parent = Some(parent);
                    trace.entities[parent].children.push(index);
                }
                None => trace.entities[index].orphan = true,
            }
        }
        if first_loose < trace.entities.len() {
            for index in 0..trace.entities.len() {
                let mut top = index;
                while let Some(parent) = trace.entities[top].parent {
                    top = parent;
                }
                trace.entities[index].owner = top;
            }
        }
        for index in 0..trace.entities.len() {
            let entity = &trace.entities[index];
            if entity.parent.is_some() || entity.orphan {
                continue;
            }
            let caller = entity.segment.parent_id.and_then(|id| trace.by_id.get(&id).copied());
            if let Some(caller) = caller.filter(|&caller| trace.entities[caller].owner != index) {
                trace.entities[index].caller = Some(caller);
                trace.entities[caller].callees.push(index);
            }
        }
        for index in 0..trace.entities.len() {
            let mut children = std::mem::take(&mut trace.entities[index].children);
            if children.len() > 1 {
                children.sort_by(|&a, &b| trace.entities[a].segment.start_time.total_cmp(&trace.entities[b].segment.start_time));
            }
            trace.entities[index].children = children;
        }
        trace
    }

    fn add(&mut self, segment: &'a Segment, parent: Option<usize>) -> usize {
        let index = self.entities.len();
        let owner = parent.map_or(index, |parent| self.entities[parent].owner);
        self.entities.push(Entity {
            segment,
            parent,
            owner,
            caller: None,
            children: Vec::new(),
            callees: Vec::new(),
            orphan: false,
        });
        self.by_id.entry(segment.id).or_insert(index);
        for child in segment.children() {
            let child = self.add(child, Some(index));
            self.entities[index].children.push(child);
        }
        index
    }

    /// Whether `inner` is `outer` or lies in its tree. Refuses to make a subsegment its own ancestor.
    fn is_within(&self, inner: usize, outer: usize) -> bool {
        let mut at = Some(inner);
        while let Some(index) = at {
            if index == outer {
                return true;
            }
            at = self.entities[index].parent;
        }
        false
    }

    pub fn by_id(&self, id: SegmentId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The tops of the trees: segments and orphans.
    pub fn tops(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.entities.len()).filter(|&index| self.entities[index].parent.is_none())
    }

    /// Segments that nothing in this trace called. Those that were called by nobody at all come first; those whose caller is
    /// missing count only where there are no others.
    pub fn roots(&self) -> Vec<usize> {
        let uncalled = |index: &usize| {
            let entity = &self.entities[*index];
            !entity.orphan && entity.caller.is_none()
        };
        let true_roots: Vec<usize> =
            self.tops().filter(uncalled).filter(|&index| self.entities[index].segment.parent_id.is_none()).collect();
        if true_roots.is_empty() { self.tops().filter(uncalled).collect() } else { true_roots }
    }

    /// Earliest start and latest end over all entities. An entity in progress ends, as far as is known, where it started.
    pub fn bounds_us(&self) -> (i64, i64) {
        let start = self.entities.iter().map(|e| e.segment.start_us()).min().unwrap_or(0);
        let end = self.entities.iter().map(|e| e.segment.end_us().unwrap_or_else(|| e.segment.start_us())).max().unwrap_or(0);
        (start, end.max(start))
    }

    /// Whether this subsegment stands for a service that reports nothing itself: it left the service, no segment answers to it,
    /// and no call to the same name lies inside it (two instrumented layers of one HTTP call count once, the inner one).
    pub fn infers_service(&self, index: usize) -> bool {
        let entity = &self.entities[index];
        (entity.parent.is_some() || entity.orphan)
            && entity.segment.is_call()
            && entity.callees.is_empty()
            && !self.repeats_inside(index, &entity.segment.name)
    }

    fn repeats_inside(&self, index: usize, name: &str) -> bool {
        let mut stack = self.entities[index].children.clone();
        while let Some(child) = stack.pop() {
            let entity = &self.entities[child];
            if entity.segment.is_call() && entity.segment.name == name {
                return true;
            }
            stack.extend(&entity.children);
        }
        false
    }
}

/// One document per id, in the order of first arrival.
fn winners<'a>(documents: impl IntoIterator<Item = &'a Segment>) -> Vec<&'a Segment> {
    let mut order: Vec<&Segment> = Vec::new();
    let mut place: HashMap<SegmentId, usize> = HashMap::new();
    for document in documents {
        match place.entry(document.id) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(order.len());
                order.push(document);
            }
            std::collections::hash_map::Entry::Occupied(occupied) => {
                let held = &mut order[*occupied.get()];
                if held.is_in_progress() || !document.is_in_progress() {
                    *held = document;
                }
            }
        }
    }
    order
}
