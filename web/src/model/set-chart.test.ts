import { expect, test } from "vitest";

import { bucketsOf, countOverTime, toSetBars } from "./set-chart";

const at = (StartTime: number, ResponseTime: number) => ({
  Id: String(StartTime),
  StartTime,
  ResponseTime,
});

test("both sets are counted in the same bars", () => {
  const bars = toSetBars([at(0, 1.1), at(1, 1.2), at(2, 4)], [at(3, 4), at(4, 0.2)], 4);
  expect(bars.map((bar) => [bar.a, bar.b])).toEqual([
    [0, 1],
    [2, 0],
    [0, 0],
    [1, 1],
  ]);
  expect(toSetBars([], [], 4)).toEqual([]);
});

test("counts lie in round buckets; what was not looked at is unknown", () => {
  const buckets = bucketsOf({ start: 100, end: 130 }, 3);
  expect(buckets).toEqual({ times: [100, 110, 120], step: 10 });
  expect(
    countOverTime([at(125, 1), at(129, 1)], buckets, { from: 112, end: 130, shift: 0 }),
  ).toEqual([undefined, 0, 2]);
});

test("a set of another time is moved onto the same clock", () => {
  const buckets = bucketsOf({ start: 100, end: 130 }, 3);
  expect(countOverTime([at(5, 1), at(25, 1)], buckets, { from: 0, end: 20, shift: 100 })).toEqual([
    1,
    0,
    1,
  ]);
});
