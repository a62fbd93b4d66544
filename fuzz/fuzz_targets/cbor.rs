//! CBOR of any bytes: a value that is the same once more written and read, or refused with a reason.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smithy::cbor;

fuzz_target!(|bytes: &[u8]| {
    match cbor::decode(bytes) {
        Ok(value) => {
            // Moments lose their mark and get it back by their members' names, which says nothing of any value.
            let written = cbor::encode(&value);
            assert_eq!(cbor::encode(&cbor::decode(&written).unwrap()), written);
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
});
