//! Trace summaries: many traces at a glance, newest first, filtered.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::digest::{CauseService, RootCause, TraceDigest};
use model::{TimeRange, TraceId};
use serde_json::{Value, json};
use store::{Reader, ScanPosition, ScanRange, TraceScan};

use crate::Query;
use crate::error::Result;
use crate::filter::{CauseKind, Expression, Matcher};

/// A response time has a root cause when it is beyond this share of the traces with the same entry …
const SLOW_QUANTILE: f64 = 0.9;
/// … and there are enough of those to tell.
const SLOW_TRACES_MIN: usize = 20;
/// How far back from the end of the range the comparison looks.
const SLOW_WINDOW_US: i64 = 6 * 3_600_000_000;
/// How long an answer about slowness serves, and how many are kept.
const SLOW_KEPT_US: i64 = 15_000_000;
const SLOW_KEPT: usize = 32;

/// Which time of a trace the range is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeRangeType {
    /// The time in the trace id.
    TraceId,
    /// Any moment at which the trace was under way.
    Event,
    /// The end of a segment.
    Service,
}

#[derive(Debug, Clone)]
pub struct SummaryQuery {
    pub range: TimeRange,
    pub range_type: TimeRangeType,
    pub filter: Expression,
    /// Share of traces to look at, chosen by trace id; none means all.
    pub sample: Option<f64>,
    pub after: Option<ScanPosition>,
    pub limit: usize,
    pub budget: u64,
}

/// One trace at a glance.
#[derive(Debug, Clone)]
pub struct Summary {
    pub digest: TraceDigest,
    /// Its response time stands out, so that what took the time is a root cause.
    pub slow: bool,
    /// The moment that brought the trace into an event or service range.
    pub matched_event_us: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct SummaryPage {
    pub summaries: Vec<Summary>,
    /// Traces that were looked at for this page.
    pub considered: u64,
    /// Everything from here on was looked at.
    pub reached_us: i64,
    pub next: Option<ScanPosition>,
}

impl Query {
    pub fn summaries(&self, query: &SummaryQuery) -> Result<SummaryPage> {
        let reader = self.reader();
        let TimeRange { start_us: from_us, end_us: to_us } = query.range;
        let range = match query.range_type {
            TimeRangeType::TraceId => ScanRange::Time { from_us, to_us },
            TimeRangeType::Event => ScanRange::Active { from_us, to_us },
            TimeRangeType::Service => ScanRange::Ended { from_us, to_us },
        };
        let scan =
            TraceScan { range, prefilter: query.filter.prefilter(), after: query.after, budget: query.budget, outline: false };
        let selected = self.selected(&reader, query.range, &query.filter)?;
        let mut summaries = Vec::new();
        let scanned = reader.scan(&scan, &mut |digest| {
            if query.sample.is_none_or(|share| sampled(digest.id, share)) && selected.has(digest) {
                let slow = selected.slowness.is_slow(digest);
                let matched_event_us = match query.range_type {
                    TimeRangeType::TraceId => None,
                    TimeRangeType::Event => Some(digest.start_us.max(from_us)),
                    TimeRangeType::Service => Some(digest.end_us),
                };
                summaries.push(Summary { digest: digest.clone(), slow, matched_event_us });
            }
            if summaries.len() < query.limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let reached_us = scanned.next.map_or(from_us, |next| next.time_us.clamp(from_us, to_us));
        Ok(SummaryPage { summaries, considered: scanned.considered, reached_us, next: scanned.next })
    }
}

/// Whether a trace belongs to the sample: decided by its id alone, so that every page and every question agrees.
fn sampled(id: TraceId, share: f64) -> bool {
    let [.., a, b, c, d] = id.0;
    f64::from(u32::from_be_bytes([a, b, c, d])) < share * f64::from(u32::MAX)
}

/// Which traces a filter selects.
pub(crate) struct Selected {
    matcher: Matcher,
    slowness: Arc<Slowness>,
}

impl Selected {
    pub(crate) fn has(&self, digest: &TraceDigest) -> bool {
        self.matcher.matches(digest, self.slowness.is_slow(digest))
    }
}

impl Query {
    pub(crate) fn selected(&self, reader: &Reader, range: TimeRange, filter: &Expression) -> Result<Selected> {
        Ok(Selected { matcher: Matcher::new(filter.clone()), slowness: self.slowness(reader, range)? })
    }

    /// What is slow in this range. The pages of one question share the answer, so that it is found once and stays the same.
    fn slowness(&self, reader: &Reader, range: TimeRange) -> Result<Arc<Slowness>> {
        let now_us = self.clock.now_us();
        let mut known = self.slowness.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.retain(|(_, made_us, _)| (now_us - made_us).abs() < SLOW_KEPT_US);
        if let Some((_, _, slowness)) = known.iter().find(|(known, _, _)| *known == range) {
            return Ok(slowness.clone());
        }
        drop(known);
        let slowness = Arc::new(Slowness::of(reader, range)?);
        let mut known = self.slowness.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.len() >= SLOW_KEPT {
            known.remove(0);
        }
        known.push((range, now_us, slowness.clone()));
        Ok(slowness)
    }
}

/// Answers about slowness that are kept, by range and when they were found.
pub(crate) type KnownSlowness = Vec<(TimeRange, i64, Arc<Slowness>)>;

/// From which response time on a trace stands out, by entry service.
pub(crate) struct Slowness {
    limits_us: HashMap<String, u64>,
}

impl Slowness {
    fn of(reader: &Reader, range: TimeRange) -> Result<Slowness> {
        let from_us = range.start_us.max(range.end_us.saturating_sub(SLOW_WINDOW_US));
        let limits_us = reader
            .responses(from_us, range.end_us)?
            .into_iter()
            .filter(|(_, responses)| responses.len() >= SLOW_TRACES_MIN)
            .map(|(entry, mut responses)| {
                let place = ((responses.len() - 1) as f64 * SLOW_QUANTILE) as usize;
                let (_, limit_us, _) = responses.select_nth_unstable(place);
                (entry, *limit_us)
            })
            .collect();
        Ok(Slowness { limits_us })
    }

    fn is_slow(&self, digest: &TraceDigest) -> bool {
        let (Some(visit), Some(response_us)) = (digest.entry_visit(), digest.response_us()) else { return false };
        let limit = self.limits_us.get(digest.service(visit.service).id.name.as_str());
        limit.is_some_and(|&limit| response_us > limit)
    }
}

/// A root cause in the shape that summaries show and `rootcause.json` matches.
pub fn cause_json(cause: &RootCause, kind: CauseKind) -> Value {
    let services: Vec<Value> = cause.services.iter().map(|service| service_json(service, kind)).collect();
    json!({"ClientImpacting": cause.client_impacting, "Services": services})
}

fn service_json(service: &CauseService, kind: CauseKind) -> Value {
    let path: Vec<Value> = service
        .path
        .iter()
        .map(|entity| match kind {
            CauseKind::ResponseTime => json!({"Name": entity.name, "Coverage": entity.coverage, "Remote": entity.remote}),
            CauseKind::Fault | CauseKind::Error => {
                let exceptions: Vec<Value> = entity
                    .exceptions
                    .iter()
                    .map(|exception| json!({"Name": exception.name, "Message": exception.message}))
                    .collect();
                json!({"Name": entity.name, "Exceptions": exceptions, "Remote": entity.remote})
            }
        })
        .collect();
    let mut value = json!({
        "Name": service.id.name,
        "Names": [service.id.name],
        "EntityPath": path,
        "Inferred": service.inferred,
    });
    if let Some(kind) = &service.id.kind {
        value["Type"] = json!(kind);
    }
    if let Some(account) = &service.id.account_id {
        value["AccountId"] = json!(account);
    }
    value
}

/// Shared by the graph and the series: all requests in a range.
pub(crate) fn everything(range: ScanRange, outline: bool) -> TraceScan {
    TraceScan { range, prefilter: store::Prefilter::Anything, after: None, budget: u64::MAX, outline }
}

#[cfg(test)]
mod tests;
