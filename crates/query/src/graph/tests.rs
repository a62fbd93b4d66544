use std::sync::Arc;

use model::time::secs_to_us;
use serde_json::{Value, json};
use store::{NewDocument, Store, StoreOptions};
use testkit::{ManualClock, segment_id, trace_id};

use super::*;

const NOW_SECS: i64 = 1_795_000_000;
const EVERY: Expression = Expression::Constant(true);

async fn door(documents: &[Value]) -> (Query, ManualClock, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS);
    let store = Store::open(StoreOptions::new(dir.path()), Arc::new(clock.clone())).await.unwrap();
    let documents = documents.iter().map(|value| {
        let raw = value.to_string().into_bytes();
        let trace_id = model::segment::parse(&raw).unwrap().trace_id.unwrap();
        NewDocument { trace_id, raw: raw.into() }
    });
    store.append(documents.collect()).await.unwrap();
    (Query::new(store, Arc::new(clock.clone())), clock, dir)
}

fn last_hour() -> TimeRange {
    TimeRange { start_us: (NOW_SECS - 3_600) * 1_000_000, end_us: (NOW_SECS + 60) * 1_000_000 }
}

/// Four requests to an application; two of them each call a table and SNS; one request fails with 404.
fn worked_example() -> Vec<Value> {
    (0..4u64)
        .map(|n| {
            let start = (NOW_SECS - 100) as f64;
            let mut app = testkit::segment(&trace_id(NOW_SECS as u32 - 100, u128::from(n)), n * 10 + 1, "app", start, 0.1);
            app["origin"] = json!("AWS::EC2::Instance");
            app["error"] = json!(n == 3);
            if n < 2 {
                app["subsegments"] = json!([
                    {"id": segment_id(n * 10 + 2), "name": "DynamoDB", "namespace": "aws", "start_time": start, "end_time": start + 0.06, "aws": {"table_name": "orders"}},
                    {"id": segment_id(n * 10 + 3), "name": "SNS", "namespace": "aws", "start_time": start, "end_time": start + 0.02},
                ]);
            }
            app
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_services_and_what_they_call() {
    let (door, _, _dir) = door(&worked_example()).await;
    let graph = door.service_graph(last_hour(), &EVERY).unwrap();
    let node =
        |name: &str, kind: &str| graph.iter().find(|node| node.id.name == name && node.id.kind.as_deref() == Some(kind)).unwrap();
    let (client, app) = (node("app", "client"), node("app", "AWS::EC2::Instance"));
    let (table, sns) = (node("orders", "AWS::DynamoDB::Table"), node("SNS", "AWS::SNS"));
    assert_eq!(graph.len(), 4);
    assert!(client.tally.is_none() && !client.active && !client.root);
    assert!(app.active && app.root);
    assert!(!table.active && !table.root);

    let statistics = app.tally.as_ref().unwrap().statistics;
    assert_eq!((statistics.ok, statistics.error, statistics.total()), (3, 1, 4));
    assert_eq!(statistics.total_response_us, 400_000);
    let [from_client] = &client.edges[..] else { panic!() };
    assert_eq!((from_client.to, from_client.tally.statistics), (app.reference, statistics));
    let to_table = app.edges.iter().find(|edge| edge.to == table.reference).unwrap();
    assert_eq!(to_table.tally.statistics, table.tally.as_ref().unwrap().statistics);
    assert_eq!(to_table.tally.statistics.total(), 2);
    assert_eq!(app.edges.iter().find(|edge| edge.to == sns.reference).unwrap().tally.histogram.entries(), [(0.02, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_of_one_trace_is_that_trace_alone() {
    let (door, _, _dir) = door(&worked_example()).await;
    let graph = door.trace_graph(&[trace_id(NOW_SECS as u32 - 100, 3).parse().unwrap()]).unwrap();
    assert_eq!(graph.len(), 2);
    assert!(door.trace_graph(&[trace_id(1, 1).parse().unwrap()]).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traced_call_waits_for_its_callee_before_it_is_shown_as_remote() {
    let start = NOW_SECS as f64;
    let mut app = testkit::segment(&trace_id(NOW_SECS as u32, 1), 1, "app", start, 0.1);
    app["subsegments"] = json!([{"id": segment_id(2), "name": "callee", "namespace": "remote", "traced": true, "start_time": start, "end_time": start}]);
    let (door, clock, _dir) = door(&[app]).await;
    let names = |graph: Vec<GraphService>| graph.into_iter().map(|node| node.id.name).collect::<Vec<_>>();
    assert!(!names(door.service_graph(last_hour(), &EVERY).unwrap()).contains(&"callee".into()));
    clock.advance_secs(limit::TRACED_GRACE_SECS + 1);
    assert!(names(door.service_graph(last_hour(), &EVERY).unwrap()).contains(&"callee".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_an_unlisted_aws_service_are_one_node_too() {
    let start = (NOW_SECS - 10) as f64;
    let documents: Vec<Value> = ["mediaconvert", "MediaConvert"]
        .iter()
        .zip(1..)
        .map(|(name, n)| {
            let mut app = testkit::segment(&trace_id(NOW_SECS as u32 - 10, n), n as u64 * 10, "app", start, 0.1);
            app["subsegments"] = json!([{"id": segment_id(n as u64 * 10 + 1), "name": name, "namespace": "aws", "start_time": start, "end_time": start}]);
            app
        })
        .collect();
    let (door, _, _dir) = door(&documents).await;
    let graph = door.service_graph(last_hour(), &EVERY).unwrap();
    let called: Vec<&GraphService> = graph.iter().filter(|node| node.id.name.eq_ignore_ascii_case("mediaconvert")).collect();
    assert_eq!(called.len(), 1);
    assert_eq!(called[0].names.len(), 2);
    assert_eq!(called[0].tally.as_ref().unwrap().statistics.total(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_outside_the_range_are_not_counted() {
    let (door, _, _dir) = door(&worked_example()).await;
    let before = TimeRange { start_us: 0, end_us: secs_to_us((NOW_SECS - 101) as f64) };
    assert!(door.service_graph(before, &EVERY).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_leads_to_the_consumer_in_another_trace() {
    let start = (NOW_SECS - 100) as f64;
    let mut sender = testkit::segment(&trace_id(NOW_SECS as u32 - 100, 1), 1, "shop", start, 0.1);
    sender["subsegments"] = json!([{"id": segment_id(2), "name": "SQS", "namespace": "aws", "start_time": start, "end_time": start + 0.05,
                                    "aws": {"queue_url": "https://sqs.local/orders"}}]);
    let mut consumer = testkit::segment(&trace_id(NOW_SECS as u32 - 90, 2), 3, "worker", start + 3.05, 0.2);
    consumer["links"] = json!([{"trace_id": trace_id(NOW_SECS as u32 - 100, 1), "id": segment_id(2),
                                "attributes": {"aws.xray.reserved.reference_type": "parent"}}]);
    let (door, _, _dir) = door(&[sender, consumer]).await;
    let graph = door.service_graph(last_hour(), &EVERY).unwrap();
    let queue = graph.iter().find(|node| node.id.kind.as_deref() == Some("AWS::SQS::Queue")).unwrap();
    let worker = graph.iter().find(|node| node.id.name == "worker" && node.id.kind.is_none()).unwrap();
    let [edge] = &queue.edges[..] else { panic!("{:?}", queue.edges) };
    assert_eq!(edge.to, worker.reference);
    assert_eq!(edge.link.as_ref().unwrap().entries(), [(3.0, 1)]);
    assert_eq!(edge.tally.statistics.total(), 0);
}
