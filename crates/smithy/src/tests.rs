//! What is written is read again; what anyone sends is read or refused, and never ends the program.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Lenient, cbor, form, xml};

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has none", |number| number.is_finite()).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            hash_map("[A-Za-z]{1,12}", inner, 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn cbor_is_read_as_it_was_written(value in values()) {
        prop_assert_eq!(cbor::decode(&cbor::encode(&value)), Ok(value));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = cbor::decode(&bytes);
        let _ = form::decode(&bytes);
        let _ = form::target(&bytes);
    }

    #[test]
    fn forms_are_read_as_they_were_written(texts in vec(".{0,20}", 1..12)) {
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pair = |(place, text): (usize, &String)| format!("Names.member.{}={}", place + 1, encode(text));
        let body: Vec<String> = texts.iter().enumerate().map(pair).collect();
        prop_assert_eq!(form::decode(body.join("&").as_bytes()), Ok(json!({ "Names": texts })));
    }

    #[test]
    fn texts_stay_inside_their_element(text in "\\PC*") {
        let answer = String::from_utf8(xml::answer("space", "GetIt", &json!({ "Text": text }), "id")).unwrap();
        let inner = answer.split_once("<Text>").unwrap().1.split_once("</Text>").unwrap().0;
        prop_assert!(!inner.contains(['<', '>', '"']));
        let plain = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        prop_assert_eq!(plain, text);
    }
}

#[test]
fn cbor_that_others_write() {
    // {_ "a": [_ 1, 1.5 (half), -1], "b": 1(2.5 (single))}, with lengths that only their ends tell.
    let bytes = b"\xbf\x61a\x9f\x01\xf9\x3e\x00\x20\xff\x61b\xc1\xfa\x40\x20\x00\x00\xff";
    assert_eq!(cbor::decode(bytes), Ok(json!({ "a": [1, 1.5, -1], "b": 2.5 })));
    // A text in pieces, and nothing in two ways.
    assert_eq!(cbor::decode(b"\x83\x7f\x61a\x61b\xff\xf6\xf7"), Ok(json!(["ab", null, null])));
}

#[test]
fn cbor_that_is_refused() {
    let too_deep = [0x81; 100];
    for bytes in [
        b"\xff".as_slice(),
        b"\x01\x01",
        b"\xa1\x01\x02",
        b"\x41a",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        &too_deep,
        b"\x62\xff\xff",
    ] {
        let refused = cbor::decode(bytes);
        assert!(refused.is_err(), "{bytes:x?} was read as {refused:?}");
    }
}

#[test]
fn moments_are_marked_in_cbor_and_written_out_in_xml() {
    let value = json!({ "Timestamps": [0, 1.5], "Period": 60 });
    let bytes = cbor::encode(&value);
    assert_eq!(bytes.iter().filter(|byte| **byte == 0xc1).count(), 2);
    let text = String::from_utf8(xml::answer("space", "Get", &value, "id")).unwrap();
    assert!(text.contains("<member>1970-01-01T00:00:00Z</member><member>1970-01-01T00:00:01.500Z</member>"), "{text}");
}

#[derive(Debug, Deserialize, PartialEq)]
struct Typed {
    whole: i64,
    number: f64,
    is_so: Option<bool>,
    list: Vec<u8>,
    text: String,
}

#[test]
fn typed_input_out_of_texts() {
    let body = b"whole=5&number=1e3&is_so=TRUE&list.member.1=7&list.member.2=8&text=1";
    let typed = Typed { whole: 5, number: 1e3, is_so: Some(true), list: vec![7, 8], text: "1".to_owned() };
    assert_eq!(Typed::deserialize(Lenient(form::decode(body).unwrap())).unwrap(), typed);
    let empty = b"whole=5&number=2026-01-01T00:00:00Z&list=&text=";
    let typed = Typed { whole: 5, number: 1_767_225_600.0, is_so: None, list: vec![], text: String::new() };
    assert_eq!(Typed::deserialize(Lenient(form::decode(empty).unwrap())).unwrap(), typed);
    for wrong in ["whole=5.5", "whole=x", "is_so=maybe", "list=7", "list.member.1=300"] {
        let body = format!("number=1&text=a&{}{wrong}", if wrong.starts_with("whole") { "" } else { "whole=1&" });
        assert!(Typed::deserialize(Lenient(form::decode(body.as_bytes()).unwrap())).is_err(), "{wrong}");
    }
}

#[test]
fn forms_that_are_refused() {
    assert!(form::decode(b"a=1&a.b=2").is_err());
    assert!(form::decode(&b"a.".repeat(40)).is_err());
    assert!(form::decode(b"a=%ff").is_err());
    assert!(form::target(b"Version=1").is_err());
}
