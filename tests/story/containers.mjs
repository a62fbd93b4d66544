// From a cluster down to a container, to its traces and back; metrics and dashboards. What runs are real processes under
// `mitoshi run`, so that no Docker is needed. `node tests/story/containers.mjs`; STORY_MITOSHI names the binary.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { axeFindings, check, ensure, launch, report, same, shoot, startServer, until, watch } from "./harness.mjs";

const mitoshi = process.env.STORY_MITOSHI ?? "target/debug/mitoshi";
const folder = mkdtempSync(join(tmpdir(), "mitoshi-containers-"));
const { address, stop } = await startServer(mitoshi, folder);
const base = process.env.STORY_CONSOLE || `http://${address.http}/`;

/** Burns some CPU, and says of itself in a trace what X-Ray's SDKs say on ECS. */
const work = `
const { createSocket } = require("node:dgram");
const { randomBytes } = require("node:crypto");
const [host, port] = process.env.DAEMON.split(":");
const socket = createSocket("udp4");
const header = JSON.stringify({ format: "json", version: 1 }) + "\\n";
setInterval(() => { const end = Date.now() + 40; while (Date.now() < end); }, 100);
setInterval(() => {
  const at = Date.now() / 1000;
  const trace_id = "1-" + Math.floor(at).toString(16) + "-" + randomBytes(12).toString("hex");
  const container = process.env.MITOSHI_RUN_ID.slice(0, 12);
  const document = { trace_id, id: randomBytes(8).toString("hex"), name: "Shop", origin: "AWS::ECS::Container",
    start_time: at - 0.1, end_time: at, aws: { ecs: { container } } };
  socket.send(header + JSON.stringify(document), Number(port), host);
}, 1000);
`;
const run = (service, ...command) =>
  spawn(
    mitoshi,
    ["run", "--server", `http://${address.http}`, "--cluster", "shop", "--service", service, "--every-secs", "5", "--", ...command],
    { env: { ...process.env, DAEMON: address.daemon }, stdio: "ignore" },
  );
const processes = [run("web", process.execPath, "-e", work), run("web", process.execPath, "-e", work), run("job", "sh", "-c", "sleep 3; exit 3")];
process.on("exit", () => {
  for (const each of processes) each.kill();
  stop();
  rmSync(folder, { recursive: true, force: true });
});

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US" });
context.setDefaultTimeout(15_000);
const page = await context.newPage();
const { troubles, expecting } = watch(page);
const open = (path) => page.goto(new URL(path, base).href);
const heading = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();
const refresh = () => page.getByRole("button", { name: "Refresh now" }).click();
const accessible = (where) =>
  check(`accessible: axe finds nothing serious on ${where}`, page, async () => same(await axeFindings(page), [], "findings"));
/** Asks again, as a person would who waits for the first numbers. */
const waitingFor = (what, ask) =>
  until(
    what,
    async () => {
      if (await ask()) return true;
      await refresh();
      await page.waitForTimeout(700);
      return false;
    },
    40,
  );
const bottom = (name) => page.getByTestId("figures").getByText(name, { exact: true });

await check("the cluster is listed, with what it uses", page, async () => {
  await open("/containers?range=PT15M");
  await heading("Containers");
  await waitingFor("a share of CPU", async () => /shop.*\d%/s.test(await page.getByRole("row").last().innerText()));
  ensure(/2/.test(await page.getByRole("row").last().innerText()), "two tasks run");
  await shoot(page, "containers");
});
await accessible("the list of clusters");

await check("every container is a cell, and what failed stands out", page, async () => {
  await page.getByText("Map", { exact: true }).click();
  await waitingFor("three cells", async () => (await page.getByTestId("cell").count()) === 3);
  const first = () => page.getByTestId("cell").first().getAttribute("data-state");
  await waitingFor("the one that failed is the first", async () => (await first()) === "failed");
  await shoot(page, "containers at a glance");
});
await accessible("the cells");

await check("down: cluster, service, task, container", page, async () => {
  await open("/containers?range=PT15M");
  await page.getByTestId("cluster-row").click();
  await heading("shop");
  await page.getByTestId("container-charts").waitFor();
  await bottom("Services").waitFor();
  await shoot(page, "cluster");
  await page.getByTestId("service-row").getByText("web", { exact: true }).click();
  await heading("web");
  await waitingFor("two tasks", async () => (await page.getByTestId("task-row").count()) === 2);
  await shoot(page, "service");
  await page.getByTestId("task-row").first().click();
  await page.getByTestId("container-row").click();
  await heading("web");
  await waitingFor("its use", async () => /\d%/.test(await page.getByTestId("figures").innerText()));
  await page.getByTestId("changes").locator("[data-change=STARTED]").first().waitFor();
  await shoot(page, "container");
});
await accessible("a container");

await check("to its traces and back", page, async () => {
  await waitingFor("its node", async () => (await page.getByTestId("runtimes").count()) === 1);
  await page.getByTestId("runtimes").getByText("View traces").click();
  await page.getByTestId("trace-row").first().waitFor();
  ensure(new URL(page.url()).searchParams.get("filter")?.includes("Shop"), "filtered");
  same(new URL(page.url()).searchParams.get("range"), "PT15M", "the time on screen");
  await page.goBack();
  await page.getByTestId("runtimes").getByText("View map").click();
  await page.getByTestId("runs-in").getByText("shop / web").click();
  await heading("web");
});

await check("up: by the trail", page, async () => {
  const trail = page.getByRole("navigation", { name: "Where this stands" });
  await trail.getByRole("link", { name: "shop", exact: true }).click();
  await heading("shop");
  await trail.getByRole("link", { name: "Containers" }).click();
  await heading("Containers");
});

await check("how much is measured is switched", page, async () => {
  await page.getByTestId("cluster-row").click();
  await page.getByRole("button", { name: "Container Insights: Enhanced" }).click();
  await page.getByRole("menuitemcheckbox", { name: /Standard/ }).click();
  await page.getByRole("button", { name: "Container Insights: Standard" }).waitFor();
});

await check("a part of a chart becomes the time of the page", page, async () => {
  const chart = page.getByTestId("container-charts").getByRole("slider").first();
  await chart.focus();
  for (const key of ["End", "Shift+ArrowLeft", "Shift+ArrowLeft", "Enter"]) await page.keyboard.press(key);
  await until("a range", () => /\d+~\d+/.test(new URL(page.url()).searchParams.get("range") ?? ""));
});

await check("a metric is found and drawn", page, async () => {
  await open("/metrics/graph?range=PT15M");
  await page.getByTestId("browse-choice").getByText("ECS/ContainerInsights").click();
  await page.getByTestId("browse-choice").getByText("ClusterName, ServiceName", { exact: true }).click();
  await page.getByRole("checkbox", { name: /^CpuUtilized shop web/ }).check();
  await until("it is drawn", () => page.locator(".m-legend-item").count());
  ensure(new URL(page.url()).searchParams.get("graph")?.includes("CpuUtilized"), "in the address");
  await shoot(page, "metrics");
});
await accessible("metrics");

await check("an expression is added and corrected", page, async () => {
  await page.getByRole("tab", { name: /^Drawn/ }).click();
  await page.getByRole("button", { name: "Add an expression" }).click();
  const expression = page.getByRole("textbox", { name: "Expression" });
  await expression.fill("m1 / 1024");
  await expression.press("Enter");
  await until("two lines", async () => (await page.locator(".m-legend-item").count()) === 2);
  await shoot(page, "metric math");
});

await check("it is kept on a dashboard", page, async () => {
  await page.getByRole("button", { name: "Add to a dashboard" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("combobox").fill("shop");
  await page.keyboard.press("Escape");
  await dialog.getByLabel("Title of the widget").fill("CPU of web");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("link", { name: "shop", exact: true }).click();
  await page.getByTestId("board-widget").getByText("CPU of web").waitFor();
  await shoot(page, "dashboard");
});
await accessible("a dashboard");

await check("a widget is moved with the keyboard, and stays there", page, async () => {
  const left = async () => Math.round((await page.getByTestId("board-widget").boundingBox()).x);
  const before = await left();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await page.getByRole("button", { name: /^Move CPU of web/ }).focus();
  for (let i = 0; i < 4; i += 1) await page.keyboard.press("ArrowRight");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).waitFor();
  await page.reload();
  await page.getByTestId("board-widget").getByText("CPU of web").waitFor();
  ensure((await left()) > before + 100, "further to the right");
});

const operation = async (target, body, version = "1.1") => {
  const answer = await fetch(base, {
    method: "POST",
    headers: { "Content-Type": `application/x-amz-json-${version}`, "X-Amz-Target": target },
    body: JSON.stringify(body),
  });
  ensure(answer.ok, `${target}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};

await check("from a cluster to its performance log", page, async () => {
  await open("/containers/shop?range=PT15M");
  await page.getByTestId("log-links").getByRole("link", { name: "Performance log events" }).click();
  await heading("/aws/ecs/containerinsights/shop/performance");
  await page.getByTestId("log-lines").getByText('"Type":"Task"').last().waitFor();
  await page.getByRole("searchbox").fill('{ $.Type = "Container" && $.ServiceName = "web" }');
  await page.keyboard.press("Enter");
  await page.getByTestId("log-lines").getByText('"ContainerName":"web"').last().waitFor();
  ensure((await page.getByTestId("log-lines").getByText('"Type":"Task"').count()) === 0, "what does not match is not there");
});

await check("a line leads to its trace", page, async () => {
  const now = Date.now();
  const found = await (
    await fetch(new URL("/TraceSummaries", base), {
      method: "POST",
      body: JSON.stringify({ StartTime: now / 1000 - 600, EndTime: now / 1000 }),
    })
  ).json();
  const trace = found.TraceSummaries[0].Id;
  await operation("Logs_20140328.CreateLogGroup", { logGroupName: "/ecs/shop" });
  await operation("Logs_20140328.CreateLogStream", { logGroupName: "/ecs/shop", logStreamName: "web/1" });
  const lines = Array.from({ length: 40 }, (_, n) => ({ timestamp: now - 60_000 + n * 1000, message: n === 30 ? `ERROR no table, ${trace}` : `INFO request ${n} took ${n * 3} ms` }));
  await operation("Logs_20140328.PutLogEvents", { logGroupName: "/ecs/shop", logStreamName: "web/1", logEvents: lines });
  await open("/logs?range=PT15M");
  await heading("Logs");
  await page.getByTestId("log-group-row").getByText("/ecs/shop", { exact: true }).click();
  await page.getByTestId("log-lines").getByText("INFO request 39 took 117 ms").first().waitFor();
  await shoot(page, "log events");
  await page.getByRole("searchbox").fill("ERROR");
  await page.keyboard.press("Enter");
  await page.getByText("(1)", { exact: true }).waitFor();
  await page.getByTestId("log-lines").getByRole("link").click();
  await page.waitForURL((url) => url.pathname.includes(trace));
  await page.getByText(trace).first().waitFor();
  await page.goBack();
  await page.getByTestId("log-lines").getByText("ERROR no table").first().waitFor();
});
await accessible("lines of a log");

await check("Logs Insights counts, and says what it does not understand", page, async () => {
  await page.getByRole("main").getByText("Logs Insights", { exact: true }).first().click();
  await heading("Logs Insights");
  await page.getByRole("button", { name: "Samples" }).click();
  await page.getByRole("menuitem", { name: "Events per minute" }).click();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByTestId("query-row").first().waitFor();
  await page.getByText("40 of 40 events", { exact: false }).waitFor();
  await shoot(page, "logs insights");
  await page.getByRole("textbox", { name: "Query" }).fill("fields @message | fliter x = 1");
  await expecting((response) => response.status() === 400, async () => {
    await page.keyboard.press("Control+Enter");
    await page.locator("mark", { hasText: "fliter" }).waitFor();
  });
});
await accessible("Logs Insights");

await check("日本語: dark, a cluster and a dashboard", page, async () => {
  await page.evaluate(() =>
    localStorage.setItem("mitoshi.preferences", JSON.stringify({ language: "ja", theme: "dark", zone: "utc", refresh: 0 })),
  );
  await open("/containers/shop?range=PT15M");
  await page.getByText("使用状況").waitFor();
  await page.setViewportSize({ width: 1000, height: 900 });
  await page.getByTestId("container-charts").waitFor();
  await shoot(page, "cluster in japanese");
  await open("/dashboards");
  await page.getByTestId("dashboard-row").waitFor();
  await shoot(page, "dashboards in japanese");
});
await accessible("a dark page in Japanese");

await check("nothing went wrong without being asked for", page, async () => same(troubles, [], "the browser's log"));

await browser.close();
process.exit(report() ? 0 : 1);
