//! Canaries: what runs them, where what they find goes, files that describe them, and the command that runs one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use api::App;
use bytes::Bytes;
use canary::{Runner, Setup, SetupOptions};
use control::canary::{Canaries, Keeping, Place, Sink};
use model::Clock;
use model::canary::Report;
use model::log::LogLine;
use model::metric::Metric;
use serde_json::Value;
use store::Catalog;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::config::{Config, Overrides, Scripts};
use crate::{CANNOT_START, complain, say};

/// Canaries in a folder, read at a start.
const FILES_MAX: usize = 1_000;

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum CanaryCommand {
    /// Run it, say what each step came to, and exit with 0 where it passed
    Run {
        /// JSON or TOML with the members of CreateCanary; Name and Code are enough
        file: PathBuf,
        /// Where screenshots and the like are put; without it they are removed again
        #[arg(long, value_name = "DIR")]
        artifacts: Option<PathBuf>,
        /// The report as JSON
        #[arg(long)]
        json: bool,
        /// Configuration file (TOML); `mitoshi print-config` shows every key
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

impl CanaryCommand {
    pub(crate) fn overrides(&self) -> Overrides {
        let CanaryCommand::Run { config, .. } = self;
        Overrides { config: config.clone(), ..Overrides::default() }
    }
}

async fn runner(config: &Config, runtimes: PathBuf, no_scripts: Option<String>) -> Runner {
    let given = &config.canaries;
    let options = SetupOptions {
        browser: given.browser.clone(),
        node: given.node.clone(),
        python: given.python.clone(),
        node_modules: given.node_modules.clone(),
        runtimes,
        no_scripts,
    };
    Runner::new(Setup::find(options).await, given.concurrency)
}

pub(crate) async fn canaries(config: &Config, catalog: Catalog, clock: Arc<dyn Clock>) -> Canaries {
    let no_scripts = match (config.canaries.scripts, config.why_access_is_required()) {
        (Scripts::Always, _) | (Scripts::Auto, None) => None,
        (Scripts::Never, _) => Some("scripts may not run here: canaries.scripts is \"never\"".to_owned()),
        (Scripts::Auto, Some(why)) => {
            Some(format!("scripts may not run here, as {why}; canaries.scripts = \"always\" allows them"))
        }
    };
    let folder = config.data_dir.join("canaries");
    let runner = runner(config, folder.join("runtimes"), no_scripts).await;
    if let Some(message) = &runner.setup().browser.message {
        info!("canaries: {message}");
    }
    let place = Place { account_id: config.account_id.clone(), region: config.region.clone(), folder };
    Canaries::new(catalog, clock, runner, place)
}

/// What runs find is kept as if it had come from outside.
struct IntoApp(Arc<App>);

impl Sink for IntoApp {
    fn metrics(&self, metrics: Vec<Metric>) -> Keeping<'_> {
        Box::pin(async move { self.0.ingest.metrics(metrics).await.map_err(|err| err.to_string()) })
    }

    fn segments(&self, documents: Vec<Value>) -> Keeping<'_> {
        Box::pin(async move {
            let texts: Vec<Bytes> = documents.iter().map(|document| Bytes::from(document.to_string())).collect();
            let rejected = self.0.ingest.documents(texts).await.map_err(|err| err.to_string())?;
            rejected.into_iter().next().map_or(Ok(()), |first| Err(first.message))
        })
    }

    fn log(&self, group: String, stream: String, lines: Vec<(i64, String)>) -> Keeping<'_> {
        let line =
            move |(time_us, message): (i64, String)| LogLine { group: group.clone(), stream: stream.clone(), time_us, message };
        let lines: Vec<LogLine> = lines.into_iter().map(line).collect();
        Box::pin(async move { api::take_log_lines(&self.0, lines).await })
    }
}

pub(crate) async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    let of_all = move || {
        let of = |app: Arc<App>| (app.canaries.clone(), Arc::new(IntoApp(app)) as Arc<dyn Sink>);
        app.all_accounts().into_iter().map(of).collect()
    };
    control::canary::run(of_all, stop).await;
}

/// A file as the value that CreateCanary takes. `Code.Path` names a file or folder beside it.
fn read_file(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|err| format!("cannot read {}: {err}", path.display()))?;
    let is_toml = path.extension().is_some_and(|ending| ending == "toml");
    let mut value: Value = match is_toml {
        true => toml::from_str(&text).map_err(|err| format!("{}: {err}", path.display()))?,
        false => serde_json::from_str(&text).map_err(|err| format!("{}: {err}", path.display()))?,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    if let Some(script) = value.pointer("/Code/Path").and_then(Value::as_str) {
        let script = folder.join(script);
        let text = std::fs::read_to_string(&script)
            .map_err(|err| format!("{}: Code.Path: {}: {err}", path.display(), script.display()))?;
        value["Code"]["Script"] = Value::from(text);
    }
    Ok(value)
}

/// Makes the canaries of a folder, or changes them. What is wrong with one does not keep the others from being made.
pub(crate) async fn apply_folder(app: &Arc<App>, folder: &Path) {
    if folder.as_os_str().is_empty() {
        return;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) => return error!(error = %err, folder = %folder.display(), "canaries.folder cannot be read"),
    };
    let is_canary = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json" || ending == "toml");
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_canary).collect();
    paths.sort();
    for path in paths.into_iter().take(FILES_MAX) {
        let applied = match read_file(&path) {
            Ok(value) => api::apply_canary(app, value).await,
            Err(why) => Err(why),
        };
        match applied {
            Ok(name) => info!(canary = name, file = %path.display(), "canary made as its file says"),
            Err(why) => warn!(file = %path.display(), why, "a canary cannot be made as its file says"),
        }
    }
}

pub(crate) fn run_file(command: CanaryCommand, config: Config) -> ExitCode {
    let CanaryCommand::Run { file, artifacts, json, .. } = command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(&format!("cannot start: {err}"), "");
            return ExitCode::from(CANNOT_START);
        }
    };
    match runtime.block_on(once(&file, artifacts.as_deref(), &config)) {
        Ok(report) => {
            if json {
                say(&serde_json::to_string_pretty(&report).unwrap_or_default());
            } else {
                tell(&report);
            }
            if report.status == "PASSED" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            complain(&why, "");
            ExitCode::from(crate::BAD_CONFIG)
        }
    }
}

async fn once(file: &Path, kept: Option<&Path>, config: &Config) -> Result<Report, String> {
    let value = read_file(file)?;
    let folder = tempfile::tempdir().map_err(|err| format!("no folder for the run: {err}"))?;
    let runner = runner(config, folder.path().join("runtimes"), None).await;
    let report = api::canary_once(&runner, value, &folder.path().join("artifacts")).await?;
    if let Some(kept) = kept {
        std::fs::create_dir_all(kept).map_err(|err| format!("{}: {err}", kept.display()))?;
        for entry in std::fs::read_dir(folder.path().join("artifacts")).into_iter().flatten().flatten() {
            std::fs::copy(entry.path(), kept.join(entry.file_name())).map_err(|err| format!("{}: {err}", kept.display()))?;
        }
    }
    Ok(report)
}

fn tell(report: &Report) {
    for step in &report.steps {
        let status = step.status_code.map(|status| format!(" {status}")).unwrap_or_default();
        say(&format!("{:7} {:30} {:>9.1} ms{status}", step.status, step.step_name, step.duration_ms));
        for assertion in &step.assertions {
            let mark = if assertion.passed { "ok" } else { "NOT" };
            say(&format!("          {mark:3} {} (it is {})", assertion.text, assertion.actual));
        }
        if let Some(error) = &step.error {
            say(&format!("          {error}"));
        }
    }
    say(&format!(
        "{} {}{}",
        report.canary_name,
        report.status,
        report.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
    ));
}
