use std::path::Path;

use model::TraceId;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::TraceDocuments;
use crate::cache::Cache;
use crate::table::file::PartFile;

fn cache() -> Arc<Cache> {
    Arc::new(Cache::new(1 << 20, 1 << 20))
}

const TRACE: &str = "1-66b5f1a0-0123456789abcdef01234567";

/// Every document of every capture of the real SDKs.
fn captured() -> Vec<String> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/captures");
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(dir).expect("captures") {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if let Some((_, document)) = line["raw"].as_str().and_then(|raw| raw.split_once('\n')) {
                documents.push(document.to_owned());
            }
        }
    }
    documents.retain(|document| model::segment::parse(document.as_bytes()).is_ok());
    documents
}

/// Writes documents to a file of one trace each, reads them back.
fn round_trip(path: &Path, documents: &[String]) -> Vec<String> {
    let segments: Vec<Segment<'_>> = documents.iter().map(|text| model::segment::parse(text.as_bytes()).unwrap()).collect();
    let mut order: Vec<(TraceId, u64)> = (1..).zip(&segments).map(|(n, segment)| (segment.trace_id.unwrap(), n)).collect();
    order.sort();
    let mut writer = SegmentWriter::create(path).unwrap();
    for &(id, n) in &order {
        writer.append(id, n, &segments[n as usize - 1]).unwrap();
    }
    let SegmentsWritten { file: written, documents: count, traces } = writer.finish().unwrap();
    assert!(traces.is_sorted_by(|a, b| a < b));
    assert_eq!(count, documents.len() as u64);
    assert_eq!(written.bytes, std::fs::metadata(path).unwrap().len());
    let file = SegmentFile::open(path, Arc::new(written.checksums), &cache()).unwrap();
    file.table.file.verify().unwrap();
    let mut read: Vec<(u64, String)> = Vec::new();
    let mut ids: Vec<TraceId> = order.iter().map(|(id, _)| *id).collect();
    ids.dedup();
    for id in ids {
        assert!(file.contains(id).unwrap());
        let mut found = TraceDocuments::default();
        file.documents(id, &mut found).unwrap();
        let numbers = order.iter().filter(|(known, _)| *known == id).map(|(_, n)| *n);
        read.extend(numbers.zip(found.segments().iter().map(Segment::to_json)));
    }
    read.sort();
    read.into_iter().map(|(_, text)| text).collect()
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
fn captured_documents_come_back_as_they_were_sent() {
    let dir = tempfile::tempdir().unwrap();
    let documents = captured();
    assert!(documents.len() > 500, "only {} documents found", documents.len());
    let read = round_trip(&dir.path().join("captures.parquet"), &documents);
    assert_eq!(read.len(), documents.len());
    for (sent, read) in documents.iter().zip(&read) {
        let (sent, read): (Value, Value) = (serde_json::from_str(sent).unwrap(), serde_json::from_str(read).unwrap());
        assert!(same(&sent, &read), "{sent}\n{read}");
    }
}

#[test]
fn a_document_over_the_end_of_pages_and_row_groups_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let wide = |n: u64| {
        let children: Vec<Value> = (0..700)
            .map(|child| json!({"id": format!("{:016x}", n * 1000 + child + 1), "name": "c", "start_time": 1, "end_time": 2}))
            .collect();
        json!({"trace_id": TRACE, "id": format!("{:016x}", n * 1000), "name": "wide", "start_time": 1, "end_time": 2, "subsegments": children}).to_string()
    };
    let documents: Vec<String> = (1..=25).map(wide).collect();
    let read = round_trip(&dir.path().join("wide.parquet"), &documents);
    for (sent, read) in documents.iter().zip(&read) {
        assert!(same(&serde_json::from_str(sent).unwrap(), &serde_json::from_str(read).unwrap()));
    }
    assert_eq!(read.len(), 25);
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flipped.parquet");
    let documents = captured();
    let segments: Vec<Segment<'_>> = documents.iter().map(|text| model::segment::parse(text.as_bytes()).unwrap()).collect();
    let mut writer = SegmentWriter::create(&path).unwrap();
    for (n, segment) in (1..).zip(&segments) {
        writer.append(TRACE.parse().unwrap(), n, segment).unwrap();
    }
    let checksums = Arc::new(writer.finish().unwrap().file.checksums);
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(997) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        let file = PartFile::open(&path, checksums.clone(), &cache()).unwrap();
        assert_eq!(file.verify().unwrap_err().kind(), std::io::ErrorKind::InvalidData, "byte {at}");
    }
    std::fs::write(&path, &whole[..whole.len() - 20_000]).unwrap();
    assert!(PartFile::open(&path, checksums, &cache()).unwrap_err().is_damage());
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

/// A member's name, and what it may be.
type Member = (&'static str, fn() -> BoxedStrategy<Value>);

/// An object with some of these members, and some others.
fn object(known: &'static [Member]) -> BoxedStrategy<Value> {
    let members: Vec<BoxedStrategy<Option<(String, Value)>>> =
        known.iter().map(|(name, value)| prop::option::of(value().prop_map(|value| ((*name).to_owned(), value))).boxed()).collect();
    (members, prop::collection::btree_map("x_[a-z]{1,6}", json_value(), 0..2))
        .prop_map(|(known, others)| Value::Object(known.into_iter().flatten().chain(others).collect()))
        .boxed()
}

fn text() -> BoxedStrategy<Value> {
    ".{0,20}".prop_map(Value::from).boxed()
}
fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}
fn whole() -> BoxedStrategy<Value> {
    any::<i32>().prop_map(Value::from).boxed()
}
fn anything() -> BoxedStrategy<Value> {
    json_value().boxed()
}
fn secs() -> BoxedStrategy<Value> {
    prop_oneof![
        (0.0..4e9f64).prop_map(Value::from),
        (0u64..4_000_000_000_000).prop_map(|ms| Value::from(ms as f64 / 1e3)),
        (0u32..).prop_map(Value::from),
    ]
    .boxed()
}
fn id() -> BoxedStrategy<Value> {
    any::<u64>().prop_map(|id| json!(format!("{id:016x}"))).boxed()
}
fn request() -> BoxedStrategy<Value> {
    object(&[
        ("method", text),
        ("url", text),
        ("user_agent", text),
        ("client_ip", text),
        ("traced", flag),
        ("x_forwarded_for", flag),
    ])
}
fn response() -> BoxedStrategy<Value> {
    object(&[("status", whole), ("content_length", anything)])
}
fn http() -> BoxedStrategy<Value> {
    object(&[("request", request), ("response", response)])
}
fn aws() -> BoxedStrategy<Value> {
    object(&[
        ("account_id", anything),
        ("operation", text),
        ("region", text),
        ("request_id", text),
        ("table_name", text),
        ("bucket_name", text),
        ("queue_url", text),
        ("function_name", anything),
        ("function_arn", text),
        ("ecs", anything),
    ])
}
fn free() -> BoxedStrategy<Value> {
    object(&[])
}
/// Anything, or with what the resource of a span says.
fn metadata() -> BoxedStrategy<Value> {
    let of_resource = object(&[("otel.resource.service.name", text), ("otel.resource.x", anything), ("a", anything)]);
    let default = prop_oneof![of_resource, json_value()];
    let namespaces = (default, free()).prop_map(|(default, mut namespaces)| {
        namespaces["default"] = default;
        namespaces
    });
    prop_oneof![anything(), namespaces].boxed()
}
/// What a span says that X-Ray has no member for, or anything of that name.
fn otel() -> BoxedStrategy<Value> {
    let nanos = || prop_oneof![any::<[i16; 2]>().prop_map(|nanos| json!(nanos)), json_value()].boxed();
    let members = object(&[
        ("kind", whole),
        ("name", text),
        ("same", anything),
        ("scope", free),
        ("resource", free),
        ("attributes", free),
        ("events", anything),
    ]);
    let span = (members, prop::option::of(nanos())).prop_map(|(mut members, nanos)| {
        if let Some(nanos) = nanos {
            members["ns"] = nanos;
        }
        members
    });
    prop_oneof![3 => span, 1 => anything()].boxed()
}
fn exceptions() -> BoxedStrategy<Value> {
    prop::collection::vec(object(&[("id", text), ("message", text), ("type", text), ("remote", flag), ("stack", anything)]), 0..3)
        .prop_map(Value::from)
        .boxed()
}
fn cause() -> BoxedStrategy<Value> {
    prop_oneof![text(), object(&[("exceptions", exceptions), ("working_directory", text)])].boxed()
}
fn links() -> BoxedStrategy<Value> {
    prop::collection::vec(free(), 0..3).prop_map(Value::from).boxed()
}

/// A document, or a subsegment, with any of the members that the model knows, each with a value of its type.
fn entity(depth: u32) -> BoxedStrategy<Value> {
    let members = object(&[
        ("end_time", secs),
        ("parent_id", id),
        ("namespace", text),
        ("origin", text),
        ("resource_arn", text),
        ("user", text),
        ("in_progress", flag),
        ("error", flag),
        ("throttle", flag),
        ("fault", flag),
        ("inferred", flag),
        ("traced", flag),
        ("http", http),
        ("aws", aws),
        ("service", free),
        ("sql", free),
        ("annotations", free),
        ("metadata", metadata),
        ("otel", otel),
        ("cause", cause),
        ("links", links),
    ]);
    let children = match depth {
        0 => Just(None).boxed(),
        _ => prop::option::of(prop::collection::vec(entity(depth - 1), 0..3)).boxed(),
    };
    (members, id(), ".{1,20}", secs(), children, prop::option::of(Just(TRACE)))
        .prop_map(|(mut entity, id, name, start_time, children, trace_id)| {
            entity["id"] = id;
            entity["name"] = json!(name);
            entity["start_time"] = start_time;
            if let Some(children) = children {
                entity["subsegments"] = Value::from(children);
            }
            if let Some(trace_id) = trace_id {
                entity["trace_id"] = json!(trace_id);
            }
            entity
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn documents_come_back_as_they_were_sent(values in prop::collection::vec((entity(2), 0u8..3), 1..8)) {
        let sent: Vec<Value> = values
            .into_iter()
            .map(|(mut value, trace)| {
                value["trace_id"] = json!(format!("1-66b5f1a0-0123456789abcdef0123456{trace}"));
                if value.get("end_time").is_none() {
                    value["in_progress"] = json!(true);
                }
                value
            })
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let texts: Vec<String> = sent.iter().map(Value::to_string).collect();
        let read = round_trip(&dir.path().join("generated.parquet"), &texts);
        prop_assert_eq!(read.len(), sent.len());
        for (sent, read) in sent.iter().zip(&read) {
            let read: Value = serde_json::from_str(read).unwrap();
            prop_assert!(same(sent, &read), "{}\n{}", sent, read);
        }
    }
}
