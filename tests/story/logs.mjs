// Logs: from a trace and from the trace map to the line that says why, lines around a line, Logs Insights, live tail, metric filters and
// subscription filters. `node tests/story/logs.mjs`; STORY_MITOSHI names the binary. With STORY_CONSOLE (a development server that
// forwards to STORY_HTTP) the pages come from there instead of from the binary.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { axeFindings, check, ensure, launch, report, same, shoot, startServer, until, watch } from "./harness.mjs";

const mitoshi = process.env.STORY_MITOSHI ?? "target/debug/mitoshi";
const folder = mkdtempSync(join(tmpdir(), "mitoshi-logs-"));
const { address, stop } = await startServer(mitoshi, folder, process.env.STORY_HTTP);
const api = `http://${address.http}/`;
const base = process.env.STORY_CONSOLE || api;
process.on("exit", () => {
  stop();
  rmSync(folder, { recursive: true, force: true });
});

const logs = async (operation, body) => {
  const answer = await fetch(api, {
    method: "POST",
    headers: { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": `Logs_20140328.${operation}` },
    body: JSON.stringify(body),
  });
  ensure(answer.ok, `${operation}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};
const hex = (bytes) => randomBytes(bytes).toString("hex");
const streams = { "/ecs/web": "web/1", "/ecs/shop": "shop/1" };
const put = (group, lines) =>
  logs("PutLogEvents", {
    logGroupName: group,
    logStreamName: streams[group],
    logEvents: lines.map(([timestamp, message]) => ({ timestamp: Math.round(timestamp), message })).sort((a, b) => a.timestamp - b.timestamp),
  });

/** A request through two services, the second of which may fail; both log. */
function request(at, fails) {
  const random = hex(12);
  const seconds = Math.floor(at / 1000).toString(16);
  const [id, whole] = [`1-${seconds}-${random}`, `${seconds}${random}`];
  const [web, call, shop, exception] = [hex(8), hex(8), hex(8), hex(8)];
  const time = (offset) => at / 1000 + offset;
  const http = (url, status) => ({ http: { request: { method: "POST", url }, response: { status: fails ? status : 200 } } });
  const documents = [
    { trace_id: id, id: web, name: "Web", start_time: time(0), end_time: time(0.5), fault: fails, ...http("http://web/orders", 502), subsegments: [{ id: call, name: "Shop", namespace: "remote", start_time: time(0.05), end_time: time(0.45), fault: fails, ...http("http://shop/orders", 500) }] },
    { trace_id: id, id: shop, parent_id: call, name: "Shop", start_time: time(0.1), end_time: time(0.4), fault: fails, ...http("http://shop/orders", 500), ...(fails ? { cause: { working_directory: "/app", exceptions: [{ id: exception, type: "NoTable", message: "no table", stack: [{ path: "/app/order.py", line: 42, label: "put" }] }] } } : {}) },
  ];
  const inWeb = [[at + 10, `INFO Root=${id};Parent=${web} POST /orders`]];
  const inShop = [[at + 120, JSON.stringify({ level: "info", message: "order", trace_id: whole, span_id: shop, took_ms: 12 })]];
  if (fails) inShop.push([at + 390, `ERROR order.py:42 no table orders [${id}]`]);
  return { id, shop, documents, inWeb, inShop };
}

const now = Date.now();
const requests = Array.from({ length: 30 }, (_, n) => request(now - 120_000 + n * 3_000, n % 5 === 0));
for (const [logGroupName, logStreamName] of Object.entries(streams)) {
  await logs("CreateLogGroup", { logGroupName });
  await logs("CreateLogStream", { logGroupName, logStreamName });
}
await put("/ecs/web", requests.flatMap(({ inWeb }) => inWeb).concat(Array.from({ length: 120 }, (_, n) => [now - 120_000 + n * 900, `GET /health 200 in ${n} ms`])));
await put("/ecs/shop", requests.flatMap(({ inShop }) => inShop));
for (const { documents } of requests) {
  const answer = await fetch(new URL("/TraceSegments", api), { method: "POST", body: JSON.stringify({ TraceSegmentDocuments: documents.map((document) => JSON.stringify(document)) }) });
  ensure(answer.ok, "the segments are taken");
}
const failed = requests.findLast(({ inShop }) => inShop.length > 1);

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US" });
context.setDefaultTimeout(15_000);
const page = await context.newPage();
const { troubles, expecting } = watch(page);
const open = (path) => page.goto(new URL(path, base).href);
const heading = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();
const parameter = (name) => new URL(page.url()).searchParams.get(name);
const lines = () => page.getByTestId("log-line");
const meant = () => page.locator("[data-meant]");
const dialog = () => page.getByRole("dialog");
const accessible = (where) =>
  check(`accessible: axe finds nothing serious on ${where}`, page, async () => same(await axeFindings(page), [], "findings"));

await check("a trace has the lines that name it, at their segments", page, async () => {
  await open(`/traces/${failed.id}?tab=logs`);
  await until("three lines", async () => (await lines().count()) === 3);
  const texts = await lines().allInnerTexts();
  ensure(/Web\s+INFO Root/.test(texts[0]) && /\+10 ms/.test(texts[0]), "the first is of Web");
  ensure(/Shop/.test(texts[1]) && /"order"/.test(texts[1]), "the second names its segment");
  ensure(/\+390 ms/.test(texts[2]) && /ERROR/.test(texts[2]), "the third has an offset");
  await shoot(page, "lines of a trace");
});
await accessible("lines of a trace");

await check("a mark on the timeline leads to its line", page, async () => {
  await open(`/traces/${failed.id}`);
  await page.getByTestId("trace-log-count").getByText("3 log lines, 1 error").waitFor();
  await page.getByTestId("timeline-row").locator("[data-tone=error]").click();
  await until("the line is meant", async () => (await meant().count()) === 1);
  ensure((await meant().innerText()).includes("ERROR order.py"), "the line that failed");
});

await check("an exception leads to the lines around it", page, async () => {
  await open(`/traces/${failed.id}?segment=${failed.shop}&tab=exceptions`);
  await page.getByTestId("exception-logs").click();
  await until("a line is meant", async () => (await meant().count()) === 1);
  ensure((await meant().innerText()).includes("ERROR order.py"), "the line that says why");
  await page.getByText("Of Shop", { exact: true }).waitFor();
  await shoot(page, "lines around an exception");
});

await check("from a red node of the map to the line that says why: two clicks", page, async () => {
  await open("/trace-map?range=PT15M");
  await page.locator("[data-testid=map-node][data-name=Shop]").click();
  await page.getByTestId("failed-logs").click();
  await page.getByTestId("failed-reason").getByText("no table orders").waitFor();
  ensure((await page.getByTestId("failed-reason").first().innerText()).includes("6 ×"), "lines of one shape stand together");
  await shoot(page, "log lines of failed traces");
  await page.getByTestId("failed-reason").first().click();
  await page.waitForURL((url) => url.pathname.startsWith("/traces/"));
  await until("the line is meant", async () => (await meant().count()) === 1);
});

await check("a line has those around it, under an address of its own", page, async () => {
  await open("/logs/events?group=/ecs/web&filter=POST&range=PT15M");
  await until("the requests", async () => (await lines().count()) === 30);
  same(await page.locator("mark", { hasText: "POST" }).count(), 30, "terms that are marked");
  await lines().nth(15).locator("summary").click();
  await page.getByTestId("lines-around").click();
  await until("what did not match is there too", async () => (await lines().getByText("GET /health").count()) > 20);
  const line = await meant().innerText();
  await page.reload();
  await meant().waitFor();
  same(await meant().innerText(), line, "the line after a reload");
  await page.getByRole("button", { name: "Older events" }).click();
  await until("more of them", async () => (await lines().count()) > 100);
  await shoot(page, "lines around a line");
});
await accessible("lines around a line");

await check("a jump to a time", page, async () => {
  await open("/logs/events?group=/ecs/web&range=PT15M");
  const at = new Date(now - 60_000);
  const two = (n) => String(n).padStart(2, "0");
  const local = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  await page.getByLabel(/^Jump to a time/).fill(local);
  await page.getByRole("button", { name: "Jump" }).click();
  await page.getByRole("heading", { name: /^Around/ }).waitFor();
  await until("a line is meant", async () => (await meant().count()) === 1);
});

await check("streams of a group", page, async () => {
  await page.getByRole("tab", { name: "Streams" }).click();
  await page.getByTestId("log-stream-row").getByText("web/1").click();
  same(parameter("stream"), "web/1", "the stream");
  await lines().first().waitFor();
});

await check("completion by keyboard, and a histogram that narrows the time", page, async () => {
  await open("/logs/query?groups=/ecs/web,/ecs/shop&range=PT15M");
  await heading("Logs Insights");
  const editor = page.getByRole("textbox", { name: "Query" });
  await editor.fill("");
  await editor.pressSequentially("fie");
  await page.getByRole("option", { name: /^fields/ }).waitFor();
  await page.keyboard.press("Tab");
  await editor.pressSequentially("@mes");
  await page.keyboard.press("Tab");
  same(await editor.inputValue(), "fields @message", "what was completed");
  await page.keyboard.press("Control+Enter");
  await page.getByTestId("query-row").first().waitFor();
  const chart = page.getByTestId("query-histogram").getByRole("slider");
  await chart.locator("rect").first().waitFor();
  await shoot(page, "logs insights with histogram");
  await chart.focus();
  for (const key of ["End", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft", "Enter"]) await page.keyboard.press(key);
  await until("a range", () => /^\d+~\d+$/.test(parameter("range") ?? ""));
  await page.getByTestId("query-row").first().waitFor();
});
await accessible("Logs Insights with events");

await check("a row opens to all fields", page, async () => {
  await open(`/logs/query?groups=/ecs/shop&range=PT15M&query=${encodeURIComponent("fields @timestamp, @message | filter took_ms > 1 | limit 5")}`);
  await page.getByRole("button", { name: "All fields" }).first().click();
  const record = page.getByTestId("query-record").first();
  await record.getByText("span_id", { exact: true }).first().waitFor();
  await record.getByRole("link", { name: "Lines around this one" }).click();
  await until("the line is meant", async () => (await meant().count()) === 1);
});

await check("what was counted is drawn", page, async () => {
  await open(`/logs/query?groups=/ecs/web,/ecs/shop&range=PT15M&query=${encodeURIComponent("stats count(*) as n by bin(1m), @log")}`);
  await page.getByTestId("query-row").first().waitFor();
  for (const [view, id] of Object.entries({ Lines: "line", Stacked: "stacked", Bars: "bar", Pie: "pie" })) {
    await page.getByText(view, { exact: true }).click();
    await until(view, () => parameter("view") === id);
    await shoot(page, `logs insights ${view}`);
    if (id === "line") await page.locator(".m-legend-item").nth(1).waitFor();
  }
});

await check("SQL asks a log group, and says where it is wrong", page, async () => {
  const sql = "SELECT `@logStream`, COUNT(*) AS n\nFROM `/ecs/shop`\nGROUP BY `@logStream` ORDER BY n DESC";
  await open(`/logs/query?range=PT15M&query=${encodeURIComponent(sql)}`);
  await page.getByTestId("query-row").first().waitFor();
  await until("there are no patterns of what are no events", async () => (await page.getByRole("tab", { name: "Patterns" }).count()) === 0);
  await shoot(page, "logs insights sql");
  await expecting((response) => response.status() === 400, async () => {
    await open(`/logs/query?range=PT15M&query=${encodeURIComponent("SELECT 1 FROM `/ecs/shop` GROUP n")}`);
    await page.getByTestId("query-error").waitFor();
    await page.locator("mark.m-filter-wrong").first().waitFor();
  });
});

await check("patterns, their change, and their lines", page, async () => {
  await open(`/logs/query?groups=/ecs/web&range=PT15M&tab=patterns&compare=on&query=${encodeURIComponent("fields @message")}`);
  const pattern = page.getByTestId("pattern-row").filter({ hasText: "GET /health" });
  await pattern.getByText("new", { exact: true }).waitFor();
  await shoot(page, "patterns");
  await pattern.getByRole("button").click();
  await until("their lines", async () => (await page.getByTestId("query-row").count()) === 120);
});
await accessible("lines of a pattern");

await check("a query is saved in a folder, opened and deleted", page, async () => {
  await open(`/logs/query?groups=/ecs/web&range=PT15M&query=${encodeURIComponent("fields @message | limit 3")}`);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await dialog().getByLabel("Name").fill("shop/three");
  await dialog().getByRole("button", { name: "Save" }).click();
  const saved = page.getByTestId("saved-query");
  await saved.getByText("three").waitFor();
  await page.getByRole("textbox", { name: "Query" }).fill("fields @log");
  await saved.click();
  same(await page.getByRole("textbox", { name: "Query" }).inputValue(), "fields @message | limit 3", "the query");
  await page.getByRole("tab", { name: "History" }).click();
  await page.getByTestId("past-query").getByText("fields @message | limit 3", { exact: true }).first().waitFor();
  same(await page.getByTestId("past-query").getByText("by the console").count(), 0, "queries of the console itself");
  await shoot(page, "saved queries");
  await page.getByRole("tab", { name: "Saved" }).click();
  await page.getByRole("button", { name: "Delete: shop/three" }).click();
  await dialog().getByRole("button", { name: "Delete" }).click();
  await page.getByText("No query has been saved yet", { exact: false }).waitFor();
});

await check("what is not understood is underlined", page, async () => {
  await expecting((response) => response.status() === 400, async () => {
    await page.getByRole("textbox", { name: "Query" }).fill("fields @message | fliter x = 1");
    await page.keyboard.press("Control+Enter");
    await page.locator("mark", { hasText: "fliter" }).waitFor();
    await page.getByTestId("query-error").getByText("fliter").waitFor();
  });
  await shoot(page, "a mistake in a query");
});
await accessible("a mistake in a query");

await check("live tail shows what comes in", page, async () => {
  await open(`/logs/tail?groups=/ecs/web&terms=${encodeURIComponent("tailed")}`);
  await page.getByTestId("tail-state").getByText(/lines a second/).waitFor();
  let number = 0;
  const write = () => put("/ecs/web", [[Date.now(), `INFO tailed ${(number += 1)}`]]);
  await until("a line", async () => {
    await write();
    return lines().count();
  });
  await page.locator("mark", { hasText: "tailed" }).first().waitFor();
  await shoot(page, "live tail");
  await page.getByRole("button", { name: "Pause" }).click();
  const before = await lines().count();
  await until("lines wait", async () => {
    await write();
    return /Paused; [1-9]/.test(await page.getByTestId("tail-state").innerText());
  });
  same(await lines().count(), before, "lines while it is paused");
  await page.getByRole("button", { name: "Go on" }).click();
  await until("more lines", async () => (await lines().count()) > before);
});
await accessible("live tail");

await check("a metric filter: tried, created, deleted", page, async () => {
  await open("/logs/events?group=/ecs/shop&tab=metric-filters");
  await page.getByRole("button", { name: "Create a metric filter" }).click();
  await dialog().getByLabel("Name", { exact: true }).fill("errors");
  await dialog().getByLabel("Filter pattern").fill("ERROR");
  await dialog().getByText("Try the pattern").click();
  await until("lines to try it with", async () => (await dialog().getByLabel("Lines to try it with").inputValue()) !== "");
  await dialog().getByRole("button", { name: "Try", exact: true }).click();
  await dialog().getByTestId("pattern-outcome").getByText(/of 20 lines match/).waitFor();
  await dialog().getByLabel("Namespace").fill("Shop");
  await dialog().getByLabel("Metric", { exact: true }).fill("Errors");
  await shoot(page, "a metric filter");
  await dialog().getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Shop › Errors" }).waitFor();
  await page.getByRole("button", { name: "Delete: errors" }).click();
  await dialog().getByRole("button", { name: "Delete" }).click();
  await page.getByText("This group has no metric filters.").waitFor();
});
await accessible("metric filters");

await check("a subscription filter: into another group", page, async () => {
  await page.getByRole("tab", { name: "Subscription filters" }).click();
  await page.getByRole("button", { name: "Create a subscription filter" }).click();
  await dialog().getByLabel("Name", { exact: true }).fill("to web");
  await dialog().getByLabel("Filter pattern").fill("ERROR");
  await dialog().getByRole("button", { name: /^Log group/ }).click();
  await page.getByRole("option", { name: "/ecs/web" }).click();
  await shoot(page, "a subscription filter");
  await dialog().getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell").getByRole("link", { name: "/ecs/web" }).waitFor();
  await page.getByRole("button", { name: "Delete: to web" }).click();
  await dialog().getByRole("button", { name: "Delete" }).click();
  await page.getByText("This group has no subscription filters.").waitFor();
});

await check("日本語: dark and narrow, lines of a trace and Logs Insights", page, async () => {
  await page.evaluate(() =>
    localStorage.setItem("mitoshi.preferences", JSON.stringify({ language: "ja", theme: "dark", zone: "utc", refresh: 0 })),
  );
  await page.setViewportSize({ width: 1000, height: 900 });
  await open(`/traces/${failed.id}?tab=logs`);
  await page.getByText("すべてのセグメント (3)").waitFor();
  await shoot(page, "lines of a trace in japanese");
  await open(`/logs/query?groups=/ecs/web&range=PT15M&tab=patterns&query=${encodeURIComponent("fields @message")}`);
  await page.getByTestId("pattern-row").first().waitFor();
  await shoot(page, "patterns in japanese");
});
await accessible("a dark page in Japanese");

await check("nothing went wrong without being asked for", page, async () => same(troubles, [], "the browser's log"));

await browser.close();
process.exit(report() ? 0 : 1);
