'use strict';
// DynamoDB for the demo: dynalite answers, after a permission check that refuses exactly as DynamoDB does.

const crypto = require('crypto');
const http = require('http');
const { Readable } = require('stream');
const zlib = require('zlib');
const dynalite = require('dynalite');
const { refusal } = require('./permissions');

const PORT = Number(process.env.PORT || 8084);
const HOST = process.env.BIND || '127.0.0.1';
const TABLE = process.env.TABLE_NAME || 'last-access';

// Never listens itself: this server hands it the requests that passed the check.
const database = dynalite({ createTableMs: 0 });

function pass(method, url, headers, body, res) {
  database.emit('request', Object.assign(Readable.from([body]), { method, url, headers }), res);
}

function refuse(res, { type, message }) {
  const body = JSON.stringify({ __type: `com.amazon.coral.service#${type}`, Message: message });
  res.writeHead(400, {
    'x-amzn-RequestId': crypto.randomBytes(39).toString('base64').toUpperCase().replace(/[+/]/g, '0'),
    'x-amz-crc32': String(zlib.crc32(body)),
    'Content-Type': 'application/x-amz-json-1.0',
    'Content-Length': Buffer.byteLength(body),
  });
  res.end(body);
}

function tableNameIn(body) {
  try {
    return JSON.parse(body).TableName;
  } catch {
    return undefined; // dynalite will answer what is wrong with it
  }
}

// A call of the server's own, for setting up: it does not come from outside, so it needs no permission.
function call(operation, input) {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20200101T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=setup, SignedHeaders=host, Signature=setup',
    };
    const res = {
      setHeader() {},
      end(body) {
        if (this.statusCode === 200) resolve(JSON.parse(body));
        else reject(new Error(`${operation}: ${body}`));
      },
    };
    pass('POST', '/', headers, Buffer.from(JSON.stringify(input)), res);
  });
}

async function handle(req, res) {
  if (req.method === 'GET' && req.url === '/health') {
    const { Table } = await call('DescribeTable', { TableName: TABLE });
    const ready = Table.TableStatus === 'ACTIVE';
    res.writeHead(ready ? 200 : 503, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify({ status: ready ? 'ok' : Table.TableStatus, table: TABLE }));
    return;
  }
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);

  const [, accessKeyId] = /Credential=([^/,\s]+)\//.exec(req.headers.authorization || '') || [];
  const [, operation] = (req.headers['x-amz-target'] || '').split('.');
  // Without a key or an operation there is nothing to decide: dynalite has the right answer to such a request.
  const refused = accessKeyId && operation && refusal(accessKeyId, `dynamodb:${operation}`, tableNameIn(body));
  if (refused) {
    console.log(`${new Date().toISOString()} refused ${operation}: ${refused.message}`);
    refuse(res, refused);
  } else {
    pass(req.method, req.url, req.headers, body, res);
  }
}

const server = http.createServer((req, res) => {
  handle(req, res).catch((error) => {
    console.error(`${new Date().toISOString()} ${error.stack}`);
    if (!res.headersSent) res.writeHead(500);
    res.end();
  });
});

async function main() {
  await call('CreateTable', {
    TableName: TABLE,
    AttributeDefinitions: [{ AttributeName: 'service', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'service', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
  });
  server.listen(PORT, HOST, () => console.log(`DynamoDB listens on ${HOST}:${PORT}, table ${TABLE}`));
  process.on('SIGTERM', () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

main();
