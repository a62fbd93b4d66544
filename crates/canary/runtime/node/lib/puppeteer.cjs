'use strict';
// `synthetics` of the Puppeteer runtimes: one browser with one current page.

const path = require('node:path');
const environment = require('./environment.cjs');
const { VIEWPORT, launchOptions, library, started, closeQuietly } = require('./chrome.cjs');
const { SyntheticsCore } = require('./core.cjs');
const pages = require('./pages.cjs');
const { takeScreenshot } = require('./screenshots.cjs');

class SyntheticsPuppeteer extends SyntheticsCore {
  constructor() {
    super('syn-nodejs-puppeteer-15.0');
    this.profiles = 0;
  }

  async getDefaultLaunchOptions() {
    const { args, headless, executablePath } = launchOptions();
    return { args, headless, executablePath, defaultViewport: { ...VIEWPORT, deviceScaleFactor: 1 } };
  }

  async launch(options = {}) {
    await this.close();
    const puppeteer = await library(['puppeteer-core', 'puppeteer']);
    this.profiles += 1;
    const launching = launchOptions({
      defaultViewport: { ...VIEWPORT, deviceScaleFactor: 1 },
      // Over a pipe, Chromium ends when this process does, however that comes about.
      pipe: true,
      userDataDir: path.join(environment.scratch, `.profile-${this.profiles}`),
      ...options,
    });
    if ('ignoreHTTPSErrors' in launching) launching.acceptInsecureCerts = launching.ignoreHTTPSErrors; // Renamed in Puppeteer 23.
    this.browser = await started(() => puppeteer.launch(launching));
    const [page = await this.browser.newPage()] = await this.browser.pages();
    await adopt(page);
    this.page = page;
    this.browser.on('targetcreated', async (target) => {
      const opened = target.type() === 'page' && (await target.page().catch(() => undefined));
      if (opened) await pages.adoptQuietly(opened, () => newSession(opened));
    });
    return this.browser;
  }

  /** The page itself when the browser is there already (see main.mjs), else a promise of it: `await` works for both. */
  getPage() {
    return this.page || this.openPage();
  }

  openPage() {
    this.opening ??= this.launch().then(() => this.page).finally(() => { this.opening = undefined; });
    return this.opening;
  }

  async getBrowser() {
    await this.getPage();
    return this.browser;
  }

  getUrl() {
    return this.page ? this.page.url() : '';
  }

  executeStep(stepName, functionToExecute, stepConfig, page) {
    return pages.executeStep(stepName, functionToExecute, stepConfig, page);
  }

  async takeScreenshot(name, suffix) {
    return takeScreenshot(this.page || pages.latest(), name, suffix);
  }

  async addUserAgent(page, text) {
    await pages.addUserAgent(page, text);
  }

  async addUserAgentMetrics(page, text) {
    await pages.addUserAgent(page, text);
  }

  async close() {
    const { browser } = this;
    this.browser = this.page = undefined;
    if (!browser) return;
    await pages.settleAll();
    await closeQuietly(browser);
    pages.forget();
  }
}

function adopt(page) {
  return pages.adopt(page, () => newSession(page));
}

function newSession(page) {
  return page.createCDPSession ? page.createCDPSession() : page.target().createCDPSession();
}

module.exports = { synthetics: new SyntheticsPuppeteer() };
