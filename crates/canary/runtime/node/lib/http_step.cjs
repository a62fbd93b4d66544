'use strict';
// executeHttpStep: one request with Node's own http/https as a step, with timings, counters and a HAR entry.

const http = require('node:http');
const https = require('node:https');
const { configuration } = require('./config.cjs');
const { logger } = require('./logger.cjs');
const { messageOf } = require('./failure.cjs');
const { clean, cleanHeaders, cleanText } = require('./redact.cjs');
const { run } = require('./run.cjs');
const { runStep } = require('./steps.cjs');
const trace = require('./trace.cjs');
const userAgent = require('./user_agent.cjs');

const MAX_KEPT_BODY = 1024 * 1024;

async function executeHttpStep(stepName, requestOptions, callback, stepConfig) {
  const options = configuration.forStep(stepConfig);
  const request = requestOf(requestOptions);
  const name = stepName || `${request.method} ${request.url.hostname}${request.url.pathname}`;
  return runStep(name, { options, continueOnFailure: options.continueOnHttpStepFailure }, (step) => exchange(step, request, callback || expectSuccess, options));
}

/** Without a callback of its own, a step passes on any 2xx. */
async function expectSuccess(response) {
  if (response.statusCode < 200 || response.statusCode > 299) throw new Error(`${response.statusCode} ${response.statusMessage}`);
}

/** Takes a URL, a string or http.request's options with an additional `body`. */
function requestOf(given) {
  if (typeof given === 'string' || given instanceof URL) return { url: new URL(given), method: 'GET', options: {}, headers: defaultHeaders({}), body: undefined };
  const { body, headers, ...options } = given || {};
  const protocol = options.protocol || (Number(options.port) === 443 ? 'https:' : 'http:');
  const host = options.hostname || options.host || 'localhost';
  const authority = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = new URL(`${protocol}//${authority}${options.port ? `:${options.port}` : ''}${options.path || '/'}`);
  return { url, method: (options.method || 'GET').toUpperCase(), options: { ...options, protocol }, headers: defaultHeaders(headers), body: bodyOf(body) };
}

function defaultHeaders(given) {
  const headers = { ...given };
  const name = Object.keys(headers).find((one) => one.toLowerCase() === 'user-agent') || 'User-Agent';
  // Scripts made from AWS's blueprints put the canary's user agent in by themselves.
  if (!String(headers[name] || '').includes(userAgent.PRODUCT)) headers[name] = [userAgent.text(), headers[name]].filter(Boolean).join(' ');
  trace.addTo(headers);
  return headers;
}

function bodyOf(body) {
  if (body === undefined || body === null || typeof body === 'string' || Buffer.isBuffer(body)) return body ?? undefined;
  return body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body);
}

async function exchange(step, request, callback, options) {
  const url = clean(request.url.href, options);
  step.url = url;
  if (options.logRequest) logger.info(`request: ${request.method} ${url}${extra(options.logRequestHeaders && cleanHeaders(request.headers, options), options.logRequestBody && request.body)}`);
  const clock = { start: performance.now() };
  const record = { url: request.url.href, method: request.method, requestHeaders: request.headers, requestBody: request.body, startedDateTime: new Date().toISOString(), stepName: step.stepName };
  try {
    await send(request, clock, record, (response) => {
      step.statusCode = response.statusCode;
      run.countStatus(response.statusCode);
      if (options.logResponse) logger.info(`response: ${response.statusCode} ${response.statusMessage} ${url}${extra(options.logResponseHeaders && cleanHeaders(response.headers, options))}`);
      return callback(response);
    });
    if (options.logResponseBody) logger.info(`response body: ${record.responseBody || ''}`);
  } catch (error) {
    if (record.status === undefined) {
      record.error = cleanText(messageOf(error), options);
      step.failedRequests.push({ url, reason: record.error });
      run.countFailed();
    }
    throw error;
  } finally {
    record.durationMs = performance.now() - clock.start;
    record.timings = timingsOf(clock);
    step.timings = record.timings;
    run.har.add(record, options);
  }
}

/** Sends the request, lets the script look at the response, and waits for the rest of the body. */
function send(request, clock, record, onResponse) {
  const module = request.url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    // A connection of its own unless the script brings an agent: a reused one has no name lookup and no handshake to measure.
    const outgoing = module.request(request.url, { agent: false, ...request.options, method: request.method, headers: request.headers });
    outgoing.once('socket', (socket) => {
      socket.once('lookup', () => { clock.lookup = performance.now(); });
      socket.once('connect', () => { clock.connect = performance.now(); record.serverIPAddress = socket.remoteAddress; });
      socket.once('secureConnect', () => { clock.secure = performance.now(); });
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${request.options.timeout} ms`)));
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      clock.firstByte = performance.now();
      Object.assign(record, { status: response.statusCode, statusText: response.statusMessage, responseHeaders: response.headers, httpVersion: `HTTP/${response.httpVersion}`, mimeType: response.headers['content-type'] });
      const body = watchBody(response);
      // Called in this very tick: a listener the script attaches must not miss the first bytes.
      settle(response, onResponse).finally(() => {
        clock.end = performance.now();
        record.bodySize = body.size;
        record.responseBody = Buffer.concat(body.chunks).toString('utf8');
      }).then(resolve, reject);
    });
    outgoing.end(request.body);
  });
}

async function settle(response, onResponse) {
  const ended = new Promise((resolve, reject) => {
    response.once('end', resolve);
    response.once('error', reject);
    response.once('close', () => (response.complete ? resolve() : reject(new Error('the connection ended before the response was complete'))));
  });
  ended.catch(() => {});
  await onResponse(response);
  // Whatever the script did not read is read here; otherwise the connection would stay open.
  if (!response.readableEnded && !response.destroyed) response.resume();
  await ended;
}

/** Sees the body go by without switching the stream into flowing mode, which a 'data' listener would do. */
function watchBody(response) {
  const seen = { size: 0, chunks: [] };
  let kept = 0;
  const push = response.push;
  response.push = function watched(chunk, encoding) {
    if (chunk) {
      seen.size += chunk.length;
      if (kept + chunk.length <= MAX_KEPT_BODY) {
        seen.chunks.push(Buffer.from(chunk));
        kept += chunk.length;
      }
    }
    return push.call(this, chunk, encoding);
  };
  return seen;
}

function timingsOf(clock) {
  const connected = clock.secure ?? clock.connect ?? clock.start;
  return {
    dnsMs: between(clock.start, clock.lookup),
    connectMs: between(clock.lookup ?? clock.start, clock.connect),
    tlsMs: between(clock.connect, clock.secure),
    firstByteMs: between(connected, clock.firstByte),
    downloadMs: between(clock.firstByte, clock.end),
  };
}

function between(from, to) {
  return from === undefined || to === undefined ? undefined : to - from;
}

function extra(...parts) {
  return parts.filter(Boolean).map((part) => ` ${typeof part === 'string' ? part : JSON.stringify(part)}`).join('');
}

module.exports = { executeHttpStep };
