//! Few large parts instead of many small ones, and none that are too old.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use model::TraceId;
use model::digest::TraceDigest;
use model::minute::Minutes;
use model::time::DAY_US;
use tracing::info;

use crate::catalog::{NewPart, PartChange, PartRow};
use crate::error::{Error, Result};
use crate::filter::PartFilter;
use crate::part::{self, Part};
use crate::rows::part::{Origin, RowPart};
use crate::rows::{self, Retention, RowTable};
use crate::scan::{Prefilter, ScanRange};
use crate::table::segment::SegmentsWritten;
use crate::table::trace::{self, Candidate, KeyCounts, TraceWriter, TracesWritten};
use crate::table::{minute, segment};
use crate::{Store, read, write};

/// Parts of one size class that are merged together.
const FAN_IN: usize = 8;
/// Parts at least this large are left alone.
const PART_ROWS_MAX: i64 = 2_000_000;

impl Store {
    /// Merges parts where enough small ones of one day have gathered. Returns whether it did; call again until it did not.
    pub async fn compact(&self) -> Result<bool> {
        let Some(inputs) = choose(&read(&self.inner.state).parts, |part| (&part.row, part.files.damage().is_some())) else {
            return self.compact_rows().await;
        };
        let output_id = self.inner.catalog.reserve_part_ids(1).await?;
        let dir = self.inner.options.dir.clone();
        let now_us = self.inner.clock.now_us();
        let merged_part = {
            let (dir, inputs) = (dir.clone(), inputs.clone());
            tokio::task::spawn_blocking(move || merge(&dir, output_id, &inputs, now_us))
                .await
                .map_err(|_| Error::Panicked("merging parts"))??
        };
        let _maintenance = self.inner.maintenance.lock().await;
        let merged: HashSet<i64> = inputs.iter().map(|part| part.row.id).collect();
        // A flush may have superseded traces of the inputs meanwhile; the output inherits that.
        let mut late: HashSet<TraceId> = HashSet::new();
        {
            let state = read(&self.inner.state);
            for input in &inputs {
                let Some(now) = state.parts.iter().find(|part| part.row.id == input.row.id) else {
                    // Retention took an input away: the merge is void, and its files are swept at the next start.
                    return Ok(false);
                };
                late.extend(now.superseded.difference(&input.superseded));
            }
        }
        let change = PartChange {
            add: vec![merged_part.clone()],
            remove: merged.iter().copied().collect(),
            supersede: late.iter().map(|&id| (output_id, id)).collect(),
            ..PartChange::default()
        };
        self.inner.catalog.change_parts(&change).await?;
        let segment_rows = merged_part.row.segment_rows;
        self.replace(&merged, Some(Part::new(&dir, merged_part, late, &self.inner.cache)));
        info!(parts = merged.len(), segment_rows, millis = (self.inner.clock.now_us() - now_us) / 1_000, "compacted");
        Ok(true)
    }

    /// So for tables of rows.
    async fn compact_rows(&self) -> Result<bool> {
        let all = read(&self.inner.state).row_parts.clone();
        let of = |table: &'static RowTable| {
            let parts: Vec<RowPart> = all.iter().filter(|part| part.table.name == table.name).cloned().collect();
            choose(&parts, |part| (&part.row, part.files.damage().is_some()))
        };
        let inputs = match rows::TABLES.into_iter().find_map(of).or_else(|| self.due_roll_up(&all)) {
            Some(inputs) => inputs,
            None => match self.due_log_removal(&all).await? {
                Some(part) => vec![part],
                None => return Ok(false),
            },
        };
        let policy = read(&self.inner.log_policy).clone();
        let output_id = self.inner.catalog.reserve_part_ids(1).await?;
        let dir = self.inner.options.dir.clone();
        let now_us = self.inner.clock.now_us();
        let merged_part = {
            let (dir, inputs, resolution) = (dir.clone(), inputs.clone(), self.inner.options.metric_resolution);
            tokio::task::spawn_blocking(move || rows::merge::merge(&dir, output_id, &inputs, resolution, &policy, now_us))
                .await
                .map_err(|_| Error::Panicked("merging parts"))??
        };
        let _maintenance = self.inner.maintenance.lock().await;
        let merged: HashSet<i64> = inputs.iter().map(|part| part.row.id).collect();
        let still = read(&self.inner.state).row_parts.iter().filter(|part| merged.contains(&part.row.id)).count();
        if still < merged.len() {
            // Retention took an input away: the merge is void, and its file is swept at the next start.
            return Ok(false);
        }
        let rows = merged_part.row.segment_rows;
        let remove = merged.iter().copied().collect();
        if rows == 0 {
            // Nothing of it is kept. Its empty file is swept at the next start, if it cannot be removed now.
            self.inner.catalog.change_parts(&PartChange { remove, ..PartChange::default() }).await?;
            self.replace_rows(&merged, None);
            let _ = std::fs::remove_file(part::path(&dir, inputs[0].table.name, output_id));
        } else {
            let change = PartChange { add: vec![merged_part.clone()], remove, ..PartChange::default() };
            self.inner.catalog.change_parts(&change).await?;
            self.replace_rows(&merged, RowPart::new(&dir, merged_part, &self.inner.cache));
        }
        info!(parts = merged.len(), rows, millis = (self.inner.clock.now_us() - now_us) / 1_000, "compacted");
        Ok(true)
    }

    /// A part whose rows are all so old that they should be of a longer period.
    fn due_roll_up(&self, parts: &[RowPart]) -> Option<Vec<RowPart>> {
        let (resolution, now_us) = (self.inner.options.metric_resolution, self.inner.clock.now_us());
        let is_due = |part: &&RowPart| {
            let Some(roll_up) = part.table.roll_up else { return false };
            let due = (roll_up.due)(resolution, now_us.saturating_sub(part.row.max_time_us));
            // A part that cannot be read is found out by those who ask it.
            due > 1 && part.files.damage().is_none() && part.files.rows().is_ok_and(|file| Origin::of(&file).finest < due)
        };
        parts.iter().find(is_due).map(|part| vec![part.clone()])
    }

    /// Removes parts of which everything is older than the retention time. Returns how many.
    pub async fn retain(&self) -> Result<usize> {
        Ok(self.retain_traces().await? + self.retain_rows().await?)
    }

    async fn retain_rows(&self) -> Result<usize> {
        let options = &self.inner.options;
        let _maintenance = self.inner.maintenance.lock().await;
        let now_us = self.inner.clock.now_us();
        let is_old = |part: &&RowPart| {
            let days = match part.table.retention {
                Retention::Metrics => options.metric_retention_days,
                Retention::Logs => read(&self.inner.log_policy).days_max(),
            };
            let oldest_us = now_us.saturating_sub(i64::from(days).saturating_mul(DAY_US));
            days > 0 && part.row.max_time_us.min(part.row.created_us) < oldest_us
        };
        let old: HashSet<i64> = read(&self.inner.state).row_parts.iter().filter(is_old).map(|part| part.row.id).collect();
        if old.is_empty() {
            return Ok(0);
        }
        self.inner.catalog.change_parts(&PartChange { remove: old.iter().copied().collect(), ..PartChange::default() }).await?;
        self.replace_rows(&old, None);
        self.inner.cache.sweep_metric_ids();
        info!(parts = old.len(), "removed parts past retention");
        Ok(old.len())
    }

    async fn retain_traces(&self) -> Result<usize> {
        let days = self.inner.options.retention_days;
        if days == 0 {
            return Ok(0);
        }
        let _maintenance = self.inner.maintenance.lock().await;
        let oldest_us = self.inner.clock.now_us().saturating_sub(i64::from(days).saturating_mul(DAY_US));
        // Traces that claim to be of the future are as old as their part.
        let age = |part: &Part| part.row.max_time_us.min(part.row.created_us);
        let (old, exact_from_us) = {
            let state = read(&self.inner.state);
            let old: Vec<&Part> = state.parts.iter().filter(|part| age(part) < oldest_us).collect();
            let exact_from_us = old.iter().map(|part| gone_until_us(part)).fold(state.exact_from_us, i64::max);
            (old.into_iter().map(|part| part.row.id).collect::<HashSet<i64>>(), exact_from_us)
        };
        if old.is_empty() {
            return Ok(0);
        }
        let change =
            PartChange { remove: old.iter().copied().collect(), exact_from_us: Some(exact_from_us), ..PartChange::default() };
        self.inner.catalog.change_parts(&change).await?;
        self.replace(&old, None);
        write(&self.inner.state).exact_from_us = exact_from_us;
        info!(parts = old.len(), "removed parts past retention");
        Ok(old.len())
    }

    /// Takes parts that were found unreadable out of the catalog's answers, and remembers why.
    pub async fn set_damaged_aside(&self) -> Result<usize> {
        let _maintenance = self.inner.maintenance.lock().await;
        let (damaged, mut exact_from_us) = {
            let state = read(&self.inner.state);
            let damaged = state
                .parts
                .iter()
                .filter_map(|part| part.files.damage().map(|why| (part.row.id, gone_until_us(part), why.to_owned())));
            // Where rows are missing, sums of requests are not.
            let of_rows = state.row_parts.iter().filter_map(|part| Some((part.row.id, i64::MIN, part.files.damage()?.to_owned())));
            (damaged.chain(of_rows).collect::<Vec<_>>(), state.exact_from_us)
        };
        for (id, until_us, why) in &damaged {
            exact_from_us = exact_from_us.max(*until_us);
            self.inner.catalog.mark_damaged(*id, why, exact_from_us).await?;
            write(&self.inner.state).exact_from_us = exact_from_us;
        }
        Ok(damaged.len())
    }

    fn replace_rows(&self, remove: &HashSet<i64>, add: Option<RowPart>) {
        let mut state = write(&self.inner.state);
        let (gone, kept): (Vec<RowPart>, Vec<RowPart>) =
            state.row_parts.iter().cloned().partition(|part| remove.contains(&part.row.id));
        gone.iter().for_each(|part| part.files.remove());
        state.row_parts = Arc::new(kept.into_iter().chain(add).collect());
    }

    pub(crate) fn replace(&self, remove: &HashSet<i64>, add: impl IntoIterator<Item = Part>) {
        let mut state = write(&self.inner.state);
        let mut parts: Vec<Part> = Vec::with_capacity(state.parts.len());
        for part in state.parts.iter() {
            if remove.contains(&part.row.id) {
                part.files.remove();
            } else {
                parts.push(part.clone());
            }
        }
        parts.extend(add);
        state.parts = Arc::new(parts);
    }
}

/// When nothing of a part that goes was under way any more, so that sums of later minutes do not miss it. What claims to be of the
/// future is not waited for.
fn gone_until_us(part: &Part) -> i64 {
    part.row.max_end_us.min(part.row.created_us.saturating_add(DAY_US))
}

/// The parts to merge next: of one day and one size class, the smallest class first. `of` says what the catalog has of a part, and
/// whether it is damaged.
fn choose<P: Clone>(parts: &[P], of: impl Fn(&P) -> (&PartRow, bool)) -> Option<Vec<P>> {
    let mut classes: BTreeMap<(u32, Reverse<i64>), Vec<&P>> = BTreeMap::new();
    for part in parts {
        let (row, is_damaged) = of(part);
        if row.segment_rows >= PART_ROWS_MAX || is_damaged {
            continue;
        }
        // Classes by powers of eight.
        let class = (64 - (row.segment_rows.max(1) as u64).leading_zeros()) / 3;
        classes.entry((class, Reverse(row.day))).or_default().push(part);
    }
    let parts = classes.into_values().find(|parts| parts.len() >= FAN_IN)?;
    Some(parts.into_iter().take(4 * FAN_IN).cloned().collect())
}

/// Writes one part with the content of all.
fn merge(dir: &Path, id: i64, inputs: &[Part], now_us: i64) -> Result<NewPart> {
    let files = inputs.iter().map(|part| part.files.segment()).collect::<Result<Vec<_>>>()?;
    let [segment_path, trace_path, visit_path, minute_path] = part::paths(dir, id);
    let SegmentsWritten { file: segments, documents, traces: ids } = segment::merge(&segment_path, &files)?;

    let mut streams = inputs
        .iter()
        .map(|part| DigestStream { part, group: 0, candidates: Vec::new(), waiting: VecDeque::new() })
        .collect::<Vec<_>>();
    let mut heap: BinaryHeap<(trace::RowKey, usize)> = BinaryHeap::new();
    for (index, stream) in streams.iter_mut().enumerate() {
        if let Some(key) = stream.peek()? {
            heap.push((key, index));
        }
    }
    let mut keys = KeyCounts::default();
    for input in inputs {
        keys.merge(input.files.trace()?.keys());
    }
    let mut writer = TraceWriter::create(&trace_path, &visit_path, keys.hot())?;
    while let Some((_, index)) = heap.pop() {
        if let Some(digest) = streams[index].waiting.pop_front() {
            writer.append(&digest)?;
        }
        if let Some(key) = streams[index].peek()? {
            heap.push((key, index));
        }
    }
    let TracesWritten { traces, visits, span, groups } = writer.finish()?;
    let mut minutes = Minutes::default();
    for input in inputs {
        input.files.minute()?.merge_into(&mut minutes)?;
    }
    minutes.settle(now_us);
    let (sums, span) = (minute::write(&minute_path, &minutes)?, span.with(minute::span(&minutes)));
    let filter = PartFilter::new(&ids, groups);
    Ok(NewPart::new(id, inputs[0].row.day, documents, [segments, traces, visits, sums], filter, span, now_us))
}

/// Digests of one input that wait to be written: of a few pages, as there may be 32 inputs.
const DIGESTS_AHEAD: usize = 1_024;

/// The digests of a part that still count, newest first.
struct DigestStream<'p> {
    part: &'p Part,
    /// The row group to look at next, and what is left of the one before it.
    group: usize,
    candidates: Vec<Candidate>,
    waiting: VecDeque<TraceDigest>,
}

impl DigestStream<'_> {
    fn peek(&mut self) -> Result<Option<trace::RowKey>> {
        let file = self.part.files.trace()?;
        let everything = ScanRange::Time { from_us: i64::MIN, to_us: i64::MAX };
        while self.waiting.is_empty() {
            if self.candidates.is_empty() {
                if self.group == file.groups() {
                    return Ok(None);
                }
                let end = (i64::MAX, TraceId([0xff; 16]));
                (self.candidates, _) = file.candidates(self.group, &everything, &Prefilter::Anything, end)?;
                self.candidates.retain(|candidate| !self.part.superseded.contains(&candidate.key.1));
                self.group += 1;
            }
            let later = self.candidates.split_off(self.candidates.len().min(DIGESTS_AHEAD));
            let next = std::mem::replace(&mut self.candidates, later);
            if !next.is_empty() {
                self.waiting.extend(file.digests(self.group - 1, &next, false)?);
            }
        }
        Ok(self.waiting.front().map(trace::key))
    }
}
