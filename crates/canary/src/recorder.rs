//! What is noted while a run goes on: its steps, requests, files and traces.

use std::collections::HashMap;
use std::time::Instant;

use model::canary::{Failure, Report, Requests, Step, VisualReference};
use serde_json::{Value, json};
use url::Url;

use crate::har::{Har, stamp};
use crate::net::{Exchange, ms, now_us};
use crate::{Job, Journal, Outcome, failure_of};

/// The header by which services know of whom they are a part.
pub(crate) const TRACE_HEADER: &str = "X-Amzn-Trace-Id";

pub(crate) struct Recorder<'j> {
    pub(crate) job: &'j Job,
    pub(crate) journal: Journal,
    pub(crate) har: Har,
    pub(crate) requests: Requests,
    pub(crate) steps: Vec<Step>,
    begun: Instant,
    started_us: i64,
    trace: Option<Trace>,
    cannot: Option<String>,
    pub(crate) metrics_off: Vec<String>,
    /// Tokens that steps of the run got, by whom they are of.
    pub(crate) tokens: HashMap<String, Token>,
}

pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) until: Instant,
}

/// The trace of a run: the canary is who begins it.
struct Trace {
    id: String,
    segment: String,
    calls: Vec<Value>,
}

/// A step that goes on.
pub(crate) struct Running {
    pub(crate) step: Step,
    pub(crate) begun: Instant,
    started_us: i64,
    /// The id of the call that services see as their caller.
    call: Option<String>,
}

/// Hexadecimal digits of chance.
fn digits(count: usize) -> String {
    (0..count).map(|_| char::from_digit(rand::random_range(0..16), 16).unwrap_or('0')).collect()
}

impl<'j> Recorder<'j> {
    pub(crate) fn new(job: &'j Job, journal: Journal) -> Recorder<'j> {
        let started_us = now_us();
        let trace = job.is_traced.then(|| Trace {
            id: format!("1-{:08x}-{}", started_us / 1_000_000, digits(24)),
            segment: digits(16),
            calls: Vec::new(),
        });
        Recorder {
            job,
            journal,
            har: Har::default(),
            requests: Requests::default(),
            steps: Vec::new(),
            begun: Instant::now(),
            started_us,
            trace,
            cannot: None,
            metrics_off: Vec::new(),
            tokens: HashMap::new(),
        }
    }

    pub(crate) fn user_agent(&self) -> String {
        format!("Mitoshi/{} CloudWatchSynthetics/{}", env!("CARGO_PKG_VERSION"), self.job.arn)
    }

    /// How a header of this run says of whom a request is; `call` is an id of a step.
    pub(crate) fn trace_header(&self, call: Option<&str>) -> Option<String> {
        let trace = self.trace.as_ref()?;
        Some(format!("Root={};Parent={};Sampled=1", trace.id, call.unwrap_or(&trace.segment)))
    }

    pub(crate) fn begin(&self, name: &str, url: Option<&str>) -> Running {
        self.journal.info(format!("step {name} begins{}", url.map(|url| format!(": {url}")).unwrap_or_default()));
        let started_us = now_us();
        Running {
            step: Step {
                step_number: self.steps.len() + 1,
                step_name: name.to_owned(),
                status: "PASSED".to_owned(),
                start_time: stamp(started_us),
                url: url.map(str::to_owned),
                trace_id: self.trace.as_ref().map(|trace| trace.id.clone()),
                ..Step::default()
            },
            begun: Instant::now(),
            started_us,
            call: self.trace.is_some().then(|| digits(16)),
        }
    }

    /// Notes a step; `error` is why it failed. What it took ends now, unless that was said before.
    pub(crate) fn finish(&mut self, mut running: Running, error: Option<String>) {
        if running.step.duration_ms == 0.0 {
            running.step.duration_ms = ms(running.begun);
        }
        let name = &running.step.step_name;
        match &error {
            Some(error) => self.journal.error(format!("step {name} failed after {} ms: {error}", running.step.duration_ms)),
            None => self.journal.info(format!("step {name} passed in {} ms", running.step.duration_ms)),
        }
        if error.is_some() {
            running.step.status = "FAILED".to_owned();
        }
        if running.step.error.is_none() {
            running.step.error = error;
        }
        if let (Some(trace), Some(call)) = (&mut self.trace, &running.call) {
            trace.calls.push(call_of(&running, call));
        }
        self.steps.push(running.step);
    }

    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.steps.push(Step {
            step_number: self.steps.len() + 1,
            step_name: name.to_owned(),
            status: "SKIPPED".to_owned(),
            start_time: stamp(now_us()),
            error: Some(why.to_owned()),
            trace_id: self.trace.as_ref().map(|trace| trace.id.clone()),
            ..Step::default()
        });
    }

    /// A request that this process made for a step.
    pub(crate) fn note(&mut self, running: &mut Running, exchange: &Exchange) {
        self.requests.count(exchange.status);
        self.har.add(&format!("page_{}", running.step.step_number), exchange);
        if let Some(error) = &exchange.error {
            running.step.failed_requests.push(model::canary::FailedRequest { url: exchange.url.clone(), reason: error.clone() });
        }
    }

    /// The run cannot be done, or not go on.
    pub(crate) fn cannot(&mut self, why: String) {
        self.journal.error(&why);
        self.cannot.get_or_insert(why);
    }

    pub(crate) fn visual(&self) -> Option<(&std::path::Path, &VisualReference)> {
        self.job.visual.as_ref().map(|(folder, reference)| (folder.as_path(), reference))
    }

    /// Writes a file of the run; one that cannot be written is told and missed.
    pub(crate) async fn keep(&self, name: &str, bytes: &[u8]) -> bool {
        match tokio::fs::write(self.job.artifacts.join(name), bytes).await {
            Ok(()) => true,
            Err(err) => {
                self.journal.error(format!("cannot write {name}: {err}"));
                false
            }
        }
    }

    pub(crate) async fn end(mut self) -> Outcome {
        let (code, reason) = match (self.cannot.take(), failure_of(&self.steps)) {
            (Some(why), _) => (Some(Failure::Execution), Some(why)),
            (None, Some(why)) => (Some(Failure::Canary), Some(why)),
            (None, None) if self.steps.is_empty() && !matches!(self.job.program, crate::Program::Script { .. }) => {
                (Some(Failure::Execution), Some("there was nothing to do".to_owned()))
            }
            (None, None) => (None, None),
        };
        self.finish_with(code, reason).await
    }

    pub(crate) async fn finish_with(mut self, code: Option<Failure>, reason: Option<String>) -> Outcome {
        let (status, end_us) = (if code.is_some() { "FAILED" } else { "PASSED" }, now_us());
        self.journal.info(format!("run {} {status} in {} ms", self.job.run_id, ms(self.begun)));
        let mut report = Report {
            canary_name: self.job.canary.clone(),
            run_id: self.job.run_id.clone(),
            blueprint: match &self.job.program {
                crate::Program::Blueprint { name, .. } => Some(name.clone()),
                _ => None,
            },
            start_time: stamp(self.started_us),
            end_time: stamp(end_us),
            status: status.to_owned(),
            code,
            reason,
            trace_ids: self.trace.iter().map(|trace| trace.id.clone()).collect(),
            requests: self.requests,
            steps: std::mem::take(&mut self.steps),
            metrics_off: std::mem::take(&mut self.metrics_off),
        };
        let secrets = self.journal.secrets();
        let mut told = serde_json::to_value(&report).unwrap_or_default();
        secrets.hide_in(&mut told);
        if let Ok(hidden) = serde_json::from_value(told) {
            report = hidden;
        }
        if !self.har.is_empty() {
            let mut har = self.har.value();
            secrets.hide_in(&mut har);
            self.keep("results.har", har.to_string().as_bytes()).await;
        }
        let text = serde_json::to_vec_pretty(&report).unwrap_or_default();
        self.keep(&format!("SyntheticsReport-{status}.json"), &text).await;
        let mut segments: Vec<Value> = self.segment(&report, end_us).into_iter().collect();
        segments.iter_mut().for_each(|segment| secrets.hide_in(segment));
        Outcome { report, segments }
    }

    fn segment(&mut self, report: &Report, end_us: i64) -> Option<Value> {
        let trace = self.trace.take()?;
        let mut segment = json!({
            "trace_id": trace.id,
            "id": trace.segment,
            "name": self.job.canary,
            "origin": "AWS::Synthetics",
            "start_time": self.started_us as f64 / 1e6,
            "end_time": end_us as f64 / 1e6,
            "annotations": {"canary_name": self.job.canary, "canary_run_id": self.job.run_id, "canary_result": report.status},
            "subsegments": trace.calls,
        });
        if report.status == "FAILED" {
            segment["fault"] = json!(true);
        }
        Some(segment)
    }
}

impl Running {
    pub(crate) fn call(&self) -> Option<&str> {
        self.call.as_deref()
    }
}

/// A step as a call to what it looked at.
fn call_of(running: &Running, id: &str) -> Value {
    let step = &running.step;
    let host = step.url.as_deref().and_then(|url| Url::parse(url).ok()).and_then(|url| {
        let host = url.host_str()?.to_owned();
        Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
    });
    let end = running.started_us as f64 / 1e6 + step.duration_ms / 1e3;
    let mut call = json!({
        "id": id,
        "name": host.clone().unwrap_or_else(|| step.step_name.clone()),
        "start_time": running.started_us as f64 / 1e6,
        "end_time": end,
        "annotations": {"canary_step": step.step_name},
    });
    if host.is_some() {
        call["namespace"] = json!("remote");
        let mut answer = json!({});
        if let Some(status) = step.status_code {
            answer["status"] = json!(status);
        }
        call["http"] = json!({"request": {"url": step.url, "method": "GET"}, "response": answer});
    }
    match step.status_code {
        Some(429) => call["throttle"] = json!(true),
        Some(500..) => call["fault"] = json!(true),
        Some(400..) => call["error"] = json!(true),
        _ if step.is_failed() => call["fault"] = json!(true),
        _ => {}
    }
    call
}
