use std::sync::{Arc, Mutex};

use super::*;

/// Bytes, and a number that travels with them.
struct Item(Vec<u8>, u64);

impl Payload for Item {
    fn kind(&self) -> u8 {
        KIND_SEGMENTS
    }
    fn bytes(&self) -> usize {
        self.0.len()
    }
    fn count(&self) -> u64 {
        1
    }
    fn write(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.0);
    }
}

/// Sequence and item of everything that was applied.
type Applied = Arc<Mutex<Vec<(u64, u64)>>>;

fn start(dir: &Path, next: u64) -> (Wal<Item>, Applied) {
    let applied = Arc::new(Mutex::new(Vec::new()));
    let sink = applied.clone();
    let wal = Wal::start(dir, next, move |sequence, item: Item| sink.lock().unwrap().push((sequence, item.1))).unwrap();
    (wal, applied)
}

fn read_all(dir: &Path, checkpoint: u64) -> (Vec<(u64, Vec<u8>)>, u64, LogDamage) {
    let mut frames = Vec::new();
    let mut replay = Replay::open(dir, checkpoint, true).unwrap();
    let mut take = |frame: Frame| {
        frames.push((frame.sequence, frame.payload.to_vec()));
        1
    };
    while replay.read_file(&mut take).unwrap().is_some() {}
    let (next, damage) = replay.finish();
    (frames, next, damage)
}

async fn filled(dir: &Path, count: u64) -> PathBuf {
    let (wal, applied) = start(dir, 1);
    for n in 1..=count {
        wal.append(Item(vec![n as u8; 100], n)).await.unwrap();
    }
    assert_eq!(*applied.lock().unwrap(), (1..=count).map(|n| (n, n)).collect::<Vec<_>>());
    wal.close();
    files(dir).unwrap().pop().unwrap().1
}

#[tokio::test]
async fn what_was_appended_is_recovered_behind_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5).await;
    let (frames, next, damage) = read_all(dir.path(), 2);
    assert_eq!(frames.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(frames[0].1, vec![3; 100]);
    assert_eq!((next, damage), (6, LogDamage::default()));
}

#[tokio::test]
async fn concurrent_appends_are_applied_in_sequence_order() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, applied) = start(dir.path(), 1);
    let wal = Arc::new(wal);
    let tasks: Vec<_> = (0..64u64)
        .map(|n| {
            let wal = wal.clone();
            tokio::spawn(async move { wal.append(Item(n.to_le_bytes().to_vec(), n)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let applied = applied.lock().unwrap().clone();
    let (frames, _, _) = read_all(dir.path(), 0);
    assert_eq!(frames.len(), 64);
    for ((sequence, item), frame) in applied.iter().zip(&frames) {
        assert_eq!((*sequence, item.to_le_bytes().to_vec()), *frame);
    }
}

#[tokio::test]
async fn every_cut_of_the_last_write_leaves_the_writes_before_it() {
    let source = tempfile::tempdir().unwrap();
    let file = filled(source.path(), 4).await;
    let bytes = std::fs::read(&file).unwrap();
    let frame = bytes.len() / 4;
    for cut in 0..=frame {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("wal");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join(file.file_name().unwrap()), &bytes[..bytes.len() - cut]).unwrap();
        let (frames, next, damage) = read_all(&dir, 0);
        let whole = if cut == 0 { 4 } else { 3 };
        assert_eq!((frames.len() as u64, next), (whole, whole + 1), "cut {cut}");
        assert!(damage.damaged_files.is_empty());
        // And the log goes on from there.
        let (wal, _) = start(&dir, next);
        wal.append(Item(vec![9; 10], 0)).await.unwrap();
        wal.close();
        assert_eq!(read_all(&dir, 0).0.len() as u64, whole + 1, "cut {cut}");
    }
}

#[tokio::test]
async fn damage_in_the_middle_costs_one_frame_and_is_reported() {
    let source = tempfile::tempdir().unwrap();
    let file = filled(source.path(), 4).await;
    let bytes = std::fs::read(&file).unwrap();
    let frame = bytes.len() / 4;
    for at in frame..2 * frame {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("wal");
        std::fs::create_dir(&dir).unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        std::fs::write(dir.join(file.file_name().unwrap()), &damaged).unwrap();
        let (frames, next, damage) = read_all(&dir, 0);
        assert_eq!(frames.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [1, 3, 4], "byte {at}");
        assert_eq!(next, 5);
        assert_eq!(damage.damaged_files.len(), 1);
        assert!(damage.damaged_files[0].exists());
    }
}

#[tokio::test]
async fn files_are_released_once_all_they_hold_is_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    for next in [1, 3, 5] {
        let (wal, _) = start(dir.path(), next);
        wal.append(Item(vec![1; 10], 0)).await.unwrap();
        wal.append(Item(vec![1; 10], 0)).await.unwrap();
        wal.close();
    }
    let (wal, _) = start(dir.path(), 7);
    wal.release(3).unwrap();
    assert_eq!(files(dir.path()).unwrap().len(), 2, "the file with 3 and 4 is still needed");
    wal.release(4).unwrap();
    assert_eq!(files(dir.path()).unwrap().len(), 1);
    wal.close();
}
