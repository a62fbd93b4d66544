//! OpenTelemetry spans.

use std::sync::Arc;

use ::otlp::proto::collector::trace::v1::ExportTraceServiceRequest;
use ::otlp::{Mapping, RefusedSpan, SpanDocument};
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
}

pub(crate) fn new_document(document: SpanDocument) -> NewDocument {
    NewDocument { trace_id: document.trace_id, raw: document.text }
}
