//! Commands on a data folder: doctor, backup, restore, rebuild. What they found goes to standard output, how far they are to
//! standard error.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::{Clock, SystemClock};
use serde_json::json;
use store::{Checkup, Progress, Store, StoreOptions, Work};

use crate::{CANNOT_START, complain, say};

/// Something is wrong with the folder, or was lost.
const FOUND_WRONG: u8 = 1;

/// `mitoshi doctor`.
pub(crate) fn doctor(dir: &Path, deep: bool, as_json: bool) -> ExitCode {
    let progress = Progress::default();
    let Some(checkup) = run(dir, &progress, store::checkup(dir, deep, &progress)) else { return ExitCode::from(CANNOT_START) };
    if as_json {
        say(&as_text(&checkup).to_string());
    } else {
        let Checkup { parts, documents, traces, row_parts, rows, part_bytes, log_documents, log_rows, findings, remarks } =
            &checkup;
        say(&format!(
            "{}: {} with {} of {} ({}), {} in the log",
            dir.display(),
            count(*parts, "part"),
            count(*documents, "document"),
            count(*traces, "trace"),
            size(*part_bytes),
            count(*log_documents, "document")
        ));
        if *row_parts > 0 || *log_rows > 0 {
            let of_parts = format!("{} with {} of metrics", count(*row_parts, "part"), count(*rows, "row"));
            say(&format!("{of_parts}, {} in the log", count(*log_rows, "row")));
        }
        remarks.iter().for_each(|remark| say(&format!("note: {remark}")));
        for finding in findings {
            say(&format!("wrong: {}: {}\n  what helps: {}", finding.place, finding.what, finding.remedy));
        }
        say(&match findings.len() {
            0 => "nothing is wrong".to_owned(),
            1 => "1 thing is wrong".to_owned(),
            many => format!("{many} things are wrong"),
        });
    }
    if checkup.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) }
}

fn as_text(checkup: &Checkup) -> serde_json::Value {
    let findings = checkup.findings.iter();
    json!({
        "parts": checkup.parts,
        "documents": checkup.documents,
        "traces": checkup.traces,
        "part_bytes": checkup.part_bytes,
        "row_parts": checkup.row_parts,
        "rows": checkup.rows,
        "log_documents": checkup.log_documents,
        "log_rows": checkup.log_rows,
        "findings": findings
            .map(|finding| json!({"place": finding.place, "what": finding.what, "remedy": finding.remedy}))
            .collect::<Vec<_>>(),
        "remarks": checkup.remarks,
    })
}

/// `mitoshi backup`.
pub(crate) fn backup(dir: &Path, to: &Path) -> ExitCode {
    let progress = Progress::default();
    let Some(contents) = run(dir, &progress, store::backup(dir, to, SystemClock.now_us(), &progress)) else {
        return ExitCode::from(CANNOT_START);
    };
    say(&format!(
        "backed up {} to {}: {} with {} ({}), and the log",
        dir.display(),
        to.display(),
        count(contents.parts, "part"),
        count(contents.documents, "document"),
        size(contents.bytes)
    ));
    report_damage(&contents.damaged)
}

/// `mitoshi restore`.
pub(crate) fn restore(from: &Path, dir: &Path) -> ExitCode {
    let progress = Progress::default();
    let Some(contents) = run(dir, &progress, store::restore(from, dir, &progress)) else { return ExitCode::from(CANNOT_START) };
    say(&format!(
        "restored {} into {}: {} with {} ({}), and the log",
        from.display(),
        dir.display(),
        count(contents.parts, "part"),
        count(contents.documents, "document"),
        size(contents.bytes)
    ));
    report_damage(&contents.damaged)
}

fn report_damage(damaged: &[String]) -> ExitCode {
    for what in damaged {
        complain(&format!("damaged: {what}"), "it was copied as it is; `mitoshi doctor` says more");
    }
    if damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) }
}

/// `mitoshi rebuild`.
pub(crate) fn rebuild(options: StoreOptions) -> ExitCode {
    let (dir, progress) = (options.dir.clone(), options.progress.clone());
    if !dir.join("FORMAT").exists() {
        complain(&format!("there is no data in {}", dir.display()), "name the data folder with --data-dir");
        return ExitCode::from(CANNOT_START);
    }
    let work = async {
        let store = Store::open(options, Arc::new(SystemClock)).await?;
        let rebuilt_catalog = store.recovery().rebuilt_catalog.clone();
        let rebuilt = store.rebuild().await?;
        store.close().await?;
        Ok::<_, store::Error>((rebuilt_catalog, rebuilt))
    };
    let Some((catalog, rebuilt)) = run(&dir, &progress, work) else { return ExitCode::from(CANNOT_START) };
    if let Some(why) = &catalog {
        say(&format!("the catalog was made anew: {why}"));
    }
    say(&format!("rebuilt {} of {}", count(rebuilt.documents, "document"), count(rebuilt.traces, "trace")));
    if rebuilt.duplicates > 0 {
        say(&format!(
            "{} stood twice and {} kept once",
            count(rebuilt.duplicates, "document"),
            if rebuilt.duplicates == 1 { "was" } else { "were" }
        ));
    }
    for what in &rebuilt.lost {
        complain(&format!("lost: {what}"), "what of it could be kept is in `damaged/`");
    }
    if rebuilt.lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) }
}

/// Does the work, shows how far it is, and complains where it fails.
fn run<T>(dir: &Path, progress: &Progress, work: impl Future<Output = store::Result<T>>) -> Option<T> {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(&format!("cannot start: {err}"), "");
            return None;
        }
    };
    let result = {
        let _shown = Shown::start(progress.clone());
        runtime.block_on(work)
    };
    result
        .map_err(|err| {
            let hint = hint(&err, dir);
            complain(&err.to_string(), &hint);
        })
        .ok()
}

/// What helps against an error with a data folder.
pub(crate) fn hint(err: &store::Error, dir: &Path) -> String {
    match err {
        store::Error::Locked { .. } => "another mitoshi uses this folder; stop it, or name another with --data-dir".to_owned(),
        store::Error::Format { .. } => "use the version of mitoshi that wrote it, or another folder".to_owned(),
        store::Error::IsBackup { .. } => format!("`mitoshi restore {}` makes a data folder of it", dir.display()),
        store::Error::HalfRestored { .. } => "run the same `mitoshi restore` again".to_owned(),
        store::Error::NoData { .. } => "name the data folder with --data-dir".to_owned(),
        store::Error::NoBackup { .. } => "name the folder that `mitoshi backup` wrote to, and finished".to_owned(),
        store::Error::NotEmpty { .. } => "name a new folder, or an empty one".to_owned(),
        _ => "check that the folder exists on a disk with space and may be read and written".to_owned(),
    }
}

/// Shows work on standard error until it is dropped: in place on a terminal, as lines elsewhere.
struct Shown {
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Shown {
    fn start(progress: Progress) -> Shown {
        let ended = Arc::new(AtomicBool::new(false));
        let thread = {
            let ended = ended.clone();
            std::thread::spawn(move || show(&progress, &ended))
        };
        Shown { ended, thread: Some(thread) }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn show(progress: &Progress, ended: &AtomicBool) {
    let is_terminal = std::io::stderr().is_terminal();
    let pause = if is_terminal { Duration::from_millis(200) } else { Duration::from_secs(5) };
    let mut last = Instant::now();
    let mut is_shown = false;
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
        if last.elapsed() < pause {
            continue;
        }
        last = Instant::now();
        let Some(line) = progress.current().last().map(line) else { continue };
        let mut out = std::io::stderr().lock();
        let _ = if is_terminal { write!(out, "\r\x1b[K{line}") } else { writeln!(out, "{line}") };
        is_shown = true;
    }
    if is_terminal && is_shown {
        eprint!("\r\x1b[K");
    }
}

/// As in "checking parts: 45 % (1.2 GB of 2.6 GB)".
pub(crate) fn line(work: &Work) -> String {
    let Work { what, unit, done, total } = work;
    let percent = if *total == 0 { 100 } else { done * 100 / total };
    match *unit {
        "bytes" => format!("{what}: {percent} % ({} of {})", size(*done), size(*total)),
        unit => format!("{what}: {percent} % ({done} of {total} {unit})"),
    }
}

/// As in "1 part", "2 parts".
fn count(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        ..1e6 => format!("{:.0} kB", bytes / 1e3),
        1e6..1e9 => format!("{:.0} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

/// Which folder a command is about.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Folder {
    /// Configuration file (TOML); `mitoshi print-config` shows every key
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}
