// A small harness: named checks that go on after a failure, conditions with a deadline, a browser that is watched.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

const results = [];
let shots = 0;

/** Runs one check and reports it by name. Returns whether it passed. */
export async function check(name, page, body) {
  const started = performance.now();
  let failure;
  try {
    await body();
  } catch (error) {
    failure = error;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  results.push({ name, failure });
  console.log(`${failure ? "FAILED" : "ok    "} ${name} (${seconds} s)`);
  if (failure) {
    console.log(`       ${String(failure.message ?? failure).split("\n").slice(0, 12).join("\n       ")}`);
    if (page) await shoot(page, `failed ${name}`).catch(() => undefined);
  }
  return !failure;
}

export function skip(name, reason) {
  results.push({ name, failure: new Error(reason) });
  console.log(`FAILED ${name}\n       ${reason}`);
}

/** The closing line; true when everything passed. */
export function report() {
  const failed = results.filter((result) => result.failure).length;
  console.log(`story: ${results.length - failed} passed, ${failed} failed`);
  return failed === 0 && results.length > 0;
}

export function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

export function same(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  ensure(a === b, `${what}: ${a} instead of ${b}`);
}

/** Asks again and again until the answer is truthy. An answer that throws counts as "not yet". */
export async function until(what, ask, seconds = 15) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}${last ? `\n${last.message}` : ""}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

export async function shoot(page, name) {
  const folder = process.env.STORY_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  shots += 1;
  const file = `${String(shots).padStart(2, "0")}-${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.png`.slice(0, 120);
  // The map moves and panes open with a short animation.
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(folder, file) });
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.STORY_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Everything that went wrong in a page without being asked for. */
export function watch(page) {
  const troubles = [];
  let expected; // of a check that provokes an answer like that
  page.on("pageerror", (error) => troubles.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    // The browser writes a line for every bad status; responses are judged below.
    if (message.text().startsWith("Failed to load resource")) return;
    troubles.push(`console: ${message.text().slice(0, 300)}`);
  });
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "";
    // A page that is left cancels what it was waiting for.
    if (reason !== "net::ERR_ABORTED") troubles.push(`${request.method()} ${request.url()}: ${reason}`);
  });
  page.on("response", (response) => {
    if (response.status() < 400 || expected?.(response)) return;
    troubles.push(`${response.request().method()} ${response.url()}: HTTP ${response.status()}`);
  });
  return {
    troubles,
    async expecting(test, body) {
      expected = test;
      try {
        await body();
      } finally {
        expected = undefined;
      }
    },
  };
}

/** A server of one's own. Containers of this machine are not what pages are about. */
export async function startServer(mitoshi, folder, http = "127.0.0.1:0", env = {}) {
  const server = spawn(
    mitoshi,
    ["serve", "--data-dir", folder, "--http", http, "--daemon", "127.0.0.1:0"].concat(["--otlp-grpc", "off", "--otlp-http", "off"]),
    {
      env: { ...process.env, MITOSHI_CONTAINERS_WATCH: "false", MITOSHI_METRICS_EMF_ADDRESS: "off", ...env },
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  let told = "";
  server.stdout.on("data", (data) => (told += data));
  const ready = await until("the server is ready", () => /ready http=(\S+) daemon=(\S+)/.exec(told), 30);
  return { address: { http: ready[1], daemon: ready[2] }, stop: () => server.kill() };
}

let axe;

/** What axe finds on a page that is serious. */
export async function axeFindings(page) {
  axe ??= readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter((found) => ["serious", "critical"].includes(found.impact))
      .map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`);
  });
}
