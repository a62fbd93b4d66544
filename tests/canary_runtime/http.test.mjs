// Scripts without a browser: steps, HTTP steps, what is reported, module forms, and ways to fail.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ARN, TRACE, runCanary, startSite } from './harness.mjs';

let site;
before(async () => { site = await startSite(); });
after(() => site.close());

const LOG_LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARN|ERROR): /;

test('HTTP steps are measured, counted and written to the HAR', async () => {
  const result = await runCanary({
    'index.js': `
      const { synthetics } = require('@amzn/synthetics-core');
      exports.handler = async () => {
        await synthetics.executeHttpStep('products', '${site.url}/json?token=abc&page=2');
        await synthetics.executeHttpStep('order', {
          hostname: '127.0.0.1', port: ${site.port}, protocol: 'http:', path: '/json', method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: 'Bearer secret' }, body: '{"n":1}',
        }, async (res) => new Promise((resolve, reject) => {
          let text = '';
          res.on('data', (data) => { text += data; });
          res.on('end', () => { JSON.parse(text).got === '{"n":1}' ? resolve() : reject(new Error(text)); });
        }), { includeRequestHeaders: true, includeRequestBody: true, includeResponseBody: true, restrictedHeaders: ['authorization'] });
      };
      synthetics.getConfiguration().setConfig({ restrictedUrlParameters: ['token'] });`,
  }, { env: { MITOSHI_CANARY_TRACE_HEADER: TRACE } });
  assert.equal(result.exitCode, 0, result.log);
  const { report, har } = result;
  assert.equal(report.status, 'PASSED');
  assert.deepEqual(report.requests, { '2xx': 2, '3xx': 0, '4xx': 0, '5xx': 0, failed: 0 });
  assert.equal(report.har, true);
  const [first, second] = report.steps;
  assert.equal(first.stepName, 'products');
  assert.equal(first.stepNumber, 1);
  assert.equal(first.statusCode, 200);
  assert.equal(first.url, `${site.url}/json?token=REDACTED&page=2`);
  assert.ok(first.timings.connectMs >= 0 && first.timings.firstByteMs >= 0 && first.timings.downloadMs >= 0);
  assert.ok(first.durationMs >= 0 && !Number.isNaN(Date.parse(first.startTime)));
  assert.equal(second.status, 'PASSED');
  assert.ok(!result.log.includes('abc') && !result.log.includes('secret'));

  assert.equal(har.log.version, '1.2');
  const [got, ordered] = har.log.entries;
  assert.deepEqual(got.request.headers, []);
  assert.equal(got.response.content.text, undefined);
  assert.equal(ordered.request.postData.text, '{"n":1}');
  assert.ok(ordered.request.headers.some(({ name, value }) => name === 'Authorization' && value === 'REDACTED'));
  assert.equal(JSON.parse(ordered.response.content.text).ok, true);

  const request = site.seen.find(({ url }) => url.startsWith('/json?token'));
  assert.equal(request.headers['x-amzn-trace-id'], TRACE);
  assert.ok(request.headers['user-agent'].includes(`CloudWatchSynthetics/${ARN}`));
  for (const line of result.log.trim().split('\n')) assert.match(line, LOG_LINE);
});

test('a failing HTTP step lets the script go on, and fails the canary', async () => {
  const result = await runCanary({
    'index.js': `
      const synthetics = require('@aws/synthetics-core');
      exports.handler = async () => {
        await synthetics.executeHttpStep('down', '${site.url}/fail');
        await synthetics.executeHttpStep('unreachable', 'http://127.0.0.1:1/');
        await synthetics.executeHttpStep('redirect', '${site.url}/old', async (res) => { if (res.statusCode !== 302) throw res.statusCode; });
      };`,
  });
  assert.equal(result.exitCode, 1, result.log);
  assert.equal(result.report.code, 'CANARY_FAILURE');
  assert.match(result.report.reason, /"down" failed: 503 Service Unavailable \(and 1 more/);
  assert.deepEqual(result.report.steps.map(({ status }) => status), ['FAILED', 'FAILED', 'PASSED']);
  assert.deepEqual(result.report.requests, { '2xx': 0, '3xx': 1, '4xx': 0, '5xx': 1, failed: 1 });
  assert.match(result.report.steps[1].failedRequests[0].reason, /ECONNREFUSED/);
  assert.equal(result.har.log.entries[1].response.status, 0);
});

test('an exception in a response listener fails its step, not the process', async () => {
  const result = await runCanary({
    'index.js': `
      const synthetics = require('Synthetics');
      exports.handler = async () => {
        await synthetics.executeHttpStep('body', '${site.url}/json', (res) => new Promise((resolve) => {
          res.on('data', () => {});
          res.on('end', () => { throw new Error('body is wrong'); });
        }));
        await synthetics.executeStep('next', async () => 1);
      };`,
  });
  assert.equal(result.exitCode, 1, result.log);
  assert.deepEqual(result.report.steps.map(({ status, error }) => [status, error]), [['FAILED', 'body is wrong'], ['PASSED', undefined]]);
});

test('executeStep returns and throws what its function does', async () => {
  const result = await runCanary({
    'index.js': `
      const { synthetics } = require('@amzn/synthetics-core');
      const log = require('SyntheticsLogger');
      exports.handler = async () => {
        log.info('value', await synthetics.executeStep('one', async () => 41 + 1));
        await synthetics.executeStep('two', async () => { throw new Error('no\\nluck'); }, { continueOnStepFailure: true });
        await synthetics.executeStep('three', async () => { throw new TypeError('boom'); });
        log.info('never');
      };`,
  });
  assert.equal(result.exitCode, 1);
  assert.match(result.log, /INFO: value 42/);
  assert.doesNotMatch(result.log, /never/);
  assert.equal(result.report.reason, 'boom');
  assert.match(result.report.stack, /TypeError: boom/);
  assert.deepEqual(result.report.steps.map(({ status }) => status), ['PASSED', 'FAILED', 'FAILED']);
});

test('a failed step fails the canary even when the script swallows the error', async () => {
  const result = await runCanary({
    'index.js': `const { synthetics } = require('@amzn/synthetics-core');
      exports.handler = async () => { try { await synthetics.executeStep('x', () => { throw 'plain text'; }); } catch {} };`,
  });
  assert.equal(result.exitCode, 1);
  assert.match(result.report.reason, /step "x" failed: plain text/);
});

for (const [title, files, handler] of [
  ['ES module', { 'index.mjs': `import { synthetics } from '@amzn/synthetics-core'; import log from '@aws/synthetics-logger'; export const handler = async () => { await synthetics.executeStep('a', async () => log.info('hi')); };` }],
  ['.js with "type": "module"', { 'package.json': '{"type":"module"}', 'index.js': `import synthetics from '@aws/synthetics-core'; export const handler = () => synthetics.executeStep('a', async () => {});` }],
  ['nodejs/node_modules layout', { 'nodejs/node_modules/api.js': `const s = require('Synthetics'); const help = require('./help'); exports.run = async () => s.executeStep('a', help);`, 'nodejs/node_modules/help.js': 'module.exports = async () => {};' }, 'api.run'],
  ['folder in the handler', { 'checks/api.js': `const { synthetics } = require('@amzn/synthetics-core'); exports.handler = async () => synthetics.executeStep('a', async () => {});` }, 'checks/api.handler'],
  ['packages of the zip, by import and require', {
    'node_modules/dep/index.js': 'module.exports = 7;', 'node_modules/dep/package.json': '{"name":"dep"}',
    'node_modules/@aws/synthetics-core/package.json': '{"name":"@aws/synthetics-core","types":"x.d.ts"}',
    'index.mjs': `import { synthetics } from '@aws/synthetics-core'; import dep from 'dep'; import { createRequire } from 'node:module'; const same = createRequire(import.meta.url)('@amzn/synthetics-core');
      export const handler = async () => { if (dep !== 7 || same.synthetics !== synthetics) throw new Error('not the same'); await synthetics.executeStep('a', async () => {}); };`,
  }],
]) {
  test(`form of the script: ${title}`, async () => {
    const result = await runCanary(files, { handler });
    assert.equal(result.exitCode, 0, result.log);
    assert.equal(result.report.steps.length, 1);
  });
}

test('what cannot be run says what to do', async () => {
  const cases = [
    [{ 'other.js': '' }, /needs a file index\.js.*it holds: other\.js/],
    [{ 'index.js': 'exports.main = 1;' }, /exports no function "handler" \(it exports main\)/],
    [{ 'index.js': `require('left-pad');` }, /module "left-pad", which is not installed; .*npm install/],
    [{ 'index.mjs': `import 'left-pad/x.js'; export const handler = 1;` }, /"left-pad", which is not installed/],
    [{ 'index.js': `require('./gone');` }, /asks for \.\/gone, which is not in the canary's code/],
    [{ 'index.js': 'exports.handler = (;' }, /the script does not parse: Unexpected token/],
    [{ 'index.js': 'exports.handler = 1', 'synthetics.json': '{' }, /synthetics\.json is not valid JSON/],
    [{ 'index.js': `const { synthetics } = require('@amzn/synthetics-playwright'); exports.handler = async () => { try { await synthetics.launch(); } catch (e) { throw new Error('wrapped'); } };` },
      /no browser|\/nowhere does not exist|not installed; .*npm install/, { MITOSHI_CANARY_CHROME: '/nowhere', MITOSHI_CANARY_MODULES: '/nowhere' }],
  ];
  for (const [files, reason, env] of cases) {
    const result = await runCanary(files, { env });
    assert.equal(result.exitCode, 2, result.log);
    assert.equal(result.report.status, 'FAILED');
    assert.equal(result.report.code, 'EXECUTION_FAILURE');
    assert.match(result.report.reason, reason);
  }
});

test('a script that ends the process, hangs for ever or throws outside still leaves a report', async () => {
  const cases = [
    ['process.exit(0);', /called process\.exit\(0\)/],
    ['await new Promise(() => {});', /promise is never settled/],
    ['setTimeout(() => { throw new Error("late"); }, 10); await new Promise((r) => setTimeout(r, 5000));', /late/],
    ['Promise.reject(new Error("unseen")); await new Promise((r) => setTimeout(r, 5000));', /unseen/],
  ];
  for (const [body, reason] of cases) {
    const result = await runCanary({ 'index.js': `exports.handler = async () => { ${body} };` });
    assert.equal(result.exitCode, 1, result.log);
    assert.equal(result.report.code, 'CANARY_FAILURE');
    assert.match(result.report.reason, reason);
  }
});

test('SIGTERM writes the report so far and ends at once', async () => {
  let sent;
  const result = await runCanary({
    'index.js': `const { synthetics } = require('@amzn/synthetics-core');
      exports.handler = async () => {
        await synthetics.executeStep('quick', async () => {});
        await synthetics.executeHttpStep('slow', '${site.url}/hang', (res) => new Promise(() => {}));
      };`,
  }, { whileRunning: async (child) => { await new Promise((r) => setTimeout(r, 1000)); sent = Date.now(); child.kill('SIGTERM'); } });
  assert.ok(Date.now() - sent < 1000);
  assert.equal(result.exitCode, 2);
  assert.equal(result.report.reason, 'the run took longer than its timeout');
  assert.equal(result.report.code, 'EXECUTION_FAILURE');
  assert.deepEqual(result.report.steps.map(({ status }) => status), ['PASSED', 'FAILED']);
});

test('a process that is killed outright leaves the report of its last step', async () => {
  const result = await runCanary({
    'index.js': `const { synthetics } = require('@amzn/synthetics-core');
      exports.handler = async () => { await synthetics.executeStep('quick', async () => {}); for (;;); };`,
  }, { whileRunning: async (child) => { await new Promise((r) => setTimeout(r, 1000)); child.kill('SIGKILL'); } });
  assert.equal(result.report.code, 'EXECUTION_FAILURE');
  assert.match(result.report.reason, /out of memory, or killed/);
  assert.equal(result.report.steps[0].status, 'PASSED');
});

test('configuration: methods, chains, switched-off metrics, addExecutionError, reports', async () => {
  const result = await runCanary({
    'index.js': `
      const synthetics = require('Synthetics');
      const helper = require('SyntheticsLogHelper');
      const configuration = require('SyntheticsConfiguration');
      const Report = require('BrokenLinkCheckerReport');
      const Link = require('@aws/synthetics-link');
      const assert = require('assert');
      exports.handler = async (event, context) => {
        const own = synthetics.getConfiguration();
        assert.equal(own, configuration);
        own.with5xxMetric(false).withStepDurationMetric(false).withHarFile(false);
        own.setConfig({ '2xxMetric': false, nonsense: 1, restrictedUrlParameters: ['*'] });
        assert.equal(own.get5xxMetric(), false);
        assert.equal(helper.getSanitizedUrl('https://u:p@h.example/a?x=1&y=2'), 'https://u:REDACTED@h.example/a?x=REDACTED&y=REDACTED');
        assert.equal(synthetics.getSanitizedErrorMessage('see https://h.example/?x=1'), 'see https://h.example/?x=REDACTED');
        assert.throws(() => helper.getSanitizedUrl('no url'));
        assert.equal(synthetics.getCanaryName(), 'shop');
        assert.match(synthetics.getCanaryUserAgentString(), /CloudWatchSynthetics\\/arn:/);
        assert.match(synthetics.getRuntimeVersion(), /^syn-nodejs-puppeteer-/);
        synthetics.getRequestResponseLogHelper().withLogRequestHeaders(true).withLogResponseStatus(false);
        assert.equal(synthetics.withLogRequest(false), synthetics);
        const report = new Report();
        report.addLink(new Link('https://h.example/a').withStatusCode('200'));
        report.addLink(new Link('https://h.example/b').withStatusCode('404').withText('b'));
        assert.equal(report.getTotalBrokenLinks(), 1);
        await synthetics.addReport(report);
        await synthetics.executeHttpStep('x', '${site.url}/json');
        synthetics.addExecutionError('no screenshot', new Error('page is gone'));
      };`,
  });
  assert.equal(result.exitCode, 2, result.log);
  assert.equal(result.report.reason, 'no screenshot: page is gone');
  assert.deepEqual(result.report.metricsOff, ['2xxMetric', '5xxMetric']);
  assert.deepEqual(result.report.steps[0].metricsOff, ['stepDurationMetric']);
  assert.equal(result.report.har, false);
  assert.equal(result.json['BrokenLinkCheckerReport.json'].totalBrokenLinks, 1);
  assert.match(result.log, /no option "nonsense"/);
});

test('synthetics.json sets the configuration of the run', async () => {
  const result = await runCanary({
    'synthetics.json': JSON.stringify({ step: { continueOnStepFailure: true }, report: { includeResponseBody: true }, httpMetrics: { metric_4xx: false }, userAgent: 'Shop/1', har: true }),
    'index.mjs': `import { synthetics } from '@amzn/synthetics-core';
      export const handler = async () => { await synthetics.executeStep('a', async () => { throw new Error('x'); }); await synthetics.executeHttpStep('b', '${site.url}/json'); };`,
  });
  assert.equal(result.exitCode, 1, result.log);
  assert.deepEqual(result.report.steps.map(({ status }) => status), ['FAILED', 'PASSED']);
  assert.deepEqual(result.report.metricsOff, ['4xxMetric']);
  assert.match(result.har.log.entries[0].response.content.text, /ok/);
  assert.match(site.seen.at(-1).headers['user-agent'], /Shop\/1/);
  assert.doesNotMatch(result.log, /INFO: request:/);
});

