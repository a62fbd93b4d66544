//! Traffic as an instrumented shop of a dozen services makes it: random ids, 5 to 9 segments a trace in three or four levels,
//! subsegments for calls and work, annotations of low and high cardinality, 1 % faults with exceptions and stacks.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

/// One request's body, and a trace that is in it.
pub struct Body {
    pub text: String,
    pub segments: u64,
    pub trace_id: String,
}

const SERVICES: &[&str] = &[
    "web",
    "gateway",
    "cart",
    "catalog",
    "search",
    "payments",
    "shipping",
    "accounts",
    "pricing",
    "reviews",
    "inventory",
    "notifications",
    "fraud-check",
];
const TABLES: &[&str] = &["orders-table", "sessions", "stock", "profiles"];
const PATHS: &[&str] = &["/", "/products", "/checkout", "/cart", "/search", "/account/orders", "/api/v1/recommendations"];

/// Requests of 50 documents, made as they are asked for; documents of one trace arrive close together, children first, as they do.
pub struct Bodies {
    random: StdRng,
    segments: u64,
    made: u64,
    from: f64,
    secs: f64,
    documents: Vec<String>,
    last_id: String,
}

/// So many segments, whose traces begin evenly over `secs` seconds.
pub fn bodies(segments: u64, seed: u64, from: f64, secs: f64) -> Bodies {
    let random = StdRng::seed_from_u64(seed);
    Bodies { random, segments, made: 0, from, secs, documents: Vec::new(), last_id: String::new() }
}

impl Iterator for Bodies {
    type Item = Body;

    fn next(&mut self) -> Option<Body> {
        while self.documents.len() < 50 && self.made < self.segments {
            let trace = trace(&mut self.random, self.from + self.secs * self.made as f64 / self.segments as f64);
            self.made += trace.documents.len() as u64;
            self.documents.extend(trace.documents);
            self.last_id = trace.id;
        }
        let rest = self.documents.split_off(self.documents.len().min(50));
        let documents = std::mem::replace(&mut self.documents, rest);
        let text = json!({"TraceSegmentDocuments": documents}).to_string();
        (!documents.is_empty()).then(|| Body { text, segments: documents.len() as u64, trace_id: self.last_id.clone() })
    }
}

struct GeneratedTrace {
    id: String,
    documents: Vec<String>,
}

fn trace(random: &mut StdRng, at: f64) -> GeneratedTrace {
    let id = format!("1-{:08x}-{:08x}{:016x}", at as u32, random.random::<u32>(), random.random::<u64>());
    let user = format!("user-{:04}", random.random_range(0..1000));
    let mut maker = Maker { random, id: id.clone(), user, documents: Vec::new(), left: 0 };
    maker.left = maker.random.random_range(5..=9);
    maker.segment("web", None, at, 0);
    GeneratedTrace { id, documents: maker.documents }
}

struct Maker<'r> {
    random: &'r mut StdRng,
    id: String,
    user: String,
    documents: Vec<String>,
    left: u32,
}

impl Maker<'_> {
    fn id(&mut self) -> String {
        format!("{:016x}", self.random.random::<u64>())
    }

    /// Makes a segment and what it calls. Returns its duration and whether it failed.
    fn segment(&mut self, name: &str, parent: Option<&str>, start: f64, depth: u32) -> (f64, bool) {
        self.left = self.left.saturating_sub(1);
        let id = self.id();
        let mut subsegments = Vec::new();
        let mut at = start + self.random.random_range(0.0005..0.003);
        let mut fault = self.random.random_bool(0.002);
        if depth > 0 {
            let (call, secs, failed) = self.table_call(at);
            subsegments.push(call);
            at += secs;
            fault |= failed && self.random.random_bool(0.5);
        }
        let calls = if depth == 0 { 3 } else { self.random.random_range(0..=2) };
        for _ in 0..calls {
            if self.left == 0 || depth >= 3 {
                break;
            }
            let callee = SERVICES[1..].choose(self.random).copied().unwrap_or("cart");
            let call_id = self.id();
            let (secs, failed) = self.segment(callee, Some(&call_id), at + 0.0004, depth + 1);
            let status = if failed { 500 } else { 200 };
            let mut call = json!({
                "id": call_id, "name": callee, "namespace": "remote", "start_time": at, "end_time": at + secs + 0.0008,
                "http": {"request": {"method": "GET", "url": format!("http://{callee}.internal/v1/items")}, "response": {"status": status, "content_length": 512}},
            });
            if failed {
                call["fault"] = json!(true);
                fault |= self.random.random_bool(0.5);
            }
            subsegments.push(call);
            at += secs + 0.001;
        }
        let slow = if self.random.random_bool(0.005) { self.random.random_range(0.5..3.0) } else { 0.0 };
        let end = at + self.random.random_range(0.001..0.02) + slow;
        let path = PATHS.choose(self.random).copied().unwrap_or("/");
        let tier = ["free", "gold", "silver"].choose(self.random).copied().unwrap_or("free");
        let mut document = json!({
            "name": name, "id": id, "trace_id": self.id, "start_time": start, "end_time": end,
            "origin": "AWS::ECS::Container",
            "service": {"runtime": "CPython", "runtime_version": "3.11.7"},
            "aws": {"xray": {"sdk": "X-Ray for Python", "sdk_version": "2.15.0"},
                    "ecs": {"container": format!("ip-10-0-{}-{}", self.random.random_range(0..4), self.random.random_range(0..200))}},
            "http": {"request": {"method": "GET", "url": format!("http://{name}.example.com{path}"), "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
                                  "client_ip": format!("10.1.{}.{}", self.random.random_range(0..256), self.random.random_range(0..256))},
                     "response": {"status": if fault { 500 } else { 200 }, "content_length": self.random.random_range(100..9000)}},
            "annotations": {"tier": tier, "user_id": self.user, "release": "2026.11.3", "cart_items": self.random.random_range(0..40)},
            "subsegments": subsegments,
        });
        if let Some(parent) = parent {
            document["parent_id"] = json!(parent);
        } else {
            document["user"] = json!(self.user);
        }
        if fault {
            document["fault"] = json!(true);
            document["cause"] = self.cause("RuntimeError", "the upstream answered with an error");
        }
        self.documents.push(document.to_string());
        (end - start, fault)
    }

    fn table_call(&mut self, at: f64) -> (Value, f64, bool) {
        let secs = self.random.random_range(0.001..0.012);
        let failed = self.random.random_bool(0.004);
        let table = TABLES.choose(self.random).copied().unwrap_or("orders-table");
        let mut call = json!({
            "id": self.id(), "name": "dynamodb", "namespace": "aws", "start_time": at, "end_time": at + secs,
            "http": {"response": {"status": if failed { 400 } else { 200 }}},
            "aws": {"operation": "GetItem", "region": "eu-west-1", "table_name": table,
                    "request_id": format!("{:016X}{:016X}", self.random.random::<u64>(), self.random.random::<u64>())},
        });
        if failed {
            call["error"] = json!(true);
            call["cause"] = self.cause("ClientError", "An error occurred (ValidationException) when calling the GetItem operation");
        }
        (call, secs, failed)
    }

    fn cause(&mut self, kind: &str, message: &str) -> Value {
        let frame = |label: &str, line: u32| json!({"path": "app.py", "line": line, "label": label});
        json!({"working_directory": "/app", "exceptions": [{
            "id": self.id(), "type": kind, "message": message, "remote": false,
            "stack": [frame("dispatch_request", 902), frame("handle", 77), frame("fetch", 31), frame("_api_call", 606), frame("_make_api_call", 1094)],
        }]})
    }
}
