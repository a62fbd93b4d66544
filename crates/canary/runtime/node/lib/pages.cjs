'use strict';
// The browser pages of a run: each gets a recorder, and steps take their screenshots and addresses from the latest one.

const { configuration } = require('./config.cjs');
const environment = require('./environment.cjs');
const { clean } = require('./redact.cjs');
const { takeScreenshot, keepOwnScreenshots } = require('./screenshots.cjs');
const { Recorder } = require('./recorder.cjs');
const { messageOf } = require('./failure.cjs');
const { logger } = require('./logger.cjs');
const { runStep } = require('./steps.cjs');

const recorders = new Map();
let latest;

/** @param newSession gives the page's own DevTools session */
async function adopt(page, newSession) {
  if (recorders.has(page)) return page;
  const recorder = new Recorder(await newSession());
  recorders.set(page, recorder);
  await recorder.start(await page.evaluate(() => navigator.userAgent));
  recorder.screenshot = keepOwnScreenshots(page);
  page.on('close', () => {
    recorder.finishOpen();
    recorders.delete(page);
    if (latest === page) latest = [...recorders.keys()].pop();
  });
  latest = page;
  return page;
}

/** A page that opens by itself is followed on a best-effort basis: it may be gone before it can be looked at. */
async function adoptQuietly(page, newSession) {
  const before = latest;
  try {
    await adopt(page, newSession);
  } catch (error) {
    recorders.delete(page);
    logger.debug(`a page was not followed: ${messageOf(error)}`);
  } finally {
    // The script's page stays the one that screenshots are taken of.
    if (before && recorders.has(before)) latest = before;
  }
}

async function addUserAgent(page, text) {
  const recorder = recorders.get(page);
  if (!recorder) throw new Error('addUserAgent: the page was not opened through synthetics');
  await recorder.setUserAgent(`${recorder.userAgent} ${text}`);
}

/** executeStep of the browser runtimes. */
function executeStep(stepName, functionToExecute, stepConfig, page) {
  const options = configuration.forStep(stepConfig);
  const target = () => page || latest;
  const shoot = (step, suffix) => {
    const shown = target();
    if (!shown) return undefined;
    return takeScreenshot({ screenshot: recorders.get(shown)?.screenshot || shown.screenshot.bind(shown), url: () => shown.url() }, step.stepName, suffix, step);
  };
  const around = {
    async before(step) {
      const address = target() ? target().url() : '';
      if (!/^https?:/.test(address)) return; // Nothing to see on a blank page.
      step.url = clean(address, options);
      if (options.screenshotOnStepStart) await shoot(step, 'starting');
    },
    async after(step, passed) {
      if (!target()) return;
      const address = await recorders.get(target())?.settle().catch(() => undefined);
      if (address && /^https?:/.test(address)) step.destinationUrl = clean(address, options);
      if (passed ? options.screenshotOnStepSuccess : options.screenshotOnStepFailure) await shoot(step, passed ? 'succeeded' : 'failed');
    },
  };
  return runStep(stepName, { options, continueOnFailure: options.continueOnStepFailure, around }, () => functionToExecute());
}

/** Takes in what the browsers still have to say, before the HAR is written. */
async function settleAll() {
  for (const recorder of recorders.values()) await recorder.settle().catch(() => {});
}

function finishOpen() {
  for (const recorder of recorders.values()) recorder.finishOpen();
}

environment.events.on('finishing', finishOpen);

module.exports = {
  adopt,
  adoptQuietly,
  addUserAgent,
  executeStep,
  settleAll,
  latest: () => latest,
  forget: () => { recorders.clear(); latest = undefined; },
};
