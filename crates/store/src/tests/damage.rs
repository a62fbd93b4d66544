//! Disks that do not keep what they were given: the store starts, says what is lost, and never answers wrongly.

use model::sampling::SamplingRule;

use super::*;

/// A store with several parts, traces that arrived over several flushes, and some of the log not yet in parts.
async fn filled(dir: &Path, random: &mut Random) -> Model {
    let (store, _) = open(dir).await;
    let mut model = Model::default();
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    for round in 0..5 {
        let documents: Vec<NewDocument> = (0..40)
            .map(|_| {
                let trace = random.below(30) as u32;
                let n = next.entry(trace).or_default();
                *n += 1;
                document(trace, *n - 1, (trace % 2) * 86_400 + trace)
            })
            .collect();
        model.add(&documents);
        store.append(documents).await.unwrap();
        if round < 4 {
            store.flush().await.unwrap();
        }
    }
    model
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Changes a file as a bad disk would.
fn harm(path: &Path, random: &mut Random) -> String {
    let mut bytes = std::fs::read(path).unwrap();
    let at = random.below(bytes.len() as u64) as usize;
    let how = match random.below(4) {
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let end = bytes.len().min(at + 4096);
            bytes[at..end].fill(0);
            format!("zeroes from {at} to {end}")
        }
        _ => {
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
    };
    std::fs::write(path, bytes).unwrap();
    how
}

/// Every document found is one that was sent, in its order, and each digest is that of the documents found. Returns how many
/// documents are missing.
fn missing(model: &Model, store: &Store) -> usize {
    let reader = store.reader();
    let mut missing = 0;
    for (id, expected) in &model.traces {
        let found: Vec<_> = reader.documents(*id).unwrap().segments().iter().map(|segment| segment.id).collect();
        let mut rest = expected.iter();
        assert!(found.iter().all(|id| rest.any(|expected| expected == id)), "documents of {id}: {found:?} of {expected:?}");
        missing += expected.len() - found.len();
    }
    let digests = scan_all(&reader, &everything());
    let sums = reader.minutes(0..i64::MAX / MINUTE_US).unwrap();
    if sums.is_some() && missing == 0 {
        check_sums(&reader, &digests);
    }
    let mut ids: Vec<TraceId> = digests.iter().map(|digest| digest.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), digests.len(), "a trace twice");
    for digest in &digests {
        assert!(digest.revision as usize <= model.traces[&digest.id].len());
    }
    missing
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_the_catalog_no_document_is_lost() {
    for seed in 1..=24u64 {
        println!("seed {seed}");
        let mut random = Random(seed * 0x9e37_79b9);
        let dir = tempfile::tempdir().unwrap();
        let model = filled(dir.path(), &mut random).await;
        // As a stop leaves it: one file.
        let store = reopened(dir.path()).await;
        store.close().await.unwrap();
        drop(store);
        let path = dir.path().join("catalog.db");
        let how = if seed % 8 == 0 {
            std::fs::remove_file(&path).unwrap();
            "removed".to_owned()
        } else {
            harm(&path, &mut random)
        };
        println!("{how}");
        let found = checkup(dir.path(), false, &Progress::default()).await.unwrap().findings;
        let store = reopened(dir.path()).await;
        model.check(&store);
        assert!(found.len() == 1 || store.recovery().rebuilt_catalog.is_none(), "made anew, but {found:?}");
        println!("rebuilt: {:?}", store.recovery().rebuilt_catalog);
        assert!(seed % 8 != 0 || store.recovery().rebuilt_catalog.is_some());
        // And it stays so.
        drop(store);
        let store = reopened(dir.path()).await;
        assert_eq!(store.recovery().rebuilt_catalog, None);
        model.check(&store);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_is_never_an_answer() {
    for seed in 1..=48u64 {
        println!("seed {seed}");
        let mut random = Random(seed * 0x9e37_79b9);
        let dir = tempfile::tempdir().unwrap();
        let model = filled(dir.path(), &mut random).await;
        let folder = dir.path().join(["segment", "trace", "visit", "minute"][seed as usize % 4]);
        let victims = files(&folder);
        let victim = &victims[random.below(victims.len() as u64) as usize];
        let before = std::fs::read(victim).unwrap();
        println!("{}: {}", victim.display(), harm(victim, &mut random));
        let checkup = checkup(dir.path(), false, &Progress::default()).await.unwrap();
        let is_harmed = std::fs::read(victim).unwrap() != before;
        assert_eq!(checkup.findings.len(), usize::from(is_harmed), "{:?}", checkup.findings);
        let store = reopened(dir.path()).await;
        let missing = missing(&model, &store);
        let damaged = store.stats().await.damaged_parts;
        assert!(missing == 0 || damaged.len() == 1, "{missing} documents missing without a word");
        if damaged.is_empty() {
            model.check(&store);
        }
        // What the other tables were derived from brings them back.
        if !damaged.is_empty() && !folder.ends_with("segment") {
            if random.below(2) == 0 {
                assert_eq!(store.set_damaged_aside().await.unwrap(), 1);
            }
            let rebuilt = store.rebuild().await.unwrap();
            assert_eq!(rebuilt.lost, Vec::<String>::new());
            model.check(&store);
            drop(store);
            let store = reopened(dir.path()).await;
            assert_eq!(store.recovery().damaged_parts, Vec::<String>::new());
            model.check(&store);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_log_is_reported_and_what_is_behind_it_is_read() {
    for seed in 1..=30u64 {
        println!("seed {seed}");
        let mut random = Random(seed * 0x9e37_79b9);
        let dir = tempfile::tempdir().unwrap();
        let model = filled(dir.path(), &mut random).await;
        let log = files(&dir.path().join("wal")).pop().unwrap();
        // The writer's thread of the dropped store has let go once another store could open.
        drop(reopened(dir.path()).await);
        println!("{}", harm(&log, &mut random));
        let store = reopened(dir.path()).await;
        let missing = missing(&model, &store);
        let damage = &store.recovery().log_damage;
        let reported = damage.torn_bytes > 0 || !damage.damaged_files.is_empty();
        // A log that was cut between two frames cannot be told from one that ended there.
        assert!(missing == 0 || reported || missing.is_multiple_of(40), "{missing} documents missing without a word");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_brings_back_what_a_part_says_up_to_its_damage() {
    let mut random = Random(7);
    let dir = tempfile::tempdir().unwrap();
    let model = filled(dir.path(), &mut random).await;
    let store = reopened(dir.path()).await;
    let before = scan_all(&store.reader(), &everything());
    let rebuilt = store.rebuild().await.unwrap();
    assert_eq!((rebuilt.documents, rebuilt.duplicates, rebuilt.lost.len()), (200, 0, 0));
    assert_eq!(rebuilt.traces as usize, model.traces.len());
    model.check(&store);
    assert_eq!(scan_all(&store.reader(), &everything()), before, "derived tables equal a full recomputation");
}

#[tokio::test(flavor = "multi_thread")]
async fn small_state_that_is_not_as_it_was_written_is_noticed() {
    for (sql, lost) in [
        ("UPDATE sampling_rule SET fixed_rate = 0.75 WHERE name = 'b'", "1 sampling rules"),
        ("UPDATE minute_sums SET exact_from_us = 1", ""),
        ("UPDATE checkpoint SET sequence = 1", ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let model = filled(dir.path(), &mut Random(3)).await;
        let store = reopened(dir.path()).await;
        for name in ["a", "b"] {
            let rule = SamplingRule { name: name.to_owned(), fixed_rate: 0.25, ..SamplingRule::default_rule() };
            store.catalog().put_sampling_rule(&rule, 1).await.unwrap();
        }
        store.close().await.unwrap();
        drop(store);
        let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", dir.path().join("catalog.db").display())).await.unwrap();
        assert_eq!(sqlx::query(sql).execute(&pool).await.unwrap().rows_affected(), 1);
        pool.close().await;

        assert_eq!(checkup(dir.path(), false, &Progress::default()).await.unwrap().findings.len(), 1, "{sql}");
        let store = reopened(dir.path()).await;
        let note = store.recovery().rebuilt_catalog.clone().unwrap();
        assert!(note.contains("checksum") && note.contains(lost), "{note}");
        model.check(&store);
        let rules: Vec<_> =
            store.catalog().sampling_rules().await.unwrap().into_iter().map(|rule| (rule.name, rule.fixed_rate)).collect();
        let both = [("a".to_owned(), 0.25), ("b".to_owned(), 0.25)];
        assert_eq!(rules, if lost.is_empty() { &both[..] } else { &both[..1] }, "{sql}");
    }
}
