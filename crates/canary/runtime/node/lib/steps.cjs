'use strict';
// What every step does, whether it drives a browser or makes one HTTP request: log, measure, record, decide on failure.

const { logger } = require('./logger.cjs');
const { cleanText } = require('./redact.cjs');
const { messageOf } = require('./failure.cjs');
const { run } = require('./run.cjs');

/**
 * Runs `body(step)` as a step and returns what it returns.
 * @param {object} options the configuration in force for this step
 * @param {boolean} continueOnFailure a failed step is recorded, but not thrown
 * @param {object} around optional `before(step)` and `after(step, passed)`, e.g. screenshots; their errors are logged only
 */
async function runStep(name, { options, continueOnFailure, around = {} }, body) {
  const step = run.startStep(name, options);
  logger.info(`step ${step.stepNumber} "${step.stepName}" starts`);
  await quietly(around.before, step);
  let result;
  let failure;
  try {
    result = await Promise.race([body(step), step.broken]);
  } catch (error) {
    failure = { error };
  }
  // Screenshots come after the clock has stopped: they are not part of the step's duration.
  run.endStep(step, failure ? failure.error ?? 'undefined' : undefined);
  await quietly(around.after, step, !failure);
  run.writeProvisional();
  if (!failure) {
    logger.info(`step ${step.stepNumber} "${step.stepName}" passed in ${step.durationMs} ms`);
    return result;
  }
  logger.error(`step ${step.stepNumber} "${step.stepName}" failed after ${step.durationMs} ms: ${cleanText(messageOf(failure.error), options)}`);
  if (!continueOnFailure) throw failure.error;
  return undefined;
}

async function quietly(action, ...values) {
  if (!action) return;
  try {
    await action(...values);
  } catch (error) {
    logger.warn(`around the step: ${messageOf(error)}`);
  }
}

module.exports = { runStep };
