import { expect, test } from "vitest";

import type { Trace } from "../api/xray";
import type { SegmentDocument } from "./segment";
import { compareTraces, countPairs } from "./trace-compare";
import { buildWaterfall } from "./waterfall";

let ids = 0;
const doc = (
  name: string,
  start: number,
  end: number,
  more: Partial<SegmentDocument> = {},
): SegmentDocument => ({
  id: (ids += 1).toString(16).padStart(16, "0"),
  name,
  start_time: start,
  end_time: end,
  ...more,
});

function waterfall(...documents: SegmentDocument[]) {
  const trace: Trace = {
    Id: "1-00000000-000000000000000000000000",
    Segments: documents.map((d) => ({ Id: d.id, Document: JSON.stringify(d) })),
  };
  return buildWaterfall(trace, 1000);
}

const shown = (pairs: ReturnType<typeof compareTraces>) =>
  pairs.map((p) => [p.name, p.aSeconds, p.bSeconds, p.difference]);

test("the same place in the tree is the same entity, into other services", () => {
  const request = (db: number) => {
    const call = doc("orders", 1, 2 + db, { namespace: "remote" });
    return waterfall(
      doc("web", 0, 3 + db, { subsegments: [doc("auth", 0, 1), call] }),
      doc("orders", 1, 2 + db, { parent_id: call.id, subsegments: [doc("db", 1, 1 + db)] }),
    );
  };
  expect(shown(compareTraces(request(1), request(5)))).toEqual([
    ["web", 4, 8, 4],
    ["auth", 1, 1, 0],
    ["orders", 2, 6, 4],
    ["orders", 2, 6, 4],
    ["db", 1, 5, 4],
  ]);
});

test("calls of one name are told apart by what they do, the rest goes in order", () => {
  const get = (start: number, end: number) =>
    doc("DynamoDB", start, end, { namespace: "aws", aws: { operation: "GetItem" } });
  const put = (start: number, end: number) =>
    doc("DynamoDB", start, end, { namespace: "aws", aws: { operation: "PutItem" } });
  const a = waterfall(doc("web", 0, 9, { subsegments: [get(0, 1), put(1, 3)] }));
  const b = waterfall(doc("web", 0, 9, { subsegments: [put(0, 4), get(4, 5), get(5, 8)] }));
  expect(shown(compareTraces(a, b))).toEqual([
    ["web", 9, 9, 0],
    ["DynamoDB", 1, 1, 0],
    ["DynamoDB", 2, 4, 2],
    ["DynamoDB", undefined, 3, 3],
  ]);
});

test("what one trace has alone, and a state that changed", () => {
  const a = waterfall(doc("web", 0, 2, { subsegments: [doc("cache", 0, 1)] }));
  const b = waterfall(doc("web", 0, 5, { fault: true, subsegments: [doc("db", 0, 4)] }));
  const pairs = compareTraces(a, b);
  expect(shown(pairs)).toEqual([
    ["web", 2, 5, 3],
    ["cache", 1, undefined, -1],
    ["db", undefined, 4, 4],
  ]);
  expect(pairs[0]!.ownDifference).toBe(0);
  expect(countPairs(pairs)).toEqual({ both: 1, onlyA: 1, onlyB: 1, changed: 1 });
});

test("an entity that moved under another parent is still found", () => {
  const a = waterfall(doc("web", 0, 5, { subsegments: [doc("db", 0, 4)] }));
  const b = waterfall(
    doc("web", 0, 5, { subsegments: [doc("wrapper", 0, 5, { subsegments: [doc("db", 0, 2)] })] }),
  );
  expect(shown(compareTraces(a, b))).toEqual([
    ["web", 5, 5, 0],
    ["db", 4, 2, -2],
    ["wrapper", undefined, 5, 5],
  ]);
});

test("roots belong together whatever they are called; nothing is compared with nothing", () => {
  const [pair] = compareTraces(waterfall(doc("blue", 0, 1)), waterfall(doc("green", 0, 2)));
  expect([pair?.a?.document.name, pair?.b?.document.name]).toEqual(["blue", "green"]);
  expect(compareTraces(waterfall(), waterfall())).toEqual([]);
});

test("ten thousand calls on both sides in well under a second", () => {
  const many = () =>
    waterfall(
      doc("web", 0, 10, {
        subsegments: Array.from({ length: 10_000 }, (_, i) => doc("db", i / 1e3, (i + 1) / 1e3)),
      }),
    );
  const [a, b] = [many(), many()];
  const started = performance.now();
  expect(countPairs(compareTraces(a, b)).both).toBe(10_001);
  expect(performance.now() - started).toBeLessThan(1000);
});
