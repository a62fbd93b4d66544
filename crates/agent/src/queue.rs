//! What is not passed on yet: messages in files, in the order in which they came. A message that was taken in is on disk; one that was
//! passed on is behind the position. Files that are passed on as a whole are deleted.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::{error, warn};

/// A file ends at this size.
const FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Before each message: its length and its checksum.
const HEAD_BYTES: u64 = 8;
const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
const POSITION: &str = "position";

/// A request to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) content_encoding: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// The buffer's size is reached.
    #[error("the buffer is full: {0} bytes wait to be passed on")]
    Full(u64),
    #[error("{0}")]
    Unexpected(String),
}

trait At<T> {
    fn at(self, path: &Path) -> Result<T, QueueError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, QueueError> {
        self.map_err(|source| QueueError::Io { path: path.to_owned(), source })
    }
}

#[derive(Debug)]
pub(crate) struct Queue {
    dir: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
    /// Something came.
    pub(crate) came: Notify,
}

#[derive(Debug)]
struct State {
    /// By number, the oldest first; the last one is written.
    files: VecDeque<Segment>,
    writing: File,
    /// Where the next message to be passed on begins, in the oldest file.
    offset: u64,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    number: u64,
    bytes: u64,
}

/// Where a message ends: what is up to there has been passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    number: u64,
    end: u64,
}

impl Queue {
    pub(crate) fn open(dir: &Path, bytes_max: u64) -> Result<Queue, QueueError> {
        fs::create_dir_all(dir).at(dir)?;
        let mut numbers: Vec<u64> = Vec::new();
        for entry in fs::read_dir(dir).at(dir)? {
            let name = entry.at(dir)?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".queue")?.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        let (mut number, mut offset) = read_position(dir).unwrap_or((0, 0));
        let mut files = VecDeque::new();
        for known in numbers {
            let path = path_of(dir, known);
            if known < number {
                // Passed on as a whole; the end came before it was deleted.
                fs::remove_file(&path).at(&path)?;
                continue;
            }
            files.push_back(Segment { number: known, bytes: whole_bytes(&path)? });
        }
        if files.front().is_none_or(|first| first.number != number) {
            number = files.front().map_or(number + 1, |first| first.number);
            offset = 0;
        }
        // A file that was begun by an earlier process is not written on: its end may be torn.
        let next = files.back().map_or(number, |last| last.number + 1).max(number);
        let writing = new_file(dir, next)?;
        files.push_back(Segment { number: next, bytes: 0 });
        Ok(Queue { dir: dir.to_owned(), bytes_max, state: Mutex::new(State { files, writing, offset }), came: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> u64 {
        let state = self.state();
        state.files.iter().map(|file| file.bytes).sum::<u64>().saturating_sub(state.offset)
    }

    /// Keeps a message. When this returns, it is durable.
    pub(crate) fn push(&self, message: &Message) -> Result<(), QueueError> {
        let payload = postcard::to_stdvec(message).map_err(|err| QueueError::Unexpected(err.to_string()))?;
        let mut frame = Vec::with_capacity(HEAD_BYTES as usize + payload.len());
        frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        frame.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
        frame.extend_from_slice(&payload);
        let mut guard = self.state();
        let state = &mut *guard;
        let waiting = state.files.iter().map(|file| file.bytes).sum::<u64>().saturating_sub(state.offset);
        if payload.len() > MESSAGE_BYTES_MAX || waiting + frame.len() as u64 > self.bytes_max {
            return Err(QueueError::Full(waiting));
        }
        let Some(last) = state.files.back_mut() else { return Err(QueueError::Unexpected("no file is open".to_owned())) };
        let path = path_of(&self.dir, last.number);
        if let Err(err) = state.writing.write_all(&frame).and_then(|()| state.writing.sync_data()) {
            // What of it is there already must not stand before the next one.
            let _ = state.writing.set_len(last.bytes).and_then(|()| state.writing.seek(SeekFrom::Start(last.bytes)));
            return Err(QueueError::Io { path, source: err });
        }
        last.bytes += frame.len() as u64;
        if last.bytes >= FILE_BYTES {
            let number = last.number + 1;
            state.writing = new_file(&self.dir, number)?;
            state.files.push_back(Segment { number, bytes: 0 });
        }
        drop(guard);
        self.came.notify_one();
        Ok(())
    }

    /// The oldest message, and where it ends. What cannot be read is left out.
    pub(crate) fn peek(&self) -> Result<Option<(Message, Position)>, QueueError> {
        loop {
            let (file, offset, is_last) = {
                let state = self.state();
                let Some(first) = state.files.front().copied() else { return Ok(None) };
                (first, state.offset, state.files.len() == 1)
            };
            if offset < file.bytes {
                let path = path_of(&self.dir, file.number);
                match read_message(&path, offset) {
                    Ok((message, end)) => return Ok(Some((message, Position { number: file.number, end }))),
                    Err(err) => {
                        error!(error = %err, path = %path.display(), offset, "what waits to be passed on cannot be read; the rest of the file is left out");
                        self.pass(Position { number: file.number, end: file.bytes })?;
                    }
                }
            } else if is_last {
                return Ok(None);
            } else {
                // Passed on as a whole.
                let mut state = self.state();
                if state.files.front().is_some_and(|first| first.number == file.number) {
                    state.files.pop_front();
                    state.offset = 0;
                    let path = path_of(&self.dir, file.number);
                    if let Err(err) = fs::remove_file(&path) {
                        warn!(error = %err, path = %path.display(), "what was passed on cannot be deleted");
                    }
                }
            }
        }
    }

    /// Remembers that everything up to there was passed on.
    pub(crate) fn pass(&self, position: Position) -> Result<(), QueueError> {
        {
            let mut state = self.state();
            if state.files.front().is_some_and(|first| first.number == position.number) {
                state.offset = position.end;
            }
        }
        // Written beside and put in place: a reader sees the old one or the new one. It is not synced: after a power cut some
        // messages are passed on again.
        let (path, new) = (self.dir.join(POSITION), self.dir.join("position.new"));
        fs::write(&new, format!("{} {}\n", position.number, position.end)).at(&new)?;
        fs::rename(&new, &path).at(&path)
    }
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.queue"))
}

fn new_file(dir: &Path, number: u64) -> Result<File, QueueError> {
    let path = path_of(dir, number);
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).at(&path)?;
    File::open(dir).and_then(|dir| dir.sync_all()).at(dir)?;
    Ok(file)
}

fn read_position(dir: &Path) -> Option<(u64, u64)> {
    let text = fs::read_to_string(dir.join(POSITION)).ok()?;
    let (number, end) = text.trim().split_once(' ')?;
    Some((number.parse().ok()?, end.parse().ok()?))
}

/// How far a file has whole messages: its end may be torn.
fn whole_bytes(path: &Path) -> Result<u64, QueueError> {
    let mut file = File::open(path).at(path)?;
    let length = file.metadata().at(path)?.len();
    let mut at = 0;
    let mut head = [0; HEAD_BYTES as usize];
    while at + HEAD_BYTES <= length {
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut head)).at(path)?;
        let bytes = u64::from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
        if at + HEAD_BYTES + bytes > length {
            break;
        }
        at += HEAD_BYTES + bytes;
    }
    Ok(at)
}

fn read_message(path: &Path, offset: u64) -> Result<(Message, u64), String> {
    let text = |err: io::Error| err.to_string();
    let mut file = File::open(path).map_err(text)?;
    file.seek(SeekFrom::Start(offset)).map_err(text)?;
    let mut head = [0; HEAD_BYTES as usize];
    file.read_exact(&mut head).map_err(text)?;
    let [a, b, c, d, e, f, g, h] = head;
    let (length, checksum) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]));
    if length > MESSAGE_BYTES_MAX {
        return Err(format!("a message of {length} bytes"));
    }
    let mut payload = vec![0; length];
    file.read_exact(&mut payload).map_err(text)?;
    if crc32c::crc32c(&payload) != checksum {
        return Err("its checksum is another one".to_owned());
    }
    let message = postcard::from_bytes(&payload).map_err(|err| err.to_string())?;
    Ok((message, offset + HEAD_BYTES + length as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize, bytes: usize) -> Message {
        Message {
            path: format!("/{number}"),
            content_type: "application/json".to_owned(),
            content_encoding: String::new(),
            body: vec![number as u8; bytes],
        }
    }

    /// All there is, each passed on.
    fn drain(queue: &Queue) -> Vec<String> {
        let mut found = Vec::new();
        while let Some((message, position)) = queue.peek().unwrap() {
            found.push(message.path);
            queue.pass(position).unwrap();
        }
        found
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open(dir.path(), u64::MAX).unwrap();
        assert_eq!(queue.peek().unwrap(), None);
        for number in 0..5 {
            queue.push(&message(number, 10)).unwrap();
        }
        let (first, position) = queue.peek().unwrap().unwrap();
        assert_eq!(first, message(0, 10));
        assert_eq!(queue.peek().unwrap().unwrap().0, first, "until it is passed on");
        queue.pass(position).unwrap();
        drop(queue);
        // A later process goes on where this one was.
        let queue = Queue::open(dir.path(), u64::MAX).unwrap();
        queue.push(&message(5, 10)).unwrap();
        assert_eq!(drain(&queue), ["/1", "/2", "/3", "/4", "/5"]);
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn files_are_deleted_once_they_are_passed_on() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open(dir.path(), u64::MAX).unwrap();
        for number in 0..20 {
            queue.push(&message(number, 1024 * 1024)).unwrap();
        }
        let files = || {
            fs::read_dir(dir.path())
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|it| it == "queue"))
                .count()
        };
        assert_eq!(files(), 3);
        assert_eq!(drain(&queue).len(), 20);
        assert_eq!(files(), 1);
        drop(queue);
        assert_eq!(drain(&Queue::open(dir.path(), u64::MAX).unwrap()), [""; 0]);
    }

    #[test]
    fn a_full_buffer_says_so_and_takes_again_what_has_room() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open(dir.path(), 2_000).unwrap();
        queue.push(&message(0, 900)).unwrap();
        queue.push(&message(1, 900)).unwrap();
        assert!(matches!(queue.push(&message(2, 900)), Err(QueueError::Full(waiting)) if waiting > 1_800));
        let (_, position) = queue.peek().unwrap().unwrap();
        queue.pass(position).unwrap();
        queue.push(&message(3, 900)).unwrap();
        assert_eq!(drain(&queue), ["/1", "/3"]);
    }

    #[test]
    fn torn_and_damaged_files_cost_what_they_hit() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open(dir.path(), u64::MAX).unwrap();
        for number in 0..3 {
            queue.push(&message(number, 100)).unwrap();
        }
        let path = path_of(dir.path(), queue.state().files[0].number);
        drop(queue);
        // A torn end, as after a power cut.
        let length = fs::metadata(&path).unwrap().len();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 7).unwrap();
        let queue = Queue::open(dir.path(), u64::MAX).unwrap();
        queue.push(&message(3, 100)).unwrap();
        drop(queue);
        // A flipped bit in the second message.
        let mut bytes = fs::read(&path).unwrap();
        bytes[200] ^= 1;
        fs::write(&path, bytes).unwrap();
        let queue = Queue::open(dir.path(), u64::MAX).unwrap();
        assert_eq!(drain(&queue), ["/0", "/3"]);
    }
}
