'use strict';
// The log of a run: one line per message on stdout, `time LEVEL: text`, as CloudWatch shows it.

const fs = require('node:fs');
const util = require('node:util');

const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'];
let level = Math.max(0, LEVELS.indexOf((process.env.CW_SYNTHETICS_LOG_LEVEL || 'INFO').toUpperCase().replace('TRACE', 'DEBUG').replace('FATAL', 'ERROR')));

function write(at, text) {
  if (at < level) return;
  // A message stays on one line, so that the reader can split the log by lines.
  const line = `${new Date().toISOString()} ${LEVELS[at]}: ${text.replace(/\r?\n/g, '\\n')}\n`;
  try {
    // Synchronous: the process may be ended right after, and a pipe would lose what is still queued.
    fs.writeSync(1, line);
  } catch (error) {
    if (error.code === 'EAGAIN') process.stdout.write(line);
  }
}

function textOf(values) {
  return util.format(...values.map((value) => (value instanceof Error ? value.stack || String(value) : value)));
}

const logger = {
  debug: (...values) => write(0, textOf(values)),
  info: (...values) => write(1, textOf(values)),
  log: (...values) => write(1, textOf(values)),
  warn: (...values) => write(2, textOf(values)),
  error: (...values) => write(3, textOf(values)),
  getLevel: () => level,
  setLevel(value) {
    const wanted = typeof value === 'string' ? LEVELS.indexOf(value.toUpperCase()) : Number(value);
    if (wanted >= 0 && wanted < LEVELS.length) level = wanted;
  },
};

/** `console.log` in a script ends up in the same form as the logger's lines. */
function takeOverConsole() {
  console.log = console.info = logger.info;
  console.debug = console.trace = logger.debug;
  console.warn = logger.warn;
  console.error = logger.error;
}

module.exports = { logger, takeOverConsole };
