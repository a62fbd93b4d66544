// Runs one canary script once. The contract with the parent process is in ../README.md.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const environment = require('./lib/environment.cjs');
const { configuration, fromFile } = require('./lib/config.cjs');
const { ExecutionFailure } = require('./lib/failure.cjs');
const { locate, load } = require('./lib/handler.cjs');
const { logger, takeOverConsole } = require('./lib/logger.cjs');
const { killDescendants, removeSockets } = require('./lib/processes.cjs');
const { endWithParent } = require('./lib/parent.cjs');
const { install } = require('./lib/resolve.cjs');
const { run } = require('./lib/run.cjs');
const userAgent = require('./lib/user_agent.cjs');

const EXIT_CODE = { EXECUTION_FAILURE: 2, CANARY_FAILURE: 1 };
// The real one, since a script may replace process.exit or be cut off by it.
const exit = process.exit.bind(process);
let ending = false;

async function main() {
  process.env.AWS_REGION ??= environment.region;
  fs.mkdirSync(environment.artifacts, { recursive: true });
  endWithParent();
  run.writeProvisional();
  takeOverConsole();
  install();
  logger.info(`canary ${environment.name}, run ${environment.runId}, handler ${environment.handler}, Node.js ${process.version}`);
  const place = locate(environment.handler, environment.code);
  readConfigurationFile(path.dirname(place.file));
  const handler = await load(place);
  await startBrowserFor(place.file);
  const result = await handler(event(), context());
  if (result !== undefined) logger.info('the handler returned', result);
}

/** synthetics.json beside the handler, as in AWS's Playwright runtime; that runtime also logs no requests by default. */
function readConfigurationFile(folder) {
  const file = path.join(folder, 'synthetics.json');
  if (!fs.existsSync(file)) return;
  let content;
  try {
    content = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ExecutionFailure(`synthetics.json is not valid JSON: ${error.message}; correct it or leave it out`, error);
  }
  configuration.setConfig({ logRequest: false, logResponse: false, ...fromFile(content) });
  if (content.userAgent) userAgent.add(content.userAgent);
}

/**
 * AWS starts the browser before it calls a Puppeteer script, and scripts rely on `getPage()` giving the page without
 * `await`. Scripts that never ask for the page, such as API canaries, are spared the browser.
 */
async function startBrowserFor(file) {
  const loaded = require.cache[require.resolve('./lib/puppeteer.cjs')];
  if (!loaded || !/\bgetPage\b/.test(fs.readFileSync(file, 'utf8'))) return;
  const { synthetics } = loaded.exports;
  if (!synthetics.browser) await synthetics.launch();
}

function event() {
  return { canaryName: environment.name, canaryRunId: environment.runId };
}

function context() {
  return { awsRequestId: environment.runId, functionName: `cwsyn-${environment.name}`, invokedFunctionArn: environment.arn };
}

async function end(thrown) {
  if (ending) return;
  ending = true;
  for (const step of [...run.active]) run.endStep(step, thrown ? thrown.error : 'the script ended before the step did; is an await missing?');
  const pages = require.cache[require.resolve('./lib/pages.cjs')];
  if (pages) await pages.exports.settleAll();
  finish(run.outcome(thrown));
}

/** Everything from here on is synchronous, so it also works from an 'exit' listener and a signal. */
function finish(outcome) {
  environment.events.emit('finishing');
  run.write(outcome);
  killDescendants();
  removeSockets();
  if (outcome.status === 'PASSED') logger.info('the canary passed');
  else logger.error(`the canary failed (${outcome.code}): ${outcome.reason}${outcome.stack ? `\n${outcome.stack}` : ''}`);
  exit(EXIT_CODE[outcome.code] ?? 0);
}

// A stray exception belongs to the step that is running: in AWS's own samples, listeners of a response throw.
function stray(error) {
  if (ending) return;
  if (run.breakCurrentStep(error)) return;
  end({ error });
}

process.on('uncaughtException', stray);
process.on('unhandledRejection', stray);
process.on('SIGTERM', () => {
  if (!run.written) finish(run.timedOut());
});
process.on('beforeExit', () => end({ error: new Error('the script waits for something that can no longer happen: its promise is never settled') }));
process.on('exit', (code) => {
  if (run.written) return;
  finish(run.outcome({ error: new Error(`the script called process.exit(${code}); return or throw instead`) }));
});

main().then(() => end(undefined), (error) => end({ error }));
