// Alarms: made from a metric, with a preview and a topic in place; why they ring, whom they tell, mute rules, composite alarms, and the marks
// on other pages. `node tests/story/alarms.mjs`; STORY_MITOSHI names the binary. With STORY_CONSOLE (a development server that forwards to
// STORY_HTTP) the pages come from there instead of from the binary.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { axeFindings, check, ensure, launch, report, same, shoot, startServer, until, watch } from "./harness.mjs";

const mitoshi = process.env.STORY_MITOSHI ?? "target/debug/mitoshi";
const folder = mkdtempSync(join(tmpdir(), "mitoshi-alarms-"));
const { address, stop } = await startServer(mitoshi, folder, process.env.STORY_HTTP);
const api = `http://${address.http}/`;
const base = process.env.STORY_CONSOLE || api;
process.on("exit", () => {
  stop();
  rmSync(folder, { recursive: true, force: true });
});

// What is told arrives here.
const heard = [];
const webhook = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  heard.push(JSON.parse(body));
  response.end();
});
await new Promise((done) => webhook.listen(0, "127.0.0.1", done));
const hook = `http://127.0.0.1:${webhook.address().port}/hook`;

async function call(target, version, body) {
  const answer = await fetch(api, {
    method: "POST",
    headers: { "Content-Type": `application/x-amz-json-${version}`, "X-Amz-Target": target },
    body: JSON.stringify(body),
  });
  ensure(answer.ok, `${target}: ${answer.status} ${await answer.clone().text()}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : {};
}
const cloudwatch = (operation, body) => call(`GraniteServiceVersion20100801.${operation}`, "1.0", body);
const logs = (operation, body) => call(`Logs_20140328.${operation}`, "1.1", body);
const hex = (bytes) => randomBytes(bytes).toString("hex");

/** Calm for an hour, then busy for the last minutes. */
const minute = Math.floor(Date.now() / 60_000) * 60;
const dimensions = [
  { Name: "ClusterName", Value: "shop" },
  { Name: "ServiceName", Value: "cart" },
];
const values = (MetricName, Dimensions, value) =>
  Array.from({ length: 60 }, (_, back) => ({ MetricName, Dimensions, Timestamp: minute - back * 60, Value: value(back) }));
await cloudwatch("PutMetricData", { Namespace: "ECS/ContainerInsights", MetricData: values("CpuUtilized", dimensions, (back) => (back < 6 ? 95 : 40)) });
await cloudwatch("PutMetricData", { Namespace: "Shop", MetricData: values("Orders", [], () => 12) });
await logs("CreateLogGroup", { logGroupName: "/ecs/cart" });
await logs("PutMetricFilter", {
  logGroupName: "/ecs/cart",
  filterName: "errors",
  filterPattern: "ERROR",
  metricTransformations: [{ metricNamespace: "Shop", metricName: "Errors", metricValue: "1" }],
});
const segments = Array.from({ length: 20 }, (_, n) => {
  const at = Date.now() / 1000 - 120 + n * 5;
  return JSON.stringify({ trace_id: `1-${Math.floor(at).toString(16)}-${hex(12)}`, id: hex(8), name: "cart", start_time: at, end_time: at + 0.2 });
});
ensure((await fetch(new URL("/TraceSegments", api), { method: "POST", body: JSON.stringify({ TraceSegmentDocuments: segments }) })).ok, "the segments are taken");

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US" });
context.setDefaultTimeout(15_000);
const page = await context.newPage();
const { troubles, expecting } = watch(page);
const open = (path) => page.goto(new URL(path, base).href);
const heading = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();
const button = (name, exact = true) => page.getByRole("button", { name, exact });
const field = (name) => page.getByRole("textbox", { name, exact: true });
const dialog = () => page.getByRole("dialog");
const state = (name) => cloudwatch("DescribeAlarms", { AlarmNames: [name], AlarmTypes: ["MetricAlarm", "CompositeAlarm"] })
  .then(({ MetricAlarms, CompositeAlarms }) => [...MetricAlarms, ...CompositeAlarms][0]?.StateValue);
const choose = async (trigger, option) => {
  await trigger.click();
  await page.getByRole("option", { name: option }).first().click();
};
const action = async (name) => {
  await button("Actions").first().click();
  await page.getByRole("menuitem", { name }).click();
};
const accessible = (where) =>
  check(`accessible: axe finds nothing serious on ${where}`, page, async () => same(await axeFindings(page), [], "findings"));

await check("without alarms, the page says what they are for", page, async () => {
  await open("/alarms");
  await heading("Alarms");
  await page.getByTestId("no-alarms").waitFor();
  await shoot(page, "no alarms");
});
await accessible("alarms without any");

await check("from a metric to the form, with a preview", page, async () => {
  const graph = { metrics: [["ECS/ContainerInsights", "CpuUtilized", ...dimensions.flatMap(({ Name, Value }) => [Name, Value])]], stat: "Maximum" };
  await open(`/metrics/graph?tab=graphed&graph=${encodeURIComponent(JSON.stringify(graph))}`);
  await button("Create alarm: CpuUtilized").click();
  await heading("Create a metric alarm");
  await page.getByText("ECS/ContainerInsights · ClusterName=shop · ServiceName=cart").waitFor();
  await field("Limit").fill("80");
  await field("Bad datapoints that are needed").fill("2");
  await field("Datapoints that are looked at").fill("3");
  const rang = page.getByTestId("preview-rang");
  await until("it would have rung once", async () => (await rang.getAttribute("data-count")) === "1");
  ensure((await page.getByTestId("alarm-preview").getByTestId("bad-point").count()) >= 5, "bad datapoints are marked");
});
await accessible("the form of an alarm");

await check("what is missing is said where it is missing", page, async () => {
  await button("Create alarm").click();
  await page.getByText("Give a name of 1 to 255 characters.").waitFor();
  await field("Limit").fill("many");
  await page.getByText("Give a number.").waitFor();
  await field("Limit").fill("80");
});

await check("a topic is made in place", page, async () => {
  await button("New topic: When it rings").click();
  await dialog().getByRole("textbox", { name: /^Name/ }).fill("on-call");
  await dialog().getByRole("textbox", { name: /^Address/ }).fill(hook);
  await shoot(page, "a new topic");
  await dialog().getByRole("button", { name: "Create", exact: true }).click();
  await dialog().waitFor({ state: "detached" });
  await button("Remove on-call", false).waitFor().catch(() => page.getByText("on-call", { exact: true }).first().waitFor());
});

await check("the alarm is made, rings, and says why", page, async () => {
  await page.getByRole("textbox", { name: /^Name/ }).fill("cart is busy");
  await page.getByRole("textbox", { name: /^Description/ }).fill("Cart runs hot.\nScale it out.");
  await shoot(page, "the form of an alarm");
  await button("Create alarm").click();
  await heading("cart is busy");
  await until("it rings", async () => (await state("cart is busy")) === "ALARM", 90);
  await page.getByTestId("alarm-summary").locator("[data-state=ALARM]").waitFor();
  await page.getByTestId("alarm-why").getByText(/of the last \d+ datapoints were > 80/).waitFor();
  await page.getByTestId("alarm-why").getByText(/goes back to OK when fewer than 2 of the last 3/).waitFor();
  await page.getByTestId("state-strip").locator("[data-state=ALARM]").first().waitFor();
  await page.getByRole("table", { name: "Datapoints that decided" }).getByText("Bad").first().waitFor();
});

await check("whom it told, and what happened", page, async () => {
  const told = await until("the webhook hears of it", () => heard.find(({ Subject }) => /cart is busy/.test(Subject ?? "")));
  same(told.Type, "Notification", "in the form of SNS");
  await page.locator("[data-testid=delivery][data-state=DELIVERED]").waitFor();
  await page.getByTestId("history-item").getByText(/to ALARM/).first().waitFor();
  await button("Configuration").click();
  await until("only its configuration", async () => (await page.getByTestId("history-item").count()) === 1);
  await shoot(page, "an alarm");
});
await accessible("an alarm");

await check("links lead to what it watches", page, async () => {
  const links = page.getByTestId("alarm-links");
  await links.getByRole("link", { name: "Service cart" }).waitFor();
  await links.getByRole("link", { name: "Metric" }).click();
  await heading("Metrics");
});

await check("tags are edited", page, async () => {
  await open("/alarms/cart%20is%20busy");
  await button("Edit tags").click();
  await dialog().getByRole("button", { name: /Add new tag|Add tag/ }).click();
  await dialog().getByRole("combobox").nth(0).fill("team");
  await dialog().getByRole("combobox").nth(1).fill("shop");
  await page.keyboard.press("Escape").catch(() => undefined);
  if ((await dialog().count()) > 0) await dialog().getByRole("button", { name: "Save" }).click();
  const { MetricAlarms } = await cloudwatch("DescribeAlarms", { AlarmNames: ["cart is busy"] });
  await until("the tag is there", async () => {
    const { Tags } = await cloudwatch("ListTagsForResource", { ResourceARN: MetricAlarms[0].AlarmArn });
    return Tags.some(({ Key, Value }) => Key === "team" && Value === "shop");
  });
});

await check("an alarm is edited", page, async () => {
  await open("/alarms/cart%20is%20busy");
  await button("Edit").click();
  await heading("Edit cart is busy");
  same(await field("Limit").inputValue(), "80", "the limit");
  await field("Limit").fill("90");
  await choose(button(/^Periods without data count as/, false), /^Good/);
  await button("Save").click();
  await heading("cart is busy");
  const { MetricAlarms } = await cloudwatch("DescribeAlarms", { AlarmNames: ["cart is busy"] });
  same([MetricAlarms[0].Threshold, MetricAlarms[0].TreatMissingData], [90, "notBreaching"], "what was saved");
});

await check("the list counts by state, and changes several", page, async () => {
  await cloudwatch("PutMetricAlarm", {
    AlarmName: "orders are few",
    Namespace: "Shop",
    MetricName: "Orders",
    Statistic: "Sum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: "LessThanThreshold",
    TreatMissingData: "notBreaching",
  });
  await until("it is evaluated", async () => (await state("orders are few")) === "OK", 90);
  await open("/alarms");
  await until("both", async () => (await page.getByTestId("alarm-row").count()) === 2);
  await page.getByText("In alarm (1)").click();
  await until("only what rings", async () => (await page.getByTestId("alarm-row").count()) === 1);
  await page.getByText("CpuUtilized of shop / cart > 90 for 2 of 3 datapoints within 3 minutes").waitFor();
  same(await page.getByTestId("alarm-count").innerText().then((text) => text.split("\n")[0]), "1", "the number in the list of pages");
  await shoot(page, "alarms");
  await page.getByText(/^All \(/).click();
  await page.getByRole("checkbox", { name: "orders are few" }).check();
  await action("Disable actions");
  await until("they are off", async () => (await cloudwatch("DescribeAlarms", { AlarmNames: ["orders are few"] })).MetricAlarms[0].ActionsEnabled === false);
});
await accessible("alarms");

await check("a state is set by hand", page, async () => {
  await page.getByRole("checkbox", { name: "orders are few" }).check();
  await action("Set state …");
  await dialog().getByRole("button", { name: "Save" }).click();
  await dialog().waitFor({ state: "detached" });
  const { AlarmHistoryItems } = await cloudwatch("DescribeAlarmHistory", { AlarmName: "orders are few", HistoryItemType: "StateUpdate" });
  ensure(AlarmHistoryItems.some(({ HistorySummary }) => /to ALARM/.test(HistorySummary)), "it was in alarm");
});

await check("a composite alarm: the server says what is wrong, the picker helps", page, async () => {
  await open("/alarms/create-composite");
  const rule = page.getByRole("textbox", { name: /^Rule/ });
  await page.getByRole("textbox", { name: /^Name/ }).fill("shop is down");
  await rule.fill('ALARM("cart is busy") AND AND');
  await page.getByText("This is no rule yet.").waitFor();
  await expecting((response) => response.status() === 400, async () => {
    await button("Create alarm").click();
    await page.getByText(/AlarmRule|position/).first().waitFor();
  });
  await rule.fill("");
  await choose(button(/^Insert an alarm/, false), /^cart is busy/);
  await until("the term", async () => (await rule.inputValue()) === 'ALARM("cart is busy")');
  await page.getByTestId("rule-tree").getByRole("link", { name: "cart is busy" }).waitFor();
  await shoot(page, "the form of a composite alarm");
  await button("Create alarm").click();
  await heading("shop is down");
  await until("it rings too", async () => (await state("shop is down")) === "ALARM", 60);
  await page.getByTestId("alarm-why").getByText("The rule holds.").waitFor();
  await page.getByTestId("rule-tree").locator("[data-state=ALARM]").waitFor();
  await shoot(page, "a composite alarm");
});
await accessible("a composite alarm");

await check("an alarm is muted for two hours, and then every night", page, async () => {
  await open("/alarms/cart%20is%20busy");
  await page.getByTestId("alarm-parents").getByRole("link", { name: "shop is down" }).waitFor();
  await action("Mute …");
  await heading("Mute rules");
  await dialog().getByRole("textbox", { name: /^Name/ }).fill("deployment");
  await page.getByTestId("mute-sentence").getByText(/^Once, /).waitFor();
  await shoot(page, "a mute rule");
  await dialog().getByRole("button", { name: "Save" }).click();
  await page.locator("[data-testid=mute-row][data-status=SCHEDULED]").waitFor();
  await button("Edit: deployment").click();
  await dialog().getByText("Again and again").click();
  await page.getByTestId("mute-sentence").getByText(/^Every day at 22:00 for 8 hours/).waitFor();
  await dialog().getByRole("button", { name: "Save" }).click();
  await dialog().waitFor({ state: "detached" });
  const rule = await cloudwatch("GetAlarmMuteRule", { AlarmMuteRuleName: "deployment" });
  same([rule.Rule.Schedule.Expression, rule.Rule.Schedule.Duration], ["cron(0 22 * * *)", "PT8H"], "the schedule");
  await page.getByText(/^Every day at 22:00/).waitFor();
});
await accessible("mute rules");

await check("what is muted now says so", page, async () => {
  const at = new Date(Date.now() - 60_000).toISOString().slice(0, 16);
  await cloudwatch("PutAlarmMuteRule", { Name: "now", Rule: { Schedule: { Expression: `at(${at})`, Duration: "PT1H", Timezone: "UTC" } }, MuteTargets: { AlarmNames: ["cart is busy"] } });
  await open("/alarms");
  await page.getByText("Muted").waitFor();
  await cloudwatch("DeleteAlarmMuteRule", { AlarmMuteRuleName: "now" });
});

await check("notifications: a test is sent, and what became of it is told", page, async () => {
  await open("/notifications");
  await page.locator("[data-testid=topic][data-name=on-call]").getByText(hook).waitFor();
  await button("Send a test: on-call").click();
  await until("it is heard", () => heard.find(({ Subject }) => Subject === "Test from Mitoshi"));
  await page.getByText(/^A test was sent to on-call/).waitFor();
  await page.getByRole("table", { name: "Deliveries" }).getByText("Test from Mitoshi").first().waitFor();
  await page.getByText("Mails cannot be sent yet").waitFor();
  await page.getByText("[notifications.commands]").waitFor();
  await shoot(page, "notifications");
});
await accessible("notifications");

await check("subscriptions come and go", page, async () => {
  await button("Add subscription: on-call").click();
  await choose(dialog().getByRole("button", { name: /^How/ }), "Slack");
  await dialog().getByRole("textbox").fill("https://hooks.slack.com/services/T000/B000/secret");
  await dialog().getByRole("button", { name: "Add subscription" }).click();
  await until("two", async () => (await page.getByTestId("subscription").count()) === 2);
  ensure(!(await page.getByTestId("topic").innerText()).includes("secret"), "the secret is not shown");
  await button(/^Remove: https:\/\/hooks.slack/, false).click();
  await dialog().getByRole("button", { name: "Remove" }).click();
  await until("one", async () => (await page.getByTestId("subscription").count()) === 1);
});

await check("a metric filter leads to an alarm", page, async () => {
  await open("/logs/events?group=/ecs/cart&tab=metric-filters");
  await button("Create alarm: errors").click();
  await heading("Create a metric alarm");
  await page.getByText("Errors", { exact: true }).waitFor();
  same(await field("Limit").inputValue(), "0", "the limit");
});

await check("a metric is browsed to, and an expression computed of it", page, async () => {
  await open("/alarms/create");
  await button("Choose a metric").click();
  await page.getByTestId("browse-choice").getByText("Shop").click();
  await page.getByTestId("browse-choice").first().click();
  await page.getByRole("checkbox", { name: /^Orders/ }).check();
  await button("Done").click();
  await button("Add an expression").click();
  await field("Expression: e1").fill("m1 / 60");
  await field("Limit").fill("100");
  await until("a preview", async () => (await page.getByTestId("preview-rang").getAttribute("data-count")) === "0");
});

await check("the trace map marks what rings, and the palette finds it", page, async () => {
  await open("/trace-map?range=PT15M");
  const node = page.locator("[data-testid=map-node][data-name=cart]:not([data-type=client])");
  await node.getByTestId("alarm-mark").waitFor();
  await node.click();
  await page.getByTestId("alarms-here").getByRole("link", { name: "cart is busy" }).waitFor();
  await shoot(page, "trace map with an alarm");
  await page.keyboard.press("Control+k");
  await dialog().getByRole("combobox").fill("cart is");
  await page.getByRole("option", { name: /^cart is busy/ }).waitFor();
  await page.keyboard.press("Enter");
  await heading("cart is busy");
});

await check("in Japanese", page, async () => {
  await page.evaluate(() => localStorage.setItem("mitoshi.preferences", JSON.stringify({ language: "ja", theme: "dark" })));
  await open("/alarms");
  await heading("アラーム");
  await page.getByText("アラーム状態").first().waitFor();
  await shoot(page, "alarms in japanese");
  await page.evaluate(() => localStorage.removeItem("mitoshi.preferences"));
});

await check("what others name is not deleted before them", page, async () => {
  await open("/alarms/cart%20is%20busy");
  await action("Delete");
  await dialog().getByText(/change or delete these first: shop is down/).waitFor();
  ensure(await dialog().getByRole("button", { name: "Delete" }).isDisabled(), "it cannot be deleted yet");
  await dialog().getByRole("button", { name: "Cancel" }).click();
  await open("/alarms");
  for (const name of ["cart is busy", "shop is down"]) await page.getByRole("checkbox", { name }).check();
  await action("Delete");
  await dialog().getByRole("button", { name: "Delete" }).click();
  await until("both are gone", async () => (await state("cart is busy")) === undefined && (await state("shop is down")) === undefined);
  await open("/alarms/cart%20is%20busy");
  await page.getByText("There is no alarm cart is busy").waitFor();
});

await check("nothing went wrong on the way", undefined, async () => same(troubles, [], "troubles"));
await browser.close();
webhook.close();
process.exit(report() ? 0 : 1);
