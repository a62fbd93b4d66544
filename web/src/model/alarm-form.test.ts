import { expect, test } from "vitest";

import type { MetricAlarm } from "../api/alarm";
import { createAlarmPath } from "../path";
import {
  draftOfAlarm,
  draftOfPrefill,
  expressionQuery,
  inputOf,
  mistakesOf,
  prefillNames,
  printPrefill,
  type Prefill,
} from "./alarm-form";
import { compositeInput, compositeMistakes, draftOfComposite, emptyComposite } from "./composite-form";

const metric = {
  namespace: "ECS/ContainerInsights",
  name: "CpuUtilized",
  dimensions: [{ Name: "ClusterName", Value: "shop, eu" }],
};

test("a link fills the form in", () => {
  const path = createAlarmPath(
    printPrefill(metric, { stat: "p99", period: "300", threshold: "0", comparison: ">=", name: "cpu" }),
  );
  const query = new URL(path, "http://x").searchParams;
  const draft = draftOfPrefill(Object.fromEntries(prefillNames.map((name) => [name, query.get(name) ?? undefined])) as Prefill);
  expect(draft).toMatchObject({ name: "cpu", threshold: "0", comparison: "GreaterThanOrEqualToThreshold", watched: "m1" });
  expect(draft.queries).toMatchObject([{ id: "m1", metric, stat: "p99", period: 300 }]);
  expect(inputOf(draft)).toMatchObject({
    AlarmName: "cpu",
    MetricName: "CpuUtilized",
    ExtendedStatistic: "p99",
    EvaluateLowSampleCountPercentile: "evaluate",
    Threshold: 0,
  });
});

test("what a link says wrongly is left out", () => {
  const draft = draftOfPrefill({ namespace: "Shop", metric: "Errors", dimensions: "{", period: "x", threshold: "y", comparison: "?" });
  expect(draft.queries).toMatchObject([{ metric: { dimensions: [] }, period: 60, stat: "Average" }]);
  expect(draft).toMatchObject({ threshold: "", comparison: "GreaterThanThreshold" });
  expect(draftOfPrefill({}).queries).toEqual([]);
});

test("an expression is compared, and its metrics are not", () => {
  const draft = draftOfPrefill({ namespace: "Shop", metric: "Errors", threshold: "5", name: "rate" });
  const input = inputOf({ ...draft, queries: [...draft.queries, expressionQuery("e1", "m1 / 60", 60)], watched: "e1" });
  expect(input.MetricName).toBeUndefined();
  expect(input.Metrics?.map((query) => [query.Id, query.ReturnData])).toEqual([
    ["m1", false],
    ["e1", true],
  ]);
});

test("a band is a query of its own, and comes back as its width", () => {
  const draft = { ...draftOfPrefill({ namespace: "Shop", metric: "Orders", name: "odd" }), width: "3" };
  const input = inputOf({ ...draft, comparison: "LessThanLowerOrGreaterThanUpperThreshold" });
  expect(input).toMatchObject({ ThresholdMetricId: "band" });
  expect(input.Threshold).toBeUndefined();
  expect(input.Metrics?.at(-1)).toMatchObject({ Id: "band", Expression: "ANOMALY_DETECTION_BAND(m1, 3)" });
  const again = draftOfAlarm({ ...input, AlarmArn: "", StateValue: "OK" } as MetricAlarm);
  expect(again).toMatchObject({ width: "3", watched: "m1", comparison: "LessThanLowerOrGreaterThanUpperThreshold" });
  expect(again.queries).toHaveLength(1);
});

test("an alarm that is edited without a change stays as it is", () => {
  const alarm = {
    AlarmArn: "",
    StateValue: "OK",
    AlarmName: "cpu",
    ActionsEnabled: false,
    AlarmActions: ["arn:aws:sns:us-east-1:1:on-call"],
    OKActions: [],
    InsufficientDataActions: [],
    Namespace: "Shop",
    MetricName: "Errors",
    Dimensions: [],
    Statistic: "Sum",
    Period: 10,
    Unit: "Count",
    EvaluationPeriods: 3,
    DatapointsToAlarm: 2,
    Threshold: 1.5,
    ComparisonOperator: "LessThanThreshold",
    TreatMissingData: "breaching",
    WarmUpConfiguration: { WarmUpPeriodDurationInMinutes: 5 },
  } as const;
  const { AlarmArn: _arn, StateValue: _state, ...input } = alarm;
  expect(inputOf(draftOfAlarm(alarm as unknown as MetricAlarm))).toEqual(input);
});

test("mistakes are told before anything is sent", () => {
  expect([...mistakesOf(draftOfPrefill({}))].sort()).toEqual(["metric", "name", "threshold"]);
  const draft = draftOfPrefill({ namespace: "Shop", metric: "Errors", threshold: "1", name: "x", period: "300" });
  expect([...mistakesOf(draft)]).toEqual([]);
  expect([...mistakesOf({ ...draft, needed: "6" })]).toEqual(["needed"]);
  expect([...mistakesOf({ ...draft, evaluated: "1.5" })]).toContain("evaluated");
  // 300 × 5 minutes are more than a day.
  expect([...mistakesOf({ ...draft, evaluated: "300" })]).toEqual(["span"]);
});

test("a composite alarm goes through its form", () => {
  expect([...compositeMistakes(emptyComposite)].sort()).toEqual(["name", "rule"]);
  const draft = { ...emptyComposite, name: "both", rule: " ALARM(a) ", suppressor: "deploy", wait: "0" };
  const input = compositeInput(draft);
  expect(input).toMatchObject({ AlarmRule: "ALARM(a)", ActionsSuppressor: "deploy", ActionsSuppressorWaitPeriod: 0 });
  const arn = "arn:aws:cloudwatch:us-east-1:1:alarm:deploy";
  expect(draftOfComposite({ ...input, ActionsSuppressor: arn, AlarmArn: "", StateValue: "OK" })).toMatchObject({
    suppressor: "deploy",
    wait: "0",
  });
});
