//! Traces as others' tools ask for them: by service, operation and tags, as spans.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use model::{TimeRange, limit};
use otlp::ResourceSpan;
use otlp::jaeger::{has_tag, kind, service_name};
use store::{Prefilter, ScanRange, TraceScan};

use crate::filter::{Expression, Target};
use crate::minute::Split;
use crate::retrieval::SpanTrace;
use crate::summary::{SummaryQuery, TimeRangeType, everything};
use crate::{Query, Result};

/// Traces that are looked at to name a service's operations.
const TRACES_FOR_OPERATIONS: usize = 200;
/// Traces that are looked at for one search: spans are compared one by one.
const TRACES_PER_SEARCH: usize = 2_000;
/// Traces that are read together.
const TRACES_PER_STEP: usize = 100;

/// A search for traces that have a span of the service which meets all of it.
#[derive(Debug, Clone, Default)]
pub struct SpanSearch {
    pub service: Option<String>,
    pub operation: Option<String>,
    pub kind: Option<String>,
    pub tags: Vec<(String, String)>,
    pub min_duration_us: Option<u64>,
    pub max_duration_us: Option<u64>,
    pub limit: usize,
}

impl SpanSearch {
    fn expression(&self) -> Expression {
        match &self.service {
            Some(name) => {
                let target = Target { name: Some(name.clone()), ..Target::default() };
                Expression::Service(target, None)
            }
            None => Expression::Constant(true),
        }
    }

    /// Whether the trace alone says all.
    fn is_of_service_alone(&self) -> bool {
        let SpanSearch { operation, kind, tags, min_duration_us, max_duration_us, .. } = self;
        operation.is_none() && kind.is_none() && tags.is_empty() && min_duration_us.is_none() && max_duration_us.is_none()
    }

    fn meets(&self, span: &ResourceSpan) -> bool {
        let it = &span.span;
        let duration_us = it.end_time_unix_nano.saturating_sub(it.start_time_unix_nano) / 1_000;
        self.service.as_deref().is_none_or(|service| service_name(span) == service)
            && self.operation.as_deref().is_none_or(|operation| it.name == operation)
            && self.kind.as_deref().is_none_or(|wanted| kind(span) == wanted)
            && self.min_duration_us.is_none_or(|min_us| duration_us >= min_us)
            && self.max_duration_us.is_none_or(|max_us| duration_us <= max_us)
            && self.tags.iter().all(|(key, value)| has_tag(span, key, value))
    }
}

impl Query {
    /// The names of services that reported something themselves.
    pub fn service_names(&self, range: TimeRange) -> Result<Vec<String>> {
        let reader = self.reader();
        let split = Split::of(&reader, range, self.clock.now_us())?;
        let mut names: BTreeSet<String> =
            split.rows().filter(|row| !row.to.inferred && row.visits > 0).map(|row| row.to.name.to_owned()).collect();
        for range in &split.rest {
            let active = ScanRange::Active { from_us: range.start_us, to_us: range.end_us };
            let scan = TraceScan { prefilter: Prefilter::Anything, ..everything(active, true) };
            reader.scan(&scan, &mut |digest| {
                let own = digest.services.iter().filter(|service| !service.inferred);
                names.extend(own.map(|service| service.id.name.to_string()));
                ControlFlow::Continue(())
            })?;
        }
        Ok(names.into_iter().collect())
    }

    /// Names and kinds of a service's spans, as its newest traces have them.
    pub fn operations(&self, service: &str, range: TimeRange) -> Result<Vec<(String, &'static str)>> {
        let search = SpanSearch { service: Some(service.to_owned()), limit: TRACES_FOR_OPERATIONS, ..SpanSearch::default() };
        let traces = self.search_spans(&search, range)?;
        let spans = traces.iter().flat_map(|trace| &trace.spans).filter(|span| service_name(span) == service);
        let operations: BTreeSet<(String, &'static str)> = spans.map(|span| (span.span.name.clone(), kind(span))).collect();
        Ok(operations.into_iter().collect())
    }

    /// The newest traces that meet the search.
    pub fn search_spans(&self, search: &SpanSearch, range: TimeRange) -> Result<Vec<SpanTrace>> {
        let mut query = SummaryQuery {
            range,
            range_type: TimeRangeType::Event,
            filter: search.expression(),
            sample: None,
            after: None,
            limit: search.limit.clamp(1, TRACES_PER_STEP),
            budget: limit::TRACES_SCANNED_PER_PAGE as u64,
        };
        let mut found = Vec::new();
        let mut looked_at = 0;
        loop {
            let page = self.summaries(&query)?;
            looked_at += page.summaries.len();
            let ids: Vec<_> = page.summaries.iter().map(|summary| summary.digest.id).collect();
            let traces = self.spans(&ids)?;
            found.extend(
                traces
                    .into_iter()
                    .filter(|trace| search.is_of_service_alone() || trace.spans.iter().any(|span| search.meets(span))),
            );
            query.after = page.next;
            if found.len() >= search.limit || looked_at >= TRACES_PER_SEARCH || query.after.is_none() {
                found.truncate(search.limit);
                return Ok(found);
            }
        }
    }
}
