//! The store against a plain model of itself: random operations, reopened at any moment, must answer what a list would.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use model::TraceId;
use model::digest::TraceDigest;
use model::minute::{MINUTE_US, Minutes};
use serde_json::json;
use testkit::{ManualClock, segment_id, trace_id};

use super::*;

mod backup;
mod damage;

const NOW_SECS: i64 = 1_795_000_000;

async fn open(dir: &Path) -> (Store, ManualClock) {
    let clock = ManualClock::at_secs(NOW_SECS);
    (Store::open(StoreOptions::new(dir), Arc::new(clock.clone())).await.unwrap(), clock)
}

/// Segment `n` of trace `trace`, which belongs to the time `secs_ago`.
fn document(trace: u32, n: u64, secs_ago: u32) -> NewDocument {
    let id = trace_id(NOW_SECS as u32 - secs_ago, u128::from(trace));
    let start = (NOW_SECS - i64::from(secs_ago)) as f64 + n as f64;
    // Three services that call each other over subsegments, the last a minute later, one of five with an error; the callee's
    // document often comes first.
    let service = ["svc", "callee", "other"][n as usize % 3];
    let later = if n % 3 == 2 { 60.0 } else { 0.0 };
    let mut value = testkit::segment(&id, u64::from(trace) << 20 | n, service, start + later, 0.5 + n as f64 / 100.0);
    value["error"] = json!(n % 5 == 4);
    let call = |n: u64| u64::from(trace) << 20 | 0x8_0000 | n;
    value["subsegments"] = json!([{
        "id": segment_id(call(n)), "name": "call", "namespace": "remote", "start_time": start + later + 0.1,
        "end_time": start + later + 0.4, "http": {"response": {"status": if n % 7 == 3 { 500 } else { 200 }}},
    }]);
    if n > 0 {
        // Of the segment before it, or of one that is yet to come.
        let parent = if n.is_multiple_of(2) { n - 1 } else { n + 1 };
        value["parent_id"] = json!(segment_id(call(parent)));
    }
    let raw = value.to_string().into_bytes();
    NewDocument { trace_id: id.parse().unwrap(), raw: raw.into() }
}

fn everything() -> TraceScan {
    TraceScan {
        range: ScanRange::Time { from_us: 0, to_us: i64::MAX },
        prefilter: Prefilter::Anything,
        after: None,
        budget: u64::MAX,
        outline: false,
    }
}

fn scan_all(reader: &Reader, scan: &TraceScan) -> Vec<TraceDigest> {
    let mut found = Vec::new();
    reader
        .scan(scan, &mut |digest| {
            found.push(digest.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

/// Everything by pages of `size`; every trace is counted by one page.
fn scan_pages(reader: &Reader, size: usize, budget: u64) -> Vec<TraceDigest> {
    let mut found = Vec::new();
    let mut considered = 0;
    let mut after = None;
    loop {
        let mut page = Vec::new();
        let scanned = reader
            .scan(&TraceScan { after, budget, ..everything() }, &mut |digest| {
                page.push(digest.clone());
                if page.len() < size { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        found.append(&mut page);
        considered += scanned.considered;
        match scanned.next {
            Some(next) => after = Some(next),
            None => {
                // Rows that newer ones replaced are looked at too.
                assert!(considered >= found.len() as u64);
                return found;
            }
        }
    }
}

/// What the store must answer: per trace the ids of its documents, in order.
#[derive(Default)]
struct Model {
    traces: BTreeMap<TraceId, Vec<model::SegmentId>>,
}

impl Model {
    fn add(&mut self, documents: &[NewDocument]) {
        for document in documents {
            let segment = model::segment::parse(&document.raw).unwrap();
            self.traces.entry(document.trace_id).or_default().push(segment.id);
        }
    }

    fn check(&self, store: &Store) {
        let reader = store.reader();
        for (id, segments) in &self.traces {
            let found: Vec<_> = reader.documents(*id).unwrap().segments().iter().map(|segment| segment.id).collect();
            assert_eq!(&found, segments, "documents of {id}");
        }
        let found = scan_all(&reader, &everything());
        let ids: Vec<TraceId> = found.iter().map(|digest| digest.id).collect();
        let mut expected: Vec<TraceId> = self.traces.keys().copied().collect();
        expected.sort_by_key(|id| std::cmp::Reverse((id.epoch_secs(), *id)));
        assert_eq!(ids, expected, "traces, newest first, each once");
        for digest in &found {
            assert_eq!(digest.revision as usize, self.traces[&digest.id].len(), "newest digest of {}", digest.id);
        }
        check_sums(&reader, &found);
        self.check_walk(&reader, &found);
        for (size, budget) in [(1, u64::MAX), (3, 5), (1000, 1)] {
            let ids: Vec<TraceId> = scan_pages(&reader, size, budget).iter().map(|digest| digest.id).collect();
            assert_eq!(ids, expected, "pages of {size}, budget {budget}");
        }
    }
}

impl Model {
    /// A walk meets every trace of its range once, with all documents, over parts that the range leaves out too.
    fn check_walk(&self, reader: &Reader, found: &[TraceDigest]) {
        let us = |secs_ago: i64| (NOW_SECS - secs_ago) * 1_000_000;
        let day = 86_400;
        for (from_us, to_us) in
            [(i64::MIN, i64::MAX), (us(2 * day), us(day / 2)), (us(100), us(0)), (us(70), us(69)), (us(-300), us(-400))]
        {
            let range = ScanRange::Active { from_us, to_us };
            let mut walked: BTreeMap<TraceId, Vec<model::SegmentId>> = BTreeMap::new();
            reader
                .walk(&range, &mut |id, segments| {
                    let before = walked.insert(id, segments.iter().map(|segment| segment.id).collect());
                    assert_eq!(before, None, "{id} came twice");
                    ControlFlow::Continue(())
                })
                .unwrap();
            for digest in found.iter().filter(|digest| digest.start_us < to_us && from_us <= digest.end_us) {
                assert_eq!(walked.get(&digest.id), self.traces.get(&digest.id), "documents of {}", digest.id);
            }
        }
    }
}

/// Requests per minute, added up over parts and memory, are those of the traces.
fn check_sums(reader: &Reader, found: &[TraceDigest]) {
    let (mut counted, mut summed) = (Minutes::default(), Minutes::default());
    found.iter().for_each(|digest| counted.add(digest));
    for batch in reader.minutes(0..i64::MAX / MINUTE_US).unwrap().unwrap() {
        batch.rows().for_each(|row| row.add_to(&mut summed));
    }
    counted.settle(i64::MAX);
    summed.settle(i64::MAX);
    summed.take_out(&counted);
    let first = reader.first_minute();
    let differing: Vec<_> = summed.edges().into_iter().filter(|(row, _)| row.minute >= first).collect();
    assert!(differing.is_empty(), "{} of {} sums differ: {:#?}", differing.len(), counted.edges().len(), differing[0]);
}

/// A small generator: the same seed makes the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_answer_as_a_plain_list_would() {
    for seed in [0x5eed_0001u64, 0x5eed_0002, 0x5eed_0003, 0x5eed_0004] {
        println!("seed {seed:#x}");
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = open(dir.path()).await;
        let mut model = Model::default();
        let mut random = Random(seed);
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        for step in 0..90 {
            match random.below(10) {
                0..=5 => {
                    let documents: Vec<NewDocument> = (0..=random.below(8))
                        .map(|_| {
                            // Few traces, so that many arrive over several flushes; three days, so that there are partitions.
                            let trace = random.below(12) as u32;
                            let n = next.entry(trace).or_default();
                            *n += 1;
                            document(trace, *n - 1, (trace % 3) * 86_400 + trace * 10)
                        })
                        .collect();
                    model.add(&documents);
                    store.append(documents).await.unwrap();
                }
                6 | 7 => {
                    store.flush().await.unwrap();
                }
                8 if random.below(4) == 0 => {
                    let rebuilt = store.rebuild().await.unwrap();
                    assert_eq!((rebuilt.duplicates, rebuilt.lost.len()), (0, 0));
                }
                8 => while store.compact().await.unwrap() {},
                _ => {
                    if random.below(2) == 0 {
                        store.close().await.unwrap();
                    }
                    // Without a close this is what a kill leaves: the log.
                    drop(store);
                    store = reopened(dir.path()).await;
                }
            }
            if step % 6 == 0 {
                model.check(&store);
            }
        }
        model.check(&store);
        drop(store);
        drop(reopened(dir.path()).await);
        let checkup = checkup(dir.path(), true, &Progress::default()).await.unwrap();
        assert_eq!(checkup.findings, Vec::<Finding>::new());
        assert_eq!(checkup.documents + checkup.log_documents, next.values().sum::<u64>());
    }
}

/// The writer's thread of a dropped store may still hold the lock for a moment.
async fn reopened(dir: &Path) -> Store {
    for _ in 0..500 {
        match Store::open(StoreOptions::new(dir), Arc::new(ManualClock::at_secs(NOW_SECS))).await {
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            store => return store.unwrap(),
        }
    }
    panic!("the lock was never given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_parts_become_one_and_answers_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await;
    let mut model = Model::default();
    for round in 0..20u32 {
        // Every trace arrives in two halves, two flushes apart.
        let documents = vec![
            document(round, 0, 100 + round),
            document(round.saturating_sub(2), 1 + u64::from(round), 100 + round.saturating_sub(2)),
        ];
        model.add(&documents);
        store.append(documents).await.unwrap();
        store.flush().await.unwrap();
    }
    assert_eq!(store.stats().await.parts, 20);
    while store.compact().await.unwrap() {}
    assert!(store.stats().await.parts < 8, "{:?}", store.stats().await);
    model.check(&store);
    let files = |table: &str| std::fs::read_dir(dir.path().join(table)).unwrap().count() as u64;
    assert_eq!(files("segment"), store.stats().await.parts);
    assert_eq!(files("trace"), store.stats().await.parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_whole_days_that_are_past() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS);
    let options = StoreOptions { retention_days: 7, ..StoreOptions::new(dir.path()) };
    let store = Store::open(options, Arc::new(clock.clone())).await.unwrap();
    store.append(vec![document(1, 0, 8 * 86_400), document(2, 0, 6 * 86_400), document(3, 0, 60)]).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.retain().await.unwrap(), 1);
    assert_eq!(scan_all(&store.reader(), &everything()).len(), 2);
    clock.advance_secs(3 * 86_400);
    assert_eq!(store.retain().await.unwrap(), 1);
    let left = scan_all(&store.reader(), &everything());
    assert_eq!(left.len(), 1);
    assert_eq!(std::fs::read_dir(dir.path().join("trace")).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_admit_by_id_time_by_activity_and_by_end() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await;
    // Under way from 100 to 50 seconds ago.
    let id = trace_id(NOW_SECS as u32 - 100, 1);
    let raw = testkit::segment(&id, 1, "svc", (NOW_SECS - 100) as f64, 50.0).to_string().into_bytes();
    store.append(vec![NewDocument { trace_id: id.parse().unwrap(), raw: raw.into() }]).await.unwrap();
    for flushed in [false, true] {
        if flushed {
            store.flush().await.unwrap();
        }
        let found = |range: fn(i64, i64) -> ScanRange, from_ago: i64, to_ago: i64| {
            let us = |ago: i64| (NOW_SECS - ago) * 1_000_000;
            scan_all(&store.reader(), &TraceScan { range: range(us(from_ago), us(to_ago)), ..everything() }).len() == 1
        };
        let time = |from_us, to_us| ScanRange::Time { from_us, to_us };
        let active = |from_us, to_us| ScanRange::Active { from_us, to_us };
        let ended = |from_us, to_us| ScanRange::Ended { from_us, to_us };
        assert!(found(time, 100, 99) && !found(time, 99, 0) && !found(time, 200, 100));
        assert!(found(active, 80, 70) && found(active, 50, 0) && !found(active, 49, 0) && !found(active, 200, 100));
        assert!(found(ended, 60, 40) && !found(ended, 100, 60) && !found(ended, 49, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prefilters_leave_out_nothing_that_matches() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await;
    let documents = (0..40u32).map(|n| {
        let id = trace_id(NOW_SECS as u32 - 1_000 + n, u128::from(n));
        let mut value = testkit::segment(&id, u64::from(n) + 1, &format!("svc-{}", n % 3), (NOW_SECS - 1_000) as f64, f64::from(n));
        value["fault"] = json!(n % 5 == 0);
        value["user"] = json!(format!("u{}", n % 4));
        value["annotations"] = json!({"tier": if n % 2 == 0 { "gold" } else { "free" }});
        value["http"] = json!({"request": {"method": "GET", "url": format!("http://a/{n}")}, "response": {"status": 200 + n}});
        let raw = value.to_string().into_bytes();
        NewDocument { trace_id: id.parse().unwrap(), raw: raw.into() }
    });
    store.append(documents.collect()).await.unwrap();
    store.flush().await.unwrap();
    let count = |prefilter| scan_all(&store.reader(), &TraceScan { prefilter, ..everything() }).len();
    assert_eq!(count(Prefilter::Fault(true)), 8);
    assert_eq!(count(Prefilter::Fault(false)), 32);
    assert_eq!(count(Prefilter::Service("svc-1".into())), 13);
    assert_eq!(count(Prefilter::Service("svc".into())), 0);
    assert_eq!(count(Prefilter::User("u3".into())), 10);
    assert_eq!(count(Prefilter::AnnotationText("tier".into(), "gold".into())), 20);
    assert_eq!(count(Prefilter::AnnotationKey("tier".into())), 40);
    assert_eq!(count(Prefilter::StatusBetween(210, 219)), 10);
    assert_eq!(count(Prefilter::ResponseBetween(5_000_000, 6_000_000)), 2);
    assert_eq!(count(Prefilter::UrlContains("/3".into())), 11);
    assert_eq!(count(Prefilter::And(vec![Prefilter::Fault(true), Prefilter::Anything])), 8);
    assert_eq!(count(Prefilter::Or(vec![Prefilter::Fault(true), Prefilter::Anything])), 40);
    assert_eq!(count(Prefilter::Nothing), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_is_set_aside_and_the_rest_answers() {
    for table in ["segment", "trace", "visit"] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path()).await;
        for n in 0..2 {
            store.append(vec![document(n, 0, 60 + n)]).await.unwrap();
            store.flush().await.unwrap();
        }
        store.close().await.unwrap();
        drop(store);
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(dir.path().join(table)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let bytes = std::fs::read(&files[0]).unwrap();
        std::fs::write(&files[0], &bytes[..bytes.len() / 2]).unwrap();

        let store = reopened(dir.path()).await;
        let found = scan_all(&store.reader(), &everything()).len();
        let documents = store.reader().documents(trace_id(NOW_SECS as u32 - 60, 0).parse().unwrap()).unwrap().segments().len();
        assert!(found == 1 || documents == 0, "the damaged half must be missing, not wrong");
        assert_eq!(store.reader().documents(trace_id(NOW_SECS as u32 - 61, 1).parse().unwrap()).unwrap().segments().len(), 1);
        assert_eq!(store.stats().await.damaged_parts.len(), 1);
        assert_eq!(store.set_damaged_aside().await.unwrap(), 1);
        store.close().await.unwrap();
        drop(store);
        let store = reopened(dir.path()).await;
        assert_eq!(store.recovery().damaged_parts.len(), 1);
        assert_eq!(scan_all(&store.reader(), &everything()).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_or_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open(dir.path()).await;
    let again = Store::open(StoreOptions::new(dir.path()), Arc::new(clock)).await;
    assert!(matches!(again, Err(Error::Locked { .. })));
    store.close().await.unwrap();
    drop((store, again));
    std::fs::write(dir.path().join("FORMAT"), "99\n").unwrap();
    let refused = loop {
        match Store::open(StoreOptions::new(dir.path()), Arc::new(ManualClock::at_secs(NOW_SECS))).await {
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            Err(err) => break err,
            Ok(_) => panic!("opened"),
        }
    };
    assert!(refused.to_string().contains("format version 99"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_version_before_becomes_one_of_this() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await;
    store.close().await.unwrap();
    drop(store);
    std::fs::write(dir.path().join("FORMAT"), "7\n").unwrap();
    loop {
        match Store::open(StoreOptions::new(dir.path()), Arc::new(ManualClock::at_secs(NOW_SECS))).await {
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            opened => break drop(opened.unwrap()),
        }
    }
    assert_eq!(std::fs::read_to_string(dir.path().join("FORMAT")).unwrap(), format!("{FORMAT_VERSION}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_part_that_was_never_registered_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await;
    store.append(vec![document(1, 0, 60)]).await.unwrap();
    store.flush().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    std::fs::write(dir.path().join("segment/000000009999.parquet"), b"half a part").unwrap();
    let store = reopened(dir.path()).await;
    assert_eq!(store.recovery().swept_files, 1);
    assert_eq!(scan_all(&store.reader(), &everything()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_wait_and_are_then_refused_when_memory_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        memtable_bytes: 1_000,
        memtable_bytes_max: 10_000,
        write_wait: Duration::from_millis(20),
        ..StoreOptions::new(dir.path())
    };
    let store = Store::open(options, Arc::new(ManualClock::at_secs(NOW_SECS))).await.unwrap();
    let mut refused = None;
    for n in 0..100 {
        if let Err(err) = store.append(vec![document(n, 0, 60)]).await {
            refused = Some(err);
            break;
        }
    }
    assert!(matches!(refused, Some(Error::Behind { .. })));
    store.flush().await.unwrap();
    store.append(vec![document(100, 0, 60)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_at_once_see_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await;
    store.append((0..3_000).map(|n| document(n, 0, n % 5_000)).collect()).await.unwrap();
    store.flush().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = reopened(dir.path()).await;
    std::thread::scope(|scope| {
        for thread in 0..6u32 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..10 {
                    assert_eq!(scan_all(&store.reader(), &everything()).len(), 3_000);
                    let n = (thread * 397 + round * 31) % 3_000;
                    let id = trace_id(NOW_SECS as u32 - n % 5_000, u128::from(n)).parse().unwrap();
                    assert_eq!(store.reader().documents(id).unwrap().segments().len(), 1);
                }
            });
        }
    });
    assert!(store.stats().await.damaged_parts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_read_is_left_out_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let id: TraceId = trace_id(NOW_SECS as u32 - 10, 1).parse().unwrap();
    let (store, _) = open(dir.path()).await;
    let unreadable = NewDocument { trace_id: id, raw: "{\"not\": \"a segment\"}".into() };
    store.append(vec![unreadable, document(1, 0, 10), document(2, 0, 10)]).await.unwrap();
    for round in 0..3 {
        let reader = store.reader();
        assert_eq!(reader.documents(id).unwrap().segments().len(), 1, "round {round}");
        assert_eq!(scan_all(&reader, &everything()).len(), 2, "round {round}");
        if round == 0 {
            assert_eq!(store.flush().await.unwrap(), 3);
        }
    }
    assert!(store.stats().await.damaged_parts.is_empty());
    store.close().await.unwrap();
    drop(store);
    let (store, _) = open(dir.path()).await;
    assert_eq!(scan_all(&store.reader(), &everything()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_document_in_the_log_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await;
    let raw = "{\"not\": \"a segment\"}";
    let trace_id = trace_id(NOW_SECS as u32 - 10, 1).parse().unwrap();
    store.append(vec![NewDocument { trace_id, raw: raw.into() }, document(1, 0, 10)]).await.unwrap();
    drop(store);
    let store = reopened(dir.path()).await;
    assert_eq!(store.recovery().replayed_documents, 1);
    let aside: Vec<_> = std::fs::read_dir(dir.path().join("damaged")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(std::fs::read_to_string(&aside[0]).unwrap(), raw);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_wrong_do_not_make_a_part_for_each_day() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open(dir.path()).await;
    let day = 86_400u32;
    let ids: Vec<TraceId> = (0..400u32).map(|n| trace_id((n + 1) * 100 * day, u128::from(n)).parse().unwrap()).collect();
    let documents = ids.iter().enumerate().map(|(n, id)| {
        let start = f64::from(id.epoch_secs());
        let raw = testkit::segment(&id.to_string(), n as u64 + 1, "svc", start, 0.5).to_string();
        NewDocument { trace_id: *id, raw: raw.into() }
    });
    store.append(documents.collect()).await.unwrap();
    store.flush().await.unwrap();
    assert!(store.stats().await.parts <= 32, "{}", store.stats().await.parts);
    for id in &ids {
        assert_eq!(store.reader().documents(*id).unwrap().segments().len(), 1);
    }
    assert_eq!(scan_all(&store.reader(), &everything()).len(), ids.len());
    // What claims to be of the future goes when its part is old.
    clock.advance_secs(31 * i64::from(day));
    store.retain().await.unwrap();
    assert_eq!(store.stats().await.parts, 0);
}
