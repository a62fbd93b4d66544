//! Tables of rows against a plain list, whatever happens to the store meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use model::TraceId;
use model::metric::{Aggregate, Dimensions, Distribution, Metric, MetricId, Statistic};
use testkit::{ManualClock, trace_id};

use super::*;
use crate::{Datapoint, METRIC, NewDocument, Progress, Store, StoreOptions, metrics};

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
    // Each in a minute of its own: those of one would become one.
    let time_us = (NOW_SECS / 60 * 60 - (n as i64 % 4) * DAY_SECS - n as i64 * 60) * 1_000_000;
    Metric {
        dimensions: Dimensions::new([("Service", format!("svc{}", n % 3).as_str()), ("Cluster", "c")]),
        samples: 2.0 + (n % 2) as f64,
        maximum: n as f64 * 2.0 + 1.0,
        distribution: n.is_multiple_of(5).then(|| Distribution::from_iter([(n as f64, 1.0), (n as f64 * 2.0 + 1.0, 1.0)])),
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

fn check(store: &Store, all: &[Metric]) {
    assert_eq!(scan(store, &everything()), all);
    let (from_us, to_us) = ((NOW_SECS - DAY_SECS - 5_400) * 1_000_000, (NOW_SECS - 600) * 1_000_000);
    let equal = vec![("name", "faults".to_owned()), ("dimensions", r#"{"Cluster":"c","Service":"svc1"}"#.to_owned())];
    let wanted = |metric: &&Metric| {
        (from_us..to_us).contains(&metric.time_us) && metric.name == "faults" && metric.dimensions.get("Service") == Some("svc1")
    };
    let expected: Vec<Metric> = all.iter().filter(wanted).cloned().collect();
    assert_eq!(scan(store, &RowScan { from_us, to_us, equal }), expected);
    check_by_id(store, all, from_us, to_us);
}

fn id(metric: &Metric) -> Arc<MetricId> {
    let (namespace, name) = (metric.namespace.clone(), metric.name.clone());
    Arc::new(MetricId { namespace, name, dimensions: metric.dimensions.clone(), owner: metric.owner.clone() })
}

/// Asked for by metric, the same comes.
fn check_by_id(store: &Store, all: &[Metric], from_us: i64, to_us: i64) {
    let within = |metric: &&Metric| (from_us..to_us).contains(&metric.time_us);
    let expected: BTreeSet<Arc<MetricId>> = all.iter().filter(within).map(id).collect();
    let known = store.reader().metrics(from_us, to_us).unwrap();
    let ids: Vec<Arc<MetricId>> = known.into_iter().map(|known| known.id).collect();
    // What a part knows of a metric is when it begins and ends: it may have nothing between.
    assert!(expected.iter().all(|id| ids.contains(id)), "{expected:?}, not only {ids:?}");
    // And one that does not exist.
    let none = Arc::new(MetricId { name: "none".into(), ..MetricId::clone(&id(&metric(0))) });
    let asked: Vec<Arc<MetricId>> = expected.iter().skip(1).cloned().chain([none]).collect();
    let mut found: Vec<(usize, i64, f64, Option<Distribution>)> = Vec::new();
    let give = &mut |place: usize, point: &Datapoint<'_>| found.push((place, point.time_us, point.sums.sum, point.distribution()));
    store.reader().datapoints(&asked, from_us, to_us, give).unwrap();
    found.sort_by(|a, b| a.2.total_cmp(&b.2));
    let place = |metric: &Metric| asked.iter().position(|asked| *asked == id(metric));
    let expected: Vec<_> = all
        .iter()
        .filter(within)
        .filter_map(|metric| Some((place(metric)?, metric.time_us, metric.sum, metric.distribution.clone())))
        .collect();
    assert_eq!(found, expected);
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
        store.append_metrics(&[Metric { time_us: (NOW_SECS / 60 - n) * 60_000_000, ..metric(n as u64) }]).await.unwrap();
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
    assert_eq!(scan(&store, &everything()), vec![metric(4)]);
    assert_eq!(store.stats().await.damaged_parts.len(), 1);
    assert_eq!(store.set_damaged_aside().await.unwrap(), 1);
    store.close().await.unwrap();
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.recovery().damaged_parts.len(), 1);
    assert_eq!(scan(&store, &everything()), vec![metric(4)]);
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

/// The values of one metric, a second apart, over several days.
fn seconds(from_secs: i64, count: i64) -> Vec<Metric> {
    let value = |n: i64| Metric {
        period: 1,
        dimensions: Dimensions::new([("Host", "a")]),
        ..Metric::value((from_secs + n) * 1_000_000, "Test", "load", "None", (n % 10) as f64)
    };
    (0..count).map(value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_values_become_fewer_and_tell_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let all = seconds(NOW_SECS - 4 * 3_600, 2 * 3_600);
    let mut whole = Aggregate::new(true);
    all.iter().for_each(|metric| whole.add(metric));
    // (hours since the last value, the seconds between the values that are left then)
    for (hours, step) in [(1, 1), (4, 60), (16 * 24, 300), (64 * 24, 3_600)] {
        let store = opened(dir.path(), NOW_SECS + hours * 3_600).await;
        if hours == 1 {
            for some in all.chunks(1_000) {
                store.append_metrics(some).await.unwrap();
                store.flush().await.unwrap();
            }
        }
        while store.compact().await.unwrap() {}
        let left = scan(&store, &everything());
        let times: BTreeSet<i64> = left.iter().map(|metric| metric.time_us / 1_000_000).collect();
        if hours > 1 {
            assert!(times.iter().all(|time| time % step == 0), "{hours}: {times:?}");
            assert!(left.iter().all(|metric| metric.period == step), "{hours}");
        }
        assert!(times.len() as i64 <= 2 * 3_600 / step + 2, "{hours}: {}", times.len());
        let mut now = Aggregate::new(true);
        left.iter().for_each(|metric| now.add(metric));
        for statistic in ["SampleCount", "Sum", "Minimum", "Maximum", "p90", "TM(10%:90%)"] {
            let statistic: Statistic = statistic.parse().unwrap();
            assert_eq!(statistic.of(&now), statistic.of(&whole), "{statistic} after {hours} hours");
        }
        store.close().await.unwrap();
    }
}

/// Rows as formats before 9 had them.
#[test]
fn rows_of_older_formats_are_read() {
    use arrow_array::{Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
    let texts = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let real = |number: f64| Arc::new(Float64Array::from(vec![number])) as ArrayRef;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![5]).with_timezone("UTC"))),
        ("namespace", texts("n")),
        ("name", texts("m")),
        ("dimensions", texts("{}")),
        ("unit", texts("Count")),
        ("samples", Arc::new(Int64Array::from(vec![3]))),
        ("sum", real(9.0)),
        ("minimum", real(2.0)),
        ("maximum", real(4.0)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut payload = vec![METRIC.number, 1, 0, 0, 0];
    let mut writer = StreamWriter::try_new(&mut payload, batch.schema_ref()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let (_, read) = decode(&Bytes::from(payload)).unwrap();
    let expected = Metric { samples: 3.0, sum: 9.0, minimum: 2.0, maximum: 4.0, ..Metric::value(5, "n", "m", "Count", 0.0) };
    assert_eq!(metrics(&read), vec![expected]);
}

/// Rows are written in the order that Arrow's own comparison of the columns gives.
#[test]
fn rows_are_in_the_order_of_their_columns() {
    use arrow_ord::sort::{SortColumn, lexsort_to_indices};
    use model::owner::Owner;

    let of = |n: u64| {
        let mut metric = metric(n * 2_654_435_761 % 97);
        metric.owner = [None, Some(Owner::new("111122223333", "us-east-1")), Some(Owner::new("1", ""))][n as usize % 3].clone();
        metric.unit = [None, Some("Count".into()), Some("Bytes".into()), Some("".into())][n as usize % 4].clone();
        metric.name = ["ä", "z", "", "requests", "Requests"][n as usize % 5].into();
        metric
    };
    for rows in [0, 1, 2, 500] {
        let batch = crate::table::metric::batch(&(0..rows).map(of).collect::<Vec<_>>()).unwrap();
        let by = |name: &&str| SortColumn { values: batch.column(METRIC.place(name)).clone(), options: None };
        let expected = lexsort_to_indices(&METRIC.sort.iter().map(by).collect::<Vec<_>>(), None).unwrap();
        let texts = |order: &[u32]| -> Vec<String> {
            let columns = METRIC.sort.iter().map(|name| batch.column(METRIC.place(name)));
            let columns: Vec<_> = columns.collect();
            let row = |row: &u32| {
                let value = |column: &&ArrayRef| text_of(column, *row as usize);
                columns.iter().map(value).collect::<Vec<_>>().join("|")
            };
            order.iter().map(row).collect()
        };
        assert_eq!(texts(&order::order(&METRIC, &batch).unwrap()), texts(expected.values()));
    }
}

fn text_of(column: &ArrayRef, row: usize) -> String {
    match column.data_type() {
        DataType::Utf8 if column.is_null(row) => "none".to_owned(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        _ => column.as_primitive::<arrow_array::types::TimestampMicrosecondType>().value(row).to_string(),
    }
}
