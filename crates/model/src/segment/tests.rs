use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// Every document of every capture of the real SDKs.
fn captured() -> Vec<String> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/captures");
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(dir).expect("captures") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".jsonl") || name.ends_with(".sampling.jsonl") || name.starts_with("docker-") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if let Some((_, document)) = line["raw"].as_str().and_then(|raw| raw.split_once('\n')) {
                documents.push(document.to_owned());
            }
        }
    }
    documents
}

/// Equality of JSON values in which 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn captured_documents_are_written_as_they_came() {
    let documents = captured();
    assert!(documents.len() > 500, "only {} documents found", documents.len());
    for document in documents {
        let segment = parse(document.as_bytes()).unwrap();
        let before: Value = serde_json::from_str(&document).unwrap();
        let after: Value = serde_json::from_str(&segment.to_json()).unwrap();
        assert!(same(&before, &after), "{before}\n{after}");
    }
}

fn minimal() -> Map<String, Value> {
    let document = json!({"name": "a", "id": "00000000000000aa", "trace_id": "1-66b5f1a0-0123456789abcdef01234567", "start_time": 1.5, "end_time": 2});
    document.as_object().unwrap().clone()
}

fn code_without(member: &str) -> &'static str {
    let mut document = minimal();
    document.remove(member);
    parse(Value::Object(document).to_string().as_bytes()).unwrap_err().code
}

fn code_with(member: &str, value: Value) -> &'static str {
    let mut document = minimal();
    document.insert(member.to_owned(), value);
    parse(Value::Object(document).to_string().as_bytes()).map_or_else(|err| err.code, |_| "taken")
}

#[test]
fn what_makes_a_document_unusable_has_its_code() {
    assert_eq!(code_without("id"), "MissingId");
    assert_eq!(code_without("trace_id"), "InvalidTraceId");
    assert_eq!(code_without("name"), "InvalidName");
    assert_eq!(code_without("start_time"), "InvalidSegment");
    assert_eq!(code_without("end_time"), "InvalidSegment");
    assert_eq!(code_with("id", json!("xyz")), "InvalidId");
    assert_eq!(code_with("trace_id", json!("1-1-1")), "InvalidTraceId");
    assert_eq!(code_with("name", json!("")), "InvalidName");
    assert_eq!(code_with("name", json!("é".repeat(200))), "taken");
    assert_eq!(code_with("name", json!("é".repeat(201))), "InvalidName");
    assert_eq!(code_with("start_time", json!(1_795_000_000_000i64)), "InvalidSegment");
    assert_eq!(code_with("start_time", json!(-1)), "InvalidSegment");
    assert_eq!(code_with("type", json!("subsegment")), "InvalidSegment");
    for text in ["", "[]", "1", "null", "{", "{\"id\":", "\u{0}"] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().code, "JSONFormatError", "{text:?}");
    }
    assert_eq!(parse(&[0xff, 0xfe]).unwrap_err().code, "JSONFormatError");
    assert_eq!(check_size(b"12345", 4).unwrap_err().code, "DocumentTooLarge");
    assert!(check_size(b"1234", 4).is_ok());
}

#[test]
fn members_of_the_wrong_type_are_dropped_and_the_rest_is_taken() {
    let mut document = minimal();
    let odd = json!({"http": 5, "aws": "x", "cause": [1], "annotations": null, "subsegments": {"a": 1}, "fault": "yes", "user": 7,
                     "sql": [], "links": "none", "origin": {}, "error": true});
    document.extend(odd.as_object().unwrap().clone());
    let text = Value::Object(document).to_string();
    let segment = parse(text.as_bytes()).unwrap();
    assert_eq!(segment.error, Some(true));
    assert!(segment.http.is_none() && segment.aws.is_none() && segment.cause.is_none() && segment.fault.is_none());
}

#[test]
fn numbers_that_came_as_text_are_numbers() {
    let mut document = minimal();
    document.insert("end_time".to_owned(), json!("1.795358656E9"));
    document.insert("http".to_owned(), json!({"response": {"status": "404", "content_length": "12"}}));
    let text = Value::Object(document).to_string();
    let segment = parse(text.as_bytes()).unwrap();
    assert_eq!(segment.end_time, Some(1_795_358_656.0));
    assert_eq!(segment.status(), Some(404));
}

#[test]
fn nesting_beyond_reason_is_refused_and_not_a_crash() {
    let deep = format!(
        "{{\"name\":\"a\",\"id\":\"00000000000000aa\",\"trace_id\":\"1-66b5f1a0-0123456789abcdef01234567\",\"start_time\":1,\"end_time\":2,\"x\":{}{}}}",
        "[".repeat(1_000),
        "]".repeat(1_000)
    );
    assert_eq!(parse(deep.as_bytes()).unwrap_err().code, "JSONFormatError");
}

#[test]
fn embedded_times_that_are_no_times_are_not_believed() {
    let mut document = minimal();
    document.insert(
        "subsegments".to_owned(),
        json!([
            {"name": "nanoseconds", "id": "00000000000000ab", "start_time": 1.5, "end_time": 1_795_000_000_000_000_000i64},
            {"name": "long ago", "id": "00000000000000ac", "start_time": -1e300, "end_time": 2},
        ]),
    );
    let text = Value::Object(document).to_string();
    let segment = parse(text.as_bytes()).unwrap();
    assert_eq!(segment.children().len(), 1);
    assert_eq!(segment.children()[0].end_time, None);
}

#[test]
fn a_key_that_the_json_library_reserves_is_a_key_like_others() {
    let mut document = minimal();
    document.insert("annotations".to_owned(), json!({"nested": {"$serde_json::private::RawValue": "{\"a\":1}"}}));
    let text = Value::Object(document).to_string();
    let segment = parse(text.as_bytes()).unwrap();
    assert!(segment.to_json().contains(r#"{"$serde_json::private::RawValue":"{\"a\":1}"}"#), "{}", segment.to_json());
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Well-typed documents: known members with values of their type, unknown ones with anything.
fn document(depth: u32) -> BoxedStrategy<Value> {
    let object =
        || prop::collection::btree_map("[a-z_.]{1,8}", json_value(), 0..4).prop_map(|map| Value::Object(map.into_iter().collect()));
    let known = (
        (any::<u64>(), "[ -~é漢]{1,20}", 0.0..2e9f64, prop::option::of(0.0..2e9f64)),
        (
            prop::option::of(any::<bool>()),
            prop::option::of(any::<bool>()),
            prop::option::of("aws|remote|local"),
            prop::option::of(".{0,8}"),
        ),
        (prop::option::of(object()), prop::option::of(object()), prop::option::of(json_value()), prop::option::of(any::<u64>())),
        prop::option::of(prop_oneof![
            "[0-9a-f]{16}".prop_map(Value::from),
            Just(json!({"exceptions": [{"id": "ab", "type": "E", "stack": [], "extra": 1}], "paths": []}))
        ]),
        prop::option::of(Just(
            json!({"request": {"method": "GET", "url": "http://a/", "odd": [1]}, "response": {"status": 200, "content_length": "7"}, "x": {}}),
        )),
        prop::collection::btree_map("x_[a-z]{1,6}", json_value(), 0..3),
    );
    let children = if depth == 0 { Just(Vec::new()).boxed() } else { prop::collection::vec(document(depth - 1), 0..3).boxed() };
    (known, children)
        .prop_map(|((head, flags, objects, cause, http, rest), children)| {
            let mut map: Map<String, Value> = rest.into_iter().collect();
            map.insert("id".into(), json!(format!("{:016x}", head.0)));
            map.insert("name".into(), json!(head.1));
            map.insert("start_time".into(), json!(head.2));
            let mut put = |key: &str, value: Option<Value>| value.map(|value| map.insert(key.to_owned(), value));
            put("end_time", head.3.map(Value::from));
            put("fault", flags.0.map(Value::from));
            put("in_progress", flags.1.map(Value::from));
            put("namespace", flags.2.map(Value::from));
            put("user", flags.3.map(Value::from));
            put("aws", objects.0);
            put("annotations", objects.1);
            put("metadata", objects.2);
            put("parent_id", objects.3.map(|id| json!(format!("{id:016x}"))));
            put("cause", cause);
            put("http", http);
            if !children.is_empty() {
                put("subsegments", Some(Value::from(children)));
            }
            Value::Object(map)
        })
        .boxed()
}

proptest! {
    #[test]
    fn well_typed_documents_are_written_as_they_came(mut value in document(2)) {
        value["trace_id"] = json!("1-66b5f1a0-0123456789abcdef01234567");
        value["end_time"] = json!(2e9);
        let text = value.to_string();
        let segment = parse(text.as_bytes()).unwrap();
        let after: Value = serde_json::from_str(&segment.to_json()).unwrap();
        prop_assert!(same(&value, &after), "{}\n{}", value, after);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = parse(&bytes);
    }
}

#[test]
fn what_is_not_json_is_refused_wherever_it_stands() {
    let head = "\"name\":\"a\",\"id\":\"00000000000000aa\",\"trace_id\":\"1-66b5f1a0-0123456789abcdef01234567\",\"start_time\":1,\"end_time\":2";
    for value in ["\"\\x\"", "\"\t\"", "nul", "{\"a\":1,}", "[1,]", "1 2"] {
        for member in [
            format!("\"x\":{value}"),
            format!("\"name\":{value}"),
            format!("\"fault\":{value}"),
            format!("\"metadata\":{value}"),
            format!("\"annotations\":{value}"),
            format!("\"annotations\":{{\"a\":{value}}}"),
            format!("\"aws\":{{\"ecs\":[{value}]}}"),
            format!("\"http\":{{\"request\":{{\"url\":{value},\"x\":{value}}}}}"),
            format!("\"cause\":{value}"),
            format!("\"cause\":{{\"exceptions\":[{{\"stack\":{value}}}]}}"),
            format!("\"links\":[{{\"id\":{value}}}]"),
            format!("\"subsegments\":[{value}]"),
            format!("\"subsegments\":[{{\"subsegments\":[{{\"sql\":{{\"url\":{value}}}}}]}}]"),
        ] {
            let document = format!("{{{head},{member}}}");
            assert_eq!(parse(document.as_bytes()).unwrap_err().code, "JSONFormatError", "{document}");
        }
    }
    // What is kept as text, beyond the nesting that clients bear.
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for member in ["x", "metadata", "aws\":{\"ecs", "http\":{\"x", "annotations\":{\"a", "cause\":{\"x"] {
        let closing = "}".repeat(member.matches('{').count());
        let document = format!("{{{head},\"{member}\":{deep}{closing}}}");
        assert_eq!(parse(document.as_bytes()).unwrap_err().code, "JSONFormatError", "{document}");
    }
}

proptest! {
    #[test]
    fn damaged_documents_are_refused_or_written_as_they_are_read(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(prop::sample::select(b"\"\\{}[]:,0e9-ut \x01\xff".to_vec()))), 0..3),
    ) {
        static CAPTURED: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(captured);
        let mut document = CAPTURED[which.index(CAPTURED.len())].clone().into_bytes();
        for (at, byte) in damage {
            let at = at.index(document.len());
            match byte {
                Some(byte) => document[at] = byte,
                None => drop(document.remove(at)),
            }
        }
        if let Ok(segment) = parse(&document) {
            let text = segment.to_json();
            prop_assert_eq!(&parse(text.as_bytes()).unwrap(), &segment, "{}", String::from_utf8_lossy(&document));
        }
    }
}
