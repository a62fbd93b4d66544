'use strict';
// A run leaves no process behind: whatever this process started, browsers above all, is ended with it.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const environment = require('./environment.cjs');

// Inherited by everything that is started here; tells ours from other runs' when the parent is gone, as with Chromium's
// crash handlers, which cut themselves loose.
const MARK = `MITOSHI_CANARY_ARTIFACTS=${environment.artifacts}\0`;
const WAIT_MS = 400;

/** Ends all processes of this run but this one, without giving the event loop a turn. */
function killDescendants() {
  const deadline = Date.now() + WAIT_MS;
  const signalled = new Set();
  for (;;) {
    const living = table().filter(({ zombie }) => !zombie);
    const ours = descendants(living);
    for (const pid of ours) {
      signalled.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself in the meantime.
      }
    }
    // SIGKILL takes effect a moment later; what is dying still holds files in the scratch folder.
    if (!living.some(({ pid }) => signalled.has(pid)) || Date.now() > deadline) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}

function descendants(living) {
  const children = new Map();
  for (const { pid, parent } of living) children.set(parent, [...(children.get(parent) || []), pid]);
  // A shell or a limiter around the runtime carries the mark too, and must survive to pass the exit code on.
  const above = ancestors(new Map(living.map(({ pid, parent }) => [pid, parent])));
  const found = new Set(living.filter(({ marked, pid }) => marked && !above.has(pid)).map(({ pid }) => pid));
  const open = [process.pid, ...found];
  while (open.length > 0) {
    for (const pid of children.get(open.pop()) || []) {
      if (found.has(pid)) continue;
      found.add(pid);
      open.push(pid);
    }
  }
  return found;
}

/** This process and those above it. */
function ancestors(parents) {
  const above = new Set();
  for (let pid = process.pid; pid && !above.has(pid); pid = parents.get(pid)) above.add(pid);
  return above;
}

/** @returns {{pid: number, parent: number, zombie: boolean, marked: boolean}[]} all processes of the machine */
function table() {
  if (!fs.existsSync('/proc/self/stat')) return tableOfPs();
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      // "pid (name) state ppid …": the name may hold spaces and brackets, so count from the last bracket.
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [{ pid: Number(name), parent: Number(parent), zombie: state === 'Z', marked: isMarked(name) }];
    } catch {
      return [];
    }
  });
}

function isMarked(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(MARK);
  } catch {
    return false; // Another user's.
  }
}

/** Without /proc (macOS): no marks, the tree of parents has to do. */
function tableOfPs() {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), zombie: state.startsWith('Z'), marked: false };
  });
}

/** A killed Chromium leaves its socket's folder in the system's temporary folder; its profile, in the scratch folder, knows where. */
function removeSockets() {
  for (const profile of fs.readdirSync(environment.scratch)) {
    try {
      const folder = path.dirname(fs.readlinkSync(path.join(environment.scratch, profile, 'SingletonSocket')));
      if (/^\.?(org\.chromium|com\.google)\./.test(path.basename(folder))) fs.rmSync(folder, { recursive: true, force: true });
    } catch {
      // Not a profile, or Chromium has cleaned up by itself.
    }
  }
}

module.exports = { killDescendants, removeSockets };
