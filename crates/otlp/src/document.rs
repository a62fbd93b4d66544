//! Spans as segment documents: the mapping of the OpenTelemetry Collector's X-Ray exporter, with the newer semantic conventions
//! beside the old ones.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use model::quota::Quotas;
use model::segment::{Aws, Cause, Exception, Http, HttpRequest, HttpResponse, Json, Members, RecordedCause};
use model::{Segment, SegmentId, TraceId, limit};
use serde_json::{Map, Value, json};

use crate::attribute::{find_text, int, plain, text, texts, write_plain};
use crate::exception::stack;
use crate::extra::{self, Attributes, Extra, ExtraEvent, ExtraLink, ExtraScope, Typed};
use crate::proto::collector::trace::v1::ExportTraceServiceRequest;
use crate::proto::common::v1::{AnyValue, KeyValue};
use crate::proto::trace::v1::span::SpanKind;
use crate::proto::trace::v1::{Span, status::StatusCode};
use crate::resource::{METADATA_PREFIX, Reporter, well_formed};
use crate::same;

/// Set where a span says whether its parent is in another process, and where it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// What attributes begin with that are metadata of a namespace.
pub(crate) const METADATA_ATTRIBUTE: &str = "aws.xray.metadata.";
pub(crate) const ANNOTATIONS_ATTRIBUTE: &str = "aws.xray.annotations";
/// The namespace of metadata that attributes are in.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// Databases that X-Ray knows as SQL.
const SQL_SYSTEMS: &[&str] = &[
    "db2",
    "derby",
    "hive",
    "mariadb",
    "mssql",
    "microsoft.sql_server",
    "mysql",
    "oracle",
    "oracle.db",
    "postgresql",
    "sqlite",
    "teradata",
    "other_sql",
];

/// Which attributes become annotations, besides those that a span names itself.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub indexed_attributes: HashSet<String>,
    pub index_all_attributes: bool,
    /// Attributes of resources that become dimensions of metrics.
    pub metric_dimensions: Vec<String>,
    /// Bytes that a span may have as a document.
    pub span_bytes: usize,
}

impl Default for Mapping {
    fn default() -> Mapping {
        Mapping {
            indexed_attributes: HashSet::new(),
            index_all_attributes: false,
            metric_dimensions: Vec::new(),
            span_bytes: Quotas::default().span_bytes,
        }
    }
}

/// A document made of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanDocument {
    pub trace_id: TraceId,
    /// Those of one request share their memory.
    pub text: Bytes,
}

/// A span that cannot be kept, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("span {span_id} of trace {trace_id} ({name}): {reason}")]
pub struct RefusedSpan {
    pub code: &'static str,
    pub trace_id: String,
    pub span_id: String,
    pub name: String,
    pub reason: String,
}

/// The documents of all spans of a request.
pub fn documents(request: &ExportTraceServiceRequest, mapping: &Mapping) -> (Vec<SpanDocument>, Vec<RefusedSpan>) {
    let spans = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).map(|scope| scope.spans.len()).sum();
    let mut made = Made { text: Vec::with_capacity(spans * TYPICAL_BYTES), documents: Vec::with_capacity(spans) };
    let mut refused = Vec::new();
    for resource_spans in &request.resource_spans {
        let reporter = Reporter::of(resource_spans.resource.as_ref(), &resource_spans.schema_url);
        for scope_spans in &resource_spans.scope_spans {
            let scope = ExtraScope::of(scope_spans.scope.as_ref(), &scope_spans.schema_url);
            let scope = (scope != ExtraScope::default()).then(|| serde_json::to_string(&scope).unwrap_or_default());
            for span in &scope_spans.spans {
                let maker = Maker { reporter: &reporter, scope: scope.as_deref(), mapping, span, known: Known::of(span) };
                if let Err((code, reason)) = maker.documents(&mut made) {
                    refused.push(RefusedSpan {
                        code,
                        trace_id: hex(short(&span.trace_id)),
                        span_id: hex(short(&span.span_id)),
                        name: span.name.chars().take(limit::NAME_CHARS).collect(),
                        reason,
                    });
                }
            }
        }
    }
    let text = Bytes::from(made.text);
    let documents = made.documents.into_iter().map(|(trace_id, place)| SpanDocument { trace_id, text: text.slice(place) });
    (documents.collect(), refused)
}

/// What a document of a span takes, about.
const TYPICAL_BYTES: usize = 1024;

/// Documents one behind the other, and where each stands.
struct Made {
    text: Vec<u8>,
    documents: Vec<(TraceId, Range<usize>)>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As much of an id that may be no id as is worth telling.
fn short(id: &[u8]) -> &[u8] {
    &id[..id.len().min(20)]
}

/// Declares the attributes that members are made of: a slot for each, filled in one pass.
macro_rules! known {
    ($($slot:ident: $($key:literal)|+;)*) => {
        /// Attributes that members of the document are made of. Where two conventions have a name each, the first that came counts.
        #[derive(Default)]
        struct Known<'a> {
            $($slot: Option<&'a AnyValue>,)*
        }

        impl<'a> Known<'a> {
            fn put(&mut self, pair: &'a KeyValue) {
                match pair.key.as_str() {
                    $($($key)|+ => { self.$slot = self.$slot.or(pair.value.as_ref()); })*
                    _ => {}
                }
            }
        }

        /// Whether members of documents are made of the attribute.
        pub(crate) fn is_known(key: &str) -> bool {
            matches!(key, $($($key)|+)|*)
        }
    };
}

known! {
    local_service: "aws.local.service";
    remote_service: "aws.remote.service";
    span_kind: "aws.span.kind";
    annotations: "aws.xray.annotations";
    peer_service: "peer.service" | "service.peer.name";
    aws_service: "aws.service";
    aws_operation: "aws.operation";
    aws_account: "aws.account_id" | "aws.remote.resource.account.id" | "cloud.account.id";
    aws_region: "aws.region" | "cloud.region";
    aws_request_id: "aws.request_id" | "aws.requestId";
    aws_queue_url: "aws.queue_url" | "aws.queue.url" | "aws.sqs.queue.url" | "messaging.url";
    aws_table: "aws.table_name" | "aws.table.name" | "aws.dynamodb.table_names";
    aws_bucket: "aws.s3.bucket" | "aws.bucket.name";
    aws_function: "aws.lambda.function.name" | "faas.invoked_name";
    rpc_system: "rpc.system" | "rpc.system.name";
    rpc_service: "rpc.service";
    rpc_method: "rpc.method";
    db_system: "db.system" | "db.system.name";
    db_name: "db.name" | "db.namespace";
    db_connection: "db.connection_string";
    db_user: "db.user";
    db_statement: "db.statement" | "db.query.text";
    method: "http.method" | "http.request.method";
    status: "http.status_code" | "http.response.status_code";
    url: "http.url" | "url.full";
    scheme: "http.scheme" | "url.scheme";
    http_host: "http.host";
    target: "http.target";
    path: "url.path";
    query: "url.query";
    server_name: "http.server_name";
    host_name: "net.host.name";
    host_port: "net.host.port";
    server_address: "server.address";
    server_port: "server.port";
    peer_name: "net.peer.name";
    peer_port: "net.peer.port";
    peer_address: "net.peer.ip" | "net.sock.peer.addr" | "network.peer.address";
    client_address: "http.client_ip" | "client.address";
    user_agent: "http.user_agent" | "user_agent.original";
    content_length: "http.response_content_length" | "http.response.body.size";
    user: "enduser.id";
    destination: "messaging.destination" | "messaging.destination.name";
}

impl<'a> Known<'a> {
    fn of(span: &'a Span) -> Known<'a> {
        let mut known = Known::default();
        span.attributes.iter().for_each(|pair| known.put(pair));
        known
    }
}

type Refusal = (&'static str, String);

/// What makes the documents of one span.
struct Maker<'a> {
    reporter: &'a Reporter<'a>,
    scope: Option<&'a str>,
    mapping: &'a Mapping,
    span: &'a Span,
    known: Known<'a>,
}

impl<'a> Maker<'a> {
    fn documents(&self, made: &mut Made) -> Result<(), Refusal> {
        let invalid = |what: &str| Err(("InvalidSpan", what.to_owned()));
        let Ok(trace_id) = <[u8; 16]>::try_from(self.span.trace_id.as_slice()) else {
            return invalid("the trace id does not have 16 bytes");
        };
        let Some(id) = span_id(&self.span.span_id) else { return invalid("the span id does not have 8 bytes, or they are zero") };
        if trace_id == [0; 16] {
            return invalid("the trace id is zero");
        }
        let parent_id = match self.span.parent_span_id.as_slice() {
            [] => None,
            bytes => match <[u8; 8]>::try_from(bytes) {
                Ok(bytes) => Some(u64::from_be_bytes(bytes)).filter(|&id| id != 0).map(SegmentId),
                Err(_) => return invalid("the parent's span id does not have 8 bytes"),
            },
        };
        if self.span.start_time_unix_nano == 0 {
            return invalid("the span has no start time");
        }
        let trace_id = TraceId(trace_id);
        let mut push = |segment: &Segment<'_>| {
            let begin = made.text.len();
            segment.write_json(&mut made.text);
            let (bytes, limit) = (made.text.len() - begin, self.mapping.span_bytes);
            if bytes > limit {
                made.text.truncate(begin);
                return Err(("SpanTooLarge", format!("the span has {bytes} bytes as a document, the limit is {limit}")));
            }
            made.documents.push((trace_id, begin..made.text.len()));
            Ok(())
        };
        let local_root = text(self.known.span_kind) == Some("LOCAL_ROOT");
        let known_service = self.reporter.service_name.or(text(self.known.local_service)).is_some();
        if self.is_call() && (local_root || (parent_id.is_none() && known_service)) {
            // A service of which nothing but this call was recorded: it gets a segment to stand for it.
            let service_id = id.inferred();
            let mut call = self.segment(trace_id, id, Some(service_id), false);
            let mut service = self.service_of(&call, service_id, parent_id);
            service.trace_id = Some(trace_id);
            call.kind = Some("subsegment".into());
            push(&call)?;
            return push(&service);
        }
        let is_segment = parent_id.is_none() || self.kind() == SpanKind::Server || local_root || self.has_remote_parent();
        push(&self.segment(trace_id, id, parent_id, is_segment))
    }

    fn kind(&self) -> SpanKind {
        SpanKind::try_from(self.span.kind).unwrap_or(SpanKind::Unspecified)
    }

    fn is_call(&self) -> bool {
        matches!(self.kind(), SpanKind::Client | SpanKind::Producer | SpanKind::Consumer)
    }

    fn has_remote_parent(&self) -> bool {
        self.kind() == SpanKind::Consumer && self.span.flags & (HAS_IS_REMOTE | IS_REMOTE) == HAS_IS_REMOTE | IS_REMOTE
    }

    fn is_aws_call(&self) -> bool {
        text(self.known.rpc_system) == Some("aws-api") || text(self.known.aws_service).is_some()
    }

    fn segment(&self, trace_id: TraceId, id: SegmentId, parent_id: Option<SegmentId>, is_segment: bool) -> Segment<'a> {
        let span = self.span;
        let start_time = span.start_time_unix_nano as f64 / 1e9;
        let end_time = span.end_time_unix_nano.max(span.start_time_unix_nano) as f64 / 1e9;
        let name = self.name(is_segment);
        let mut segment = Segment::new(id, name, start_time);
        segment.end_time = Some(end_time);
        segment.trace_id = Some(trace_id);
        segment.parent_id = parent_id;
        segment.kind = (!is_segment).then_some("subsegment".into());
        if self.kind() == SpanKind::Client || (self.is_aws_call() && self.is_call()) {
            segment.namespace = Some(if self.is_aws_call() { "aws" } else { "remote" }.into());
        } else if !is_segment && self.is_call() {
            segment.namespace = Some("remote".into());
        }
        segment.user = text(self.known.user).map(Cow::from);
        segment.http = self.http(is_segment);
        let (error, throttle, fault) = self.flags();
        segment.error = error.then_some(true);
        segment.throttle = throttle.then_some(true);
        segment.fault = fault.then_some(true);
        segment.cause = self.cause(id, error || fault);
        segment.sql = self.sql();
        if is_segment {
            segment.origin = self.reporter.origin.map(Cow::from);
            segment.service = self.reporter.service.clone();
        }
        segment.aws = self.aws(is_segment);
        let links = span.links.iter().map(link).collect::<Vec<_>>();
        segment.links = (!links.is_empty()).then_some(links);
        self.attributes(&mut segment, is_segment);
        segment
    }

    /// The segment of a service of which only a call is known.
    fn service_of(&self, call: &Segment<'a>, id: SegmentId, parent_id: Option<SegmentId>) -> Segment<'a> {
        let mut service = Segment::new(id, self.name(true), call.start_time);
        service.end_time = call.end_time;
        service.parent_id = parent_id;
        service.origin = self.reporter.origin.map(Cow::from);
        service.service = self.reporter.service.clone();
        service.aws = Some(Box::new(self.reporter.aws.clone()));
        (service.error, service.throttle, service.fault) = (call.error, call.throttle, call.fault);
        if !self.reporter.metadata.is_empty() {
            service.metadata = Some(well_formed(&json!({ DEFAULT_NAMESPACE: self.reporter.metadata })));
        }
        service.rest.0.push((extra::MEMBER.into(), Json::from_well_formed(r#"{"made":true}"#)));
        service
    }

    fn name(&self, is_segment: bool) -> Cow<'a, str> {
        let known = &self.known;
        if is_segment && let Some(name) = text(known.local_service).or(self.reporter.service_name) {
            return document_name(name);
        }
        let remote = || -> Option<Cow<'a, str>> {
            if let Some(name) = text(known.remote_service).filter(|_| self.is_call()) {
                let short = ["AWS.SDK.", "AWS::"].iter().find_map(|prefix| name.strip_prefix(prefix));
                return Some(short.filter(|_| self.is_aws_call()).unwrap_or(name).into());
            }
            if let Some(name) = text(known.peer_service).or_else(|| text(known.aws_service)) {
                return Some(name.into());
            }
            if self.is_aws_call() {
                return text(known.rpc_service).map(Cow::from);
            }
            if text(known.db_system).is_some() {
                return self.database_name();
            }
            None
        };
        if let Some(name) = remote() {
            return document_name(name);
        }
        if self.is_call() {
            let called = text(known.rpc_service)
                .or_else(|| text(known.http_host))
                .or_else(|| text(known.peer_name))
                .or_else(|| text(known.server_address))
                .or_else(|| text(known.destination).filter(|_| self.kind() != SpanKind::Client))
                .map(Cow::from)
                .or_else(|| text(known.url).and_then(host_of).map(Cow::from));
            if let Some(called) = called {
                return document_name(called);
            }
        }
        document_name(&*self.span.name)
    }

    /// A database is named as X-Ray's SDKs name it.
    fn database_name(&self) -> Option<Cow<'a, str>> {
        let known = &self.known;
        let host = text(known.db_connection)
            .and_then(|url| host_of(url.strip_prefix("jdbc:").unwrap_or(url)))
            .or_else(|| text(known.server_address))
            .or_else(|| text(known.peer_name));
        match (text(known.db_name), host) {
            (Some(name), Some(host)) => Some(format!("{name}@{host}").into()),
            (Some(name), None) => Some(name.into()),
            (None, Some(host)) => Some(host.into()),
            (None, None) => text(known.db_system).map(Cow::from),
        }
    }

    fn http(&self, is_segment: bool) -> Option<Box<Http<'a>>> {
        let known = &self.known;
        let method = text(known.method);
        let status = int(known.status);
        let url = self.url(is_segment);
        if method.is_none() && status.is_none() && url.is_none() {
            return None;
        }
        if method.is_none() && status.is_none() && text(known.url).is_none() && self.is_aws_call() {
            return None;
        }
        let mut request = HttpRequest {
            method: method.map(Cow::from),
            url,
            user_agent: text(known.user_agent).map(Cow::from),
            ..HttpRequest::default()
        };
        if self.kind() == SpanKind::Server {
            let peer = text(known.peer_address);
            let client = text(known.client_address);
            request.client_ip = client.or(peer).map(Cow::from);
            if client.is_some() && client != peer {
                request.rest.0.push(("x_forwarded_for".into(), Json::from_well_formed("true")));
            }
        }
        let content_length = int(known.content_length).or_else(|| self.received_bytes());
        let response = HttpResponse { status, content_length, rest: Members::default() };
        let has_response = response.status.is_some() || response.content_length.is_some();
        Some(Box::new(Http {
            request: (request != HttpRequest::default()).then_some(request),
            response: has_response.then_some(response),
            rest: Members::default(),
        }))
    }

    /// The size of what was received, where the span recorded messages as events.
    fn received_bytes(&self) -> Option<i64> {
        self.span.events.iter().find_map(|event| {
            let get = |key: &str| event.attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_ref());
            let kind = text(get("message.type").or_else(|| get("messaging.message.type")))?;
            if kind != "RECEIVED" {
                return None;
            }
            int(get("message.uncompressed_size").or_else(|| get("messaging.message_payload_size_bytes")))
        })
    }

    fn url(&self, is_segment: bool) -> Option<Cow<'a, str>> {
        let known = &self.known;
        if let Some(url) = text(known.url) {
            return Some(url.into());
        }
        let path: Option<Cow<'a, str>> = text(known.target).map(Cow::from).or_else(|| {
            let path = text(known.path)?;
            Some(match text(known.query) {
                Some(query) => format!("{path}?{query}").into(),
                None => path.into(),
            })
        });
        let scheme = text(known.scheme);
        if path.is_none() && scheme.is_none() && text(known.http_host).is_none() {
            return None;
        }
        let scheme = scheme.unwrap_or("http");
        let with_port = |host: Option<&'a str>, port: Option<&AnyValue>| -> Option<Cow<'a, str>> {
            let host = host?;
            Some(match int(port).filter(|&port| !(scheme == "http" && port == 80 || scheme == "https" && port == 443)) {
                Some(port) => format!("{host}:{port}").into(),
                None => host.into(),
            })
        };
        let host = text(known.http_host).map(Cow::from);
        let host = if self.kind() == SpanKind::Server || is_segment {
            host.or_else(|| with_port(text(known.server_name), known.host_port))
                .or_else(|| with_port(text(known.host_name), known.host_port))
                .or_else(|| with_port(text(known.server_address), known.server_port))
                .or_else(|| with_port(self.reporter.host_name, known.host_port))
        } else {
            host.or_else(|| with_port(text(known.server_address), known.server_port))
                .or_else(|| with_port(text(known.peer_name), known.peer_port))
                .or_else(|| with_port(text(known.peer_address), known.peer_port))
        };
        let path = path.unwrap_or("/".into());
        Some(match host {
            Some(host) => format!("{scheme}://{host}{}{path}", if path.starts_with('/') { "" } else { "/" }).into(),
            None => path,
        })
    }

    fn status_code(&self) -> StatusCode {
        self.span.status.as_ref().map_or(StatusCode::Unset, |status| status.code())
    }

    /// Error, throttle, fault. What HTTP says counts; a failed span that HTTP calls a success is a fault.
    fn flags(&self) -> (bool, bool, bool) {
        match int(self.known.status) {
            Some(status @ 400..=499) => (true, status == 429, false),
            Some(500..=599) => (false, false, true),
            _ => (false, false, self.status_code() == StatusCode::Error),
        }
    }

    fn cause(&self, id: SegmentId, failed: bool) -> Option<Cause<'a>> {
        if !failed {
            return None;
        }
        let remote = matches!(self.kind(), SpanKind::Client | SpanKind::Producer).then_some(true);
        let mut exceptions = Vec::new();
        let mut exception_id = id;
        let mut next_id = || {
            exception_id = exception_id.inferred();
            Some(exception_id.to_string().into())
        };
        for event in &self.span.events {
            match event.name.as_str() {
                "exception" => {
                    let trace = find_text(&event.attributes, "exception.stacktrace");
                    let stack = trace.map(|trace| stack(trace, self.reporter.language)).filter(|stack| !stack.is_empty());
                    exceptions.push(Exception {
                        id: next_id(),
                        kind: find_text(&event.attributes, "exception.type").map(Cow::from),
                        message: find_text(&event.attributes, "exception.message").map(Cow::from),
                        remote,
                        stack: stack.map(|stack| well_formed(&Value::Array(stack))),
                        rest: Members::default(),
                    });
                }
                "HTTP request failure" if self.is_aws_call() => exceptions.push(Exception {
                    id: next_id(),
                    kind: find_text(&event.attributes, "aws.http.error_message").map(|_| "AWS API error".into()),
                    message: find_text(&event.attributes, "aws.http.error_message")
                        .or_else(|| find_text(&event.attributes, "http.response.error"))
                        .map(Cow::from),
                    remote,
                    ..Exception::default()
                }),
                _ => {}
            }
        }
        if exceptions.is_empty() {
            let message = self.span.status.as_ref().map(|status| status.message.as_str()).filter(|text| !text.is_empty())?;
            exceptions.push(Exception { id: next_id(), message: Some(message.into()), remote, ..Exception::default() });
        }
        Some(Cause::Recorded(Box::new(RecordedCause { exceptions: Some(exceptions), rest: Members::default() })))
    }

    fn sql(&self) -> Option<Json<'static>> {
        let known = &self.known;
        let system = text(known.db_system)?;
        if !SQL_SYSTEMS.contains(&system) {
            return None;
        }
        let connection = text(known.db_connection);
        let host = text(known.server_address).or_else(|| text(known.peer_name));
        let name = text(known.db_name).map_or_else(String::new, |name| format!("/{name}"));
        let url = connection.or(host).unwrap_or("localhost");
        let mut sql = Map::new();
        sql.insert("url".to_owned(), format!("{url}{name}").into());
        for (member, value) in [
            ("connection_string", connection),
            ("database_type", Some(system)),
            ("user", text(known.db_user)),
            ("sanitized_query", text(known.db_statement)),
        ] {
            if let Some(value) = value {
                sql.insert(member.to_owned(), value.into());
            }
        }
        Some(well_formed(&Value::Object(sql)))
    }

    fn aws(&self, is_segment: bool) -> Option<Box<Aws<'a>>> {
        let known = &self.known;
        let mut aws = if is_segment { self.reporter.aws.clone() } else { Aws::default() };
        if self.is_aws_call() {
            let own = |value: Option<&'a AnyValue>| text(value).map(Cow::from);
            aws.operation = own(known.aws_operation).or_else(|| {
                // Newer instrumentations put the service before it.
                text(known.rpc_method).map(|method| method.rsplit('/').next().unwrap_or(method).into())
            });
            aws.region = own(known.aws_region);
            aws.request_id = own(known.aws_request_id);
            aws.queue_url = own(known.aws_queue_url);
            aws.bucket_name = own(known.aws_bucket);
            aws.function_name = own(known.aws_function);
            aws.table_name = texts(known.aws_table).first().map(|&name| name.into());
            if let Some(account) = own(known.aws_account) {
                aws.account_id = Some(account);
            }
        }
        (aws != Aws::default()).then(|| Box::new(aws))
    }

    /// Puts each attribute where it belongs, and the rest of the span beside them.
    fn attributes(&self, segment: &mut Segment<'a>, is_segment: bool) {
        let span = self.span;
        let named: Vec<&str> = texts(self.known.annotations);
        let indexed =
            |key: &str| self.mapping.index_all_attributes || named.contains(&key) || self.mapping.indexed_attributes.contains(key);
        let mut annotations = Map::new();
        let mut namespaces = Map::new();
        // Members of metadata's `default`, one behind the other.
        let mut default: Vec<u8> = Vec::with_capacity(TYPICAL_BYTES / 2);
        if is_segment {
            default.extend_from_slice(self.reporter.metadata_members.as_bytes());
        }
        let mut keys = Keys::new(span.attributes.len());
        let mut extra = Extra::default();
        for pair in &span.attributes {
            if indexed(&pair.key)
                && let Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) = plain(pair.value.as_ref())
                && pair.key != ANNOTATIONS_ATTRIBUTE
            {
                let key = annotation_key(&pair.key);
                let whole = key == pair.key;
                let free = !annotations.contains_key(&*key);
                if free && !whole {
                    extra.annotations.push(key.clone().into_owned());
                }
                if free {
                    annotations.insert(key.into_owned(), value);
                }
                if !free || !whole {
                    extra.attributes.push(pair);
                }
                continue;
            }
            if let Some(namespace) = pair.key.strip_prefix(METADATA_ATTRIBUTE) {
                if namespace != DEFAULT_NAMESPACE
                    && !namespace.is_empty()
                    && let Some(text) = text(pair.value.as_ref())
                    && let Ok(object @ Value::Object(_)) = serde_json::from_str(text)
                {
                    namespaces.insert(namespace.to_owned(), object);
                }
                extra.attributes.push(pair);
                continue;
            }
            if is_known(&pair.key) {
                if same::is_same(segment, pair) {
                    extra.same.push(pair.key.clone());
                } else {
                    extra.attributes.push(pair);
                }
                continue;
            }
            let begin = default.len();
            if pair.key.starts_with(METADATA_PREFIX)
                || keys.has(&pair.key)
                || !push_member(&mut default, &pair.key, |out| write_plain(pair.value.as_ref(), out))
            {
                default.truncate(begin);
                extra.attributes.push(pair);
            } else {
                keys.add(&pair.key);
            }
        }
        for (key, value) in &self.reporter.annotated(self.mapping, is_segment) {
            let key = annotation_key(&format!("{METADATA_PREFIX}{key}")).into_owned();
            if !annotations.contains_key(&key) {
                extra.annotations.push(key.clone());
                annotations.insert(key, value.clone());
            }
        }
        segment.annotations = (!annotations.is_empty()).then(|| well_formed(&Value::Object(annotations)));
        segment.metadata = metadata(&default, &namespaces);

        extra.kind = span.kind;
        extra.name = (span.name != segment.name).then(|| span.name.clone());
        let end = segment.end_time.unwrap_or_default();
        extra.ns = [behind(span.start_time_unix_nano, segment.start_time), behind(span.end_time_unix_nano, end)];
        extra.trace_state = span.trace_state.clone();
        extra.flags = span.flags;
        extra.status =
            span.status.as_ref().map(|status| (status.code, status.message.clone())).filter(|it| *it != Default::default());
        extra.events = span.events.iter().map(ExtraEvent::of).collect();
        extra.links = span.links.iter().map(extra_link).collect();
        if extra.links.iter().all(|link| *link == ExtraLink::default()) {
            extra.links.clear();
        }
        extra.dropped = [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count];
        let mut text = serde_json::to_string(&extra).unwrap_or_default();
        // Scope and resource are the same for many spans: their JSON is made once.
        let resource = if is_segment { &self.reporter.extra_beside_metadata } else { &self.reporter.extra };
        for (member, value) in [("scope", self.scope), ("resource", resource.as_deref())] {
            if let Some(value) = value {
                text.pop();
                if text.len() > 1 {
                    text.push(',');
                }
                text.push_str(&format!("\"{member}\":{value}}}"));
            }
        }
        segment.rest.0.push((extra::MEMBER.into(), Json::from_well_formed(text)));
    }
}

/// Metadata: members of `default`, one behind the other, and other namespaces.
fn metadata(default: &[u8], namespaces: &Map<String, Value>) -> Option<Json<'static>> {
    if default.is_empty() && namespaces.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(default.len() + 16);
    if !default.is_empty() {
        push_member(&mut out, DEFAULT_NAMESPACE, |out| {
            out.push(b'{');
            out.extend_from_slice(default);
            out.push(b'}');
            true
        });
    }
    for (namespace, object) in namespaces {
        push_member(&mut out, namespace, |out| serde_json::to_writer(out, object).is_ok());
    }
    out.insert(0, b'{');
    out.push(b'}');
    Some(Json::from_well_formed(String::from_utf8(out).expect("invariant: what was written is text")))
}

/// Appends a member to those that are there. Where `write` fails, what was appended is not to be used.
fn push_member(members: &mut Vec<u8>, key: &str, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
    if !members.is_empty() {
        members.push(b',');
    }
    if serde_json::to_writer(&mut *members, key).is_err() {
        return false;
    }
    members.push(b':');
    write(members)
}

/// Keys that were seen.
enum Keys<'a> {
    Few(Vec<&'a str>),
    Many(HashSet<&'a str>),
}

impl<'a> Keys<'a> {
    /// For so many at most.
    fn new(count: usize) -> Keys<'a> {
        if count <= 64 { Keys::Few(Vec::with_capacity(count)) } else { Keys::Many(HashSet::with_capacity(count)) }
    }

    fn has(&self, key: &str) -> bool {
        match self {
            Keys::Few(keys) => keys.contains(&key),
            Keys::Many(keys) => keys.contains(key),
        }
    }

    fn add(&mut self, key: &'a str) {
        match self {
            Keys::Few(keys) => keys.push(key),
            Keys::Many(keys) => {
                keys.insert(key);
            }
        }
    }
}

impl Reporter<'_> {
    /// Attributes of the resource that are to be annotations of its segments.
    fn annotated(&self, mapping: &Mapping, is_segment: bool) -> Map<String, Value> {
        if !is_segment || mapping.indexed_attributes.is_empty() {
            return Map::new();
        }
        let own = |(key, value): (&String, &Value)| {
            let key = key.strip_prefix(METADATA_PREFIX)?;
            let flat = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
            let asked = mapping.indexed_attributes.contains(&format!("{METADATA_PREFIX}{key}"));
            (flat && asked).then(|| (key.to_owned(), value.clone()))
        };
        self.metadata.iter().filter_map(own).collect()
    }
}

/// A span's id.
fn span_id(bytes: &[u8]) -> Option<SegmentId> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(SegmentId(id))
}

/// How many nanoseconds a time lies behind what seconds in floating point say. The reverse is `span::nanos`.
fn behind(unix_nano: u64, secs: f64) -> i64 {
    (unix_nano as i128 - crate::span::nanos(secs) as i128) as i64
}

fn link(link: &crate::proto::trace::v1::span::Link) -> Json<'static> {
    let attributes = Attributes::of(&link.attributes).plain;
    let mut object = Map::new();
    let trace_id = <[u8; 16]>::try_from(link.trace_id.as_slice()).map(|id| TraceId(id).to_string());
    object.insert("trace_id".to_owned(), trace_id.unwrap_or_else(|_| hex(&link.trace_id)).into());
    object.insert("id".to_owned(), hex(&link.span_id).into());
    if !attributes.is_empty() {
        object.insert("attributes".to_owned(), Value::Object(attributes));
    }
    well_formed(&Value::Object(object))
}

fn extra_link(link: &crate::proto::trace::v1::span::Link) -> ExtraLink {
    ExtraLink {
        trace_state: link.trace_state.clone(),
        flags: link.flags,
        dropped: link.dropped_attributes_count,
        typed: Typed(Attributes::of(&link.attributes).typed.0),
    }
}

/// X-Ray's annotations have letters, digits, underscores and dots in their keys.
pub(crate) fn annotation_key(key: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if key.chars().all(allowed) {
        return key.into();
    }
    key.chars().map(|c| if allowed(c) { c } else { '_' }).collect::<String>().into()
}

fn document_name<'n>(name: impl Into<Cow<'n, str>>) -> Cow<'n, str> {
    let name = name.into();
    if name.trim().is_empty() {
        return "span".into();
    }
    if name.len() <= limit::NAME_CHARS || name.chars().count() <= limit::NAME_CHARS {
        return name;
    }
    name.chars().take(limit::NAME_CHARS).collect::<String>().into()
}

/// The host of a URL, without its port.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#', ';']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}
