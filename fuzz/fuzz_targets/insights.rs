//! A query of Logs Insights of any text: parsed, or refused at a place inside it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(err) = query::log::insights::parse(text) {
        assert!(err.start <= err.end && err.end <= text.chars().count());
    }
});
