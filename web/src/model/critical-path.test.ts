import { expect, test } from "vitest";

import type { Trace } from "../api/xray";
import { addPath, criticalPath, emptySum, pathEntries, tracePathOf } from "./critical-path";
import type { SegmentDocument } from "./segment";
import { buildWaterfall } from "./waterfall";

const id = (letter: string) => letter.repeat(16);

function waterfallOf(...documents: SegmentDocument[]) {
  const trace: Trace = {
    Id: "1-00000000-000000000000000000000000",
    Segments: documents.map((d) => ({ Id: d.id, Document: JSON.stringify(d) })),
  };
  return buildWaterfall(trace, 1000);
}

const pathOf = (...documents: SegmentDocument[]) => criticalPath(waterfallOf(...documents));

const own = (path: ReturnType<typeof pathOf>) =>
  Object.fromEntries(
    [...path.byKey].map(([, p]) => [p.node.document.name, Number(p.ownSeconds.toFixed(6))]),
  );

const sub = (letter: string, name: string, start: number, end?: number): SegmentDocument => ({
  id: id(letter),
  name,
  start_time: start,
  ...(end === undefined ? {} : { end_time: end }),
});
const root = (...subsegments: SegmentDocument[]): SegmentDocument => ({
  ...sub("a", "root", 100, 110),
  subsegments,
});

test("gaps are the parent's, and of parallel calls only the last to end counts", () => {
  const path = pathOf(
    root(sub("b", "first", 101, 103), sub("c", "long", 104, 109), sub("d", "short", 104, 106)),
  );
  expect(own(path)).toEqual({ root: 3, first: 2, long: 5 });
  expect(path.byKey.get(id("a"))?.own).toEqual([
    { start: 100, end: 101 },
    { start: 103, end: 104 },
    { start: 109, end: 110 },
  ]);
});

test("the parts add up to the response time, through calls into other services", () => {
  const path = pathOf(
    root({ ...sub("b", "call", 101, 109), namespace: "remote" }),
    { ...sub("c", "callee", 102, 108), parent_id: id("b"), subsegments: [sub("d", "db", 103, 107)] },
  );
  expect(own(path)).toEqual({ root: 2, call: 2, callee: 2, db: 4 });
  expect(pathEntries(path).map((e) => [e.service, e.name, e.kind, e.share])).toEqual([
    ["callee", "db", "work", 0.4],
    ["callee", "callee", "service", 0.2],
    ["root", "call", "call", 0.2],
    ["root", "root", "service", 0.2],
  ]);
});

test("work that outlives its parent was not waited for", () => {
  expect(own(pathOf(root(sub("b", "mail", 105, 120), sub("c", "db", 101, 104))))).toEqual({
    root: 7,
    db: 3,
  });
});

test("a callee whose clock is off is moved into its call, with all it did", () => {
  const path = pathOf(
    root({ ...sub("b", "call", 102, 108), namespace: "remote" }),
    { ...sub("c", "callee", 205, 210), parent_id: id("b"), subsegments: [sub("d", "db", 206, 209)] },
  );
  expect(own(path)).toEqual({ root: 4, call: 1, callee: 2, db: 3 });
  // Drawn where it says it was.
  expect(path.byKey.get(id("d"))?.own).toEqual([{ start: 206, end: 209 }]);
});

test("a callee that runs on after the call gave up counts as long as the call waited", () => {
  const path = pathOf(root({ ...sub("b", "call", 102, 104), namespace: "remote" }), {
    ...sub("c", "callee", 102.5, 130),
    parent_id: id("b"),
  });
  expect(own(path)).toEqual({ root: 8, call: 0.5, callee: 1.5 });
});

test("what takes a message later is not on the path of the one that sent it", () => {
  const path = pathOf(root({ ...sub("b", "SQS", 102, 104), namespace: "aws" }), {
    ...sub("c", "consumer", 120, 121),
    parent_id: id("b"),
  });
  expect(own(path)).toEqual({ root: 8, SQS: 2 });
});

test("a root in progress reaches to now, with the child that runs", () => {
  const path = pathOf({
    id: id("a"),
    name: "root",
    start_time: 990,
    in_progress: true,
    subsegments: [{ ...sub("b", "running", 994), in_progress: true }, sub("c", "done", 991, 993)],
  });
  expect(path.running).toBe(true);
  expect(own(path)).toEqual({ root: 2, running: 6, done: 2 });
});

test("missing parents, circles and nothing at all", () => {
  const lost = { ...sub("b", "lost", 101, 102), parent_id: id("9") };
  const path = pathOf(root(), lost);
  expect([own(path), path.apart]).toEqual([{ root: 10 }, 1]);
  expect(own(pathOf(lost))).toEqual({ lost: 1 });
  expect(
    own(
      pathOf(
        { ...sub("a", "one", 1, 9), parent_id: id("b") },
        { ...sub("b", "two", 2, 8), parent_id: id("a") },
      ),
    ),
  ).toEqual({ one: 2, two: 6 });
  expect(pathOf().seconds).toBe(0);
});

test("an end that is a hair after the next start still comes before it", () => {
  expect(
    own(pathOf(root(sub("b", "one", 101, 104.0005), sub("c", "two", 104, 109)))),
  ).toEqual({ root: 2, one: 3, two: 5 });
});

test("ten thousand calls in well under a second", () => {
  const calls = Array.from({ length: 10_000 }, (_, i) => ({
    id: i.toString(16).padStart(16, "0"),
    name: "call",
    start_time: 100 + i / 1e3,
    end_time: 100 + (i + 0.9) / 1e3,
  }));
  const started = performance.now();
  const path = pathOf(root(...calls));
  expect(path.byKey.size).toBe(10_001);
  expect(pathEntries(path).map((e) => [e.name, e.count])).toEqual([
    ["call", 10_000],
    ["root", 1],
  ]);
  expect(performance.now() - started).toBeLessThan(1000);
});

test("sums count a trace once for each entity", () => {
  const sum = emptySum();
  for (const end of [103, 105])
    addPath(
      sum,
      tracePathOf(waterfallOf(root(sub("b", "db", 101, end), sub("c", "db", end + 1, end + 2)))),
    );
  expect([sum.traces, sum.seconds]).toEqual([2, 20]);
  expect(
    [...sum.totals.values()].map((t) => [t.name, t.seconds, t.traces, t.longest.seconds]),
  ).toEqual([
    ["root", 12, 2, 7],
    ["db", 8, 2, 5],
  ]);
  expect(sum.totals.values().next().value?.longest.segment).toBe(id("a"));
});
