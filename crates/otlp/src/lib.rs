//! OpenTelemetry spans as segment documents, and documents as spans; metrics as CloudWatch's.
//!
//! ```text
//! ExportTraceServiceRequest ─► documents ─► the store ─► spans ─► OTLP, the Jaeger API
//! ```
//!
//! A document says in X-Ray's members what X-Ray has members for. What it has none for stands in one more member, `otel`
//! ([`extra`]), so that nothing a span carried is lost on the way through.

pub mod attribute;
pub mod bound;
pub mod document;
mod exception;
pub mod extra;
pub mod jaeger;
pub mod json;
pub mod log;
pub mod metric;
mod resource;
mod same;
pub mod span;
#[cfg(test)]
mod tests;

/// The messages of OTLP, and the services that take them.
pub use opentelemetry_proto::tonic as proto;

pub use document::{Mapping, RefusedSpan, SpanDocument, documents};
pub use span::{ResourceSpan, spans};
