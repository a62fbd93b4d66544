'use strict';
// SyntheticsConfiguration: the documented options with AWS's defaults, and a `withX`/`getX` pair for each.

const { logger } = require('./logger.cjs');

const METRICS = [
  'failedCanaryMetric', 'failedRequestsMetric', '_2xxMetric', '_4xxMetric', '_5xxMetric',
  'aggregatedFailedCanaryMetric', 'aggregatedFailedRequestsMetric',
  'aggregated2xxMetric', 'aggregated4xxMetric', 'aggregated5xxMetric',
];
const STEP_METRICS = ['stepSuccessMetric', 'stepDurationMetric'];
const AGGREGATED = METRICS.filter((name) => name.startsWith('aggregated') && !name.includes('Canary'));
const REQUEST_METRICS = ['failedRequestsMetric', '_2xxMetric', '_4xxMetric', '_5xxMetric', ...AGGREGATED];
const SCREENSHOTS = ['screenshotOnStepStart', 'screenshotOnStepSuccess', 'screenshotOnStepFailure'];
const REPORTING = ['includeRequestHeaders', 'includeResponseHeaders', 'includeRequestBody', 'includeResponseBody'];

const DEFAULTS = {
  ...Object.fromEntries([...METRICS, ...STEP_METRICS, ...SCREENSHOTS].map((name) => [name, true])),
  ...Object.fromEntries(REPORTING.map((name) => [name, false])),
  continueOnStepFailure: false,
  continueOnHttpStepFailure: true,
  harFile: true,
  stepsReport: true,
  includeUrlPassword: false,
  restrictedHeaders: [],
  restrictedUrlParameters: [],
  logRequest: true,
  logResponse: true,
  logRequestBody: false,
  logResponseBody: false,
  logRequestHeaders: false,
  logResponseHeaders: false,
  visualMonitoringSuccessPercentMetric: true,
  visualMonitoringTotalComparisonsMetric: false,
  visualCompareWithBaseRun: false,
  visualVarianceThresholdPercentage: 0,
  visualVarianceHighlightHexColor: '#fafa00',
  failCanaryRunOnVisualVariance: true,
};

class SyntheticsConfiguration {
  constructor() {
    this.values = { ...DEFAULTS };
  }

  setConfig(options) {
    Object.assign(this.values, known(options));
    return this;
  }

  getConfig() {
    return { ...this.values };
  }

  /** The options of one step: the global ones with the step's own on top. */
  forStep(stepConfig) {
    return { ...this.values, ...known(stepConfig) };
  }

  setAll(names, value) {
    for (const name of names) this.values[name] = value;
    return this;
  }

  disableStepScreenshots() { return this.setAll(SCREENSHOTS, false); }
  enableStepScreenshots() { return this.setAll(SCREENSHOTS, true); }
  disableReportingOptions() { return this.setAll(REPORTING, false); }
  enableReportingOptions() { return this.setAll(REPORTING, true); }
  disableRequestMetrics() { return this.setAll(REQUEST_METRICS, false); }
  enableRequestMetrics() { return this.setAll(REQUEST_METRICS, true); }
  disableAggregatedRequestMetrics() { return this.setAll(AGGREGATED, false); }
  enableAggregatedRequestMetrics() { return this.setAll(AGGREGATED, true); }
  disableStepMetrics() { return this.setAll(STEP_METRICS, false); }
  enableStepMetrics() { return this.setAll(STEP_METRICS, true); }
}

for (const name of Object.keys(DEFAULTS)) {
  const bare = name.replace(/^_/, '');
  const suffix = bare[0].toUpperCase() + bare.slice(1);
  SyntheticsConfiguration.prototype[`get${suffix}`] = function get() { return this.values[name]; };
  // AWS's own samples call `withHarFile()` without a value; that means true.
  SyntheticsConfiguration.prototype[`with${suffix}`] = function set(value = true) {
    this.values[name] = value;
    return this;
  };
}

function known(options) {
  const taken = {};
  for (const [name, value] of Object.entries(options || {})) {
    const own = name in DEFAULTS ? name : `_${name}`;
    if (!(own in DEFAULTS)) {
      logger.warn(`the configuration has no option "${name}"; it is ignored`);
    } else if (Array.isArray(DEFAULTS[own])) {
      taken[own] = Array.isArray(value) ? value : [value];
    } else {
      taken[own] = value;
    }
  }
  return taken;
}

/** The sections of a `synthetics.json` (the Playwright runtime's configuration file) as options. */
function fromFile(file) {
  const metrics = Object.fromEntries(
    Object.entries(file.httpMetrics || {}).map(([name, value]) => [name.replace(/^metric_(\dxx)$/, '_$1Metric'), value]),
  );
  const { har = file.har, ...report } = file.report || {};
  return { ...file.step, ...report, ...file.logging, ...metrics, ...file.canaryMetrics, ...(har === undefined ? {} : { harFile: har }) };
}

/** Names of the metrics that a run or a step does not want, for the report. */
function switchedOff(values, names) {
  return names.filter((name) => values[name] === false).map((name) => name.replace(/^_/, ''));
}

module.exports = {
  configuration: new SyntheticsConfiguration(),
  SyntheticsConfiguration,
  fromFile,
  metricsOff: (values) => switchedOff(values, METRICS),
  stepMetricsOff: (values) => switchedOff(values, STEP_METRICS),
};
