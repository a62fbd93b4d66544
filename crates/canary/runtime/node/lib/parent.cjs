'use strict';

// Ends the script when the process that started it is gone: then nobody waits for it, limits it or reads its report.

const { Worker } = require('node:worker_threads');

// A thread of its own, as the script may never give this one back. Standard input is held open by the parent, and only by it.
const WATCH = `
const net = require('node:net');
const input = new net.Socket({ fd: 0, readable: true, writable: false });
const end = () => {
  try { process.kill(-process.pid, 'SIGKILL'); } catch { process.kill(process.pid, 'SIGKILL'); }
};
input.on('end', end).on('error', end).resume();
`;

function endWithParent() {
  if (!isPipe(0)) return;
  new Worker(WATCH, { eval: true, stdin: false }).unref();
}

function isPipe(fd) {
  try {
    return require('node:fs').fstatSync(fd).isFIFO();
  } catch {
    return false;
  }
}

module.exports = { endWithParent };
