import { expect, test } from "vitest";

import type { Alarm, AlarmHistoryItem, CompositeAlarm, MetricAlarm } from "../api/alarm";
import { badText, conditionText, muteText } from "../app/alarm-words";
import { en } from "../i18n/en";
import { ja } from "../i18n/ja";
import {
  alarmNameOf,
  bandWidth,
  conditionOf,
  countStates,
  inputOfAlarm,
  inScope,
  isBreaching,
  nodeScope,
  parseScope,
  periodOf,
  printScope,
  spansOf,
  stateChangesOf,
  type Scope,
} from "./alarm";

const facts = { AlarmArn: "arn:aws:cloudwatch:us-east-1:1:alarm:cpu", StateValue: "OK" as const };

const cpu: MetricAlarm = {
  ...facts,
  AlarmName: "cpu",
  Namespace: "ECS/ContainerInsights",
  MetricName: "CpuUtilized",
  Dimensions: [
    { Name: "ClusterName", Value: "shop" },
    { Name: "ServiceName", Value: "cart" },
  ],
  Statistic: "Average",
  Period: 60,
  EvaluationPeriods: 5,
  DatapointsToAlarm: 3,
  Threshold: 80,
  ComparisonOperator: "GreaterThanThreshold",
};

const band: MetricAlarm = {
  ...facts,
  AlarmName: "band",
  Metrics: [
    { Id: "m1", MetricStat: { Metric: { Namespace: "Shop", MetricName: "Orders" }, Period: 300, Stat: "Sum" }, ReturnData: true },
    { Id: "band", Expression: "ANOMALY_DETECTION_BAND(m1, 3)", ReturnData: true },
  ],
  ThresholdMetricId: "band",
  EvaluationPeriods: 2,
  ComparisonOperator: "LessThanLowerThreshold",
};

const composite: CompositeAlarm = { ...facts, AlarmName: "both", AlarmRule: 'ALARM("cpu") AND ALARM(band)' };

test("a condition is told in words", () => {
  expect(conditionText(en, cpu)).toBe("CpuUtilized of shop / cart > 80 for 3 of 5 datapoints within 5 minutes");
  expect(conditionText(en, { ...cpu, DatapointsToAlarm: 1, EvaluationPeriods: 1 })).toBe(
    "CpuUtilized of shop / cart > 80 for 1 datapoint within 1 minute",
  );
  expect(conditionText(ja, cpu)).toBe("5 分間のデータポイント 5 個中 3 個で shop / cart の CpuUtilized > 80");
  expect(conditionText(en, band)).toBe("Orders below the expected band (width 3) for 2 datapoints within 10 minutes");
  expect(conditionText(en, composite)).toBe("A rule over 2 alarms");
  expect(badText(en, conditionOf(band))).toBe("below the expected band (width 3)");
});

test("what is compared of several queries is what is returned", () => {
  const rate: MetricAlarm = {
    ...facts,
    AlarmName: "rate",
    Metrics: [
      { Id: "m1", MetricStat: { Metric: { Namespace: "Shop", MetricName: "Errors" }, Period: 60, Stat: "Sum" }, ReturnData: false },
      { Id: "e1", Expression: "m1 / 60", Label: "Errors per second", ReturnData: true },
    ],
    EvaluationPeriods: 1,
    Threshold: 0.5,
    ComparisonOperator: "GreaterThanOrEqualToThreshold",
  };
  expect(conditionText(en, rate)).toBe("Errors per second ≥ 0.5 for 1 datapoint within 1 minute");
  expect(periodOf(rate)).toBe(60);
  expect(periodOf(band)).toBe(300);
  expect(bandWidth(band)).toBe(3);
});

test("a value is bad beyond its limits only", () => {
  expect(isBreaching("GreaterThanThreshold", 80, { threshold: 80 })).toBe(false);
  expect(isBreaching("GreaterThanOrEqualToThreshold", 80, { threshold: 80 })).toBe(true);
  expect(isBreaching("LessThanThreshold", 1, {})).toBe(false);
  expect(isBreaching("LessThanLowerOrGreaterThanUpperThreshold", 5, { lower: 1, upper: 4 })).toBe(true);
  expect(isBreaching("GreaterThanUpperThreshold", 0, { lower: 1, upper: 4 })).toBe(false);
});

test("alarms are found by what their metrics name", () => {
  const alarms: Alarm[] = [cpu, band, composite];
  expect(inScope(alarms, [{ ClusterName: "shop" }])).toEqual([cpu]);
  expect(inScope(alarms, [{ ClusterName: "shop", ServiceName: "web" }])).toEqual([]);
  expect(inScope(alarms, nodeScope({ name: "cart", kind: "service" }))).toEqual([cpu]);
  expect(inScope(alarms, nodeScope({ name: "cart", kind: "client" }))).toEqual([]);
  expect(countStates(alarms)).toEqual({ ALARM: 0, INSUFFICIENT_DATA: 0, OK: 3 });
});

test("a scope is read as it is written", () => {
  const scope: Scope = [{ ClusterName: "a,b=c;d", ServiceName: "cart" }, { Service: "café" }];
  expect(parseScope(printScope(scope))).toEqual(scope);
  expect(parseScope(undefined)).toBeUndefined();
  expect(parseScope("x")).toBeUndefined();
});

const update = (time: number, from: string, to: string): AlarmHistoryItem => ({
  AlarmName: "cpu",
  Timestamp: time,
  HistoryItemType: "StateUpdate",
  HistorySummary: `Alarm updated from ${from} to ${to}`,
  HistoryData: JSON.stringify({ oldState: { stateValue: from }, newState: { stateValue: to, stateReason: "so" } }),
});

test("states follow each other within the window", () => {
  const created: AlarmHistoryItem = {
    AlarmName: "cpu",
    Timestamp: 100,
    HistoryItemType: "ConfigurationUpdate",
    HistorySummary: "created",
  };
  const history = [update(500, "ALARM", "OK"), update(300, "INSUFFICIENT_DATA", "ALARM"), created];
  expect(spansOf(stateChangesOf(cpu, history), { start: 200, end: 600 })).toEqual([
    { start: 200, end: 300, state: "INSUFFICIENT_DATA", reason: undefined },
    { start: 300, end: 500, state: "ALARM", reason: "so" },
    { start: 500, end: 600, state: "OK", reason: "so" },
  ]);
  // Before anything is known, nothing is said.
  const since = { ...cpu, StateTransitionedTimestamp: 400, StateReason: "now" };
  expect(spansOf(stateChangesOf(since, []), { start: 200, end: 600 })).toEqual([
    { start: 400, end: 600, state: "OK", reason: "now" },
  ]);
});

test("an alarm without its state is what makes it anew", () => {
  const input = inputOfAlarm<{ AlarmName: string }>({ ...cpu, StateReason: "x", AlarmConfigurationUpdatedTimestamp: 1 });
  expect(Object.keys(input)).not.toContain("StateReason");
  expect(Object.keys(input)).not.toContain("AlarmArn");
  expect(input).toMatchObject({ AlarmName: "cpu", Threshold: 80 });
  expect(alarmNameOf("arn:aws:cloudwatch:us-east-1:1:alarm:a:b")).toBe("a:b");
});

test("a mute rule is told in words", () => {
  const rule = (Expression: string, Duration: string, Timezone = "UTC") => ({ Schedule: { Expression, Duration, Timezone } });
  expect(muteText(en, rule("cron(0 22 * * *)", "PT8H", "Asia/Tokyo"))).toBe("Every day at 22:00 for 8 hours (Asia/Tokyo)");
  expect(muteText(en, rule("cron(30 9 * * MON-FRI)", "PT1H30M"))).toBe(
    "Monday to Friday at 09:30 for 1 hour 30 minutes (UTC)",
  );
  expect(muteText(en, rule("at(2026-11-28T22:00)", "PT2H"))).toBe("Once, 2026-11-28 22:00 – 2026-11-29 00:00 (UTC)");
  expect(muteText(en, rule("cron(0 0 1 * *)", "P1D"))).toBe("cron 0 0 1 * *, for 1 day each (UTC)");
  expect(muteText(ja, rule("cron(0 22 * * 1,3)", "PT8H"))).toBe("毎週 月・水 22:00 から 8 時間 (UTC)");
});
