'use strict';
// HAR 1.2. Headers and bodies are only written when the configuration asks for them, as on AWS.

const { clean, cleanHeaders } = require('./redact.cjs');

const MAX_ENTRIES = 5000;

class Har {
  constructor() {
    this.pages = [];
    this.entries = [];
  }

  addPage(url, startedDateTime, options) {
    const page = { startedDateTime, id: `page_${this.pages.length + 1}`, title: clean(url, options), pageTimings: { onContentLoad: -1, onLoad: -1 } };
    this.pages.push(page);
    return page;
  }

  /** `exchange` is one request and its answer, however it was made; see `entryOf` for its fields. */
  add(exchange, options) {
    if (this.entries.length < MAX_ENTRIES) this.entries.push(entryOf(exchange, options));
  }

  toJson() {
    return {
      log: {
        version: '1.2',
        creator: { name: 'mitoshi-canary', version: '1' },
        pages: this.pages,
        entries: [...this.entries].sort((a, b) => (a.startedDateTime < b.startedDateTime ? -1 : 1)),
      },
    };
  }
}

function entryOf(exchange, options) {
  const url = clean(exchange.url, options);
  const timings = exchange.timings || {};
  const request = {
    method: exchange.method,
    url,
    httpVersion: exchange.httpVersion || 'HTTP/1.1',
    cookies: [],
    headers: options.includeRequestHeaders ? headerList(exchange.requestHeaders, options) : [],
    queryString: queryOf(url),
    headersSize: -1,
    bodySize: exchange.requestBody ? Buffer.byteLength(exchange.requestBody) : 0,
  };
  if (options.includeRequestBody && exchange.requestBody) {
    request.postData = { mimeType: headerOf(exchange.requestHeaders, 'content-type') || '', text: String(exchange.requestBody) };
  }
  const content = { size: exchange.bodySize ?? 0, mimeType: exchange.mimeType || headerOf(exchange.responseHeaders, 'content-type') || '' };
  if (options.includeResponseBody && exchange.responseBody !== undefined) {
    content.text = exchange.responseBody;
    if (exchange.bodyIsBase64) content.encoding = 'base64';
  }
  const entry = {
    startedDateTime: exchange.startedDateTime,
    time: round(exchange.durationMs ?? 0),
    request,
    response: {
      status: exchange.status || 0,
      statusText: exchange.statusText || '',
      httpVersion: exchange.httpVersion || 'HTTP/1.1',
      cookies: [],
      headers: options.includeResponseHeaders ? headerList(exchange.responseHeaders, options) : [],
      content,
      redirectURL: clean(headerOf(exchange.responseHeaders, 'location') || '', options),
      headersSize: -1,
      bodySize: exchange.transferred ?? exchange.bodySize ?? -1,
    },
    cache: {},
    timings: {
      blocked: -1,
      dns: round(timings.dnsMs),
      // HAR counts the TLS handshake into `connect`; our reports keep the two apart.
      connect: timings.connectMs === undefined ? -1 : round(timings.connectMs + (timings.tlsMs || 0)),
      ssl: round(timings.tlsMs),
      send: 0,
      wait: Math.max(0, round(timings.firstByteMs ?? 0)),
      receive: Math.max(0, round(timings.downloadMs ?? 0)),
    },
  };
  if (exchange.serverIPAddress) entry.serverIPAddress = exchange.serverIPAddress;
  if (exchange.pageref) entry.pageref = exchange.pageref;
  if (exchange.error) entry._error = exchange.error;
  if (exchange.stepName) entry._stepName = exchange.stepName;
  if (exchange.resourceType) entry._resourceType = exchange.resourceType;
  return entry;
}

function headerList(headers, options) {
  return Object.entries(cleanHeaders(headers, options)).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => ({ name, value: String(one) })),
  );
}

function headerOf(headers, wanted) {
  const found = Object.entries(headers || {}).find(([name]) => name.toLowerCase() === wanted);
  return found ? String(found[1]) : undefined;
}

function queryOf(url) {
  try {
    return [...new URL(url).searchParams].map(([name, value]) => ({ name, value }));
  } catch {
    return [];
  }
}

function round(value) {
  return value === undefined ? -1 : Math.round(value * 1000) / 1000;
}

module.exports = { Har, headerOf };
