//! A document of any bytes: refused alike by the check and by the reader, or read and written as a document that is read the
//! same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::digest::TraceDigest;

fuzz_target!(|bytes: &[u8]| {
    let (checked, parsed) = (model::segment::check(bytes), model::segment::parse(bytes));
    assert_eq!(checked.is_ok(), parsed.is_ok());
    if let (Ok(id), Ok(segment)) = (checked, parsed) {
        let text = segment.to_json();
        let again = model::segment::parse(text.as_bytes()).expect("what was written can be read");
        assert_eq!(again.to_json(), text);
        let indexed = model::segment::parse_indexed(bytes).expect("what was checked can be read");
        let digest = TraceDigest::of(id, [&segment]);
        assert!(digest.is_consistent());
        // Not by `==`: an annotation may be a number that is none.
        assert_eq!(format!("{digest:?}"), format!("{:?}", TraceDigest::of(id, [&indexed])));
    }
});
