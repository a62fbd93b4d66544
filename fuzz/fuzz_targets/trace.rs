//! Documents, one a line, of one trace with any ids and parents: assembled and digested without a panic or an endless walk.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::digest::TraceDigest;

fuzz_target!(|text: &str| {
    let documents: Vec<_> = text.lines().filter_map(|line| model::segment::parse(line.as_bytes()).ok()).collect();
    if let Some(id) = documents.first().and_then(|document| document.trace_id) {
        let digest = TraceDigest::of(id, &documents);
        assert_eq!(digest.revision as usize, documents.len());
        assert!(digest.is_consistent());
    }
});
