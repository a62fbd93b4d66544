'use strict';
// Screenshots as files `NN-name-suffix.png` in the artifacts, listed with the step they belong to.

const fs = require('node:fs');
const path = require('node:path');
const environment = require('./environment.cjs');
const { logger } = require('./logger.cjs');
const { run } = require('./run.cjs');
const { within } = require('./chrome.cjs');

/** @returns {Promise<ScreenshotResult>} as AWS's takeScreenshot: never rejects, the error is in the result */
async function takeScreenshot(page, name, suffix, step = stepNamed(name)) {
  const number = String(step ? step.stepNumber : Math.max(1, run.steps.length)).padStart(2, '0');
  const stem = [number, name, suffix].filter(Boolean).map(safe).join('-');
  const result = new ScreenshotResult();
  try {
    if (!page) throw new Error('no page is open');
    const image = await within(10_000, page.screenshot({ type: 'png' }));
    result.withFileName(keep(`${stem}.png`, image, step)).withPageUrl(page.url());
  } catch (error) {
    result.withError(error);
    logger.warn(`screenshot ${stem}: ${error.message}`);
  }
  return result;
}

/** Screenshots that the script takes by itself (`page.screenshot({path})`) are artifacts too, wherever it writes them. */
function keepOwnScreenshots(page) {
  const own = page.screenshot.bind(page);
  page.screenshot = async (options) => {
    const image = await own(options);
    try {
      if (options && options.path) keep(safe(path.basename(options.path)), fs.readFileSync(options.path), run.currentStep());
    } catch (error) {
      logger.warn(`keeping the screenshot ${options.path}: ${error.message}`);
    }
    return image;
  };
  return own;
}

function keep(fileName, image, step) {
  const { name, ext } = path.parse(fileName);
  let free = fileName;
  for (let n = 2; fs.existsSync(path.join(environment.artifacts, free)); n += 1) free = `${name}-${n}${ext}`;
  fs.writeFileSync(path.join(environment.artifacts, free), image);
  if (step) step.screenshots.push(free);
  return free;
}

function stepNamed(name) {
  return [...run.steps].reverse().find((step) => step.stepName === name) || run.currentStep();
}

function safe(text) {
  return String(text).replace(/[^\p{L}\p{N}._ -]+/gu, '_').slice(0, 120);
}

class ScreenshotResult {
  getFileName() { return this.fileName; }
  withFileName(fileName) { this.fileName = fileName; return this; }
  getScreenshotFileName() { return this.fileName; }
  getPageUrl() { return this.pageUrl; }
  withPageUrl(pageUrl) { this.pageUrl = pageUrl; return this; }
  getError() { return this.error; }
  withError(error) { this.error = error; return this; }
}

module.exports = { takeScreenshot, keepOwnScreenshots };
