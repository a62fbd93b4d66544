//! Canaries of an account: kept, run when they are due, and what comes of it. A run that is under way when the server ends is told as such.

mod group;
mod metrics;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use canary::{Job, Journal, Outcome, Program, Runner};
use chrono::{DateTime, Utc};
use model::Clock;
use model::canary::{Canary, CanaryConfig, CanaryRun, CanaryState, Code, Failure, Report, RunState, VisualReference};
use model::metric::Metric;
use model::resource::Resource;
use model::time::{DAY_US, SECOND_US};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Catalog, ResourceChanges};
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use crate::schedule::Schedule;
use crate::{Error, Result};

pub use group::CanaryGroups;

/// Of an account.
const CANARIES_MAX: usize = 1_000;
const NAME_MAX: usize = 255;
const ZIP_BYTES_MAX: usize = 10_000_000;
const ENVIRONMENT_BYTES_MAX: usize = 4_096;
const TIMEOUT_SECS: std::ops::RangeInclusive<i64> = 3..=840;
const MEMORY_MB: std::ops::RangeInclusive<i64> = 960..=3_008;
const MEMORY_STEP_MB: i64 = 64;
const MEMORY_DEFAULT_MB: i64 = 960;
const STORAGE_MB: std::ops::RangeInclusive<i64> = 1_024..=10_240;
const HANDLER_MAX: usize = 128;
const RETENTION_DAYS: std::ops::RangeInclusive<i64> = 1..=1_024;
const DURATION_SECS_MAX: i64 = 366 * 86_400;
/// How often it is seen whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// How long what came of a try is kept.
const TRY_KEPT_US: i64 = 3_600 * SECOND_US;
const TRIES_MAX: usize = 20;
/// Between two looks at what is too old.
const FORGET_TICKS: u32 = 600;

/// Where what runs find goes: metrics, traces and lines of logs.
pub trait Sink: Send + Sync {
    fn metrics(&self, metrics: Vec<Metric>) -> Keeping<'_>;
    fn segments(&self, documents: Vec<Value>) -> Keeping<'_>;
    fn log(&self, group: String, stream: String, lines: Vec<(i64, String)>) -> Keeping<'_>;
}

pub type Keeping<'s> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 's>>;

/// Where canaries are.
#[derive(Debug, Clone)]
pub struct Place {
    pub account_id: String,
    pub region: String,
    /// For code and artifacts.
    pub folder: PathBuf,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Canaries {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    runner: Runner,
    place: Place,
    change: tokio::sync::Mutex<()>,
    /// Names of those that run just now.
    running: Mutex<HashSet<String>>,
    tries: Mutex<HashMap<String, Try>>,
    /// Runs that someone asked for.
    asked: Mutex<Vec<Asked>>,
    wake: Arc<Notify>,
}

/// A run that is no part of a schedule.
enum Asked {
    Dry(Box<DryRun>),
    Try(String, Box<Job>, Journal),
}

/// A configuration that is tried before it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DryRun {
    pub id: String,
    pub canary: String,
    pub code: Code,
    pub config: CanaryConfig,
    /// What it came to: `RUNNING`, `PASSED` or `FAILED`.
    pub status: String,
}

impl Resource for DryRun {
    const KIND: &'static str = "canary_dry_run";

    fn key(&self) -> &str {
        &self.id
    }
}

/// A run of what is no canary yet.
#[derive(Clone)]
pub struct Try {
    pub journal: Journal,
    pub report: Option<Report>,
    pub artifacts: String,
    started_us: i64,
}

/// What is to be run, as it was given.
#[derive(Debug, Clone, Default)]
pub struct GivenCode {
    pub zip: Option<Vec<u8>>,
    pub script: Option<String>,
    pub handler: Option<String>,
    pub blueprint: Option<String>,
    pub blueprint_config: Option<Value>,
    pub is_in_bucket: bool,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub key: String,
    pub bytes: u64,
}

impl Canaries {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, runner: Runner, place: Place) -> Canaries {
        Canaries::with(catalog, clock, runner, place, Arc::default())
    }

    /// The same for another account.
    pub fn of(&self, catalog: Catalog, account_id: &str) -> Canaries {
        let inner = &self.inner;
        let place = Place {
            account_id: account_id.to_owned(),
            region: inner.place.region.clone(),
            folder: inner.place.folder.join("accounts").join(account_id),
        };
        Canaries::with(catalog, inner.clock.clone(), inner.runner.clone(), place, inner.wake.clone())
    }

    fn with(catalog: Catalog, clock: Arc<dyn Clock>, runner: Runner, place: Place, wake: Arc<Notify>) -> Canaries {
        let inner = Inner {
            catalog,
            clock,
            runner,
            place,
            change: Default::default(),
            running: Default::default(),
            tries: Default::default(),
            asked: Default::default(),
            wake,
        };
        Canaries { inner: Arc::new(inner) }
    }

    pub fn arn(&self, name: &str) -> String {
        let Place { account_id, region, .. } = &self.inner.place;
        format!("arn:aws:synthetics:{region}:{account_id}:canary:{name}")
    }

    pub fn runner(&self) -> &Runner {
        &self.inner.runner
    }

    pub async fn list(&self) -> Result<Vec<Canary>> {
        Ok(self.inner.catalog.resources().await?)
    }

    pub async fn get(&self, name: &str) -> Result<Canary> {
        let found = self.inner.catalog.resource(name).await?;
        found.ok_or_else(|| Error::NoResource(format!("Canary {name} does not exist")))
    }

    /// Makes one, which does not run before it is started.
    pub async fn create(&self, name: &str, given: GivenCode, config: CanaryConfig) -> Result<Canary> {
        let _change = self.inner.change.lock().await;
        // AWS takes small letters alone; its emulators take more, and so do tests written for them.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_name) {
            return Err(Error::Invalid(format!("Name {name:?} must have from 1 to {NAME_MAX} letters, digits, - and _")));
        }
        check(&config)?;
        let known = self.list().await?;
        if known.iter().any(|known| known.name == name) {
            return Err(Error::Conflict(format!("Canary {name} exists already")));
        }
        if known.len() >= CANARIES_MAX {
            return Err(Error::QuotaExceeded(format!("there are {CANARIES_MAX} canaries, the limit")));
        }
        let id = uuid::Uuid::new_v4().to_string();
        let now_us = self.inner.clock.now_us();
        let code = self.keep_code(&id, given, &config.runtime_version).await?;
        let canary = Canary {
            id,
            name: name.to_owned(),
            code,
            config,
            state: CanaryState::Ready,
            state_reason: None,
            created_us: now_us,
            modified_us: now_us,
            started_us: None,
            stopped_us: None,
            due_us: None,
        };
        self.inner.catalog.put_resource(&canary).await?;
        Ok(canary)
    }

    /// Changes what is given; runs that begin later go by it.
    pub async fn update(&self, name: &str, given: Option<GivenCode>, change: impl FnOnce(&mut CanaryConfig)) -> Result<Canary> {
        let _change = self.inner.change.lock().await;
        let mut canary = self.get(name).await?;
        change(&mut canary.config);
        check(&canary.config)?;
        if let Some(given) = given {
            canary.code = self.change_code(&canary.id, canary.code, given, &canary.config.runtime_version).await?;
        }
        self.resolve_references(&canary.id, &mut canary.config.visual).await?;
        canary.modified_us = self.inner.clock.now_us();
        self.inner.catalog.put_resource(&canary).await?;
        self.inner.wake.notify_one();
        Ok(canary)
    }

    /// Takes over what a dry run tried.
    pub async fn apply(&self, name: &str, dry_run_id: &str) -> Result<Canary> {
        let dry_run = self.dry_run(name, dry_run_id).await?;
        let _change = self.inner.change.lock().await;
        let now_us = self.inner.clock.now_us();
        let canary = Canary { code: dry_run.code, config: dry_run.config, modified_us: now_us, ..self.get(name).await? };
        self.inner.catalog.put_resource(&canary).await?;
        Ok(canary)
    }

    /// `lastrun` is the last there is now.
    async fn resolve_references(&self, id: &str, references: &mut [VisualReference]) -> Result<()> {
        for reference in references.iter_mut().filter(|reference| reference.base_run == "lastrun") {
            let last = self.runs_of(id, |run| run.dry_run.is_none() && run.state != RunState::Running, 1).await?;
            reference.base_run = last.first().map_or("nextrun".to_owned(), |run| run.id.clone());
        }
        Ok(())
    }

    pub async fn start(&self, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let mut canary = self.get(name).await?;
        if matches!(canary.state, CanaryState::Running | CanaryState::Stopping) {
            return Err(Error::Conflict(format!("Canary {name} is in state {}", canary.state.as_str())));
        }
        let now_us = self.inner.clock.now_us();
        canary.state = CanaryState::Running;
        canary.started_us = Some(now_us);
        canary.due_us = None;
        self.inner.catalog.put_resource(&canary).await?;
        self.inner.wake.notify_one();
        Ok(())
    }

    /// A run that is under way goes on to its end.
    pub async fn stop(&self, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let mut canary = self.get(name).await?;
        if canary.state != CanaryState::Running {
            return Err(Error::Conflict(format!("Canary {name} is in state {}", canary.state.as_str())));
        }
        self.end(&mut canary);
        Ok(self.inner.catalog.put_resource(&canary).await?)
    }

    fn end(&self, canary: &mut Canary) {
        let is_running = self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&canary.name);
        canary.state = if is_running { CanaryState::Stopping } else { CanaryState::Stopped };
        canary.stopped_us = Some(self.inner.clock.now_us());
    }

    pub async fn delete(&self, name: &str) -> Result<Canary> {
        let _change = self.inner.change.lock().await;
        let canary = self.get(name).await?;
        if matches!(canary.state, CanaryState::Running | CanaryState::Stopping) {
            return Err(Error::Conflict(format!("Canary {name} is in state {}; stop it first", canary.state.as_str())));
        }
        let mut changes = ResourceChanges::default();
        changes.delete::<Canary>(name);
        changes.delete::<model::setting::Tags>(&crate::tag::canary_key(name));
        for run in self.runs_of(&canary.id, |_| true, usize::MAX).await? {
            changes.delete::<CanaryRun>(&run.key);
        }
        for dry_run in self.inner.catalog.resources::<DryRun>().await?.into_iter().filter(|dry_run| dry_run.canary == name) {
            changes.delete::<DryRun>(&dry_run.id);
        }
        self.inner.catalog.change_resources(&changes).await?;
        let folders = [self.code_folder(&canary.id), self.artifacts_folder().join(self.prefix(&canary))];
        for folder in folders {
            let _ = tokio::fs::remove_dir_all(folder).await;
        }
        Ok(canary)
    }

    /// Runs with what is given in the place of what it has, without a trace in its history.
    pub async fn start_dry_run(
        &self,
        name: &str,
        given: Option<GivenCode>,
        change: impl FnOnce(&mut CanaryConfig),
    ) -> Result<DryRun> {
        let _change = self.inner.change.lock().await;
        let canary = self.get(name).await?;
        let (mut config, mut code) = (canary.config, canary.code);
        change(&mut config);
        check(&config)?;
        if let Some(given) = given {
            code = self.change_code(&canary.id, code, given, &config.runtime_version).await?;
        }
        self.resolve_references(&canary.id, &mut config.visual).await?;
        let id = uuid::Uuid::new_v4().to_string();
        let dry_run = DryRun { id, canary: name.to_owned(), code, config, status: "RUNNING".to_owned() };
        self.inner.catalog.put_resource(&dry_run).await?;
        self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked::Dry(Box::new(dry_run.clone())));
        self.inner.wake.notify_one();
        Ok(dry_run)
    }

    pub async fn dry_run(&self, name: &str, id: &str) -> Result<DryRun> {
        let found = self.inner.catalog.resource::<DryRun>(id).await?.filter(|found| found.canary == name);
        found.ok_or_else(|| Error::NoResource(format!("Canary {name} has no dry run {id}")))
    }

    /// Runs once what is no canary. Returns an id under which what comes of it can be seen.
    pub async fn start_try(&self, name: &str, given: GivenCode, config: CanaryConfig) -> Result<String> {
        check(&config)?;
        let id = uuid::Uuid::new_v4().to_string();
        let artifacts = format!("tries/{id}");
        let program = program_of(given, &config.runtime_version)?;
        let journal = Journal::default();
        let started_us = self.inner.clock.now_us();
        let tried = Try { journal: journal.clone(), report: None, artifacts: artifacts.clone(), started_us };
        {
            let mut tries = self.tries();
            if tries.values().filter(|tried| tried.report.is_none()).count() >= TRIES_MAX {
                return Err(Error::QuotaExceeded(format!("{TRIES_MAX} tries are under way, the limit")));
            }
            // Before there is a folder: those of no try are cleared away.
            tries.insert(id.clone(), tried);
        }
        let job = self.job(name, &id, program, &config, &artifacts, None).await;
        let job = job.inspect_err(|_| drop(self.tries().remove(&id)))?;
        self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked::Try(id.clone(), Box::new(job), journal));
        self.inner.wake.notify_one();
        Ok(id)
    }

    fn tries(&self) -> MutexGuard<'_, HashMap<String, Try>> {
        self.inner.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tried(&self, id: &str) -> Result<Try> {
        self.tries().get(id).cloned().ok_or_else(|| Error::NoResource(format!("there is no try {id}, or it was too long ago")))
    }

    /// The newest first.
    pub async fn runs(&self, name: &str, is_wanted: impl Fn(&CanaryRun) -> bool, most: usize) -> Result<Vec<CanaryRun>> {
        let canary = self.get(name).await?;
        self.runs_of(&canary.id, is_wanted, most).await
    }

    async fn runs_of(&self, id: &str, is_wanted: impl Fn(&CanaryRun) -> bool, most: usize) -> Result<Vec<CanaryRun>> {
        let (from, mut to) = (format!("{id}/"), format!("{id}/~"));
        let mut found = Vec::new();
        while found.len() < most {
            let page: Vec<CanaryRun> = self.inner.catalog.resources_within(&from, &to, true, 200).await?;
            let Some(last) = page.last() else { break };
            to.clone_from(&last.key);
            found.extend(page.into_iter().filter(|run| is_wanted(run)));
        }
        found.truncate(most);
        Ok(found)
    }

    pub async fn run(&self, name: &str, id: &str) -> Result<CanaryRun> {
        let found = self.runs(name, |run| run.id == id, 1).await?;
        found.into_iter().next().ok_or_else(|| Error::NoResource(format!("Canary {name} has no run {id}")))
    }

    /// What came of a run, as far as it is kept.
    pub async fn report(&self, run: &CanaryRun) -> Option<Report> {
        let file = format!("SyntheticsReport-{}.json", run.state.as_str());
        let text = tokio::fs::read(self.artifacts_folder().join(&run.artifacts).join(file)).await.ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The files below a path.
    pub async fn artifacts(&self, path: &str) -> Vec<Artifact> {
        let Ok(mut entries) = tokio::fs::read_dir(self.artifacts_folder().join(path)).await else { return Vec::new() };
        let mut found = Vec::new();
        while let Ok(Some(entry)) = entries.next_entry().await {
            let Ok(about) = entry.metadata().await else { continue };
            if about.is_file() {
                found.push(Artifact { key: format!("{path}/{}", entry.file_name().to_string_lossy()), bytes: about.len() });
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found
    }

    /// The file of a key. No key leads out of the folder of artifacts.
    pub async fn artifact(&self, key: &str) -> Result<Vec<u8>> {
        let none = || Error::NoResource(format!("there is no file {key}"));
        let is_inside = Path::new(key).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !is_inside {
            return Err(none());
        }
        tokio::fs::read(self.artifacts_folder().join(key)).await.map_err(|_| none())
    }

    pub fn log_group(&self, canary: &Canary) -> String {
        format!("/aws/lambda/cwsyn-{}-{}", canary.name, canary.id)
    }

    fn artifacts_folder(&self) -> PathBuf {
        self.inner.place.folder.join("artifacts")
    }

    fn code_folder(&self, id: &str) -> PathBuf {
        self.inner.place.folder.join("code").join(id)
    }

    fn prefix(&self, canary: &Canary) -> String {
        format!("canary/{}/{}-{}", self.inner.place.region, canary.name, canary.id)
    }

    /// Code in which nothing is to be run leaves what there is.
    async fn change_code(&self, id: &str, code: Code, given: GivenCode, runtime: &str) -> Result<Code> {
        let handler = given.handler.clone();
        let changed = self.keep_code(id, given, runtime).await?;
        match changed.blueprint.is_some() || changed.revision.is_some() {
            true => Ok(changed),
            false => Ok(Code { handler: handler.or(code.handler.clone()), ..code }),
        }
    }

    /// Keeps what is to be run.
    async fn keep_code(&self, id: &str, given: GivenCode, runtime: &str) -> Result<Code> {
        let handler = given.handler.clone();
        match program_of(given, runtime)? {
            Program::Blueprint { name, config } => {
                Ok(Code { blueprint: Some(name), blueprint_config: Some(config.to_string()), handler, revision: None })
            }
            Program::None(_) => Ok(Code { blueprint: None, blueprint_config: None, handler, revision: None }),
            Program::Script { zip, handler, .. } => {
                let folder = self.code_folder(id);
                let revision = crate::unique_id();
                let unkept =
                    |err: std::io::Error| Error::Unexpected(format!("the code cannot be kept in {}: {err}", folder.display()));
                tokio::fs::create_dir_all(&folder).await.map_err(unkept)?;
                let path = folder.join(format!("{revision}.zip"));
                let new = path.with_extension("new");
                tokio::fs::write(&new, &zip).await.map_err(unkept)?;
                let file = tokio::fs::File::open(&new).await.map_err(unkept)?;
                file.sync_all().await.map_err(unkept)?;
                tokio::fs::rename(&new, &path).await.map_err(unkept)?;
                Ok(Code { blueprint: None, blueprint_config: None, handler: Some(handler), revision: Some(revision) })
            }
        }
    }

    async fn program(&self, id: &str, code: &Code, runtime: &str) -> Program {
        if let (Some(name), Some(config)) = (&code.blueprint, &code.blueprint_config) {
            return match serde_json::from_str(config) {
                Ok(config) => Program::Blueprint { name: name.clone(), config },
                Err(err) => Program::None(format!("the configuration cannot be read: {err}")),
            };
        }
        let Some(revision) = &code.revision else {
            return Program::None("the canary has no code: give it a ZipFile, or a blueprint".to_owned());
        };
        match tokio::fs::read(self.code_folder(id).join(format!("{revision}.zip"))).await {
            Ok(zip) => Program::Script { zip, handler: code.handler.clone().unwrap_or_default(), runtime: runtime.to_owned() },
            Err(err) => Program::None(format!("the code cannot be read: {err}")),
        }
    }

    async fn job(
        &self,
        name: &str,
        run_id: &str,
        program: Program,
        config: &CanaryConfig,
        artifacts: &str,
        visual: Option<(PathBuf, VisualReference)>,
    ) -> Result<Job> {
        let folder = self.artifacts_folder().join(artifacts);
        let unmade = |err: std::io::Error| Error::Unexpected(format!("no folder for artifacts: {}: {err}", folder.display()));
        tokio::fs::create_dir_all(&folder).await.map_err(unmade)?;
        Ok(Job {
            canary: name.to_owned(),
            run_id: run_id.to_owned(),
            arn: self.arn(name),
            region: self.inner.place.region.clone(),
            program,
            timeout: Duration::from_secs(timeout_secs(config, self.inner.clock.now_us()) as u64),
            memory_mb: memory_mb(config),
            environment: config.environment.clone(),
            is_traced: config.active_tracing.unwrap_or(false),
            artifacts: folder.canonicalize().map_err(unmade)?,
            visual,
        })
    }

    /// Runs that were under way when the server ended.
    async fn settle(&self) -> Result<()> {
        let running: Vec<CanaryRun> =
            self.inner.catalog.resources::<CanaryRun>().await?.into_iter().filter(|run| run.state == RunState::Running).collect();
        for mut run in running {
            canary::kill_left(&run.id);
            run.state = RunState::Failed;
            run.failure = Some(Failure::Execution);
            run.reason = Some("the server was stopped while it ran".to_owned());
            run.completed_us = Some(self.inner.clock.now_us());
            self.inner.catalog.put_resource(&run).await?;
        }
        // What was asked for since the start has yet to begin.
        let is_asked = |id: &str| {
            let asked = self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.iter().any(|asked| matches!(asked, Asked::Dry(dry_run) if dry_run.id == id))
        };
        let is_left = |dry_run: &DryRun| dry_run.status == "RUNNING" && !is_asked(&dry_run.id);
        for mut dry_run in self.inner.catalog.resources::<DryRun>().await?.into_iter().filter(is_left) {
            dry_run.status = "FAILED".to_owned();
            self.inner.catalog.put_resource(&dry_run).await?;
        }
        for mut canary in self.list().await?.into_iter().filter(|canary| canary.state == CanaryState::Stopping) {
            canary.state = CanaryState::Stopped;
            self.inner.catalog.put_resource(&canary).await?;
        }
        if let Ok(mut folders) = tokio::fs::read_dir(self.artifacts_folder().join("tries")).await {
            while let Ok(Some(folder)) = folders.next_entry().await {
                if !self.tries().contains_key(&*folder.file_name().to_string_lossy()) {
                    let _ = tokio::fs::remove_dir_all(folder.path()).await;
                }
            }
        }
        Ok(())
    }

    /// Begins what is due.
    async fn tick(&self, sink: &Arc<dyn Sink>) -> Result<()> {
        let now_us = self.inner.clock.now_us();
        let asked = std::mem::take(&mut *self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner));
        for asked in asked {
            let (canaries, sink) = (self.clone(), sink.clone());
            match asked {
                Asked::Dry(dry_run) => drop(tokio::spawn(async move {
                    if let Err(err) = canaries.do_dry_run(*dry_run, &sink).await {
                        warn!(error = %err, "a dry run of a canary failed in an unexpected way");
                    }
                })),
                Asked::Try(id, job, journal) => drop(tokio::spawn(async move {
                    let outcome = canaries.inner.runner.run(&job, &journal).await;
                    // What it asked for can be looked at as a trace.
                    let _ = sink.segments(outcome.segments).await;
                    if let Some(tried) = canaries.tries().get_mut(&id) {
                        tried.report = Some(outcome.report);
                    }
                })),
            }
        }
        for canary in self.list().await? {
            if canary.state != CanaryState::Running {
                continue;
            }
            let began_us = canary.started_us.unwrap_or(canary.created_us);
            if canary.config.duration_secs > 0 && now_us >= began_us + canary.config.duration_secs * SECOND_US {
                self.set_stopped(&canary.name).await?;
                continue;
            }
            let Ok(schedule) = Schedule::parse(&canary.config.schedule) else { continue };
            let Some(mut due_us) = schedule.next_us(began_us, canary.due_us.unwrap_or(began_us - 1)) else { continue };
            if due_us > now_us || !self.claim(&canary.name) {
                continue;
            }
            // Times that were missed are not made up for: the last of them counts.
            while let Some(next) = schedule.next_us(began_us, due_us).filter(|next| *next <= now_us) {
                due_us = next;
            }
            let (canaries, sink, name) = (self.clone(), sink.clone(), canary.name.clone());
            tokio::spawn(async move {
                if let Err(err) = canaries.do_scheduled(&name, due_us, &schedule, &sink).await {
                    warn!(canary = name, error = %err, "a run of a canary failed in an unexpected way");
                }
                canaries.inner.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
                if let Err(err) = canaries.note_end(&name).await {
                    warn!(canary = name, error = %err, "a canary's end cannot be noted");
                }
                canaries.inner.wake.notify_one();
            });
        }
        Ok(())
    }

    /// Whether it was not running, and is from now on.
    fn claim(&self, name: &str) -> bool {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
    }

    async fn set_stopped(&self, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let mut canary = self.get(name).await?;
        self.end(&mut canary);
        Ok(self.inner.catalog.put_resource(&canary).await?)
    }

    async fn note_end(&self, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let Ok(mut canary) = self.get(name).await else { return Ok(()) };
        if canary.state == CanaryState::Stopping {
            canary.state = CanaryState::Stopped;
            self.inner.catalog.put_resource(&canary).await?;
        }
        Ok(())
    }

    async fn do_scheduled(&self, name: &str, due_us: i64, schedule: &Schedule, sink: &Arc<dyn Sink>) -> Result<()> {
        let scheduled_id = uuid::Uuid::new_v4().to_string();
        let mut retry = 0;
        loop {
            let Ok(canary) = self.get(name).await else { return Ok(()) };
            let (run, outcome) =
                self.once(&canary, &canary.code, &canary.config, (due_us, retry, &scheduled_id), None, sink).await?;
            let is_last = run.state == RunState::Passed || retry >= canary.config.retries;
            let metrics = metrics::of_run(&canary, &run, &outcome.report, is_last);
            if let Err(why) = sink.metrics(metrics).await {
                warn!(canary = name, why, "metrics of a canary cannot be kept");
            }
            if is_last {
                break;
            }
            retry += 1;
        }
        if matches!(schedule, Schedule::Once) {
            self.set_stopped(name).await?;
        }
        Ok(())
    }

    async fn do_dry_run(&self, mut dry_run: DryRun, sink: &Arc<dyn Sink>) -> Result<()> {
        let canary = self.get(&dry_run.canary).await?;
        let now_us = self.inner.clock.now_us();
        let scheduled_id = uuid::Uuid::new_v4().to_string();
        let (run, outcome) =
            self.once(&canary, &dry_run.code, &dry_run.config, (now_us, 0, &scheduled_id), Some(dry_run.id.clone()), sink).await?;
        run.state.as_str().clone_into(&mut dry_run.status);
        self.inner.catalog.put_resource(&dry_run).await?;
        sink.metrics(metrics::of_dry_run(&canary, &run, &outcome.report)).await.map_err(Error::Unexpected)
    }

    /// One run, from its first note to its last.
    async fn once(
        &self,
        canary: &Canary,
        code: &Code,
        config: &CanaryConfig,
        (due_us, retry, scheduled_id): (i64, u32, &str),
        dry_run: Option<String>,
        sink: &Arc<dyn Sink>,
    ) -> Result<(CanaryRun, Outcome)> {
        let started_us = self.inner.clock.now_us();
        let id = uuid::Uuid::new_v4().to_string();
        let day = DateTime::<Utc>::from_timestamp_micros(started_us).unwrap_or_default();
        let artifacts = format!("{}/{}", self.prefix(canary), day.format("%Y/%m/%d/%H/%M-%S-%3f"));
        let mut run = CanaryRun {
            key: format!("{}/{started_us:016x}-{}", canary.id, &id[..8]),
            id: id.clone(),
            scheduled_id: scheduled_id.to_owned(),
            retry,
            canary: canary.name.clone(),
            state: RunState::Running,
            reason: None,
            failure: None,
            started_us,
            completed_us: None,
            due_us,
            artifacts,
            dry_run: dry_run.clone(),
            log_stream: format!("{}/[$LATEST]{}", day.format("%Y/%m/%d"), id.replace('-', "")),
        };
        {
            let _change = self.inner.change.lock().await;
            let mut changes = ResourceChanges::default();
            changes.put(&run)?;
            if dry_run.is_none()
                && let Ok(now) = self.get(&canary.name).await
            {
                changes.put(&Canary { due_us: Some(due_us), ..now })?;
            }
            self.inner.catalog.change_resources(&changes).await?;
        }
        let program = self.program(&canary.id, code, &config.runtime_version).await;
        let visual = self.visual(canary, config).await?;
        let journal = Journal::default();
        let job = self.job(&canary.name, &id, program, config, &run.artifacts, visual).await?;
        let outcome = self.inner.runner.run(&job, &journal).await;
        run.completed_us = Some(self.inner.clock.now_us());
        run.state = if outcome.report.status == "PASSED" { RunState::Passed } else { RunState::Failed };
        run.reason = outcome.report.reason.as_ref().map(|reason| reason.chars().take(1_024).collect());
        run.failure = outcome.report.code;
        info!(canary = canary.name, run = run.id, state = run.state.as_str(), "canary ran");
        let kept = [
            sink.segments(outcome.segments.clone()).await,
            sink.log(self.log_group(canary), run.log_stream.clone(), journal.lines()).await,
        ];
        for why in kept.into_iter().filter_map(std::result::Result::err) {
            warn!(canary = canary.name, why, "what a canary found cannot be kept");
        }
        self.note_run(canary, &run).await?;
        Ok((run, outcome))
    }

    async fn note_run(&self, canary: &Canary, run: &CanaryRun) -> Result<()> {
        let _change = self.inner.change.lock().await;
        // One that was deleted meanwhile leaves nothing.
        let Ok(mut now) = self.get(&canary.name).await else { return Ok(()) };
        let mut changes = ResourceChanges::default();
        changes.put(run)?;
        let mut is_changed = false;
        if run.dry_run.is_none() {
            for reference in now.config.visual.iter_mut().filter(|reference| reference.base_run == "nextrun") {
                reference.base_run.clone_from(&run.id);
                is_changed = true;
            }
        }
        if is_changed {
            changes.put(&now)?;
        }
        Ok(self.inner.catalog.change_resources(&changes).await?)
    }

    /// What the screenshots of a run are compared with.
    async fn visual(&self, canary: &Canary, config: &CanaryConfig) -> Result<Option<(PathBuf, VisualReference)>> {
        let Some(reference) = config.visual.first().filter(|reference| reference.base_run != "nextrun") else { return Ok(None) };
        let base = self.runs_of(&canary.id, |run| run.id == reference.base_run, 1).await?;
        Ok(base.first().map(|run| (self.artifacts_folder().join(&run.artifacts), reference.clone())))
    }

    /// Runs and files that are too old, and tries.
    async fn forget_old(&self) -> Result<()> {
        let now_us = self.inner.clock.now_us();
        let mut changes = ResourceChanges::default();
        for canary in self.list().await? {
            let config = &canary.config;
            let is_old = |run: &CanaryRun| {
                let days = if run.state == RunState::Passed { config.success_days } else { config.failure_days };
                run.state != RunState::Running
                    && run.started_us < now_us - days * DAY_US
                    && config.visual.iter().all(|reference| reference.base_run != run.id)
            };
            for run in self.runs_of(&canary.id, is_old, 10_000).await? {
                let folder = self.artifacts_folder().join(&run.artifacts);
                let _ = tokio::fs::remove_dir_all(&folder).await;
                // Folders of days and hours that are empty now.
                let empty: Vec<PathBuf> = folder.ancestors().skip(1).take(4).map(Path::to_owned).collect();
                for parent in empty {
                    if tokio::fs::remove_dir(parent).await.is_err() {
                        break;
                    }
                }
                changes.delete::<CanaryRun>(&run.key);
            }
        }
        if !changes.is_empty() {
            self.inner.catalog.change_resources(&changes).await?;
        }
        let old: Vec<String> = {
            let mut tries = self.tries();
            let is_old = |tried: &Try| tried.report.is_some() && tried.started_us < now_us - TRY_KEPT_US;
            let old = tries.iter().filter(|(_, tried)| is_old(tried)).map(|(_, tried)| tried.artifacts.clone()).collect();
            tries.retain(|_, tried| !is_old(tried));
            old
        };
        for artifacts in old {
            let _ = tokio::fs::remove_dir_all(self.artifacts_folder().join(artifacts)).await;
        }
        Ok(())
    }
}

/// What code is, once it is looked into.
fn program_of(given: GivenCode, runtime: &str) -> Result<Program> {
    let GivenCode { zip, script, handler, blueprint, blueprint_config, is_in_bucket } = given;
    let invalid = |message: String| Err(Error::Invalid(message));
    if is_in_bucket {
        return invalid("Code: this server reads no buckets; give the code as ZipFile".to_owned());
    }
    if zip.as_ref().is_some_and(|zip| zip.len() > ZIP_BYTES_MAX) {
        return invalid(format!("Code.ZipFile must have at most {ZIP_BYTES_MAX} bytes"));
    }
    let packed = match &zip {
        Some(zip) => canary::look_into(zip).map_err(Error::Invalid)?,
        None => None,
    };
    if let Some(name) = blueprint {
        let config = match (blueprint_config, packed) {
            (Some(config), _) => config,
            (None, Some(text)) => {
                serde_json::from_str(&text).map_err(|err| Error::Invalid(format!("blueprint-config.json is no JSON: {err}")))?
            }
            (None, None) => {
                return invalid("Code: a blueprint needs a BlueprintConfig, or a ZipFile with blueprint-config.json".to_owned());
            }
        };
        Runner::check(&name, &config).map_err(Error::Invalid)?;
        return Ok(Program::Blueprint { name, config });
    }
    let handler = handler.filter(|handler| !handler.is_empty());
    handler.as_deref().map_or(Ok(()), check_handler)?;
    let zip = match (zip, script) {
        (Some(_), Some(_)) => return invalid("Code has either ZipFile or Script, not both".to_owned()),
        (Some(zip), None) => zip,
        (None, Some(script)) => {
            let handler = handler.as_deref().unwrap_or("index.handler");
            canary::pack(&script, handler, runtime).map_err(Error::Invalid)?
        }
        (None, None) => return Ok(Program::None("the canary has no code: give it a ZipFile, or a blueprint".to_owned())),
    };
    let handler = handler.unwrap_or_else(|| "index.handler".to_owned());
    Ok(Program::Script { zip, handler, runtime: runtime.to_owned() })
}

/// One run, of which nothing is kept but the files in a folder.
pub async fn once(runner: &Runner, name: &str, given: GivenCode, config: &CanaryConfig, artifacts: &Path) -> Result<Report> {
    check(config)?;
    let program = program_of(given, &config.runtime_version)?;
    tokio::fs::create_dir_all(artifacts).await.map_err(|err| Error::Unexpected(format!("no folder for artifacts: {err}")))?;
    let job = Job {
        canary: name.to_owned(),
        run_id: uuid::Uuid::new_v4().to_string(),
        arn: format!("arn:aws:synthetics:us-east-1:000000000000:canary:{name}"),
        region: "us-east-1".to_owned(),
        program,
        timeout: Duration::from_secs(config.timeout_secs.unwrap_or(*TIMEOUT_SECS.end()) as u64),
        memory_mb: memory_mb(config),
        environment: config.environment.clone(),
        is_traced: config.active_tracing.unwrap_or(false),
        artifacts: artifacts.to_owned(),
        visual: None,
    };
    let journal = Journal::default();
    let outcome = runner.run(&job, &journal).await;
    let _ = tokio::fs::write(artifacts.join("log.txt"), journal.text()).await;
    Ok(outcome.report)
}

/// Runs the canaries of all accounts that there are by then, until told to stop.
pub async fn run(of_all: impl Fn() -> Vec<(Canaries, Arc<dyn Sink>)>, mut stop: watch::Receiver<bool>) {
    let mut settled: HashSet<String> = HashSet::new();
    let mut ticks = 0_u32;
    loop {
        let all = of_all();
        for (canaries, sink) in &all {
            // Once, before anything of it is run.
            if settled.insert(canaries.inner.place.account_id.clone())
                && let Err(err) = canaries.settle().await
            {
                warn!(error = %err, "runs that were under way cannot be noted as such");
            }
            if let Err(err) = canaries.tick(sink).await {
                warn!(error = %err, "canaries cannot be run");
            }
            if ticks.is_multiple_of(FORGET_TICKS)
                && let Err(err) = canaries.forget_old().await
            {
                warn!(error = %err, "old runs of canaries cannot be forgotten");
            }
        }
        ticks = ticks.wrapping_add(1);
        let woken = async {
            // All accounts have the same.
            match all.first() {
                Some((first, _)) => first.inner.wake.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(TICK) => {}
            () = woken => {}
        }
    }
}

/// How long a run may take: where nothing is said, as long as there is until the next run, and at most 14 minutes (AWS).
pub fn timeout_secs(config: &CanaryConfig, now_us: i64) -> i64 {
    let every = Schedule::parse(&config.schedule).map_or(60, |schedule| schedule.every_secs(now_us));
    config.timeout_secs.unwrap_or_else(|| every.clamp(*TIMEOUT_SECS.start(), *TIMEOUT_SECS.end()))
}

pub fn memory_mb(config: &CanaryConfig) -> i64 {
    config.memory_mb.unwrap_or(MEMORY_DEFAULT_MB)
}

fn check(config: &CanaryConfig) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    Schedule::parse(&config.schedule).map_err(|why| Error::Invalid(format!("Schedule.Expression {why}")))?;
    if !(0..=DURATION_SECS_MAX).contains(&config.duration_secs) {
        return invalid(format!("Schedule.DurationInSeconds must be from 0 to {DURATION_SECS_MAX}"));
    }
    if config.retries > 2 {
        return invalid("Schedule.RetryConfig.MaxRetries must be from 0 to 2".to_owned());
    }
    if config.timeout_secs.is_some_and(|secs| !TIMEOUT_SECS.contains(&secs)) {
        return invalid("RunConfig.TimeoutInSeconds must be from 3 to 840".to_owned());
    }
    if config.memory_mb.is_some_and(|mb| !MEMORY_MB.contains(&mb) || mb % MEMORY_STEP_MB != 0) {
        return invalid("RunConfig.MemoryInMB must be a multiple of 64 from 960 to 3008".to_owned());
    }
    if config.others.get("EphemeralStorage").is_some_and(|mb| !mb.as_i64().is_some_and(|mb| STORAGE_MB.contains(&mb))) {
        return invalid("RunConfig.EphemeralStorage must be from 1024 to 10240".to_owned());
    }
    for (name, days) in
        [("SuccessRetentionPeriodInDays", config.success_days), ("FailureRetentionPeriodInDays", config.failure_days)]
    {
        if !RETENTION_DAYS.contains(&days) {
            return invalid(format!("{name} must be from 1 to 1024"));
        }
    }
    check_environment(&config.environment)?;
    if config.visual.len() > 2 {
        return invalid("VisualReferences can have at most 2 references".to_owned());
    }
    let boxes = config.visual.iter().flat_map(|reference| reference.ignored.values().flatten());
    for text in boxes {
        canary::ignored_box(text).map_err(|why| Error::Invalid(format!("VisualReferences.IgnoreCoordinates {why}")))?;
    }
    Ok(())
}

/// `index.handler`, `folder/file.function`.
fn check_handler(handler: &str) -> Result<()> {
    let is_word = |text: &str, more: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte))
    };
    let split = handler.rsplit_once("::").or_else(|| handler.rsplit_once('.'));
    let is_handler = split.is_some_and(|(file, function)| {
        file.split(['/', '.']).all(|part| is_word(part, "_-"))
            && is_word(function, "_")
            && !function.starts_with(|first: char| first.is_ascii_digit())
    });
    match is_handler && handler.len() <= HANDLER_MAX {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "Code.Handler {handler:?} must be a file and a function, as index.handler, and have at most {HANDLER_MAX} characters"
        ))),
    }
}

fn check_environment(environment: &BTreeMap<String, String>) -> Result<()> {
    let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > ENVIRONMENT_BYTES_MAX {
        return Err(Error::Invalid(format!("RunConfig.EnvironmentVariables must have at most {ENVIRONMENT_BYTES_MAX} bytes")));
    }
    let reserved = |name: &str| {
        name.starts_with("AWS_LAMBDA_")
            || name.starts_with("MITOSHI_")
            || matches!(name, "_HANDLER" | "_X_AMZN_TRACE_ID" | "LAMBDA_TASK_ROOT")
    };
    let is_name = |name: &str| {
        name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match environment.keys().find(|name| reserved(name) || !is_name(name)) {
        Some(name) => Err(Error::Invalid(format!("RunConfig.EnvironmentVariables: {name:?} is reserved or no name of a variable"))),
        None => Ok(()),
    }
}
