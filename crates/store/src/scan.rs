//! Scanning traces, newest first, over memory and parts at once.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use model::TraceId;
use model::digest::TraceDigest;

use crate::Reader;
use crate::error::Result;
use crate::part::Part;
use crate::table::trace::{self, Candidate, ROW_GROUP_ROWS, RowKey};

/// Which traces a scan looks at, by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanRange {
    /// Filed in `[from, to)`: the time of the trace id.
    Time { from_us: i64, to_us: i64 },
    /// Under way at some moment of `[from, to)`.
    Active { from_us: i64, to_us: i64 },
    /// Ended in `[from, to)`.
    Ended { from_us: i64, to_us: i64 },
}

impl ScanRange {
    pub(crate) fn admits(&self, time_us: i64, start_us: i64, end_us: i64) -> bool {
        match *self {
            ScanRange::Time { from_us, to_us } => from_us <= time_us && time_us < to_us,
            ScanRange::Active { from_us, to_us } => start_us < to_us && from_us <= end_us,
            ScanRange::Ended { from_us, to_us } => from_us <= end_us && end_us < to_us,
        }
    }

    /// Whether start and end must be read to decide.
    pub(crate) fn needs_bounds(&self) -> bool {
        !matches!(self, ScanRange::Time { .. })
    }

    pub(crate) fn admits_part(&self, part: &Part) -> bool {
        let row = &part.row;
        match *self {
            ScanRange::Time { from_us, to_us } => row.min_time_us < to_us && from_us <= row.max_time_us,
            ScanRange::Active { from_us, to_us } | ScanRange::Ended { from_us, to_us } => {
                row.min_start_us < to_us && from_us <= row.max_end_us
            }
        }
    }
}

/// A condition that every wanted trace meets, on columns alone. Others may meet it too: it only spares decoding.
#[derive(Debug, Clone, PartialEq)]
pub enum Prefilter {
    Anything,
    Nothing,
    And(Vec<Prefilter>),
    Or(Vec<Prefilter>),
    /// Flags of the trace's entry.
    Fault(bool),
    Error(bool),
    /// Whether any segment was throttled.
    Throttle(bool),
    /// Flags of any request in the trace.
    AnyFault,
    AnyError,
    AnyThrottle,
    Partial(bool),
    /// The entry's response time, both ends included.
    ResponseBetween(u64, u64),
    StatusBetween(i64, i64),
    Method(String),
    UrlContains(String),
    /// A service of this exact name.
    Service(String),
    AnnotationKey(String),
    /// An annotation whose value is this text.
    AnnotationText(String, String),
    User(String),
    /// Links to other traces.
    Links,
    /// Some request of the trace passes the test.
    Visit(VisitTest),
}

/// What is demanded of one request. Names are compared without regard to case, as AWS services have several spellings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VisitTest {
    /// The service that served it.
    pub service: Option<String>,
    /// The service that made it; at the edge of the system the client carries the name of the service it called.
    pub from: Option<String>,
    /// Between these, ends included, as served or as the caller saw it. So with the flags.
    pub duration_us: Option<(u64, u64)>,
    pub error: bool,
    pub throttle: bool,
    pub fault: bool,
}

/// A scan's terms.
#[derive(Debug, Clone)]
pub struct TraceScan {
    pub range: ScanRange,
    pub prefilter: Prefilter,
    /// Go on behind this place of an earlier scan.
    pub after: Option<ScanPosition>,
    /// Stop after about this many traces were considered.
    pub budget: u64,
    /// Only which requests there were and how they went is wanted: digests may lack what HTTP says of them, annotations, users,
    /// resources and causes.
    pub outline: bool,
}

/// A place in the order of traces: newest first, ids break ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanPosition {
    pub time_us: i64,
    pub trace_id: TraceId,
}

/// How a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// Traces in the range that were considered, matching or not.
    pub considered: u64,
    /// Where to go on; none where nothing is left.
    pub next: Option<ScanPosition>,
}

/// A source of traces in a scan: one part, or what is in memory.
enum Cursor<'r> {
    Memory { traces: VecDeque<(RowKey, Arc<TraceDigest>)> },
    Part { part: &'r Part, group: usize, state: GroupState },
}

enum GroupState {
    /// The row group was not looked at yet.
    Unread,
    /// `admitted`: every trace in it that the range admits, matching or not, newest first.
    Read { candidates: Vec<Candidate>, at: usize, decoded: VecDeque<TraceDigest>, admitted: Vec<RowKey> },
}

/// A heap entry: the key of a cursor's next trace, or for an unread row group the highest it can have.
struct Head {
    key: RowKey,
    exact: bool,
    cursor: usize,
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Head {}
impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        // Bounds before exact keys: a row group must be read before anything that might stand behind its first row.
        self.key.cmp(&other.key).then(other.exact.cmp(&self.exact)).then(self.cursor.cmp(&other.cursor))
    }
}

/// How many candidates are decoded at once: a page of answers, or more when everything is asked.
const DECODE_FIRST: usize = 128;

impl Reader {
    /// Calls `visit` with every trace that may match, newest first, until it breaks or the budget is spent.
    pub fn scan(&self, scan: &TraceScan, visit: &mut dyn FnMut(&TraceDigest) -> ControlFlow<()>) -> Result<Scanned> {
        if self.has_everything() {
            return self.scan_all(scan, visit);
        }
        let mut failed = None;
        let scanned = self.scan_all(scan, &mut |digest| match self.visible(digest) {
            Ok(Some(digest)) if scan.range.admits(digest.time_us, digest.start_us, digest.end_us) => visit(&digest),
            Ok(_) => ControlFlow::Continue(()),
            Err(err) => {
                failed = Some(err);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(scanned), Err)
    }

    /// Whoever sent it.
    fn scan_all(&self, scan: &TraceScan, visit: &mut dyn FnMut(&TraceDigest) -> ControlFlow<()>) -> Result<Scanned> {
        let before: RowKey = scan.after.map_or((i64::MAX, TraceId([0xff; 16])), |after| (after.time_us, after.trace_id));
        let memory = self.memory_digests(&|digest| {
            trace::key(digest) < before && scan.range.admits(digest.time_us, digest.start_us, digest.end_us)
        })?;
        let mut considered = 0;
        let mut cursors = vec![Cursor::Memory { traces: memory.into_iter().map(|digest| (trace::key(&digest), digest)).collect() }];
        for part in self.parts.iter().filter(|part| scan.range.admits_part(part) && part.row.min_time_us <= before.0) {
            if !part.any_may_match(&scan.prefilter) {
                continue;
            }
            cursors.push(Cursor::Part { part, group: 0, state: GroupState::Unread });
        }
        let mut heads: BinaryHeap<Head> = BinaryHeap::new();
        for cursor in 0..cursors.len() {
            heads.extend(head(&cursors, cursor, &scan.range)?);
        }

        while let Some(Head { key, exact, cursor }) = heads.pop() {
            if !exact {
                // Everything not yet seen is at or below this bound. A page must get somewhere, though: where the bound is still
                // the place it began at, reading goes on.
                if considered >= scan.budget && key < before {
                    let considered = considered - unseen(&cursors, key);
                    return Ok(Scanned { considered, next: Some(ScanPosition { time_us: key.0, trace_id: key.1 }) });
                }
                considered += self.read_group(&mut cursors[cursor], scan, before)?;
                heads.extend(head(&cursors, cursor, &scan.range)?);
                continue;
            }
            let flow = match &mut cursors[cursor] {
                Cursor::Memory { traces } => {
                    considered += 1;
                    traces.pop_front().map_or(ControlFlow::Continue(()), |(_, digest)| visit(&digest))
                }
                Cursor::Part { part, group, state } => match next_digest(part, *group, state, scan.outline)? {
                    Some(digest) => visit(&digest),
                    None => ControlFlow::Continue(()),
                },
            };
            heads.extend(head(&cursors, cursor, &scan.range)?);
            if flow.is_break() {
                let next = (!heads.is_empty()).then_some(ScanPosition { time_us: key.0, trace_id: key.1 });
                let considered = considered - if next.is_some() { unseen(&cursors, key) } else { 0 };
                return Ok(Scanned { considered, next });
            }
        }
        Ok(Scanned { considered, next: None })
    }

    /// Finds a row group's candidates. Returns how many traces the range admitted.
    fn read_group(&self, cursor: &mut Cursor<'_>, scan: &TraceScan, before: RowKey) -> Result<u64> {
        let Cursor::Part { part, group, state } = cursor else { return Ok(0) };
        let (mut candidates, admitted) = part.files.tolerate(|files| {
            let file = files.trace()?;
            match state {
                GroupState::Read { .. } => *group += 1,
                // Row groups whose rows all lie before the place to go on from were seen by an earlier page.
                GroupState::Unread => {
                    while *group + 1 < file.groups() && file.newest_us(*group + 1) > before.0 {
                        *group += 1;
                    }
                }
            }
            if !part.may_match(*group, &scan.prefilter) {
                return Ok(Default::default());
            }
            file.candidates(*group, &scan.range, &scan.prefilter, before)
        })?;
        candidates.retain(|candidate| !part.superseded.contains(&candidate.key.1) && !self.in_memory(candidate.key.1));
        let count = admitted.len() as u64;
        *state = GroupState::Read { candidates, at: 0, decoded: VecDeque::new(), admitted };
        Ok(count)
    }
}

/// Traces that were read with their row group and come after the place where the page ends: the next page counts them.
fn unseen(cursors: &[Cursor<'_>], end: RowKey) -> u64 {
    let of_cursor = |cursor: &Cursor<'_>| match cursor {
        Cursor::Part { state: GroupState::Read { admitted, .. }, .. } => {
            (admitted.len() - admitted.partition_point(|&key| key >= end)) as u64
        }
        _ => 0,
    };
    cursors.iter().map(of_cursor).sum()
}

/// The heap entry of a cursor. None where the cursor is at its end.
fn head(cursors: &[Cursor<'_>], cursor: usize, range: &ScanRange) -> Result<Option<Head>> {
    let (part, group, state) = match &cursors[cursor] {
        Cursor::Memory { traces } => return Ok(traces.front().map(|(key, _)| Head { key: *key, exact: true, cursor })),
        Cursor::Part { part, group, state } => (part, *group, state),
    };
    let next = match state {
        GroupState::Read { candidates, at, .. } if *at < candidates.len() => {
            return Ok(Some(Head { key: candidates[*at].key, exact: true, cursor }));
        }
        GroupState::Read { .. } => group + 1,
        GroupState::Unread => group,
    };
    let newest_us = if next == 0 {
        // Not opened yet: the catalog knows the bound.
        Some(part.row.max_time_us)
    } else {
        part.files.tolerate(|files| files.trace().map(|file| (next < file.groups()).then(|| file.newest_us(next))))?
    };
    let wanted = |newest_us: &i64| !matches!(range, ScanRange::Time { from_us, .. } if newest_us < from_us);
    Ok(newest_us.filter(wanted).map(|newest_us| Head { key: (newest_us, TraceId([0xff; 16])), exact: false, cursor }))
}

fn next_digest(part: &Part, group: usize, state: &mut GroupState, outline: bool) -> Result<Option<TraceDigest>> {
    let GroupState::Read { candidates, at, decoded, .. } = state else { return Ok(None) };
    if decoded.is_empty() {
        let step = if *at == 0 { DECODE_FIRST } else { ROW_GROUP_ROWS };
        let batch = &candidates[*at..candidates.len().min(*at + step)];
        decoded.extend(part.files.tolerate(|files| files.trace()?.digests(group, batch, outline))?);
        if decoded.is_empty() {
            // The part turned out to be damaged.
            *at = candidates.len();
            return Ok(None);
        }
    }
    *at += 1;
    Ok(decoded.pop_front())
}
