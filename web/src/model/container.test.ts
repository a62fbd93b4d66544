import { describe, expect, it } from "vitest";

import type { MetricDataResult } from "../api/cloudwatch";
import type { Service, StateChange, Task } from "../api/ecs";
import {
  chartPeriod,
  chartsOf,
  containerQueries,
  containerRows,
  dimensionsOf,
  figureRows,
  fullness,
  marksOf,
  pointsOf,
  rowPeriod,
  rowQueries,
  runtimesOf,
  serviceRows,
  shortId,
  taskRows,
  taskState,
  timesOf,
} from "./container";

const result = (Id: string, Label: string, Values: number[], Timestamps = Values.map((_, i) => i * 60)) =>
  ({ Id, Label, Values, Timestamps, StatusCode: "Complete" }) satisfies MetricDataResult;

const task = (id: string, part: Partial<Task> = {}): Task => ({
  taskArn: `arn:aws:ecs:us-east-1:000000000000:task/shop/${id}`,
  taskDefinitionArn: "arn:aws:ecs:us-east-1:000000000000:task-definition/web:3",
  group: "service:web",
  lastStatus: "RUNNING",
  healthStatus: "UNKNOWN",
  containers: [
    {
      containerArn: "",
      name: "app",
      image: "web:1",
      runtimeId: "x",
      lastStatus: "RUNNING",
      healthStatus: "UNKNOWN",
      cpu: "0",
      networkInterfaces: [],
    },
  ],
  ...part,
});

describe("where something stands", () => {
  it("is told in dimensions: tasks by their family, for not all have a service", () => {
    const names = (place: Parameters<typeof dimensionsOf>[0]) =>
      dimensionsOf(place).map((each) => each.Name);
    expect(names({ cluster: "shop" })).toEqual(["ClusterName"]);
    expect(names({ cluster: "shop", service: "web" })).toEqual(["ClusterName", "ServiceName"]);
    expect(names({ cluster: "shop", service: "web", family: "w", task: "1" })).toEqual([
      "ClusterName",
      "TaskDefinitionFamily",
      "TaskId",
    ]);
    expect(names({ cluster: "shop", family: "w", task: "1", container: "app" })).toEqual([
      "ClusterName",
      "TaskDefinitionFamily",
      "TaskId",
      "ContainerName",
    ]);
  });
});

describe("charts", () => {
  it("ask for sums of tasks where means would mislead", () => {
    const ofService = chartsOf({ cluster: "shop", service: "web" }, 60).queries;
    expect(ofService.find((query) => query.Id === "cpu")?.Expression).toBe("mcpu * n");
    const ofTask = chartsOf({ cluster: "shop", family: "web", task: "1" }, 60);
    expect(ofTask.queries.find((query) => query.Id === "cpu")?.MetricStat?.Metric.MetricName).toBe("CpuUtilized");
    for (const place of [{ cluster: "c" }, { cluster: "c", service: "s" }, { cluster: "c", family: "f", task: "t", container: "n" }]) {
      const { charts, queries } = chartsOf(place, 60);
      const shown = new Set(queries.filter((query) => query.ReturnData !== false).map((query) => query.Id));
      for (const { id } of charts.flatMap((chart) => chart.series)) expect(shown).toContain(id);
      expect(new Set(queries.map((query) => query.Id)).size).toBe(queries.length);
    }
  });

  it("have as many points as can be seen", () => {
    const window = (seconds: number) => ({ start: 0, end: seconds });
    expect([1800, 6 * 3600, 3 * 86400, 30 * 86400].map((s) => chartPeriod(window(s)))).toEqual([
      60, 300, 3600, 21600,
    ]);
    expect(rowPeriod(window(1800))).toBe(180);
    expect(timesOf({ start: 30, end: 200 }, 60)).toEqual([0, 60, 120, 180]);
    expect(pointsOf(result("a", "a", [1, 3], [0, 120]), [0, 60, 120])).toEqual([1, undefined, 3]);
  });

  it("are marked where something happened, once for what came together", () => {
    const change = (time: number, kind: StateChange["change"]) => ({ time, change: kind }) as StateChange;
    const changes = [change(-5, "STARTED"), change(10, "STOPPED"), change(11, "STARTED"), change(500, "HEALTHY")];
    expect(marksOf(changes, { start: 0, end: 600 })).toEqual([
      { time: 10, kinds: ["STOPPED", "STARTED"] },
      { time: 500, kinds: ["HEALTHY"] },
    ]);
  });
});

describe("rows", () => {
  const figures = figureRows([
    result("cu", "shop/web", [100, 300]),
    result("cr", "shop/web", [500, 500]),
    result("mu", "shop/web", [64]),
    result("mr", "shop/web", [0]),
    result("re", "shop/web", [1, 1]),
  ]);

  it("have what was used of what was reserved", () => {
    expect(figures.get("shop/web")).toEqual({
      names: ["shop", "web"],
      cpu: 0.4,
      memory: undefined,
      restarts: 2,
      line: [0.2, 0.6],
    });
  });

  it("are what is there and what was there", () => {
    const there = [{ serviceName: "api" } as Service];
    const rows = serviceRows(there, figures, "shop");
    expect(rows.map((row) => [row.name, row.service !== undefined, row.cpu])).toEqual([
      ["api", true, undefined],
      ["web", false, 0.4],
    ]);
    const measured = figureRows([result("cu", "shop/web/gone", [1]), result("cu", "shop/web/1", [1])]);
    expect(taskRows([task("1")], measured).map((row) => [row.id, row.state])).toEqual([
      ["1", "running"],
      ["gone", "gone"],
    ]);
    const [container] = containerRows([task("1")], figureRows([result("cu", "shop/web/1/app", [1]), result("cr", "shop/web/1/app", [2])]));
    expect([container?.key, container?.cpu]).toEqual(["1/app", 0.5]);
  });

  it("are asked for in parts where there are many", () => {
    const many = Array.from({ length: 500 }, (_, i) => task(String(i), { group: i % 2 ? "service:a" : "service:b" }));
    const queries = containerQueries("shop", many, 60);
    expect(queries.map((query) => query.Id).slice(0, 6)).toEqual(["cu_0", "cr_0", "mu_0", "mr_0", "re_0", "cu_1"]);
    expect(queries[0]!.Expression).toContain('ServiceName="b"');
    expect(containerQueries("shop", many.slice(0, 10), 60)).toEqual(rowQueries("container", "shop", 60));
    const row = figureRows([result("cu_1", "x", [1]), result("cr_1", "x", [4])]).get("x");
    expect(row?.cpu).toBe(0.25);
  });
});

describe("states", () => {
  it("tell an end that nobody wished from one that was", () => {
    const ended = (exitCode: number) => {
      const one = task("1", { lastStatus: "STOPPED" });
      one.containers[0]!.exitCode = exitCode;
      return taskState(one);
    };
    expect([0, 143, 1, 137].map(ended)).toEqual(["stopped", "stopped", "failed", "failed"]);
    expect(taskState(task("1", { healthStatus: "UNHEALTHY" }))).toBe("unhealthy");
    expect(taskState(task("1", { lastStatus: "PENDING" }))).toBe("pending");
  });

  it("say how full something is by the fuller of both", () => {
    const of = (cpu: number | undefined, memory: number | undefined) => fullness({ cpu, memory, restarts: 0 });
    expect([of(undefined, undefined), of(0.1, undefined), of(0.1, 0.3), of(0.6, 0), of(0, 0.85), of(1.5, 0)]).toEqual([
      undefined, 0, 1, 2, 3, 4,
    ]);
  });
});

it("nodes of the map run where one of their containers does", () => {
  const runtimes = [
    { name: "Web", type: null, containers: [{ cluster: "shop", service: "web", task: "1", container: "app", status: "RUNNING" }] },
  ];
  const found = (place: Parameters<typeof runtimesOf>[1]) => runtimesOf(runtimes, place).length;
  expect(found({ cluster: "shop" })).toBe(1);
  expect(found({ cluster: "shop", service: "api" })).toBe(0);
  expect(found({ cluster: "shop", service: "api", task: "1" })).toBe(1);
  expect(found({ cluster: "shop", task: "1", container: "other" })).toBe(0);
});

it("ids are short where they can be", () => {
  expect(shortId("0123456789abcdef0123456789abcdef")).toBe("01234567");
  expect(shortId("my-task")).toBe("my-task");
});
