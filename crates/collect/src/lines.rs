//! What containers and processes write: their standard output and error, line by line, from where it was read last.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use chrono::DateTime;
use model::log::LogLine;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, warn};

use crate::Sink;
use crate::client::{Body, Error, Result};
use crate::discovery::{Discovered, discover};
use crate::docker::{Engine, Inspect, Message};

/// What is given on together: so much, or what came in so long.
const BATCH_LINES: usize = 1_000;
const BATCH_BYTES: usize = 1_000_000;
const BATCH_AFTER: Duration = Duration::from_secs(1);
/// Batches that wait to be taken; engines wait beyond it.
pub(crate) const LINES_MAX: usize = 4_096;
/// The longest line; more is another one (Docker's awslogs driver).
pub const LINE_BYTES_MAX: usize = 262_144 - 26;
/// How long to wait before lines are given on again that were not taken.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Of a container that was there before and is not known, what it wrote in this time is read.
const FIRST_US: i64 = 10 * 60 * 1_000_000;
/// Drivers whose lines come by themselves, or that keep none.
const OTHER_DRIVERS: [&str; 2] = ["awslogs", "none"];
/// Says `false` of a container whose lines are not wanted.
const LABEL: &str = "mitoshi.logs";
/// Another group than that of its service: as the awslogs driver has it.
const GROUP_LABELS: [&str; 2] = ["mitoshi.log-group", "awslogs-group"];

/// Whether its lines are read.
pub(crate) fn is_read(inspect: &Inspect) -> bool {
    !OTHER_DRIVERS.contains(&inspect.host_config.log_config.kind.as_str())
        && inspect.config.labels.get(LABEL).is_none_or(|value| value != "false")
}

/// The group of a container's lines: `/cluster/service`. Its stream is its id.
pub(crate) fn group(found: &Discovered, inspect: &Inspect) -> String {
    let named = GROUP_LABELS.iter().find_map(|name| inspect.config.labels.get(*name)).filter(|name| !name.is_empty());
    group_name(&named.cloned().unwrap_or_else(|| format!("/{}/{}", found.cluster, found.service.as_ref().unwrap_or(&found.family))))
}

/// With the characters alone that names of groups have.
pub fn group_name(text: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#');
    text.chars().take(512).map(|c| if is_allowed(c) { c } else { '-' }).collect()
}

/// Follows the lines of the containers that engines tell of.
pub(crate) struct Tails<S> {
    cluster: String,
    sink: S,
    lines: Sender<LogLine>,
    known: HashMap<String, Tail>,
    now_us: fn() -> i64,
}

struct Tail {
    /// When the container began whose lines these are: it may begin again.
    started_at: String,
    following: JoinHandle<()>,
}

impl<S: Sink + Clone> Tails<S> {
    pub(crate) fn new(cluster: String, sink: S, lines: Sender<LogLine>) -> Tails<S> {
        let now_us = || model::Clock::now_us(&model::SystemClock);
        Tails { cluster, sink, lines, known: HashMap::new(), now_us }
    }

    pub(crate) fn see(&mut self, message: &Message) {
        match message {
            Message::All(socket, all) => {
                all.iter().for_each(|inspect| self.see_one(socket, inspect));
                // Those that are gone are forgotten once all of them was read.
                self.known.retain(|id, tail| !tail.following.is_finished() || all.iter().any(|inspect| inspect.id == *id));
            }
            Message::Happened(socket, _, Some(inspect)) => self.see_one(socket, inspect),
            Message::Happened(_, _, None) => {}
        }
    }

    fn see_one(&mut self, socket: &Path, inspect: &Inspect) {
        // One that never began has none.
        if time_us(&inspect.state.started_at).is_none() || !is_read(inspect) {
            return;
        }
        let is_known = self.known.get(&inspect.id).is_some_and(|tail| {
            let is_over = tail.following.is_finished();
            !is_over || (tail.started_at == inspect.state.started_at && !inspect.state.running)
        });
        if is_known {
            return;
        }
        let is_first = !self.known.contains_key(&inspect.id);
        // The first lines may be there before the engine says that it began.
        let made_us = time_us(&inspect.created).unwrap_or(0);
        // What ended before anybody looked is history.
        if is_first
            && !inspect.state.running
            && time_us(&inspect.state.finished_at).is_some_and(|ended| ended < (self.now_us)() - FIRST_US)
        {
            return;
        }
        let found = discover(inspect, &self.cluster);
        let tail = One {
            engine: Engine::new(socket.to_owned()),
            id: inspect.id.clone(),
            group: group(&found, inspect),
            has_terminal: inspect.config.tty,
            since_us: made_us.max((self.now_us)() - FIRST_US) - 1,
        };
        let following = tokio::spawn(tail.follow(self.sink.clone(), self.lines.clone()));
        self.known.insert(inspect.id.clone(), Tail { started_at: inspect.state.started_at.clone(), following });
    }
}

/// The lines of one container.
struct One {
    engine: Engine,
    id: String,
    group: String,
    has_terminal: bool,
    since_us: i64,
}

impl One {
    async fn follow(self, sink: impl Sink, lines: Sender<LogLine>) {
        // Where it was read last.
        let mut last_us = sink.last_line(&self.group, &self.id).await.unwrap_or(self.since_us).max(self.since_us);
        let mut wait = RETRY_AFTER;
        loop {
            match self.read(&mut last_us, &lines).await {
                // Its end, or nobody wants them any more.
                Ok(()) | Err(Error::Refused(..)) => return,
                Err(err) => debug!(container = self.id, error = %err, "its lines cannot be read; tried again"),
            }
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    async fn read(&self, last_us: &mut i64, lines: &Sender<LogLine>) -> Result<()> {
        let since = *last_us;
        let (secs, nanos) = (since.div_euclid(1_000_000), since.rem_euclid(1_000_000) * 1_000);
        let path = format!("/containers/{}/logs?follow=1&stdout=1&stderr=1&timestamps=1&since={secs}.{nanos:09}", self.id);
        let mut body = self.engine.body(&path).await?;
        let mut streams: [BytesMut; 2] = Default::default();
        let mut give = |line: &[u8]| -> Option<LogLine> {
            let (time_us, text) = stamped(line)?;
            if time_us <= since || text.is_empty() {
                return None;
            }
            *last_us = time_us.max(*last_us);
            Some(LogLine { group: self.group.clone(), stream: self.id.clone(), time_us, message: text })
        };
        while let Some((stream, data)) = self.piece(&mut body).await? {
            let buffer = &mut streams[stream];
            buffer.extend_from_slice(&data);
            while let Some(line) = split_line(buffer) {
                if let Some(line) = give(&line)
                    && lines.send(line).await.is_err()
                {
                    return Ok(());
                }
            }
        }
        // The last line may have no end.
        for buffer in &streams {
            if let Some(line) = give(buffer) {
                let _ = lines.send(line).await;
            }
        }
        Ok(())
    }

    /// A piece of standard output, 0, or error, 1. None at the end.
    async fn piece(&self, body: &mut Body) -> Result<Option<(usize, Bytes)>> {
        if self.has_terminal {
            return Ok(body.some().await?.map(|data| (0, data)));
        }
        let Some(mut head) = body.exactly(8).await? else { return Ok(None) };
        let stream = usize::from(head.get_u8() == 2);
        head.advance(3);
        let length = head.get_u32() as usize;
        Ok(body.exactly(length).await?.map(|data| (stream, data)))
    }
}

/// A line that is whole, without its end; or as much of one as there may be.
pub fn split_line(buffer: &mut BytesMut) -> Option<Bytes> {
    match buffer.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let mut line = buffer.split_to(end + 1);
            line.truncate(line.trim_ascii_end().len());
            Some(line.freeze())
        }
        None if buffer.len() > LINE_BYTES_MAX => Some(buffer.split_to(LINE_BYTES_MAX).freeze()),
        None => None,
    }
}

/// The time that an engine writes before a line, and the line.
fn stamped(line: &[u8]) -> Option<(i64, String)> {
    let text = String::from_utf8_lossy(line);
    let (time, text) = text.split_once(' ')?;
    Some((time_us(time)?, text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// None where it says that it never was.
fn time_us(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros()).filter(|time_us| *time_us > 0)
}

/// Gives lines on in batches, until no more come. What is not taken is given on again: whoever writes waits.
pub async fn give_on(mut lines: Receiver<LogLine>, sink: impl Sink) {
    while let Some(first) = lines.recv().await {
        let until = Instant::now() + BATCH_AFTER;
        let mut bytes = first.message.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_LINES
            && bytes < BATCH_BYTES
            && let Ok(Some(line)) = timeout_at(until, lines.recv()).await
        {
            bytes += line.message.len();
            batch.push(line);
        }
        let mut wait = RETRY_AFTER;
        while let Err(err) = sink.take_lines(&batch).await {
            if wait == RETRY_AFTER {
                warn!(error = %err, "lines of containers cannot be kept; tried again");
            }
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_at_their_ends_and_at_the_most_they_may_have() {
        let mut buffer = BytesMut::from(&b"one\r\ntwo\n\nrest"[..]);
        let found: Vec<Bytes> = std::iter::from_fn(|| split_line(&mut buffer)).collect();
        assert_eq!(found, ["one", "two", ""]);
        assert_eq!(&buffer[..], b"rest");
        let mut long = BytesMut::from(&vec![b'x'; LINE_BYTES_MAX + 10][..]);
        assert_eq!(split_line(&mut long).map(|line| line.len()), Some(LINE_BYTES_MAX));
        assert_eq!((split_line(&mut long), long.len()), (None, 10));
    }

    #[test]
    fn engines_say_when_a_line_was_written() {
        let (time_us, text) = stamped(b"2026-11-28T11:50:00.123456789Z hello  world").unwrap();
        assert_eq!((time_us % 1_000_000, text.as_str()), (123_456, "hello  world"));
        assert_eq!(stamped(b"no time"), None);
        assert_eq!(group_name("/a b/c:d"), "/a-b/c-d");
    }
}
