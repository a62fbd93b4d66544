// The reference story, walked in a real browser as a person would: everything is fine, a slow backend, a lost
// permission, and the console's own promises (links, language, theme, accessibility). `script/story` starts the demo.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";

import { check, ensure, launch, report, same, shoot, skip, until, watch } from "./harness.mjs";

const { STORY_CONSOLE: consoleUrl, STORY_APPLICATION: applicationUrl, STORY_DEMO: demo } = process.env;
if (!consoleUrl || !applicationUrl || !demo) {
  console.error("STORY_CONSOLE, STORY_APPLICATION and STORY_DEMO must be set; run script/story");
  process.exit(2);
}
const home = await fetch(consoleUrl);
if (!home.ok) {
  console.error(`error: ${consoleUrl} answers ${home.status}: ${(await home.text()).slice(0, 200)}`);
  console.log("story: 0 passed, 1 failed");
  process.exit(1);
}
const run = promisify(execFile);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const table = "last-access";
const faulty = `service("${table}") { fault }`;
const width = 1440;

const browser = await launch();
const context = await browser.newContext({
  viewport: { width, height: 900 },
  locale: "en-US",
  timezoneId: "Asia/Tokyo",
  colorScheme: "light",
});
context.setDefaultTimeout(15_000);
const page = await context.newPage();
const { troubles, expecting } = watch(page);

// What a person sees and touches

const node = (name, type) =>
  page.locator(`[data-testid=map-node][data-name="${name}"]${type === undefined ? "" : `[data-type="${type}"]`}`);
const edge = (source, target) =>
  page.locator(`[data-testid=map-edge][data-source="${source}"][data-target="${target}"]`);
const row = (name, service) =>
  page.locator(
    `[data-testid=timeline-row][data-name="${name}"]${service === undefined ? "" : `[data-service="${service}"]`}`,
  );
const exceptions = () => page.locator("div[data-testid=exceptions]");
const traceRows = () => page.getByTestId("trace-row");
const parameter = (name) => new URL(page.url()).searchParams.get(name);
const stateOf = (locator) => locator.first().getAttribute("data-state");

const open = (path) => page.goto(new URL(path, consoleUrl).href);

async function refresh() {
  await page.getByRole("button", { name: "Refresh now" }).click();
}

async function demoCommand(name) {
  const { stdout } = await run("python3", [demo, name], { timeout: 60_000 });
  console.log(stdout.split("\n").filter((line) => line.startsWith("[")).map((line) => `       ${line}`).join("\n"));
}

/** "5.04 s", "38.7 ms", "610 µs" in seconds. */
function seconds(text) {
  const match = /([\d.,]+)\s*(µs|ms|s|min|m)(?:\s+([\d.]+)\s*s)?/.exec(text);
  ensure(match, `no duration in ${JSON.stringify(text)}`);
  const unit = { µs: 1e-6, ms: 1e-3, s: 1, min: 60, m: 60 }[match[2]];
  return Number(match[1].replaceAll(",", "")) * unit + Number(match[3] ?? 0);
}

const durationOf = async (line) => seconds(await line.first().locator(".m-col-duration").innerText());

/** Clicks on the line of an edge, in its middle. */
async function clickEdge(source, target) {
  const point = await edge(source, target)
    .locator("path.react-flow__edge-interaction")
    .evaluate((path) => {
      const at = path.getPointAtLength(path.getTotalLength() * 0.45);
      const screen = new DOMPoint(at.x, at.y).matrixTransform(path.getScreenCTM());
      return { x: screen.x, y: screen.y };
    });
  await page.mouse.click(point.x, point.y);
}

async function search(expression) {
  const box = page.getByRole("combobox", { name: /Filter expression|フィルター式/ });
  await box.fill(expression);
  await box.press("Enter");
}

async function searchFinds(expression) {
  await search(expression);
  await until(`the filter ${expression} in the address`, () => parameter("filter") === expression);
  await until(`an answer to ${expression}`, async () =>
    (await traceRows().count()) > 0 || (await page.getByTestId("no-match").isVisible()),
  );
  return traceRows().count();
}

/** What axe-core finds of impact serious or critical. */
async function axeFindings() {
  await page.evaluate(axe); // not as a script element: the console's content security policy refuses those
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter((v) => v.impact === "serious" || v.impact === "critical")
      .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 140)).join(" | ")}`);
  });
}

async function accessible(where) {
  await check(`accessible: axe finds nothing serious on ${where}`, page, async () => {
    same(await axeFindings(), [], "findings");
  });
}

async function chooseSetting(menu, item) {
  await page.getByRole("button", { name: menu }).first().click();
  await page.getByRole("menuitemcheckbox", { name: item, exact: true }).click();
}

// (a) Everything is fine

await check("normal: the application's page shows both answers", page, async () => {
  const visitor = await context.newPage();
  const seen = watch(visitor);
  await visitor.goto(applicationUrl);
  await until("both backends on the page", async () =>
    (await visitor.locator("#state").getAttribute("data-state")) === "ok" &&
    (await visitor.locator(".card[data-state=ok]").count()) === 2,
  );
  await shoot(visitor, "application normal");
  same(seen.troubles, [], "troubles in the application");
  await visitor.close();
});

await check("normal: the map shows client → BFF → backends → table", page, async () => {
  await open("/trace-map?range=PT15M");
  await until("six edges of the application", async () => {
    if (await node(table).count()) return true;
    await refresh();
    return false;
  }, 30);
  for (const [source, target] of [
    ["BFF", "BFF"],
    ["BFF", "Backend #1"],
    ["BFF", "Backend #2"],
    ["Backend #1", table],
    ["Backend #2", table],
  ])
    await until(`the edge ${source} → ${target}`, () => edge(source, target).count());
  ensure(await node("BFF", "client").count(), "no client before BFF");
  same(await node(table).getAttribute("data-type"), "AWS::DynamoDB::Table", "type of the table");
});

await check("normal: every node and edge is ok, with numbers", page, async () => {
  const states = await page
    .locator("[data-testid=map-node], [data-testid=map-edge]")
    .evaluateAll((all) => all.map((one) => one.getAttribute("data-state")));
  same([...new Set(states)], ["ok"], "states");
  for (const name of ["BFF", "Backend #1", "Backend #2"])
    ensure(/ms|s/.test(await node(name, "").locator(".m-node-latency").textContent()), `no latency on ${name}`);
  await shoot(page, "map normal");
});

await check("normal: a refresh moves no node", page, async () => {
  const places = () =>
    page.locator(".react-flow__node").evaluateAll((all) =>
      Object.fromEntries(all.map((one) => [one.dataset.id, one.style.transform])),
    );
  // A node that arrives in between (a health check is a client of its own) changes what is drawn.
  await until("two drawings of the same nodes", async () => {
    const before = await places();
    await Promise.all([page.waitForResponse((response) => response.url().endsWith("/ServiceGraph")), refresh()]);
    await page.waitForLoadState("networkidle");
    const after = await places();
    if (String(Object.keys(after).sort()) !== String(Object.keys(before).sort())) return false;
    same(after, before, "places");
    return true;
  });
});
await accessible("the map");

// (b) A slow release of Backend #2

if (await check("slow: the release is deployed", undefined, () => demoCommand("slow"))) {
  await check("slow: the slowest trace comes first", page, async () => {
    await page.getByRole("link", { name: "Traces", exact: true }).click();
    await until("a first row of 4.5 s or more", async () => {
      const first = page.locator("tbody tr").first();
      if (seconds(await first.locator("td, th").nth(1).innerText()) >= 4.5) return true;
      await refresh();
      await page.waitForLoadState("networkidle");
      return false;
    }, 40);
    await shoot(page, "traces slow");
  });
  await check("slow: sorting by response time turns round and back", page, async () => {
    // The head that stays on top while scrolling is a copy, drawn over the real one.
    const header = page.getByRole("columnheader", { name: /^Response time/ }).getByRole("button").first();
    const first = async () => seconds(await page.locator("tbody tr").first().locator("td, th").nth(1).innerText());
    await header.click({ force: true });
    await until("the fastest first", async () => (await first()) < 4);
    await header.click({ force: true });
    await until("the slowest first", async () => (await first()) >= 4.5);
    same(parameter("sort"), "responseTime~desc", "order in the address");
  });
  await accessible("the list of traces");

  await check("slow: the timeline blames Backend #2", page, async () => {
    await traceRows().first().click();
    await until("the row of Backend #2", () => row("Backend #2", "Backend #2").count());
    const own = await durationOf(row("Backend #2", "Backend #2"));
    ensure(own >= 4.5, `Backend #2 takes ${own} s`);
    const other = await durationOf(row("Backend #1", "Backend #1"));
    ensure(other < 1, `Backend #1 takes ${other} s`);
    const mark = await page.getByTestId("slowest").innerText();
    ensure(mark.includes("Backend #2"), `the mark says: ${mark}`);
    await shoot(page, "trace slow");
  });
  await check("slow: DynamoDB below it is fast", page, async () => {
    const rows = page.locator('[data-testid=timeline-row][data-service="Backend #2"]', { hasText: /dynamodb/i });
    ensure((await rows.count()) > 0, "no row of DynamoDB below Backend #2");
    const taken = await durationOf(rows);
    ensure(taken < 1, `DynamoDB takes ${taken} s`);
  });
  await check("slow: the mark leads to the row", page, async () => {
    await page.getByTestId("slowest").click();
    await until("the details", () => page.getByTestId("details").isVisible());
    same(parameter("segment"), await row("Backend #2", "Backend #2").first().getAttribute("data-segment-id"), "segment in the address");
    await shoot(page, "trace slow details");
  });
  await check("slow: the filter responsetime > 4 finds it", page, async () => {
    await open("/traces?range=PT15M");
    ensure((await searchFinds("responsetime > 4")) > 0, "nothing found");
  });
  await check('slow: service("Backend #1") { responsetime > 4 } does not', page, async () => {
    same(await searchFinds('service("Backend #1") { responsetime > 4 }'), 0, "traces found");
    await shoot(page, "traces no match");
  });
  await check('slow: service("Backend #2") { responsetime > 4 } does', page, async () => {
    ensure((await searchFinds('service("Backend #2") { responsetime > 4 }')) > 0, "nothing found");
  });
} else skip("slow: everything that follows", "the slow release could not be deployed");

// (c) The permission is gone

const denied = await check("denied: repaired first, then the permission is taken away", undefined, async () => {
  await demoCommand("ok");
  await demoCommand("denied");
});
if (denied) {
  await check("denied: the application's page still looks right", page, async () => {
    const visitor = await context.newPage();
    await visitor.goto(applicationUrl);
    await until("both backends on the page", async () =>
      (await visitor.locator("#state").getAttribute("data-state")) === "ok" &&
      (await visitor.locator(".card[data-state=ok]").count()) === 2,
    );
    await shoot(visitor, "application denied");
    await visitor.close();
  });
  await check("denied: the edges to the table are in fault", page, async () => {
    await open("/trace-map?range=PT5M");
    for (const source of ["Backend #1", "Backend #2"])
      await until(`fault on ${source} → ${table}`, async () => {
        if ((await stateOf(edge(source, table))) === "fault") return true;
        await refresh();
        await page.waitForLoadState("networkidle");
        return false;
      }, 30);
  });
  await check("denied: the table's ring is red", page, async () => {
    same(await node(table).getAttribute("data-state"), "fault", "state of the table");
    const colour = await node(table).locator("circle.m-stroke-fault").first().evaluate((one) => getComputedStyle(one).stroke);
    const [red, green, blue] = colour.match(/\d+/g).map(Number);
    ensure(red > 180 && green < 90 && blue < 90, `the ring is ${colour}`);
    await shoot(page, "map denied");
  });
  await check("denied: a click on the edge opens its details", page, async () => {
    await clickEdge("Backend #1", table);
    await until("the details", () => page.getByTestId("details").isVisible());
    await until("their title", () => page.getByText(`Backend #1 → ${table}`, { exact: true }).first().isVisible());
    await until("a chart", () => page.getByTestId("details").locator("svg").first().isVisible());
    await shoot(page, "map denied edge");
  });
  await check('denied: "View traces" leads to faulty traces', page, async () => {
    await page.getByTestId("details").getByRole("checkbox", { name: /Fault/ }).check();
    await page.getByRole("button", { name: "View filtered traces" }).click();
    await until("traces", () => traceRows().count(), 20);
    const filter = parameter("filter");
    ensure(/^edge\(/.test(filter) && filter.includes(table) && filter.includes("fault"), `the filter is ${filter}`);
    await shoot(page, "traces denied");
  });
  await check("denied: the timeline shows the fault on DynamoDB's row", page, async () => {
    await traceRows().first().click();
    await until("the first fault", () => page.getByTestId("first-fault").isVisible());
    const rows = page.locator('[data-testid=timeline-row][data-state=fault]', { hasText: /dynamodb/i });
    ensure((await rows.count()) > 0, "no faulty row of DynamoDB");
    ensure((await page.getByTestId("first-fault").innerText()).toLowerCase().includes("dynamodb"), "the jump names another row");
  });
  await check("denied: the Exceptions tab has AccessDeniedException and a stack", page, async () => {
    await page.getByTestId("first-fault").click();
    await until("the exceptions", () => exceptions().isVisible());
    const text = await exceptions().innerText();
    ensure(text.includes("AccessDeniedException"), text.slice(0, 300));
    ensure(text.includes("dynamodb:PutItem"), `the message does not name the action: ${text.slice(0, 300)}`);
    const frames = await exceptions().locator(".m-stack li").allInnerTexts();
    ensure(frames.length >= 3, `${frames.length} frames`);
    ensure(frames.some((frame) => /\.py:\d+/.test(frame)), `no file and line: ${frames[0]}`);
    await shoot(page, "trace denied exceptions");
  });
  await accessible("a trace");

  // (f) Links
  await check("links: a reload keeps range, filter and order", page, async () => {
    await open(`/traces?range=PT30M&filter=${encodeURIComponent(faulty)}&sort=start~desc`);
    await until("traces", () => traceRows().count());
    await page.reload();
    await until("traces again", () => traceRows().count());
    same([parameter("range"), parameter("filter"), parameter("sort")], ["PT30M", faulty, "start~desc"], "address");
    same(await page.getByRole("combobox", { name: /Filter expression/ }).inputValue(), faulty, "filter box");
    ensure(await page.getByRole("button", { name: /Last 30 minutes/ }).count(), "the time range is not shown");
  });
  await check("links: a reload keeps the selected segment and its tab", page, async () => {
    await traceRows().first().click();
    await page.getByTestId("first-fault").click();
    await until("the exceptions", () => exceptions().isVisible());
    const segment = parameter("segment");
    ensure(segment, "no segment in the address");
    await page.reload();
    await until("the exceptions again", () => exceptions().isVisible());
    same(parameter("segment"), segment, "segment");
    same(
      await page.locator("[data-testid=timeline-row][aria-selected=true]").getAttribute("data-segment-id"),
      segment,
      "selected row",
    );
  });
  await check("links: back returns to the list", page, async () => {
    await until("the list", async () => {
      if (new URL(page.url()).pathname === "/traces") return true;
      await page.goBack();
      return false;
    });
    await until("its traces", () => traceRows().count());
    same(parameter("filter"), faulty, "filter");
  });
} else skip("denied: everything that follows", "the permission could not be taken away");

// (e) A mistake in the filter

await check("filter: a mistake is shown under its character", page, async () => {
  await open("/traces?range=PT15M");
  await until("the page", () => page.getByRole("combobox", { name: /Filter expression/ }).isVisible());
  await expecting(
    (response) => response.url().endsWith("/TraceSummaries") && response.status() === 400,
    async () => {
      await search("responsetime >> 4");
      await until("the mistake", () => page.getByTestId("filter-error").isVisible());
    },
  );
  const mark = page.locator(".m-filter-wrong");
  same(await mark.innerText(), ">", "marked character");
  const before = await mark.evaluate((one) => one.previousSibling?.textContent ?? "");
  same(before, "responsetime >", "text before the mark");
  await shoot(page, "filter mistake");
});
await check("filter: corrected, the mark goes away", page, async () => {
  ensure((await searchFinds("responsetime > 0")) > 0, "nothing found");
  same(await page.getByTestId("filter-error").count(), 0, "marks left");
});

// (d) Sampling rules

const rule = (name) => page.getByRole("row", { name: new RegExp(name) });

await check("sampling: a rule is created", page, async () => {
  await page.getByRole("link", { name: "Sampling", exact: true }).click();
  await until("the rules of the demo", () => rule("demo").first().isVisible());
  await page.getByRole("button", { name: "Create rule" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Priority").fill("0");
  await form.getByRole("button", { name: "Create" }).click();
  await until("what is wrong with it", () => form.getByText("Give a whole number from 1 to 9999.").isVisible());
  await shoot(page, "sampling form with mistakes");
  await form.getByLabel("Name", { exact: true }).fill("story-rule");
  await form.getByLabel("Priority").fill("42");
  await form.getByLabel("Reservoir").fill("3");
  await form.getByLabel("Fixed rate (%)").fill("12.5");
  await form.getByLabel("Path").fill("/story/*");
  await form.getByRole("button", { name: "Create" }).click();
  await until("the new rule", () => rule("story-rule").isVisible());
  const text = await rule("story-rule").innerText();
  for (const part of ["42", "3/s", "12.5", "/story/*"]) ensure(text.includes(part), `${part} is missing: ${text}`);
});
await accessible("the sampling rules");
await check("sampling: it is edited", page, async () => {
  await page.getByRole("button", { name: "Edit: story-rule" }).click();
  const form = page.getByRole("dialog");
  same(await form.getByLabel("Path").inputValue(), "/story/*", "path in the form");
  await form.getByLabel("Priority").fill("43");
  await form.getByRole("button", { name: "Save" }).click();
  await until("the changed rule", async () => (await rule("story-rule").innerText()).includes("43"));
  await page.reload();
  await until("the changed rule after a reload", async () => (await rule("story-rule").innerText()).includes("43"));
  await shoot(page, "sampling");
});
await check("sampling: it is deleted", page, async () => {
  await page.getByRole("button", { name: "Delete: story-rule" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await until("the rule gone", async () => (await rule("story-rule").count()) === 0);
  ensure(await rule("demo").count(), "another rule went with it");
});

// (g) Preferences

await check("preferences: the dark theme is remembered", page, async () => {
  const dark = () => page.evaluate(() => document.body.classList.contains("awsui-dark-mode"));
  ensure(!(await dark()), "it is dark already");
  await page.getByRole("button", { name: "Settings" }).first().click();
  await page.getByRole("menuitemcheckbox", { name: "Dark", exact: true }).click();
  await until("dark", dark);
  await page.reload();
  await until("dark after a reload", dark);
  await open("/trace-map?range=PT15M");
  await until("the map", () => node("BFF", "").count());
  await shoot(page, "map dark");
});
await accessible("the dark map");
await check("preferences: the language is remembered", page, async () => {
  await chooseSetting(/^Language|English/, "日本語");
  await until("Japanese", () => page.getByRole("link", { name: "トレースマップ", exact: true }).isVisible());
  await page.reload();
  await until("Japanese after a reload", () => page.getByRole("heading", { level: 1, name: "トレースマップ" }).isVisible());
  same(await page.evaluate(() => document.documentElement.lang), "ja", "language of the page");
});

// The same walk in Japanese, shorter

await check("日本語: the map", page, async () => {
  await until("the nodes", () => node("Backend #2", "").count());
  await until("the legend", () => page.getByText("障害 (5xx)").first().isVisible());
  await shoot(page, "ja map");
});
await check("日本語: the slow trace", page, async () => {
  await page.getByRole("link", { name: "トレース", exact: true }).click();
  ensure((await searchFinds("responsetime > 4")) > 0, "nothing found");
  await shoot(page, "ja traces");
  await traceRows().first().click();
  await until("the slowest", async () => (await page.getByTestId("slowest").innerText()).includes("Backend #2"));
  await shoot(page, "ja trace slow");
});
await check("日本語: the exceptions of a faulty trace", page, async () => {
  await open("/traces?range=PT15M");
  ensure((await searchFinds(faulty)) > 0, "nothing found");
  await traceRows().first().click();
  await page.getByTestId("first-fault").click();
  await until("AccessDeniedException", async () => (await exceptions().innerText()).includes("AccessDeniedException"));
  ensure(await page.getByRole("tab", { name: /例外/ }).isVisible(), "the tab is not called 例外");
  await shoot(page, "ja trace denied exceptions");
});
await check("日本語: the sampling rules", page, async () => {
  await page.getByRole("link", { name: "サンプリング", exact: true }).click();
  await until("the rules", () => rule("demo").first().isVisible());
  await shoot(page, "ja sampling");
});
await accessible("the Japanese sampling page");

// (h) Nothing went wrong unseen

await check("quiet: no error in the browser's log, no failed request", undefined, async () => {
  same([...new Set(troubles)], [], "troubles");
});

await browser.close();
process.exitCode = report() ? 0 : 1;
