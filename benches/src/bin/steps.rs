//! Times the steps that a document goes through inside the server, one thread, each on its own.
//!
//! `cargo run --release -p benches --bin steps` prints nanoseconds a document.

use benches::generate;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use model::digest::TraceDigest;
use model::{Segment, TraceId, segment};

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
