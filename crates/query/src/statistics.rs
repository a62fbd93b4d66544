//! Counting requests: totals by outcome, histograms, and series of both over time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use model::TimeRange;
use model::digest::{Call, Outcome, TraceDigest, Visit};
use model::histogram::{duration_us, place, rounded};
use model::insight::Impact;
use model::minute::{From, MINUTE_US};
use store::{Counted, MinuteRow, Prefilter, Reader, ScanRange, Side, TraceScan};

use crate::filter::{Expression, Target};
use crate::forecast::{Band, Baseline};
use crate::graph::is_pending;
use crate::minute::Split;
use crate::summary::{Selected, everything};
use crate::{Error, Query, Result};

/// Requests by outcome, and their time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    pub ok: u64,
    /// 4xx other than throttled.
    pub error: u64,
    pub throttle: u64,
    pub fault: u64,
    pub total_response_us: u64,
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
        self.total_response_us = self.total_response_us.saturating_add(duration_us);
    }

    /// Adds sums, of which some may be negative: what they take away was added before or will be.
    fn add_sums(&mut self, requests: &Counted<'_>) {
        let [ok, error, throttle, fault] = requests.outcomes;
        for (count, sum) in [(&mut self.ok, ok), (&mut self.error, error), (&mut self.throttle, throttle), (&mut self.fault, fault)]
        {
            *count = count.wrapping_add_signed(sum);
        }
        self.total_response_us = self.total_response_us.wrapping_add_signed(requests.duration_us);
    }

    pub(crate) fn merge(&mut self, other: &Statistics) {
        self.ok += other.ok;
        self.error += other.error;
        self.throttle += other.throttle;
        self.fault += other.fault;
        self.total_response_us = self.total_response_us.saturating_add(other.total_response_us);
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
        let place = place(duration_us) as usize;
        self.run(place / RUN)[place % RUN] += 1;
    }

    fn run(&mut self, run: usize) -> &mut [u64; RUN] {
        if run >= self.counts.len() {
            self.counts.resize(run + 1, None);
        }
        self.counts[run].get_or_insert_with(|| Box::new([0; RUN]))
    }

    fn add_sums(&mut self, requests: &Counted<'_>) {
        for (place, count) in requests.durations() {
            let sum = &mut self.run(place as usize / RUN)[place as usize % RUN];
            *sum = sum.wrapping_add_signed(count);
        }
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (run, counts) in other.counts.iter().enumerate().filter_map(|(run, counts)| Some((run, counts.as_deref()?))) {
            self.run(run).iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.wrapping_add(*count));
        }
    }

    /// Seconds and counts, ascending.
    pub fn entries(&self) -> Vec<(f64, u64)> {
        let runs = self.counts.iter().enumerate().filter_map(|(run, counts)| Some((run, counts.as_deref()?)));
        let places =
            runs.flat_map(|(run, counts)| counts.iter().enumerate().map(move |(place, &count)| (run * RUN + place, count)));
        let met = places.filter(|&(_, count)| count > 0);
        let mut entries: Vec<(u64, u64)> = met.map(|(place, count)| (duration_us(place as u32), count)).collect();
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

    pub(crate) fn add_sums(&mut self, requests: &Counted<'_>) {
        self.start_us = self.start_us.min(requests.start_us);
        self.end_us = self.end_us.max(requests.end_us);
        self.statistics.add_sums(requests);
        self.histogram.add_sums(requests);
    }

    pub(crate) fn merge(&mut self, other: &Tally) {
        self.start_us = self.start_us.min(other.start_us);
        self.end_us = self.end_us.max(other.end_us);
        self.statistics.merge(&other.statistics);
        self.histogram.merge(&other.histogram);
    }
}

/// A question about one service, one edge, or all edges together, over time.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    pub range: TimeRange,
    pub period_us: i64,
    pub selector: Option<Selector>,
    /// Which traces' requests count.
    pub filter: Expression,
}

impl SeriesQuery {
    /// Whether it asks only who called whom.
    fn is_plain(&self) -> bool {
        self.filter.is_everything()
            && !matches!(&self.selector, Some(Selector::Service(_, Some(_)) | Selector::Edge(_, _, Some(_))))
    }
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
        // A condition may ask for anything, and a minute must lie within one step.
        let sums_serve = query.is_plain() && query.period_us % MINUTE_US == 0;
        let split = if sums_serve { Split::of(&reader, query.range, now_us)? } else { Split::nothing_whole(query.range) };
        let selected = match query.filter.is_everything() {
            true => None,
            false => Some(self.selected(&reader, query.range, &query.filter)?),
        };
        steps(&reader, &split, query, selected.as_ref(), now_us)
    }
}

/// How many periods before the range tell what is to be expected in it.
const FORECAST_PERIODS: i64 = 180;
/// After so many steps beyond expectation they are what is to be expected.
const LASTING_PERIODS: usize = 60;
/// How unlikely faults outside of the band are.
const FORECAST_CHANCE: f64 = 1e-3;

impl Query {
    /// A series, with the number of faults that is to be expected of each step after all that came before it.
    pub fn forecast(&self, query: &SeriesQuery) -> Result<Vec<(SeriesStep, Band)>> {
        let start_us = query.range.start_us.saturating_sub(FORECAST_PERIODS * query.period_us);
        let steps = self.series(&SeriesQuery { range: TimeRange { start_us, ..query.range }, ..query.clone() })?;
        let mut baseline = Baseline::default();
        // The last steps with more faults than expected: an incident, unless it does not end.
        let mut beyond: Vec<Impact> = Vec::new();
        let mut forecast = Vec::new();
        for step in steps {
            let statistics = step.tally.statistics;
            let (faults, total) = (statistics.fault, statistics.total());
            let band = baseline.band(total, FORECAST_CHANCE);
            let period = Impact { faults, total };
            if faults > band.high {
                beyond.push(period);
            } else {
                beyond.clear();
                baseline.observe(period);
            }
            if beyond.len() >= LASTING_PERIODS {
                baseline.adopt(beyond.drain(..));
            }
            if step.start_us + query.period_us > query.range.start_us {
                forecast.push((step, band));
            }
        }
        Ok(forecast)
    }
}

/// `in_filter` says which traces count; none takes all.
pub(crate) fn steps(
    reader: &Reader,
    split: &Split,
    query: &SeriesQuery,
    in_filter: Option<&Selected>,
    now_us: i64,
) -> Result<Vec<SeriesStep>> {
    let step = |time_us: i64| time_us.div_euclid(query.period_us) * query.period_us;
    // With the number of all requests, those in progress included.
    let mut steps: BTreeMap<i64, (i64, Tally)> = BTreeMap::new();
    for row in split.rows() {
        if let Some(requests) = selected_sums(&query.selector, &row) {
            let (visits, tally) = steps.entry(step(row.minute * MINUTE_US)).or_default();
            *visits += row.visits;
            tally.add_sums(&requests);
        }
    }
    steps.retain(|_, (visits, _)| *visits > 0);
    let prefilter = match &query.selector {
        Some(Selector::Service(target, inner)) => Expression::Service(target.clone(), inner.clone()).prefilter(),
        _ => Prefilter::Anything,
    };
    let prefilter = Prefilter::And(vec![prefilter, query.filter.prefilter()]);
    for range in &split.rest {
        let active = ScanRange::Active { from_us: range.start_us, to_us: range.end_us };
        let scan = TraceScan { prefilter: prefilter.clone(), ..everything(active, query.is_plain()) };
        reader.scan(&scan, &mut |digest| {
            if in_filter.is_some_and(|selected| !selected.has(digest)) {
                return ControlFlow::Continue(());
            }
            for visit in digest.visits.iter().filter(|visit| !is_pending(visit, now_us)) {
                if let Some(call) = selected(&query.selector, digest, visit).filter(|_| range.contains(visit.served.start_us)) {
                    let (visits, tally) = steps.entry(step(visit.served.start_us)).or_default();
                    *visits += 1;
                    tally.add(call);
                }
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(steps.into_iter().map(|(start_us, (_, tally))| SeriesStep { start_us, tally }).collect())
}

/// The requests of a row that the selector asks for, if it asks for any.
fn selected_sums<'b>(selector: &Option<Selector>, row: &MinuteRow<'b>) -> Option<Counted<'b>> {
    let requested = row.requested.unwrap_or(row.served);
    let is_service = |target: &Target, side: &Side<'_>, kind: Option<&str>| {
        target.name.as_ref().is_none_or(|name| side.names().any(|known| known == name))
            && target.kind.as_deref().is_none_or(|wanted| kind == Some(wanted))
            && target.account_id.as_ref().is_none_or(|account| side.account_id == Some(account.as_str()))
    };
    match selector {
        None => (!matches!(row.from, From::Unknown)).then_some(requested),
        Some(Selector::Service(target, _)) => is_service(target, &row.to, row.to.kind).then_some(row.served),
        Some(Selector::Edge(from, to, _)) => {
            let from_matches = match &row.from {
                From::Unknown => false,
                // The client that calls a root carries the root's name and the type `client`.
                From::Client => is_service(from, &row.to, Some("client")),
                From::Service(caller) => is_service(from, caller, caller.kind),
            };
            (from_matches && is_service(to, &row.to, row.to.kind)).then_some(requested)
        }
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
