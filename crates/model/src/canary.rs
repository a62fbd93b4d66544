//! Canaries: what looks at an application from outside again and again, and what came of each look.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    pub id: String,
    pub name: String,
    pub code: Code,
    pub config: CanaryConfig,
    pub state: CanaryState,
    pub state_reason: Option<String>,
    pub created_us: i64,
    pub modified_us: i64,
    pub started_us: Option<i64>,
    pub stopped_us: Option<i64>,
    /// When the last run of its schedule was due.
    pub due_us: Option<i64>,
}

/// All but what is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryConfig {
    /// `rate(5 minutes)`, `cron(0 10 * * ? *)`.
    pub schedule: String,
    /// Seconds after which it is stopped; 0 for never.
    pub duration_secs: i64,
    pub retries: u32,
    pub timeout_secs: Option<i64>,
    pub memory_mb: Option<i64>,
    pub active_tracing: Option<bool>,
    pub environment: BTreeMap<String, String>,
    pub success_days: i64,
    pub failure_days: i64,
    pub runtime_version: String,
    pub role_arn: String,
    pub artifact_location: String,
    pub visual: Vec<VisualReference>,
    /// What is told back as it was given, and means nothing here.
    pub others: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// Which program of this server's it is, such as `heartbeat`; none of a script.
    pub blueprint: Option<String>,
    /// What that program is to do: JSON.
    pub blueprint_config: Option<String>,
    pub handler: Option<String>,
    /// Which file has the script: it is named by the number of what was given.
    pub revision: Option<String>,
}

/// What screenshots are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisualReference {
    /// `nextrun`, `lastrun` or the id of a run.
    pub base_run: String,
    /// Names of screenshots with the boxes that are left out: `x,y,width,height`.
    pub ignored: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CanaryState {
    Ready,
    Running,
    Stopping,
    Stopped,
}

impl CanaryState {
    pub fn as_str(self) -> &'static str {
        match self {
            CanaryState::Ready => "READY",
            CanaryState::Running => "RUNNING",
            CanaryState::Stopping => "STOPPING",
            CanaryState::Stopped => "STOPPED",
        }
    }
}

impl Resource for Canary {
    const KIND: &'static str = "canary";

    fn key(&self) -> &str {
        &self.name
    }
}

/// One look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryRun {
    /// The id of the canary, and its own: in the order of time.
    pub key: String,
    pub id: String,
    /// The same of all tries.
    pub scheduled_id: String,
    /// 0 of the first.
    pub retry: u32,
    pub canary: String,
    pub state: RunState,
    pub reason: Option<String>,
    pub failure: Option<Failure>,
    pub started_us: i64,
    pub completed_us: Option<i64>,
    /// The time of the metrics of this run and its retries.
    pub due_us: i64,
    /// Where its files are: a path below the artifacts.
    pub artifacts: String,
    pub dry_run: Option<String>,
    pub log_stream: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunState {
    Running,
    Passed,
    Failed,
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "RUNNING",
            RunState::Passed => "PASSED",
            RunState::Failed => "FAILED",
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// It found something wrong.
    #[serde(rename = "CANARY_FAILURE")]
    Canary,
    /// It could not be done.
    #[serde(rename = "EXECUTION_FAILURE")]
    Execution,
}

impl Failure {
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::Canary => "CANARY_FAILURE",
            Failure::Execution => "EXECUTION_FAILURE",
        }
    }
}

impl Resource for CanaryRun {
    const KIND: &'static str = "canary_run";

    fn key(&self) -> &str {
        &self.key
    }
}

/// Canaries that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryGroup {
    pub id: String,
    pub name: String,
    pub created_us: i64,
    pub modified_us: i64,
    /// ARNs of canaries.
    pub resources: Vec<String>,
}

impl Resource for CanaryGroup {
    const KIND: &'static str = "canary_group";

    fn key(&self) -> &str {
        &self.id
    }
}

/// What came of a run, step by step: the file `SyntheticsReport-PASSED.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub canary_name: String,
    pub run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<String>,
    pub start_time: String,
    pub end_time: String,
    /// `PASSED` or `FAILED`.
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub trace_ids: Vec<String>,
    pub requests: Requests,
    pub steps: Vec<Step>,
    /// Metrics that the script does not want.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics_off: Vec<String>,
}

/// Answers to the requests of a run, by their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    #[serde(rename = "2xx")]
    pub ok: u64,
    #[serde(rename = "3xx")]
    pub redirected: u64,
    #[serde(rename = "4xx")]
    pub errors: u64,
    #[serde(rename = "5xx")]
    pub faults: u64,
    /// Those without an answer.
    pub failed: u64,
}

impl Requests {
    pub fn count(&mut self, status: Option<u16>) {
        match status {
            Some(500..) => self.faults += 1,
            Some(400..) => self.errors += 1,
            Some(300..) => self.redirected += 1,
            Some(_) => self.ok += 1,
            None => self.failed += 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Step {
    pub step_number: usize,
    pub step_name: String,
    /// `PASSED`, `FAILED` or `SKIPPED`.
    pub status: String,
    pub start_time: String,
    pub duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub screenshots: Vec<String>,
    pub assertions: Vec<Assertion>,
    pub timings: Timings,
    pub console_errors: Vec<String>,
    pub failed_requests: Vec<FailedRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visual: Option<Visual>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics_off: Vec<String>,
}

impl Step {
    pub fn is_failed(&self) -> bool {
        self.status == "FAILED"
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Assertion {
    pub text: String,
    pub actual: String,
    pub passed: bool,
}

/// How long the parts of a request took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Timings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dom_content_loaded_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_paint_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedRequest {
    pub url: String,
    pub reason: String,
}

/// A screenshot beside the one that it should look like.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Visual {
    pub baseline: Option<String>,
    pub current: String,
    pub difference: Option<String>,
    pub changed_percent: f64,
    pub allowed_percent: f64,
}
