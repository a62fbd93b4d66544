import { expect, test } from "vitest";

import { linearTicks, mergeHistograms, percentile, scaleFor, ticksOf, toBars } from "./histogram";
import { outcomeOf, ringArcs, worstState } from "./statistics";
import { toTimeSeries } from "./time-series";

const entries = [
  { Value: 5, Count: 1 },
  { Value: 0.01, Count: 90 },
  { Value: 0.1, Count: 9 },
];

test("percentiles by nearest rank, whatever the order", () => {
  expect([50, 90, 91, 99, 100].map((p) => percentile(entries, p))).toEqual([
    0.01, 0.01, 0.1, 0.1, 5,
  ]);
  expect(percentile([], 50)).toBeUndefined();
});

test("bars keep every count and cover every value", () => {
  for (const bins of [1, 7, 40])
    expect(toBars(entries, bins).reduce((sum, bar) => sum + bar.count, 0)).toBe(100);
  expect(toBars([{ Value: 0, Count: 2 }], 10).reduce((sum, bar) => sum + bar.count, 0)).toBe(2);
  expect(toBars([], 10)).toEqual([]);
  expect(mergeHistograms([entries, entries])[0]).toEqual({ Value: 0.01, Count: 180 });
});

test("scales invert and have readable ticks", () => {
  const scale = scaleFor([0.001, 5]);
  expect(scale.log).toBe(true);
  expect(scale.invert(scale.at(0.2))).toBeCloseTo(0.2);
  expect(ticksOf(scale)).toEqual([0.001, 0.01, 0.1, 1]);
  expect(linearTicks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
});

test("statistics: one request is in one bucket", () => {
  const outcome = outcomeOf({
    OkCount: 6,
    ErrorStatistics: { ThrottleCount: 1, OtherCount: 1, TotalCount: 2 },
    FaultStatistics: { OtherCount: 2, TotalCount: 2 },
    TotalCount: 10,
    TotalResponseTime: 5,
  });
  expect(outcome).toEqual({
    total: 10,
    ok: 6,
    error: 1,
    throttle: 1,
    fault: 2,
    averageSeconds: 0.5,
  });
  expect(worstState(outcome)).toBe("fault");
  expect(ringArcs(outcome).at(-1)!.to).toBeCloseTo(1);
  expect(outcomeOf(undefined).averageSeconds).toBeUndefined();
});

test("a bucket without requests has no latency but counts zero", () => {
  const series = toTimeSeries(
    [{ Timestamp: 60, ServiceSummaryStatistics: { TotalCount: 2, TotalResponseTime: 1 } }],
    { start: 60, end: 180 },
    60,
  );
  expect(series.times).toEqual([60, 120]);
  expect(series.average).toEqual([0.5, undefined]);
  expect(series.total).toEqual([2, 0]);
});
