//! From memory to parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::TraceId;
use model::digest::{TraceDigest, day_of};
use tracing::info;

use crate::catalog::{PartChange, PartRow};
use crate::error::{Error, Result};
use crate::memtable::Memtable;
use crate::part::{self, Part};
use crate::reader::older_documents;
use crate::table::{segment, trace};
use crate::{Store, read, write};

impl Store {
    /// Writes what is in memory to parts and frees the log. Returns how many documents were written. After a failure everything
    /// is as it was, and the next call tries again.
    pub async fn flush(&self) -> Result<usize> {
        let _maintenance = self.inner.maintenance.lock().await;
        let (memtable, parts) = {
            let mut state = write(&self.inner.state);
            if state.flushing.is_none() && state.active.documents > 0 {
                state.flushing = Some(Arc::new(std::mem::take(&mut state.active)));
            }
            match &state.flushing {
                Some(flushing) => (flushing.clone(), state.parts.clone()),
                None => return Ok(0),
            }
        };
        let documents = memtable.documents;
        let began_us = self.inner.clock.now_us();
        let checkpoint = memtable.last_sequence;
        // More than there will be: the number of days is known only once every trace is digested.
        let first_id = self.inner.catalog.reserve_part_ids(memtable.traces.len() as i64).await?;
        let dir = self.inner.options.dir.clone();
        let now_us = self.inner.clock.now_us();
        let built = {
            let (dir, parts) = (dir.clone(), parts.clone());
            tokio::task::spawn_blocking(move || build(&dir, first_id, &memtable, &parts, now_us))
                .await
                .map_err(|_| Error::Panicked("writing parts"))?
        };
        let (rows, supersede) = built?;
        let change =
            PartChange { add: rows.clone(), remove: Vec::new(), supersede: supersede.clone(), checkpoint: Some(checkpoint) };
        self.inner.catalog.change_parts(&change).await?;
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
            parts.extend(rows.into_iter().map(|row| Part::new(&dir, row, Default::default())));
            state.parts = Arc::new(parts);
            state.flushing = None;
        }
        self.inner.drained.notify_waiters();
        let wal = self.inner.wal.lock().await.clone();
        if let Some(wal) = wal {
            wal.release(checkpoint)?;
        }
        info!(documents, millis = (self.inner.clock.now_us() - began_us) / 1_000, "flushed");
        Ok(documents)
    }

    /// Memory that waits to be flushed, in bytes.
    pub fn memory_bytes(&self) -> usize {
        read(&self.inner.state).memory_bytes()
    }
}

/// Rows of the trace table, by part, that newer ones replace.
type Superseded = Vec<(i64, TraceId)>;

/// Traces of one day, on their way into a part.
type Day<'m> = Vec<(TraceId, &'m Arc<crate::memtable::MemTrace>, Arc<TraceDigest>)>;

/// Writes one part for each day that the memtable has traces of.
fn build(
    dir: &std::path::Path,
    first_id: i64,
    memtable: &Memtable,
    parts: &[Part],
    now_us: i64,
) -> Result<(Vec<PartRow>, Superseded)> {
    let today = day_of(now_us);
    let mut days: BTreeMap<i64, Day<'_>> = BTreeMap::new();
    let mut supersede = Vec::new();
    for (&id, mem_trace) in &memtable.traces {
        // Documents of this trace that are already in parts make their digests there out of date.
        let mut holders = Vec::new();
        for part in parts {
            if part.contains(id)? {
                holders.push(part);
            }
        }
        supersede.extend(holders.iter().filter(|part| !part.superseded.contains(&id)).map(|part| (part.row.id, id)));
        let digest = mem_trace.digest(id, || older_documents(holders, id))?;
        days.entry(label(day_of(digest.time_us), today)).or_default().push((id, mem_trace, digest));
    }
    gather(&mut days);
    let mut rows = Vec::new();
    for ((day, mut traces), part_id) in days.into_iter().zip(first_id..) {
        traces.sort_by_key(|(id, _, _)| *id);
        let mut documents = traces.iter().flat_map(|(id, trace, _)| {
            trace
                .documents
                .iter()
                .map(|document| Ok(segment::Row { trace_id: *id, sequence: document.sequence, document: document.raw.clone() }))
        });
        let path = part::segment_path(dir, part_id);
        let (segment_bytes, segment_rows) = segment::write(&path, &mut documents, traces.len() as u64)?;
        drop(documents);
        traces.sort_by_key(|(_, _, digest)| std::cmp::Reverse(trace::key(digest)));
        let mut digests = traces.iter().map(|(_, _, digest)| Ok(digest.clone()));
        let (trace_bytes, span) = trace::write(&part::trace_path(dir, part_id), &mut digests)?;
        rows.push(part_row(part_id, day, segment_rows, segment_bytes + trace_bytes, span, now_us));
    }
    Ok((rows, supersede))
}

/// Clocks that are wrong must not make a part, with its files, for each day they name: beyond a month's worth, days are put
/// together with their neighbours, the oldest first. The day of a part only says what it is merged with.
fn gather(days: &mut BTreeMap<i64, Day<'_>>) {
    while days.len() > DAYS_PER_FLUSH {
        if let (Some((_, oldest)), Some(mut next)) = (days.pop_first(), days.first_entry()) {
            next.get_mut().extend(oldest);
        }
    }
}

/// Parts that one flush writes at most.
const DAYS_PER_FLUSH: usize = 32;
/// Older days are put together, as are those after tomorrow.
const DAYS_BACK: i64 = 400;

/// The day that stands for this one. Traces arrive on their day, and those that come late are few: they go together by week,
/// and by four weeks when they are months late.
fn label(day: i64, today: i64) -> i64 {
    let day = day.clamp(today - DAYS_BACK, today + 1);
    match today - day {
        ..=7 => day,
        8..=60 => day - day.rem_euclid(7),
        _ => day - day.rem_euclid(28),
    }
}

pub(crate) fn part_row(id: i64, day: i64, segment_rows: u64, bytes: u64, span: trace::Span, now_us: i64) -> PartRow {
    PartRow {
        id,
        day,
        segment_rows: segment_rows as i64,
        trace_rows: span.rows as i64,
        bytes: bytes as i64,
        min_time_us: span.min_time_us,
        max_time_us: span.max_time_us,
        min_start_us: span.min_start_us,
        max_end_us: span.max_end_us,
        created_us: now_us,
    }
}
