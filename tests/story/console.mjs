// What the reference story does not come by: signing in, groups, insights. Starts a server of its own that wants a
// sign-in, and fills it with an hour of a shop whose payments begin to fail. `node tests/story/console.mjs`.
//
// STORY_MITOSHI names the binary. With STORY_CONSOLE (a development server that forwards to STORY_HTTP) the pages come
// from there instead of from the binary.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { axeFindings, check, ensure, launch, report, same, shoot, startServer, until, watch } from "./harness.mjs";

const mitoshi = process.env.STORY_MITOSHI ?? "target/debug/mitoshi";
const folder = mkdtempSync(join(tmpdir(), "mitoshi-console-"));
const password = "correct horse";

for (const role of ["admin", "read"])
  execFileSync(mitoshi, ["users", "add", `the-${role}`, "--role", role, "--password-stdin", "--data-dir", folder], {
    input: `${password}\n`,
  });
const { address, stop } = await startServer(mitoshi, folder, process.env.STORY_HTTP, { MITOSHI_ACCESS_REQUIRED: "always" });
const api = `http://${address.http}/`;
const consoleUrl = process.env.STORY_CONSOLE || api;
// However this ends, the server does not outlive it.
process.on("exit", () => {
  stop();
  rmSync(folder, { recursive: true, force: true });
});

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US" });
context.setDefaultTimeout(15_000);
const page = await context.newPage();
const { troubles, expecting } = watch(page);

const open = (path) => page.goto(new URL(path, consoleUrl).href);
const parameter = (name) => new URL(page.url()).searchParams.get(name);
const dialog = () => page.getByRole("dialog");
const groupRow = (name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: new RegExp(`^${name}\\b`) }) });
const signIn = async (name, word) => {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(word);
  await page.keyboard.press("Enter");
};
const act = async (group, what) => {
  await page.getByRole("button", { name: `Actions: ${group}` }).click();
  await page.getByRole("menuitem", { name: what }).click();
};
/** Asks the API with the session of the page. */
async function ask(path, data) {
  const answer = await context.request.post(new URL(path, api).href, { data });
  ensure(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

const accessible = (where) =>
  check(`accessible: axe finds nothing serious on ${where}`, page, async () => same(await axeFindings(page), [], "findings"));

/** An hour of requests; in the last minutes every second payment fails. */
function traffic() {
  const id = () => randomBytes(8).toString("hex");
  const now = Math.floor(Date.now() / 60_000) * 60;
  const documents = [];
  for (let minute = 55; minute > 0; minute -= 1)
    for (let n = 0; n < 20; n += 1) {
      const at = now - minute * 60 + n * 3;
      const fault = minute <= 9 && n % 2 === 0;
      const trace_id = `1-${at.toString(16)}-${randomBytes(12).toString("hex")}`;
      const call = { id: id(), name: "payments", namespace: "remote", start_time: at, end_time: at + 0.2, fault };
      documents.push(
        { trace_id, id: id(), name: "shop", start_time: at, end_time: at + 0.3, fault, subsegments: [call] },
        { trace_id, id: id(), parent_id: call.id, name: "payments", start_time: at, end_time: at + 0.2, fault },
        { trace_id: `1-${at.toString(16)}-${randomBytes(12).toString("hex")}`, id: id(), name: "blog", start_time: at, end_time: at + 0.1 },
      );
    }
  return documents.map((document) => JSON.stringify(document));
}

await check("whoever is not signed in sees the sign-in page", page, async () => {
  await open("/groups?range=PT1H");
  await page.getByTestId("sign-in").waitFor();
  same(await page.getByRole("navigation").count(), 0, "navigation");
  await shoot(page, "sign in");
});
await accessible("the sign-in page");

await check("a wrong password is refused", page, () =>
  expecting(
    (response) => response.url().endsWith("/api/session"),
    async () => {
      await signIn("the-admin", "wrong");
      await page.getByText("The name or the password is wrong.").waitFor();
    },
  ),
);

await check("after signing in comes the page that was asked for", page, async () => {
  await signIn("the-admin", password);
  await page.getByRole("heading", { name: "Groups", level: 1 }).waitFor();
  same(parameter("range"), "PT1H", "range");
});

const documents = traffic();
for (let at = 0; at < documents.length; at += 50)
  await ask("/TraceSegments", { TraceSegmentDocuments: documents.slice(at, at + 50) });

await check("a mistake in the filter of a group is told at its place", page, () =>
  expecting(
    (response) => response.url().endsWith("/CreateGroup"),
    async () => {
      await page.getByRole("button", { name: "Create group" }).click();
      await dialog().getByRole("textbox").first().fill("checkout");
      const filter = dialog().getByRole("combobox", { name: "Filter expression" });
      await filter.fill("responsetime > > 1");
      await filter.press("Enter");
      await dialog().getByTestId("filter-error").getByText("Character 16").waitFor();
    },
  ),
);

await check("a group is made, with a tag and insights", page, async () => {
  await dialog().getByRole("combobox", { name: "Filter expression" }).fill('service("payments")');
  await dialog().getByRole("listbox").waitFor();
  await page.keyboard.press("Escape"); // the suggestions, not the dialog
  await dialog().getByLabel("Look for insights").check();
  await dialog().getByRole("button", { name: "Add new tag" }).click();
  await dialog().getByPlaceholder("Enter key").fill("team");
  await dialog().getByPlaceholder("Enter value").fill("shop");
  await dialog().getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Group checkout was created.").waitFor();
  const { Tags } = await ask("/ListTagsForResource", {
    ResourceARN: (await ask("/Groups", {})).Groups.find((each) => each.GroupName === "checkout").GroupARN,
  });
  same(Tags, [{ Key: "team", Value: "shop" }], "tags");
});

await check("a group is cloned, changed and deleted", page, async () => {
  await act("checkout", "Clone");
  await dialog().locator("input[value=checkout-clone]").waitFor();
  await dialog().locator("input[value=team]").waitFor();
  await dialog().getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Group checkout-clone was created.").waitFor();
  await act("checkout-clone", "Edit");
  same(parameter("name"), "checkout-clone", "name in the URL");
  await dialog().getByRole("combobox", { name: "Filter expression" }).fill("fault");
  await dialog().getByRole("button", { name: "Save" }).click();
  await page.getByText("Group checkout-clone was saved.").waitFor();
  await act("checkout-clone", "Delete");
  await dialog().getByRole("button", { name: "Delete" }).click();
  await page.getByText("Group checkout-clone was deleted.").waitFor();
  await until("its row is gone", async () => (await groupRow("checkout-clone").count()) === 0);
  await shoot(page, "groups");
});
await accessible("groups");

await check("the map shows the traces of a group only, and hands the group on", page, async () => {
  await groupRow("checkout").getByRole("link", { name: "View map: checkout" }).click();
  const node = (name) => page.locator(`[data-testid=map-node][data-name="${name}"]`).first();
  await node("payments").waitFor();
  same(await page.locator('[data-testid=map-node][data-name="blog"]').count(), 0, "nodes outside of the group");
  await node("payments").click();
  await page.getByTestId("view-worst").click();
  await page.getByTestId("trace-row").first().waitFor();
  ensure(parameter("filter").startsWith('group.name = "checkout" AND service('), parameter("filter"));
});

let insightPage;
await check("an insight is found, counted, and told", page, async () => {
  await page.getByTestId("insight-count").getByText("1", { exact: true }).waitFor({ timeout: 60_000 });
  await open("/insights");
  await page.getByTestId("insights-elsewhere").getByRole("link").click();
  await page.getByTestId("insight-row").click();
  await page.getByText("Insight: faults in payments").waitFor();
  insightPage = page.url();
  ensure((await page.getByTestId("insight-summary").innerText()).includes("of the requests to payments are failing"), "no summary");
  await page.locator("[data-testid=map-node][data-name=payments] [data-testid=insight-mark]").waitFor();
  await page.getByTestId("insight-events").getByText("Began", { exact: true }).waitFor();
  same(await page.getByTestId("insight-charts").getByRole("slider").count(), 2, "charts");
  await shoot(page, "insight");
});
await accessible("an insight");

await check("a part of the time is chosen with the keyboard and kept in the URL", page, async () => {
  const chart = page.getByTestId("insight-charts").getByRole("slider").first();
  await chart.focus();
  await page.keyboard.press("ArrowRight");
  for (let n = 0; n < 5; n += 1) await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Enter");
  await until("a part is chosen", () => parameter("part"));
  await page.getByRole("button", { name: "Clear the choice" }).click();
  same(parameter("part"), null, "part");
});

await check("from an insight to its traces and to the map", page, async () => {
  await page.getByRole("button", { name: "Analyze traces" }).click();
  await page.getByTestId("trace-row").first().waitFor();
  ensure(parameter("filter").includes("{ fault }"), parameter("filter"));
  await page.goto(insightPage);
  await page.getByRole("button", { name: "View map" }).click();
  await page.getByTestId("node-insights").getByRole("link").waitFor();
  same(parameter("group"), "checkout", "group");
});

await accessible("a map with an insight");

await check("signing out, and in again as someone who may only read", page, async () => {
  await page.getByRole("button", { name: /the-admin/ }).first().click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await signIn("the-read", password);
  await page.getByRole("button", { name: /the-read/ }).first().waitFor();
  await open("/groups");
  const create = page.getByRole("button", { name: "Create group" });
  await create.waitFor();
  same(await create.getAttribute("aria-disabled"), "true", "disabled");
  await open("/sampling");
  same(await page.getByRole("button", { name: "Create rule" }).getAttribute("aria-disabled"), "true", "disabled");
});

await check("when the session ends, the sign-in page comes and the address stays", page, () =>
  expecting(
    (response) => response.status() === 403,
    async () => {
      await open("/traces?filter=fault");
      await page.getByTestId("trace-row").first().waitFor();
      await context.clearCookies();
      await page.getByRole("button", { name: "Refresh now" }).click();
      await page.getByText("Your session has ended.").waitFor();
      same(parameter("filter"), "fault", "filter");
      await signIn("the-read", password);
      await page.getByTestId("trace-row").first().waitFor();
    },
  ),
);

await check("nothing went wrong without being asked for", page, () => same(troubles, [], "troubles"));

await browser.close();
stop();
process.exitCode = report() ? 0 : 1;
