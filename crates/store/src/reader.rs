//! Reading: one trace, or many.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use model::TraceId;
use model::digest::TraceDigest;
use model::minute::{MINUTE_US, Minutes, minute_of};
use model::owner::{Owner, Scope};

use crate::error::Result;
use crate::log::LogPolicy;
use crate::memtable::{MemRows, MemTraces, Memtable};
use crate::part::Part;
use crate::rows::part::RowPart;
use crate::scan::{Prefilter, ScanRange, TraceScan};
use crate::table::minute::MinuteBatch;
use crate::{TraceDocuments, Traces};

/// A consistent view: everything acknowledged before it was made, nothing after.
pub struct Reader {
    pub(crate) active: MemTraces,
    pub(crate) active_rows: MemRows,
    pub(crate) flushing: Option<Arc<Memtable>>,
    pub(crate) parts: Arc<Vec<Part>>,
    pub(crate) row_parts: Arc<Vec<RowPart>>,
    pub(crate) exact_from_us: i64,
    /// Of whom there is something, besides the server's own account.
    pub(crate) owners: Arc<BTreeSet<Owner>>,
    pub(crate) scope: Scope,
    /// Which log events are kept, at which time.
    pub(crate) log_policy: Arc<LogPolicy>,
    pub(crate) now_us: i64,
}

impl Reader {
    /// The same, of what these accounts sent alone.
    pub fn scoped(mut self, scope: Scope) -> Reader {
        let has_all = scope.has(None) && self.owners.iter().all(|owner| scope.has(Some(owner)));
        self.scope = if has_all { Scope::Everything } else { scope };
        self
    }

    /// Whether nothing is left out.
    pub fn has_everything(&self) -> bool {
        self.scope == Scope::Everything
    }

    /// What of a trace may be seen: the same digest, one of some of its documents, or none.
    pub(crate) fn visible<'d>(&self, digest: &'d TraceDigest) -> Result<Option<Cow<'d, TraceDigest>>> {
        if digest.owners().all(|owner| self.scope.has(owner)) {
            return Ok(Some(Cow::Borrowed(digest)));
        }
        if !digest.owners().any(|owner| self.scope.has(owner)) {
            return Ok(None);
        }
        Ok(self.digest(digest.id)?.map(Cow::Owned))
    }

    /// The first minute whose sums can be used, counted from 1970; before it, a scan of traces answers.
    pub fn first_minute(&self) -> i64 {
        minute_of(self.exact_from_us.saturating_add(MINUTE_US - 1))
    }

    /// The requests that began in these minutes, counted from 1970: rows to add up, among which there may be some of other minutes.
    /// None where a damaged part makes the sums wrong, and where not everything may be seen.
    pub fn minutes(&self, minutes: Range<i64>) -> Result<Option<Vec<MinuteBatch>>> {
        // Sums do not know whose requests they are of.
        if !self.has_everything() {
            return Ok(None);
        }
        let (from_us, to_us) = (minutes.start.saturating_mul(MINUTE_US), minutes.end.saturating_mul(MINUTE_US));
        let mut batches = Vec::new();
        for part in self.parts.iter().filter(|part| part.row.min_start_us < to_us && from_us <= part.row.max_end_us) {
            batches.extend(part.files.tolerate(|files| files.minute()?.batches(minutes.clone()))?);
        }
        // What is in memory, and what that replaces.
        let mut memory = Minutes::default();
        for digest in self.memory_digests(&|digest| digest.start_us < to_us && from_us <= digest.end_us)? {
            memory.add(&digest);
        }
        for (id, trace) in self.memory().flatten() {
            // Of a trace in both, the older part of memory is not what parts have.
            if self.active.get(id).is_none_or(|active| Arc::ptr_eq(active, trace))
                && let Some(replaced) = trace.replaced()
            {
                memory.subtract(&replaced);
            }
        }
        batches.extend(MinuteBatch::all(&memory)?);
        let is_damaged = self.parts.iter().any(|part| part.files.damage().is_some());
        Ok((!is_damaged).then_some(batches))
    }

    /// The documents of a trace; empty where the trace is unknown.
    pub fn documents(&self, id: TraceId) -> Result<TraceDocuments> {
        let mut documents = older_documents(self.parts.iter(), id)?;
        for traces in self.memory() {
            if let Some(trace) = traces.get(&id) {
                trace.read(&mut documents);
            }
        }
        documents.scope = self.scope.clone();
        Ok(documents)
    }

    /// The digest of one trace.
    pub fn digest(&self, id: TraceId) -> Result<Option<TraceDigest>> {
        let documents = self.documents(id)?;
        Ok((!documents.is_empty()).then(|| crate::digest(id, &documents.segments())))
    }

    /// Response times of the traces filed in the range, by the service they entered at.
    pub fn responses(&self, from_us: i64, to_us: i64) -> Result<HashMap<String, Vec<u64>>> {
        let mut responses: HashMap<String, Vec<u64>> = HashMap::new();
        if !self.has_everything() {
            let range = ScanRange::Time { from_us, to_us };
            let scan = TraceScan { range, prefilter: Prefilter::Anything, after: None, budget: u64::MAX, outline: true };
            self.scan(&scan, &mut |digest| {
                if let (Some(visit), Some(response_us)) = (digest.entry_visit(), digest.response_us()) {
                    responses.entry(digest.service(visit.service).id.name.to_string()).or_default().push(response_us);
                }
                ControlFlow::Continue(())
            })?;
            return Ok(responses);
        }
        for part in self.parts.iter().filter(|part| part.row.min_time_us < to_us && from_us <= part.row.max_time_us) {
            part.files.tolerate(|files| {
                let file = files.trace()?;
                for group in 0..file.groups() {
                    if file.newest_us(group) < from_us {
                        break;
                    }
                    file.responses(group, from_us, to_us, &mut |response| match responses.get_mut(&response.entry) {
                        Some(known) => known.push(response.response_us),
                        None => {
                            responses.insert(response.entry, vec![response.response_us]);
                        }
                    })?;
                }
                Ok(())
            })?;
        }
        let memory = self.memory_digests(&|digest| (from_us..to_us).contains(&digest.time_us))?;
        for digest in memory {
            if let (Some(visit), Some(response_us)) = (digest.entry_visit(), digest.response_us()) {
                responses.entry(digest.service(visit.service).id.name.to_string()).or_default().push(response_us);
            }
        }
        Ok(responses)
    }

    fn memory(&self) -> impl Iterator<Item = Traces<'_>> {
        self.flushing.as_deref().map(|flushing| &flushing.traces).into_iter().chain(std::iter::once(&self.active))
    }

    /// Whether the newest digest of the trace is in memory, so that its row in a part does not count.
    pub(crate) fn in_memory(&self, id: TraceId) -> bool {
        self.memory().any(|traces| traces.contains_key(&id))
    }

    /// Digests of the traces that have documents in memory, newest first.
    pub(crate) fn memory_digests(&self, admit: &dyn Fn(&TraceDigest) -> bool) -> Result<Vec<Arc<TraceDigest>>> {
        let mut digests = Vec::new();
        let flushing = self.flushing.as_deref().map(|flushing| &flushing.traces);
        let in_parts = |id| move || older_documents(self.parts.iter(), id);
        for (&id, trace) in &self.active {
            let between = flushing.and_then(|flushing| flushing.get(&id)).map(Arc::as_ref);
            let digest = trace.digest(id, in_parts(id), between)?;
            if admit(&digest) {
                digests.push(digest);
            }
        }
        for (&id, trace) in flushing.into_iter().flatten().filter(|(id, _)| !self.active.contains_key(id)) {
            let digest = trace.digest(id, in_parts(id), None)?;
            if admit(&digest) {
                digests.push(digest);
            }
        }
        digests.sort_by_key(|digest| std::cmp::Reverse((digest.time_us, digest.id)));
        Ok(digests)
    }
}

/// A trace's documents in parts.
pub(crate) fn older_documents<'p>(parts: impl IntoIterator<Item = &'p Part>, id: TraceId) -> Result<TraceDocuments> {
    let mut documents = TraceDocuments::default();
    for part in parts {
        part.documents(id, &mut documents)?;
    }
    Ok(documents)
}
