//! Exports of log events to files: which there are, and how far they are.
//!
//! A destination is a folder below the server's own folder for exports, in the place of AWS's bucket; in it lie the files where AWS
//! puts them: `PREFIX/TASK/STREAM/000000.gz`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Clock;
use model::export_task::{ExportStatus, ExportTask};
use query::Query;
use query::log::{LogBudget, LogOrder};
use store::{Catalog, LogScan};
use tracing::warn;

use crate::log::Logs;
use crate::{Error, Result};

/// Tasks that are remembered.
const TASKS_MAX: usize = 1_000;
/// Events that are read at a time.
const EVENTS: LogBudget = LogBudget { events: 10_000, bytes: 8 * 1024 * 1024, scanned: 1_000_000 };
pub const STANDARD_PREFIX: &str = "exportedlogs";

/// The export tasks of an account. Cheap to clone.
#[derive(Clone)]
pub struct ExportTasks {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    logs: Logs,
    query: Query,
    /// Where destinations are.
    dir: PathBuf,
    change: tokio::sync::Mutex<()>,
    /// Those at work, and whether they should end.
    at_work: Mutex<HashMap<String, Arc<AtomicBool>>>,
}

impl ExportTasks {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, logs: Logs, query: Query, dir: PathBuf) -> ExportTasks {
        let (change, at_work) = Default::default();
        ExportTasks { inner: Arc::new(Inner { catalog, clock, logs, query, dir, change, at_work }) }
    }

    /// The same for another account, whose destinations lie apart.
    pub fn of(&self, catalog: Catalog, logs: Logs, query: Query, account_id: &str) -> ExportTasks {
        ExportTasks::new(catalog, self.inner.clock.clone(), logs, query, self.inner.dir.join(account_id))
    }

    fn is_at_work(&self, id: &str) -> bool {
        self.inner.at_work.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// The newest first. One that was under way when the server ended has failed.
    pub async fn list(&self) -> Result<Vec<ExportTask>> {
        let mut all: Vec<ExportTask> = self.inner.catalog.resources().await?;
        for task in all.iter_mut().filter(|task| !task.status.is_over() && !self.is_at_work(&task.id)) {
            task.status = ExportStatus::Failed;
            task.message = "the server ended meanwhile; begin another one".to_owned();
        }
        all.sort_by(|a, b| (b.created_us, &b.id).cmp(&(a.created_us, &a.id)));
        Ok(all)
    }

    /// Begins one. Returns its id at once; how far it is says `list`.
    pub async fn create(&self, mut task: ExportTask) -> Result<String> {
        let _change = self.inner.change.lock().await;
        check(&task)?;
        self.inner.logs.group(&task.group).await?;
        let known = self.list().await?;
        if known.iter().any(|known| !known.status.is_over()) {
            return Err(Error::LimitExceeded("an export is under way already: wait for its end, or cancel it".to_owned()));
        }
        for old in known.iter().skip(TASKS_MAX - 1) {
            self.inner.catalog.delete_resource::<ExportTask>(&old.id).await?;
        }
        task.id = uuid::Uuid::new_v4().to_string();
        task.created_us = self.inner.clock.now_us();
        task.status = ExportStatus::Running;
        self.inner.catalog.put_resource(&task).await?;
        let stop = Arc::new(AtomicBool::new(false));
        self.inner.at_work.lock().unwrap_or_else(PoisonError::into_inner).insert(task.id.clone(), stop.clone());
        let (tasks, id) = (self.clone(), task.id.clone());
        tokio::spawn(async move { tasks.run(task, stop).await });
        Ok(id)
    }

    pub async fn cancel(&self, id: &str) -> Result<()> {
        let known: Option<ExportTask> = self.inner.catalog.resource(id).await?;
        let known = known.ok_or_else(|| Error::NoResource("The specified export task does not exist.".to_owned()))?;
        match self.inner.at_work.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            Some(stop) => {
                stop.store(true, Ordering::Relaxed);
                Ok(())
            }
            None => {
                Err(Error::Conflict(format!("The specified export task has already finished: it is {}", known.status.as_str())))
            }
        }
    }

    async fn run(&self, mut task: ExportTask, stop: Arc<AtomicBool>) {
        let written = self.write(&task, &stop).await;
        (task.status, task.message) = match written {
            Ok(_) if stop.load(Ordering::Relaxed) => (ExportStatus::Cancelled, "cancelled".to_owned()),
            Ok(events) => (ExportStatus::Completed, format!("Completed successfully, {events} events")),
            Err(why) => (ExportStatus::Failed, why),
        };
        task.ended_us = Some(self.inner.clock.now_us());
        if let Err(err) = self.inner.catalog.put_resource(&task).await {
            warn!(task = task.id, error = %err, "how an export ended cannot be written down");
        }
        self.inner.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(&task.id);
    }

    /// Stream by stream. Returns how many events there were.
    async fn write(&self, task: &ExportTask, stop: &Arc<AtomicBool>) -> Result<u64, String> {
        let told = |err: Error| err.to_string();
        let folder = self.inner.dir.join(&task.destination).join(&task.prefix).join(&task.id);
        let mut count = 0;
        for stream in self.inner.logs.streams(&task.group).await.map_err(told)? {
            let name = stream.name().to_owned();
            if task.stream_prefix.as_ref().is_some_and(|prefix| !name.starts_with(prefix.as_str())) {
                continue;
            }
            let group = self.inner.logs.scan(&task.group, Some(&|known| known == name)).await.map_err(told)?;
            let (from_us, to_us) = (task.from_us, task.to_us);
            let scan = LogScan { groups: vec![group], from_us, to_us, with_messages: true, ..LogScan::default() };
            let (query, stop) = (self.inner.query.clone(), stop.clone());
            let folder = folder.join(name.replace(['/', '\\'], "-").trim_start_matches('.'));
            let write = move || write_stream(&query, &scan, folder, &stop);
            count += tokio::task::spawn_blocking(write).await.map_err(|err| err.to_string())??;
        }
        Ok(count)
    }
}

fn write_stream(query: &Query, scan: &LogScan, folder: PathBuf, stop: &AtomicBool) -> Result<u64, String> {
    let cannot = |err: std::io::Error| format!("cannot write to {}: {err}", folder.display());
    let mut file: Option<GzEncoder<File>> = None;
    let (mut after, mut count) = (None, 0);
    while !stop.load(Ordering::Relaxed) {
        let page = query.log_events(scan, LogOrder::OldestFirst, after, &mut |_, _| true, EVENTS).map_err(|err| err.to_string())?;
        if file.is_none() && !page.events.is_empty() {
            fs::create_dir_all(&folder).map_err(cannot)?;
            file = Some(GzEncoder::new(File::create(folder.join("000000.gz")).map_err(cannot)?, Compression::default()));
        }
        if let Some(file) = &mut file {
            for event in &page.events {
                let time = DateTime::from_timestamp_micros(event.time_us).unwrap_or_default();
                writeln!(file, "{} {}", time.to_rfc3339_opts(SecondsFormat::Millis, true), event.message).map_err(cannot)?;
            }
        }
        count += page.events.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if let Some(file) = file {
        file.finish().and_then(|file| file.sync_all()).map_err(cannot)?;
    }
    Ok(count)
}

fn check(task: &ExportTask) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    let is_bucket = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let bucket = &task.destination;
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_bucket) || bucket.starts_with('.') {
        return invalid(format!(
            "destination {bucket:?} must have from 3 to 63 small letters, digits, dashes and dots: it is a folder in the server's folder for exports"
        ));
    }
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if task.prefix.len() > 512 || !task.prefix.split('/').all(is_part) {
        return invalid(format!("destinationPrefix {:?} must be names with slashes between them", task.prefix));
    }
    if task.from_us >= task.to_us {
        return invalid("from must be before to".to_owned());
    }
    Ok(())
}
