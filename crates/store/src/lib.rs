//! Durability and scan. What `append` acknowledged is on disk and visible to the next reader.
//!
//! ```text
//! append ─► wal (fsync) ─► memtable ─► flush ─► parts (Parquet) ─► compact ─► retain
//!                             └──────── reader ────┘   catalog (SQLite): parts, log position, rules
//! ```
//!
//! The store starts no timers: whoever owns it calls `flush`, `compact` and `retain`. It knows segments and traces, and nothing of
//! protocols.

mod backup;
mod cache;
mod catalog;
mod checkup;
mod compaction;
mod error;
mod filter;
mod flush;
mod gram;
mod log;
mod memtable;
mod metric;
mod open;
mod packed;
mod part;
mod progress;
mod reader;
mod rebuild;
mod rows;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod wal;
mod walk;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::panic;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use arrow_array::RecordBatch;
use bytes::Bytes;
use model::container::StateChange;
use model::digest::TraceDigest;
use model::metric::Metric;
use model::owner::{Owner, Scope};
use model::{Clock, Segment, TraceId, limit};
use tokio::sync::{Mutex, Notify};
use tracing::{error, warn};

pub use backup::{Contents, backup, restore};
pub use catalog::{Catalog, ResourceChanges};
pub use checkup::{Checkup, Finding, checkup};
pub use error::{Error, Result};
pub use gram::Needle;
pub use log::{EventNumbers, GroupPolicy, LogChunk, LogGroupScan, LogPolicy, LogScan};
pub use metric::{Datapoint, KnownMetric};
pub use open::{Recovery, catalog};
pub use progress::{Job, Progress, Work};
pub use reader::Reader;
pub use rebuild::Rebuilt;
pub use rows::{ColumnKind, Retention, RowColumn, RowScan, RowTable};
pub use scan::{Prefilter, ScanPosition, ScanRange, Scanned, TraceScan, VisitTest};
pub use table::log_event::{LOG_EVENT, LogRows};
pub use table::metric::{METRIC, Resolution, metrics};
pub use table::minute::{Counted, MinuteBatch, MinuteRow, Side};
pub use table::state_change::{STATE_CHANGE, state_changes};
pub use wal::LogDamage;
pub use walk::VisitTrace;

use cache::Cache;
use memtable::{MemDocument, MemTraces, Memtable};
use part::Part;
use rows::NewRows;
use rows::part::RowPart;
use table::segment;

/// The version of everything on disk. A folder of a version that cannot be read is refused with a message that says so.
pub const FORMAT_VERSION: u32 = 11;
/// The oldest that can be read: 8 has columns of segments that 7 did not have, 9 has columns of metrics that 8 did not have, 10 has log
/// events, and nothing else is different. A folder becomes one of the newest version when it is opened.
const FORMAT_VERSION_READ: u32 = 7;

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub dir: PathBuf,
    /// Days that traces are kept; zero keeps them for ever.
    pub retention_days: u32,
    /// So for metrics.
    pub metric_retention_days: u32,
    /// For how long metrics are kept as they came, and in which steps they become fewer.
    pub metric_resolution: Resolution,
    /// Memory for what is not yet in parts: at this size a flush is due.
    pub memtable_bytes: usize,
    /// Beyond this, writes wait until a flush caught up …
    pub memtable_bytes_max: usize,
    /// … for at most this long; then they are refused.
    pub write_wait: Duration,
    /// Memory for what was read of parts, and for the footers of those that are open.
    pub block_cache_bytes: usize,
    pub footer_cache_bytes: usize,
    /// Where long work says how far it is; the opening of the store already.
    pub progress: Progress,
}

impl StoreOptions {
    pub fn new(dir: impl Into<PathBuf>) -> StoreOptions {
        StoreOptions {
            dir: dir.into(),
            retention_days: 30,
            metric_retention_days: 455,
            metric_resolution: Resolution::default(),
            memtable_bytes: 48 * 1024 * 1024,
            memtable_bytes_max: 128 * 1024 * 1024,
            write_wait: Duration::from_secs(5),
            block_cache_bytes: 16 * 1024 * 1024,
            footer_cache_bytes: 64 * 1024 * 1024,
            progress: Progress::default(),
        }
    }
}

/// A document to keep: its text, which must have been read without an error, and the trace it belongs to.
#[derive(Debug)]
pub struct NewDocument {
    pub trace_id: TraceId,
    pub raw: Bytes,
}

/// A document as text: its number, and whose it is.
type Text = (u64, Bytes, Option<Owner>);

/// The documents of one trace, as far as the limit of a trace allows.
#[derive(Debug, Default)]
pub struct TraceDocuments {
    /// From memory.
    texts: Vec<Text>,
    /// Which of them count.
    scope: Scope,
    /// From parts.
    rows: Vec<RecordBatch>,
    /// There are more than were read.
    pub limit_exceeded: bool,
    entities: usize,
    bytes: usize,
}

/// How often a stored document could not be read.
static UNREADABLE: AtomicU64 = AtomicU64::new(0);

impl TraceDocuments {
    pub fn is_empty(&self) -> bool {
        match self.scope {
            Scope::Everything => self.texts.is_empty() && self.rows.is_empty(),
            Scope::Accounts { .. } => self.segments().is_empty(),
        }
    }

    /// Adds a document. Returns false where the limit is reached.
    fn push_text(&mut self, document: &MemDocument) -> bool {
        let text = &document.raw;
        if self.entities >= limit::ENTITIES_PER_TRACE || self.bytes + text.len() > limit::TRACE_BYTES {
            self.limit_exceeded = true;
            return false;
        }
        self.entities += 1;
        self.bytes += text.len();
        self.texts.push((document.sequence, text.clone(), document.owner.clone()));
        true
    }

    /// Adds rows, of which those of one file come in the file's order. Returns false where the limit is reached.
    fn push_rows(&mut self, batch: RecordBatch) -> Result<bool> {
        let bytes = batch.get_array_memory_size();
        if self.entities >= limit::ENTITIES_PER_TRACE || self.bytes + bytes > limit::TRACE_BYTES {
            self.limit_exceeded = true;
            return Ok(false);
        }
        self.entities += batch.num_rows();
        self.bytes += bytes;
        match self.rows.last_mut().filter(|_| segment::begins_inside(&batch)) {
            Some(last) => *last = segment::joined([last, &batch])?,
            None => self.rows.push(batch),
        }
        Ok(true)
    }

    /// The documents, in order of arrival.
    pub fn segments(&self) -> Vec<Segment<'_>> {
        let mut documents: Vec<(u64, Segment<'_>)> = self.rows.iter().flat_map(segment::documents).collect();
        let texts = self.texts.iter().filter_map(|(sequence, text, owner)| Some((*sequence, read_text(*sequence, text, owner)?)));
        documents.extend(texts);
        documents.retain(|(_, segment)| self.scope.has(segment.owner.as_ref()));
        documents.sort_by_key(|(sequence, _)| *sequence);
        documents.into_iter().map(|(_, segment)| segment).collect()
    }
}

/// Reads a document. One that cannot be read (it was accepted by a version that read more) is left out and counted: it must not
/// take its trace, or all answers, with it.
fn read_text<'t>(sequence: u64, text: &'t [u8], owner: &Option<Owner>) -> Option<Segment<'t>> {
    let read = model::segment::parse(text).map(|mut segment| {
        segment.owner.clone_from(owner);
        segment
    });
    read.inspect_err(|err| {
        let times = UNREADABLE.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            warn!(error = %err, sequence, times, "a stored document cannot be read and is left out");
        }
    })
    .ok()
}

/// A trace's digest. A trace that the digest's code cannot cope with gets an empty one: it is kept and can be asked for by its
/// id, and does not keep everything else from being written and read.
fn digest<'s>(id: TraceId, documents: impl IntoIterator<Item = &'s Segment<'s>>) -> TraceDigest {
    let made = panic::catch_unwind(panic::AssertUnwindSafe(|| TraceDigest::of(id, documents)));
    made.unwrap_or_else(|_| {
        error!(trace_id = %id, "a trace cannot be digested: this is a defect, please report it with the trace");
        TraceDigest::empty(id)
    })
}

/// The store. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    options: StoreOptions,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    cache: Arc<Cache>,
    wal: Mutex<Option<Arc<wal::Wal<Entry>>>>,
    state: Arc<RwLock<State>>,
    /// Signalled when a flush is due for size.
    full: Arc<Notify>,
    /// Signalled when a flush gave memory back.
    drained: Notify,
    /// One flush, compaction or retention at a time changes the set of parts.
    maintenance: Mutex<()>,
    recovery: OnceLock<Recovery>,
    /// The number of the last log event.
    event_number: AtomicI64,
    /// The first numbers of events that are being kept.
    events_under_way: std::sync::Mutex<BTreeSet<i64>>,
    /// Which log events are kept.
    log_policy: RwLock<Arc<LogPolicy>>,
    /// Parts of log events of which most is kept by today's policy, each with until when that need not be looked at again.
    kept_logs: std::sync::Mutex<HashMap<i64, i64>>,
    _lock: File,
}

/// What is readable now. Replaced piece by piece under one lock, so that a reader sees each document exactly once.
#[derive(Default)]
struct State {
    active: Memtable,
    /// Being written to parts. Stays here until it is, over failed attempts too.
    flushing: Option<Arc<Memtable>>,
    parts: Arc<Vec<Part>>,
    /// Of tables of rows.
    row_parts: Arc<Vec<RowPart>>,
    /// From when on the sums per minute are those of the traces: what parts subtract is, before, subtracted from parts that are gone.
    exact_from_us: i64,
    /// Of whom there is something, besides the server's own account.
    owners: Arc<BTreeSet<Owner>>,
}

impl State {
    fn memory_bytes(&self) -> usize {
        self.active.bytes + self.flushing.as_ref().map_or(0, |flushing| flushing.bytes)
    }
}

/// Numbers about a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStats {
    /// Traces; one that is still arriving may count twice for a while.
    pub traces: u64,
    pub segments: u64,
    /// Of segments.
    pub parts: u64,
    /// Of all tables.
    pub part_bytes: u64,
    pub log_bytes: u64,
    pub memory_bytes: u64,
    pub oldest_us: Option<i64>,
    pub damaged_parts: Vec<String>,
    /// How often a stored document could not be read, since the start.
    pub unreadable_reads: u64,
}

impl Store {
    /// Makes documents durable and visible, all or none.
    pub async fn append(&self, documents: Vec<NewDocument>) -> Result<()> {
        self.append_of(None, documents).await
    }

    /// The same of another account than the server's own.
    pub async fn append_of(&self, owner: Option<Owner>, documents: Vec<NewDocument>) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        if let Some(owner) = &owner {
            self.know(owner).await?;
        }
        let new = |NewDocument { trace_id, raw }| MemDocument { trace_id, sequence: 0, raw, owner: owner.clone() };
        let documents = documents.into_iter().map(new).collect();
        self.log(Entry::Documents(owner, documents)).await
    }

    /// Remembers that there is something of this owner.
    async fn know(&self, owner: &Owner) -> Result<()> {
        if read(&self.inner.state).owners.contains(owner) {
            return Ok(());
        }
        self.inner.catalog.add_owner(owner).await?;
        let mut state = write(&self.inner.state);
        let mut owners = BTreeSet::clone(&state.owners);
        owners.insert(owner.clone());
        state.owners = Arc::new(owners);
        Ok(())
    }

    /// Makes rows of a table durable and visible, all or none.
    pub async fn append_rows(&self, table: &'static RowTable, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.log(Entry::Rows(NewRows::new(table, batch)?)).await
    }

    /// So with metrics.
    pub async fn append_metrics(&self, metrics: &[Metric]) -> Result<()> {
        self.know_all(metrics.iter().filter_map(|metric| metric.owner.as_ref())).await?;
        self.append_rows(&METRIC, table::metric::batch(metrics)?).await
    }

    /// So with changes of containers' states.
    pub async fn append_state_changes(&self, changes: &[StateChange]) -> Result<()> {
        self.know_all(changes.iter().filter_map(|change| change.owner.as_ref())).await?;
        self.append_rows(&STATE_CHANGE, table::state_change::batch(changes)?).await
    }

    /// Remembers that there is something of these owners.
    async fn know_all(&self, owners: impl Iterator<Item = &Owner>) -> Result<()> {
        let mut last = None;
        for owner in owners {
            if last != Some(owner) {
                self.know(owner).await?;
                last = Some(owner);
            }
        }
        Ok(())
    }

    async fn log(&self, entry: Entry) -> Result<()> {
        self.wait_for_room().await?;
        let wal = self.inner.wal.lock().await.clone().ok_or(Error::Closed)?;
        wal.append(entry).await
    }

    /// Where writers outrun the disk, they wait for the flush under way; only when that takes too long they are refused.
    async fn wait_for_room(&self) -> Result<()> {
        let limit = self.inner.options.memtable_bytes_max;
        let room = async {
            loop {
                let drained = self.inner.drained.notified();
                if read(&self.inner.state).memory_bytes() <= limit {
                    return;
                }
                self.inner.full.notify_one();
                drained.await;
            }
        };
        match tokio::time::timeout(self.inner.options.write_wait, room).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::Behind { bytes: self.memory_bytes(), limit }),
        }
    }

    /// A view of everything acknowledged so far.
    pub fn reader(&self) -> Reader {
        let state = read(&self.inner.state);
        Reader {
            active: state.active.traces.clone(),
            active_rows: state.active.rows.clone(),
            flushing: state.flushing.clone(),
            parts: state.parts.clone(),
            row_parts: state.row_parts.clone(),
            exact_from_us: state.exact_from_us,
            owners: state.owners.clone(),
            scope: Scope::Everything,
            log_policy: read(&self.inner.log_policy).clone(),
            now_us: self.inner.clock.now_us(),
        }
    }

    /// The small mutable state.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    pub fn recovery(&self) -> &Recovery {
        self.inner.recovery.get().expect("invariant: is set before the store is given out")
    }

    /// Long work under way.
    pub fn progress(&self) -> Vec<Work> {
        self.inner.options.progress.current()
    }

    /// Waits until memory is full enough for a flush.
    pub async fn flush_due(&self) {
        self.inner.full.notified().await;
    }

    /// How long the oldest content has been in memory only.
    pub fn memory_age_us(&self) -> Option<i64> {
        let since_us = read(&self.inner.state).active.since_us?;
        Some(self.inner.clock.now_us() - since_us)
    }

    pub async fn stats(&self) -> StoreStats {
        let log_bytes = self.inner.wal.lock().await.as_ref().map_or(0, |wal| wal.bytes());
        let state = read(&self.inner.state);
        let memory = |memtable: &Memtable| (memtable.traces.len() as u64, memtable.documents as u64);
        let (mut traces, mut segments) = memory(&state.active);
        if let Some(flushing) = &state.flushing {
            let (more_traces, more_segments) = memory(flushing);
            traces += more_traces;
            segments += more_segments;
        }
        let mut damaged_parts = self.recovery().damaged_parts.clone();
        let mut part_bytes = 0;
        let mut oldest_us: Option<i64> = None;
        for part in state.parts.iter() {
            traces += (part.row.trace_rows as u64).saturating_sub(part.superseded.len() as u64);
            segments += part.row.segment_rows as u64;
            part_bytes += part.row.bytes as u64;
            oldest_us = Some(oldest_us.map_or(part.row.min_time_us, |oldest| oldest.min(part.row.min_time_us)));
            if let Some(why) = part.files.damage() {
                damaged_parts.push(format!("part {}: {why}", part.row.id));
            }
        }
        for part in state.row_parts.iter() {
            part_bytes += part.row.bytes as u64;
            if let Some(why) = part.files.damage() {
                damaged_parts.push(format!("part {}: {why}", part.row.id));
            }
        }
        StoreStats {
            traces,
            segments,
            parts: state.parts.len() as u64,
            part_bytes,
            log_bytes,
            memory_bytes: state.memory_bytes() as u64,
            oldest_us,
            damaged_parts,
            unreadable_reads: UNREADABLE.load(Ordering::Relaxed),
        }
    }

    /// Writes everything to parts and ends. Later writes are refused.
    pub async fn close(&self) -> Result<()> {
        let wal = self.inner.wal.lock().await.take();
        if let Some(wal) = wal {
            // Appends under way hold a reference; they finish first.
            let mut wal = wal;
            let wal = loop {
                match Arc::try_unwrap(wal) {
                    Ok(wal) => break wal,
                    Err(shared) => {
                        wal = shared;
                        tokio::task::yield_now().await;
                    }
                }
            };
            tokio::task::spawn_blocking(move || wal.close()).await.map_err(|_| Error::Closed)?;
        }
        let flushed = self.flush().await;
        if flushed.is_ok() {
            // Everything is in parts: the next start has nothing to read again.
            wal::clear(&self.inner.options.dir.join("wal"))?;
        }
        self.inner.catalog.close().await;
        flushed.map(|_| ())
    }
}

/// What is acknowledged as a whole.
enum Entry {
    /// In a log frame each has its length before it.
    Documents(Option<Owner>, Vec<MemDocument>),
    Rows(NewRows),
}

impl wal::Payload for Entry {
    fn kind(&self) -> u8 {
        match self {
            Entry::Documents(None, _) => wal::KIND_SEGMENTS,
            Entry::Documents(Some(_), _) => wal::KIND_OWNED_SEGMENTS,
            Entry::Rows(_) => wal::KIND_ROWS,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Entry::Documents(owner, documents) => {
                let head = owner.as_ref().map_or(0, |owner| 4 + owner.as_str().len());
                head + documents.iter().map(|document| 4 + document.raw.len()).sum::<usize>()
            }
            Entry::Rows(rows) => rows.bytes(),
        }
    }

    fn count(&self) -> u64 {
        match self {
            Entry::Documents(_, documents) => documents.len() as u64,
            Entry::Rows(rows) => rows.count(),
        }
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        match self {
            Entry::Documents(owner, documents) => {
                let head = owner.iter().map(|owner| owner.as_str().as_bytes());
                for text in head.chain(documents.iter().map(|document| &document.raw[..])) {
                    buffer.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    buffer.extend_from_slice(text);
                }
            }
            Entry::Rows(rows) => rows.write(buffer),
        }
    }
}

/// Documents are numbered through, in the order of the log.
fn number(first: u64, documents: &mut [MemDocument]) {
    for (sequence, document) in (first..).zip(documents) {
        document.sequence = sequence;
    }
}

fn read<T>(state: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    state.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(state: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    state.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Traces of a memtable, for the modules that read it.
type Traces<'a> = &'a MemTraces;
