//! Copies of a data folder: taken while a server uses it, and brought back.
//!
//! A backup has the parts under their own names, which are never given out again, so that the next backup into the same folder
//! copies only what is new. What changes, the catalog and the log, stands under a number that grows; `backup.json` names them and is replaced in one
//! step at the end. A backup that is interrupted leaves the one before it whole.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, NewPart};
use crate::error::{Error, IoContext, Result};
use crate::open::{BACKUP, RESTORING, catalog_path, is_readable, lock, read_format, write_whole};
use crate::part;
use crate::progress::{Job, Progress};
use crate::table::file::Checksums;
use crate::{FORMAT_VERSION, wal};

/// A backup's table of contents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contents {
    pub format: u32,
    pub taken_us: i64,
    /// Of the catalog and the log: `catalog-<n>.db`, `wal-<n>`.
    number: u64,
    pub parts: u64,
    pub documents: u64,
    pub bytes: u64,
    /// Parts that were not what the catalog says when they were copied.
    pub damaged: Vec<String>,
}

impl Contents {
    fn catalog(&self) -> String {
        format!("catalog-{:06}.db", self.number)
    }

    fn log(&self) -> String {
        format!("wal-{:06}", self.number)
    }
}

/// How often the catalog is read again because parts were merged away while they were copied.
const TRIES: usize = 20;

/// Copies a data folder, which a server may be using, to `to`: a new folder, or one with an earlier backup of it.
pub async fn backup(dir: &Path, to: &Path, now_us: i64, progress: &Progress) -> Result<Contents> {
    match read_format(dir)? {
        Some(version) if is_readable(&version) => {}
        Some(found) => return Err(Error::Format { path: dir.to_owned(), found, known: FORMAT_VERSION }),
        None => return Err(Error::NoData { path: dir.to_owned() }),
    }
    let earlier = read_contents(to)?;
    if earlier.is_none() && fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some_and(|_| !to.join(DRAFT).exists())) {
        return Err(Error::NotEmpty { path: to.to_owned() });
    }
    // The mark is the first in the folder: whatever interrupts this, the next run knows what it finds.
    make_folder(to)?;
    if earlier.is_none() {
        fs::write(to.join(DRAFT), "").at("write", &to.join(DRAFT))?;
    }
    // One backup into a folder at a time.
    let _lock = lock(to)?;
    for folder in part::all_folders() {
        make_folder(&to.join(folder))?;
    }
    let number = earlier.as_ref().map_or(1, |earlier| earlier.number + 1);
    let mut contents =
        Contents { format: FORMAT_VERSION, taken_us: now_us, number, parts: 0, documents: 0, bytes: 0, damaged: Vec::new() };

    // The log before the catalog: what is flushed in between is in the parts that the catalog then names.
    copy_log(&dir.join("wal"), &to.join(contents.log()))?;
    let mut parts = None;
    for _ in 0..TRIES {
        let snapshot = to.join(contents.catalog());
        remove_if_there(&snapshot)?;
        let catalog = Catalog::open_existing(&catalog_path(dir)).await?;
        catalog.copy_to(&snapshot).await?;
        catalog.close().await;
        sync(&snapshot)?;
        let catalog = Catalog::open_read_only(&snapshot).await?;
        let named = catalog.parts().await?;
        catalog.close().await;
        let job = progress.begin("copying parts", "bytes", named.iter().map(|part| part.row.bytes as u64).sum());
        let (from, into, copied) = (dir.to_owned(), to.to_owned(), named.clone());
        let damaged = tokio::task::spawn_blocking(move || copy_parts(&from, &into, &copied, &job));
        match damaged.await.map_err(|_| Error::Panicked("copying parts"))?? {
            Some(damaged) => {
                contents.damaged = damaged;
                parts = Some(named);
                break;
            }
            // A part was merged away: the catalog of now names what it became.
            None => continue,
        }
    }
    let Some(parts) = parts else { return Err(Error::Busy) };
    contents.parts = parts.len() as u64;
    let of_segments = parts.iter().filter(|part| part.row.family == part::SEGMENT);
    contents.documents = of_segments.map(|part| part.row.segment_rows as u64).sum();
    contents.bytes = parts.iter().map(|part| part.row.bytes as u64).sum();
    for folder in part::all_folders() {
        wal::sync_dir(&to.join(folder))?;
    }
    wal::sync_dir(to)?;
    let text =
        serde_json::to_vec_pretty(&contents).map_err(|err| Error::Damaged { path: to.join(BACKUP), what: err.to_string() })?;
    write_whole(&to.join(BACKUP), &text)?;
    remove_if_there(&to.join(DRAFT))?;

    // Now the earlier one's own files are nobody's.
    let kept: HashSet<i64> = parts.iter().map(|part| part.row.id).collect();
    part::sweep(to, &kept)?;
    if let Some(earlier) = earlier {
        remove_if_there(&to.join(earlier.catalog()))?;
        let _ = fs::remove_dir_all(to.join(earlier.log()));
    }
    Ok(contents)
}

/// Stands in a folder into which the first backup is being made.
const DRAFT: &str = "INCOMPLETE";

/// Makes a data folder of a backup. The folder must be new or empty, or what an interrupted restore left: what that copied whole
/// is not copied again.
pub async fn restore(from: &Path, dir: &Path, progress: &Progress) -> Result<Contents> {
    let Some(contents) = read_contents(from)? else { return Err(Error::NoBackup { path: from.to_owned() }) };
    let found = contents.format.to_string();
    if !is_readable(&found) {
        return Err(Error::Format { path: from.to_owned(), found, known: FORMAT_VERSION });
    }
    let marks = [dir.join(RESTORING), dir.join(RESTORING).with_extension("new")];
    let is_again = marks.iter().any(|mark| mark.exists());
    if !is_again && fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::NotEmpty { path: dir.to_owned() });
    }
    make_folder(dir)?;
    write_whole(&dir.join(RESTORING), b"")?;
    let _lock = lock(dir)?;
    for folder in part::all_folders().chain(["wal"]) {
        make_folder(&dir.join(folder))?;
    }
    let catalog_copy = catalog_path(dir);
    for suffix in ["", "-wal", "-shm"] {
        remove_if_there(&dir.join(format!("catalog.db{suffix}")))?;
    }
    copy_file(&from.join(contents.catalog()), &catalog_copy, None)?;
    let catalog = Catalog::open_read_only(&catalog_copy).await?;
    if let Some(what) = catalog.damage().await? {
        return Err(Error::Damaged { path: from.join(contents.catalog()), what });
    }
    let parts = catalog.parts().await?;
    catalog.close().await;
    let job = progress.begin("restoring parts", "bytes", parts.iter().map(|part| part.row.bytes as u64).sum());
    let (from_owned, dir_owned) = (from.to_owned(), dir.to_owned());
    let copied = tokio::task::spawn_blocking(move || copy_parts(&from_owned, &dir_owned, &parts, &job));
    let damaged = copied.await.map_err(|_| Error::Panicked("restoring parts"))??;
    let damaged = damaged.ok_or_else(|| Error::Damaged { path: from.to_owned(), what: "a part is missing".to_owned() })?;
    copy_log(&from.join(contents.log()), &dir.join("wal"))?;
    for folder in part::all_folders() {
        wal::sync_dir(&dir.join(folder))?;
    }
    write_whole(&dir.join("FORMAT"), format!("{FORMAT_VERSION}\n").as_bytes())?;
    remove_if_there(&dir.join(RESTORING))?;
    wal::sync_dir(dir)?;
    if let Some(parent) = dir.canonicalize().at("find", dir)?.parent() {
        wal::sync_dir(parent)?;
    }
    Ok(Contents { damaged, ..contents })
}

fn read_contents(folder: &Path) -> Result<Option<Contents>> {
    let path = folder.join(BACKUP);
    match fs::read(&path) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(contents) => Ok(Some(contents)),
            Err(err) => Err(Error::Damaged { path, what: err.to_string() }),
        },
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).at("read", &path),
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).at("create", folder)
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != ErrorKind::NotFound => Err(err).at("remove", path),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).at("sync", path)
}

/// Copies log files as they are now. The last may be in the middle of a write, which was then not acknowledged yet.
fn copy_log(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).at("remove", to)?;
    }
    make_folder(to)?;
    if !from.exists() {
        return wal::sync_dir(to);
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(from).at("list", from)? {
        files.push(entry.at("list", from)?.path());
    }
    files.sort();
    for path in files {
        let Some(name) = path.file_name() else { continue };
        match copy_file(&path, &to.join(name), None) {
            // Released meanwhile: what was in it is in parts.
            Err(err) if is_missing(&err) => {}
            copied => {
                copied?;
            }
        }
    }
    wal::sync_dir(to)
}

/// Copies the parts that are not there yet. Returns those whose files are not what the catalog says; none where a file is gone.
fn copy_parts(from: &Path, to: &Path, parts: &[NewPart], job: &Job) -> Result<Option<Vec<String>>> {
    let mut damaged: BTreeMap<i64, String> = BTreeMap::new();
    for part in parts {
        let paths = part::files_of(from, &part.row).into_iter().zip(part::files_of(to, &part.row));
        for ((source, target), sums) in paths.zip(&part.checksums) {
            if Checksums::of(&target).is_ok_and(|found| found == **sums) {
                continue;
            }
            match copy_file(&source, &target, Some(sums)) {
                Ok(true) => {}
                Ok(false) => {
                    damaged.insert(part.row.id, format!("part {}: {} does not have its checksums", part.row.id, source.display()));
                }
                Err(err) if is_missing(&err) => return Ok(None),
                Err(err) => return Err(err),
            }
        }
        job.advance(part.row.bytes as u64);
    }
    Ok(Some(damaged.into_values().collect()))
}

fn is_missing(err: &Error) -> bool {
    matches!(err, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}

/// Copies a file durably. Returns whether it has these checksums.
fn copy_file(from: &Path, to: &Path, sums: Option<&Arc<Checksums>>) -> Result<bool> {
    let mut source = File::open(from).at("open", from)?;
    let mut target = File::options().create(true).write(true).truncate(true).mode(0o600).open(to).at("create", to)?;
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => target.write_all(&buffer[..length]).at("write", to)?,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err).at("read", from),
        }
    }
    target.sync_all().at("sync", to)?;
    Ok(match sums {
        Some(sums) => Checksums::of(to)? == **sums,
        None => true,
    })
}
