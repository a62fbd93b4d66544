import { expect, test } from "vitest";

import { jsonOf, levelOf, tracesOf } from "./log";

test("the traces that a line names are found, in both forms and once", () => {
  const id = "1-5759e988-bd862e3fe1be46a994272793";
  const other = "1-5759e988-000000000000000000000001";
  expect(tracesOf(`Root=${id};Sampled=1`)).toEqual([id]);
  expect(tracesOf("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01")).toEqual([id]);
  expect(tracesOf(`${id} 5759e988bd862e3fe1be46a994272793 after ${other}`)).toEqual([id, other]);
  expect(tracesOf("00000000000000000000000000000000 and nothing")).toEqual([]);
  expect(tracesOf("a5759e988bd862e3fe1be46a9942727930")).toEqual([]);
  expect(tracesOf("")).toEqual([]);
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
