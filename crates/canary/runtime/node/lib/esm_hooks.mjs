// `import` of the shim packages, and of packages in the extra module folder. Runs in Node's own hook thread.

import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { shimFor, isPackage } = createRequire(import.meta.url)('./shims.cjs');
let fallbackFolders = [];

export function initialize(data) {
  fallbackFolders = data.fallbackFolders;
}

export async function resolve(specifier, context, nextResolve) {
  const shim = shimFor(specifier);
  if (shim) return nextResolve(pathToFileURL(shim).href, context);
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !isPackage(specifier)) throw error;
    for (const folder of fallbackFolders) {
      try {
        // As if a file in that folder had asked.
        return await nextResolve(specifier, { ...context, parentURL: pathToFileURL(path.join(folder, 'from.mjs')).href });
      } catch {
        // The next folder may have it.
      }
    }
    throw error;
  }
}
