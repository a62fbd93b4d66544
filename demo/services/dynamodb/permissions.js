'use strict';
// Who may do what: access key id → role → policy document, the way IAM decides for DynamoDB.

const fs = require('fs');
const path = require('path');

const CREDENTIALS = require('./credentials.json');
const ACCOUNT = process.env.AWS_ACCOUNT_ID || '123456789012';
const REGION = process.env.AWS_DEFAULT_REGION || 'ap-northeast-1';
const POLICY_DIR = process.env.POLICY_DIR || path.join(__dirname, 'policies');

const policies = new Map();

// The document is read again when its file has changed, so a permission comes and goes without a restart.
function policyOf(role) {
  const file = path.join(POLICY_DIR, `${role}.json`);
  const { mtimeMs, ino } = fs.statSync(file);
  const known = policies.get(role);
  if (known && known.mtimeMs === mtimeMs && known.ino === ino) return known.statements;
  const statements = [].concat(JSON.parse(fs.readFileSync(file, 'utf8')).Statement);
  policies.set(role, { mtimeMs, ino, statements });
  return statements;
}

// IAM wildcards: `*` is any run of characters, `?` is one. Actions ignore case, resources do not.
function matches(patterns, value, flags) {
  return [].concat(patterns).some((pattern) => {
    const source = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');
    return new RegExp(`^${source}$`, flags).test(value);
  });
}

/** Returns null when the call is allowed, else `{ type, message }` as DynamoDB words it. */
function refusal(accessKeyId, action, tableName) {
  const identity = CREDENTIALS[accessKeyId];
  if (!identity) {
    return { type: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' };
  }
  const resource = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${tableName || '*'}`;
  const fitting = policyOf(identity.role).filter(
    (statement) => matches(statement.Action, action, 'i') && matches(statement.Resource, resource, ''),
  );
  const denied = fitting.some((statement) => statement.Effect === 'Deny');
  if (!denied && fitting.some((statement) => statement.Effect === 'Allow')) return null;

  const user = `arn:aws:sts::${ACCOUNT}:assumed-role/${identity.role}/${identity.session}`;
  const reason = denied
    ? 'with an explicit deny in an identity-based policy'
    : `because no identity-based policy allows the ${action} action`;
  return {
    type: 'AccessDeniedException',
    message: `User: ${user} is not authorized to perform: ${action} on resource: ${resource} ${reason}`,
  };
}

module.exports = { refusal };
