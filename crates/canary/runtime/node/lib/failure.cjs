'use strict';
// Two kinds of failure, as CloudWatch has them: the canary failed (its script says so), or it could not be run.

/** The canary could not be run; the message is a sentence that says what to do. */
class ExecutionFailure extends Error {
  constructor(message, cause) {
    super(message, cause ? { cause } : undefined);
    this.name = 'ExecutionFailure';
  }
}

/** The text of whatever a script threw; scripts throw strings and numbers too. */
function messageOf(error) {
  if (error instanceof Error) return error.message || error.name;
  if (error && typeof error === 'object' && typeof error.message === 'string') return error.message;
  return String(error);
}

/** Turns "Cannot find package 'x'" into a sentence that says where to install it; other errors give undefined. */
function missingModule(error, environment) {
  if (!error || (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ERR_MODULE_NOT_FOUND')) return undefined;
  const found = /Cannot find (?:module|package) '([^']+)'/.exec(error.message);
  const name = found ? found[1] : 'a module';
  if (/^[./]/.test(name) || name.startsWith('file:')) {
    return new ExecutionFailure(`the script asks for ${name}, which is not in the canary's code; add the file to the zip`, error);
  }
  return new ExecutionFailure(`the script asks for the module "${name}", which is not installed; ${whereToInstall(name, environment)}`, error);
}

function whereToInstall(name, environment) {
  const inZip = `put it in the canary's zip (npm install ${name} beside the script, and zip node_modules with it)`;
  return environment.modules
    ? `run: npm install --prefix ${prefixOf(environment.modules)} ${name}, or ${inZip}`
    : `${inZip}, or install it on the server and point MITOSHI_CANARY_MODULES at that folder`;
}

/** `npm --prefix` wants the folder above node_modules. */
function prefixOf(modules) {
  return modules.replace(/\/node_modules\/?$/, '');
}

module.exports = { ExecutionFailure, messageOf, missingModule, whereToInstall };
