import { expect, test } from "vitest";

import type { TraceSummary } from "../api/xray";
import { compareAttributes, divergenceOf, tabulate } from "./trace-attribute";

let ids = 0;
const trace = (version: string | undefined, more: Partial<TraceSummary> = {}): TraceSummary => ({
  Id: `1-${(ids += 1)}`,
  Http: { HttpURL: "http://shop/", HttpStatus: 200, ClientIp: `10.0.0.${ids}` },
  Annotations:
    version === undefined ? {} : { version: [{ AnnotationValue: { StringValue: version } }] },
  ...more,
});
const many = (count: number, make: (i: number) => TraceSummary) =>
  Array.from({ length: count }, (_, i) => make(i));

test("a value counts once for each trace that has it, and missing values are counted too", () => {
  const nodes = [{ Name: "db" }, { Name: "db" }, { Name: "web", Type: "client" }];
  const table = tabulate([trace("1", { ServiceIds: nodes }), trace(undefined), trace("2")]);
  expect([...table.get("service")!.values.values()].map((v) => [v.label, v.count])).toEqual([
    ["db", 1],
  ]);
  expect([...table.get("annotation:version")!.values.values()]).toEqual([
    { label: "1", term: 'annotation[version] = "1"', count: 1 },
    { label: "2", term: 'annotation[version] = "2"', count: 1 },
    { label: undefined, term: "!annotation[version]", count: 1 },
  ]);
});

test("what tells the sets apart comes first, ids and what is alike do not", () => {
  const a = many(50, (i) => trace(i < 45 ? "2" : "1"));
  const b = many(100, (i) => trace(i < 10 ? "2" : "1"));
  const [first, ...rest] = compareAttributes(a, b);
  expect(first!.id).toBe("annotation:version");
  expect(first!.divergence).toBeGreaterThan(0.5);
  expect(first!.values.map((v) => [v.label, v.aShare, v.bShare])).toEqual([
    ["2", 0.9, 0.1],
    ["1", 0.1, 0.9],
  ]);
  expect(rest.map((r) => r.divergence)).toEqual(rest.map(() => 0));
  expect(rest.map((r) => r.id)).toEqual(["outcome", "url", "status", "client"]);
});

test("an attribute that only one set has is missing in all of the other", () => {
  const [first] = compareAttributes(
    many(20, () => trace("1")),
    many(20, () => trace(undefined)),
  );
  expect(first!.values.map((v) => [v.label, v.aCount, v.bCount])).toEqual([
    ["1", 20, 0],
    [undefined, 0, 20],
  ]);
});

test("without B the order is fixed and the most frequent value first", () => {
  const found = compareAttributes([trace("1"), trace("2"), trace("2")], undefined);
  expect(found.map((f) => f.id)).toEqual(["outcome", "url", "status", "annotation:version", "client"]);
  expect(found[3]!.values.map((v) => [v.label, v.aCount])).toEqual([
    ["2", 2],
    ["1", 1],
  ]);
});

test("chance is taken off, and several values in a trace do not add up", () => {
  const values = [
    { aCount: 100, bCount: 0 },
    { aCount: 100, bCount: 0 },
  ];
  expect(divergenceOf(values, 100, 100, true)).toBeCloseTo(1 - 2.5 * Math.sqrt(0.25 / 50));
  expect(divergenceOf([{ aCount: 3, bCount: 1 }], 4, 4, false)).toBe(0);
  // What has a value in A and none in B differs as much as two values would.
  expect(divergenceOf([{ aCount: 100, bCount: 0 }], 100, 100, false)).toBeCloseTo(
    1 - 2.5 * Math.sqrt(0.25 / 50),
  );
  expect(divergenceOf([], 0, 5, false)).toBe(0);
});

test("an annotation with many numbers is counted in ranges", () => {
  const total = (i: number) =>
    trace(undefined, { Annotations: { total: [{ AnnotationValue: { NumberValue: i } }] } });
  const found = compareAttributes(
    many(60, (i) => total(i / 2)),
    many(60, (i) => total(100 + i / 2)),
  )[0]!;
  expect(found.id).toBe("annotation:total");
  expect(found.values.map((v) => [v.label, v.term, v.aCount, v.bCount]).slice(0, 2)).toEqual([
    ["0 – 9.5", "annotation[total] >= 0 AND annotation[total] <= 9.5", 20, 0],
    ["10 – 19.5", "annotation[total] >= 10 AND annotation[total] <= 19.5", 20, 0],
  ]);
  expect(found.divergence).toBeGreaterThan(0.4);
});

test("root causes become patterns that the server can match", () => {
  const cause = {
    Services: [
      { Name: "web", EntityPath: [{ Name: "web" }, { Name: "orders" }] },
      {
        Name: "orders",
        EntityPath: [{ Name: "pay", Exceptions: [{ Name: "Bad", Message: 'say "no"' }] }],
      },
    ],
  };
  const table = tabulate([trace("1", { HasFault: true, FaultRootCauses: [cause] })]);
  expect([...table.get("faultCause")!.values.values()]).toEqual([
    {
      label: "web → orders › pay",
      term: 'rootcause.json = #[{"Services":[{"Name":"web","EntityPath":[{"Name":"web"},{"Name":"orders"}]},{"Name":"orders","EntityPath":[{"Name":"pay"}]}]}]',
      count: 1,
    },
  ]);
  expect([...table.get("exception")!.values.values()][0]!.term).toBe(
    'rootcause.fault.exception { name = "Bad" AND message = "say \\"no\\"" }',
  );
});
