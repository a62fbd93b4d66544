//! OpenTelemetry spans and metrics.

use std::sync::{Arc, PoisonError};

use ::otlp::metric::RefusedPoint;
use ::otlp::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use ::otlp::proto::collector::trace::v1::ExportTraceServiceRequest;
use ::otlp::{Mapping, RefusedSpan, SpanDocument};
use model::owner::Owner;
use store::NewDocument;

use crate::{Ingest, Result};

impl Ingest {
    /// Which attributes of spans become annotations.
    pub fn with_mapping(self, mapping: Mapping) -> Ingest {
        Ingest { mapping: Arc::new(mapping), ..self }
    }

    /// Takes spans in. When this returns, the good ones are durable; the others come back.
    pub async fn spans(&self, request: ExportTraceServiceRequest) -> Result<Vec<RefusedSpan>> {
        let (documents, refused) = ::otlp::documents(&request, &self.mapping);
        drop(request);
        refused.iter().for_each(|span| self.counters.segment_rejected(span.code));
        let documents: Vec<NewDocument> = documents.into_iter().map(new_document).collect();
        let accepted = documents.len() as u64;
        self.store.append_of(self.owner.clone(), documents).await?;
        self.counters.accepted(accepted);
        Ok(refused)
    }

    /// Takes datapoints in. When this returns, the good ones are durable; the others come back.
    pub async fn points(&self, request: ExportMetricsServiceRequest, now_us: i64) -> Result<Vec<RefusedPoint>> {
        let owner = self.owner.as_ref().map_or("", Owner::as_str);
        let (metrics, mut refused) = {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            ::otlp::metric::metrics(&request, &self.mapping.metric_dimensions, owner, &mut counted)
        };
        drop(request);
        let mut good = Vec::with_capacity(metrics.len());
        for metric in metrics {
            match metric.refusal(now_us, self.quotas.lenient) {
                None => good.push(metric),
                Some(reason) => refused.push(RefusedPoint { name: metric.name.to_string(), reason }),
            }
        }
        self.metrics(good).await?;
        Ok(refused)
    }
}

pub(crate) fn new_document(document: SpanDocument) -> NewDocument {
    NewDocument { trace_id: document.trace_id, raw: document.text }
}
