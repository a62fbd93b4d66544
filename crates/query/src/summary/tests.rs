use std::sync::Arc;

use serde_json::json;
use store::{NewDocument, Store, StoreOptions};
use testkit::{ManualClock, trace_id};

use super::*;

const NOW_SECS: i64 = 1_795_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn slow_traces_are_told_from_their_like() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS);
    let store = Store::open(StoreOptions::new(dir.path()), Arc::new(clock.clone())).await.unwrap();
    let documents = (0..50u32).map(|n| {
        // Two in fifty take five seconds; a batch job always does and is not slow for it.
        let (name, secs) = if n % 10 == 9 {
            ("batch", 30.0)
        } else if n % 25 == 3 {
            ("api", 5.0)
        } else {
            ("api", 0.1)
        };
        let id = trace_id(NOW_SECS as u32 - 600 + n, u128::from(n));
        let mut value = testkit::segment(&id, u64::from(n) + 1, name, f64::from(NOW_SECS as u32 - 600 + n), secs);
        value["http"] = json!({"response": {"status": 200}});
        let raw = value.to_string().into_bytes();
        let trace_id = model::segment::parse(&raw).unwrap().trace_id.unwrap();
        NewDocument { trace_id, raw: raw.into() }
    });
    store.append(documents.collect()).await.unwrap();
    let door = Query::new(store.clone(), Arc::new(clock));
    for flushed in [false, true] {
        if flushed {
            store.flush().await.unwrap();
        }
        let mut query = SummaryQuery {
            range: TimeRange { start_us: (NOW_SECS - 3_600) * 1_000_000, end_us: NOW_SECS * 1_000_000 },
            range_type: TimeRangeType::TraceId,
            filter: crate::filter::parse("").unwrap(),
            sample: None,
            after: None,
            limit: 100,
            budget: 1_000,
        };
        let all = door.summaries(&query).unwrap();
        assert_eq!((all.summaries.len(), all.considered, all.next), (50, 50, None));
        let slow: Vec<u64> =
            all.summaries.iter().filter(|found| found.slow).filter_map(|found| found.digest.response_us()).collect();
        assert_eq!(slow, [5_000_000, 5_000_000]);
        query.filter = crate::filter::parse("rootcause.responsetime.service { name = \"api\" }").unwrap();
        assert_eq!(door.summaries(&query).unwrap().summaries.len(), 2);
        query.filter = crate::filter::parse("").unwrap();
        query.sample = Some(0.0);
        assert_eq!(door.summaries(&query).unwrap().summaries.len(), 0);
    }
}
