//! Counting requests: totals by outcome, histograms, and series of both over time.

use std::collections::BTreeMap;

use model::TimeRange;
use model::digest::{Call, Outcome, TraceDigest, Visit};
use store::ScanRange;

use crate::filter::{Expression, Target};
use crate::graph::is_pending;
use crate::summary::everything;
use crate::{Error, Query, Result};

/// Requests by outcome, and their time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    pub ok: u64,
    /// 4xx other than throttled.
    pub error: u64,
    pub throttle: u64,
    pub fault: u64,
    pub total_response_secs: f64,
}

impl Statistics {
    pub fn total(&self) -> u64 {
        self.ok + self.error + self.throttle + self.fault
    }

    fn add(&mut self, outcome: Outcome, duration_us: u64) {
        match outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Error => self.error += 1,
            Outcome::Throttle => self.throttle += 1,
            Outcome::Fault => self.fault += 1,
        }
        self.total_response_secs += duration_us as f64 / 1e6;
    }
}

/// How many requests took how long. Durations keep three significant digits, so each has a place in a short list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// By `place`, in runs that are there once one of them is met: hundreds of histograms of a graph together have few of them.
    counts: Vec<Option<Box<[u64; RUN]>>>,
}

/// Places that stand together.
const RUN: usize = 100;

/// With more entries than this, two significant digits do.
const HISTOGRAM_ENTRIES: usize = 100;

impl Histogram {
    pub fn add(&mut self, duration_us: u64) {
        let place = place(duration_us);
        let run = place / RUN;
        if run >= self.counts.len() {
            self.counts.resize(run + 1, None);
        }
        self.counts[run].get_or_insert_with(|| Box::new([0; RUN]))[place % RUN] += 1;
    }

    /// Seconds and counts, ascending.
    pub fn entries(&self) -> Vec<(f64, u64)> {
        let runs = self.counts.iter().enumerate().filter_map(|(run, counts)| Some((run, counts.as_deref()?)));
        let places =
            runs.flat_map(|(run, counts)| counts.iter().enumerate().map(move |(place, &count)| (run * RUN + place, count)));
        let met = places.filter(|&(_, count)| count > 0);
        let mut entries: Vec<(u64, u64)> = met.map(|(place, count)| (duration_us(place), count)).collect();
        if entries.len() > HISTOGRAM_ENTRIES {
            for entry in &mut entries {
                entry.0 = rounded(entry.0, 100);
            }
            entries.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
        }
        entries.into_iter().map(|(us, count)| (us as f64 / 1e6, count)).collect()
    }
}

/// Where a duration stands: below a thousand microseconds each has its own place, above there are 900 to each power of ten.
fn place(duration_us: u64) -> usize {
    let mut rest = rounded(duration_us, 1_000);
    let mut power = 0;
    while rest >= 1_000 {
        rest /= 10;
        power += 1;
    }
    if power == 0 { rest as usize } else { 1_000 + (power - 1) * 900 + (rest as usize - 100) }
}

/// The duration that stands in a place.
fn duration_us(place: usize) -> u64 {
    match place.checked_sub(1_000) {
        None => place as u64,
        Some(beyond) => (beyond % 900 + 100) as u64 * 10u64.pow((beyond / 900 + 1) as u32),
    }
}

/// The value with as many significant digits as `below` has zeros.
fn rounded(value: u64, below: u64) -> u64 {
    let mut unit = 1;
    while value / unit >= below {
        unit *= 10;
    }
    (value.saturating_add(unit / 2)) / unit * unit
}

/// A tally of requests over one span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    pub statistics: Statistics,
    pub histogram: Histogram,
    pub start_us: i64,
    pub end_us: i64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { statistics: Statistics::default(), histogram: Histogram::default(), start_us: i64::MAX, end_us: i64::MIN }
    }
}

impl Tally {
    /// Counts a request; one in progress only marks the time.
    pub fn add(&mut self, call: &Call) {
        self.start_us = self.start_us.min(call.start_us);
        self.end_us = self.end_us.max(call.start_us.saturating_add_unsigned(call.duration_us.unwrap_or(0)));
        if let Some(duration_us) = call.duration_us {
            self.statistics.add(call.flags.outcome(), duration_us);
            self.histogram.add(duration_us);
        }
    }
}

/// A question about one service, one edge, or all edges together, over time.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    pub range: TimeRange,
    pub period_us: i64,
    pub selector: Option<Selector>,
}

/// What a series is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Selector {
    Service(Target, Option<Box<Expression>>),
    Edge(Target, Target, Option<Box<Expression>>),
}

impl Selector {
    /// Reads an entity selector: `service(…)`, `edge(…, …)` or a bare `id(…)`.
    pub fn parse(text: &str) -> Result<Selector> {
        let trimmed = text.trim_start();
        let bare =
            trimmed.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("id")) && trimmed[2..].trim_start().starts_with('(');
        let expression = if bare { crate::filter::parse(&format!("service({text})"))? } else { crate::filter::parse(text)? };
        match expression {
            Expression::Service(target, inner) => Ok(Selector::Service(target, inner)),
            Expression::Edge(from, to, inner) => Ok(Selector::Edge(from, to, inner)),
            _ => Err(Error::Invalid("the entity selector is none of service(…), edge(…, …) and id(…)".to_owned())),
        }
    }
}

/// One step of a series. Steps without requests are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesStep {
    pub start_us: i64,
    pub tally: Tally,
}

impl Query {
    pub fn series(&self, query: &SeriesQuery) -> Result<Vec<SeriesStep>> {
        let reader = self.reader();
        let now_us = self.clock.now_us();
        let mut steps: BTreeMap<i64, Tally> = BTreeMap::new();
        let range = ScanRange::Active { from_us: query.range.start_us, to_us: query.range.end_us };
        // A condition may ask for anything.
        let outline = !matches!(&query.selector, Some(Selector::Service(_, Some(_)) | Selector::Edge(_, _, Some(_))));
        let mut scan = everything(range, outline);
        if let Some(Selector::Service(target, inner)) = &query.selector {
            scan.prefilter = Expression::Service(target.clone(), inner.clone()).prefilter();
        }
        reader.scan(&scan, &mut |digest| {
            for visit in digest.visits.iter().filter(|visit| !is_pending(visit, now_us)) {
                if let Some(call) = selected(&query.selector, digest, visit).filter(|call| query.range.contains(call.start_us)) {
                    let step_us = call.start_us.div_euclid(query.period_us) * query.period_us;
                    steps.entry(step_us).or_default().add(call);
                }
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(steps.into_iter().map(|(start_us, tally)| SeriesStep { start_us, tally }).collect())
    }
}

/// The side of the visit that the selector asks for, if it asks for this visit.
fn selected<'d>(selector: &Option<Selector>, digest: &'d TraceDigest, visit: &'d Visit) -> Option<&'d Call> {
    match selector {
        // All edges of the graph, the clients' included.
        None => (visit.caller.is_some() || visit.root).then(|| visit.requested()),
        Some(Selector::Service(target, inner)) => {
            let matches = crate::filter::visit_matches(target, inner.as_deref(), digest, visit);
            matches.then_some(&visit.served)
        }
        Some(Selector::Edge(from, to, inner)) => {
            let matches = crate::filter::edge_matches(from, to, inner.as_deref(), digest, visit);
            matches.then(|| visit.requested())
        }
    }
}

#[cfg(test)]
mod tests;
