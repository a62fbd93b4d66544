//! A document of any bytes: refused, or read and written as a document that is read the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::digest::TraceDigest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(segment) = model::segment::parse(bytes) else { return };
    let text = segment.to_json();
    let again = model::segment::parse(text.as_bytes()).expect("what was written can be read");
    assert_eq!(again.to_json(), text);
    let id = segment.trace_id.expect("required");
    assert!(TraceDigest::of(id, [&segment]).is_consistent());
});
