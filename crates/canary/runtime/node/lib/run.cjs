'use strict';
// The state of one run: its steps, counters and network log, and the report made of them. There is one run per process.

const fs = require('node:fs');
const path = require('node:path');
const environment = require('./environment.cjs');
const { configuration, metricsOff, stepMetricsOff } = require('./config.cjs');
const { ExecutionFailure, messageOf, missingModule } = require('./failure.cjs');
const { Har } = require('./har.cjs');
const { cleanText } = require('./redact.cjs');

const TIMED_OUT = 'the run took longer than its timeout';

class Run {
  constructor() {
    this.startedAt = new Date();
    this.steps = [];
    this.active = [];
    this.requests = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, failed: 0 };
    this.har = new Har();
    // What a script reported with addExecutionError.
    this.executionErrors = [];
    // Set when something the script needs is missing; scripts tend to catch the error and throw another one.
    this.unable = undefined;
    this.written = false;
  }

  // ---- steps

  startStep(name, options) {
    const step = {
      stepNumber: this.steps.length + 1,
      stepName: String(name),
      status: 'RUNNING',
      startTime: new Date(),
      startedAt: performance.now(),
      screenshots: [],
      consoleErrors: [],
      failedRequests: [],
      options,
    };
    // Rejected by an exception that belongs to the step but was thrown outside of its promise, as in a stream's listener.
    step.broken = new Promise((_, reject) => { step.break = reject; });
    step.broken.catch(() => {});
    this.steps.push(step);
    this.active.push(step);
    return step;
  }

  endStep(step, error) {
    step.durationMs = Math.round(performance.now() - step.startedAt);
    step.status = error === undefined ? 'PASSED' : 'FAILED';
    if (error !== undefined) step.error = cleanText(messageOf(error), step.options);
    this.active = this.active.filter((other) => other !== step);
    this.writeProvisional();
  }

  currentStep() {
    return this.active[this.active.length - 1];
  }

  /** Gives a stray exception to the step that is running; false when none is. */
  breakCurrentStep(error) {
    const step = this.currentStep();
    if (step) step.break(error);
    return step !== undefined;
  }

  // ---- network

  countStatus(status) {
    const group = `${Math.floor(status / 100)}xx`;
    if (group in this.requests) this.requests[group] += 1;
  }

  countFailed() {
    this.requests.failed += 1;
  }

  // ---- the end

  /** How the run ended, from what the script threw (undefined: nothing) and what the steps say. */
  outcome(thrown) {
    const failed = this.steps.filter((step) => step.status === 'FAILED');
    const error = thrown === undefined ? undefined : missingModule(thrown.error, environment) || thrown.error;
    if (error instanceof ExecutionFailure) return this.failure('EXECUTION_FAILURE', error.message);
    if (this.unable && (thrown || failed.length > 0)) return this.failure('EXECUTION_FAILURE', this.unable.message);
    if (thrown) return this.failure('CANARY_FAILURE', messageOf(error), error && error.stack);
    if (failed.length > 0) {
      const more = failed.length > 1 ? ` (and ${failed.length - 1} more of ${this.steps.length} steps)` : '';
      return this.failure('CANARY_FAILURE', `step "${failed[0].stepName}" failed: ${failed[0].error}${more}`);
    }
    if (this.executionErrors.length > 0) return this.failure('EXECUTION_FAILURE', this.executionErrors.join('; '));
    return { status: 'PASSED' };
  }

  failure(code, reason, stack) {
    const options = configuration.values;
    return { status: 'FAILED', code, reason: cleanText(reason, options), ...(stack ? { stack: cleanText(String(stack), options) } : {}) };
  }

  timedOut() {
    for (const step of [...this.active]) this.endStep(step, TIMED_OUT);
    return this.failure('EXECUTION_FAILURE', TIMED_OUT);
  }

  /** A report for the case that this process is killed outright (memory, SIGKILL) and never comes to write its own. */
  writeProvisional() {
    if (!this.written) this.writeReport(this.failure('EXECUTION_FAILURE', 'the run was ended before it was finished (out of memory, or killed)'));
  }

  /** Writes report and HAR for good; what comes later in this process no longer changes them. */
  write(outcome) {
    if (this.written) return;
    this.written = true;
    this.writeReport(outcome, this.writeHar());
  }

  writeHar() {
    if (!configuration.values.harFile || this.har.entries.length === 0) return false;
    writeJson('results.har', this.har.toJson());
    return true;
  }

  writeReport(outcome, har = false) {
    const off = metricsOff(configuration.values);
    writeJson('report.json', {
      ...outcome,
      requests: this.requests,
      steps: this.steps.map(reportOf),
      har,
      ...(off.length > 0 ? { metricsOff: off } : {}),
      ...(configuration.values.stepsReport ? {} : { stepsReport: false }),
      ...visualOf(configuration.values),
    });
  }
}

function reportOf(step) {
  const running = step.status === 'RUNNING';
  const off = stepMetricsOff(step.options);
  return {
    stepNumber: step.stepNumber,
    stepName: step.stepName,
    status: running ? 'FAILED' : step.status,
    startTime: step.startTime.toISOString(),
    durationMs: running ? Math.round(performance.now() - step.startedAt) : step.durationMs,
    ...(step.url ? { url: step.url } : {}),
    ...(step.destinationUrl ? { destinationUrl: step.destinationUrl } : {}),
    ...(step.statusCode ? { statusCode: step.statusCode } : {}),
    ...(step.error || running ? { error: step.error || 'the step was not finished' } : {}),
    screenshots: step.screenshots,
    ...(step.timings ? { timings: rounded(step.timings) } : {}),
    consoleErrors: step.consoleErrors,
    failedRequests: step.failedRequests,
    ...(off.length > 0 ? { metricsOff: off } : {}),
  };
}

function visualOf(values) {
  if (!values.visualCompareWithBaseRun) return {};
  return { visual: { varianceThresholdPercentage: values.visualVarianceThresholdPercentage, failOnVariance: values.failCanaryRunOnVisualVariance } };
}

function rounded(timings) {
  return Object.fromEntries(Object.entries(timings).filter(([, value]) => value !== undefined).map(([name, value]) => [name, Math.round(value * 10) / 10]));
}

function writeJson(name, value) {
  const target = path.join(environment.artifacts, name);
  // Renamed into place, so that the parent never reads half a report.
  fs.writeFileSync(`${target}.part`, JSON.stringify(value, null, 1));
  fs.renameSync(`${target}.part`, target);
}

module.exports = { run: new Run() };
