'use strict';
// The functions that every runtime's `synthetics` object has, with or without a browser.

const fs = require('node:fs');
const path = require('node:path');
const environment = require('./environment.cjs');
const { configuration, SyntheticsConfiguration } = require('./config.cjs');
const { executeHttpStep } = require('./http_step.cjs');
const { logger } = require('./logger.cjs');
const { messageOf } = require('./failure.cjs');
const redact = require('./redact.cjs');
const { run } = require('./run.cjs');
const { runStep } = require('./steps.cjs');
const userAgent = require('./user_agent.cjs');

class SyntheticsCore {
  constructor(runtimeVersion) {
    this.runtimeVersion = runtimeVersion;
    this.logger = logger;
    this.getSanitizedUrl = redact.getSanitizedUrl;
    this.getSanitizedErrorMessage = redact.getSanitizedErrorMessage;
    this.getSanitizedHeaders = redact.getSanitizedHeaders;
  }

  executeStep(stepName, functionToExecute, stepConfig) {
    const options = configuration.forStep(stepConfig);
    return runStep(stepName, { options, continueOnFailure: options.continueOnStepFailure }, () => functionToExecute());
  }

  executeHttpStep(stepName, requestOptions, callback, stepConfig) {
    return executeHttpStep(stepName, requestOptions, callback, stepConfig);
  }

  /** Fails the run without stopping the script. */
  addExecutionError(errorMessage, error) {
    const text = error === undefined ? String(errorMessage) : `${errorMessage}: ${messageOf(error)}`;
    logger.error(`execution error: ${text}`);
    run.executionErrors.push(text);
  }

  /** Reports are objects with content of their own, e.g. a BrokenLinkCheckerReport. */
  async addReport(report) {
    const name = (report && report.constructor && report.constructor.name) || 'Report';
    const content = typeof report.toReport === 'function' ? report.toReport() : report;
    fs.writeFileSync(path.join(environment.artifacts, `${name}.json`), JSON.stringify(content, null, 1));
  }

  getConfiguration() { return configuration; }
  getSyntheticsConfiguration() { return configuration; }
  getCanaryName() { return environment.name; }
  getCanaryId() { return environment.runId; }
  getCanaryArn() { return environment.arn; }
  getCanaryUserAgentString() { return userAgent.text(); }
  getRuntimeVersion() { return environment.runtimeVersion || this.runtimeVersion; }
  getStartTime() { return run.startedAt; }
  getLogLevel() { return logger.getLevel(); }
  setLogLevel(level) { logger.setLevel(level); }
  isStepScreenshotEnabled() {
    const { screenshotOnStepStart, screenshotOnStepSuccess, screenshotOnStepFailure } = configuration.values;
    return screenshotOnStepStart || screenshotOnStepSuccess || screenshotOnStepFailure;
  }

  getStepErrors() {
    return run.steps.filter((step) => step.error).map((step) => ({ stepName: step.stepName, error: step.error }));
  }

  getScreenshotResult(stepName) {
    return run.steps.filter((step) => step.stepName === stepName).flatMap((step) => step.screenshots.map((fileName) => ({ fileName })));
  }

  /** Deprecated by AWS long ago; kept so that old scripts run. Each call maps to today's configuration. */
  getRequestResponseLogHelper() { return requestResponseLogHelper; }
  setRequestResponseLogHelper() { return requestResponseLogHelper; }
}

// In newer AWS runtimes the configuration's methods are on `synthetics` itself as well.
for (const name of Object.getOwnPropertyNames(SyntheticsConfiguration.prototype)) {
  if (!/^(with|get|set|enable|disable)[A-Z0-9]/.test(name) || name in SyntheticsCore.prototype || name === 'setAll') continue;
  SyntheticsCore.prototype[name] = function delegate(...values) {
    const result = configuration[name](...values);
    return result === configuration ? this : result;
  };
}

const REQUEST_LOG_OPTIONS = {
  withLogRequestUrl: 'logRequest', withLogRequestHeaders: 'logRequestHeaders', withLogRequestPostData: 'logRequestBody',
  withLogResponseUrl: 'logResponse', withLogResponseHeaders: 'logResponseHeaders',
  withLogRequestResourceType: undefined, withLogRequestMethod: undefined, withLogResponseStatus: undefined,
  withLogResponseStatusText: undefined, withLogResponseRemoteAddress: undefined,
};
const requestResponseLogHelper = {};
for (const [method, option] of Object.entries(REQUEST_LOG_OPTIONS)) {
  requestResponseLogHelper[method] = (value) => {
    if (option) configuration.setConfig({ [option]: value });
    return requestResponseLogHelper;
  };
}

module.exports = { SyntheticsCore };
