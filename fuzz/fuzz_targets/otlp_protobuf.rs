//! A request of OTLP in protobuf: refused, or made documents of that can be read, from which come as many spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otlp::proto::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = ExportTraceServiceRequest::decode(bytes) {
        fuzz::check_spans(&request);
    }
});
