//! Copies of a folder in use, and what is made of them.

use super::*;

/// A store whose documents come from one counter, so that it can be told which were in it at a moment.
struct Source {
    store: Store,
    model: Model,
    next: BTreeMap<u32, u64>,
    random: Random,
}

impl Source {
    async fn new(dir: &Path, seed: u64) -> Source {
        Source { store: open(dir).await.0, model: Model::default(), next: BTreeMap::new(), random: Random(seed) }
    }

    async fn append(&mut self, count: u64) {
        let documents: Vec<NewDocument> = (0..count)
            .map(|_| {
                let trace = self.random.below(20) as u32;
                let n = self.next.entry(trace).or_default();
                *n += 1;
                document(trace, *n - 1, (trace % 2) * 86_400 + trace)
            })
            .collect();
        self.model.add(&documents);
        self.store.append(documents).await.unwrap();
    }
}

/// A new folder that does not exist yet.
fn new_folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    (dir, folder)
}

async fn back_up(dir: &Path, to: &Path) -> Result<Contents> {
    backup(dir, to, 0, &Progress::default()).await
}

async fn restored(from: &Path) -> (tempfile::TempDir, Store) {
    let (keep, folder) = new_folder();
    let contents = restore(from, &folder, &Progress::default()).await.unwrap();
    assert_eq!(contents.damaged, Vec::<String>::new());
    let checkup = checkup(&folder, true, &Progress::default()).await.unwrap();
    assert_eq!(checkup.findings, Vec::<Finding>::new());
    let store = reopened(&folder).await;
    (keep, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_backup_brings_back_what_was_there_when_it_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (_keep, to) = new_folder();
    let mut source = Source::new(dir.path(), 11).await;
    // Parts and log, then parts alone, then parts merged into one, then what only the log has.
    for round in 0..4 {
        source.append(30).await;
        match round {
            0 => {
                source.store.flush().await.unwrap();
                source.append(10).await;
            }
            1 => {
                source.store.flush().await.unwrap();
            }
            2 => {
                source.store.flush().await.unwrap();
                while source.store.compact().await.unwrap() {}
            }
            _ => {}
        }
        let contents = back_up(dir.path(), &to).await.unwrap();
        assert_eq!(contents.parts, source.store.stats().await.parts);
        let (_keep, store) = restored(&to).await;
        source.model.check(&store);
    }
    // Nothing of the earlier ones is left: one catalog, one log, the files of the parts that are.
    let names: Vec<String> =
        std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("catalog-")).count(), 1, "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("wal-")).count(), 1, "{names:?}");
    assert_eq!(std::fs::read_dir(to.join("segment")).unwrap().count() as u64, source.store.stats().await.parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_writes_flushes_and_merges_has_all_that_was_acknowledged_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = Source::new(dir.path(), 12).await;
    for round in 0..12 {
        source.append(20).await;
        let acknowledged: BTreeMap<TraceId, usize> = source.model.traces.iter().map(|(id, all)| (*id, all.len())).collect();
        let (_keep, to) = new_folder();
        let (from, target) = (dir.path().to_owned(), to.clone());
        let copying = tokio::spawn(async move { back_up(&from, &target).await });
        while !copying.is_finished() {
            source.append(5).await;
            source.store.flush().await.unwrap();
            if round % 2 == 0 {
                source.store.compact().await.unwrap();
            }
        }
        copying.await.unwrap().unwrap();
        let (_keep, store) = restored(&to).await;
        for (id, all) in &source.model.traces {
            let found: Vec<_> = store.reader().documents(*id).unwrap().segments().iter().map(|segment| segment.id).collect();
            assert!(found.len() >= acknowledged.get(id).copied().unwrap_or(0), "an acknowledged document of {id} is missing");
            assert_eq!(found, all[..found.len()], "documents of {id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_copies_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let (_keep, to) = new_folder();
    let mut source = Source::new(dir.path(), 13).await;
    source.append(30).await;
    source.store.flush().await.unwrap();
    back_up(dir.path(), &to).await.unwrap();
    let first = std::fs::read_dir(to.join("segment")).unwrap().next().unwrap().unwrap().path();
    let written = std::fs::metadata(&first).unwrap().modified().unwrap();
    source.append(30).await;
    source.store.flush().await.unwrap();
    back_up(dir.path(), &to).await.unwrap();
    assert_eq!(std::fs::metadata(&first).unwrap().modified().unwrap(), written);
    // A file that the backup's own disk lost is copied again.
    std::fs::write(&first, b"").unwrap();
    back_up(dir.path(), &to).await.unwrap();
    let (_keep, store) = restored(&to).await;
    source.model.check(&store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_is_named_and_the_rest_is_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    let (_keep, to) = new_folder();
    let mut source = Source::new(dir.path(), 14).await;
    for _ in 0..2 {
        source.append(30).await;
        source.store.flush().await.unwrap();
    }
    let part = std::fs::read_dir(dir.path().join("segment")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let contents = back_up(dir.path(), &to).await.unwrap();
    assert_eq!(contents.damaged.len(), 1, "{:?}", contents.damaged);
    let (_keep, folder) = new_folder();
    let contents = restore(&to, &folder, &Progress::default()).await.unwrap();
    assert_eq!(contents.damaged.len(), 1);
    let store = reopened(&folder).await;
    for id in source.model.traces.keys() {
        store.reader().documents(*id).unwrap();
    }
    assert_eq!(store.stats().await.damaged_parts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_are_not_what_they_should_be_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_keep, to) = new_folder();
    let progress = Progress::default();
    assert!(matches!(back_up(dir.path(), &to).await, Err(Error::NoData { .. })));
    assert!(matches!(restore(dir.path(), &to, &progress).await, Err(Error::NoBackup { .. })));
    let source = Source::new(dir.path(), 15).await;
    // Somebody's folder.
    std::fs::create_dir(&to).unwrap();
    std::fs::write(to.join("thesis.txt"), "mine").unwrap();
    assert!(matches!(back_up(dir.path(), &to).await, Err(Error::NotEmpty { .. })));
    std::fs::remove_file(to.join("thesis.txt")).unwrap();
    back_up(dir.path(), &to).await.unwrap();
    assert!(matches!(restore(&to, dir.path(), &progress).await, Err(Error::NotEmpty { .. })));
    assert!(matches!(Store::open(StoreOptions::new(&to), Arc::new(ManualClock::at_secs(0))).await, Err(Error::IsBackup { .. })));
    assert!(matches!(checkup(&to, false, &progress).await, Err(Error::IsBackup { .. })));
    // What an interrupted restore leaves: not opened, and gone on with.
    let (_keep, half) = new_folder();
    std::fs::create_dir(&half).unwrap();
    std::fs::write(half.join("RESTORING"), "").unwrap();
    std::fs::create_dir(half.join("segment")).unwrap();
    std::fs::write(half.join("segment/000000000009.parquet"), "half").unwrap();
    assert!(matches!(
        Store::open(StoreOptions::new(&half), Arc::new(ManualClock::at_secs(0))).await,
        Err(Error::HalfRestored { .. })
    ));
    restore(&to, &half, &progress).await.unwrap();
    source.model.check(&reopened(&half).await);
}
