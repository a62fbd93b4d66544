//! Scripts: what a user wrote for CloudWatch Synthetics, run as a child process by the runtimes in `runtime/`, within its time and memory.

use std::io::{Cursor, Read};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use model::canary::{Failure, Step};
use rust_embed::RustEmbed;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::net::now_us;
use crate::recorder::Recorder;
use crate::setup::Setup;
use crate::{Job, Journal, Program};

/// Files of a script, and their bytes when they are unpacked.
const FILES_MAX: usize = 20_000;
const UNPACKED_MAX: u64 = 512 * 1024 * 1024;
/// How long a script has to end by itself when its time is over.
const GRACE: Duration = Duration::from_millis(1_500);
/// What runs beside the script itself needs memory too.
const MEMORY_MORE_MB: i64 = 256;
const ARTIFACTS_MAX: usize = 200;
/// By which a run's processes are known.
const RUN_ID: &str = "MITOSHI_CANARY_RUN_ID";

#[derive(RustEmbed)]
#[folder = "runtime/"]
struct Runtimes;

/// What a runtime reports.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    status: String,
    code: Option<Failure>,
    reason: Option<String>,
    requests: model::canary::Requests,
    steps: Vec<Step>,
    metrics_off: Vec<String>,
}

pub(crate) async fn run(job: &Job, setup: &Setup, recorder: &mut Recorder<'_>) {
    if let Err(why) = run_inner(job, setup, recorder).await {
        recorder.cannot(why);
    }
}

async fn run_inner(job: &Job, setup: &Setup, recorder: &mut Recorder<'_>) -> Result<(), String> {
    let Program::Script { zip, handler, runtime } = &job.program else { return Ok(()) };
    if let Some(why) = &setup.no_scripts {
        return Err(why.clone());
    }
    let is_python = runtime.contains("python");
    if runtime.contains("java") {
        return Err("canaries in Java are not supported by this server".to_owned());
    }
    let found = if is_python { &setup.python } else { &setup.node };
    let program =
        found.path.as_deref().ok_or_else(|| found.message.clone().unwrap_or_else(|| "there is no program to run it".to_owned()))?;
    let scratch =
        tempfile::Builder::new().prefix("mitoshi-canary-").tempdir().map_err(|err| format!("no folder for the run: {err}"))?;
    let code = scratch.path().join("code");
    let (packed, to) = (zip.clone(), code.clone());
    let unpacked = tokio::task::spawn_blocking(move || unpack(&packed, &to)).await;
    unpacked.map_err(|err| err.to_string())??;
    let (folder, mark) = (setup.runtimes.clone(), job.artifacts.clone());
    let runtimes = tokio::task::spawn_blocking(move || lay_out(&folder)).await.map_err(|err| err.to_string())??;
    let main = runtimes.join(if is_python { "python/main.py" } else { "node/main.mjs" });
    let work = scratch.path().join("work");
    tokio::fs::create_dir_all(&work).await.map_err(|err| format!("no folder for the run: {err}"))?;
    let mut command = Command::new(program);
    if is_python {
        command.arg("-B").arg(&main);
    } else {
        command.arg(format!("--max-old-space-size={}", job.memory_mb.max(64))).arg(&main);
    }
    // Nothing of the server's own environment but what programs need.
    command.env_clear();
    for name in [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "NODE_EXTRA_CA_CERTS",
        "SSL_CERT_FILE",
    ] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(&job.environment);
    command
        .env("MITOSHI_CANARY_HANDLER", handler)
        .env("MITOSHI_CANARY_CODE", &code)
        .env("MITOSHI_CANARY_ARTIFACTS", &mark)
        .env("MITOSHI_CANARY_NAME", &job.canary)
        .env(RUN_ID, &job.run_id)
        .env("MITOSHI_CANARY_ARN", &job.arn)
        .env("MITOSHI_CANARY_REGION", &job.region)
        .env("MITOSHI_CANARY_RUNTIME_VERSION", runtime);
    if let Some(browser) = &setup.browser.path {
        command.env("MITOSHI_CANARY_CHROME", browser);
    }
    if let Some(modules) = &setup.node_modules {
        command.env("MITOSHI_CANARY_MODULES", modules);
    }
    if let Some(header) = recorder.trace_header(None) {
        command.env("MITOSHI_CANARY_TRACE_HEADER", header);
    }
    command
        .current_dir(&work)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0);
    let mut child = command.spawn().map_err(|err| format!("cannot start {}: {err}", program.display()))?;
    let readers = [
        child.stdout.take().map(|stream| tokio::spawn(lines(stream, recorder.journal.clone()))),
        child.stderr.take().map(|stream| tokio::spawn(lines(stream, recorder.journal.clone()))),
    ];
    // Its end is what tells a script that the server is gone.
    let held = child.stdin.take();
    let ended = wait(&mut child, job).await;
    drop(held);
    let run_id = job.run_id.clone();
    let _ = tokio::task::spawn_blocking(move || kill_left(&run_id)).await;
    for reader in readers.into_iter().flatten() {
        // What it started and left behind may hold its output open.
        let _ = tokio::time::timeout(GRACE, reader).await;
    }
    let told =
        tokio::fs::read(job.artifacts.join("report.json")).await.ok().and_then(|text| serde_json::from_slice::<Told>(&text).ok());
    let _ = tokio::fs::remove_file(job.artifacts.join("report.json")).await;
    take(told, ended, recorder);
    tidy(&job.artifacts).await;
    Ok(())
}

/// How the child ended: by itself, or why not.
async fn wait(child: &mut Child, job: &Job) -> Result<Option<i32>, String> {
    let limit_mb = job.memory_mb + MEMORY_MORE_MB;
    let deadline = tokio::time::Instant::now() + job.timeout;
    let why = loop {
        tokio::select! {
            status = child.wait() => return status.map(|status| status.code()).map_err(|err| format!("the script is lost: {err}")),
            () = tokio::time::sleep_until(deadline) => {
                break format!("the run took longer than its timeout of {} seconds", job.timeout.as_secs());
            }
            () = tokio::time::sleep(Duration::from_millis(250)) => {
                if child.id().and_then(resident_mb).is_some_and(|used| used > limit_mb) {
                    break format!("the run took more than its memory of {} MB", job.memory_mb);
                }
            }
        }
    };
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
            // With all that it started and that is still of its group.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            let _ = child.wait().await;
        }
    }
    Err(why)
}

/// Ends what a run started and what left its group: it still has the number of the run in its environment.
pub fn kill_left(run_id: &str) {
    let mark = format!("{RUN_ID}={run_id}");
    let Ok(entries) = std::fs::read_dir("/proc") else { return };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(rustix::process::Pid::from_raw)
        else {
            continue;
        };
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Of the child itself: a browser that it started has limits of its own.
fn resident_mb(pid: u32) -> Option<i64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok().map(|kib| kib / 1_024)
}

/// What the runtime says becomes what the run says.
fn take(told: Option<Told>, ended: Result<Option<i32>, String>, recorder: &mut Recorder<'_>) {
    let told = told.unwrap_or_default();
    recorder.requests = told.requests;
    recorder.metrics_off = told.metrics_off;
    let trace = recorder.trace_header(None).and_then(|header| header.split(';').next()?.strip_prefix("Root=").map(str::to_owned));
    for mut step in told.steps {
        step.trace_id.clone_from(&trace);
        recorder.steps.push(step);
    }
    match (ended, told.code) {
        (Err(why), _) => recorder.cannot(why),
        (Ok(_), Some(Failure::Execution)) => {
            recorder.cannot(told.reason.unwrap_or_else(|| "the script could not be run".to_owned()))
        }
        (Ok(code), _) if told.status.is_empty() => {
            let how = code.map_or("by a signal".to_owned(), |code| format!("with {code}"));
            recorder.cannot(format!("the script ended {how} and reported nothing; the log may say why"));
        }
        (Ok(_), _) if told.status == "FAILED" && recorder.steps.iter().all(|step| !step.is_failed()) => {
            // It failed outside of its steps.
            let error = told.reason.unwrap_or_else(|| "the script failed".to_owned());
            recorder.steps.push(Step {
                step_number: recorder.steps.len() + 1,
                step_name: "script".to_owned(),
                status: "FAILED".to_owned(),
                start_time: crate::har::stamp(now_us()),
                error: Some(error),
                trace_id: trace,
                ..Step::default()
            });
        }
        _ => {}
    }
}

async fn lines(stream: impl AsyncRead + Unpin, journal: Journal) {
    let mut reader = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = reader.next_segment().await {
        journal.line(now_us(), String::from_utf8_lossy(&line).trim_end());
    }
}

/// A script may write as much as it likes; what is beyond what anybody looks at goes.
async fn tidy(folder: &Path) {
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return };
    let mut names: Vec<PathBuf> = Vec::new();
    while let Ok(Some(entry)) = entries.next_entry().await {
        names.push(entry.path());
    }
    names.sort();
    for path in names.into_iter().skip(ARTIFACTS_MAX) {
        let _ = tokio::fs::remove_file(path).await;
    }
}

/// The runtimes, where Node.js and Python find them. Those of another version are written over.
fn lay_out(folder: &Path) -> Result<PathBuf, String> {
    let failed = |err: std::io::Error| format!("the runtimes cannot be written to {}: {err}", folder.display());
    for name in Runtimes::iter() {
        // Of no use to them.
        if name.ends_with(".md") || name.ends_with(".pyc") {
            continue;
        }
        let Some(file) = Runtimes::get(&name) else { continue };
        let path = folder.join(&*name);
        if std::fs::read(&path).is_ok_and(|known| known == *file.data) {
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        // Another run may be reading it.
        let new = path.with_extension(format!("new-{}", std::process::id()));
        std::fs::write(&new, &file.data).and_then(|()| std::fs::rename(&new, &path)).map_err(failed)?;
    }
    folder.canonicalize().map_err(failed)
}

/// Files of a zip, of which none may leave the folder.
fn unpack(bytes: &[u8], to: &Path) -> Result<(), String> {
    let wrong = |err: &dyn std::fmt::Display| format!("the code is no zip that can be read: {err}");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|err| wrong(&err))?;
    if archive.len() > FILES_MAX {
        return Err(format!("the code has more than {FILES_MAX} files"));
    }
    std::fs::create_dir_all(to).map_err(|err| err.to_string())?;
    let mut left = UNPACKED_MAX;
    for place in 0..archive.len() {
        let file = archive.by_index(place).map_err(|err| wrong(&err))?;
        let Some(name) = file.enclosed_name() else {
            return Err(format!("the code has a file outside of its folder: {:?}", file.name()));
        };
        if file.is_symlink() || name.components().any(|part| !matches!(part, Component::Normal(_))) {
            continue;
        }
        let path = to.join(&name);
        if file.is_dir() {
            std::fs::create_dir_all(&path).map_err(|err| err.to_string())?;
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap_or(to)).map_err(|err| err.to_string())?;
        let mut out = std::fs::File::create(&path).map_err(|err| err.to_string())?;
        let copied = std::io::copy(&mut file.take(left + 1), &mut out).map_err(|err| wrong(&err))?;
        if copied > left {
            return Err("the code is larger than 512 MB when it is unpacked".to_owned());
        }
        left -= copied;
    }
    Ok(())
}

/// Whether a zip is one, and what its `blueprint-config.json` says, if it has one.
pub fn look_into(bytes: &[u8]) -> Result<Option<String>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|err| format!("Code.ZipFile is no zip: {err}"))?;
    let names = archive.file_names().filter_map(|name| name.ok().map(|name| name.to_string()));
    let Some(name) = names.into_iter().find(|name| name.rsplit('/').next() == Some("blueprint-config.json")) else {
        return Ok(None);
    };
    let file = archive.by_name(&name).map_err(|err| format!("{name}: {err}"))?;
    let mut text = String::new();
    file.take(4 * 1024 * 1024).read_to_string(&mut text).map_err(|err| format!("{name}: {err}"))?;
    Ok(Some(text))
}

/// A zip of one script, where AWS's have theirs.
pub fn pack(script: &str, handler: &str, runtime: &str) -> Result<Vec<u8>, String> {
    use std::io::Write;
    let file = handler.rsplit_once('.').map_or(handler, |(file, _)| file);
    let is_module = runtime.contains("playwright")
        || script.lines().any(|line| line.trim_start().starts_with("import ") || line.trim_start().starts_with("export "));
    let path = match (runtime.contains("python"), is_module) {
        (true, _) => format!("python/{file}.py"),
        (false, true) => format!("{file}.mjs"),
        (false, false) => format!("nodejs/node_modules/{file}.js"),
    };
    let failed = |err: &dyn std::fmt::Display| format!("the script cannot be packed: {err}");
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(path, zip::write::SimpleFileOptions::default()).map_err(|err| failed(&err))?;
    writer.write_all(script.as_bytes()).map_err(|err| failed(&err))?;
    Ok(writer.finish().map_err(|err| failed(&err))?.into_inner())
}
