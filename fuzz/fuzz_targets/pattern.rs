//! A filter pattern of logs, and a message, of any text: parsed, or refused at a place inside it, and whatever matches is found by its needles.

#![no_main]

use libfuzzer_sys::fuzz_target;
use query::log::pattern::Pattern;

fuzz_target!(|texts: (&str, &str)| {
    let (pattern, message) = texts;
    match Pattern::parse(pattern) {
        Ok(parsed) => {
            parsed.is_match(message);
            parsed.extracted(message);
            parsed.needles();
        }
        Err(err) => assert!(err.position <= pattern.len()),
    }
});
