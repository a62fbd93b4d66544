use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read_texts(body: &[u8]) -> Option<Vec<String>> {
    Some(read(body)?.into_iter().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect())
}

/// What the general reader makes of it.
fn general(body: &[u8]) -> Option<Vec<String>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    serde_json::from_value(value["TraceSegmentDocuments"].take()).ok()
}

#[test]
fn the_plain_form_is_taken() {
    let all = "\" \\ / \u{8} \u{c} \n \r \t \u{0} \u{1f} é 漢 😀";
    let texts = json!([all, "", "a", "12345678", "1234567\"", "\\\\\\\\\\\\\\\\", all.repeat(50)]);
    let body = json!({"TraceSegmentDocuments": texts}).to_string();
    assert_eq!(read_texts(body.as_bytes()), general(body.as_bytes()));
    assert_eq!(read_texts(body.as_bytes()).unwrap().len(), 7);
    for body in [
        " {\n\"TraceSegmentDocuments\" :\t[ \"a\" , \"b\" ] }\r\n ",
        "{\"TraceSegmentDocuments\":[]}",
        "{\"TraceSegmentDocuments\":[\"\\u0041\\u3042\\ud83d\\ude00\\/\"]}",
    ] {
        assert!(read_texts(body.as_bytes()).is_some(), "{body}");
        assert_eq!(read_texts(body.as_bytes()), general(body.as_bytes()), "{body}");
    }
}

#[test]
fn everything_else_is_left_to_the_general_reader() {
    for body in [
        "",
        "{}",
        "[]",
        "{\"TraceSegmentDocuments\":null}",
        "{\"TraceSegmentDocuments\":[1]}",
        "{\"TraceSegmentDocuments\":[\"a\"",
        "{\"TraceSegmentDocuments\":[\"a]}",
        "{\"TraceSegmentDocuments\":[\"a\",]}",
        "{\"TraceSegmentDocuments\":[\"a\"]} x",
        "{\"TraceSegmentDocuments\":[\"a\"],\"More\":1}",
        "{\"TraceSegmentDocuments\":[\"\\x\"]}",
        "{\"TraceSegmentDocuments\":[\"\\ud83d\"]}",
        "{\"TraceSegmentDocuments\":[\"\\ude00\"]}",
        "{\"TraceSegmentDocuments\":[\"\\ud83d\\u0041\"]}",
        "{\"TraceSegmentDocuments\":[\"\\u00+1\"]}",
        "{\"TraceSegmentDocuments\":[\"line\nbreak\"]}",
    ] {
        assert_eq!(read_texts(body.as_bytes()), None, "{body}");
    }
    assert_eq!(read_texts(b"{\"TraceSegmentDocuments\":[\"\xff\"]}"), None);
}

proptest! {
    #[test]
    fn both_readers_read_the_same(texts in prop::collection::vec(".{0,40}|[\"\\\\a]{0,30}", 0..6), ascii: bool) {
        let mut body = json!({"TraceSegmentDocuments": texts}).to_string();
        if ascii {
            // As clients write it that escape everything beyond ASCII.
            body = body.chars().flat_map(|c| {
                let mut units = [0; 2];
                if c.is_ascii() { vec![c] } else { c.encode_utf16(&mut units).iter().flat_map(|unit| format!("\\u{unit:04x}").chars().collect::<Vec<_>>()).collect() }
            }).collect();
        }
        prop_assert_eq!(read_texts(body.as_bytes()), Some(texts));
    }

    #[test]
    fn what_is_taken_the_general_reader_takes_too(
        texts in prop::collection::vec("[ -~]{0,20}", 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\"\\{}[],:u0 \n\x01\xc3".to_vec())), 0..3),
    ) {
        let mut body = json!({"TraceSegmentDocuments": texts}).to_string().into_bytes();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(found) = read_texts(&body) {
            prop_assert_eq!(Some(found), general(&body));
        }
    }
}
