//! Up to where lines of containers were read, over a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::log::LogLine;
use tracing::warn;

const FILE: &str = "positions.json";
/// Streams that are remembered; those whose last line is oldest go first.
const STREAMS_MAX: usize = 10_000;

/// The time of the last line of each stream that was taken, in microseconds.
#[derive(Debug)]
pub(crate) struct Positions {
    path: PathBuf,
    known: Mutex<BTreeMap<String, i64>>,
}

impl Positions {
    /// What cannot be read is as if nothing were known: lines of the last minutes may come twice.
    pub(crate) fn open(dir: &Path) -> Positions {
        let path = dir.join(FILE);
        let known = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Positions { path, known: Mutex::new(known) }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last(&self, stream: &str) -> Option<i64> {
        self.known().get(stream).copied()
    }

    /// These lines are kept.
    pub(crate) fn move_on(&self, lines: &[LogLine]) {
        let mut known = self.known();
        for line in lines {
            let last = known.entry(line.stream.clone()).or_insert(line.time_us);
            *last = line.time_us.max(*last);
        }
        while known.len() > STREAMS_MAX {
            let oldest = known.iter().min_by_key(|(_, time_us)| **time_us).map(|(stream, _)| stream.clone());
            oldest.and_then(|stream| known.remove(&stream));
        }
        // Written beside, and put in its place: it is whole at any time.
        let beside = self.path.with_extension("new");
        let written = serde_json::to_vec(&*known)
            .map_err(std::io::Error::other)
            .and_then(|text| std::fs::write(&beside, text))
            .and_then(|()| std::fs::rename(&beside, &self.path));
        if let Err(err) = written {
            warn!(error = %err, "up to where lines were read cannot be written down");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let line =
            |stream: &str, time_us| LogLine { group: "g".to_owned(), stream: stream.to_owned(), time_us, message: "x".to_owned() };
        Positions::open(dir.path()).move_on(&[line("a", 5), line("b", 9), line("a", 3)]);
        let again = Positions::open(dir.path());
        assert_eq!((again.last("a"), again.last("b"), again.last("c")), (Some(5), Some(9), None));
        std::fs::write(dir.path().join(FILE), "damaged").unwrap();
        assert_eq!(Positions::open(dir.path()).last("a"), None);
    }
}
