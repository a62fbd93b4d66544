//! The write-ahead log: what was acknowledged is here before anything else happens with it.
//!
//! A log is a row of files `<first sequence>.log`, each a row of frames: length (u32), CRC-32C (u32) of the rest, sequence (u64),
//! kind (u8), payload; little endian. A frame's sequence is that of its first document, and the next frame's follows its last
//! document's. One thread writes: it takes every request that waits, writes them together, syncs once,
//! puts them into the memtable in that order, and only then answers. A frame that was never completed ends the log.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::error::{Error, IoContext, Result};

#[cfg(test)]
mod tests;

/// A file is closed and a new one begun at this size.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Requests that are written and synced together, in bytes of payload.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
const HEADER_BYTES: usize = 4 + 4 + 8 + 1;
/// A frame longer than this is damage, not data.
const FRAME_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a frame holds. Numbers are on disk: never reuse one.
pub(crate) const KIND_SEGMENTS: u8 = 1;
pub(crate) const KIND_ROWS: u8 = 2;
/// Behind the text that says whose they are.
pub(crate) const KIND_OWNED_SEGMENTS: u8 = 3;
const KINDS: [u8; 3] = [KIND_SEGMENTS, KIND_ROWS, KIND_OWNED_SEGMENTS];

/// One acknowledged write, as found by recovery.
pub(crate) struct Frame {
    pub(crate) sequence: u64,
    pub(crate) kind: u8,
    pub(crate) payload: Bytes,
}

/// What recovery had to leave behind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LogDamage {
    /// Bytes of frames that were never completed: nothing acknowledged is lost.
    pub torn_bytes: u64,
    /// Files that had damage in their middle; copies are kept in `damaged/`.
    pub damaged_files: Vec<PathBuf>,
}

/// Something that can be written to the log.
pub(crate) trait Payload {
    /// One of the kinds above.
    fn kind(&self) -> u8;
    fn bytes(&self) -> usize;
    /// How many numbers of the sequence it takes.
    fn count(&self) -> u64;
    /// Appends `bytes` bytes.
    fn write(&self, buffer: &mut Vec<u8>);
}

struct Request<T> {
    item: T,
    done: oneshot::Sender<Result<()>>,
}

/// The writing end. A `T` is written, and handed to `apply` once that is durable.
pub(crate) struct Wal<T> {
    dir: PathBuf,
    requests: mpsc::Sender<Request<T>>,
    thread: Option<std::thread::JoinHandle<()>>,
    bytes: Arc<AtomicU64>,
}

impl<T: Payload + Send + 'static> Wal<T> {
    /// Starts the log with the given next sequence. `apply` runs on the writer's thread, in sequence order.
    pub(crate) fn start(dir: &Path, next_sequence: u64, apply: impl FnMut(u64, T) + Send + 'static) -> Result<Wal<T>> {
        let (requests, receiver) = mpsc::channel(1024);
        let bytes = Arc::new(AtomicU64::new(total_bytes(dir)?));
        let writer = Writer { dir: dir.to_owned(), file: None, sequence: next_sequence, bytes: bytes.clone() };
        let thread = std::thread::Builder::new()
            .name("wal".to_owned())
            .spawn(move || run(writer, receiver, apply))
            .at("start the writer of", dir)?;
        Ok(Wal { dir: dir.to_owned(), requests, thread: Some(thread), bytes })
    }

    /// Makes `item` durable. When this returns `Ok`, it is on disk and applied.
    pub(crate) async fn append(&self, item: T) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.requests.send(Request { item, done }).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Bytes of all log files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Removes files that hold nothing after `sequence`.
    pub(crate) fn release(&self, sequence: u64) -> Result<()> {
        let files = files(&self.dir)?;
        // A file holds the frames up to the one before the next file's first.
        for pair in files.windows(2) {
            if pair[1].0 <= sequence + 1 {
                let size = fs::metadata(&pair[0].1).map_or(0, |meta| meta.len());
                fs::remove_file(&pair[0].1).at("remove", &pair[0].1)?;
                self.bytes.fetch_sub(size, Ordering::Relaxed);
            }
        }
        sync_dir(&self.dir)
    }

    /// Writes what waits, then ends the writer.
    pub(crate) fn close(mut self) {
        let (closed, _) = mpsc::channel(1);
        self.requests = closed;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    dir: PathBuf,
    file: Option<(File, PathBuf, u64)>,
    sequence: u64,
    bytes: Arc<AtomicU64>,
}

fn run<T: Payload>(mut writer: Writer, mut receiver: mpsc::Receiver<Request<T>>, mut apply: impl FnMut(u64, T)) {
    let mut buffer = Vec::new();
    while let Some(first) = receiver.blocking_recv() {
        let mut group = vec![first];
        let mut size = group[0].item.bytes();
        while size < GROUP_BYTES {
            let Ok(request) = receiver.try_recv() else { break };
            size += request.item.bytes();
            group.push(request);
        }
        buffer.clear();
        let mut sequence = writer.sequence;
        for request in &group {
            encode(&mut buffer, sequence, request.item.kind(), &request.item);
            sequence += request.item.count();
        }
        match writer.write(&buffer) {
            Ok(()) => {
                for request in group {
                    let sequence = writer.sequence;
                    writer.sequence += request.item.count();
                    apply(sequence, request.item);
                    let _ = request.done.send(Ok(()));
                }
            }
            Err(err) => {
                error!(error = %err, "write-ahead log is not writable; refusing writes until it is");
                for request in group {
                    let _ = request.done.send(Err(Error::LogUnwritable(err.to_string())));
                }
            }
        }
        if buffer.capacity() > 4 * GROUP_BYTES {
            buffer = Vec::new();
        }
    }
}

impl Writer {
    /// Appends and syncs. After a failure the file is cut back to its last good frame; where even that fails, the next write
    /// begins a new file, and what may stand in the old one was never acknowledged.
    fn write(&mut self, frames: &[u8]) -> std::io::Result<()> {
        if self.file.as_ref().is_some_and(|(_, _, size)| *size >= FILE_BYTES) {
            self.file = None;
        }
        if self.file.is_none() {
            let path = self.dir.join(format!("{:020}.log", self.sequence));
            // A file of this name can only be one that was begun and never acknowledged into.
            let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
            File::open(&self.dir)?.sync_all()?;
            self.file = Some((file, path, 0));
        }
        let Some((file, path, size)) = &mut self.file else {
            return Err(std::io::Error::other("no log file"));
        };
        match file.write_all(frames).and_then(|()| file.sync_data()) {
            Ok(()) => {
                *size += frames.len() as u64;
                self.bytes.fetch_add(frames.len() as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(err) => {
                let cut = file.set_len(*size).and_then(|()| file.seek(SeekFrom::Start(*size))).and_then(|_| file.sync_data());
                if let Err(cut_err) = cut {
                    warn!(file = %path.display(), error = %cut_err, "cannot cut the log back; beginning a new file");
                    if *size > 0 {
                        self.file = None;
                        // The next file must not take this one's name.
                        self.sequence += 1;
                    }
                }
                Err(err)
            }
        }
    }
}

fn encode(buffer: &mut Vec<u8>, sequence: u64, kind: u8, payload: &impl Payload) {
    let length = (HEADER_BYTES - 8 + payload.bytes()) as u32;
    let start = buffer.len();
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&sequence.to_le_bytes());
    buffer.push(kind);
    payload.write(buffer);
    let crc = crc32c::crc32c(&buffer[start + 8..]);
    buffer[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Reading a log again: every frame after the checkpoint, in order, one file after the other.
pub(crate) struct Replay {
    dir: PathBuf,
    files: Vec<(u64, PathBuf)>,
    at: usize,
    checkpoint: u64,
    next: u64,
    /// Whether damage is mended: an unfinished write cut off, a damaged file copied aside.
    mend: bool,
    damage: LogDamage,
}

impl Replay {
    pub(crate) fn open(dir: &Path, checkpoint: u64, mend: bool) -> Result<Replay> {
        Ok(Replay {
            dir: dir.to_owned(),
            files: files(dir)?,
            at: 0,
            checkpoint,
            next: checkpoint + 1,
            mend,
            damage: LogDamage::default(),
        })
    }

    /// Reads the next file; `frame` says how many numbers a frame takes. Returns how large it was, and none at the end.
    pub(crate) fn read_file(&mut self, mut frame: impl FnMut(Frame) -> u64) -> Result<Option<u64>> {
        let Some((_, path)) = self.files.get(self.at) else { return Ok(None) };
        self.at += 1;
        let last_file = self.at == self.files.len();
        let bytes = match fs::read(path) {
            // Released by the process that uses the folder, since it was listed.
            Err(err) if err.kind() == ErrorKind::NotFound && !self.mend => return Ok(Some(0)),
            read => Bytes::from(read.at("read", path)?),
        };
        let (checkpoint, next) = (self.checkpoint, &mut self.next);
        let mut take = |decoded: Frame| {
            if decoded.sequence > checkpoint {
                *next = (*next).max(decoded.sequence + frame(decoded));
            }
        };
        let mut at = 0;
        while let Some((decoded, length)) = decode(&bytes, at) {
            take(decoded);
            at += length;
        }
        if at == bytes.len() {
            return Ok(Some(bytes.len() as u64));
        }
        if last_file && !has_frame_after(&bytes, at) {
            self.damage.torn_bytes = (bytes.len() - at) as u64;
            if self.mend {
                let file = OpenOptions::new().write(true).open(path).at("open", path)?;
                file.set_len(at as u64).at("truncate", path)?;
                file.sync_all().at("sync", path)?;
            }
        } else {
            // Keep the whole file for a look, take what is readable after the damage as well.
            let aside = if self.mend { set_aside(&self.dir, path)? } else { path.clone() };
            warn!(file = %path.display(), copy = %aside.display(), offset = at, "damage in the write-ahead log");
            self.damage.damaged_files.push(aside);
            while at < bytes.len() {
                match decode(&bytes, at) {
                    Some((decoded, length)) => {
                        take(decoded);
                        at += length;
                    }
                    None => at += 1,
                }
            }
        }
        Ok(Some(bytes.len() as u64))
    }

    /// The next free sequence, and what was damaged.
    pub(crate) fn finish(self) -> (u64, LogDamage) {
        (self.next, self.damage)
    }
}

/// Whether a whole frame stands somewhere in these bytes: then what is before it is damage, not an unfinished write.
fn has_frame_after(bytes: &Bytes, at: usize) -> bool {
    (at + 1..bytes.len().saturating_sub(HEADER_BYTES)).any(|at| decode(bytes, at).is_some())
}

/// The frame that begins here, and its length.
fn decode(file: &Bytes, at: usize) -> Option<(Frame, usize)> {
    let bytes = &file[at..];
    let header = bytes.get(..HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    if !(HEADER_BYTES - 8..FRAME_BYTES_MAX).contains(&length) {
        return None;
    }
    let body = bytes.get(8..8 + length)?;
    // Cheap, and spares the checksum of most places that are no frame when looking for the next one.
    let kind = body[8];
    if !KINDS.contains(&kind) {
        return None;
    }
    if crc32c::crc32c(body) != u32::from_le_bytes(header[4..8].try_into().ok()?) {
        return None;
    }
    let sequence = u64::from_le_bytes(body[..8].try_into().ok()?);
    let payload = file.slice(at + 8 + 9..at + 8 + length);
    Some((Frame { sequence, kind, payload }, 8 + length))
}

/// Copies a damaged file where a person can look at it.
fn set_aside(dir: &Path, path: &Path) -> Result<PathBuf> {
    let folder = dir.parent().unwrap_or(dir).join("damaged");
    fs::create_dir_all(&folder).at("create", &folder)?;
    let name = path.file_name().unwrap_or_default();
    let copy = folder.join(name);
    fs::copy(path, &copy).at("copy", path)?;
    Ok(copy)
}

/// Log files by first sequence.
fn files(dir: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).at("list", dir)? {
        let path = entry.at("list", dir)?.path();
        let sequence = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".log")?.parse().ok());
        if let Some(sequence) = sequence {
            files.push((sequence, path));
        }
    }
    files.sort();
    Ok(files)
}

/// Removes all files of a log that was closed.
pub(crate) fn clear(dir: &Path) -> Result<()> {
    for (_, path) in files(dir)? {
        fs::remove_file(&path).at("remove", &path)?;
    }
    sync_dir(dir)
}

pub(crate) fn total_bytes(dir: &Path) -> Result<u64> {
    Ok(files(dir)?.iter().filter_map(|(_, path)| fs::metadata(path).ok()).map(|meta| meta.len()).sum())
}

pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).at("sync", dir)
}
