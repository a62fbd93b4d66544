//! The same in JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otlp::proto::collector::trace::v1::ExportTraceServiceRequest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<ExportTraceServiceRequest>(bytes) {
        fuzz::check_spans(&request);
    }
});
