//! Log events against a plain list: what is found by time, group, stream and needle, and what is no longer kept.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use model::log::{EventNumber, LogEvent};
use model::time::DAY_US;
use testkit::ManualClock;

use parquet::file::properties::WriterProperties;

use crate::cache::Cache;
use crate::gram::Needle;
use crate::rows::scan::batches;
use crate::table::file::{Checksums, FileWriter, TableFile};
use crate::table::log_event::LOG_EVENT;
use crate::{Error, GroupPolicy, LogGroupScan, LogPolicy, LogScan, Store, StoreOptions};

const NOW_SECS: i64 = 1_795_000_000;
const NOW_US: i64 = NOW_SECS * 1_000_000;

/// The writer's thread of a dropped store may still hold the lock for a moment.
async fn open(dir: &Path) -> Store {
    loop {
        match Store::open(StoreOptions::new(dir), Arc::new(ManualClock::at_secs(NOW_SECS))).await {
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

fn id(n: i64) -> String {
    let part = |factor: i64| (n * factor) as u32;
    format!("{:08x}{:08x}{:08x}{:08x}", part(7_919), part(104_729), part(1_299_709), part(15_485_863))
}

fn event(n: i64, number: EventNumber) -> LogEvent {
    LogEvent {
        time_us: NOW_US - (n % 5) * DAY_US - n * 1_000,
        owner: None,
        group: ["shop", "other"][n as usize % 2].into(),
        stream: format!("s{}", n % 3).as_str().into(),
        number,
        message: format!("request {} took {n} ms", id(n)),
    }
}

/// Appends so many events, and gives all there are.
async fn append(store: &Store, all: &mut Vec<LogEvent>, count: usize) {
    let first = store.event_numbers(count);
    let from = all.len() as i64;
    let new: Vec<LogEvent> = (0..count as i64).map(|n| event(from + n, EventNumber(first.0 + n))).collect();
    store.append_log_events(&new).await.unwrap();
    all.extend(new);
}

fn group(name: &str) -> LogGroupScan {
    LogGroupScan { name: name.into(), ..LogGroupScan::default() }
}

fn everything(groups: &[&str]) -> LogScan {
    let groups = groups.iter().map(|name| group(name)).collect();
    LogScan {
        groups,
        from_us: i64::MIN,
        to_us: i64::MAX,
        with_numbers: true,
        with_streams: true,
        with_messages: true,
        ..LogScan::default()
    }
}

fn read(store: &Store, scan: &LogScan) -> Vec<LogEvent> {
    let reader = store.reader();
    let mut found = Vec::new();
    for chunk in reader.log_chunks(scan).unwrap() {
        let rows = reader.log_rows(scan, &chunk).unwrap();
        assert!(rows.len() <= chunk.rows);
        found.extend((0..rows.len()).map(|row| rows.event(row)));
    }
    found.sort_by_key(|event| event.number);
    found
}

fn check(store: &Store, all: &[LogEvent]) {
    let of = |wanted: &dyn Fn(&LogEvent) -> bool| all.iter().filter(|event| wanted(event)).cloned().collect::<Vec<_>>();
    assert_eq!(read(store, &everything(&["shop", "other"])), all);
    assert_eq!(read(store, &everything(&["shop"])), of(&|event| event.group == "shop"));
    let (from_us, to_us) = (NOW_US - 2 * DAY_US - 40_000, NOW_US - DAY_US);
    let scan = LogScan { from_us, to_us, ..everything(&["other", "nothing"]) };
    assert_eq!(read(store, &scan), of(&|event| event.group == "other" && (from_us..to_us).contains(&event.time_us)));
    let streams = Some(BTreeSet::from(["s1".into()]));
    let mut scan = LogScan { with_streams: false, with_messages: false, ..everything(&["shop"]) };
    scan.groups[0].streams = streams;
    let numbers: Vec<EventNumber> = read(store, &scan).iter().map(|event| event.number).collect();
    let wanted = of(&|event| event.group == "shop" && event.stream == "s1");
    assert_eq!(numbers, wanted.iter().map(|event| event.number).collect::<Vec<_>>());
    // A needle leaves out what cannot have it, and nothing that has.
    for n in [1, all.len() as i64 / 2] {
        for needle in [Needle::Text(id(n).into_bytes()), Needle::Trace(id(n).parse().unwrap())] {
            let scan = LogScan { needles: vec![needle], ..everything(&["shop", "other"]) };
            let found = read(store, &scan);
            assert!(found.iter().any(|event| event.message.contains(&id(n))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_wherever_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).await;
    let mut all = Vec::new();
    for round in 0..12 {
        append(&store, &mut all, 50 + round).await;
        check(&store, &all);
        match round % 4 {
            0 | 2 => drop(store.flush().await.unwrap()),
            1 => while store.compact().await.unwrap() {},
            _ => {
                drop(store);
                store = open(dir.path()).await;
            }
        }
        check(&store, &all);
    }
    // In files, an id that nothing has is not looked for in any row.
    store.flush().await.unwrap();
    let scan = LogScan { needles: vec![Needle::Text(id(99_999).into_bytes())], ..everything(&["shop", "other"]) };
    assert!(store.reader().log_chunks(&scan).unwrap().len() <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_goes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut all = Vec::new();
    append(&store, &mut all, 300).await;
    store.flush().await.unwrap();
    let cut = store.event_numbers(1);
    append(&store, &mut all, 300).await;
    store.flush().await.unwrap();
    while store.compact().await.unwrap() {}
    assert_eq!(read(&store, &everything(&["shop", "other"])), all);
    // Of one group what is older than two days, of the other what came before, and of one of its streams everything.
    let policy = [
        ((None, "shop".into()), GroupPolicy { days: 2, ..GroupPolicy::default() }),
        (
            (None, "other".into()),
            GroupPolicy { since: cut, days: 0, streams: HashMap::from([("s0".into(), EventNumber(i64::MAX))]) },
        ),
    ];
    store.set_log_policy(LogPolicy(HashMap::from(policy)));
    while store.compact().await.unwrap() {}
    let is_kept = |event: &LogEvent| match event.group.as_str() {
        "shop" => event.time_us >= NOW_US - 2 * DAY_US,
        _ => event.number >= cut && event.stream != "s0",
    };
    all.retain(is_kept);
    assert!(!all.is_empty());
    assert_eq!(read(&store, &everything(&["shop", "other"])), all);
    // Then nothing of all that.
    let nothing = |name: &str| ((None, name.into()), GroupPolicy { since: EventNumber(i64::MAX), ..GroupPolicy::default() });
    store.set_log_policy(LogPolicy(HashMap::from([nothing("shop"), nothing("other")])));
    while store.compact().await.unwrap() {}
    assert!(store.reader().log_chunks(&everything(&["shop", "other"])).unwrap().is_empty());
    drop(store);
    assert!(open(dir.path()).await.reader().log_chunks(&everything(&["shop", "other"])).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lines_do_not_fill_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut all = Vec::new();
    for round in 0..3 {
        let first = store.event_numbers(40);
        let long = |n: i64| LogEvent { message: "long ".repeat(200_000), ..event(n * 10, EventNumber(first.0 + n)) };
        let new: Vec<LogEvent> =
            (0..40).map(|n| long(round * 40 + n)).map(|event| LogEvent { number: event.number, ..event }).collect();
        let new: Vec<LogEvent> =
            new.into_iter().zip(0..).map(|(event, n)| LogEvent { number: EventNumber(first.0 + n), ..event }).collect();
        for some in new.chunks(8) {
            store.append_log_events(some).await.unwrap();
        }
        all.extend(new);
        store.flush().await.unwrap();
    }
    assert_eq!(read(&store, &everything(&["shop", "other"])).len(), all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_up_to_what_is_settled_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut all = Vec::new();
    append(&store, &mut all, 10).await;
    let slow = store.begin_events(5);
    append(&store, &mut all, 10).await;
    // The first of what is under way came between the others.
    assert_eq!(store.settled_events(), slow.first);
    let mut scan = LogScan { until: Some(store.settled_events()), ..everything(&["shop", "other"]) };
    assert_eq!(read(&store, &scan).len(), 10);
    let from = slow.first;
    let late: Vec<LogEvent> = (0..5).map(|n| event(100 + n, EventNumber(from.0 + n))).collect();
    store.append_log_events(&late).await.unwrap();
    drop(slow);
    store.flush().await.unwrap();
    append(&store, &mut all, 3).await;
    (scan.until, scan.groups[0].since, scan.groups[1].since) = (Some(store.settled_events()), from, from);
    assert_eq!(read(&store, &scan).len(), 5 + 10 + 3);
    // What was written to parts before is not even opened.
    (scan.groups[0].since, scan.groups[1].since) = (all[all.len() - 3].number, all[all.len() - 3].number);
    assert!(store.reader().log_chunks(&scan).unwrap().iter().all(|chunk| chunk.is_in_memory()));
    assert_eq!(read(&store, &scan).len(), 3);
}

/// Before format 11, messages were a column of their file.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_older_formats_are_read_and_merged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut all = Vec::new();
    append(&store, &mut all, 500).await;
    store.flush().await.unwrap();
    drop(store);
    // As such a program wrote it, and with a catalog that is made anew from that.
    let store = open(dir.path()).await;
    drop(store);
    let cache = Arc::new(Cache::new(1 << 20, 1 << 20));
    for entry in std::fs::read_dir(dir.path().join(LOG_EVENT.name)).unwrap() {
        let path = entry.unwrap().path();
        let file = Arc::new(TableFile::open(&path, Arc::new(Checksums::of(&path).unwrap()), &cache).unwrap());
        let older = path.with_extension("older");
        let mut writer = FileWriter::create(&older, LOG_EVENT.schema(), WriterProperties::default()).unwrap();
        for batch in batches(&LOG_EVENT, &file, None, 8_192).unwrap() {
            writer.write(&batch.unwrap()).unwrap();
        }
        file.notes().iter().filter(|note| note.key == "mitoshi.last_sequence").for_each(|note| writer.note(note.clone()));
        writer.finish().unwrap();
        std::fs::rename(older, path).unwrap();
    }
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    std::fs::write(dir.path().join("FORMAT"), "10\n").unwrap();

    let store = open(dir.path()).await;
    check(&store, &all);
    for _ in 0..8 {
        append(&store, &mut all, 40).await;
        store.flush().await.unwrap();
    }
    while store.compact().await.unwrap() {}
    check(&store, &all);
}
