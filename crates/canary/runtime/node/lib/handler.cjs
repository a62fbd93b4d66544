'use strict';
// From the name of a handler to the function: `file.fn` or `folder/file.fn` in one of AWS's layouts.

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { ExecutionFailure } = require('./failure.cjs');

/** @returns {{file: string, functionName: string}} */
function locate(handler, code) {
  const dot = handler.lastIndexOf('.');
  const fileName = handler.slice(0, dot);
  const functionName = handler.slice(dot + 1);
  if (dot < 1 || !functionName) {
    throw new ExecutionFailure(`the handler "${handler}" is not of the form file.function; set the canary's handler, e.g. "index.handler"`);
  }
  const tried = [];
  for (const folder of [path.join('nodejs', 'node_modules'), '', 'nodejs']) {
    for (const extension of ['.js', '.mjs', '.cjs']) {
      const relative = path.join(folder, fileName + extension);
      if (isFile(path.join(code, relative))) return { file: path.join(code, relative), functionName };
      tried.push(relative);
    }
  }
  const there = fs.existsSync(code) ? fs.readdirSync(code).slice(0, 10).join(', ') || 'nothing' : 'nothing';
  throw new ExecutionFailure(`the handler "${handler}" needs a file ${fileName}.js, which is not in the canary's code (it holds: ${there}); tried ${tried.join(', ')}`);
}

async function load({ file, functionName }) {
  let module;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw new ExecutionFailure(`the script does not parse: ${error.message}${syntaxHint(error, file)}`, error);
    throw error;
  }
  // A CommonJS file arrives as `default`; only some of its exports are seen as names.
  const found = module[functionName] ?? module.default?.[functionName];
  if (typeof found !== 'function') {
    const names = Object.keys({ ...module.default, ...module }).filter((name) => name !== 'default' && name !== 'module.exports').join(', ') || 'nothing';
    throw new ExecutionFailure(`${path.basename(file)} exports no function "${functionName}" (it exports ${names}); correct the handler or export it`);
  }
  return found;
}

function syntaxHint(error, file) {
  if (!/import statement|Unexpected token 'export'/.test(error.message) || !file.endsWith('.js')) return '';
  return `; a script that uses import/export needs the name ${path.basename(file, '.js')}.mjs, or "type": "module" in a package.json beside it`;
}

function isFile(file) {
  try {
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

module.exports = { locate, load };
