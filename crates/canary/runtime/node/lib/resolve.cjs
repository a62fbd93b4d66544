'use strict';
// Makes the shim packages and the extra module folder visible to `require` and `import` alike.

const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const environment = require('./environment.cjs');
const { shimFor, isPackage } = require('./shims.cjs');

/** Where a package is looked for when the script's own folders do not have it. */
function fallbackFolders() {
  const { code, modules } = environment;
  return [path.join(code, 'nodejs'), code, ...(modules ? [modules] : [])];
}

function install() {
  const original = Module._resolveFilename;
  Module._resolveFilename = function resolveFilename(request, parent, isMain, options) {
    const shim = shimFor(request);
    if (shim) return shim;
    try {
      return original.call(this, request, parent, isMain, options);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND' || !isPackage(request)) throw error;
      try {
        return original.call(this, request, parent, isMain, { ...options, paths: fallbackFolders() });
      } catch {
        throw error; // The first error names the file that asked.
      }
    }
  };
  Module.register(pathToFileURL(path.join(__dirname, 'esm_hooks.mjs')).href, { data: { fallbackFolders: fallbackFolders() } });
}

module.exports = { install };
