//! Looking at every byte of a data folder, without changing any: what `mitoshi doctor` says.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use model::TraceId;
use model::digest::TraceDigest;
use model::minute::{MINUTE_US, Minutes, minute_of};

use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::open::{BACKUP, RESTORING, catalog_path, is_readable, read_format};
use crate::part::{self, Part};
use crate::progress::{Job, Progress};
use crate::rows;
use crate::rows::part::RowPart;
use crate::scan::{Prefilter, ScanRange};
use crate::table::segment;
use crate::{FORMAT_VERSION, wal};

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub place: String,
    pub what: String,
    /// What can be done about it.
    pub remedy: &'static str,
}

/// What was looked at, and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkup {
    pub parts: u64,
    pub documents: u64,
    pub traces: u64,
    /// Parts of tables of rows, and the rows in them.
    pub row_parts: u64,
    pub rows: u64,
    pub part_bytes: u64,
    pub log_documents: u64,
    pub log_rows: u64,
    pub findings: Vec<Finding>,
    /// Not wrong, but worth a word.
    pub remarks: Vec<String>,
}

const RESTORE: &str = "`mitoshi restore` brings back a backup; a server goes on without the part";
const REBUILD: &str = "`mitoshi rebuild` keeps what can still be read; `mitoshi restore` brings back a backup";
const NEXT_START: &str = "the next start makes it anew from the parts";
const SUMS: &str = "requests per minute";
const SUMS_REMEDY: &str = "`mitoshi rebuild` counts them again";
const NONE: &str = "what the other parts hold is not concerned";

/// Reads everything in the folder and compares: files with their checksums, rows with the catalog, digests with their segments
/// (`deep`: each is made again). Other processes may use the folder meanwhile.
pub async fn checkup(dir: &Path, deep: bool, progress: &Progress) -> Result<Checkup> {
    let mut checkup = Checkup::default();
    if dir.join(BACKUP).exists() {
        return Err(Error::IsBackup { path: dir.to_owned() });
    }
    match read_format(dir)? {
        Some(version) if is_readable(&version) => {}
        Some(found) => return Err(Error::Format { path: dir.to_owned(), found, known: FORMAT_VERSION }),
        None => return Err(Error::NoData { path: dir.to_owned() }),
    }
    if dir.join(RESTORING).exists() {
        checkup.find("the folder", "a restore into it did not finish".to_owned(), "run `mitoshi restore` again");
    }
    let Some(Named { parts, row_parts, exact_from_us, set_aside, checkpoint }) = open_parts(dir, &mut checkup).await? else {
        return Ok(checkup);
    };
    let bytes = parts.iter().map(|part| &part.row).chain(row_parts.iter().map(|part| &part.row)).map(|row| row.bytes as u64).sum();
    let job = progress.begin("checking parts", "bytes", bytes);
    let (parts, mut checkup) = {
        let (parts, row_parts) = (parts.clone(), row_parts.clone());
        let check = move || {
            for part in &row_parts {
                checkup.row_parts += 1;
                checkup.part_bytes += part.row.bytes as u64;
                match check_rows(part, &job) {
                    Ok(rows) => checkup.rows += rows,
                    Err(what) => checkup.find(&format!("part {}", part.row.id), what, RESTORE),
                }
            }
            for part in &parts {
                let found = check_part(part, &parts, deep, &job);
                checkup.parts += 1;
                checkup.part_bytes += part.row.bytes as u64;
                match found {
                    Ok((documents, traces)) => {
                        checkup.documents += documents;
                        checkup.traces += traces;
                    }
                    Err(what) => checkup.find(&format!("part {}", part.row.id), what, REBUILD),
                }
            }
            // Where a part cannot be read, that is what there is to say.
            if deep && checkup.findings.is_empty() {
                match compare_sums(&parts, exact_from_us) {
                    Ok(None) => {}
                    Ok(Some(what)) => checkup.find(SUMS, what, SUMS_REMEDY),
                    Err(err) => checkup.find(SUMS, err.to_string(), SUMS_REMEDY),
                }
            }
            (parts, checkup)
        };
        tokio::task::spawn_blocking(check).await.map_err(|_| Error::Panicked("checking parts"))?
    };
    // A part that is gone was merged into another meanwhile, by the process that uses the folder.
    let catalog = Catalog::open_read_only(&catalog_path(dir)).await?;
    let still: HashSet<String> = catalog.parts().await?.iter().map(|part| format!("part {}", part.row.id)).collect();
    catalog.close().await;
    let changed = parts.iter().any(|part| !still.contains(&format!("part {}", part.row.id)));
    let gone = |finding: &Finding| match finding.place.as_str() {
        SUMS => changed,
        place => place.starts_with("part ") && !still.contains(place),
    };
    let is_set_aside = |finding: &Finding| finding.what.starts_with(SET_ASIDE);
    checkup.findings.retain(|finding| is_set_aside(finding) || !gone(finding));

    check_log(dir, checkpoint, &mut checkup)?;
    let of_rows = row_parts.iter().map(|part| part.row.id);
    let known: HashSet<i64> = parts.iter().map(|part| part.row.id).chain(of_rows).chain(set_aside).collect();
    let mut strays = 0;
    for folder in part::all_folders().filter(|folder| !part::FOLDERS[1..].contains(folder)) {
        strays += part::ids(dir, folder)?.into_iter().filter(|id| !known.contains(id)).count();
    }
    if strays > 0 {
        checkup.remarks.push(format!("{strays} files belong to no part: being written, or left by a crash; a start removes those"));
    }
    Ok(checkup)
}

const SET_ASIDE: &str = "was set aside";

/// What the catalog names.
struct Named {
    parts: Vec<Part>,
    row_parts: Vec<RowPart>,
    exact_from_us: i64,
    set_aside: Vec<i64>,
    checkpoint: u64,
}

/// The parts and the log position of the catalog; none where that cannot be read.
async fn open_parts(dir: &Path, checkup: &mut Checkup) -> Result<Option<Named>> {
    let path = catalog_path(dir);
    if !path.exists() {
        checkup.find("the catalog", "it is missing".to_owned(), NEXT_START);
        return Ok(None);
    }
    let read = async {
        let catalog = Catalog::open_read_only(&path).await?;
        let damage = catalog.damage().await?;
        let content = match damage {
            None => Ok((
                catalog.parts().await?,
                catalog.superseded().await?,
                catalog.damaged_parts().await?,
                catalog.checkpoint().await?,
                catalog.exact_from_us().await?,
            )),
            Some(why) => Err(why),
        };
        catalog.close().await;
        Ok::<_, Error>(content)
    };
    let (rows, mut superseded, damaged, checkpoint, exact_from_us) = match read.await {
        Ok(Ok(content)) => content,
        Ok(Err(why)) => {
            checkup.find("the catalog", why, NEXT_START);
            return Ok(None);
        }
        Err(err) if err.is_catalog_damage() => {
            checkup.find("the catalog", err.to_string(), NEXT_START);
            return Ok(None);
        }
        Err(err) => return Err(err),
    };
    let set_aside = damaged.iter().map(|(id, _)| *id).collect();
    for (id, why) in damaged {
        checkup.find(&format!("part {id}"), format!("{SET_ASIDE}: {why}"), NONE);
    }
    let cache = Arc::new(Cache::new(1024 * 1024, 64 * 1024 * 1024));
    let (rows, of_rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|part| part.row.family == part::SEGMENT);
    let row_parts = of_rows.into_iter().filter_map(|part| RowPart::new(dir, part, &cache)).collect();
    let parts = rows.into_iter().map(|part| {
        let superseded = superseded.remove(&part.row.id).unwrap_or_default();
        Part::new(dir, part, superseded, &cache)
    });
    Ok(Some(Named { parts: parts.collect(), row_parts, exact_from_us, set_aside, checkpoint }))
}

impl Checkup {
    fn find(&mut self, place: &str, what: String, remedy: &'static str) {
        self.findings.push(Finding { place: place.to_owned(), what, remedy });
    }
}

/// Returns how many rows the part has, or what is wrong with it.
fn check_rows(part: &RowPart, job: &Job) -> Result<u64, String> {
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        part.files.verify(job)?;
        let mut rows = 0;
        for batch in rows::scan::batches(part.table, &part.files.rows()?, None, 8_192)? {
            rows += batch?.num_rows() as u64;
        }
        Ok::<_, Error>(rows)
    }));
    match checked {
        Ok(Ok(rows)) if rows == part.row.segment_rows as u64 => Ok(rows),
        Ok(Ok(rows)) => Err(format!("it has {rows} rows, the catalog says {}", part.row.segment_rows)),
        Ok(Err(err)) => Err(err.to_string()),
        Err(_) => Err("reading it failed in an unexpected way".to_owned()),
    }
}

/// Returns how many documents and traces the part has, or what is wrong with it.
fn check_part(part: &Part, parts: &[Part], deep: bool, job: &Job) -> Result<(u64, u64), String> {
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        part.files.verify(job).map_err(|err| err.to_string())?;
        let (documents, traces) = count(part).map_err(|err| err.to_string())?;
        let expected = (part.row.segment_rows as u64, part.row.trace_rows as u64);
        if (documents, traces) != expected {
            return Err(format!(
                "it has {documents} documents of {traces} traces, the catalog says {} of {}",
                expected.0, expected.1
            ));
        }
        if deep {
            compare_digests(part, parts)?;
        }
        Ok((documents, traces))
    }));
    checked.unwrap_or_else(|_| Err("reading it failed in an unexpected way".to_owned()))
}

/// Decodes everything and counts.
fn count(part: &Part) -> Result<(u64, u64)> {
    let mut documents = 0;
    let mut damage = None;
    let inputs = [(part.row.id, part.files.segment()?)];
    let mut on_damage = |_: i64, err: &Error| damage = Some(err.to_string());
    let mut walk = segment::Walk::open(&inputs, &mut on_damage)?;
    let mut ids: HashSet<TraceId> = HashSet::new();
    while let Some((id, batches)) = walk.next_trace(&mut on_damage)? {
        ids.insert(id);
        documents += batches.iter().map(|batch| segment::documents(batch).len() as u64).sum::<u64>();
    }
    if let Some(what) = damage {
        return Err(Error::Damaged { path: "segment".into(), what });
    }
    let mut traces = 0;
    each_digest(part, &mut |_| {
        traces += 1;
        Ok(())
    })?;
    Ok((documents, traces))
}

fn each_digest(part: &Part, visit: &mut dyn FnMut(TraceDigest) -> Result<()>) -> Result<()> {
    let file = part.files.trace()?;
    let everything = ScanRange::Time { from_us: i64::MIN, to_us: i64::MAX };
    for group in 0..file.groups() {
        let end = (i64::MAX, TraceId([0xff; 16]));
        let (candidates, _) = file.candidates(group, &everything, &Prefilter::Anything, end)?;
        for digest in file.digests(group, &candidates, false)? {
            visit(digest)?;
        }
    }
    Ok(())
}

/// Makes each digest that counts again, from the trace's documents in all parts.
fn compare_digests(part: &Part, parts: &[Part]) -> Result<(), String> {
    let mut differing = Vec::new();
    each_digest(part, &mut |digest| {
        if !part.superseded.contains(&digest.id) {
            let documents = crate::reader::older_documents(parts.iter(), digest.id)?;
            if crate::digest(digest.id, &documents.segments()) != digest {
                differing.push(digest.id.to_string());
            }
        }
        Ok(())
    })
    .map_err(|err| err.to_string())?;
    match differing.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(format!("what is derived of {} traces is not what their segments give, {first} first", differing.len())),
    }
}

/// Counts the requests of all traces again and compares with what the minute tables add up to. Returns what differs.
fn compare_sums(parts: &[Part], exact_from_us: i64) -> Result<Option<String>> {
    let (mut counted, mut summed) = (Minutes::default(), Minutes::default());
    for part in parts {
        part.files.minute()?.merge_into(&mut summed)?;
        each_digest(part, &mut |digest| {
            if !part.superseded.contains(&digest.id) {
                counted.add(&digest);
            }
            Ok(())
        })?;
    }
    // What parts no longer hold back, the traces still tell apart.
    counted.settle(i64::MAX);
    summed.settle(i64::MAX);
    summed.take_out(&counted);
    let first = minute_of(exact_from_us.saturating_add(MINUTE_US - 1));
    let differing: Vec<_> = summed.edges().into_iter().filter(|(row, _)| row.minute >= first).collect();
    Ok(differing.first().map(|(row, _)| {
        let time_secs = row.minute * MINUTE_US / 1_000_000;
        format!(
            "{} sums are not what the traces give, first those of {} in the minute of {time_secs} (seconds since 1970)",
            differing.len(),
            row.to.id.name,
        )
    }))
}

fn check_log(dir: &Path, checkpoint: u64, checkup: &mut Checkup) -> Result<()> {
    let folder = dir.join("wal");
    if fs::metadata(&folder).is_err() {
        checkup.remarks.push("there is no log: everything is in parts".to_owned());
        return Ok(());
    }
    let mut replay = wal::Replay::open(&folder, checkpoint, false)?;
    let (mut documents, mut rows) = (0, 0);
    while replay
        .read_file(|frame| {
            let count = crate::open::count(&frame);
            *if frame.kind == wal::KIND_ROWS { &mut rows } else { &mut documents } += count;
            count
        })?
        .is_some()
    {}
    let (_, damage) = replay.finish();
    checkup.log_documents = documents;
    checkup.log_rows = rows;
    if damage.torn_bytes > 0 {
        checkup.remarks.push(format!(
            "{} bytes at the log's end are of a write that was not completed, and not acknowledged",
            damage.torn_bytes
        ));
    }
    for file in damage.damaged_files {
        checkup.find(
            &file.display().to_string(),
            "it is damaged in its middle".to_owned(),
            "the next start reads what is before and behind, and keeps a copy",
        );
    }
    Ok(())
}
