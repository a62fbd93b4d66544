//! What is acknowledged and not yet in a part: the documents as they came, by trace, so that queries see them at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use arrow_array::RecordBatch;
use bytes::Bytes;
use model::digest::TraceDigest;
use model::owner::Owner;
use model::{Segment, TraceId};

use crate::TraceDocuments;
use crate::error::Result;
use crate::rows::{self, RowTable};

/// A document as text: keeping thousands of parsed segments costs several times the memory, and more time in page faults than
/// parsing them again at the flush.
#[derive(Debug, Clone)]
pub(crate) struct MemDocument {
    pub(crate) trace_id: TraceId,
    pub(crate) sequence: u64,
    pub(crate) raw: Bytes,
    pub(crate) owner: Option<Owner>,
}

impl MemDocument {
    /// The document with its number, where it can be read.
    fn read(&self) -> Option<(u64, Segment<'_>)> {
        Some((self.sequence, crate::read_text(self.sequence, &self.raw, &self.owner)?))
    }
}

/// Bytes that a document takes beside its text.
const DOCUMENT_OVERHEAD: usize = 160;
/// Batches of rows that are kept apart.
const BATCHES_MAX: usize = 64;

/// The documents of one trace.
#[derive(Debug, Default)]
pub(crate) struct MemTrace {
    pub(crate) documents: Vec<MemDocument>,
    digest: OnceLock<Arc<TraceDigest>>,
    replaced: OnceLock<Option<Arc<TraceDigest>>>,
}

impl MemTrace {
    /// Adds the documents, as far as there is room.
    pub(crate) fn read(&self, into: &mut TraceDocuments) {
        let _ = self.documents.iter().all(|document| into.push_text(document));
    }

    /// The documents that can be read, with their numbers.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (u64, Segment<'_>)> {
        self.documents.iter().filter_map(MemDocument::read)
    }

    /// The trace's digest, made on first use. `in_parts` gives its documents in parts; `between` has those that came after these
    /// and before its own.
    pub(crate) fn digest(
        &self,
        id: TraceId,
        in_parts: impl FnOnce() -> Result<TraceDocuments>,
        between: Option<&MemTrace>,
    ) -> Result<Arc<TraceDigest>> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest.clone());
        }
        let mut documents = in_parts()?;
        let replaced = (!documents.is_empty()).then(|| Arc::new(crate::digest(id, &documents.segments())));
        self.replaced.get_or_init(|| replaced);
        if let Some(between) = between {
            between.read(&mut documents);
        }
        self.read(&mut documents);
        let digest = crate::digest(id, &documents.segments());
        Ok(self.digest.get_or_init(|| Arc::new(digest)).clone())
    }

    /// The digest that parts have of the trace, and that no longer counts. Known once `digest` was asked.
    pub(crate) fn replaced(&self) -> Option<Arc<TraceDigest>> {
        self.replaced.get().cloned().flatten()
    }

    /// The same documents, of which nothing was derived yet.
    fn afresh(&self) -> MemTrace {
        MemTrace { documents: self.documents.clone(), ..MemTrace::default() }
    }
}

/// Rows of tables of rows, by the table's name. Readers share them.
pub(crate) type MemRows = BTreeMap<&'static str, Arc<Vec<RecordBatch>>>;

pub(crate) type MemTraces = HashMap<TraceId, Arc<MemTrace>>;

/// The part of the store that is in memory.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    pub(crate) traces: MemTraces,
    pub(crate) bytes: usize,
    pub(crate) documents: usize,
    /// By table.
    pub(crate) rows: MemRows,
    /// Of the newest document or row that is in here.
    pub(crate) last_sequence: u64,
    /// When the oldest content arrived.
    pub(crate) since_us: Option<i64>,
}

impl Memtable {
    pub(crate) fn insert(&mut self, documents: Vec<MemDocument>, now_us: i64) {
        self.since_us.get_or_insert(now_us);
        for document in documents {
            self.last_sequence = self.last_sequence.max(document.sequence);
            self.bytes += document.raw.len() + DOCUMENT_OVERHEAD;
            self.documents += 1;
            let slot = self.traces.entry(document.trace_id).or_default();
            match Arc::get_mut(slot) {
                Some(trace) => {
                    trace.documents.push(document);
                    trace.digest.take();
                    trace.replaced.take();
                }
                // A query holds this trace: leave it what it saw.
                None => {
                    let mut documents = Vec::with_capacity(slot.documents.len() + 4);
                    documents.extend(slot.documents.iter().cloned());
                    documents.push(document);
                    *slot = Arc::new(MemTrace { documents, ..MemTrace::default() });
                }
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.documents == 0 && self.rows.is_empty()
    }

    /// Adds rows, whose last has this number.
    pub(crate) fn insert_rows(
        &mut self,
        table: &'static RowTable,
        batch: RecordBatch,
        last_sequence: u64,
        now_us: i64,
    ) -> Result<()> {
        self.since_us.get_or_insert(now_us);
        self.last_sequence = self.last_sequence.max(last_sequence);
        self.bytes += batch.get_array_memory_size();
        let batches = Arc::make_mut(self.rows.entry(table.name).or_default());
        batches.push(batch);
        // Many small ones would make every reader slow.
        if batches.len() >= BATCHES_MAX {
            let whole = rows::concat(table, batches)?;
            *batches = vec![whole];
        }
        Ok(())
    }

    /// Forgets what was derived of traces that `flushed` had too: their documents there are in parts now.
    pub(crate) fn forget_digests(&mut self, flushed: &Memtable) {
        for id in flushed.traces.keys() {
            if let Some(trace) = self.traces.get_mut(id) {
                // Another: readers of before keep theirs.
                *trace = Arc::new(trace.afresh());
            }
        }
    }
}
