import { expect, test } from "vitest";

import { indexOfPlace, isAt, parseDateTime, parseLogPlace, printLogPlace } from "./log-place";

const lines = [
  { timestamp: 1000, message: "a" },
  { timestamp: 2000, message: "b" },
  { timestamp: 2000, message: "c" },
];

test("a line is found again by its address", () => {
  const place = parseLogPlace(printLogPlace(lines[2]!))!;
  expect(place.time).toBe(2000);
  expect(lines.map((line) => isAt(place, line))).toEqual([false, false, true]);
  expect(indexOfPlace(lines, place)).toBe(2);
});

test("a mere time means what is nearest", () => {
  expect(indexOfPlace(lines, parseLogPlace("1400")!)).toBe(0);
  expect(indexOfPlace(lines, parseLogPlace("9000")!)).toBe(1);
  expect(indexOfPlace([], { time: 1 })).toBe(-1);
  expect(parseLogPlace("x~1")).toBeUndefined();
});

test("dates and times are read in the zone of the console", () => {
  expect(parseDateTime("2026-11-28T12:00", "utc")).toBe(Date.UTC(2026, 10, 28, 12));
  expect(parseDateTime("2026-11-28 12:00:07.5", "utc")).toBe(Date.UTC(2026, 10, 28, 12, 0, 7, 500));
  expect(parseDateTime("noon", "utc")).toBeUndefined();
});
