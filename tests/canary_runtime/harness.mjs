// Starts the Node runtime as the server does, on scripts written to a temporary folder, and reads what it leaves behind.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const RUNTIME = path.join(here, '..', '..', 'crates', 'canary', 'runtime');
export const MODULES = process.env.CANARY_TEST_MODULES || '';
export const CHROME = process.env.CANARY_TEST_CHROME || '/usr/bin/chromium';
export const ARN = 'arn:aws:synthetics:us-east-1:000000000000:canary:shop';
export const TRACE = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';

/** false when the browser test can run, else the line that says why not. */
export function missing(library) {
  if (!fs.existsSync(CHROME)) return `no browser at ${CHROME}; set CANARY_TEST_CHROME`;
  if (!MODULES || !fs.existsSync(path.join(MODULES, 'node_modules', library))) {
    return `no ${library}; npm install --prefix FOLDER puppeteer-core playwright-core, and set CANARY_TEST_MODULES=FOLDER`;
  }
  const { version, engines } = JSON.parse(fs.readFileSync(path.join(MODULES, 'node_modules', library, 'package.json'), 'utf8'));
  const needed = Number(/\d+/.exec(engines?.node ?? '0'));
  if (needed > Number(process.versions.node.split('.')[0])) return `${library} ${version} needs Node.js ${needed}, this is ${process.version}`;
  return false;
}

/** Writes `files` as the unpacked zip and runs `handler`. `whileRunning(child, scratch)` may interfere. */
export async function runCanary(files, { handler = 'index.handler', env = {}, whileRunning } = {}) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'canary-test-'));
  const [code, artifacts, scratch] = ['code', 'artifacts', 'scratch'].map((name) => path.join(root, name));
  for (const folder of [code, artifacts, scratch]) fs.mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(code, name)), { recursive: true });
    fs.writeFileSync(path.join(code, name), text);
  }
  const child = spawn(process.execPath, [path.join(RUNTIME, 'node', 'main.mjs')], {
    cwd: scratch,
    env: {
      PATH: process.env.PATH, HOME: scratch,
      MITOSHI_CANARY_HANDLER: handler, MITOSHI_CANARY_CODE: code, MITOSHI_CANARY_ARTIFACTS: artifacts,
      MITOSHI_CANARY_NAME: 'shop', MITOSHI_CANARY_RUN_ID: 'run-1', MITOSHI_CANARY_ARN: ARN, MITOSHI_CANARY_REGION: 'us-east-1',
      MITOSHI_CANARY_CHROME: CHROME, ...(MODULES ? { MITOSHI_CANARY_MODULES: MODULES } : {}), ...env,
    },
  });
  let log = '';
  child.stdout.on('data', (data) => { log += data; });
  child.stderr.on('data', (data) => { log += data; });
  const ended = new Promise((resolve) => { child.on('close', (status) => resolve(status)); });
  if (whileRunning) await whileRunning(child, artifacts);
  const exitCode = await ended;
  const names = fs.readdirSync(artifacts).sort();
  const json = Object.fromEntries(names.filter((name) => /\.(json|har)$/.test(name)).map((name) => [name, JSON.parse(fs.readFileSync(path.join(artifacts, name), 'utf8'))]));
  const result = { exitCode, log, report: json['report.json'], har: json['results.har'], json, artifacts: names, leftOver: processesIn(scratch) };
  fs.rmSync(root, { recursive: true, force: true });
  return result;
}

/** Command lines of processes that still work in the scratch folder. */
function processesIn(scratch) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return fs.readlinkSync(`/proc/${pid}/cwd`).startsWith(scratch) || line.includes(scratch) ? [line] : [];
    } catch {
      return [];
    }
  });
}

/** A site of a few pages; `seen` keeps the requests it got. */
export async function startSite() {
  const seen = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (data) => { body += data; });
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      answer(request, response, body);
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  return { seen, port, url: `http://127.0.0.1:${port}`, close: () => { server.closeAllConnections(); server.close(); } };
}

function answer(request, response, body) {
  const { pathname } = new URL(request.url, 'http://x');
  const send = (status, type, text, headers = {}) => { response.writeHead(status, { 'content-type': type, ...headers }); response.end(text); };
  if (pathname === '/') send(200, 'text/html', '<title>Shop</title><h1>Shop</h1><img src="/missing.png"><a href="/cart">cart</a><script>console.error("cart is broken")</script>');
  else if (pathname === '/cart') send(200, 'text/html', '<title>Cart</title><p id="n">2 items</p>');
  else if (pathname === '/json') send(200, 'application/json', JSON.stringify({ ok: true, got: body }));
  else if (pathname === '/app') send(200, 'text/html', `<script>fetch('http://localhost:${request.socket.localPort}/api').then(() => fetch('/json')).then(() => { document.title = 'ready'; })</script>`);
  else if (pathname === '/api') send(200, 'text/plain', request.method, { 'access-control-allow-origin': '*' });
  else if (pathname === '/old') send(302, 'text/plain', '', { location: '/cart' });
  else if (pathname === '/fail') send(503, 'text/plain', 'down');
  else if (pathname === '/hang') response.writeHead(200, { 'content-type': 'text/html' });
  else send(404, 'text/plain', 'nothing here');
}
