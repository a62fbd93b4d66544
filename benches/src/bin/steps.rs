//! Times the steps that a document goes through inside the server, one thread, each on its own.
//!
//! `cargo run --release -p benches --bin steps` prints nanoseconds a document.

use benches::{generate, span};

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use http::Request;
use model::digest::TraceDigest;
use model::{Segment, TraceId, segment};
use otlp::proto::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use sigv4::{Signature, SigningKey};

const DOCUMENTS: u64 = 20_000;
const ROUNDS: u32 = 20;

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutTraceSegments {
    trace_segment_documents: Vec<String>,
}

fn main() {
    let bodies = generate::bodies(DOCUMENTS, 42, 1_700_000_000.0, 60.0);
    let bodies: Vec<generate::Body> = bodies.collect();
    let read = |body: &generate::Body| -> Vec<String> {
        serde_json::from_str::<PutTraceSegments>(&body.text).map(|put| put.trace_segment_documents).unwrap_or_default()
    };
    let documents: Vec<String> = bodies.iter().flat_map(read).collect();
    let bytes: usize = documents.iter().map(String::len).sum();
    println!("{} documents of {} bytes; a segment has {} bytes", documents.len(), bytes / documents.len(), size_of::<Segment>());

    measure("request body to texts", || bodies.iter().map(|body| read(body).len()).sum());
    measure("parse", || documents.iter().filter(|text| segment::parse(text.as_bytes()).is_ok()).count());

    let mut traces: HashMap<TraceId, Vec<Segment<'_>>> = HashMap::new();
    for document in documents.iter().filter_map(|text| segment::parse(text.as_bytes()).ok()) {
        if let Some(id) = document.trace_id {
            traces.entry(id).or_default().push(document);
        }
    }
    measure("digest", || {
        for (id, segments) in &traces {
            black_box(TraceDigest::of(*id, segments));
        }
        documents.len()
    });
    signature(bodies[0].text.as_bytes());
    spans();
}

/// A request of fifty documents: read its signature, make the key, compare.
fn signature(body: &[u8]) {
    const SCOPE: &str = "20231114/us-east-1/xray/aws4_request";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{SCOPE}, SignedHeaders=content-type;host;x-amz-date, Signature={}",
        "0123456789abcdef".repeat(4)
    );
    let request = Request::post("/TraceSegments").header("host", "localhost").header("content-type", "application/json");
    let request = request.header("x-amz-date", "20231114T221320Z").header("authorization", authorization);
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    for (name, body) in [("signature of a small request", &body[..200]), ("signature of a request of 50 documents", body)] {
        measure(name, || {
            let signature = Signature::of(&parts).ok().flatten().expect("a signature");
            let key = SigningKey::new("wJalrXUtnFEMI/K7MDENG", &signature.date, &signature.region, &signature.service);
            // The signature is made up: all is computed until the two are compared.
            assert!(signature.verify(&parts, &sigv4::hash(body), &key, signature.time_secs).is_err());
            1
        });
    }
}

/// What becomes of spans before they are stored.
fn spans() {
    let batches: Vec<_> = span::batches(DOCUMENTS, 42, 1_700_000_000.0, 60.0).collect();
    let count: u64 = batches.iter().map(|batch| batch.spans).sum();
    let bytes: usize = batches.iter().map(|batch| batch.body.len()).sum();
    println!("{count} spans of {} bytes in protobuf", bytes as u64 / count);
    let decode = |body: &[u8]| ExportTraceServiceRequest::decode(body).expect("what was encoded");
    measure("decode a span", || {
        batches.iter().map(|batch| decode(&batch.body).resource_spans.len()).sum::<usize>().max(count as usize)
    });
    let requests: Vec<_> = batches.iter().map(|batch| decode(&batch.body)).collect();
    measure("make documents of a span", || {
        for request in &requests {
            black_box(otlp::documents(request, &otlp::Mapping::default()));
        }
        count as usize
    });
}

/// Runs a step over all documents a few times and prints the fastest round.
fn measure(name: &str, mut step: impl FnMut() -> usize) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let documents = black_box(step());
        best = best.min(started.elapsed().as_secs_f64() * 1e9 / documents as f64);
    }
    println!("{name}: {best:.0} ns");
}
