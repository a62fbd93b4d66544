//! Canaries and their runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use canary::Runner;
use control::canary::{DryRun, GivenCode};
use control::tag::Taggable;
use model::canary::{Canary, CanaryConfig, CanaryRun, Code, Report, VisualReference};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Asked, invalid, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::parameter::Parameters;
use crate::time::Moment;

const DAYS: i64 = 31;
const PAGE_MAX: usize = 20;
const RUNS_MAX: usize = 100;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CanaryInput {
    name: Option<String>,
    code: Option<CodeInput>,
    artifact_s3_location: Option<String>,
    execution_role_arn: Option<String>,
    schedule: Option<ScheduleInput>,
    run_config: Option<RunConfigInput>,
    success_retention_period_in_days: Option<i64>,
    failure_retention_period_in_days: Option<i64>,
    runtime_version: Option<String>,
    visual_reference: Option<VisualInput>,
    visual_references: Option<Vec<VisualInput>>,
    tags: Option<BTreeMap<String, String>>,
    dry_run_id: Option<String>,
    /// Members that have no meaning here, and come back as they were given.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// Those of them that are known.
const OTHERS: [&str; 6] =
    ["VpcConfig", "ArtifactConfig", "BrowserConfigs", "ProvisionedResourceCleanup", "KmsKeyArn", "ResourcesToReplicateTags"];

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CodeInput {
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    zip_file: Option<String>,
    handler: Option<String>,
    blueprint_types: Option<Vec<String>>,
    /// Not AWS's: what the blueprint does, without a zip around it.
    blueprint_config: Option<Value>,
    /// Not AWS's: a script as it is.
    script: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct ScheduleInput {
    expression: Option<String>,
    duration_in_seconds: Option<i64>,
    retry_config: Option<RetryInput>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RetryInput {
    max_retries: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RunConfigInput {
    timeout_in_seconds: Option<i64>,
    #[serde(rename = "MemoryInMB")]
    memory_in_mb: Option<i64>,
    active_tracing: Option<bool>,
    environment_variables: Option<BTreeMap<String, String>>,
    ephemeral_storage: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VisualInput {
    base_canary_run_id: Option<String>,
    base_screenshots: Option<Vec<ScreenshotInput>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScreenshotInput {
    screenshot_name: String,
    ignore_coordinates: Option<Vec<String>>,
}

impl CodeInput {
    fn given(self) -> Result<GivenCode, ApiError> {
        let zip =
            self.zip_file.map(|text| BASE64.decode(text.trim()).map_err(|_| invalid("Code.ZipFile is no base64"))).transpose()?;
        Ok(GivenCode {
            zip,
            script: self.script,
            handler: self.handler,
            blueprint: match self.blueprint_types.unwrap_or_default().as_slice() {
                [] => None,
                [one] => Some(one.clone()),
                _ => return Err(invalid("Code.BlueprintTypes can have one blueprint")),
            },
            blueprint_config: self.blueprint_config,
            is_in_bucket: self.s3_bucket.is_some() || self.s3_key.is_some(),
        })
    }
}

impl VisualInput {
    fn reference(self) -> Result<VisualReference, ApiError> {
        let base_run = self.base_canary_run_id.ok_or_else(|| invalid("VisualReferences.BaseCanaryRunId is missing"))?;
        let of = |shot: ScreenshotInput| (shot.screenshot_name, shot.ignore_coordinates.unwrap_or_default());
        Ok(VisualReference { base_run, ignored: self.base_screenshots.unwrap_or_default().into_iter().map(of).collect() })
    }
}

/// A canary of which nothing is said.
fn unsaid() -> CanaryConfig {
    CanaryConfig {
        schedule: "rate(5 minutes)".to_owned(),
        duration_secs: 0,
        retries: 0,
        timeout_secs: None,
        memory_mb: None,
        active_tracing: None,
        environment: BTreeMap::new(),
        success_days: DAYS,
        failure_days: DAYS,
        runtime_version: "mitoshi-1.0".to_owned(),
        role_arn: String::new(),
        artifact_location: String::new(),
        visual: Vec::new(),
        others: BTreeMap::new(),
    }
}

impl CanaryInput {
    /// Its code, and what else it says, laid over a configuration.
    fn split(self) -> Result<(Option<GivenCode>, impl FnOnce(&mut CanaryConfig)), ApiError> {
        if self.others.contains_key("AddReplicaLocations") || self.others.contains_key("RemoveReplicaLocations") {
            return Err(invalid("replicas at other locations are not supported by this server"));
        }
        let code = self.code.map(CodeInput::given).transpose()?;
        let visual = match (self.visual_references, self.visual_reference) {
            (Some(all), _) => Some(all.into_iter().map(VisualInput::reference).collect::<Result<Vec<_>, _>>()?),
            (None, Some(one)) => Some(vec![one.reference()?]),
            (None, None) => None,
        };
        let run = self.run_config.unwrap_or_default();
        let schedule = self.schedule.unwrap_or_default();
        let others: BTreeMap<String, Value> = self.others.into_iter().filter(|(name, _)| OTHERS.contains(&name.as_str())).collect();
        let change = move |config: &mut CanaryConfig| {
            fn set<T>(slot: &mut T, value: Option<T>) {
                if let Some(value) = value {
                    *slot = value;
                }
            }
            set(&mut config.schedule, schedule.expression);
            set(&mut config.duration_secs, schedule.duration_in_seconds);
            set(&mut config.retries, schedule.retry_config.and_then(|retry| retry.max_retries));
            set(&mut config.timeout_secs, run.timeout_in_seconds.map(Some));
            set(&mut config.memory_mb, run.memory_in_mb.map(Some));
            set(&mut config.active_tracing, run.active_tracing.map(Some));
            set(&mut config.environment, run.environment_variables);
            set(&mut config.success_days, self.success_retention_period_in_days);
            set(&mut config.failure_days, self.failure_retention_period_in_days);
            set(&mut config.runtime_version, self.runtime_version);
            set(&mut config.role_arn, self.execution_role_arn);
            set(&mut config.artifact_location, self.artifact_s3_location);
            set(&mut config.visual, visual);
            config.others.extend(others);
            if let Some(storage) = run.ephemeral_storage {
                config.others.insert("EphemeralStorage".to_owned(), json!(storage));
            }
        };
        Ok((code, change))
    }

    /// All that there is to a new one.
    fn whole(self) -> Result<(GivenCode, CanaryConfig), ApiError> {
        let (code, change) = self.split()?;
        let mut config = unsaid();
        change(&mut config);
        Ok((code.unwrap_or_default(), config))
    }
}

pub(super) async fn create_canary(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let mut input: CanaryInput = asked.input()?;
    for (member, is_given) in [
        ("Name", input.name.is_some()),
        ("Code", input.code.is_some()),
        ("ArtifactS3Location", input.artifact_s3_location.is_some()),
        ("ExecutionRoleArn", input.execution_role_arn.is_some()),
        ("Schedule", input.schedule.as_ref().is_some_and(|schedule| schedule.expression.is_some())),
        ("RuntimeVersion", input.runtime_version.is_some()),
    ] {
        if !is_given {
            return Err(invalid(format!("{member} is missing")));
        }
    }
    let tags = input.tags.take().unwrap_or_default();
    control::tag::check(&tags, &app.quotas).map_err(of)?;
    let name = input.name.take().unwrap_or_default();
    let (code, config) = input.whole()?;
    let canary = app.canaries.create(&name, code, config).await.map_err(of)?;
    if !tags.is_empty() {
        app.tags.add(&Taggable::Canary(name), tags).await.map_err(of)?;
    }
    Ok(json!({"Canary": told(app, &canary).await?}))
}

pub(super) async fn update_canary(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let mut input: CanaryInput = asked.input()?;
    if let Some(id) = input.dry_run_id.take() {
        app.canaries.apply(asked.name(), &id).await.map_err(of)?;
    }
    let (code, change) = input.split()?;
    app.canaries.update(asked.name(), code, change).await.map_err(of)?;
    Ok(json!({}))
}

pub(super) async fn get_canary(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let mut canary = app.canaries.get(asked.name()).await.map_err(of)?;
    let parameters = Parameters::of(asked.query.as_deref());
    let dry_run = match parameters.get("dryRunId") {
        Some(id) => Some(app.canaries.dry_run(asked.name(), id).await.map_err(of)?),
        None => None,
    };
    if let Some(dry_run) = &dry_run {
        canary.code = dry_run.code.clone();
        canary.config = dry_run.config.clone();
    }
    let mut told = told(app, &canary).await?;
    if let Some(dry_run) = &dry_run {
        told["DryRunConfig"] = told_dry_run(dry_run);
    }
    Ok(json!({"Canary": told}))
}

fn told_dry_run(dry_run: &DryRun) -> Value {
    json!({"DryRunId": dry_run.id, "LastDryRunExecutionStatus": dry_run.status})
}

pub(super) async fn delete_canary(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let canary = app.canaries.delete(asked.name()).await.map_err(of)?;
    app.canary_groups.forget(&app.canaries.arn(&canary.name)).await.map_err(of)?;
    Ok(json!({}))
}

pub(super) async fn start_canary(app: &App, asked: Asked) -> Result<Value, ApiError> {
    app.canaries.start(asked.name()).await.map_err(of)?;
    Ok(json!({}))
}

pub(super) async fn stop_canary(app: &App, asked: Asked) -> Result<Value, ApiError> {
    app.canaries.stop(asked.name()).await.map_err(of)?;
    Ok(json!({}))
}

pub(super) async fn start_canary_dry_run(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let (code, change) = asked.input::<CanaryInput>()?.split()?;
    let dry_run = app.canaries.start_dry_run(asked.name(), code, change).await.map_err(of)?;
    Ok(json!({"DryRunConfig": told_dry_run(&dry_run)}))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeCanaries {
    names: Option<Vec<String>>,
    #[serde(skip_serializing)]
    max_results: Option<usize>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

fn page_size(given: Option<usize>, most: usize) -> Result<usize, ApiError> {
    match given {
        None => Ok(most),
        Some(wanted) if (1..=most).contains(&wanted) => Ok(wanted),
        Some(wanted) => Err(invalid(format!("MaxResults {wanted} must be from 1 to {most}"))),
    }
}

impl DescribeCanaries {
    /// Those of a page.
    async fn page(&self, app: &App, most: usize) -> Result<(Vec<Canary>, Option<String>), ApiError> {
        if self.names.as_ref().is_some_and(|names| names.is_empty() || names.len() > 5) {
            return Err(invalid("Names must have from 1 to 5 names"));
        }
        let most = page_size(self.max_results, most)?;
        let all = app.canaries.list().await.map_err(of)?;
        let meant = all.into_iter().filter(|canary| self.names.as_ref().is_none_or(|names| names.contains(&canary.name)));
        page::cut_by_name(meant, |canary| &canary.name, self.next_token.as_deref(), most, self, app.clock.now_us())
    }
}

pub(super) async fn describe_canaries(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let input: DescribeCanaries = asked.input()?;
    let (found, next) = input.page(app, PAGE_MAX).await?;
    let mut canaries = Vec::new();
    for canary in &found {
        canaries.push(told(app, canary).await?);
    }
    Ok(with_token(json!({"Canaries": canaries}), next))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(token) = next {
        answer["NextToken"] = json!(token);
    }
    answer
}

pub(super) async fn describe_canaries_last_run(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let input: DescribeCanaries = asked.input()?;
    let (found, next) = input.page(app, RUNS_MAX).await?;
    let mut runs = Vec::new();
    for canary in &found {
        let last = app.canaries.runs(&canary.name, |run| run.dry_run.is_none(), 1).await.map_err(of)?;
        if let Some(last) = last.first() {
            runs.push(json!({"CanaryName": canary.name, "LastRun": told_run(last)}));
        }
    }
    Ok(with_token(json!({"CanariesLastRun": runs}), next))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetCanaryRuns {
    #[serde(skip_serializing)]
    max_results: Option<usize>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    dry_run_id: Option<String>,
    run_type: Option<String>,
}

pub(super) async fn get_canary_runs(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let input: GetCanaryRuns = asked.input()?;
    let most = page_size(input.max_results, RUNS_MAX)?;
    let is_dry = match input.run_type.as_deref() {
        None => input.dry_run_id.is_some(),
        Some("CANARY_RUN") => false,
        Some("DRY_RUN") => true,
        Some(other) => return Err(invalid(format!("RunType {other:?} is neither CANARY_RUN nor DRY_RUN"))),
    };
    let now_us = app.clock.now_us();
    let question = (asked.name(), &input);
    let before: Option<String> = page::begin(input.next_token.as_deref(), &question, now_us)?;
    let is_wanted = |run: &CanaryRun| {
        run.dry_run.is_some() == is_dry
            && input.dry_run_id.as_ref().is_none_or(|id| run.dry_run.as_ref() == Some(id))
            && before.as_ref().is_none_or(|before| run.key < *before)
    };
    let mut found = app.canaries.runs(asked.name(), is_wanted, most + 1).await.map_err(of)?;
    let has_more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| has_more).map(|last| page::token(&question, &Some(&last.key), now_us)).transpose()?;
    Ok(with_token(json!({"CanaryRuns": found.iter().map(told_run).collect::<Vec<_>>()}), next))
}

/// Names that clients send and expect. None of them is needed: what runs is decided by whether it is Node.js or Python.
const RUNTIMES: [(&str, &str, i64); 6] = [
    ("mitoshi-1.0", "Blueprints of this server: no script is needed", 1_795_824_000),
    ("syn-nodejs-puppeteer-15.0", "Scripts with Puppeteer, by the Node.js of this machine", 1_776_211_200),
    ("syn-nodejs-playwright-6.0", "Scripts with Playwright, by the Node.js of this machine", 1_776_211_200),
    ("syn-nodejs-3.1", "Scripts without a browser and multi-checks", 1_776_211_200),
    ("syn-nodejs-3.0", "Scripts without a browser and multi-checks", 1_756_684_800),
    ("syn-python-selenium-10.0", "Scripts with Selenium, by the Python of this machine", 1_776_211_200),
];

pub(super) async fn describe_runtime_versions(_app: &App, _asked: Asked) -> Result<Value, ApiError> {
    let version = |(name, description, released): &(&str, &str, i64)| json!({"VersionName": name, "Description": description, "ReleaseDate": released});
    Ok(json!({"RuntimeVersions": RUNTIMES.iter().map(version).collect::<Vec<_>>()}))
}

fn told_code(code: &Code) -> Value {
    let mut told = Map::new();
    if let Some(handler) = &code.handler {
        told.insert("Handler".to_owned(), json!(handler));
    }
    if let Some(blueprint) = &code.blueprint {
        told.insert("BlueprintTypes".to_owned(), json!([blueprint]));
    }
    if let Some(config) = code.blueprint_config.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        told.insert("BlueprintConfig".to_owned(), config);
    }
    Value::Object(told)
}

async fn told(app: &App, canary: &Canary) -> Result<Value, ApiError> {
    let Canary { config, .. } = canary;
    let mut run = json!({
        "TimeoutInSeconds": control::canary::timeout_secs(config, app.clock.now_us()),
        "MemoryInMB": control::canary::memory_mb(config),
        "ActiveTracing": config.active_tracing.unwrap_or(false),
    });
    if let Some(members) = run.as_object_mut() {
        members.extend(config.others.get("EphemeralStorage").map(|storage| ("EphemeralStorage".to_owned(), storage.clone())));
        if !config.environment.is_empty() {
            // Not AWS's: names alone, as values may be secrets.
            members.insert("EnvironmentVariableNames".to_owned(), config.environment.keys().cloned().collect());
        }
    }
    let mut timeline = json!({"Created": Moment(canary.created_us), "LastModified": Moment(canary.modified_us)});
    for (name, us) in [("LastStarted", canary.started_us), ("LastStopped", canary.stopped_us)] {
        if let Some(us) = us {
            timeline[name] = json!(Moment(us));
        }
    }
    let mut state = json!({"State": canary.state.as_str()});
    if let Some(reason) = &canary.state_reason {
        state["StateReason"] = json!(reason);
    }
    let tags = app.tags.list(&Taggable::Canary(canary.name.clone())).await.unwrap_or_default();
    let identity = &app.identity;
    let mut told = json!({
        "Id": canary.id,
        "Name": canary.name,
        "Arn": app.canaries.arn(&canary.name),
        "Code": told_code(&canary.code),
        "ExecutionRoleArn": config.role_arn,
        "Schedule": {
            "Expression": config.schedule,
            "DurationInSeconds": config.duration_secs,
            "RetryConfig": {"MaxRetries": config.retries},
        },
        "RunConfig": run,
        "SuccessRetentionPeriodInDays": config.success_days,
        "FailureRetentionPeriodInDays": config.failure_days,
        "Status": state,
        "Timeline": timeline,
        "ArtifactS3Location": config.artifact_location,
        "EngineArn": format!("arn:aws:lambda:{}:{}:function:cwsyn-{}-{}", identity.region, identity.account_id, canary.name, canary.id),
        "RuntimeVersion": config.runtime_version,
        "Tags": tags,
        "LogGroup": app.canaries.log_group(canary),
    });
    if !config.visual.is_empty() {
        let references: Vec<Value> = config.visual.iter().map(told_reference).collect();
        told["VisualReference"] = references[0].clone();
        told["VisualReferences"] = json!(references);
    }
    for (name, value) in &config.others {
        if OTHERS[..5].contains(&name.as_str()) {
            told[name.as_str()] = value.clone();
        }
    }
    Ok(told)
}

fn told_reference(reference: &VisualReference) -> Value {
    let shot = |(name, boxes): (&String, &Vec<String>)| json!({"ScreenshotName": name, "IgnoreCoordinates": boxes});
    json!({"BaseCanaryRunId": reference.base_run, "BaseScreenshots": reference.ignored.iter().map(shot).collect::<Vec<_>>()})
}

pub(super) fn told_run(run: &CanaryRun) -> Value {
    let mut status = json!({"State": run.state.as_str()});
    let result = match run.state {
        model::canary::RunState::Running => "UNKNOWN",
        state => state.as_str(),
    };
    status["TestResult"] = json!(result);
    if let Some(reason) = &run.reason {
        status["StateReason"] = json!(reason);
    }
    if let Some(failure) = run.failure {
        status["StateReasonCode"] = json!(failure.as_str());
    }
    let mut timeline = json!({"Started": Moment(run.started_us), "MetricTimestampForRunAndRetries": Moment(run.due_us)});
    if let Some(us) = run.completed_us {
        timeline["Completed"] = json!(Moment(us));
    }
    let mut told = json!({
        "Id": run.id,
        "ScheduledRunId": run.scheduled_id,
        "Name": run.canary,
        "Status": status,
        "Timeline": timeline,
        "ArtifactS3Location": run.artifacts,
    });
    if run.retry > 0 {
        told["RetryAttempt"] = json!(run.retry);
    }
    if let Some(id) = &run.dry_run {
        told["DryRunConfig"] = json!({"DryRunId": id});
    }
    told
}

/// What is asked to be tried.
pub(super) fn trial(input: CanaryInput) -> Result<(String, GivenCode, CanaryConfig), ApiError> {
    let name = input.name.clone().unwrap_or_else(|| "try".to_owned());
    let (code, config) = input.whole()?;
    Ok((name, code, config))
}

/// Makes a canary as a file says it, or changes the one of its name, and starts it where it does not run.
pub async fn apply_canary(app: &Arc<App>, file: Value) -> Result<String, String> {
    let text = |err: ApiError| err.told().1;
    let mut input: CanaryInput = serde_json::from_value(file).map_err(|err| err.to_string())?;
    let name = input.name.take().ok_or("Name is missing")?;
    let tags = input.tags.take().unwrap_or_default();
    match app.canaries.get(&name).await {
        Ok(_) => {
            let (code, change) = input.split().map_err(text)?;
            app.canaries.update(&name, code, change).await.map_err(|err| err.to_string())?;
        }
        Err(control::Error::NoResource(_)) => {
            let (code, config) = input.whole().map_err(text)?;
            app.canaries.create(&name, code, config).await.map_err(|err| err.to_string())?;
        }
        Err(err) => return Err(err.to_string()),
    }
    if !tags.is_empty() {
        app.tags.add(&Taggable::Canary(name.clone()), tags).await.map_err(|err| err.to_string())?;
    }
    match app.canaries.start(&name).await {
        Ok(()) | Err(control::Error::Conflict(_)) => Ok(name),
        Err(err) => Err(err.to_string()),
    }
}

/// One run of what a file says, without a server.
pub async fn canary_once(runner: &Runner, file: Value, artifacts: &Path) -> Result<Report, String> {
    let input: CanaryInput = serde_json::from_value(file).map_err(|err| err.to_string())?;
    let (name, code, config) = trial(input).map_err(|err| err.told().1)?;
    control::canary::once(runner, &name, code, &config, artifacts).await.map_err(|err| err.to_string())
}
