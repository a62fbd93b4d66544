import { expect, test } from "vitest";

import {
  formatBytes,
  formatCount,
  formatDuration,
  formatDurationChange,
  formatPercent,
  formatRate,
  formatTime,
  formatTimePrecise,
} from "./format";

test("durations have three significant digits and a unit", () => {
  expect(
    [0, 0.0000594, 0.0387, 0.999, 0.9999, 5.04, 59.96, 119.4].map((s) => formatDuration(s)),
  ).toEqual(["0 ms", "59.4 µs", "38.7 ms", "999 ms", "1 s", "5.04 s", "60 s", "119 s"]);
  expect([1.5, 0.0009996, 119.6, 7199.7].map((s) => formatDuration(s))).toEqual([
    "1.5 s",
    "1 ms",
    "2 min 00 s",
    "2 h 00 min",
  ]);
  expect(formatDuration(125)).toBe("2 min 05 s");
  expect(formatDuration(7260)).toBe("2 h 01 min");
  expect(formatDuration(undefined)).toBe("–");
});

test("a change of a duration has a sign", () => {
  expect([0.0387, -1.5, 0, 2e-7].map((s) => formatDurationChange(s))).toEqual([
    "+38.7 ms",
    "−1.5 s",
    "±0 ms",
    "±0 ms",
  ]);
});

test("counts, rates, shares and sizes", () => {
  expect([0, 999, 1234, 9999, 12345, 999_999, 1.5e6].map((n) => formatCount(n))).toEqual([
    "0",
    "999",
    "1234",
    "9999",
    "12.3 k",
    "1 M",
    "1.5 M",
  ]);
  expect([0, 1 / 60, 0.5, 12, 1234].map((n) => formatRate(n))).toEqual([
    "0/min",
    "1/h",
    "0.5/min",
    "12/min",
    "1234/min",
  ]);
  expect([0, 0.0004, 0.0571, 0.9999, 1].map((n) => formatPercent(n))).toEqual([
    "0%",
    "<0.1%",
    "5.71%",
    ">99.9%",
    "100%",
  ]);
  expect(formatBytes(1234567)).toBe("1.18 MiB");
});

test("times in UTC", () => {
  expect(formatTime(1795358646.9, "utc")).toBe("2026-11-22 14:44:06");
  expect(formatTimePrecise(1795358646.9613, "utc")).toBe("2026-11-22 14:44:06.961 UTC");
});
