import { expect, test } from "vitest";

import { dimensionsOf, metricFilterGraph, printDimensions } from "./metric-filter";

test("dimensions are read as they are written", () => {
  const dimensions = { Path: "$.path", "My name": "$2" };
  expect(dimensionsOf("Path=$.path, My name = $2")).toEqual(dimensions);
  expect(dimensionsOf(printDimensions(dimensions))).toEqual(dimensions);
  expect(dimensionsOf(" ")).toEqual({});
  expect(dimensionsOf("Path")).toBeUndefined();
});

test("the graph of a filter is its metric, or a search over its dimensions", () => {
  const filter = { metricNamespace: "Shop", metricName: "Errors", metricValue: "1" };
  expect(JSON.parse(metricFilterGraph(filter)).metrics).toEqual([["Shop", "Errors"]]);
  expect(metricFilterGraph({ ...filter, dimensions: { Path: "$.path" } })).toContain(
    `SEARCH('{Shop,Path} MetricName=\\"Errors\\"', 'Sum')`,
  );
});
