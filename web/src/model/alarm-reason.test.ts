import { expect, test } from "vitest";

import type { MetricAlarm } from "../api/alarm";
import { en } from "../i18n/en";
import { metricSentences } from "../app/alarm-reason-words";
import { pointRows, reasonOf } from "./alarm-reason";

const at = Date.parse("2026-11-28T18:05:00Z") / 1000;

const alarm: MetricAlarm = {
  AlarmArn: "",
  AlarmName: "cpu",
  Namespace: "Shop",
  MetricName: "Load",
  Statistic: "Average",
  Period: 60,
  EvaluationPeriods: 3,
  DatapointsToAlarm: 2,
  Threshold: 80,
  ComparisonOperator: "GreaterThanThreshold",
  StateValue: "ALARM",
  StateReason: "Threshold Crossed: …",
  StateReasonData: JSON.stringify({
    version: "1.0",
    queryDate: "2026-11-28T18:06:01.000+0000",
    period: 60,
    threshold: 80,
    recentDatapoints: [91, 95],
    evaluatedDatapoints: [
      { timestamp: "2026-11-28T18:05:00.000+0000", value: 95, sampleCount: 2 },
      { timestamp: "2026-11-28T18:03:00.000+0000", value: 91 },
    ],
  }),
};

test("the datapoints that decided, and the one that was missing", () => {
  const reason = reasonOf(alarm)!;
  expect(reason).toMatchObject({ breaching: 2, missing: 1, at: at + 61 });
  expect(pointRows(reason, 60, 3).map((row) => [row.time - at, row.point?.value])).toEqual([
    [0, 95],
    [-60, undefined],
    [-120, 91],
  ]);
});

test("why it is in its state, in words", () => {
  expect(metricSentences(en, alarm, "utc")).toEqual([
    "2 of the last 2 datapoints were > 80: 95 (18:05), 91 (18:03).",
    "1 of 3 periods had no datapoint.",
    "Missing datapoints count as unknown.",
    "It goes back to OK when fewer than 2 of the last 3 datapoints are > 80.",
  ]);
  const gone: MetricAlarm = {
    ...alarm,
    StateValue: "INSUFFICIENT_DATA",
    StateReasonData: JSON.stringify({ recentDatapoints: [], evaluatedDatapoints: [] }),
  };
  expect(metricSentences(en, gone, "utc")).toEqual([
    "None of the last 3 periods has a datapoint.",
    "Missing datapoints count as unknown.",
    "It leaves this state when datapoints of Load arrive again. Look whether what sends them still runs.",
  ]);
});

test("without data of a reason, nothing was compared", () => {
  const { StateReasonData: _none, ...rest } = alarm;
  expect(reasonOf(rest)).toBeUndefined();
  expect(metricSentences(en, rest, "utc")[0]).toBe(en.alarm.why.byHand);
  expect(metricSentences(en, { ...rest, StateReason: "Unchecked: Initial alarm creation" }, "utc")[0]).toBe(en.alarm.why.fresh);
});

test("the ends of a band are the limits", () => {
  const reason = reasonOf({
    ...alarm,
    ComparisonOperator: "LessThanLowerOrGreaterThanUpperThreshold",
    StateReasonData: JSON.stringify({
      evaluatedDatapoints: [{ timestamp: "2026-11-28T18:05:00.000+0000", value: 5, lowerThreshold: 6, upperThreshold: 9 }],
    }),
  })!;
  expect(reason.points).toMatchObject([{ lower: 6, upper: 9, isBreaching: true }]);
});
