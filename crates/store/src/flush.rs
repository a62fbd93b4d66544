//! From memory to parts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::digest::{TraceDigest, day_of};
use model::minute::Minutes;
use model::{Segment, TraceId};
use tracing::info;

use crate::catalog::{NewPart, PartChange};
use crate::error::{Error, Result};
use crate::filter::PartFilter;
use crate::memtable::{MemTrace, Memtable};
use crate::part::{self, Part};
use crate::reader::older_documents;
use crate::rows::part::RowPart;
use crate::rows::{self, RowTable};
use crate::table::minute;
use crate::table::segment::{SegmentWriter, SegmentsWritten};
use crate::table::trace::{self, KeyCounts, TraceWriter, TracesWritten};
use crate::{Store, read, write};

impl Store {
    /// Writes what is in memory to parts and frees the log. Returns how many documents and rows were written. After a failure everything
    /// is as it was, and the next call tries again.
    pub async fn flush(&self) -> Result<usize> {
        let _maintenance = self.inner.maintenance.lock().await;
        let (memtable, parts) = {
            let mut state = write(&self.inner.state);
            if state.flushing.is_none() && !state.active.is_empty() {
                state.flushing = Some(Arc::new(std::mem::take(&mut state.active)));
            }
            match &state.flushing {
                Some(flushing) => (flushing.clone(), state.parts.clone()),
                None => return Ok(0),
            }
        };
        let documents = memtable.documents;
        let rows: usize = memtable.rows.values().flat_map(|batches| batches.iter()).map(|batch| batch.num_rows()).sum();
        let began_us = self.inner.clock.now_us();
        let checkpoint = memtable.last_sequence;
        // As many as there can be: the number of days is known only once every trace is digested.
        let ids = memtable.traces.len().min(DAYS_PER_FLUSH) + memtable.rows.len() * DAYS_PER_FLUSH;
        let first_id = self.inner.catalog.reserve_part_ids(ids as i64).await?;
        let dir = self.inner.options.dir.clone();
        let now_us = self.inner.clock.now_us();
        let built = {
            let (dir, parts) = (dir.clone(), parts.clone());
            tokio::task::spawn_blocking(move || build(&dir, first_id, &memtable, &parts, now_us))
                .await
                .map_err(|_| Error::Panicked("writing parts"))?
        };
        let (added, supersede) = built?;
        let change = PartChange { add: added, supersede, checkpoint: Some(checkpoint), ..PartChange::default() };
        self.inner.catalog.change_parts(&change).await?;
        let PartChange { add: added, supersede, .. } = change;
        {
            let mut state = write(&self.inner.state);
            let mut by_part: BTreeMap<i64, Vec<TraceId>> = BTreeMap::new();
            for (part, id) in supersede {
                by_part.entry(part).or_default().push(id);
            }
            let mut parts: Vec<Part> = state
                .parts
                .iter()
                .map(|part| match by_part.remove(&part.row.id) {
                    Some(ids) => part.superseding(ids),
                    None => part.clone(),
                })
                .collect();
            let (added, of_rows): (Vec<_>, Vec<_>) = added.into_iter().partition(|part| part.row.family == part::SEGMENT);
            let of_rows = of_rows.into_iter().filter_map(|new| RowPart::new(&dir, new, &self.inner.cache));
            state.row_parts = Arc::new(state.row_parts.iter().cloned().chain(of_rows).collect());
            parts.extend(added.into_iter().map(|new| Part::new(&dir, new, Default::default(), &self.inner.cache)));
            state.parts = Arc::new(parts);
            if let Some(flushed) = state.flushing.take() {
                state.active.forget_digests(&flushed);
            }
        }
        self.inner.drained.notify_waiters();
        let wal = self.inner.wal.lock().await.clone();
        if let Some(wal) = wal {
            wal.release(checkpoint)?;
        }
        info!(documents, rows, millis = (self.inner.clock.now_us() - began_us) / 1_000, "flushed");
        Ok(documents + rows)
    }

    /// Memory that waits to be flushed, in bytes.
    pub fn memory_bytes(&self) -> usize {
        read(&self.inner.state).memory_bytes()
    }
}

/// Rows of the trace table, by part, that newer ones replace.
type Superseded = Vec<(i64, TraceId)>;

/// Parts that are being written, one for each day. Traces come in the order of their ids.
pub(crate) struct Days<'d> {
    dir: &'d Path,
    next_id: i64,
    /// A part that has as many documents is completed, and the next of its day begun.
    documents_max: u64,
    now_us: i64,
    days: BTreeMap<i64, Day>,
    written: Vec<NewPart>,
}

/// A part that is being written: segments as they come, what is derived of them at its end.
struct Day {
    id: i64,
    segments: SegmentWriter,
    documents: u64,
    digests: Vec<TraceDigest>,
    keys: KeyCounts,
    minutes: Minutes,
}

impl Days<'_> {
    pub(crate) fn new(dir: &Path, first_id: i64, documents_max: u64, now_us: i64) -> Days<'_> {
        Days { dir, next_id: first_id, documents_max, now_us, days: BTreeMap::new(), written: Vec::new() }
    }

    /// Adds a trace: these of its documents, and its digest. `replaced` is the one that counted so far, in an older part.
    pub(crate) fn add<'s>(
        &mut self,
        documents: &'s [(u64, Segment<'s>)],
        digest: TraceDigest,
        replaced: Option<&TraceDigest>,
    ) -> Result<()> {
        let label = self.room(label(day_of(digest.time_us), day_of(self.now_us)));
        if !self.days.contains_key(&label) {
            let segments = SegmentWriter::create(&part::paths(self.dir, self.next_id)[0])?;
            let day = Day {
                id: self.next_id,
                segments,
                documents: 0,
                digests: Vec::new(),
                keys: KeyCounts::default(),
                minutes: Minutes::default(),
            };
            self.days.insert(label, day);
            self.next_id += 1;
        }
        let Some(day) = self.days.get_mut(&label) else { return Ok(()) };
        for (sequence, segment) in documents {
            day.segments.append(digest.id, *sequence, segment)?;
        }
        day.documents += documents.len() as u64;
        day.keys.add(&digest);
        day.minutes.add(&digest);
        if let Some(replaced) = replaced {
            day.minutes.subtract(replaced);
        }
        day.digests.push(digest);
        if day.documents >= self.documents_max
            && let Some(day) = self.days.remove(&label)
        {
            self.complete(label, day)?;
        }
        Ok(())
    }

    /// The day to file under. Clocks that are wrong must not make a part, with its files, for each day they name: beyond a
    /// month's worth, days go with their neighbours. The day of a part only says what it is merged with.
    fn room(&self, label: i64) -> i64 {
        if self.days.len() < DAYS_PER_FLUSH {
            return label;
        }
        let near = self.days.range(..=label).next_back().or_else(|| self.days.iter().next());
        near.map_or(label, |(known, _)| *known)
    }

    fn complete(&mut self, label: i64, day: Day) -> Result<()> {
        let Day { id, segments, mut digests, keys, mut minutes, .. } = day;
        minutes.settle(self.now_us);
        let SegmentsWritten { file: segments, documents, traces: ids } = segments.finish()?;
        digests.sort_unstable_by_key(|digest| std::cmp::Reverse(trace::key(digest)));
        let [_, trace_path, visit_path, minute_path] = part::paths(self.dir, id);
        let mut writer = TraceWriter::create(&trace_path, &visit_path, keys.hot())?;
        for digest in &digests {
            writer.append(digest)?;
        }
        let TracesWritten { traces, visits, span, groups } = writer.finish()?;
        let (sums, span) = (minute::write(&minute_path, &minutes)?, span.with(minute::span(&minutes)));
        let filter = PartFilter::new(&ids, groups);
        self.written.push(NewPart::new(id, label, documents, [segments, traces, visits, sums], filter, span, self.now_us));
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Vec<NewPart>> {
        while let Some((label, day)) = self.days.pop_first() {
            self.complete(label, day)?;
        }
        Ok(self.written)
    }
}

/// Writes one part for each day that the memtable has traces of, and so for each table of rows.
fn build(dir: &Path, first_id: i64, memtable: &Memtable, parts: &[Part], now_us: i64) -> Result<(Vec<NewPart>, Superseded)> {
    let mut days = Days::new(dir, first_id, u64::MAX, now_us);
    let mut supersede = Vec::new();
    let mut traces: Vec<(&TraceId, &Arc<MemTrace>)> = memtable.traces.iter().collect();
    traces.sort_unstable_by_key(|(id, _)| **id);
    for (&id, mem_trace) in traces {
        // Documents of this trace that are already in parts make their digests there out of date.
        let mut holders = Vec::new();
        for part in parts {
            if part.contains(id)? {
                holders.push(part);
            }
        }
        supersede.extend(holders.iter().filter(|part| !part.superseded.contains(&id)).map(|part| (part.row.id, id)));
        let documents: Vec<(u64, Segment<'_>)> = mem_trace.segments().collect();
        let (digest, replaced) = if holders.is_empty() {
            (crate::digest(id, documents.iter().map(|(_, segment)| segment)), None)
        } else {
            let mut all = older_documents(holders, id)?;
            let replaced = crate::digest(id, &all.segments());
            mem_trace.read(&mut all);
            (crate::digest(id, &all.segments()), Some(replaced))
        };
        days.add(&documents, digest, replaced.as_ref())?;
    }
    let mut written = days.finish()?;
    let mut next_id = first_id + memtable.traces.len().min(DAYS_PER_FLUSH) as i64;
    for (name, batches) in &memtable.rows {
        let Some(table) = RowTable::named(name) else { continue };
        written.extend(rows::part::write_all(dir, next_id, table, batches, memtable.last_sequence, now_us)?);
        next_id += DAYS_PER_FLUSH as i64;
    }
    Ok((written, supersede))
}

/// Parts that one flush writes at most.
pub(crate) const DAYS_PER_FLUSH: usize = 32;
/// Older days are put together, as are those after tomorrow.
const DAYS_BACK: i64 = 400;

/// The day that stands for this one. Traces arrive on their day, and those that come late are few: they go together by week,
/// and by four weeks when they are months late.
pub(crate) fn label(day: i64, today: i64) -> i64 {
    let day = day.clamp(today - DAYS_BACK, today + 1);
    match today - day {
        ..=7 => day,
        8..=60 => day - day.rem_euclid(7),
        _ => day - day.rem_euclid(28),
    }
}
