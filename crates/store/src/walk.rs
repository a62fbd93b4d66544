//! Reading all segments, trace by trace: for questions that digests cannot answer.

use std::collections::HashMap;
use std::ops::ControlFlow;

use model::{Segment, TraceId};

use crate::error::{Error, Result};
use crate::part::Part;
use crate::scan::{Prefilter, ScanRange, TraceScan};
use crate::table::segment::Walk;
use crate::{Reader, TraceDocuments};

/// Traces that a walk looks up by their ids at most; of more it walks through everything.
const TRACES_MAX: u64 = 1_000_000;
/// Looking up a trace costs as much as walking past so many documents.
const LOOK_UP_DOCUMENTS: u64 = 300;

/// Takes the documents of one trace, in order of arrival.
pub type VisitTrace<'v> = dyn FnMut(TraceId, &[Segment<'_>]) -> ControlFlow<()> + 'v;

impl Reader {
    /// Calls `visit` with every trace that was under way in the range and perhaps with others, in no order that means anything,
    /// until it breaks. What is damaged is noted and left out.
    pub fn walk(&self, range: &ScanRange, visit: &mut VisitTrace<'_>) -> Result<()> {
        if self.has_everything() {
            return self.walk_all(range, visit);
        }
        self.walk_all(range, &mut |id, segments| {
            let visible: Vec<Segment<'_>> =
                segments.iter().filter(|segment| self.scope.has(segment.owner.as_ref())).cloned().collect();
            if visible.is_empty() { ControlFlow::Continue(()) } else { visit(id, &visible) }
        })
    }

    fn walk_all(&self, range: &ScanRange, visit: &mut VisitTrace<'_>) -> Result<()> {
        let parts: Vec<&Part> = self.parts.iter().filter(|part| range.admits_part(part)).collect();
        let mut wanted = HashMap::new();
        let mut collect = |id, revision| {
            wanted.insert(id, revision);
        };
        if parts.len() == self.parts.len() || !self.outline(range, &mut collect)? {
            return self.walk_parts(&self.parts.iter().collect::<Vec<_>>(), None, visit);
        }
        let documents: u64 = parts.iter().map(|part| part.row.segment_rows as u64).sum();
        if wanted.len() as u64 * LOOK_UP_DOCUMENTS < documents {
            let mut ids: Vec<TraceId> = wanted.into_keys().collect();
            ids.sort_unstable();
            for id in ids {
                if visit(id, &self.documents(id)?.segments()).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        self.walk_parts(&parts, Some(&wanted), visit)
    }

    /// Lists the traces in the range, with the number of their documents. Returns false where there are too many.
    fn outline(&self, range: &ScanRange, collect: &mut dyn FnMut(TraceId, u32)) -> Result<bool> {
        let scan = TraceScan { range: *range, prefilter: Prefilter::Anything, after: None, budget: TRACES_MAX, outline: true };
        let scanned = self.scan(&scan, &mut |digest| {
            collect(digest.id, digest.revision);
            ControlFlow::Continue(())
        })?;
        Ok(scanned.next.is_none())
    }

    /// `wanted`: which traces, with the number of their documents, of which some may be in other parts; everything without it.
    fn walk_parts(&self, parts: &[&Part], wanted: Option<&HashMap<TraceId, u32>>, visit: &mut VisitTrace<'_>) -> Result<()> {
        let is_wanted = |id: &TraceId| wanted.is_none_or(|wanted| wanted.contains_key(id));
        let in_flushing = self.flushing.iter().flat_map(|flushing| flushing.traces.keys());
        let in_memory = self.active.keys().chain(in_flushing.filter(|id| !self.active.contains_key(id)));
        for &id in in_memory.filter(|id| is_wanted(id)) {
            if visit(id, &self.documents(id)?.segments()).is_break() {
                return Ok(());
            }
        }
        let mut on_damage = |id: i64, err: &Error| {
            if let Some(part) = parts.iter().find(|part| part.row.id == id) {
                part.files.note_damage(err);
            }
        };
        let mut inputs = Vec::with_capacity(parts.len());
        for part in parts {
            let file = part.files.tolerate(|files| files.segment().map(Some))?;
            inputs.extend(file.map(|file| (part.row.id, file)));
        }
        let mut walk = Walk::open(&inputs, &mut on_damage)?;
        while let Some((id, batches)) = walk.next_trace(&mut on_damage)? {
            if self.in_memory(id) || !is_wanted(&id) {
                continue;
            }
            let mut documents = TraceDocuments::default();
            for batch in batches {
                if !documents.push_rows(batch)? {
                    break;
                }
            }
            let segments = documents.segments();
            let is_short =
                wanted.is_some_and(|wanted| wanted.get(&id).is_some_and(|&count| (segments.len() as u64) < u64::from(count)));
            let flow = if is_short { visit(id, &self.documents(id)?.segments()) } else { visit(id, &segments) };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}
