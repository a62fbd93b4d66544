import { expect, test } from "vitest";

import { changesOf, compared, patternsOf } from "./log-pattern";

const row = (pattern: string, count: number) => [
  { field: "@pattern", value: pattern },
  { field: "@regexString", value: "x" },
  { field: "@sampleCount", value: String(count) },
  { field: "@ratio", value: "0.25" },
  { field: "@severityLabel", value: "ERROR" },
];

test("patterns and their change", () => {
  const now = patternsOf([row("a <Token-1>", 1), row("b", 3)]);
  expect(now.map(({ pattern }) => pattern)).toEqual(["b", "a <Token-1>"]);
  const changes = compared(now, patternsOf([row("a <Token-4>", 7), row("c", 2)]));
  expect(changes.map(({ pattern, count, before }) => [pattern, count, before])).toEqual([
    ["a <Token-1>", 1, 7],
    ["b", 3, 0],
    ["c", 0, 2],
  ]);
  const told = changesOf([row("b", 3), [...row("a", 1), { field: "@previousSampleCount", value: "9" }]]);
  expect(told.map(({ pattern, before }) => [pattern, before])).toEqual([
    ["a", 9],
    ["b", 0],
  ]);
});
