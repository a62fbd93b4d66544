import { expect, test } from "vitest";

import type { Trace } from "../api/xray";
import { exceptionsOf } from "./exception";
import { toServiceMap, topologyKey } from "./graph";
import type { SegmentDocument } from "./segment";
import { buildWaterfall, collapsibleKeys, visibleRows } from "./waterfall";

const id = (letter: string) => letter.repeat(16);

function traceOf(...documents: SegmentDocument[]): Trace {
  return {
    Id: "1-00000000-000000000000000000000000",
    Segments: documents.map((d) => ({ Id: d.id, Document: JSON.stringify(d) })),
  };
}

const caller: SegmentDocument = {
  id: id("a"),
  name: "BFF",
  start_time: 100,
  end_time: 105.05,
  subsegments: [
    { id: id("c"), name: "backend2", namespace: "remote", start_time: 100.03, end_time: 105.04 },
    { id: id("b"), name: "backend1", namespace: "remote", start_time: 100.01, end_time: 100.03 },
  ],
};
const callee: SegmentDocument = {
  id: id("d"),
  name: "Backend #2",
  parent_id: id("c"),
  start_time: 100.04,
  end_time: 105.03,
  subsegments: [
    {
      id: id("e"),
      name: "dynamodb",
      namespace: "aws",
      start_time: 105.02,
      end_time: 105.03,
      fault: true,
      cause: { exceptions: [{ id: id("9"), type: "ClientError", message: "denied" }] },
    },
  ],
};

test("rows are grouped by service in call order, subsegments by start", () => {
  const waterfall = buildWaterfall(traceOf(callee, caller), 200);
  expect(
    visibleRows(waterfall, new Set()).map((r) => [
      r.depth,
      r.node.kind === "group" ? r.node.name : r.node.document.name,
    ]),
  ).toEqual([
    [0, "BFF"],
    [1, "BFF"],
    [2, "backend1"],
    [2, "backend2"],
    [0, "Backend #2"],
    [1, "Backend #2"],
    [2, "dynamodb"],
  ]);
  expect(waterfall.root?.document.name).toBe("BFF");
  expect(visibleRows(waterfall, new Set(collapsibleKeys(waterfall)))).toHaveLength(2);
});

test("the slowest row is the one with the most own time, not the one that waits", () => {
  const { slowest } = buildWaterfall(traceOf(callee, caller), 200);
  expect(slowest?.document.name).toBe("Backend #2");
  expect(slowest?.selfSeconds).toBeCloseTo(4.98);
});

test("a failure below a good segment is seen on it and found first", () => {
  const waterfall = buildWaterfall(traceOf(callee, caller), 200);
  const segment = waterfall.byId.get(id("d"))!;
  expect([segment.state, segment.below]).toEqual(["ok", "fault"]);
  expect(waterfall.firstFailure?.document.name).toBe("dynamodb");
  expect(waterfall.groups.map((g) => g.state)).toEqual(["ok", "fault"]);
});

test("an independent subsegment without its parent is an orphan", () => {
  const orphan: SegmentDocument = {
    id: id("f"),
    name: "lost",
    type: "subsegment",
    parent_id: id("1"),
    start_time: 101,
    end_time: 102,
  };
  const waterfall = buildWaterfall(traceOf(caller, orphan), 200);
  expect(waterfall.byId.get(id("f"))?.orphan).toBe(true);
  expect(waterfall.byId.get(id("a"))?.orphan).toBe(false);
});

test("work in progress reaches to now, unless it was abandoned", () => {
  const open: SegmentDocument = { id: id("a"), name: "x", start_time: 100, in_progress: true };
  expect(buildWaterfall(traceOf(open), 110).end).toBe(110);
  expect(buildWaterfall(traceOf(open), 9000).end).toBe(100);
});

test("unreadable documents are counted, not thrown", () => {
  const waterfall = buildWaterfall(
    {
      Id: "x",
      Segments: [
        { Id: "1", Document: "{" },
        { Id: "2", Document: "{}" },
      ],
    },
    1,
  );
  expect([waterfall.unreadable, waterfall.segmentCount]).toEqual([2, 0]);
});

test("a cause that is an id is found where it was recorded", () => {
  const outer: SegmentDocument = {
    id: id("a"),
    name: "x",
    start_time: 1,
    end_time: 2,
    fault: true,
    cause: id("9"),
  };
  const waterfall = buildWaterfall(traceOf(outer, callee), 3);
  const shown = exceptionsOf(waterfall, waterfall.byId.get(id("a"))!);
  expect(shown.list.map((e) => [e.exception.type, e.from?.document.name, e.level])).toEqual([
    ["ClientError", "dynamodb", 0],
  ]);
  const unknown = buildWaterfall(traceOf({ ...outer, cause: id("8") }), 3);
  expect(exceptionsOf(unknown, unknown.byId.get(id("a"))!).unresolved).toBe(id("8"));
});

test("ten thousand rows in well under a second", () => {
  const subsegments = Array.from({ length: 10_000 }, (_, i) => ({
    id: i.toString(16).padStart(16, "0"),
    name: `s${i}`,
    start_time: 1 + i / 1e4,
    end_time: 1 + (i + 1) / 1e4,
  }));
  const started = performance.now();
  const waterfall = buildWaterfall(
    traceOf({ id: id("a"), name: "x", start_time: 1, end_time: 2, subsegments }),
    3,
  );
  expect(visibleRows(waterfall, new Set())).toHaveLength(10_002);
  expect(performance.now() - started).toBeLessThan(1000);
});

test("the map does not depend on the order of the answer", () => {
  const services = [
    {
      ReferenceId: 0,
      Name: "BFF",
      Type: "client",
      Edges: [
        { ReferenceId: 1, SummaryStatistics: { TotalCount: 3, OkCount: 3, TotalResponseTime: 3 } },
      ],
    },
    { ReferenceId: 1, Name: "BFF", Edges: [] },
  ];
  const map = toServiceMap(services);
  expect(topologyKey(toServiceMap([...services].reverse()))).toBe(topologyKey(map));
  expect(map.nodes.find((n) => n.kind === "client")?.outcome.total).toBe(3);
  expect(map.edges.map((e) => e.id)).toEqual(["BFF|client→BFF|"]);
});
