//! A form of any bytes, read, and written as XML that has no character which XML cannot have.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smithy::{form, xml};

fuzz_target!(|bytes: &[u8]| {
    drop(form::target(bytes));
    match form::decode(bytes) {
        Ok(value) => {
            let text = String::from_utf8(xml::error("space", "Sender", "Code", &value.to_string(), "id")).unwrap();
            assert!(!text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')));
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
});
