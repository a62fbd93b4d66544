// Scripts that drive a real browser through puppeteer-core and playwright-core.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ARN, TRACE, missing, runCanary, startSite } from './harness.mjs';

let site;
before(async () => { site = await startSite(); });
after(() => site.close());

const PUPPETEER = { skip: missing('puppeteer-core') };
const PLAYWRIGHT = { skip: missing('playwright-core') };

function checkShop(result) {
  assert.equal(result.exitCode, 0, result.log);
  const { report, har } = result;
  assert.equal(report.status, 'PASSED');
  const [home, cart] = report.steps;
  assert.equal(home.url, `${site.url}/`);
  assert.equal(home.destinationUrl, `${site.url}/`);
  assert.equal(home.statusCode, 200);
  assert.ok(home.timings.loadMs > 0 && home.timings.firstByteMs >= 0, JSON.stringify(home.timings));
  assert.ok(home.screenshots.includes('01-home-succeeded.png'), String(home.screenshots));
  assert.ok(result.artifacts.includes('01-home-succeeded.png'));
  assert.deepEqual(home.consoleErrors, ['cart is broken']);
  assert.ok(home.failedRequests.some(({ url, reason }) => url === `${site.url}/missing.png` && reason === '404 Not Found'));
  assert.equal(cart.url, `${site.url}/`);
  assert.equal(cart.destinationUrl, `${site.url}/cart`);
  assert.equal(report.requests['2xx'], 2);
  assert.ok(report.requests['4xx'] >= 1);
  assert.equal(report.har, true);
  assert.deepEqual(har.log.pages.map(({ title }) => title), [`${site.url}/`, `${site.url}/cart`]);
  assert.ok(har.log.pages[0].pageTimings.onLoad > 0);
  const entry = har.log.entries.find(({ request }) => request.url === `${site.url}/cart`);
  assert.equal(entry.response.status, 200);
  assert.equal(entry._stepName, 'cart');
  const request = site.seen.findLast(({ url }) => url === '/cart');
  assert.equal(request.headers['x-amzn-trace-id'], TRACE);
  assert.ok(request.headers['user-agent'].includes(`CloudWatchSynthetics/${ARN}`), request.headers['user-agent']);
  assert.deepEqual(result.leftOver, []);
}

test('Puppeteer, CommonJS, old names, getPage without await', PUPPETEER, async () => {
  checkShop(await runCanary({
    'nodejs/node_modules/index.js': `
      const synthetics = require('Synthetics');
      const log = require('SyntheticsLogger');
      exports.handler = async () => {
        const page = synthetics.getPage();
        await synthetics.executeStep('home', async () => { await page.goto('${site.url}/', { waitUntil: 'load' }); });
        await synthetics.executeStep('cart', async () => { await Promise.all([page.waitForNavigation(), page.click('a')]); });
        if (await page.$eval('#n', (n) => n.textContent) !== '2 items') throw new Error('empty');
        log.info((await synthetics.takeScreenshot('cart', 'items')).fileName);
      };`,
  }, { env: { MITOSHI_CANARY_TRACE_HEADER: TRACE } }));
});

test('Playwright, ES module', PLAYWRIGHT, async () => {
  checkShop(await runCanary({
    'index.mjs': `
      import { synthetics } from '@aws/synthetics-playwright';
      export const handler = async () => {
        try {
          const browser = await synthetics.launch();
          const page = await synthetics.newPage(browser);
          await synthetics.executeStep('home', async () => { await page.goto('${site.url}/', { timeout: 30000 }); });
          await synthetics.executeStep('cart', async () => { await page.click('a'); await page.locator('#n').waitFor(); });
          if (await page.title() !== 'Cart') throw new Error('wrong page');
        } finally {
          await synthetics.close();
        }
      };`,
  }, { env: { MITOSHI_CANARY_TRACE_HEADER: TRACE } }));
});

for (const [library, options, open] of [
  ['puppeteer', PUPPETEER, 'const page = await synthetics.getPage();'],
  ['playwright', PLAYWRIGHT, 'const browser = await synthetics.launch(); const context = await browser.newContext(); const page = await synthetics.newPage(context);'],
]) {
  test(`${library}: a failing step, own screenshots, own headers, own user agent`, options, async () => {
    const result = await runCanary({
      'index.js': `
        const { synthetics } = require('@amzn/synthetics-${library}');
        exports.handler = async () => {
          ${open}
          await synthetics.addUserAgent(page, 'Shop/2');
          await page.setExtraHTTPHeaders({ 'x-own': 'yes' });
          await synthetics.executeStep('home', async () => {
            await page.goto('${site.url}/');
            await page.screenshot({ path: require('os').tmpdir() + '/canary-own.png' });
          }, { screenshotOnStepSuccess: false });
          await synthetics.executeStep('dead', async () => { await page.goto('http://127.0.0.1:1/'); }, { continueOnStepFailure: true });
          await page.goto('${site.url}/old');
          await synthetics.executeStep('checkout', async () => { throw new Error('no button on ' + page.url() + '?key=1'); });
        };
        synthetics.getConfiguration().setConfig({ restrictedUrlParameters: ['key'], includeResponseBody: true });`,
    }, { env: { MITOSHI_CANARY_TRACE_HEADER: TRACE } });
    assert.equal(result.exitCode, 1, result.log);
    const [home, dead, checkout] = result.report.steps;
    assert.deepEqual(home.screenshots, ['canary-own.png']);
    assert.equal(dead.status, 'FAILED');
    assert.match(dead.failedRequests[0].reason, /ERR_(CONNECTION_REFUSED|UNSAFE_PORT)/);
    assert.equal(checkout.error, `no button on ${site.url}/cart?key=REDACTED`);
    assert.deepEqual(checkout.screenshots, ['03-checkout-starting.png', '03-checkout-failed.png']);
    assert.equal(result.report.code, 'CANARY_FAILURE');
    assert.equal(result.report.requests.failed, 1);
    assert.equal(result.report.requests['3xx'], 1);
    const body = result.har.log.entries.find(({ request }) => request.url === `${site.url}/cart`).response.content.text;
    assert.match(body, /2 items/);
    const request = site.seen.findLast(({ url }) => url === '/old');
    assert.equal(request.headers['x-own'], 'yes');
    assert.equal(request.headers['x-amzn-trace-id'], TRACE);
    assert.match(request.headers['user-agent'], /CloudWatchSynthetics\/.* Shop\/2$/);
    assert.deepEqual(result.leftOver, []);
  });

  test(`${library}: SIGTERM ends the browser too`, options, async () => {
    let sent;
    const result = await runCanary({
      'index.js': `
        const { synthetics } = require('@amzn/synthetics-${library}');
        exports.handler = async () => {
          ${open}
          await synthetics.executeStep('home', async () => { await page.goto('${site.url}/'); });
          console.log('now hanging');
          await synthetics.executeStep('hang', async () => { await page.goto('${site.url}/hang', { timeout: 0 }); });
        };`,
    }, {
      whileRunning: (child) => new Promise((resolve) => {
        child.stdout.on('data', (data) => { if (!sent && String(data).includes('now hanging')) setTimeout(() => { sent = Date.now(); child.kill('SIGTERM'); resolve(); }, 500); });
        child.on('close', resolve);
      }),
    });
    assert.ok(Date.now() - sent < 1000);
    assert.equal(result.exitCode, 2, result.log);
    assert.deepEqual(result.report.steps.map(({ status }) => status), ['PASSED', 'FAILED']);
    assert.equal(result.report.reason, 'the run took longer than its timeout');
    assert.ok(result.har.log.entries.some(({ request }) => request.url === `${site.url}/hang`));
    assert.deepEqual(result.leftOver, []);
  });

  test(`${library}: tracing does not turn a page's calls to other origins into refused ones`, options, async () => {
    const result = await runCanary({
      'index.js': `
        const { synthetics } = require('@amzn/synthetics-${library}');
        exports.handler = async () => { ${open} await page.goto('${site.url}/app'); await page.waitForFunction(() => document.title === 'ready', { timeout: 5000 }); };`,
    }, { env: { MITOSHI_CANARY_TRACE_HEADER: TRACE } });
    assert.equal(result.exitCode, 0, result.log);
    const last = (path) => site.seen.findLast(({ url }) => url === path);
    assert.equal(last('/json').headers['x-amzn-trace-id'], TRACE);
    assert.equal(last('/api').method, 'GET');
    assert.equal(last('/api').headers['x-amzn-trace-id'], undefined);
  });

  test(`${library}: launch options of the script`, options, async () => {
    const result = await runCanary({
      'index.js': `
        const { synthetics } = require('@amzn/synthetics-${library}');
        exports.handler = async () => {
          const defaults = await synthetics.getDefaultLaunchOptions();
          const browser = await synthetics.launch({ args: [...defaults.args, '--disable-web-security'], headless: false, defaultViewport: { width: 800, height: 600, deviceScaleFactor: 1 } });
          const page = await (synthetics.newPage ? synthetics.newPage(browser) : synthetics.getPage());
          await page.goto('${site.url}/cart');
          const width = await page.evaluate(() => innerWidth);
          if (width !== 800) throw new Error('width ' + width);
          // Left open: the runtime closes it.
        };`,
    });
    assert.equal(result.exitCode, 0, result.log);
    assert.match(result.log, /there is no display; it runs headless/);
    assert.deepEqual(result.leftOver, []);
  });
}

test('Puppeteer: a script that never asks for the page gets no browser', PUPPETEER, async () => {
  const result = await runCanary({
    'index.js': `const { synthetics } = require('@amzn/synthetics-puppeteer'); exports.handler = async () => synthetics.executeHttpStep('a', '${site.url}/json');`,
  }, { env: { MITOSHI_CANARY_CHROME: '/nowhere' } });
  assert.equal(result.exitCode, 0, result.log);
});

test('a script may use the browser library of the server by its own name', { skip: PLAYWRIGHT.skip || PUPPETEER.skip }, async () => {
  const result = await runCanary({
    'index.mjs': `import { chromium } from 'playwright-core'; import { createRequire } from 'node:module'; const puppeteer = createRequire(import.meta.url)('puppeteer-core');
      export const handler = async () => { if (!chromium.launch || !puppeteer.launch) throw new Error('not loaded'); };`,
  });
  assert.equal(result.exitCode, 0, result.log);
});
