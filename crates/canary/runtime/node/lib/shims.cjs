'use strict';
// Which names a script may import without installing them: AWS's two scopes, and the older names without a scope.

const path = require('node:path');

const SCOPED = {
  'synthetics-puppeteer': 'synthetics-puppeteer',
  'synthetics-playwright': 'synthetics-playwright',
  'synthetics-core': 'synthetics-core',
  'synthetics-logger': 'synthetics-logger',
  'synthetics-log-helper': 'synthetics-log-helper',
  'synthetics-configuration': 'synthetics-configuration',
  'synthetics-link': 'synthetics-link',
  'synthetics-broken-link-checker-report': 'broken-link-checker-report',
};
const BARE = {
  Synthetics: 'synthetics-puppeteer',
  SyntheticsLogger: 'synthetics-logger',
  SyntheticsLogHelper: 'synthetics-log-helper',
  SyntheticsConfiguration: 'synthetics-configuration',
  SyntheticsLink: 'synthetics-link',
  BrokenLinkCheckerReport: 'broken-link-checker-report',
};

const files = new Map();
for (const [name, file] of Object.entries(SCOPED)) {
  for (const scope of ['@amzn', '@aws']) files.set(`${scope}/${name}`, file);
}
for (const [name, file] of Object.entries(BARE)) files.set(name, file);

/** The file that stands for a name, or undefined. The types-only packages that AWS publishes under @aws lose against it. */
function shimFor(name) {
  const file = files.get(name);
  return file && path.join(__dirname, '..', 'shims', `${file}.cjs`);
}

/** `lodash`, `@scope/name/part`: not a path, not a URL, not Node's own. */
function isPackage(specifier) {
  return !/^(?:[./#]|[a-z]+:)/i.test(specifier);
}

module.exports = { shimFor, isPackage };
