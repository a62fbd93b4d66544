//! Traces with their times, whichever form they are then shown in.

use model::service::ServiceId;
use model::trace::Trace;
use model::{TimeRange, TraceId};
use otlp::ResourceSpan;

use crate::{Query, Result};

/// A trace as spans.
#[derive(Debug, Clone)]
pub struct SpanTrace {
    pub id: TraceId,
    pub duration_us: u64,
    pub spans: Vec<ResourceSpan>,
}

/// A link between traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLink {
    /// Whose segment recorded it, in the trace `from`.
    pub service: ServiceId,
    pub from: TraceId,
    pub to: TraceId,
    /// Whether the other trace is the cause.
    pub parent: bool,
}

impl Query {
    /// What links the traces have to others.
    pub fn links(&self, ids: &[TraceId]) -> Result<Vec<TraceLink>> {
        let reader = self.reader();
        let mut links = Vec::new();
        for &from in ids {
            let Some(digest) = reader.digest(from)? else { continue };
            links.extend(digest.links.iter().map(|link| TraceLink {
                service: digest.service(link.service).id.clone(),
                from,
                to: link.trace_id,
                parent: link.parent,
            }));
        }
        Ok(links)
    }

    /// The traces that are known, as spans.
    pub fn spans(&self, ids: &[TraceId]) -> Result<Vec<SpanTrace>> {
        let reader = self.reader();
        let mut found = Vec::new();
        for &id in ids {
            let documents = reader.documents(id)?;
            if documents.is_empty() {
                continue;
            }
            let segments = documents.segments();
            let trace = Trace::assemble(&segments);
            let (start_us, end_us) = trace.bounds_us();
            found.push(SpanTrace { id, duration_us: end_us.abs_diff(start_us), spans: otlp::spans(id, &trace) });
        }
        Ok(found)
    }

    /// Those of the ids whose traces were under way in the range.
    pub fn active(&self, ids: &[TraceId], range: TimeRange) -> Result<Vec<TraceId>> {
        let reader = self.reader();
        let mut active = Vec::new();
        for &id in ids {
            if let Some(digest) = reader.digest(id)?
                && digest.start_us <= range.end_us
                && digest.end_us >= range.start_us
            {
                active.push(id);
            }
        }
        Ok(active)
    }
}
