import { expect, test } from "vitest";

import { foundLinesOf, isWithin, meantLines, reasonsOf, traceLinesOf, traceLogQuery } from "./trace-log";
import { buildWaterfall } from "./waterfall";

const id = "1-5759e988-bd862e3fe1be46a994272793";
const document = (document: object) => ({ Id: "x", Document: JSON.stringify({ trace_id: id, ...document }) });
const waterfall = buildWaterfall(
  {
    Id: id,
    Segments: [
      document({ id: "aaaaaaaaaaaaaaaa", name: "Web", start_time: 100, end_time: 110, subsegments: [{ id: "aaaaaaaaaaaaaaab", name: "call", start_time: 101, end_time: 104 }] }),
      document({ id: "bbbbbbbbbbbbbbbb", parent_id: "aaaaaaaaaaaaaaab", name: "Shop", start_time: 102, end_time: 103, aws: { cloudwatch_logs: [{ log_group: "/ecs/one" }, { arn: "arn:aws:logs:us-east-1:000000000000:log-group:two:*" }] } }),
      document({ id: "cccccccccccccccc", parent_id: "aaaaaaaaaaaaaaab", name: "Shop", start_time: 105, end_time: 106, aws: { cloudwatch_logs: [{ log_group: "/ecs/one" }] } }),
    ],
  },
  200,
);
const row = (second: number, log: string, stream: string, message: string) => [
  { field: "@timestamp", value: `1970-01-01 00:01:${second}.000` },
  { field: "@log", value: `000000000000:${log}` },
  { field: "@logStream", value: stream },
  { field: "@message", value: message },
  { field: "@ptr", value: "p" },
];
const lines = (...rows: ReturnType<typeof row>[]) => traceLinesOf(rows, waterfall);
const owner = (...given: Parameters<typeof row>) => lines(row(...given))[0]!.node?.document.id;

test("a trace is looked for in both forms of its id", () => {
  expect(traceLogQuery([id])).toContain(`filter @message like "${id}" or @message like "5759e988bd862e3fe1be46a994272793"`);
});

test("a line is what the answer says", () => {
  expect(foundLinesOf([row(42, "/ecs/one", "s", "WARN x")])).toEqual([
    { timestamp: 102_000, group: "/ecs/one", stream: "s", message: "WARN x", level: "warning" },
  ]);
  expect(foundLinesOf([[{ field: "n", value: "1" }]])).toEqual([]);
});

test("a line belongs to the segment that it names, to the innermost of them", () => {
  expect(owner(41, "other", "s", `${id} span=aaaaaaaaaaaaaaab parent=aaaaaaaaaaaaaaaa`)).toBe("aaaaaaaaaaaaaaab");
  expect(owner(41, "other", "s", "00-5759e988bd862e3fe1be46a994272793-AAAAAAAAAAAAAAAA-01")).toBe("aaaaaaaaaaaaaaaa");
  expect(owner(41, "other", "s", "trace ffffffffffffffff")).toBeUndefined();
});

test("else to the segment that names its group, the one of that time", () => {
  expect(owner(42, "/ecs/one", "s", "x")).toBe("bbbbbbbbbbbbbbbb");
  expect(owner(46, "/ecs/one", "s", "x")).toBe("cccccccccccccccc");
  expect(owner(46, "two", "s", "x")).toBe("bbbbbbbbbbbbbbbb");
});

test("else to the service of that name", () => {
  expect(owner(41, "/ecs/web", "s", "x")).toBe("aaaaaaaaaaaaaaaa");
  expect(owner(45, "all", "ecs/shop/7f", "x")).toBe("cccccccccccccccc");
  expect(owner(41, "all", "call", "x")).toBeUndefined();
});

test("the lines that are meant: one, or the nearest ones of a segment", () => {
  const all = lines(row(41, "all", "web", "a"), row(43, "/ecs/one", "s", "b"), row(44, "all", "web", "c"));
  const texts = (found: Set<{ message: string }>) => [...found].map(({ message }) => message);
  expect(texts(meantLines(all, { time: 103_400 }))).toEqual(["b"]);
  expect(texts(meantLines(all, { time: 103_400 }, waterfall.byId.get("aaaaaaaaaaaaaaaa")))).toEqual(["c"]);
  expect(texts(meantLines(all, undefined))).toEqual([]);
  expect(isWithin(all[0]!, waterfall.byId.get("aaaaaaaaaaaaaaaa")!)).toBe(true);
  expect(isWithin(all[0]!, waterfall.byId.get("bbbbbbbbbbbbbbbb")!)).toBe(false);
});

test("what the loudest lines say, each once", () => {
  const all = lines(
    row(41, "all", "web", "INFO 1"),
    row(42, "all", "web", `ERROR no table ${id} after 7 ms`),
    row(43, "all", "web", "ERROR no host"),
    row(44, "all", "web", "ERROR no table 1-5759e988-000000000000000000000001 after 12.5 ms"),
  );
  expect(reasonsOf(all).map(({ line, count }) => [count, line.timestamp])).toEqual([
    [2, 104_000],
    [1, 103_000],
  ]);
  expect(reasonsOf([])).toEqual([]);
});
