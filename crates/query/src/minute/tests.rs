//! Whatever is asked, sums of minutes say what a scan of all traces says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use store::{NewDocument, Store, StoreOptions};
use testkit::{ManualClock, segment_id, trace_id};

use super::*;
use crate::filter::Expression;
use crate::graph::{self, GraphService};
use crate::statistics::{self, Selector, SeriesQuery, Tally};

const NOW_SECS: i64 = 1_795_000_020;

/// One of the documents of a trace: a front, which calls a back and a table, and the back, which calls the front of another account.
fn document(trace: u64, n: u64) -> NewDocument {
    let secs_ago = trace * 7 % 400;
    let id = trace_id((NOW_SECS as u64 - secs_ago) as u32, u128::from(trace));
    let start = (NOW_SECS as u64 - secs_ago) as f64 + n as f64 * 0.05;
    let own = trace << 8 | n << 4;
    let secs = (trace % 23) as f64 * 0.013 + 0.1;
    let mut value = testkit::segment(&id, own, if n == 0 { "front" } else { "back" }, start, secs);
    value["fault"] = json!(trace % 9 == n);
    value["origin"] = json!(if n == 0 { "AWS::ECS::Fargate" } else { "AWS::EC2::Instance" });
    let call = |place: u64, name: &str| {
        json!({
            "id": segment_id(own | place), "name": name, "start_time": start + 0.01, "end_time": start + secs - 0.01,
            "namespace": if name == "DynamoDB" { "aws" } else { "remote" },
            "http": {"request": {"url": "http://x/", "traced": name == "back"}, "response": {"status": 200 + trace % 5 * 75}},
        })
    };
    value["subsegments"] = json!([call(1, "back"), call(2, "DynamoDB")]);
    if n > 0 {
        value["parent_id"] = json!(segment_id(trace << 8 | 1));
    }
    NewDocument { trace_id: id.parse().unwrap(), raw: value.to_string().into_bytes().into() }
}

/// Outcomes, time and durations. When the first began and the last ended may be those of a request that was corrected since.
type Seen = (u64, u64, u64, u64, u64, Vec<(u64, u64)>);

fn seen(tally: &Tally) -> Seen {
    let statistics = &tally.statistics;
    let entries = tally.histogram.entries().into_iter().map(|(secs, count)| ((secs * 1e6).round() as u64, count)).collect();
    (statistics.ok, statistics.error, statistics.throttle, statistics.fault, statistics.total_response_us, entries)
}

/// Whether it is a root and active, its requests, and its edges by whom they lead to.
type Node = (bool, bool, Option<Seen>, BTreeMap<String, Seen>);

/// A graph without the order of its nodes.
fn plain(graph: &[GraphService]) -> BTreeMap<String, Node> {
    let name = |node: &GraphService| format!("{:?}", node.id);
    let edges = |node: &GraphService| node.edges.iter().map(|edge| (name(&graph[edge.to]), seen(&edge.tally))).collect();
    graph.iter().map(|node| (name(node), (node.root, node.active, node.tally.as_ref().map(seen), edges(node)))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_say_what_traces_say() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS);
    let store = Store::open(StoreOptions::new(dir.path()), Arc::new(clock)).await.unwrap();
    // Backs arrive long after their fronts, some of them never.
    for round in 0..4u64 {
        let mut documents = Vec::new();
        for trace in 0..200u64 {
            match (trace % 4 == round, (trace + 1) % 4 == round) {
                (true, _) => documents.push(document(trace, 0)),
                (_, true) if trace % 5 > 0 => documents.push(document(trace, 1)),
                _ => {}
            }
        }
        store.append(documents).await.unwrap();
        if round < 3 {
            store.flush().await.unwrap();
        }
        let mut whole_minutes = 0;
        for (from, to, waited_secs) in [(-600, 60, 0), (-433, -7, 0), (-300, -120, 5), (-240, 0, 100), (-30, -10, 100)] {
            let now_us = (NOW_SECS + waited_secs) * 1_000_000;
            let range = TimeRange { start_us: (NOW_SECS + from) * 1_000_000, end_us: (NOW_SECS + to) * 1_000_000 };
            let reader = store.reader();
            let (split, scanned) = (Split::of(&reader, range, now_us).unwrap(), Split::nothing_whole(range));
            whole_minutes += split.minutes.clone().count();
            let of = |split| plain(&graph::draw(&reader, split, range, now_us).unwrap());
            let expected = of(&scanned);
            assert_eq!(of(&split), expected, "round {round}, graph of {from} to {to}");
            assert!(!expected.is_empty(), "{from} to {to}");
            for selector in ["", "service(\"back\")", "edge(\"front\", \"back\")", "edge(id(type: \"client\"), \"front\")"] {
                let selector = (!selector.is_empty()).then(|| Selector::parse(selector).unwrap());
                let query = SeriesQuery { range, period_us: 2 * MINUTE_US, selector, filter: Expression::Constant(true) };
                let of = |split| -> Vec<_> {
                    let steps = statistics::steps(&reader, split, &query, None, now_us).unwrap();
                    steps.iter().map(|step| (step.start_us, seen(&step.tally))).collect()
                };
                assert_eq!(of(&split), of(&scanned), "round {round}, series of {from} to {to}, {:?}", query.selector);
            }
        }
        assert!(whole_minutes > 5, "sums were hardly asked");
    }
}
