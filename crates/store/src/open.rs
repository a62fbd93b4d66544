//! Opening a data folder: one process at a time, of the version that wrote it, with everything that was acknowledged.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock, RwLock};

use bytes::Bytes;
use model::Clock;
use model::owner::Owner;
use tokio::sync::{Mutex, Notify};
use tracing::{error, info, warn};

use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::error::{Error, IoContext, Result};
use crate::memtable::MemDocument;
use crate::part::{self, Part};
use crate::rows;
use crate::rows::part::RowPart;
use crate::wal::{self, Frame, LogDamage};
use crate::{Entry, FORMAT_VERSION, FORMAT_VERSION_READ, Inner, State, Store, StoreOptions, number, rebuild, write};

/// What was found when the store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    pub replayed_documents: u64,
    pub replayed_rows: u64,
    pub swept_files: usize,
    pub log_damage: LogDamage,
    pub damaged_parts: Vec<String>,
    /// Why the catalog was made anew from the parts, if it was, and what that could not bring back.
    pub rebuilt_catalog: Option<String>,
}

impl Store {
    /// Opens the folder, or makes it. Recovers what the last process acknowledged and did not get into parts.
    pub async fn open(options: StoreOptions, clock: Arc<dyn Clock>) -> Result<Store> {
        let dir = options.dir.clone();
        // Before anything is made in it, and again when nobody else can change it.
        has_format(&dir)?;
        make_folders(&dir)?;
        let lock = lock(&dir)?;
        has_format(&dir)?;
        if read_format(&dir)?.is_none_or(|version| version != FORMAT_VERSION.to_string()) {
            write_whole(&dir.join("FORMAT"), format!("{FORMAT_VERSION}\n").as_bytes())?;
        }
        let cache = Arc::new(Cache::new(options.block_cache_bytes, options.footer_cache_bytes));
        let (catalog, rebuilt_catalog) = open_catalog(&dir, &cache, clock.now_us(), &options).await?;
        let checkpoint = catalog.checkpoint().await?;
        let mut superseded = catalog.superseded().await?;
        let exact_from_us = catalog.exact_from_us().await?;
        let owners = Arc::new(catalog.owners().await?);
        let rows = catalog.parts().await?;
        let damaged = catalog.damaged_parts().await?;
        let known: HashSet<i64> = rows.iter().map(|part| part.row.id).chain(damaged.iter().map(|(id, _)| *id)).collect();
        let mut recovery = Recovery {
            swept_files: part::sweep(&dir, &known)?,
            damaged_parts: damaged.into_iter().map(|(id, why)| format!("part {id}: {why}")).collect(),
            rebuilt_catalog,
            ..Recovery::default()
        };
        let (rows, of_rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|part| part.row.family == part::SEGMENT);
        let row_parts = Arc::new(of_rows.into_iter().filter_map(|part| RowPart::new(&dir, part, &cache)).collect());
        let parts = rows.into_iter().map(|part| {
            let superseded = superseded.remove(&part.row.id).unwrap_or_default();
            Part::new(&dir, part, superseded, &cache)
        });
        let parts = Arc::new(parts.collect());
        let store = Store {
            inner: Arc::new(Inner {
                options,
                clock,
                catalog,
                cache,
                wal: Mutex::new(None),
                state: Arc::new(RwLock::new(State { parts, row_parts, exact_from_us, owners, ..State::default() })),
                full: Arc::new(Notify::new()),
                drained: Notify::new(),
                maintenance: Mutex::new(()),
                recovery: OnceLock::new(),
                event_number: AtomicI64::new(0),
                events_under_way: std::sync::Mutex::default(),
                log_policy: RwLock::default(),
                kept_logs: std::sync::Mutex::default(),
                _lock: lock,
            }),
        };
        let next_sequence = store.replay(checkpoint, &mut recovery).await?;
        store.see_event_numbers().await?;
        info!(
            dir = %dir.display(),
            parts = known.len(),
            replayed_documents = recovery.replayed_documents,
            replayed_rows = recovery.replayed_rows,
            swept_files = recovery.swept_files,
            torn_bytes = recovery.log_damage.torn_bytes,
            "store opened"
        );
        let _ = store.inner.recovery.set(recovery);
        store.start_log(next_sequence).await?;
        Ok(store)
    }

    /// Reads the log again, from the checkpoint on; what does not fit into memory is flushed on the way. Returns the next free
    /// sequence.
    async fn replay(&self, checkpoint: u64, recovery: &mut Recovery) -> Result<u64> {
        let Inner { options, state, clock, .. } = &*self.inner;
        let wal_dir = options.dir.join("wal");
        let job = options.progress.begin("reading the log again", "bytes", wal::total_bytes(&wal_dir)?);
        let mut replay = wal::Replay::open(&wal_dir, checkpoint, true)?;
        loop {
            let now_us = clock.now_us();
            let Recovery { replayed_documents: replayed, replayed_rows, .. } = recovery;
            let mut failed = None;
            let read = replay.read_file(|frame| {
                if frame.kind == wal::KIND_ROWS {
                    let count = rows::count(&frame.payload);
                    *replayed_rows += count;
                    match rows::decode(&frame.payload) {
                        Some((table, batch)) => {
                            let last = frame.sequence + count.saturating_sub(1);
                            failed = write(state).active.insert_rows(table, batch, last, now_us).err().or(failed.take());
                        }
                        None => put_aside(&options.dir, frame.sequence, 0, &frame.payload),
                    }
                    return count;
                }
                let (documents, refused, count) = decode(&frame);
                for (place, text) in refused.iter().enumerate() {
                    put_aside(&options.dir, frame.sequence, place, text);
                }
                *replayed += documents.len() as u64;
                write(state).active.insert(documents, now_us);
                count
            })?;
            if let Some(err) = failed {
                return Err(err);
            }
            let Some(bytes) = read else { break };
            job.advance(bytes);
            if self.memory_bytes() >= options.memtable_bytes {
                self.flush().await?;
            }
        }
        let (next_sequence, log_damage) = replay.finish();
        recovery.log_damage = log_damage;
        Ok(next_sequence)
    }

    async fn start_log(&self, next_sequence: u64) -> Result<()> {
        let (state, full, clock) = (self.inner.state.clone(), self.inner.full.clone(), self.inner.clock.clone());
        let memtable_bytes = self.inner.options.memtable_bytes;
        let apply = move |sequence, entry: Entry| {
            let mut state = write(&state);
            match entry {
                Entry::Documents(_, mut documents) => {
                    number(sequence, &mut documents);
                    state.active.insert(documents, clock.now_us());
                }
                Entry::Rows(rows) => {
                    let last = sequence + rows.count() - 1;
                    if let Err(err) = state.active.insert_rows(rows.table, rows.batch, last, clock.now_us()) {
                        // They are in the log, and come into memory with the next start.
                        error!(error = %err, "rows that were written cannot be shown");
                    }
                }
            }
            if state.active.bytes >= memtable_bytes {
                full.notify_one();
            }
        };
        let wal = wal::Wal::start(&self.inner.options.dir.join("wal"), next_sequence, apply)?;
        *self.inner.wal.lock().await = Some(Arc::new(wal));
        Ok(())
    }
}

/// A backup's table of contents: such a folder is restored, not served.
pub(crate) const BACKUP: &str = "backup.json";
/// Stands in a folder while a backup is restored into it.
pub(crate) const RESTORING: &str = "RESTORING";

fn make_folders(dir: &Path) -> Result<()> {
    let is_new = !dir.exists();
    for folder in [""].into_iter().chain(["wal"]).chain(part::all_folders()) {
        let folder = dir.join(folder);
        // Traces tell of users, addresses and queries: they are their owner's alone.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).at("create", &folder)?;
    }
    if is_new && let Some(parent) = dir.canonicalize().at("find", dir)?.parent() {
        wal::sync_dir(parent)?;
    }
    Ok(())
}

pub(crate) fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("LOCK");
    let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::Locked { path: dir.to_owned() }),
    }
}

/// Whether the folder is one of this version. Refuses those of other versions, backups, and what a restore did not finish.
/// The catalog of a folder that a server may be using, for commands that edit resources. Where there is no data yet, the folder is made.
pub async fn catalog(dir: &Path, clock: Arc<dyn Clock>) -> Result<Catalog> {
    let path = catalog_path(dir);
    if !has_format(dir)? || !path.exists() {
        Store::open(StoreOptions::new(dir), clock).await?.close().await?;
    }
    Catalog::open_existing(&path).await
}

fn has_format(dir: &Path) -> Result<bool> {
    if dir.join(BACKUP).exists() {
        return Err(Error::IsBackup { path: dir.to_owned() });
    }
    if dir.join(RESTORING).exists() {
        return Err(Error::HalfRestored { path: dir.to_owned() });
    }
    match read_format(dir)? {
        Some(version) if is_readable(&version) => Ok(true),
        Some(found) => Err(Error::Format { path: dir.to_owned(), found, known: FORMAT_VERSION }),
        None => Ok(false),
    }
}

/// Whether this program reads folders of the version.
pub(crate) fn is_readable(version: &str) -> bool {
    version.parse().is_ok_and(|version| (FORMAT_VERSION_READ..=FORMAT_VERSION).contains(&version))
}

pub(crate) fn read_format(dir: &Path) -> Result<Option<String>> {
    let path = dir.join("FORMAT");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).at("read", &path),
    }
}

/// Writes a small file: after a crash it is there with all of its content, or as it was before.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, content).at("write", &new)?;
    File::open(&new).and_then(|file| file.sync_all()).at("sync", &new)?;
    fs::rename(&new, path).at("rename", &new)?;
    path.parent().map_or(Ok(()), wal::sync_dir)
}

pub(crate) fn catalog_path(dir: &Path) -> PathBuf {
    dir.join("catalog.db")
}

/// Opens the catalog, or makes it. One that is damaged, or is missing beside parts, is made anew from these.
async fn open_catalog(dir: &Path, cache: &Arc<Cache>, now_us: i64, options: &StoreOptions) -> Result<(Catalog, Option<String>)> {
    let path = catalog_path(dir);
    let is_new = !path.exists();
    let why = if is_new && part::any(dir)? {
        "it is missing".to_owned()
    } else {
        match Catalog::open(&path).await {
            Ok(catalog) => match catalog.damage().await? {
                None => {
                    if is_new {
                        wal::sync_dir(dir)?;
                    }
                    return Ok((catalog, None));
                }
                Some(why) => {
                    catalog.close().await;
                    why
                }
            },
            Err(err) if err.is_catalog_damage() => err.to_string(),
            Err(err) => return Err(err),
        }
    };
    warn!(why, "the catalog cannot be used and is made anew from the parts; this reads all of them");
    let lost = rebuild::catalog(dir, cache, now_us, &options.progress).await?;
    let catalog = Catalog::open(&path).await?;
    let note = match lost.as_slice() {
        [] => why,
        lost => format!("{why}; lost: {}", lost.join("; ")),
    };
    warn!(note, "the catalog was made anew");
    Ok((catalog, Some(note)))
}

/// How many documents or rows a frame has.
pub(crate) fn count(frame: &Frame) -> u64 {
    if frame.kind == wal::KIND_ROWS {
        return rows::count(&frame.payload);
    }
    texts(&frame.payload).count() as u64 - u64::from(frame.kind == wal::KIND_OWNED_SEGMENTS)
}

/// Texts that stand one behind the other, each behind its length.
fn texts(payload: &Bytes) -> impl Iterator<Item = Bytes> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (length, rest) = payload[at..].split_first_chunk::<4>()?;
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        let text = payload.slice(at + 4..at + 4 + length);
        at += 4 + length;
        Some(text)
    })
}

/// The documents of a frame, the texts of those that can no longer be read, and how many there are together.
fn decode(frame: &Frame) -> (Vec<MemDocument>, Vec<Bytes>, u64) {
    let mut documents = Vec::new();
    let mut refused = Vec::new();
    let mut texts = texts(&frame.payload);
    let owner = match frame.kind {
        wal::KIND_OWNED_SEGMENTS => texts.next().map(|text| Owner::of_text(&String::from_utf8_lossy(&text))),
        _ => None,
    };
    let mut sequence = frame.sequence;
    for raw in texts {
        match model::segment::parse_trace_id(&raw) {
            Ok(trace_id) => documents.push(MemDocument { trace_id, sequence, raw, owner: owner.clone() }),
            // Only what could be read was written, so this is a document that an older version accepted.
            Err(_) => refused.push(raw),
        }
        sequence += 1;
    }
    (documents, refused, sequence - frame.sequence)
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
