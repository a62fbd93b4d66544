import { expect, test } from "vitest";

import { chartOf, topAmounts } from "./log-chart";

const at = (minute: number) => `2026-11-28 12:0${minute}:00.000`;
const seconds = (minute: number) => Date.UTC(2026, 10, 28, 12, minute) / 1000;

test("groups over time are a line each, the greatest first", () => {
  const chart = chartOf(
    {
      columns: ["bin(1m)", "status", "n"],
      rows: [
        [at(1), "200", "1"],
        [at(0), "200", "2"],
        [at(1), "500", "7"],
      ],
    },
    ["bin( 1m )", "status"],
  )!;
  expect(chart.series).toEqual([
    { key: "500", name: "500", times: [seconds(1)], values: [7] },
    { key: "200", name: "200", times: [seconds(0), seconds(1)], values: [2, 1] },
  ]);
  expect(chart.period).toBe(60);
  expect(chart.amounts).toEqual([
    { name: "500", value: 7 },
    { name: "200", value: 3 },
  ]);
});

test("without a time there are amounts, of each value", () => {
  const chart = chartOf({ columns: ["path", "n", "p95"], rows: [["/a", "2", "10.5"], ["/b", "3", undefined]] }, ["path"])!;
  expect(chart.series).toBeUndefined();
  expect(chart.amounts.map(({ name }) => name)).toEqual(["/a · p95", "/b · n", "/a · n"]);
});

test("what is no number is not drawn", () => {
  expect(chartOf({ columns: ["path", "last"], rows: [["/a", "x"]] }, ["path"])).toBeUndefined();
  expect(chartOf({ columns: ["@message"], rows: [["1"]] }, undefined)).toBeUndefined();
});

test("many groups become a few and the others", () => {
  const amounts = [5, 3, 2, 1].map((value) => ({ name: String(value), value }));
  expect(topAmounts(amounts, 3, "others")).toEqual([amounts[0], amounts[1], { name: "others", value: 3 }]);
  expect(topAmounts(amounts, 4, "others")).toEqual(amounts);
});
