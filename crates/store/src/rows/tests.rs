//! Tables of rows against a plain list, whatever happens to the store meanwhile.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use model::TraceId;
use model::metric::Metric;
use testkit::{ManualClock, trace_id};

use super::*;
use crate::{METRIC, NewDocument, Progress, Store, StoreOptions, metrics};

const NOW_SECS: i64 = 1_795_000_000;
const DAY_SECS: i64 = 86_400;

async fn open(dir: &Path) -> Store {
    opened(dir, NOW_SECS).await
}

/// The writer's thread of a dropped store may still hold the lock for a moment.
async fn opened(dir: &Path, now_secs: i64) -> Store {
    loop {
        match Store::open(StoreOptions::new(dir), Arc::new(ManualClock::at_secs(now_secs))).await {
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

/// The `n`th metric: some names, some days, all different.
fn metric(n: u64) -> Metric {
    let time_us = (NOW_SECS - (n as i64 % 4) * DAY_SECS - n as i64) * 1_000_000;
    Metric {
        dimensions: vec![("Service".into(), format!("svc{}", n % 3).as_str().into()), ("Cluster".into(), "c".into())],
        maximum: n as f64 * 2.0,
        ..Metric::value(time_us, "Test", ["requests", "faults"][n as usize % 2], "Count", n as f64)
    }
}

fn everything() -> RowScan {
    RowScan { from_us: i64::MIN, to_us: i64::MAX, equal: Vec::new() }
}

fn scan(store: &Store, scan: &RowScan) -> Vec<Metric> {
    let mut found = Vec::new();
    let give = &mut |batch: RecordBatch| {
        found.extend(metrics(&batch));
        ControlFlow::Continue(())
    };
    store.reader().rows(&METRIC, scan, give).unwrap();
    found.sort_by(|a, b| a.sum.total_cmp(&b.sum));
    found
}

/// As the store gives it: the names of dimensions in order.
fn kept(mut metric: Metric) -> Metric {
    metric.dimensions.sort();
    metric
}

fn check(store: &Store, all: &[Metric]) {
    let kept: Vec<Metric> = all.iter().cloned().map(kept).collect();
    assert_eq!(scan(store, &everything()), kept);
    let (from_us, to_us) = ((NOW_SECS - DAY_SECS - 90) * 1_000_000, (NOW_SECS - 10) * 1_000_000);
    let equal = vec![("name", "faults".to_owned()), ("dimensions", r#"{"Cluster":"c","Service":"svc1"}"#.to_owned())];
    let wanted = |metric: &&Metric| {
        (from_us..to_us).contains(&metric.time_us) && metric.name == "faults" && metric.dimensions[1].1 == "svc1"
    };
    let expected: Vec<Metric> = kept.iter().filter(wanted).cloned().collect();
    assert_eq!(scan(store, &RowScan { from_us, to_us, equal }), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_answer_as_a_plain_list_would() {
    for seed in [11u64, 12, 13] {
        println!("seed {seed}");
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path()).await;
        let (mut random, mut all) = (seed, Vec::new());
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        for _ in 0..120 {
            match below(12) {
                0..=6 => {
                    let first = all.len() as u64;
                    let new: Vec<Metric> = (first..=first + below(40)).map(metric).collect();
                    store.append_metrics(&new).await.unwrap();
                    all.extend(new);
                }
                7 | 8 => drop(store.flush().await.unwrap()),
                9 => while store.compact().await.unwrap() {},
                10 => drop(store.rebuild().await.unwrap()),
                _ => {
                    if below(2) == 0 {
                        store.close().await.unwrap();
                    }
                    drop(store);
                    if below(3) == 0 {
                        for suffix in ["", "-wal", "-shm"] {
                            let _ = fs::remove_file(dir.path().join(format!("catalog.db{suffix}")));
                        }
                    }
                    store = open(dir.path()).await;
                }
            }
            check(&store, &all);
        }
        store.close().await.unwrap();
        drop(store);
        let checkup = crate::checkup(dir.path(), true, &Progress::default()).await.unwrap();
        assert_eq!((checkup.findings.len(), checkup.rows), (0, all.len() as u64));
        // A copy is as good.
        let (copy, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        crate::backup(dir.path(), copy.path(), 0, &Progress::default()).await.unwrap();
        crate::restore(copy.path(), again.path(), &Progress::default()).await.unwrap();
        check(&open(again.path()).await, &all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_documents_share_log_and_flush() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let id: TraceId = trace_id(NOW_SECS as u32, 1).parse().unwrap();
    for n in 0..10 {
        let raw = testkit::segment(&id.to_string(), n + 1, "svc", NOW_SECS as f64, 1.0).to_string();
        store.append(vec![NewDocument { trace_id: id, raw: raw.into() }]).await.unwrap();
        store.append_metrics(&[metric(2 * n), metric(2 * n + 1)]).await.unwrap();
        if n == 4 {
            store.flush().await.unwrap();
        }
    }
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!((store.recovery().replayed_documents, store.recovery().replayed_rows), (5, 10));
    check(&store, &(0..20).map(metric).collect::<Vec<_>>());
    assert_eq!(store.reader().documents(id).unwrap().segments().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_parts_become_one_and_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in 0..24 {
        store.append_metrics(&[Metric { time_us: (NOW_SECS - n) * 1_000_000, ..metric(n as u64) }]).await.unwrap();
        store.flush().await.unwrap();
    }
    let folder = dir.path().join("metric");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 24);
    while store.compact().await.unwrap() {}
    assert!(fs::read_dir(&folder).unwrap().count() < 8);
    assert_eq!(scan(&store, &everything()).len(), 24);
    store.close().await.unwrap();
    drop(store);
    let store = opened(dir.path(), NOW_SECS + 500 * DAY_SECS).await;
    assert!(store.retain().await.unwrap() > 0);
    assert_eq!((scan(&store, &everything()).len(), fs::read_dir(&folder).unwrap().count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_is_left_out_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in [0, 4] {
        store.append_metrics(&[metric(n)]).await.unwrap();
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let mut files: Vec<_> = fs::read_dir(dir.path().join("metric")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut bytes = fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let checkup = crate::checkup(dir.path(), false, &Progress::default()).await.unwrap();
    assert_eq!(checkup.findings.len(), 1);
    let store = open(dir.path()).await;
    assert_eq!(scan(&store, &everything()), vec![kept(metric(4))]);
    assert_eq!(store.stats().await.damaged_parts.len(), 1);
    assert_eq!(store.set_damaged_aside().await.unwrap(), 1);
    store.close().await.unwrap();
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.recovery().damaged_parts.len(), 1);
    assert_eq!(scan(&store, &everything()), vec![kept(metric(4))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_another_kind_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let other = RecordBatch::new_empty(Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, false)])));
    assert!(NewRows::new(&METRIC, other).is_err());
    store.append_metrics(&[]).await.unwrap();
    assert_eq!(store.flush().await.unwrap(), 0);
}
