//! Durability and scan. What `append` acknowledged is on disk and visible to the next reader.
//!
//! ```text
//! append ─► wal (fsync) ─► memtable ─► flush ─► parts (Parquet) ─► compact ─► retain
//!                             └──────── reader ────┘   catalog (SQLite): parts, log position, rules
//! ```
//!
//! The store starts no timers: whoever owns it calls `flush`, `compact` and `retain`. It knows segments and traces, and nothing of
//! protocols.

mod cache;
mod catalog;
mod compaction;
mod error;
mod flush;
mod memtable;
mod part;
mod reader;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod wal;

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use arrow_array::RecordBatch;
use bytes::Bytes;
use model::digest::TraceDigest;
use model::{Clock, Segment, TraceId, limit};
use tokio::sync::{Mutex, Notify};
use tracing::{error, info, warn};

pub use catalog::Catalog;
pub use error::{Error, Result};
pub use reader::Reader;
pub use scan::{Prefilter, ScanPosition, ScanRange, Scanned, TraceScan, VisitTest};
pub use wal::LogDamage;

use cache::Cache;
use error::IoContext;
use memtable::{MemDocument, MemTraces, Memtable};
use part::Part;
use table::segment;

/// The version of everything on disk. A folder of another version is refused with a message that says so.
pub const FORMAT_VERSION: u32 = 2;

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub dir: PathBuf,
    /// Days that traces are kept; zero keeps them for ever.
    pub retention_days: u32,
    /// Memory for what is not yet in parts: at this size a flush is due.
    pub memtable_bytes: usize,
    /// Beyond this, writes wait until a flush caught up …
    pub memtable_bytes_max: usize,
    /// … for at most this long; then they are refused.
    pub write_wait: Duration,
    /// Memory for what was read of parts, and for the footers of those that are open.
    pub block_cache_bytes: usize,
    pub footer_cache_bytes: usize,
}

impl StoreOptions {
    pub fn new(dir: impl Into<PathBuf>) -> StoreOptions {
        StoreOptions {
            dir: dir.into(),
            retention_days: 30,
            memtable_bytes: 48 * 1024 * 1024,
            memtable_bytes_max: 256 * 1024 * 1024,
            write_wait: Duration::from_secs(5),
            block_cache_bytes: 16 * 1024 * 1024,
            footer_cache_bytes: 64 * 1024 * 1024,
        }
    }
}

/// A document to keep: its text, which must have been read without an error, and the trace it belongs to.
#[derive(Debug)]
pub struct NewDocument {
    pub trace_id: TraceId,
    pub raw: Bytes,
}

/// The documents of one trace, as far as the limit of a trace allows.
#[derive(Debug, Default)]
pub struct TraceDocuments {
    /// From memory: each with its number.
    texts: Vec<(u64, Bytes)>,
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
        self.texts.is_empty() && self.rows.is_empty()
    }

    /// Adds a document. Returns false where the limit is reached.
    fn push_text(&mut self, sequence: u64, text: &Bytes) -> bool {
        if self.entities >= limit::ENTITIES_PER_TRACE || self.bytes + text.len() > limit::TRACE_BYTES {
            self.limit_exceeded = true;
            return false;
        }
        self.entities += 1;
        self.bytes += text.len();
        self.texts.push((sequence, text.clone()));
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
        documents.extend(self.texts.iter().filter_map(|(sequence, text)| Some((*sequence, read_text(*sequence, text)?))));
        documents.sort_by_key(|(sequence, _)| *sequence);
        documents.into_iter().map(|(_, segment)| segment).collect()
    }
}

/// Reads a document. One that cannot be read (it was accepted by a version that read more) is left out and counted: it must not
/// take its trace, or all answers, with it.
fn read_text(sequence: u64, text: &[u8]) -> Option<Segment<'_>> {
    model::segment::parse(text)
        .inspect_err(|err| {
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
    wal: Mutex<Option<Arc<wal::Wal<Vec<MemDocument>>>>>,
    state: Arc<RwLock<State>>,
    /// Signalled when a flush is due for size.
    full: Arc<Notify>,
    /// Signalled when a flush gave memory back.
    drained: Notify,
    /// One flush, compaction or retention at a time changes the set of parts.
    maintenance: Mutex<()>,
    recovery: Recovery,
    _lock: File,
}

/// What is readable now. Replaced piece by piece under one lock, so that a reader sees each document exactly once.
#[derive(Default)]
struct State {
    active: Memtable,
    /// Being written to parts. Stays here until it is, over failed attempts too.
    flushing: Option<Arc<Memtable>>,
    parts: Arc<Vec<Part>>,
}

impl State {
    fn memory_bytes(&self) -> usize {
        self.active.bytes + self.flushing.as_ref().map_or(0, |flushing| flushing.bytes)
    }
}

/// What was found when the store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    pub replayed_documents: u64,
    pub swept_files: usize,
    pub log_damage: LogDamage,
    pub damaged_parts: Vec<String>,
}

/// Numbers about a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStats {
    /// Traces; one that is still arriving may count twice for a while.
    pub traces: u64,
    pub segments: u64,
    pub parts: u64,
    pub part_bytes: u64,
    pub log_bytes: u64,
    pub memory_bytes: u64,
    pub oldest_us: Option<i64>,
    pub damaged_parts: Vec<String>,
    /// How often a stored document could not be read, since the start.
    pub unreadable_reads: u64,
}

impl Store {
    /// Opens the folder, or makes it. Recovers what the last process acknowledged and did not get into parts.
    pub async fn open(options: StoreOptions, clock: Arc<dyn Clock>) -> Result<Store> {
        let dir = &options.dir;
        for folder in [""].into_iter().chain(["wal"]).chain(part::FOLDERS) {
            let folder = dir.join(folder);
            // Traces tell of users, addresses and queries: they are their owner's alone.
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).at("create", &folder)?;
        }
        let lock = lock(dir)?;
        check_format(dir)?;
        let catalog = Catalog::open(&dir.join("catalog.db")).await?;
        let checkpoint = catalog.checkpoint().await?;
        let mut superseded = catalog.superseded().await?;
        let rows = catalog.parts().await?;
        let damaged = catalog.damaged_parts().await?;
        let known: HashSet<i64> = rows.iter().map(|part| part.row.id).chain(damaged.iter().map(|(id, _)| *id)).collect();
        let mut recovery = Recovery {
            swept_files: part::sweep(dir, &known)?,
            damaged_parts: damaged.into_iter().map(|(id, why)| format!("part {id}: {why}")).collect(),
            ..Recovery::default()
        };
        let cache = Arc::new(Cache::new(options.block_cache_bytes, options.footer_cache_bytes));
        let parts = rows
            .into_iter()
            .map(|part| {
                let superseded = superseded.remove(&part.row.id).unwrap_or_default();
                Part::new(dir, part, superseded, &cache)
            })
            .collect();

        let state = Arc::new(RwLock::new(State { parts: Arc::new(parts), ..State::default() }));
        let now_us = clock.now_us();
        let (next_sequence, log_damage) = {
            let mut state = write(&state);
            let replayed = &mut recovery.replayed_documents;
            wal::recover(&dir.join("wal"), checkpoint, |frame| {
                let (documents, refused, count) = decode(frame.sequence, &frame.payload.into());
                for (place, text) in refused.iter().enumerate() {
                    put_aside(dir, frame.sequence, place, text);
                }
                *replayed += documents.len() as u64;
                state.active.insert(documents, now_us);
                count
            })?
        };
        recovery.log_damage = log_damage;
        info!(
            dir = %dir.display(),
            parts = known.len(),
            replayed_documents = recovery.replayed_documents,
            swept_files = recovery.swept_files,
            torn_bytes = recovery.log_damage.torn_bytes,
            "store opened"
        );

        let full = Arc::new(Notify::new());
        let apply = {
            let (state, full, clock) = (state.clone(), full.clone(), clock.clone());
            let memtable_bytes = options.memtable_bytes;
            move |documents: Vec<MemDocument>| {
                let mut state = write(&state);
                state.active.insert(documents, clock.now_us());
                if state.active.bytes >= memtable_bytes {
                    full.notify_one();
                }
            }
        };
        let wal = wal::Wal::start(&dir.join("wal"), next_sequence, move |sequence, mut documents: Vec<MemDocument>| {
            number(sequence, &mut documents);
            apply(documents);
        })?;
        let inner = Inner {
            options,
            clock,
            catalog,
            cache,
            wal: Mutex::new(Some(Arc::new(wal))),
            state,
            full,
            drained: Notify::new(),
            maintenance: Mutex::new(()),
            recovery,
            _lock: lock,
        };
        Ok(Store { inner: Arc::new(inner) })
    }

    /// Makes documents durable and visible, all or none.
    pub async fn append(&self, documents: Vec<NewDocument>) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        self.wait_for_room().await?;
        let documents =
            documents.into_iter().map(|new| MemDocument { trace_id: new.trace_id, sequence: 0, raw: new.raw }).collect();
        let wal = self.inner.wal.lock().await.clone().ok_or(Error::Closed)?;
        wal.append(documents).await
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
        Reader { active: state.active.traces.clone(), flushing: state.flushing.clone(), parts: state.parts.clone() }
    }

    /// The small mutable state.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    pub fn recovery(&self) -> &Recovery {
        &self.inner.recovery
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
        let mut damaged_parts = self.inner.recovery.damaged_parts.clone();
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

/// In a log frame each document has its length before it.
impl wal::Payload for Vec<MemDocument> {
    fn bytes(&self) -> usize {
        self.iter().map(|document| 4 + document.raw.len()).sum()
    }

    fn count(&self) -> u64 {
        self.len() as u64
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        for document in self {
            buffer.extend_from_slice(&(document.raw.len() as u32).to_le_bytes());
            buffer.extend_from_slice(&document.raw);
        }
    }
}

/// The documents of a frame, the texts of those that can no longer be read, and how many there are together.
fn decode(sequence: u64, payload: &Bytes) -> (Vec<MemDocument>, Vec<Bytes>, u64) {
    let mut documents = Vec::new();
    let mut refused = Vec::new();
    let mut at = 0;
    let mut number = sequence;
    while let Some((length, rest)) = payload[at..].split_first_chunk::<4>() {
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        let raw = payload.slice(at + 4..at + 4 + length);
        at += 4 + length;
        match model::segment::parse_trace_id(&raw) {
            Ok(trace_id) => documents.push(MemDocument { trace_id, sequence: number, raw }),
            // Only what could be read was written, so this is a document that an older version accepted.
            Err(_) => refused.push(raw),
        }
        number += 1;
    }
    (documents, refused, number - sequence)
}

/// Keeps a document of the log that cannot be read where a person can look at it.
fn put_aside(dir: &Path, sequence: u64, place: usize, text: &Bytes) {
    let folder = dir.join("damaged");
    let path = folder.join(format!("{sequence:020}-{place}.json"));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text)).and_then(|()| File::open(&path)?.sync_all());
    match written {
        Ok(()) => warn!(copy = %path.display(), "a document in the write-ahead log cannot be read and is put aside"),
        Err(err) => error!(sequence, place, error = %err, "a document in the write-ahead log cannot be read, nor put aside"),
    }
}

/// Documents are numbered through, in the order of the log.
fn number(first: u64, documents: &mut [MemDocument]) {
    for (sequence, document) in (first..).zip(documents) {
        document.sequence = sequence;
    }
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("LOCK");
    let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::Locked { path: dir.to_owned() }),
    }
}

fn check_format(dir: &Path) -> Result<()> {
    let path = dir.join("FORMAT");
    match fs::read_to_string(&path) {
        Ok(text) if text.trim() == FORMAT_VERSION.to_string() => Ok(()),
        Ok(text) => Err(Error::Format { path: dir.to_owned(), found: text.trim().to_owned(), known: FORMAT_VERSION }),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            fs::write(&path, format!("{FORMAT_VERSION}\n")).at("write", &path)?;
            File::open(&path).and_then(|file| file.sync_all()).at("sync", &path)?;
            wal::sync_dir(dir)
        }
        Err(err) => Err(err).at("read", &path),
    }
}

fn read(state: &RwLock<State>) -> std::sync::RwLockReadGuard<'_, State> {
    state.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write(state: &RwLock<State>) -> std::sync::RwLockWriteGuard<'_, State> {
    state.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Traces of a memtable, for the modules that read it.
type Traces<'a> = &'a MemTraces;
