//! A datagram of any bytes: a document, spans, or refused with a reason.

#![no_main]

use ingest::xray::daemon::{Payload, payload, spans};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match payload(bytes) {
        Ok(Payload::Document(document)) => drop(model::segment::parse(document)),
        Ok(Payload::Spans(text)) => drop(spans(text).map(|request| otlp::documents(&request, &otlp::Mapping::default()))),
        Err(reason) => assert!(!reason.is_empty()),
    }
});
