//! A paging token of any text: refused, or one that this server made for the question.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], &[u8], i64)| {
    let (token, question, position, now_secs) = input;
    if let Ok(position) = model::page::open(token, question, now_secs) {
        assert!(position.len() < token.len());
    }
    let sealed = model::page::seal(question, position, now_secs);
    assert_eq!(model::page::open(&sealed, question, now_secs).as_deref(), Ok(position));
});
