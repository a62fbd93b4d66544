//! A filter expression of any text: parsed, or refused at a place inside it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match query::filter::parse(text) {
        Ok(expression) => drop(expression.prefilter()),
        Err(err) => assert!(err.position <= text.chars().count()),
    }
});
