'use strict';
// What the parent process told this run, read once so that no other file looks at MITOSHI_CANARY_* by itself.

const { EventEmitter } = require('node:events');

const env = process.env;

module.exports = {
  handler: env.MITOSHI_CANARY_HANDLER || '',
  code: env.MITOSHI_CANARY_CODE || process.cwd(),
  artifacts: env.MITOSHI_CANARY_ARTIFACTS || process.cwd(),
  name: env.MITOSHI_CANARY_NAME || 'canary',
  runId: env.MITOSHI_CANARY_RUN_ID || '',
  arn: env.MITOSHI_CANARY_ARN || '',
  region: env.MITOSHI_CANARY_REGION || env.AWS_REGION || 'us-east-1',
  chrome: env.MITOSHI_CANARY_CHROME || '',
  modules: env.MITOSHI_CANARY_MODULES || '',
  traceHeader: env.MITOSHI_CANARY_TRACE_HEADER || '',
  runtimeVersion: env.MITOSHI_CANARY_RUNTIME_VERSION || '',
  // The scratch folder; kept because a script may change its working directory.
  scratch: process.cwd(),
  // Other parts of the runtime listen here ('finishing') without the run knowing them.
  events: new EventEmitter(),
};
