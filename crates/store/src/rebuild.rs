//! Making parts anew from what segments say: all that is derived is derived again, and every document stands once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use model::Segment;
use model::owner::Owner;
use tracing::{info, warn};

use crate::cache::Cache;
use crate::catalog::{Catalog, NewPart, PartChange};
use crate::error::{Error, IoContext, Result};
use crate::flush::Days;
use crate::open::catalog_path;
use crate::part::{self, Part};
use crate::progress::{Job, Progress};
use crate::rows;
use crate::table::segment::{self, SegmentFile};
use crate::{Store, read, wal, write};

/// Documents of a part that is made here: digests stay in memory until their part is complete. Merging makes larger ones.
const PART_DOCUMENTS: u64 = 200_000;

/// What was made.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    pub documents: u64,
    pub traces: u64,
    /// Documents that stood in more than one part.
    pub duplicates: u64,
    /// What could not be read.
    pub lost: Vec<String>,
}

impl Store {
    /// Makes all parts anew from their segments. Writes wait meanwhile.
    pub async fn rebuild(&self) -> Result<Rebuilt> {
        self.flush().await?;
        let _maintenance = self.inner.maintenance.lock().await;
        let in_use = read(&self.inner.state).parts.clone();
        let dir = &self.inner.options.dir;
        // What only derived tables lost comes back.
        let set_aside = self.inner.catalog.parts_set_aside().await?;
        let set_aside = set_aside
            .into_iter()
            .filter(|part| part.row.family == part::SEGMENT)
            .map(|part| Part::new(dir, part, Default::default(), &self.inner.cache));
        let parts: Vec<Part> = in_use.iter().cloned().chain(set_aside).collect();
        let documents = parts.iter().map(|part| part.row.segment_rows as u64).sum();
        let job = self.inner.options.progress.begin("rebuilding", "documents", documents);
        let first_id = self.inner.catalog.reserve_part_ids(ids_needed(documents)).await?;
        let mut lost = Vec::new();
        let mut inputs = Vec::new();
        let mut unreadable = Vec::new();
        for part in &parts {
            match part.files.segment() {
                Ok(file) => inputs.push((part.row.id, file)),
                Err(err) if err.is_damage() => {
                    lost.push(format!("part {}: {err}", part.row.id));
                    unreadable.push(part.row.id);
                }
                Err(err) => return Err(err),
            }
        }
        let (dir_owned, now_us) = (dir.clone(), self.inner.clock.now_us());
        let made = tokio::task::spawn_blocking(move || write_parts(&dir_owned, first_id, &inputs, now_us, &job));
        let Made { parts: added, mut rebuilt, .. } = made.await.map_err(|_| Error::Panicked("rebuilding"))??;
        rebuilt.lost.extend(lost);
        let old: HashSet<i64> = parts.iter().map(|part| part.row.id).collect();
        // Everything derived is of what there is now.
        let change = PartChange {
            add: added.clone(),
            remove: old.iter().copied().collect(),
            exact_from_us: Some(0),
            ..PartChange::default()
        };
        self.inner.catalog.change_parts(&change).await?;
        unreadable.into_iter().for_each(|id| put_aside(dir, id));
        parts.iter().for_each(|part| part.files.remove());
        self.replace(&old, added.into_iter().map(|new| Part::new(dir, new, Default::default(), &self.inner.cache)));
        write(&self.inner.state).exact_from_us = 0;
        info!(documents = rebuilt.documents, traces = rebuilt.traces, "rebuilt");
        Ok(rebuilt)
    }
}

/// Makes a catalog from the parts that there are. What is left of the old one goes to `damaged/`. Returns what was lost.
pub(crate) async fn catalog(dir: &Path, cache: &Arc<Cache>, now_us: i64, progress: &Progress) -> Result<Vec<String>> {
    let path = catalog_path(dir);
    let draft = dir.join("catalog.draft.db");
    remove_database(&draft)?;
    let catalog = Catalog::open(&draft).await?;
    let mut lost = Vec::new();
    if path.exists() {
        match catalog.salvage(&path).await {
            Ok((rules, resources)) => {
                lost.extend((rules > 0).then(|| format!("{rules} sampling rules")));
                lost.extend((resources > 0).then(|| format!("{resources} groups, policies or settings")));
            }
            Err(err) => lost.push(format!("sampling rules, groups, policies and settings ({err})")),
        }
    } else {
        lost.push("sampling rules, groups, policies and settings".to_owned());
    }
    let sums = Catalog::checksums_of(&path).await.unwrap_or_default();
    let (dir_owned, cache) = (dir.to_owned(), cache.clone());
    let progress = progress.clone();
    let made = tokio::task::spawn_blocking(move || {
        let dir = &dir_owned;
        let mut lost = Vec::new();
        let ids = part::ids(dir, part::SEGMENT)?;
        let mut next_id = 1;
        for folder in part::all_folders() {
            next_id = part::ids(dir, folder)?.last().map_or(next_id, |last| next_id.max(last + 1));
        }
        let mut row_parts = Vec::new();
        let mut last_sequence = 0;
        for table in rows::TABLES {
            let found = rows::part::find(dir, table, &sums, &cache, now_us)?;
            row_parts.extend(found.parts);
            last_sequence = last_sequence.max(found.last_sequence);
            for (id, why) in found.unreadable {
                lost.push(format!("part {id}: {why}"));
                move_aside(dir, &part::path(dir, table.name, id), table.name, id);
            }
        }
        let mut inputs = Vec::new();
        for id in ids {
            let [path, ..] = part::paths(dir, id);
            let opened = match sums.get(&id) {
                Some(sums) => SegmentFile::open(&path, sums.clone(), &cache),
                None => SegmentFile::open_unchecked(&path, &cache),
            };
            match opened {
                Ok(file) => inputs.push((id, Arc::new(file))),
                Err(err) => {
                    lost.push(format!("part {id}: {err}"));
                    put_aside(dir, id);
                }
            }
        }
        let rows = inputs.iter().map(|(_, file)| file.rows() as u64).sum();
        let job = progress.begin("making the catalog anew", "rows", rows);
        let mut made = write_parts(dir, next_id, &inputs, now_us, &job)?;
        made.rebuilt.lost.extend(lost);
        made.last_sequence = made.last_sequence.max(last_sequence);
        made.parts.extend(row_parts);
        Ok::<_, Error>((next_id + made.parts.len() as i64, made))
    });
    let (next_id, made) = made.await.map_err(|_| Error::Panicked("making the catalog anew"))??;
    let Made { parts, rebuilt, last_sequence, owners } = made;
    for owner in &owners {
        catalog.add_owner(owner).await?;
    }
    catalog.reserve_part_ids(next_id).await?;
    catalog.change_parts(&PartChange { add: parts, checkpoint: Some(last_sequence), ..PartChange::default() }).await?;
    catalog.close().await;
    fs::File::open(&draft).and_then(|file| file.sync_all()).at("sync", &draft)?;
    // Until the new one is in place there is none, and the next start would do all this again.
    move_database_aside(dir, &path, now_us)?;
    fs::rename(&draft, &path).at("rename", &draft)?;
    wal::sync_dir(dir)?;
    info!(documents = rebuilt.documents, traces = rebuilt.traces, duplicates = rebuilt.duplicates, "catalog made anew");
    lost.extend(rebuilt.lost);
    Ok(lost)
}

fn remove_database(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let path = path.with_file_name(format!("{}{suffix}", path.file_name().unwrap_or_default().to_string_lossy()));
        match fs::remove_file(&path) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => return Err(err).at("remove", &path),
            _ => {}
        }
    }
    Ok(())
}

fn move_database_aside(dir: &Path, path: &Path, now_us: i64) -> Result<()> {
    let folder = dir.join("damaged");
    fs::create_dir_all(&folder).at("create", &folder)?;
    // Its journal first: a database without one is whole, a journal without its database would be taken for another's.
    for suffix in ["-shm", "-wal", ""] {
        let from = path.with_file_name(format!("{}{suffix}", path.file_name().unwrap_or_default().to_string_lossy()));
        if from.exists() {
            fs::rename(&from, folder.join(format!("catalog-{now_us}.db{suffix}"))).at("move aside", &from)?;
        }
    }
    wal::sync_dir(dir)
}

/// Keeps the files of a part that cannot be read, which nothing names any more.
fn put_aside(dir: &Path, id: i64) {
    for (path, table) in part::paths(dir, id).iter().zip(part::FOLDERS) {
        move_aside(dir, path, table, id);
    }
}

fn move_aside(dir: &Path, path: &Path, table: &str, id: i64) {
    let folder = dir.join("damaged");
    let _ = fs::create_dir_all(&folder);
    if let Err(err) = fs::rename(path, folder.join(format!("{table}-{id:012}.parquet"))) {
        warn!(file = %path.display(), error = %err, "cannot move a damaged part aside");
    }
}

/// Numbers that writing so many documents may take.
fn ids_needed(documents: u64) -> i64 {
    (documents / PART_DOCUMENTS) as i64 + crate::flush::DAYS_PER_FLUSH as i64 + 1
}

struct Made {
    parts: Vec<NewPart>,
    rebuilt: Rebuilt,
    last_sequence: u64,
    owners: BTreeSet<Owner>,
}

/// Reads segment files side by side, trace by trace, and writes parts of what they hold.
fn write_parts(dir: &Path, first_id: i64, inputs: &[(i64, Arc<SegmentFile>)], now_us: i64, job: &Job) -> Result<Made> {
    let mut made = Made { parts: Vec::new(), rebuilt: Rebuilt::default(), last_sequence: 0, owners: BTreeSet::new() };
    let mut days = Days::new(dir, first_id, PART_DOCUMENTS, now_us);
    let mut damaged: BTreeMap<i64, String> = BTreeMap::new();
    let mut on_damage = |part: i64, err: &Error| {
        damaged.entry(part).or_insert_with(|| err.to_string());
    };
    let mut walk = segment::Walk::open(inputs, &mut on_damage)?;
    while let Some((id, batches)) = walk.next_trace(&mut on_damage)? {
        let documents = distinct(&batches, &mut made.rebuilt.duplicates);
        let Some((last, _)) = documents.last() else { continue };
        made.last_sequence = made.last_sequence.max(*last);
        made.rebuilt.documents += documents.len() as u64;
        made.rebuilt.traces += 1;
        job.advance(batches.iter().map(|batch| batch.num_rows() as u64).sum());
        let digest = crate::digest(id, documents.iter().map(|(_, segment)| segment));
        made.owners.extend(digest.owners.iter().flatten().cloned());
        days.add(&documents, digest, None)?;
    }
    for (part, why) in damaged {
        made.rebuilt.lost.push(format!("part {part}, in part: {why}"));
        put_aside_copy(dir, part);
    }
    made.parts = days.finish()?;
    Ok(made)
}

fn put_aside_copy(dir: &Path, id: i64) {
    let folder = dir.join("damaged");
    let _ = fs::create_dir_all(&folder);
    let [path, ..] = part::paths(dir, id);
    if let Err(err) = fs::copy(&path, folder.join(format!("segment-{id:012}.parquet"))) {
        warn!(file = %path.display(), error = %err, "cannot keep a copy of a damaged part");
    }
}

/// The documents of one trace, by number, each once.
fn distinct<'b>(batches: &'b [arrow_array::RecordBatch], duplicates: &mut u64) -> Vec<(u64, Segment<'b>)> {
    let mut documents: Vec<(u64, Segment<'b>)> = batches.iter().flat_map(segment::documents).collect();
    documents.sort_by_key(|(sequence, _)| *sequence);
    let before = documents.len();
    documents.dedup_by_key(|(sequence, _)| *sequence);
    *duplicates += (before - documents.len()) as u64;
    documents
}
