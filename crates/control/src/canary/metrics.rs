//! What a run measured, as CloudWatch Synthetics names it.

use model::canary::{Canary, CanaryRun, Failure, Report, RunState, Step};
use model::metric::{Dimensions, Metric};

const NAMESPACE: &str = "CloudWatchSynthetics";

/// How long the run took of what it looked at: its steps. The start of a browser is nobody's slowness.
pub(super) fn duration_ms(run: &CanaryRun, report: &Report) -> f64 {
    let steps: f64 = report.steps.iter().map(|step| step.duration_ms).sum();
    let whole = run.completed_us.map_or(0, |end| end - run.started_us) as f64 / 1e3;
    if steps > 0.0 && report.blueprint.is_some() { steps } else { whole }
}

fn metric(run: &CanaryRun, name: &str, unit: &str, value: f64) -> Metric {
    let minute = run.due_us - run.due_us.rem_euclid(60_000_000);
    Metric::value(minute, NAMESPACE, name, unit, value).of(Dimensions::new([("CanaryName", run.canary.as_str())]))
}

fn of_step(run: &CanaryRun, step: &Step, name: &str, unit: &str, value: f64) -> Metric {
    metric(run, name, unit, value).of(Dimensions::new([("CanaryName", run.canary.as_str()), ("StepName", step.step_name.as_str())]))
}

/// `is_last` where no retry follows.
pub(super) fn of_run(canary: &Canary, run: &CanaryRun, report: &Report, is_last: bool) -> Vec<Metric> {
    let success = if run.state == RunState::Passed { 100.0 } else { 0.0 };
    let is_off = |name: &str| report.metrics_off.iter().any(|off| off.eq_ignore_ascii_case(name));
    let mut all =
        vec![metric(run, "SuccessPercent", "Percent", success), metric(run, "Duration", "Milliseconds", duration_ms(run, report))];
    let requests = &report.requests;
    for (name, count, off) in [
        ("2xx", requests.ok, "2xxMetric"),
        ("4xx", requests.errors, "4xxMetric"),
        ("5xx", requests.faults, "5xxMetric"),
        ("Failed requests", requests.failed, "failedRequestsMetric"),
    ] {
        if !is_off(off) {
            all.push(metric(run, name, "Count", count as f64));
        }
    }
    if !is_off("failedCanaryMetric") {
        let is_failed = run.failure == Some(Failure::Execution);
        all.push(metric(run, "Failed", "Count", if is_failed { 1.0 } else { 0.0 }));
    }
    if is_last && canary.config.retries > 0 {
        all.push(metric(run, "SuccessPercentWithRetries", "Percent", success));
        if run.retry > 0 {
            all.push(metric(run, "RetryCount", "Count", f64::from(run.retry)));
        }
    }
    let compared: Vec<bool> = report
        .steps
        .iter()
        .filter_map(|step| step.visual.as_ref())
        .map(|visual| visual.changed_percent <= visual.allowed_percent)
        .collect();
    if !compared.is_empty() {
        let same = compared.iter().filter(|is_same| **is_same).count() as f64;
        all.push(metric(run, "VisualMonitoringTotalComparisons", "Count", compared.len() as f64));
        all.push(metric(run, "VisualMonitoringSuccessPercent", "Percent", same * 100.0 / compared.len() as f64));
    }
    for step in report.steps.iter().filter(|step| step.status != "SKIPPED") {
        let is_off = |name: &str| step.metrics_off.iter().any(|off| off == name);
        if !is_off("stepSuccessMetric") {
            all.push(of_step(run, step, "SuccessPercent", "Percent", if step.is_failed() { 0.0 } else { 100.0 }));
        }
        if !is_off("stepDurationMetric") {
            all.push(of_step(run, step, "Duration", "Milliseconds", step.duration_ms));
        }
    }
    all
}

pub(super) fn of_dry_run(_canary: &Canary, run: &CanaryRun, report: &Report) -> Vec<Metric> {
    let success = if run.state == RunState::Passed { 100.0 } else { 0.0 };
    vec![
        metric(run, "SuccessPercentDryRun", "Percent", success),
        metric(run, "DurationDryRun", "Milliseconds", duration_ms(run, report)),
    ]
}
