//! What is acknowledged and not yet in a part: held parsed, by trace, so that queries see it at once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use model::digest::TraceDigest;
use model::{Segment, TraceId};

/// A document with its place in the order of arrival.
#[derive(Debug)]
pub struct Document {
    /// Grows with arrival, over restarts too.
    pub sequence: u64,
    pub raw: Box<[u8]>,
    pub segment: Segment,
}

impl Document {
    /// Rough bytes that this document holds in memory.
    pub(crate) fn memory(&self) -> usize {
        self.raw.len() * 4 + 600
    }
}

/// The documents of one trace.
#[derive(Debug, Default)]
pub(crate) struct MemTrace {
    pub(crate) documents: Vec<Arc<Document>>,
    digest: OnceLock<Arc<TraceDigest>>,
}

impl MemTrace {
    /// The trace's digest, made on first use. `older` gives documents of this trace that are already elsewhere.
    pub(crate) fn digest<E>(
        &self,
        id: TraceId,
        older: impl FnOnce() -> Result<Vec<Arc<Document>>, E>,
    ) -> Result<Arc<TraceDigest>, E> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest.clone());
        }
        let older = older()?;
        let documents = older.iter().chain(&self.documents).map(|document| &document.segment);
        Ok(self.digest.get_or_init(|| Arc::new(TraceDigest::of(id, documents))).clone())
    }
}

pub(crate) type MemTraces = HashMap<TraceId, Arc<MemTrace>>;

/// The part of the store that is in memory.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    pub(crate) traces: MemTraces,
    pub(crate) bytes: usize,
    pub(crate) documents: usize,
    /// Of the newest write that is in here.
    pub(crate) last_sequence: u64,
    /// When the oldest content arrived.
    pub(crate) since_us: Option<i64>,
}

impl Memtable {
    pub(crate) fn insert(&mut self, frame_sequence: u64, documents: Vec<Arc<Document>>, now_us: i64) {
        self.last_sequence = self.last_sequence.max(frame_sequence);
        self.since_us.get_or_insert(now_us);
        for document in documents {
            let Some(id) = document.segment.trace_id else { continue };
            self.bytes += document.memory();
            self.documents += 1;
            let slot = self.traces.entry(id).or_default();
            match Arc::get_mut(slot) {
                Some(trace) => {
                    trace.documents.push(document);
                    trace.digest.take();
                }
                // A query holds this trace: leave it what it saw.
                None => {
                    let mut documents = Vec::with_capacity(slot.documents.len() + 4);
                    documents.extend(slot.documents.iter().cloned());
                    documents.push(document);
                    *slot = Arc::new(MemTrace { documents, digest: OnceLock::new() });
                }
            }
        }
    }
}
