import { expect, test } from "vitest";

import {
  nextWider,
  parseTimeRange,
  printTimeRange,
  resolveTimeRange,
  toMinutes,
  wholeMinutes,
} from "./time-range";

test("what is printed is read back", () => {
  for (const text of [
    "PT5M",
    "PT1H",
    "PT1H30M",
    "P1D",
    "P1DT2H",
    "PT45S",
    "1795358000~1795358646.5",
  ])
    expect(printTimeRange(parseTimeRange(text))).toBe(text);
});

test("nonsense gives the default range", () => {
  for (const text of [null, "", "P", "PT", "PT0M", "5~5", "9~5", "yesterday"])
    expect(printTimeRange(parseTimeRange(text))).toBe("PT30M");
});

test("a relative range includes the running second", () => {
  expect(resolveTimeRange({ kind: "relative", seconds: 300 }, 1000.2)).toEqual({
    start: 702,
    end: 1002,
  });
});

test("long windows begin and end with a minute, short ones are exact", () => {
  expect(wholeMinutes({ start: 61, end: 961.5 })).toEqual({ start: 120, end: 1020 });
  expect(wholeMinutes({ start: 61, end: 960 })).toEqual({ start: 61, end: 960 });
  expect(wholeMinutes({ start: 61, end: 21661 })).toEqual({ start: 120, end: 21720 });
  expect(wholeMinutes({ start: 60, end: 21650 })).toEqual({ start: 60, end: 21660 });
  expect(wholeMinutes({ start: 59.5, end: 21660.5 })).toEqual({ start: 59.5, end: 21660.5 });
});

test("whole minutes, and longer ranges to offer", () => {
  expect(toMinutes({ start: 61, end: 121 })).toEqual({ start: 60, end: 180 });
  expect(toMinutes({ start: 60, end: 120 })).toEqual({ start: 60, end: 120 });
  expect(nextWider(1800)).toBe(3600);
  expect(nextWider(3600, 6 * 3600)).toBe(6 * 3600);
  expect(nextWider(6 * 3600, 6 * 3600)).toBeUndefined();
});
