import { expect, test } from "vitest";

import { traceMapPath, tracePath, tracesPath } from "./path";

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
});
