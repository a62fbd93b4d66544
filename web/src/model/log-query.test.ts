import { expect, test } from "vitest";

import { barsOf, tableOf, toCsv, toJson } from "./log-query";

const results = [
  [
    { field: "bin(1m)", value: "2026-11-28 12:01:00.000" },
    { field: "n", value: "2" },
    { field: "@ptr", value: "x" },
  ],
  [
    { field: "bin(1m)", value: "2026-11-28 12:00:00.000" },
    { field: "n", value: "5" },
    { field: "who", value: 'a "b", c' },
  ],
];

test("columns are those of all rows, without the pointer", () => {
  const table = tableOf(results);
  expect(table.columns).toEqual(["bin(1m)", "n", "who"]);
  expect(table.rows[0]).toEqual(["2026-11-28 12:01:00.000", "2", undefined]);
  expect(table.pointers).toEqual(["x", undefined]);
  expect(toCsv(table).split("\r\n")[2]).toBe('2026-11-28 12:00:00.000,5,"a ""b"", c"');
  expect(JSON.parse(toJson(table))).toEqual([
    { "bin(1m)": "2026-11-28 12:01:00.000", n: "2" },
    { "bin(1m)": "2026-11-28 12:00:00.000", n: "5", who: 'a "b", c' },
  ]);
});

test("numbers over time are bars, oldest first", () => {
  expect(barsOf(tableOf(results))?.map((bar) => bar.value)).toEqual([5, 2]);
  expect(barsOf({ columns: ["level", "n"], rows: [["INFO", "1"], ["WARN", "2"]] })).toEqual([]);
});
