import { describe, expect, it } from "vitest";

import { freePlace, overlap, parseBody, placed, printBody } from "./dashboard";
import {
  automaticPeriod,
  emptyWidget,
  freeId,
  linesOf,
  parseWidget,
  printWidget,
  queriesOf,
  schemasOf,
  toCsv,
  toWidgetMetric,
} from "./widget";

const properties = {
  title: "CPU",
  view: "timeSeries",
  stacked: true,
  stat: "Sum",
  period: 300,
  region: "us-east-1",
  yAxis: { left: { min: 0 } },
  metrics: [
    ["ECS/ContainerInsights", "CpuUtilized", "ClusterName", "shop", "ServiceName", "web", { id: "m1" }],
    [".", ".", ".", ".", ".", "api", { stat: "p99", visible: false }],
    ["...", "worker"],
    [{ expression: "m1 * 2", id: "e1", label: "Twice" }],
  ],
};

describe("a widget of metrics", () => {
  it("is read as CloudWatch writes it", () => {
    const widget = parseWidget(properties);
    expect(widget.metrics.map((metric) => metric.dimensions.map(([, value]) => value).join())).toEqual([
      "shop,web",
      "shop,api",
      "shop,worker",
      "",
    ]);
    expect(widget.metrics.map((metric) => [metric.stat, metric.visible])).toEqual([
      [undefined, true],
      ["p99", false],
      [undefined, true],
      [undefined, true],
    ]);
    expect(queriesOf(widget, 60).map((query) => [query.Id, query.MetricStat?.Stat ?? query.Expression])).toEqual([
      ["m1", "Sum"],
      ["q2", "p99"],
      ["q3", "Sum"],
      ["e1", "m1 * 2"],
    ]);
    expect(queriesOf(widget, 60)[0]!.MetricStat?.Period).toBe(300);
  });

  it("is written with all that it was read with", () => {
    const again = parseWidget(printWidget(parseWidget(properties)));
    expect(again).toEqual(parseWidget(properties));
    expect(printWidget(again)).toMatchObject({ region: "us-east-1", yAxis: { left: { min: 0 } }, stacked: true });
  });

  it("takes nonsense for nothing", () => {
    for (const nonsense of [null, 1, [], { metrics: "x" }, { metrics: [1, [], ["a"]] }])
      expect(parseWidget(nonsense).metrics).toEqual([]);
  });

  it("draws a line for each result, in the order of the rows", () => {
    const widget = parseWidget({ metrics: [["A", "x", { id: "a" }], [{ expression: "SEARCH('x')", id: "b" }]] });
    const result = (Id: string, Label: string) => ({ Id, Label, Timestamps: [60], Values: [1], StatusCode: "Complete" });
    const lines = linesOf(widget, [result("b", "one"), result("b", "two"), result("a", "first")]);
    expect(lines.map((line) => [line.name, line.look])).toEqual([["first", 0], ["one", 1], ["two", 2]]);
    expect(toCsv(lines, "Time").split("\r\n")).toEqual(["Time,first,one,two", "1970-01-01T00:01:00.000Z,1,1,1"]);
    expect(toCsv([{ ...lines[0]!, name: '=1,"x"' }], "Time").split("\r\n")[0]).toBe('Time,"=1,""x"""');
  });

  it("chooses a period by how long and how old its time is", () => {
    const window = (seconds: number) => ({ start: 0, end: seconds });
    expect(automaticPeriod(window(3600), 3600)).toBe(60);
    expect(automaticPeriod(window(86400), 86400)).toBe(300);
    expect(automaticPeriod(window(3600), 20 * 86400)).toBe(300);
    expect(automaticPeriod(window(3600), 100 * 86400)).toBe(3600);
  });

  it("gives rows ids that nobody has", () => {
    const metric = toWidgetMetric({ Namespace: "A", MetricName: "x", Dimensions: [{ Name: "d", Value: "1" }] });
    expect(freeId([], "m")).toBe("m1");
    expect(freeId([{ ...metric, id: "m1" }, { ...metric, id: "m3" }], "m")).toBe("m2");
    expect(printWidget({ ...emptyWidget, metrics: [metric] }).metrics).toEqual([["A", "x", "d", "1"]]);
  });

  it("metrics are told apart by the names of their dimensions", () => {
    const metric = (...names: string[]) => ({ Namespace: "A", MetricName: "x", Dimensions: names.map((Name) => ({ Name, Value: "1" })) });
    const schemas = schemasOf([metric("b", "a"), metric("a"), metric("a", "b"), metric()]);
    expect(schemas.map((schema) => [schema.names.join(), schema.metrics.length])).toEqual([["", 1], ["a", 1], ["a,b", 2]]);
  });
});

describe("a dashboard", () => {
  const body = {
    start: "-PT3H",
    widgets: [
      { type: "metric", x: 0, y: 0, width: 12, height: 6, properties },
      { type: "text", properties: { markdown: "# Hello" } },
    ],
  };

  it("keeps what it does not understand, and gives places to what has none", () => {
    const read = parseBody(JSON.stringify(body));
    expect(read.widgets.map(({ x, y, width, height }) => [x, y, width, height])).toEqual([[0, 0, 12, 6], [12, 0, 6, 6]]);
    const again = JSON.parse(printBody(read)) as typeof body;
    expect(again.start).toBe("-PT3H");
    expect(again.widgets[0]).toEqual(body.widgets[0]);
    expect(parseBody("[]").widgets).toEqual([]);
  });

  it("has room for what is moved: others go down", () => {
    const at = (key: string, x: number, y: number) => ({ key, x, y, width: 12, height: 4 });
    const all = [at("a", 0, 0), at("b", 12, 0), at("c", 0, 4)];
    const moved = placed(all, "c", { y: 1 });
    expect(moved.map(({ key, x, y }) => [key, x, y])).toEqual([["a", 0, 5], ["b", 12, 0], ["c", 0, 1]]);
    for (const [i, a] of moved.entries())
      for (const b of moved.slice(i + 1)) expect(overlap(a, b)).toBe(false);
    expect(placed(all, "a", { x: 40, width: 30 })[0]).toMatchObject({ x: 0, width: 24 });
    expect(placed(all, "a", { x: -3, y: -3, height: 0 })[0]).toMatchObject({ x: 0, y: 0, height: 1 });
    expect(freePlace(all, { width: 12, height: 4 })).toEqual({ x: 12, y: 4 });
  });
});
