//! X-Ray's ways in: documents by API call, datagrams as its daemon takes them, and the daemon's own telemetry.

pub mod daemon;
mod document;
mod telemetry;

pub use document::Rejected;
pub use telemetry::TelemetryRecord;
