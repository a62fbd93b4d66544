import { expect, test } from "vitest";

import type { Insight, InsightEvent } from "../api/insight";
import {
  chartWindow,
  clientSelectors,
  faultFilter,
  impactOf,
  insightsByNode,
  insightWindow,
  tellEvents,
  toFaultSeries,
  toImpactMap,
  usualShare,
} from "./insight";

const start = 1_795_768_980;
const insight: Insight = {
  InsightId: "1",
  GroupName: "shop",
  State: "ACTIVE",
  StartTime: start,
  RootCauseServiceId: { Name: "back", Type: "AWS::ECS::Container" },
};
const closed: Insight = { ...insight, State: "CLOSED", EndTime: start + 600 };

test("the usual share is read from the server's sentence", () => {
  expect(usualShare("back is failing: 70 of 155 requests (45 %, where 0.1 % are usual). …")).toBe(
    0.001,
  );
  expect(usualShare("something else")).toBeUndefined();
  expect(usualShare(undefined)).toBeUndefined();
});

test("impact", () => {
  expect(impactOf({ FaultCount: 1, OkCount: 3, TotalCount: 4 })).toEqual({
    faults: 1,
    total: 4,
    share: 0.25,
  });
  expect(impactOf(undefined).share).toBeUndefined();
});

test("an active insight goes to the last minute that is whole", () => {
  expect(insightWindow(insight, start + 305)).toEqual({ start, end: start + 240 });
  expect(insightWindow(insight, start + 325)).toEqual({ start, end: start + 300 });
  expect(insightWindow(closed, start + 9999)).toEqual({ start, end: start + 600 });
  expect(insightWindow(insight, start)).toEqual({ start, end: start + 60 });
});

test("charts show what was before and after, but no more than the server gives", () => {
  expect(chartWindow(closed, start + 99_999)).toEqual({
    start: start - 900,
    end: Math.ceil((start + 600 + 450) / 60) * 60,
  });
  expect(chartWindow(insight, start + 325)).toEqual({ start: start - 900, end: start + 300 });
  const long = chartWindow(insight, start + 10 * 3600);
  expect(long.end - long.start).toBe(6 * 3600);
});

test("the filter of its traces", () => {
  expect(faultFilter(insight, undefined)).toBe(
    'service(id(name: "back", type: "AWS::ECS::Container")) { fault }',
  );
  expect(faultFilter(insight, "shop")).toMatch(/^group\.name = "shop" AND service/);
});

test("events tell what is new in them", () => {
  const event = (at: number, ...names: string[]): InsightEvent => ({
    EventTime: at,
    TopAnomalousServices: names.map((Name) => ({ ServiceId: { Name } })),
  });
  const events = [
    event(3, "front", "back", "middle"),
    event(2, "front", "back", "middle"),
    event(1, "back", "front"),
  ];
  const told = tellEvents(events, closed);
  expect(told.map((each) => each.kind)).toEqual(["ended", "changed", "began"]);
  expect(told.map((each) => each.joined.map((node) => node.name))).toEqual([
    [],
    ["middle"],
    ["back", "front"],
  ]);
  expect(tellEvents(events, insight)[0]!.kind).toBe("changed");
  expect(tellEvents(events.slice(2), insight)[0]!.kind).toBe("began");
});

test("the impact map has the numbers of the service graph", () => {
  const statistics = {
    TotalCount: 4,
    OkCount: 1,
    FaultStatistics: { TotalCount: 3, OtherCount: 3 },
  };
  const impact = [
    { ReferenceId: 0, Name: "front", Type: "client", Edges: [{ ReferenceId: 1 }] },
    { ReferenceId: 1, Name: "front", Edges: [] },
  ];
  const map = toImpactMap(impact, [
    { ReferenceId: 7, Name: "front", SummaryStatistics: statistics, Edges: [] },
    { ReferenceId: 8, Name: "other", SummaryStatistics: statistics, Edges: [] },
  ]);
  expect(map.nodes.map((node) => [node.id, node.outcome.fault])).toEqual([
    ["front|", 3],
    ["front|client", 0],
  ]);
  expect(clientSelectors(map)).toEqual([
    'edge(id(name: "front", type: "client"), id(name: "front"))',
  ]);
});

test("series are summed per minute", () => {
  const bucket = (Timestamp: number, total: number, fault: number) => ({
    Timestamp,
    EdgeSummaryStatistics: { TotalCount: total, FaultStatistics: { TotalCount: fault } },
  });
  const series = toFaultSeries([[bucket(60, 5, 1), bucket(120, 4, 4)], [bucket(60, 1, 1)]], {
    start: 60,
    end: 240,
  });
  expect(series.times).toEqual([60, 120, 180]);
  expect(series.total).toEqual([6, 4, 0]);
  expect(series.fault).toEqual([2, 4, 0]);
  expect(series.high).toEqual([undefined, undefined, undefined]);
});

test("a map marks the root causes of insights that had begun", () => {
  const window = { start: start - 600, end: start + 600 };
  const id = "back|AWS::ECS::Container";
  expect([...insightsByNode([insight, closed], window, undefined).keys()]).toEqual([id]);
  expect(insightsByNode([insight], window, "other").size).toBe(0);
  expect(insightsByNode([insight], { start: 0, end: start }, "shop").size).toBe(0);
});
