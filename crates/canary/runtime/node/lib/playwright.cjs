'use strict';
// `synthetics` of the Playwright runtimes: the script launches the browser and asks for its pages.

const { VIEWPORT, launchOptions, library, started, closeQuietly } = require('./chrome.cjs');
const { SyntheticsCore } = require('./core.cjs');
const pages = require('./pages.cjs');
const { takeScreenshot } = require('./screenshots.cjs');

class SyntheticsPlaywright extends SyntheticsCore {
  constructor() {
    super('syn-nodejs-playwright-6.0');
    this.viewport = VIEWPORT;
    this.watched = new WeakSet();
  }

  async getDefaultLaunchOptions() {
    const { args, headless, executablePath } = launchOptions();
    return { args, headless, executablePath };
  }

  async launch(options = {}) {
    await this.close();
    const { chromium } = await library(['playwright-core', 'playwright', '@playwright/test']);
    // AWS documents Puppeteer's `defaultViewport` here; Playwright does not know it.
    const { defaultViewport = VIEWPORT, ...rest } = options;
    this.viewport = defaultViewport && { width: defaultViewport.width, height: defaultViewport.height };
    this.browser = await started(() => chromium.launch(launchOptions(rest)));
    return this.browser;
  }

  /** @param from a browser or a context; without one, the browser of `launch` */
  async newPage(from) {
    const source = from || this.browser || (await this.launch());
    // A context has no newContext; a browser gets a context per page, as Playwright's own newPage does.
    const context = typeof source.newContext === 'function' ? await source.newContext({ viewport: this.viewport }) : source;
    const page = await context.newPage();
    await pages.adopt(page, () => context.newCDPSession(page));
    if (!this.watched.has(context)) {
      this.watched.add(context);
      context.on('page', (opened) => pages.adoptQuietly(opened, () => context.newCDPSession(opened)));
    }
    return page;
  }

  async getPage(from) {
    return from ? this.newPage(from) : pages.latest() || this.newPage();
  }

  executeStep(stepName, functionToExecute, stepConfig, page) {
    return pages.executeStep(stepName, functionToExecute, stepConfig, page);
  }

  async takeScreenshot(name, suffix, page) {
    return takeScreenshot(page || pages.latest(), name, suffix);
  }

  async addUserAgent(page, text) {
    await pages.addUserAgent(page, text);
  }

  async addUserAgentMetrics(page, text) {
    await pages.addUserAgent(page, text);
  }

  async close() {
    const { browser } = this;
    this.browser = undefined;
    if (!browser) return;
    await pages.settleAll();
    await closeQuietly(browser);
    pages.forget();
  }
}

module.exports = { synthetics: new SyntheticsPlaywright() };
