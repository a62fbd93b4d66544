'use strict';
// Watches one browser page over the DevTools protocol, which Puppeteer and Playwright both give access to: requests for
// the HAR and the counters, console errors, load times. It also sets the user agent and the tracing header.

const { configuration } = require('./config.cjs');
const { logger } = require('./logger.cjs');
const { clean, cleanHeaders, cleanText } = require('./redact.cjs');
const { run } = require('./run.cjs');
const { within } = require('./chrome.cjs');
const trace = require('./trace.cjs');
const userAgent = require('./user_agent.cjs');

const MAX_BODY = 1024 * 1024;
const MAX_MESSAGES = 100;

class Recorder {
  /** @param session a CDP session: `on(event, listener)`, `send(method, parameters)` */
  constructor(session) {
    this.session = session;
    this.open = new Map();
    this.bodies = new Set();
    this.navigation = undefined;
  }

  async start(currentUserAgent) {
    const { session } = this;
    session.on('Network.requestWillBeSent', (event) => this.requestStarts(event));
    session.on('Network.responseReceived', (event) => this.responseArrives(event));
    session.on('Network.loadingFinished', (event) => this.requestEnds(event));
    session.on('Network.loadingFailed', (event) => this.requestFails(event));
    session.on('Page.domContentEventFired', (event) => this.pageReaches('onContentLoad', event));
    session.on('Page.loadEventFired', (event) => this.pageReaches('onLoad', event));
    session.on('Runtime.consoleAPICalled', (event) => { if (event.type === 'error') this.consoleError(event.args.map(textOf).join(' ')); });
    session.on('Runtime.exceptionThrown', ({ exceptionDetails: details }) => this.consoleError((details.exception && details.exception.description) || details.text));
    session.on('Log.entryAdded', ({ entry }) => { if (entry.level === 'error' && entry.source !== 'network') this.consoleError(entry.text); });
    const [tree] = await Promise.all([session.send('Page.getFrameTree'), ...['Network', 'Page', 'Runtime', 'Log'].map((domain) => session.send(`${domain}.enable`))]);
    this.mainFrame = tree.frameTree.frame.id;
    await this.setUserAgent(`${currentUserAgent} ${userAgent.text()}`);
    if (Object.keys(trace.headers()).length > 0) await this.startTracing(tree.frameTree);
  }

  /**
   * Sends the tracing header with navigations and with requests to the page's own origin. Not with others: there it
   * would make the browser ask first (a CORS preflight), be refused by most servers, and break the page under test.
   */
  async startTracing(frameTree) {
    const { session } = this;
    const origins = new Map();
    const remember = (frame) => origins.set(frame.id, originOf(frame.url));
    const walk = ({ frame, childFrames = [] }) => { remember(frame); childFrames.forEach(walk); };
    walk(frameTree);
    session.on('Page.frameNavigated', ({ frame }) => remember(frame));
    session.on('Fetch.requestPaused', ({ requestId, request, resourceType, frameId }) => {
      const own = resourceType === 'Document' || origins.get(frameId) === originOf(request.url);
      const headers = Object.entries({ ...request.headers, ...(own ? trace.headers() : {}) }).map(([name, value]) => ({ name, value }));
      // A request that has been given up meanwhile cannot be continued.
      session.send('Fetch.continueRequest', own ? { requestId, headers } : { requestId }).catch(() => {});
    });
    await session.send('Fetch.enable', { patterns: [{ urlPattern: 'http://*' }, { urlPattern: 'https://*' }] });
  }

  async setUserAgent(text) {
    this.userAgent = text;
    await this.session.send('Emulation.setUserAgentOverride', { userAgent: text });
  }

  requestStarts(event) {
    if (!/^https?:/.test(event.request.url)) return;
    if (event.redirectResponse) {
      // The same id goes on at the new address; what led there is a request of its own.
      this.answer(this.open.get(event.requestId), event.redirectResponse);
      this.finish(event.requestId, event.timestamp, 0);
    }
    const step = run.currentStep();
    const options = step ? step.options : configuration.values;
    const exchange = {
      url: event.request.url,
      method: event.request.method,
      requestHeaders: event.request.headers,
      requestBody: event.request.postData,
      startedDateTime: new Date(event.wallTime * 1000).toISOString(),
      startedAt: event.timestamp,
      resourceType: event.type,
      stepName: step && step.stepName,
      step,
      options,
      main: event.type === 'Document' && event.frameId === this.mainFrame,
    };
    if (exchange.main) this.navigates(exchange, event);
    if (this.navigation) exchange.pageref = this.navigation.page.id;
    this.open.set(event.requestId, exchange);
    if (options.logRequest) {
      const headers = options.logRequestHeaders ? ` ${JSON.stringify(cleanHeaders(event.request.headers, options))}` : '';
      const body = options.logRequestBody && event.request.postData ? ` ${event.request.postData}` : '';
      logger.info(`request: ${exchange.method} ${clean(exchange.url, options)}${headers}${body}`);
    }
  }

  navigates(exchange, event) {
    const { step, options } = exchange;
    // After a redirect the load is still the one that began with the first request.
    const startedAt = event.redirectResponse && this.navigation ? this.navigation.startedAt : event.timestamp;
    const page = event.redirectResponse && this.navigation ? this.navigation.page : run.har.addPage(exchange.url, exchange.startedDateTime, options);
    this.navigation = { startedAt, page, step };
    if (step && !step.url) step.url = clean(exchange.url, options);
  }

  responseArrives(event) {
    this.answer(this.open.get(event.requestId), event.response);
  }

  answer(exchange, response) {
    if (!exchange) return;
    Object.assign(exchange, {
      status: response.status,
      statusText: response.statusText,
      responseHeaders: response.headers,
      requestHeaders: response.requestHeaders || exchange.requestHeaders,
      mimeType: response.mimeType,
      httpVersion: response.protocol,
      serverIPAddress: response.remoteIPAddress,
      network: response.timing,
    });
    const { step, options } = exchange;
    run.countStatus(response.status);
    if (response.status >= 400) note(step && step.failedRequests, { url: clean(exchange.url, options), reason: `${response.status} ${response.statusText}`.trim() });
    if (exchange.main && step) step.statusCode = response.status;
    if (options.logResponse) {
      const headers = options.logResponseHeaders ? ` ${JSON.stringify(cleanHeaders(response.headers, options))}` : '';
      logger.info(`response: ${response.status} ${response.statusText} ${clean(exchange.url, options)}${headers}`.trimEnd());
    }
  }

  requestEnds(event) {
    const exchange = this.open.get(event.requestId);
    if (!exchange) return;
    const wantsBody = exchange.options.includeResponseBody || exchange.options.logResponseBody;
    if (!wantsBody || event.encodedDataLength > MAX_BODY) {
      this.finish(event.requestId, event.timestamp, event.encodedDataLength);
      return;
    }
    const fetched = this.session.send('Network.getResponseBody', { requestId: event.requestId }).then(
      ({ body, base64Encoded }) => Object.assign(exchange, { responseBody: body, bodyIsBase64: base64Encoded }),
      () => {}, // The page has moved on and dropped it.
    ).then(() => {
      if (exchange.options.logResponseBody && !exchange.bodyIsBase64) logger.info(`response body: ${exchange.responseBody || ''}`);
      this.finish(event.requestId, event.timestamp, event.encodedDataLength);
      this.bodies.delete(fetched);
    });
    this.bodies.add(fetched);
  }

  requestFails(event) {
    const exchange = this.open.get(event.requestId);
    if (!exchange) return;
    // A request that the page itself gave up, say by navigating away, has not failed.
    if (!event.canceled && exchange.status === undefined) {
      const reason = event.errorText || event.blockedReason || 'failed';
      run.countFailed();
      note(exchange.step && exchange.step.failedRequests, { url: clean(exchange.url, exchange.options), reason });
      logger.warn(`request failed: ${exchange.method} ${clean(exchange.url, exchange.options)}: ${reason}`);
    }
    exchange.error = event.errorText;
    this.finish(event.requestId, event.timestamp, 0);
  }

  finish(requestId, timestamp, transferred) {
    const exchange = this.open.get(requestId);
    if (!exchange) return;
    this.open.delete(requestId);
    exchange.durationMs = (timestamp - exchange.startedAt) * 1000;
    exchange.transferred = transferred;
    exchange.bodySize = transferred;
    exchange.timings = timingsOf(exchange.network, timestamp);
    if (exchange.main && exchange.step) exchange.step.timings = { ...exchange.step.timings, ...exchange.timings };
    run.har.add(exchange, exchange.options);
  }

  pageReaches(moment, event) {
    if (!this.navigation) return;
    const milliseconds = (event.timestamp - this.navigation.startedAt) * 1000;
    const { page, step } = this.navigation;
    page.pageTimings[moment] = Math.round(milliseconds * 10) / 10;
    if (moment === 'onLoad' && step) step.timings = { ...step.timings, loadMs: milliseconds };
  }

  consoleError(text) {
    const step = run.currentStep();
    const message = cleanText(String(text), step ? step.options : configuration.values);
    note(step && step.consoleErrors, message);
    logger.warn(`browser console: ${message}`);
  }

  /** Waits until the events so far have arrived; returns the page's address. */
  async settle() {
    const history = await within(1000, this.session.send('Page.getNavigationHistory'));
    await within(1000, Promise.all(this.bodies)).catch(() => {});
    return history.entries[history.currentIndex].url;
  }

  /** Requests that never ended (a stream, a hanging server) belong in the HAR too. */
  finishOpen() {
    for (const [requestId, exchange] of [...this.open]) {
      exchange.error = 'not finished at the end of the run';
      this.finish(requestId, exchange.startedAt, 0);
    }
  }
}

/** Chromium's timings: moments in ms after `requestTime` (s), −1 for what did not take place. */
function timingsOf(network, endedAt) {
  if (!network) return {};
  const span = (start, end) => (start >= 0 && end >= 0 ? end - start : undefined);
  const tlsMs = span(network.sslStart, network.sslEnd);
  const connectMs = span(network.connectStart, network.connectEnd);
  return {
    dnsMs: span(network.dnsStart, network.dnsEnd),
    connectMs: connectMs === undefined ? undefined : connectMs - (tlsMs || 0),
    tlsMs,
    firstByteMs: span(network.sendStart, network.receiveHeadersEnd),
    downloadMs: Math.max(0, (endedAt - network.requestTime) * 1000 - network.receiveHeadersEnd),
  };
}

function originOf(url) {
  try {
    return new URL(url).origin;
  } catch {
    return undefined;
  }
}

function note(list, item) {
  if (list && list.length < MAX_MESSAGES) list.push(item);
}

function textOf(argument) {
  return String(argument.value ?? argument.description ?? argument.type);
}

module.exports = { Recorder };
