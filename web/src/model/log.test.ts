import { expect, test } from "vitest";

import { jsonOf, levelOf, partsOf } from "./log";

test("a trace id is told apart, in both forms", () => {
  const id = "1-5759e988-bd862e3fe1be46a994272793";
  expect(partsOf(`Root=${id};Sampled=1`)).toEqual([
    { text: "Root=" },
    { text: id, trace: id },
    { text: ";Sampled=1" },
  ]);
  expect(partsOf("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01")[1]).toEqual({
    text: "5759e988bd862e3fe1be46a994272793",
    trace: id,
  });
  expect(partsOf("00000000000000000000000000000000 and nothing")).toEqual([
    { text: "00000000000000000000000000000000 and nothing" },
  ]);
  expect(partsOf("")).toEqual([]);
});

test("a line says how loud it is", () => {
  expect(levelOf("2026-11-28 ERROR no table")).toBe("error");
  expect(levelOf('{"level":"warn","message":"slow"}')).toBe("warning");
  expect(levelOf("errors: 0")).toBe("other");
});

test("JSON is read where it is some", () => {
  expect(jsonOf('{"a": [1]}')).toEqual({ a: [1] });
  expect(jsonOf("{not json")).toBeUndefined();
  expect(jsonOf("42")).toBeUndefined();
});
