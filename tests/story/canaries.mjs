// Canaries: made with the form after a try, watched as they run and fail, from a failed run to its trace and back, a workflow and a comparison of
// pictures in a real browser, groups and tags, the status page. `node tests/story/canaries.mjs`; STORY_MITOSHI names the binary. With STORY_CONSOLE
// (a development server that forwards to STORY_HTTP) the pages come from there instead of from the binary.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { axeFindings, check, ensure, launch, report, same, shoot, startServer, until, watch } from "./harness.mjs";

const mitoshi = process.env.STORY_MITOSHI ?? "target/debug/mitoshi";
const folder = mkdtempSync(join(tmpdir(), "mitoshi-canaries-"));
const { address, stop } = await startServer(mitoshi, folder, process.env.STORY_HTTP);
const api = `http://${address.http}/`;
const base = process.env.STORY_CONSOLE || api;

/** What is watched: a shop that can break, and that can look different. */
const shop = { isBroken: false, colour: "#2a6fd1", asked: 0 };
const site = createServer((request, response) => {
  shop.asked += 1;
  const { pathname } = new URL(request.url, "http://shop");
  const send = (status, type, body) => {
    response.writeHead(status, { "Content-Type": type });
    response.end(body);
  };
  if (pathname === "/api/items")
    return shop.isBroken
      ? send(503, "application/json", JSON.stringify({ status: "down" }))
      : send(200, "application/json", JSON.stringify({ status: "up", items: [1, 2, 3] }));
  if (pathname === "/style.css") return send(200, "text/css", `h1 { color: ${shop.colour} } main { background: ${shop.colour}; height: 300px }`);
  if (pathname === "/thanks") return send(200, "text/html", "<!doctype html><title>Thanks</title><h1>Thank you</h1>");
  if (pathname === "/")
    return send(
      200,
      "text/html",
      '<!doctype html><title>Shop</title><link rel="stylesheet" href="/style.css"><h1>Shop</h1><a id="buy" href="/thanks">Buy</a> <a href="/lost">Lost</a><main></main>',
    );
  return send(404, "text/plain", "nothing here");
});
await new Promise((ready) => site.listen(0, "127.0.0.1", ready));
const shopUrl = `http://127.0.0.1:${site.address().port}/`;
process.on("exit", () => {
  stop();
  site.close();
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (method, path, body) => {
  const answer = await fetch(new URL(path, api), {
    method,
    headers: { "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  ensure(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
};
const setup = await ask("GET", "/api/canary-setup");
const hasBrowser = setup.Browser.Path !== null;

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, locale: "en-US" });
context.setDefaultTimeout(15_000);
const page = await context.newPage();
const { troubles, expecting } = watch(page);
const open = (path) => page.goto(new URL(path, base).href);
const heading = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();
const button = (name) => page.getByRole("button", { name, exact: true });
const dialog = () => page.getByRole("dialog");
const parameter = (name) => new URL(page.url()).searchParams.get(name);
const row = (name) => page.getByTestId("canary-row").getByText(name, { exact: true });
const result = (wanted) => page.locator(`[data-testid=run-result][data-result=${wanted}]`).waitFor({ timeout: 60_000 });
const accessible = (where) =>
  check(`accessible: axe finds nothing serious on ${where}`, page, async () => same(await axeFindings(page), [], "findings"));
/** Runs it once by hand, and looks at that run. */
const runNow = async () => {
  const before = parameter("run");
  await button("Run now").click();
  await until("the new run is shown", () => parameter("run") !== null && parameter("run") !== before, 30);
};

await check("without canaries the page says what they are for", page, async () => {
  await open("/canaries");
  await page.getByTestId("no-canaries").getByText("Know before your users do").waitFor();
  await shoot(page, "no canaries");
});
await accessible("the page without canaries");

await check("a form that leads on from a card, and says what is missing", page, async () => {
  await page.locator("[data-blueprint=api]").click();
  await heading("Create canary");
  await page.locator("[data-blueprint=heartbeat]").click();
  await button("Create canary").click();
  await page.getByText("Give an address.").waitFor();
  await shoot(page, "what is missing");
});
await accessible("the form");

await check("an API canary: tried first, then made with its alarms", page, async () => {
  await open(`/canaries/create?blueprint=api&url=${encodeURIComponent(`${shopUrl}api/items`)}&range=PT1H`);
  same(await page.getByLabel("Name", { exact: true }).last().inputValue(), "127-0-0-1-api-items-api", "the suggested name");
  await page.getByLabel("Name", { exact: true }).last().fill("shop-api");
  await button("Add an assertion").click();
  await button("Try it now").click();
  await page.locator("[data-testid=try-state][data-state=PASSED]").waitFor({ timeout: 30_000 });
  await page.getByTestId("try-out").getByTestId("run-step").first().waitFor();
  await shoot(page, "a try that passed");
  await page.getByText("Every 5 minutes").click();
  await page.getByRole("option", { name: "Every minute" }).click();
  await button("Create canary").click();
  await page.waitForURL((url) => url.pathname === "/canaries/shop-api");
  await page.locator("[data-testid=canary-state][data-state=RUNNING]").waitFor();
});

await check("its first run by hand passes, with steps and requests", page, async () => {
  await runNow();
  await result("passed");
  same(await page.getByTestId("run-step").count(), 1, "steps");
  await shoot(page, "a run that passed");
});
await accessible("a run");

await check("a run that fails says why at the top", page, async () => {
  shop.isBroken = true;
  await runNow();
  await result("failed");
  const words = await page.getByTestId("run-failure").innerText();
  ensure(/request/.test(words) && /503|200/.test(words), `the step and what was found: ${words}`);
  await shoot(page, "a run that failed");
  shop.isBroken = false;
});

await check("from run to run with the keyboard", page, async () => {
  const failed = parameter("run");
  await page.getByTestId("run-chart").focus();
  await page.keyboard.press("ArrowLeft");
  await until("another run", () => parameter("run") !== failed);
  await page.keyboard.press("End");
  await until("the last one", async () => (await page.getByTestId("run-chart").getAttribute("aria-valuenow")) === (await page.getByTestId("run-chart").getAttribute("aria-valuemax")));
});

await check("from a run to its trace, and back to the canary", page, async () => {
  await page.getByRole("tab", { name: /^Traces/ }).click();
  await page.getByTestId("run-traces").getByRole("link").first().click();
  await page.getByTestId("trace-request").waitFor();
  await shoot(page, "trace of a run");
  await page.getByTestId("trace-canary").click();
  await page.waitForURL((url) => url.pathname === "/canaries/shop-api");
});

await check("what a run logged", page, async () => {
  await page.getByRole("tab", { name: "Logs" }).click();
  await page.getByTestId("log-line").first().waitFor();
  await shoot(page, "logs of a run");
});

await check("the schedule runs it, and its metrics come", page, async () => {
  await until(
    "a run of the schedule",
    async () => (await ask("POST", "/canary/shop-api/runs", {})).CanaryRuns?.some((run) => run.Status.State !== "RUNNING"),
    150,
  );
  await open("/canaries?range=PT1H");
  await until("its figures", async () => /%/.test(await page.getByRole("row").filter({ hasText: "shop-api" }).innerText()), 30);
  await shoot(page, "the list");
  await open("/canaries/shop-api?tab=monitoring&range=PT1H");
  await page.getByText("Success (%)").waitFor();
  await shoot(page, "monitoring");
});

await check("the alarms of the form are there", page, async () => {
  await open("/canaries/shop-api?tab=configuration");
  for (const number of [1, 2, 3]) await page.getByText(`Synthetics-Alarm-shop-api-${number}`).waitFor();
  await shoot(page, "configuration");
});
await accessible("the configuration");

await check("what the server refuses stands beside the JSON", page, async () => {
  await open("/canaries/create?blueprint=multi-checks&url=https://shop.test/");
  const json = page.getByLabel("JSON", { exact: true });
  await json.fill((await json.inputValue()).replace('"HTTP"', '"PIGEON"'));
  await expecting((response) => response.status() === 400, async () => {
    await button("Create canary").click();
    await page.getByText("The server refused").first().waitFor();
  });
  await shoot(page, "refused");
});

if (hasBrowser) {
  await check("a heartbeat has screenshots and every request", page, async () => {
    await open(`/canaries/create?url=${encodeURIComponent(shopUrl)}`);
    await page.getByLabel("Name", { exact: true }).fill("shop-home");
    await button("Try it now").click();
    await page.locator("[data-testid=try-state][data-state=PASSED]").waitFor({ timeout: 60_000 });
    await page.getByTestId("try-out").getByRole("button", { name: /^Enlarge/ }).first().waitFor();
    await shoot(page, "a try with its screenshot");
    await button("Create canary").click();
    await page.waitForURL((url) => url.pathname === "/canaries/shop-home");
    await runNow();
    await result("passed");
    await page.getByRole("tab", { name: /^Screenshots/ }).click();
    await page.getByRole("button", { name: /^Enlarge/ }).first().click();
    const picture = dialog().getByRole("img").first();
    await until("the picture is there", () => picture.evaluate((image) => image.naturalWidth > 0));
    await shoot(page, "a screenshot");
    await page.keyboard.press("Escape");
    await page.getByRole("tab", { name: "Requests (HAR)" }).click();
    await page.getByTestId("har-row").filter({ hasText: "/style.css" }).click();
    await page.getByTestId("har-details").getByText("text/css").first().waitFor();
    await shoot(page, "requests of a run");
  });
  await accessible("requests of a run");

  await check("a workflow clicks and verifies", page, async () => {
    await open(`/canaries/create?blueprint=workflow&url=${encodeURIComponent(shopUrl)}`);
    await page.getByRole("button", { name: "Step 1: Action" }).click();
    await page.getByRole("option", { name: "Click" }).click();
    await page.getByLabel("Step 1: CSS selector").fill("#buy");
    await button("Add a step").click();
    await page.getByRole("button", { name: "Step 2: Action" }).click();
    await page.getByRole("option", { name: "Verify a text" }).click();
    await page.getByLabel("Step 2: CSS selector").fill("h1");
    await page.getByLabel("Step 2: Text").fill("Thank you");
    await button("Try it now").click();
    await page.locator("[data-testid=try-state][data-state=PASSED]").waitFor({ timeout: 60_000 });
    await shoot(page, "a workflow");
  });

  await check("broken links are found", page, async () => {
    await open(`/canaries/create?blueprint=broken-links&url=${encodeURIComponent(shopUrl)}`);
    await button("Try it now").click();
    await page.locator("[data-testid=try-state][data-state=FAILED]").waitFor({ timeout: 60_000 });
    await page.getByTestId("try-out").getByText("/lost").first().waitFor();
    await shoot(page, "broken links");
  });

  await check("a page that looks different fails, until that is the baseline", page, async () => {
    await open(`/canaries/create?blueprint=visual&url=${encodeURIComponent(shopUrl)}`);
    await page.getByLabel("Name", { exact: true }).fill("shop-looks");
    await page.getByRole("radio", { name: "Once" }).or(button("Once")).first().click();
    await button("Create canary").click();
    await page.waitForURL((url) => url.pathname === "/canaries/shop-looks");
    await result("passed");
    shop.colour = "#d13212";
    await button("Start").click();
    await until("the second run", async () => (await ask("POST", "/canary/shop-looks/runs", {})).CanaryRuns?.length > 1, 30);
    await until("it has ended", async () => (await ask("POST", "/canary/shop-looks/runs", {})).CanaryRuns[0].Status.State === "FAILED", 60);
    await open("/canaries/shop-looks");
    await result("failed");
    await page.getByTestId("run-failure").getByText("has changed").waitFor();
    await page.getByTestId("visual-comparison").getByRole("button", { name: /Difference/ }).waitFor();
    await shoot(page, "what has changed");
    await button("Use this run as the baseline").click();
    await page.getByText("The next runs are compared with this one.").waitFor();
  });
  await accessible("a comparison of pictures");
} else
  await check("the form says that the browser is missing", page, async () => {
    await open("/canaries/create");
    await page.getByText("No browser is installed on the server").waitFor();
    await shoot(page, "no browser");
  });

await check("groups and tags", page, async () => {
  await open("/canaries?range=PT1H");
  await page.getByRole("checkbox", { name: "Choose shop-api" }).check();
  await button("Actions").click();
  await page.getByRole("menuitem", { name: "Add to a group" }).click();
  await dialog().getByRole("combobox").fill("shop");
  await page.keyboard.press("Escape");
  await dialog().getByRole("button", { name: "Add to a group" }).click();
  await page.getByRole("button", { name: "shop", exact: true }).click();
  await until("only its members", async () => (await page.getByTestId("canary-row").count()) === 1);
  same(parameter("group"), "shop", "the group in the address");
  await open("/canaries/shop-api?tab=tags");
  await button("Add new tag").click();
  await page.getByRole("combobox", { name: "Key" }).fill("team");
  await page.getByRole("combobox", { name: /^Value/ }).fill("shop");
  await button("Save the tags").click();
  await page.getByText("The tags are saved.").waitFor();
  same((await ask("GET", "/canary/shop-api")).Canary.Tags, { team: "shop" }, "tags");
});

await check("a canary is edited", page, async () => {
  await open("/canaries/shop-api/edit");
  await heading("Edit shop-api");
  await page.getByText("Every minute").click();
  await page.getByRole("option", { name: "Every 15 minutes" }).click();
  await button("Save").click();
  await page.waitForURL((url) => url.pathname === "/canaries/shop-api");
  await until("the new schedule", async () => (await ask("GET", "/canary/shop-api")).Canary.Schedule.Expression === "rate(15 minutes)");
});

await check("the palette finds it", page, async () => {
  await open("/canaries");
  await row("shop-api").waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("A page, a trace id").fill("shop-api");
  await page.getByRole("option", { name: /^shop-api/ }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname === "/canaries/shop-api");
});

await check("the status page shows what was chosen, to everybody", page, async () => {
  await open("/status-page");
  await page.getByText("Show the page to everybody").click();
  await page.getByLabel("Title", { exact: true }).fill("Shop status");
  await page.getByRole("button", { name: /^Canaries on it/ }).click();
  await page.getByRole("option", { name: "shop-api" }).click();
  await page.keyboard.press("Escape");
  await button("Save").click();
  await page.getByText("The status page is saved.").waitFor();
  await shoot(page, "settings of the status page");
  const answer = await fetch(new URL("/status", api));
  const text = await answer.text();
  ensure(answer.ok && text.includes("Shop status") && text.includes("shop-api"), `the page: ${answer.status}`);
});
await accessible("settings of the status page");

await check("stopped and deleted", page, async () => {
  await open("/canaries?range=PT1H");
  await page.getByRole("checkbox", { name: "Choose shop-api" }).check();
  await button("Actions").click();
  await page.getByRole("menuitem", { name: "Stop" }).click();
  await page.getByText("shop-api is stopped.").waitFor();
  await open("/canaries/shop-api");
  await button("Delete").click();
  await dialog().getByRole("button", { name: "Delete" }).click();
  await page.waitForURL((url) => url.pathname === "/canaries");
  await until("it is gone", async () => (await row("shop-api").count()) === 0);
});

await check("in Japanese, dark, on a narrow page", page, async () => {
  const narrow = await browser.newContext({ viewport: { width: 1000, height: 900 }, locale: "ja-JP", colorScheme: "dark" });
  const other = await narrow.newPage();
  await other.goto(new URL("/canaries/create?blueprint=workflow", base).href);
  await other.getByRole("heading", { name: "Canary を作成", level: 1 }).waitFor();
  ensure(await other.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut");
  await shoot(other, "the form in Japanese");
  await narrow.close();
});

await check("nothing went wrong in the pages", page, async () => same(troubles, [], "troubles"));

await browser.close();
const passed = report();
process.exit(passed ? 0 : 1);
