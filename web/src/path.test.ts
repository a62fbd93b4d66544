import { expect, test } from "vitest";

import {
  analyticsPath,
  groupsPath,
  insightPath,
  insightsPath,
  traceComparePath,
  traceMapPath,
  tracePath,
  tracesPath,
} from "./path";

test("links carry the time range and quote what they carry", () => {
  expect(traceMapPath()).toBe("/trace-map");
  expect(traceMapPath({ range: "PT15M", node: "Backend #1|" })).toBe(
    "/trace-map?range=PT15M&node=Backend+%231%7C",
  );
  expect(tracesPath({ filter: 'service("a") { fault }' })).toBe(
    "/traces?filter=service%28%22a%22%29+%7B+fault+%7D",
  );
  expect(tracePath("6b02ffc07a2ab790817c2e13796371a0", { segment: "37b7f64719017380" })).toBe(
    "/traces/1-6b02ffc0-7a2ab790817c2e13796371a0?segment=37b7f64719017380",
  );
  expect(tracePath("x", { path: "on" })).toBe("/traces/x?path=on");
  expect(
    traceComparePath({ range: "PT15M", a: "6b02ffc07a2ab790817c2e13796371a0", b: "1-2-3" }),
  ).toBe("/traces/compare?a=1-6b02ffc0-7a2ab790817c2e13796371a0&b=1-2-3&range=PT15M");
  expect(analyticsPath({ filter: "fault", view: "critical-path" })).toBe(
    "/analytics?filter=fault&view=critical-path",
  );
  expect(groupsPath({ action: "edit", name: "a b" })).toBe("/groups?action=edit&name=a+b");
  expect(insightsPath({ group: "*", state: "active" })).toBe("/insights?group=*&state=active");
  expect(insightPath("1-2", { part: "1~2" })).toBe("/insights/1-2?part=1%7E2");
});
