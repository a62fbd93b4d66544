'use strict';
// Finding Chromium and the library that drives it, and the options both are started with.

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const environment = require('./environment.cjs');
const { ExecutionFailure, whereToInstall } = require('./failure.cjs');
const { logger } = require('./logger.cjs');
const { run } = require('./run.cjs');

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'headless_shell'];
const VIEWPORT = { width: 1920, height: 1080 };

function unable(message, cause) {
  run.unable = new ExecutionFailure(message, cause);
  return run.unable;
}

/** The browser's path. A script's own `executablePath` wins where it exists: on AWS it names a layer's browser. */
function executable(wanted) {
  if (wanted && fs.existsSync(wanted)) return wanted;
  if (environment.chrome) {
    if (fs.existsSync(environment.chrome)) return environment.chrome;
    throw unable(`the browser ${environment.chrome} does not exist; install Chromium there, or set MITOSHI_CANARY_CHROME to its path`);
  }
  for (const folder of (process.env.PATH || '').split(path.delimiter)) {
    for (const name of BROWSERS) {
      const candidate = path.join(folder, name);
      if (folder && fs.existsSync(candidate)) return candidate;
    }
  }
  throw unable('no browser was found; install Chromium on the server (Debian: apt-get install chromium), or set MITOSHI_CANARY_CHROME to its path');
}

function launchArguments() {
  const flags = [
    '--disable-dev-shm-usage', // Containers give /dev/shm 64 MB, less than one page may need.
    '--disable-gpu', '--hide-scrollbars', '--mute-audio', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-breakpad', '--disable-crash-reporter', '--disable-default-apps', '--disable-sync', '--password-store=basic',
    `--window-size=${VIEWPORT.width},${VIEWPORT.height}`,
  ];
  return [...required(), ...flags];
}

/** Flags without which Chromium does not start here, whatever a script asks for. */
function required() {
  const root = process.getuid && process.getuid() === 0;
  const container = fs.existsSync('/.dockerenv') || fs.existsSync('/run/.containerenv');
  return root || container ? ['--no-sandbox', '--disable-dev-shm-usage'] : ['--disable-dev-shm-usage'];
}

/** What both libraries get; the script's own options go over it. */
function launchOptions(given = {}) {
  const options = {
    args: launchArguments(),
    headless: true,
    // The run ends its browsers by itself (processes.cjs); the libraries' own handlers would end this process before the report is written.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    ...given,
    executablePath: executable(given.executablePath),
    env: { ...process.env, XDG_CONFIG_HOME: path.join(environment.scratch, '.config'), XDG_CACHE_HOME: path.join(environment.scratch, '.cache'), ...given.env },
  };
  options.args = [...new Set([...required(), ...options.args])];
  if (options.headless === false && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    logger.warn('the script asks for a visible browser, but there is no display; it runs headless');
    options.headless = true;
  }
  return options;
}

/** Loads the first of `names` that is found: in the user's code, in the folder of modules, then where Node looks by itself. */
async function library(names) {
  const { code, modules } = environment;
  const folders = [path.join(code, 'nodejs'), code, ...(modules ? [modules] : []), __dirname];
  for (const folder of folders) {
    const { resolve } = createRequire(path.join(folder, 'from.js'));
    for (const name of names) {
      let file;
      try {
        file = resolve(name);
      } catch {
        continue;
      }
      checkEngine(name, file);
      const loaded = await import(pathToFileURL(file).href);
      logger.debug(`${name} is ${file}`);
      return loaded.default ?? loaded;
    }
  }
  throw unable(`the browser library ${names[0]} is not installed; ${whereToInstall(names[0], environment)}`);
}

/** A library that is too new for this Node.js fails in strange ways; Playwright ends the process. */
function checkEngine(name, file) {
  const root = file.slice(0, file.lastIndexOf(`${path.sep}${name.replace('/', path.sep)}${path.sep}`) + name.length + 2);
  let about;
  try {
    about = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  } catch {
    return;
  }
  const needed = /^>=\s*(\d+)/.exec((about.engines && about.engines.node) || '');
  if (needed && Number(needed[1]) > Number(process.versions.node.split('.')[0])) {
    throw unable(`${name} ${about.version} needs Node.js ${needed[1]} or newer, and this is ${process.version}; install a newer Node.js, or an older ${name} (in ${root})`);
  }
}

/** Runs `action` with the system's temporary folder inside the scratch folder, where the libraries then put the browser's profile. */
async function withScratchTemp(action) {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = environment.scratch;
  try {
    return await action();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

/** A browser that does not start is the server's fault, not the canary's. */
async function started(launching) {
  try {
    return await withScratchTemp(launching);
  } catch (error) {
    throw unable(`the browser did not start: ${firstLines(error)}`, error);
  }
}

function firstLines(error) {
  return String(error && error.message).split('\n').filter(Boolean).slice(0, 3).join(' ');
}

/** Closes a browser, but does not wait for one that hangs. */
async function closeQuietly(browser) {
  if (!browser) return;
  try {
    await within(3000, browser.close());
  } catch (error) {
    logger.warn(`closing the browser: ${error.message}`);
  }
}

async function within(milliseconds, promise) {
  let timer;
  try {
    return await Promise.race([promise, new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds); })]);
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { VIEWPORT, launchOptions, library, started, closeQuietly, within };
