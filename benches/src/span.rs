//! The same shop as OpenTelemetry would tell of it: 5 to 15 spans a trace over a dozen services, ten attributes on each resource and eleven on each
//! span, some of them different in every span, 1 % errors with an exception.

use otlp::proto::collector::trace::v1::ExportTraceServiceRequest;
use otlp::proto::common::v1::any_value::Value;
use otlp::proto::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use otlp::proto::resource::v1::Resource;
use otlp::proto::trace::v1::span::{Event, SpanKind};
use otlp::proto::trace::v1::status::StatusCode;
use otlp::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Spans of one request, as a collector batches them.
const BATCH: usize = 512;
const SERVICES: usize = 12;

/// One request's body, and a trace that is in it.
pub struct Batch {
    pub body: Vec<u8>,
    pub spans: u64,
    pub trace_id: String,
}

pub struct Batches {
    random: StdRng,
    spans: u64,
    made: u64,
    from: f64,
    secs: f64,
}

/// So many spans, whose traces begin evenly over `secs` seconds.
pub fn batches(spans: u64, seed: u64, from: f64, secs: f64) -> Batches {
    Batches { random: StdRng::seed_from_u64(seed), spans, made: 0, from, secs }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.made >= self.spans {
            return None;
        }
        let mut of_service: Vec<Vec<Span>> = vec![Vec::new(); SERVICES];
        let (mut count, mut last) = (0, [0; 16]);
        while count < BATCH {
            let at = self.from + self.secs * self.made as f64 / self.spans as f64;
            let spans = self.random.random_range(5..=15);
            last = self.trace(at, spans, &mut of_service);
            count += spans;
            self.made += spans as u64;
        }
        let resource_spans = of_service.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty());
        let resource_spans = resource_spans.map(|(service, spans)| ResourceSpans {
            resource: Some(Resource { attributes: resource(service), ..Resource::default() }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "io.opentelemetry.spring-webmvc-6.0".to_owned(),
                    version: "2.9.0-alpha".to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        });
        let body = ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec();
        let hex: String = last.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Batch { body, spans: count as u64, trace_id: format!("1-{}-{}", &hex[..8], &hex[8..]) })
    }
}

impl Batches {
    fn trace(&mut self, at: f64, spans: usize, into: &mut [Vec<Span>]) -> [u8; 16] {
        let mut id: [u8; 16] = self.random.random();
        id[..4].copy_from_slice(&(at as u32).to_be_bytes());
        let start = (at * 1e9) as u64;
        let customer = self.random.random_range(0..50_000);
        let mut parents: Vec<([u8; 8], usize)> = Vec::new();
        for n in 0..spans {
            let span_id: [u8; 8] = self.random.random();
            let parent = if n == 0 { None } else { Some(parents[self.random.random_range(0..parents.len())]) };
            // Every other span is the call that the next service serves.
            let service = parent.map_or(0, |(_, service)| if n % 2 == 0 { (service + n) % SERVICES } else { service });
            let kind = match n {
                0 => SpanKind::Server,
                n if n % 2 == 1 => SpanKind::Client,
                _ => SpanKind::Server,
            };
            let begun = start + self.random.random_range(0..5_000_000) * n as u64;
            let ended = begun + self.random.random_range(200_000..40_000_000);
            let failed = self.random.random_bool(0.01);
            let mut span = Span {
                trace_id: id.to_vec(),
                span_id: span_id.to_vec(),
                parent_span_id: parent.map(|(id, _)| id.to_vec()).unwrap_or_default(),
                name: format!("{} /api/v1/resource-{}", if n % 3 == 0 { "POST" } else { "GET" }, service % 7),
                kind: kind as i32,
                start_time_unix_nano: begun,
                end_time_unix_nano: ended,
                attributes: self.attributes(service, customer, failed),
                flags: 0x101,
                ..Span::default()
            };
            if failed {
                span.status = Some(Status { code: StatusCode::Error as i32, message: "upstream request failed".to_owned() });
                span.events.push(Event {
                    time_unix_nano: ended,
                    name: "exception".to_owned(),
                    attributes: vec![
                        text("exception.type", "java.net.SocketTimeoutException"),
                        text("exception.message", "Read timed out"),
                        text(
                            "exception.stacktrace",
                            "java.net.SocketTimeoutException: Read timed out\n\tat app.Client.call(Client.java:88)\n\tat app.Main.run(Main.java:12)",
                        ),
                    ],
                    ..Event::default()
                });
            }
            into[service].push(span);
            parents.push((span_id, service));
        }
        id
    }

    fn attributes(&mut self, service: usize, customer: u32, failed: bool) -> Vec<KeyValue> {
        let random = &mut self.random;
        vec![
            text("http.request.method", "GET"),
            text("url.path", &format!("/api/v1/resource-{}/{}", service % 7, random.random_range(0..100_000))),
            number("http.response.status_code", if failed { 500 } else { 200 }),
            text("server.address", &format!("service-{service}.internal")),
            number("server.port", 8080),
            text(
                "client.address",
                &format!("10.{}.{}.{}", random.random_range(0..4), random.random_range(0..256), random.random_range(0..256)),
            ),
            text("user_agent.original", "okhttp/4.12.0"),
            text("app.customer.id", &format!("customer-{customer:05}")),
            text("app.request.id", &format!("{:016x}", random.random::<u64>())),
            text("app.tenant", ["blue", "green", "red"][random.random_range(0..3)]),
            number("thread.id", random.random_range(1..64)),
        ]
    }
}

fn resource(service: usize) -> Vec<KeyValue> {
    vec![
        text("service.name", &format!("service-{service}")),
        text("service.namespace", "shop"),
        text("service.version", "2026.11.3"),
        text("deployment.environment.name", "production"),
        text("host.name", &format!("node-{}", service % 5)),
        text("container.id", &format!("{:064x}", service * 7_919 + 17)),
        text("k8s.pod.name", &format!("service-{service}-7d9c5b8f6c-x{service}k2p")),
        text("telemetry.sdk.name", "opentelemetry"),
        text("telemetry.sdk.language", "java"),
        text("telemetry.sdk.version", "1.43.0"),
    ]
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    pair(key, Value::IntValue(value))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
