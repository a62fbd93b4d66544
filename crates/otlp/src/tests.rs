//! Spans through documents and back.

use std::collections::BTreeMap;

use model::segment;
use model::trace::Trace;
use proptest::prelude::*;
use serde_json::json;

use prost::Message as _;

use crate::bound;
use crate::document::{Mapping, documents};
use crate::proto::collector::trace::v1::ExportTraceServiceRequest;
use crate::proto::common::v1::any_value::Value;
use crate::proto::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use crate::proto::resource::v1::Resource;
use crate::proto::trace::v1::span::{Event, Link};
use crate::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use crate::span::{ResourceSpan, spans};

/// What comes back of each trace of a request.
fn through(request: &ExportTraceServiceRequest, mapping: &Mapping) -> Vec<ResourceSpan> {
    let (documents, refused) = documents(request, mapping);
    assert_eq!(refused, []);
    let mut by_trace: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for document in &documents {
        let segment = segment::parse(&document.text).expect("the document is one");
        assert_eq!(segment.trace_id, Some(document.trace_id));
        by_trace.entry(document.trace_id).or_default().push(segment);
    }
    by_trace.iter().flat_map(|(id, segments)| spans(*id, &Trace::assemble(segments))).collect()
}

/// Order of attributes, and whether nothing is said or left out, are no matter.
fn normal(mut span: ResourceSpan) -> String {
    fn attributes(list: &mut [KeyValue]) {
        for pair in list.iter_mut() {
            let mut value = pair.value.take().unwrap_or_default();
            nested(&mut value);
            pair.value = Some(value);
        }
        list.sort_by_key(|pair| format!("{pair:?}"));
    }
    fn nested(value: &mut AnyValue) {
        match &mut value.value {
            Some(Value::KvlistValue(list)) => attributes(&mut list.values),
            Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(nested),
            _ => {}
        }
    }
    attributes(&mut span.resource.attributes);
    attributes(&mut span.scope.attributes);
    attributes(&mut span.span.attributes);
    span.span.events.iter_mut().for_each(|event| attributes(&mut event.attributes));
    span.span.links.iter_mut().for_each(|link| attributes(&mut link.attributes));
    span.span.status = span.span.status.filter(|status| *status != Status::default());
    if span.span.parent_span_id.iter().all(|&byte| byte == 0) {
        span.span.parent_span_id.clear();
    }
    format!("{span:?}")
}

fn sent(request: &ExportTraceServiceRequest) -> Vec<String> {
    let mut sent = Vec::new();
    for resource in &request.resource_spans {
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                sent.push(normal(ResourceSpan {
                    resource: resource.resource.clone().unwrap_or_default(),
                    resource_schema_url: resource.schema_url.clone(),
                    scope: scope.scope.clone().unwrap_or_default(),
                    scope_schema_url: scope.schema_url.clone(),
                    span: span.clone(),
                }));
            }
        }
    }
    sent.sort();
    sent
}

/// Keys that members are made of, keys of resources, and any other.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "http.method",
            "http.request.method",
            "http.status_code",
            "http.url",
            "url.full",
            "url.path",
            "url.query",
            "url.scheme",
            "server.address",
            "server.port",
            "peer.service",
            "db.system",
            "db.name",
            "db.statement",
            "db.connection_string",
            "rpc.system",
            "rpc.service",
            "rpc.method",
            "aws.table_name",
            "aws.remote.service",
            "aws.local.service",
            "enduser.id",
            "aws.span.kind",
            "aws.xray.annotations",
            "aws.xray.metadata.debug",
            "aws.xray.metadata.default",
            "otel.resource.x",
            "cart.items",
            "cart items",
            "cart_items",
            "service.name",
            "http.target",
            "messaging.destination.name",
        ])
        .prop_map(str::to_owned),
        "[a-c.é \\-]{0,3}",
    ]
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!["GET", "aws-api", "postgresql", "LOCAL_ROOT", "https://a.example:8443/x?y", "404", "cart items", r#"{"a":[1]}"#, "500"])
            .prop_map(|text| Some(Value::StringValue(text.to_owned()))),
        2 => "\\PC{0,8}".prop_map(|text| Some(Value::StringValue(text))),
        1 => any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        2 => any::<i64>().prop_map(|number| Some(Value::IntValue(number))),
        1 => prop::sample::select(vec![200, 404, 429, 500]).prop_map(|number| Some(Value::IntValue(number))),
        1 => any::<f64>().prop_filter("NaN is not equal to itself", |number| !number.is_nan())
            .prop_map(|number| Some(Value::DoubleValue(number))),
        1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        1 => Just(None),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|values| AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) }),
            prop::collection::vec((key(), inner), 0..3).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| KeyValue { key, value: Some(value), key_strindex: 0 }).collect();
                AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) }
            }),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = (key(), prop::option::weighted(0.9, value())).prop_map(|(key, value)| KeyValue { key, value, key_strindex: 0 });
    prop::collection::vec(pair, 0..8)
}

fn a_span() -> impl Strategy<Value = Span> {
    let ids = (0..3u8, 1..u64::MAX, prop::option::of(1..4u64));
    let times = (1_700_000_000_000_000_000..1_800_000_000_000_000_000u64, -10i64..5_000_000_000);
    let event = (any::<u64>(), prop::sample::select(vec!["exception", "message", "x"]), attributes(), 0..2u32);
    let link =
        (prop::collection::vec(any::<u8>(), 16), prop::collection::vec(any::<u8>(), 8), attributes(), 0..2u32, "[a-z=]{0,4}");
    let lists = (prop::collection::vec(event, 0..3), prop::collection::vec(link, 0..3));
    let rest = (
        0..7i32,
        any::<u32>(),
        "[a-z=]{0,4}",
        "\\PC{0,12}",
        prop::option::of((0..4i32, "[a-z]{0,4}")),
        [0..2u32, 0..2u32, 0..2u32],
    );
    (ids, times, attributes(), lists, rest).prop_map(|(ids, times, attributes, lists, rest)| {
        let (trace, id, parent) = ids;
        let (start, duration) = times;
        let (events, links) = lists;
        let (kind, flags, trace_state, name, status, dropped) = rest;
        let mut trace_id = vec![trace; 16];
        trace_id[0] = 0x65;
        Span {
            trace_id,
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: parent.map_or_else(Vec::new, |parent| parent.to_be_bytes().to_vec()),
            trace_state,
            flags,
            name,
            kind,
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add_signed(duration),
            attributes,
            dropped_attributes_count: dropped[0],
            events: events
                .into_iter()
                .map(|(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
                    time_unix_nano,
                    name: name.to_owned(),
                    attributes,
                    dropped_attributes_count,
                })
                .collect(),
            dropped_events_count: dropped[1],
            links: links
                .into_iter()
                .map(|(trace_id, span_id, attributes, dropped_attributes_count, trace_state)| Link {
                    trace_id,
                    span_id,
                    attributes,
                    dropped_attributes_count,
                    trace_state,
                    flags: 0,
                })
                .collect(),
            dropped_links_count: dropped[2],
            status: status.map(|(code, message)| Status { code, message }),
        }
    })
}

fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (prop::option::of(("[a-z]{0,4}", attributes())), "[a-z]{0,3}", prop::collection::vec(a_span(), 0..4));
    let resource = (prop::option::of(attributes()), "[a-z]{0,3}", prop::collection::vec(scope, 0..3));
    prop::collection::vec(resource, 0..3).prop_map(|resources| ExportTraceServiceRequest {
        resource_spans: resources
            .into_iter()
            .map(|(resource, schema_url, scopes)| ResourceSpans {
                resource: resource.map(|attributes| Resource { attributes, ..Resource::default() }),
                schema_url,
                scope_spans: scopes
                    .into_iter()
                    .map(|(scope, schema_url, spans)| ScopeSpans {
                        scope: scope.map(|(name, attributes)| InstrumentationScope {
                            name,
                            version: "1".to_owned(),
                            attributes,
                            dropped_attributes_count: 0,
                        }),
                        schema_url,
                        spans,
                    })
                    .collect(),
            })
            .collect(),
    })
}

fn mapping() -> impl Strategy<Value = Mapping> {
    (any::<bool>(), prop::collection::hash_set(key(), 0..5)).prop_map(|(index_all_attributes, indexed_attributes)| Mapping {
        indexed_attributes,
        index_all_attributes,
        ..Mapping::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_a_request_holds_is_counted_before_it_is_read(request in request()) {
        fn pairs(list: &[KeyValue]) -> usize {
            list.iter().map(|pair| 1 + pair.value.as_ref().map_or(0, value)).sum()
        }
        fn value(it: &AnyValue) -> usize {
            match &it.value {
                Some(Value::ArrayValue(array)) => 1 + array.values.iter().map(|it| 1 + value(it)).sum::<usize>(),
                Some(Value::KvlistValue(list)) => 1 + pairs(&list.values),
                _ => 0,
            }
        }
        let mut expected = 0;
        for resource in &request.resource_spans {
            expected += 1 + resource.resource.as_ref().map_or(0, |it| 1 + pairs(&it.attributes));
            for scope in &resource.scope_spans {
                expected += 1 + scope.scope.as_ref().map_or(0, |it| 1 + pairs(&it.attributes));
                for span in &scope.spans {
                    expected += 1 + pairs(&span.attributes);
                    expected += span.events.iter().map(|it| 1 + pairs(&it.attributes)).sum::<usize>();
                    expected += span.links.iter().map(|it| 1 + pairs(&it.attributes)).sum::<usize>();
                }
            }
        }
        let bytes = request.encode_to_vec();
        prop_assert_eq!(bound::count(&bytes, bound::Kind::Request, usize::MAX), expected);
        prop_assert_eq!(bound::decode(&bytes, bound::Kind::Request, expected), Ok(request));
        if expected > 0 {
            prop_assert_eq!(bound::decode::<ExportTraceServiceRequest>(&bytes, bound::Kind::Request, expected - 1), Err(bound::Unreadable::TooMany { max: expected - 1 }));
        }
    }

    #[test]
    fn any_bytes_are_counted(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bound::count(&bytes, bound::Kind::Request, 10);
        bound::count(&[&[0x0a, bytes.len() as u8 & 0x7f][..], &bytes].concat(), bound::Kind::Request, 10);
    }

    #[test]
    fn nothing_that_a_span_carried_is_lost(request in request(), mapping in mapping()) {
        let mut back: Vec<String> = through(&request, &mapping).into_iter().map(normal).collect();
        back.sort();
        prop_assert_eq!(back, sent(&request));
    }
}

/// The documents of one span of a shop's service, given in OTLP's JSON.
fn documents_of(span: serde_json::Value, indexed: &[&str]) -> Vec<serde_json::Value> {
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let mut whole = json!({
        "traceId": "5759e988bd862e3fe1be46a994272793", "spanId": "53995c3f42cd8ad8", "name": "a span", "kind": 2,
        "startTimeUnixNano": "1764212345123456789", "endTimeUnixNano": "1764212345623456789",
    });
    whole.as_object_mut().unwrap().extend(span.as_object().unwrap().clone());
    let request = json!({ "resourceSpans": [{
        "resource": { "attributes": [
            attribute("service.name", "cart"), attribute("service.version", "7"), attribute("telemetry.sdk.language", "python"),
            attribute("telemetry.sdk.version", "1.40"), attribute("cloud.provider", "aws"), attribute("cloud.platform", "aws_ecs"),
            attribute("aws.ecs.launchtype", "FARGATE"), attribute("container.id", "c0ffee"),
            attribute("aws.ecs.task.arn", "arn:aws:ecs:eu-west-1:1:task/x"), attribute("aws.log.group.names", "a&b"),
        ] },
        "scopeSpans": [{ "scope": { "name": "flask" }, "spans": [whole] }],
    }] });
    let request: ExportTraceServiceRequest = serde_json::from_value(request).unwrap();
    let mapping = Mapping { indexed_attributes: indexed.iter().map(|key| (*key).to_owned()).collect(), ..Mapping::default() };
    let (documents, refused) = documents(&request, &mapping);
    assert_eq!(refused, []);
    documents.iter().map(|document| serde_json::from_slice(&document.text).unwrap()).collect()
}

fn attributes_json(pairs: serde_json::Value) -> serde_json::Value {
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::Number(number) => json!({ "intValue": number.to_string() }),
        serde_json::Value::Array(texts) => {
            json!({ "arrayValue": { "values": texts.iter().map(|text| json!({ "stringValue": text })).collect::<Vec<_>>() } })
        }
        text => json!({ "stringValue": text }),
    };
    pairs.as_object().unwrap().iter().map(|(key, it)| json!({ "key": key, "value": value(it) })).collect()
}

#[test]
fn a_served_request_is_a_segment_with_what_the_resource_says() {
    let attributes = attributes_json(json!({
        "http.request.method": "POST", "url.scheme": "https", "server.address": "shop.example", "server.port": 8443, "url.path": "/cart",
        "url.query": "id=1", "http.response.status_code": 200, "user_agent.original": "curl", "client.address": "10.1.2.3",
        "network.peer.address": "10.0.0.1", "enduser.id": "ann", "cart.items": 3, "note": "x",
    }));
    let document = documents_of(json!({ "attributes": attributes, "name": "POST /cart" }), &["cart.items"]).remove(0);
    assert_eq!(document["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!((&document["name"], &document["type"], &document["parent_id"]), (&json!("cart"), &json!(null), &json!(null)));
    assert_eq!(document["origin"], "AWS::ECS::Fargate");
    assert_eq!(document["start_time"], 1764212345.1234567);
    assert_eq!(
        document["http"],
        json!({
            "request": { "method": "POST", "url": "https://shop.example:8443/cart?id=1", "user_agent": "curl",
                "client_ip": "10.1.2.3", "x_forwarded_for": true },
            "response": { "status": 200 },
        })
    );
    assert_eq!(document["user"], "ann");
    assert_eq!(document["service"], json!({ "version": "7" }));
    assert_eq!(document["annotations"], json!({ "cart.items": 3 }));
    assert_eq!(document["metadata"]["default"]["note"], "x");
    assert_eq!(document["metadata"]["default"]["otel.resource.container.id"], "c0ffee");
    assert_eq!(
        document["aws"],
        json!({
            "ecs": { "container_id": "c0ffee", "task_arn": "arn:aws:ecs:eu-west-1:1:task/x", "launch_type": "FARGATE" },
            "cloudwatch_logs": [{ "log_group": "a" }, { "log_group": "b" }],
            "xray": { "sdk": "opentelemetry for python", "sdk_version": "1.40", "auto_instrumentation": false },
        })
    );
    assert_eq!((&document["fault"], &document["error"]), (&json!(null), &json!(null)));
}

#[test]
fn calls_are_subsegments_named_after_who_is_called() {
    let call = |attributes: serde_json::Value, kind: u32| {
        let span = json!({ "attributes": attributes_json(attributes), "kind": kind, "parentSpanId": "53995c3f42cd8ad9" });
        documents_of(span, &[]).remove(0)
    };
    let old = call(
        json!({ "http.method": "GET", "http.url": "http://backend1:8001/items", "net.peer.name": "backend1", "http.status_code": 404 }),
        3,
    );
    assert_eq!((&old["name"], &old["namespace"], &old["type"]), (&json!("backend1"), &json!("remote"), &json!("subsegment")));
    assert_eq!(old["parent_id"], "53995c3f42cd8ad9");
    assert_eq!(
        (&old["error"], &old["fault"], &old["origin"], &old["service"]),
        (&json!(true), &json!(null), &json!(null), &json!(null))
    );
    let new = call(
        json!({ "http.request.method": "GET", "url.full": "http://b/x", "server.address": "b", "http.response.status_code": 429 }),
        3,
    );
    assert_eq!((&new["name"], &new["error"], &new["throttle"]), (&json!("b"), &json!(true), &json!(true)));
    assert_eq!(call(json!({ "peer.service": "payments", "http.url": "http://b/x" }), 3)["name"], "payments");

    let dynamodb = call(
        json!({ "rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "PutItem", "aws.region": "eu-west-1",
            "aws.request_id": "R1", "aws.dynamodb.table_names": ["orders"], "http.status_code": 400, "db.system": "dynamodb" }),
        3,
    );
    assert_eq!((&dynamodb["name"], &dynamodb["namespace"]), (&json!("DynamoDB"), &json!("aws")));
    assert_eq!(
        dynamodb["aws"],
        json!({ "operation": "PutItem", "region": "eu-west-1", "request_id": "R1", "table_name": "orders" })
    );
    assert_eq!(dynamodb["sql"], json!(null));
    let remote =
        json!({ "rpc.system": "aws-api", "aws.remote.service": "AWS::S3", "rpc.service": "x", "rpc.method": "S3/GetObject" });
    let remote = call(remote, 3);
    assert_eq!((&remote["name"], &remote["aws"]["operation"]), (&json!("S3"), &json!("GetObject")));

    let sql = call(
        json!({ "db.system": "postgresql", "db.name": "shop", "db.user": "u", "db.statement": "SELECT ?", "net.peer.name": "db.internal" }),
        3,
    );
    assert_eq!((&sql["name"], &sql["namespace"]), (&json!("shop@db.internal"), &json!("remote")));
    assert_eq!(
        sql["sql"],
        json!({ "url": "db.internal/shop", "database_type": "postgresql", "user": "u", "sanitized_query": "SELECT ?" })
    );
    let queue = call(json!({ "messaging.system": "kafka", "messaging.destination.name": "orders" }), 4);
    assert_eq!((&queue["name"], &queue["namespace"]), (&json!("orders"), &json!("remote")));
    let inner = call(json!({}), 1);
    assert_eq!((&inner["name"], &inner["namespace"], &inner["type"]), (&json!("a span"), &json!(null), &json!("subsegment")));
}

#[test]
fn failures_have_causes_with_stacks() {
    let event = json!([{ "timeUnixNano": "1764212345300000000", "name": "exception", "attributes": attributes_json(json!({
        "exception.type": "ValueError", "exception.message": "no",
        "exception.stacktrace": "Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in f\nValueError: no" })) }]);
    let failed = documents_of(json!({ "events": event, "status": { "code": 2, "message": "boom" } }), &[]).remove(0);
    assert_eq!(failed["fault"], true);
    let exception = &failed["cause"]["exceptions"][0];
    assert_eq!((&exception["type"], &exception["message"]), (&json!("ValueError"), &json!("no")));
    assert_eq!(exception["stack"], json!([{ "path": "/app/a.py", "line": 3, "label": "f" }]));
    assert_eq!(exception["id"].as_str().unwrap().len(), 16);
    let told =
        documents_of(json!({ "kind": 3, "parentSpanId": "53995c3f42cd8ad9", "status": { "code": 2, "message": "boom" } }), &[])
            .remove(0);
    assert_eq!(
        (&told["cause"]["exceptions"][0]["message"], &told["cause"]["exceptions"][0]["remote"]),
        (&json!("boom"), &json!(true))
    );
    let handled = documents_of(json!({ "events": event }), &[]).remove(0);
    assert_eq!((&handled["fault"], &handled["cause"]), (&json!(null), &json!(null)));
}

#[test]
fn a_call_that_is_a_local_root_gets_a_segment_for_its_service() {
    let attributes = json!({ "aws.span.kind": "LOCAL_ROOT", "aws.local.service": "worker", "aws.remote.service": "AWS::SQS",
        "rpc.system": "aws-api", "rpc.method": "SendMessage", "aws.queue_url": "https://sqs/q" });
    let span = json!({ "kind": 4, "attributes": attributes_json(attributes), "parentSpanId": "53995c3f42cd8ad9" });
    let [call, service] = documents_of(span, &[]).try_into().unwrap();
    assert_eq!((&call["name"], &call["id"], &call["type"]), (&json!("SQS"), &json!("53995c3f42cd8ad8"), &json!("subsegment")));
    assert_eq!(call["aws"]["queue_url"], "https://sqs/q");
    assert_eq!((&service["name"], &service["id"]), (&json!("worker"), &call["parent_id"]));
    assert_eq!((&service["parent_id"], &service["http"]), (&json!("53995c3f42cd8ad9"), &json!(null)));
    assert_eq!(service["origin"], "AWS::ECS::Fargate");
    assert_eq!(service["aws"]["queue_url"], json!(null));
    // So does a call that nothing in its process led to.
    let [call, service] =
        documents_of(json!({ "kind": 3, "attributes": attributes_json(json!({ "peer.service": "b" })) }), &[]).try_into().unwrap();
    assert_eq!((&call["name"], &service["name"], &service["id"]), (&json!("b"), &json!("cart"), &call["parent_id"]));
}

#[test]
fn annotations_metadata_and_links_go_where_x_ray_has_them() {
    let attributes = attributes_json(json!({ "aws.xray.annotations": ["my key", "plain"], "my key": "v", "plain": 1, "other": "o",
        "aws.xray.metadata.debug": "{\"a\":1}" }));
    let links = json!([{ "traceId": "5759e988bd862e3fe1be46a994272794", "spanId": "53995c3f42cd8ad1",
        "attributes": attributes_json(json!({ "why": "batch" })) }]);
    let document = documents_of(json!({ "attributes": attributes, "links": links }), &[]).remove(0);
    assert_eq!(document["annotations"], json!({ "my_key": "v", "plain": 1 }));
    assert_eq!(document["metadata"]["debug"], json!({ "a": 1 }));
    assert_eq!(document["metadata"]["default"]["other"], "o");
    assert_eq!(document["metadata"]["default"]["plain"], json!(null));
    assert_eq!(
        document["links"],
        json!([{ "trace_id": "1-5759e988-bd862e3fe1be46a994272794", "id": "53995c3f42cd8ad1", "attributes": { "why": "batch" } }])
    );
}

#[test]
fn a_consumer_of_another_process_message_is_a_segment() {
    let consumer =
        |flags: u32| documents_of(json!({ "kind": 5, "flags": flags, "parentSpanId": "53995c3f42cd8ad9" }), &[]).remove(0);
    assert_eq!((&consumer(0x300)["name"], &consumer(0x300)["type"]), (&json!("cart"), &json!(null)));
    assert_eq!(consumer(0x100)["type"], "subsegment");
    assert_eq!(consumer(0)["type"], "subsegment");
}

#[test]
fn spans_that_cannot_be_kept_are_named() {
    let span = |change: &dyn Fn(&mut Span)| {
        let mut span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "n".to_owned(),
            start_time_unix_nano: 1_764_212_345_000_000_000,
            ..Span::default()
        };
        change(&mut span);
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        documents(&ExportTraceServiceRequest { resource_spans: vec![resource] }, &Mapping::default())
    };
    assert_eq!(span(&|_| {}).0.len(), 1);
    for change in [
        &(|span: &mut Span| span.trace_id = vec![0; 16]) as &dyn Fn(&mut Span),
        &|span| span.trace_id = vec![1; 15],
        &|span| span.span_id = vec![0; 8],
        &|span| span.span_id.clear(),
        &|span| span.parent_span_id = vec![1; 3],
        &|span| span.start_time_unix_nano = 0,
        &|span| span.name = "x".repeat(Mapping::default().span_bytes),
    ] {
        let (documents, refused) = span(change);
        assert_eq!((documents.len(), refused.len()), (0, 1));
        assert!(refused[0].to_string().contains(&refused[0].reason), "{}", refused[0]);
    }
    // An end before the start, and a parent of zeros, are tolerated.
    let (documents, _) = span(&|span| (span.end_time_unix_nano, span.parent_span_id) = (5, vec![0; 8]));
    let document: serde_json::Value = serde_json::from_slice(&documents[0].text).unwrap();
    assert_eq!((&document["end_time"], &document["parent_id"]), (&document["start_time"], &json!(null)));
}
