'use strict';
// BFF: asks Backend #1, then Backend #2, and answers both. Instrumented with the X-Ray SDK for Node.js.

const dns = require('dns');
const fs = require('fs');
const http = require('http');
const AWSXRay = require('aws-xray-sdk');

// Before axios is loaded: axios keeps the functions of `http` that it finds at load time.
AWSXRay.captureHTTPsGlobal(http);
const axios = require('axios');
const express = require('express');
const log = require('./log');

const PORT = Number(process.env.PORT || 8081);
const HOST = process.env.BIND || '127.0.0.1';
const BACKEND1_URL = process.env.BACKEND1_URL || 'http://backend1:8082/';
const BACKEND2_URL = process.env.BACKEND2_URL || 'http://backend2:8083/';

// A file like /etc/hosts, in place of a network's name service where there is none. It is read at every call, so a
// deployment can move a name. The SDK names a call after its host: with names, plain processes give the same
// subsegments as containers.
const HOSTS_FILE = process.env.HOSTS_FILE;

function lookup(hostname, options, callback) {
  const lines = HOSTS_FILE ? fs.readFileSync(HOSTS_FILE, 'utf8').split('\n').map((line) => line.split(' ')) : [];
  const [address] = lines.find(([, name]) => name === hostname) || [];
  if (!address) return dns.lookup(hostname, options, callback);
  return options.all ? callback(null, [{ address, family: 4 }]) : callback(null, address, 4);
}

// One connection per call: a kept connection would go on talking to a backend that has been replaced.
const backend = axios.create({ httpAgent: new http.Agent({ keepAlive: false, lookup }), timeout: 30_000, proxy: false });

const app = express();
app.disable('x-powered-by');
app.use(AWSXRay.express.openSegment(log.SERVICE));
app.use(log.requests);

app.get('/health', (req, res) => res.json({ status: 'ok' }));

app.get('/api/', async (req, res) => {
  const user = String(req.query.user || 'guest');
  const tenant = String(req.query.tenant || 'public');
  const segment = AWSXRay.getSegment();
  segment.setUser(user);
  segment.addAnnotation('tenant', tenant);

  const headers = { 'x-demo-user': user, 'x-demo-tenant': tenant };
  try {
    const backend1 = await backend.get(BACKEND1_URL, { headers });
    const backend2 = await backend.get(BACKEND2_URL, { headers });
    res.json({ user, tenant, backend1: backend1.data, backend2: backend2.data });
  } catch (error) {
    res.locals.failure = error; // for the log
    res.status(502).json({ error: 'a backend failed', detail: error.message });
  }
});

app.use(AWSXRay.express.closeSegment());

// In place of Express's own, which prints the stack a second time and over many lines. Four arguments make it one.
app.use((error, req, res, next) => {
  const status = error.status || 500;
  if (status >= 500) res.locals.failure = error;
  if (res.headersSent) return next(error);
  res.status(status).json({ error: status < 500 ? error.message : 'the BFF failed' });
});

const server = app.listen(PORT, HOST, (error) => {
  if (error) throw error;
  log.info(`BFF listens on ${HOST}:${PORT}`);
});
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
