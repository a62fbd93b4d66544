import { expect, test } from "vitest";

import type { MetricAlarm } from "../api/alarm";
import { linksOf } from "./alarm-link";
import { subscriptionInput, subscriptionMistake } from "./subscription-draft";

const alarm = (Namespace: string, dimensions: Record<string, string>): MetricAlarm => ({
  AlarmArn: "",
  AlarmName: "a",
  StateValue: "OK",
  Namespace,
  MetricName: "M",
  Statistic: "Sum",
  Period: 60,
  Threshold: 5,
  ComparisonOperator: "GreaterThanThreshold",
  Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
});

const kinds = (it: MetricAlarm) => linksOf(it, "PT1H").map((link) => link.kind);

test("dimensions lead to the pages of what they name", () => {
  const task = alarm("ECS/ContainerInsights", { ClusterName: "shop", ServiceName: "cart", TaskId: "t1" });
  expect(kinds(task)).toEqual(["metric", "task", "service", "cluster"]);
  expect(linksOf(task, "PT1H")[1]!.path).toBe("/containers/shop/tasks/t1?range=PT1H");
  expect(kinds(alarm("AWS/X-Ray", { ServiceName: "Shop" }))).toEqual(["metric", "traceMap"]);
  expect(kinds(alarm("CloudWatchSynthetics", { CanaryName: "home" }))).toEqual(["metric", "canary"]);
  expect(kinds(alarm("Other", { CanaryName: "home" }))).toEqual(["metric"]);
  expect(kinds(alarm("AWS/Logs", { LogGroupName: "/ecs/web" }))).toEqual(["metric", "logs"]);
  expect(linksOf({ AlarmArn: "", AlarmName: "c", StateValue: "OK", AlarmRule: "TRUE" }, undefined)).toEqual([]);
});

test("the graph has the metric with its statistic, and the limit", () => {
  const path = linksOf(alarm("Shop", { Path: "/" }), undefined)[0]!.path;
  const graph = JSON.parse(new URL(path, "http://x").searchParams.get("graph")!) as Record<string, unknown>;
  expect(graph.metrics).toEqual([["Shop", "M", "Path", "/", { stat: "Sum", period: 60 }]]);
  expect(graph.annotations).toEqual({ horizontal: [{ value: 5 }] });
});

test("a subscription is checked before it is sent", () => {
  const draft = { protocol: "https" as const, endpoint: "", raw: true };
  expect(subscriptionMistake(draft)).toBe("endpoint");
  expect(subscriptionMistake({ ...draft, endpoint: "hooks" })).toBe("address");
  expect(subscriptionMistake({ ...draft, protocol: "email", endpoint: "me" })).toBe("email");
  expect(subscriptionInput("t", { ...draft, endpoint: " http://x/y " })).toEqual({
    TopicArn: "t",
    Protocol: "http",
    Endpoint: "http://x/y",
    Attributes: { RawMessageDelivery: "true" },
  });
  expect(subscriptionInput("t", { protocol: "slack", endpoint: "https://x", raw: true })).not.toHaveProperty("Attributes");
});
