//! Assembly: from the documents of one trace, in any order and with parts missing, to one tree of entities.
//!
//! An entity is a segment or a subsegment. Its `parent` is the entity that contains it; a segment's `caller` is the entity, in
//! another service, that its `parent_id` names. An independent subsegment whose parent has not arrived (yet) is an orphan: it is
//! kept, stands at the top of its own tree, and is marked.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{Segment, SegmentId, limit};

#[cfg(test)]
mod tests;

/// Where the entity of an id is. Hashed fast: every trace that is looked at fills one of these, and a trace has few entities.
type ById = HashMap<SegmentId, usize, RandomState>;

/// One trace, put together. Borrows the documents it was made from.
#[derive(Debug)]
pub struct Trace<'a> {
    pub entities: Vec<Entity<'a>>,
    /// There was more than is put together.
    pub limit_exceeded: bool,
    by_id: ById,
    /// Per entity, whether it is a call that has a call to the same name inside; empty where no call has anything inside.
    repeated: Vec<bool>,
}

/// A segment or subsegment in its place.
#[derive(Debug)]
pub struct Entity<'a> {
    pub segment: &'a Segment<'a>,
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
    pub fn assemble(documents: impl IntoIterator<Item = &'a Segment<'a>>) -> Trace<'a> {
        let documents = winners(documents);
        let mut trace = Trace {
            entities: Vec::with_capacity(documents.len() * 3),
            limit_exceeded: false,
            by_id: ById::with_capacity_and_hasher(documents.len() * 3, RandomState::default()),
            repeated: Vec::new(),
        };
        // Whole segments first: a subsegment that was sent on its own and is also embedded counts once, where it is embedded.
        for &document in documents.iter().filter(|document| !document.is_subsegment()) {
            trace.add(document, None);
        }
        let mut loose = Vec::new();
        for &document in documents.iter().filter(|document| document.is_subsegment()) {
            if !trace.by_id.contains_key(&document.id) {
                loose.extend(trace.add(document, None));
            }
        }
        if !loose.is_empty() {
            trace.hang_up(&loose);
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
        trace.mark_repeated();
        trace
    }

    /// Adds an entity and what is embedded in it, as long as there is room.
    fn add(&mut self, segment: &'a Segment<'a>, parent: Option<usize>) -> Option<usize> {
        let index = self.entities.len();
        if index >= limit::ENTITIES_PER_TRACE {
            self.limit_exceeded = true;
            return None;
        }
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
            let child = self.add(child, Some(index))?;
            self.entities[index].children.push(child);
        }
        Some(index)
    }

    /// Hangs the subsegments that were sent on their own below their parents. Those without one are orphans, and so is the last
    /// of those that name each other in a circle.
    fn hang_up(&mut self, loose: &[usize]) {
        for &index in loose {
            let parent = self.entities[index].segment.parent_id.and_then(|id| self.by_id.get(&id).copied());
            match parent.filter(|&parent| parent != index) {
                Some(parent) => {
                    self.entities[index].parent = Some(parent);
                    self.entities[parent].children.push(index);
                }
                None => self.entities[index].orphan = true,
            }
        }
        // Which climb reached an entity first; a climb that meets itself went round in a circle.
        let mut climb_of = vec![usize::MAX; self.entities.len()];
        for &start in loose {
            let mut at = start;
            while climb_of[at] == usize::MAX {
                climb_of[at] = start;
                match self.entities[at].parent {
                    Some(parent) => at = parent,
                    None => break,
                }
            }
            if climb_of[at] == start && self.entities[at].parent.is_some() {
                self.break_circle(at, loose);
            }
        }
        let mut stack: Vec<usize> = self.tops().collect();
        for &top in &stack {
            self.entities[top].owner = top;
        }
        while let Some(index) = stack.pop() {
            let owner = self.entities[index].owner;
            for child in self.entities[index].children.clone() {
                self.entities[child].owner = owner;
                stack.push(child);
            }
        }
    }

    /// `at` lies in a circle of parents: makes the last arrived of it an orphan.
    fn break_circle(&mut self, at: usize, loose: &[usize]) {
        let mut last = None;
        let mut next = at;
        loop {
            if loose.binary_search(&next).is_ok() {
                last = last.max(Some(next));
            }
            match self.entities[next].parent {
                Some(parent) if parent != at => next = parent,
                Some(_) => break,
                // No circle after all: the way up ended.
                None => return,
            }
        }
        if let Some(last) = last {
            if let Some(parent) = self.entities[last].parent.take() {
                self.entities[parent].children.retain(|&child| child != last);
            }
            self.entities[last].orphan = true;
        }
    }

    /// Marks the calls that have a call to the same name somewhere inside.
    fn mark_repeated(&mut self) {
        if !self.entities.iter().any(|entity| entity.segment.is_call() && !entity.children.is_empty()) {
            return;
        }
        self.repeated = vec![false; self.entities.len()];
        enum Step<'n> {
            Enter(usize),
            /// Leaves a call; the one around it of the same name counts again.
            Leave(&'n str, Option<usize>),
        }
        // The innermost call of each name around the place we are at.
        let mut around: HashMap<&str, usize> = HashMap::new();
        let mut steps: Vec<Step<'_>> = self.tops().map(Step::Enter).collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(index) => {
                    let entity = &self.entities[index];
                    if entity.segment.is_call() {
                        let name = entity.segment.name.as_ref();
                        let outer = around.insert(name, index);
                        if let Some(outer) = outer {
                            self.repeated[outer] = true;
                        }
                        steps.push(Step::Leave(name, outer));
                    }
                    steps.extend(self.entities[index].children.iter().map(|&child| Step::Enter(child)));
                }
                Step::Leave(name, Some(outer)) => drop(around.insert(name, outer)),
                Step::Leave(name, None) => drop(around.remove(name)),
            }
        }
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
            && !self.repeated.get(index).is_some_and(|&repeated| repeated)
    }
}

/// One document per id, in the order of first arrival.
fn winners<'a>(documents: impl IntoIterator<Item = &'a Segment<'a>>) -> Vec<&'a Segment<'a>> {
    let mut order: Vec<&Segment<'a>> = Vec::new();
    let mut place = ById::default();
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
