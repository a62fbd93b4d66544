//! A part: immutable files of one day. One of segments has four: segments, the digests of their traces, the visits of these, and their
//! sums by minute. One of a table of rows has one.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use model::TraceId;
use tracing::warn;

use crate::TraceDocuments;
use crate::cache::Cache;
use crate::catalog::{NewPart, PartRow};
use crate::error::{Error, IoContext, Result};
use crate::filter::PartFilter;
use crate::progress::Job;
use crate::rows::{self, RowTable};
use crate::scan::Prefilter;
use crate::table::file::{Checksums, TableFile};
use crate::table::metric;
use crate::table::minute::MinuteFile;
use crate::table::segment::SegmentFile;
use crate::table::trace::TraceFile;

/// A part and which of its traces have newer digests elsewhere. Immutable: a change makes another `Part` of the same files.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) row: PartRow,
    pub(crate) files: Arc<PartFiles>,
    pub(crate) superseded: Arc<HashSet<TraceId>>,
    filter: Option<Arc<PartFilter>>,
}

/// The files of a part, opened when they are used. Deleted when the part was removed from the catalog and the last query let go.
#[derive(Debug)]
pub(crate) struct PartFiles {
    /// In the order of `folders_of`; so with the checksums.
    paths: Vec<PathBuf>,
    checksums: Vec<Arc<Checksums>>,
    /// Its number.
    id: i64,
    cache: Arc<Cache>,
    /// Which metrics a part of metrics has, once that was asked.
    metrics: OnceLock<Arc<metric::Index>>,
    /// Why the part cannot be read, once that was found.
    damage: OnceLock<String>,
    removed: AtomicBool,
}

impl Part {
    pub(crate) fn new(dir: &Path, new: NewPart, superseded: HashSet<TraceId>, cache: &Arc<Cache>) -> Part {
        let files = Arc::new(PartFiles::new(dir, &new, cache));
        Part { row: new.row, files, superseded: Arc::new(superseded), filter: new.filter }
    }

    /// The same part with more traces superseded.
    pub(crate) fn superseding(&self, more: impl IntoIterator<Item = TraceId>) -> Part {
        let mut superseded = (*self.superseded).clone();
        superseded.extend(more);
        Part { superseded: Arc::new(superseded), ..self.clone() }
    }

    /// Reads the documents of a trace in this part; none where the part is damaged, which is noted.
    pub(crate) fn documents(&self, id: TraceId, into: &mut TraceDocuments) -> Result<()> {
        if !self.may_have(id) {
            return Ok(());
        }
        self.files.tolerate(|files| files.segment()?.documents(id, into))
    }

    /// Whether the part has documents of the trace; no where it is damaged.
    pub(crate) fn contains(&self, id: TraceId) -> Result<bool> {
        if !self.may_have(id) {
            return Ok(false);
        }
        self.files.tolerate(|files| files.segment()?.contains(id))
    }

    fn may_have(&self, id: TraceId) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.may_have(id))
    }

    /// Whether a trace of any row group may match.
    pub(crate) fn any_may_match(&self, prefilter: &Prefilter) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.any_may_match(prefilter))
    }

    /// Whether a trace of the row group may match.
    pub(crate) fn may_match(&self, group: usize, prefilter: &Prefilter) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.may_match(group, prefilter))
    }
}

impl PartFiles {
    pub(crate) fn new(dir: &Path, part: &NewPart, cache: &Arc<Cache>) -> PartFiles {
        PartFiles {
            paths: files_of(dir, &part.row),
            checksums: part.checksums.clone(),
            id: part.row.id,
            cache: cache.clone(),
            metrics: OnceLock::new(),
            damage: OnceLock::new(),
            removed: AtomicBool::new(false),
        }
    }

    /// The file at a place, with its checksums.
    fn file(&self, place: usize) -> Result<(&Path, Arc<Checksums>)> {
        match (self.paths.get(place), self.checksums.get(place)) {
            (Some(path), Some(sums)) => Ok((path, sums.clone())),
            _ => Err(Error::Damaged { path: self.paths[0].clone(), what: "the catalog lacks the checksums of a file".to_owned() }),
        }
    }

    pub(crate) fn segment(&self) -> Result<Arc<SegmentFile>> {
        let (path, sums) = self.file(0)?;
        self.cache.segment(self.id, || SegmentFile::open(path, sums, &self.cache))
    }

    pub(crate) fn trace(&self) -> Result<Arc<TraceFile>> {
        let ((path, sums), (visit_path, visit_sums)) = (self.file(1)?, self.file(2)?);
        self.cache.trace(self.id, || TraceFile::open(path, sums, visit_path, visit_sums, &self.cache))
    }

    pub(crate) fn minute(&self) -> Result<Arc<MinuteFile>> {
        let (path, sums) = self.file(3)?;
        self.cache.minute(self.id, || MinuteFile::open(path, sums, &self.cache))
    }

    /// Of a part of a table of rows.
    pub(crate) fn rows(&self) -> Result<Arc<TableFile>> {
        let (path, sums) = self.file(0)?;
        self.cache.rows(self.id, || TableFile::open(path, sums, &self.cache))
    }

    /// Of a part of metrics.
    pub(crate) fn metrics(&self) -> Result<Arc<metric::Index>> {
        if let Some(index) = self.metrics.get() {
            return Ok(index.clone());
        }
        let index = metric::Index::read(&*self.rows()?, &|id| self.cache.metric_id(id))?;
        Ok(self.metrics.get_or_init(|| Arc::new(index)).clone())
    }

    /// Runs a read. Damage sets the part aside instead of failing every question that comes near it; other trouble is the
    /// question's error, as an answer without this part would be wrong.
    pub(crate) fn tolerate<T: Default>(&self, read: impl FnOnce(&PartFiles) -> Result<T>) -> Result<T> {
        if self.damage.get().is_some() {
            return Ok(T::default());
        }
        // Damaged lengths and offsets can make the decoders panic.
        let result = panic::catch_unwind(panic::AssertUnwindSafe(|| read(self))).unwrap_or_else(|_| {
            Err(Error::Damaged { path: self.paths[0].clone(), what: "reading it failed in an unexpected way".to_owned() })
        });
        match result {
            Err(err) if err.is_damage() => {
                self.note_damage(&err);
                Ok(T::default())
            }
            result => result,
        }
    }

    /// From now on the part counts as empty.
    pub(crate) fn note_damage(&self, err: &Error) {
        if self.damage.set(err.to_string()).is_ok() {
            warn!(error = %err, "a part is damaged; answering without it");
        }
    }

    /// Reads all of the files and compares them with their checksums.
    pub(crate) fn verify(&self, job: &Job) -> Result<()> {
        for (path, sums) in self.paths.iter().zip(&self.checksums) {
            if Checksums::of(path)? != **sums {
                return Err(Error::Damaged { path: path.clone(), what: "it does not have its checksums".to_owned() });
            }
            job.advance(fs::metadata(path).at("read size of", path)?.len());
        }
        Ok(())
    }

    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// Deletes the files once nobody reads them any more.
    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
    }
}

impl Drop for PartFiles {
    fn drop(&mut self) {
        if self.removed.load(Ordering::Acquire) {
            self.cache.forget(self.id);
            for path in &self.paths {
                if let Err(err) = fs::remove_file(path)
                    && err.kind() != ErrorKind::NotFound
                {
                    warn!(file = %path.display(), error = %err, "cannot delete a part that is no longer needed");
                }
            }
        }
    }
}

/// The family of parts that have segments and what derives from them.
pub(crate) const SEGMENT: &str = FOLDERS[0];

/// The tables whose files make a part of segments.
pub(crate) const FOLDERS: [&str; 4] = ["segment", "trace", "visit", "minute"];

/// The families that there are, by name.
pub(crate) fn family(name: &str) -> Option<&'static str> {
    if name == SEGMENT { Some(SEGMENT) } else { RowTable::named(name).map(|table| table.name) }
}

/// The folders of all tables.
pub(crate) fn all_folders() -> impl Iterator<Item = &'static str> {
    FOLDERS.into_iter().chain(rows::TABLES.into_iter().map(|table| table.name))
}

fn folders_of(family: &'static str) -> &'static [&'static str] {
    match RowTable::named(family) {
        Some(table) => std::slice::from_ref(&table.name),
        None => &FOLDERS,
    }
}

/// Where the files of a part are, by what the catalog says of it.
pub(crate) fn files_of(dir: &Path, row: &PartRow) -> Vec<PathBuf> {
    folders_of(row.family).iter().map(|folder| path(dir, folder, row.id)).collect()
}

/// Where a table has the file of a part.
pub(crate) fn path(dir: &Path, folder: &str, id: i64) -> PathBuf {
    dir.join(folder).join(format!("{id:012}.parquet"))
}

/// Where the files of a part of segments are.
pub(crate) fn paths(dir: &Path, id: i64) -> [PathBuf; FOLDERS.len()] {
    FOLDERS.map(|folder| path(dir, folder, id))
}

/// The numbers of the parts that a folder has files of.
pub(crate) fn ids(dir: &Path, folder: &str) -> Result<Vec<i64>> {
    let folder = dir.join(folder);
    let mut ids = Vec::new();
    for entry in fs::read_dir(&folder).at("list", &folder)? {
        ids.extend(id_of(&entry.at("list", &folder)?.path()));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Whether there are files of any part.
pub(crate) fn any(dir: &Path) -> Result<bool> {
    for folder in all_folders() {
        if !ids(dir, folder)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn id_of(path: &Path) -> Option<i64> {
    path.file_name()?.to_str()?.strip_suffix(".parquet")?.parse().ok()
}

/// Deletes files that no catalog row names: left by a crash between writing a part and registering it.
pub(crate) fn sweep(dir: &Path, known: &HashSet<i64>) -> Result<usize> {
    let mut swept = 0;
    for folder in all_folders() {
        let folder = dir.join(folder);
        for entry in fs::read_dir(&folder).at("list", &folder)? {
            let path = entry.at("list", &folder)?.path();
            if id_of(&path).is_some_and(|id| !known.contains(&id)) {
                fs::remove_file(&path).at("remove", &path)?;
                swept += 1;
            }
        }
    }
    Ok(swept)
}
