// What an alarm watches and when that is bad: pure, without words.

import {
  isComposite,
  type Alarm,
  type AlarmHistoryItem,
  type AlarmState,
  type Comparison,
  type MetricAlarmInput,
} from "../api/alarm";
import type { Dimension, MetricDataQuery } from "../api/cloudwatch";
import type { NodeKind } from "./graph";
import type { Window } from "./time-range";

/** A metric that an alarm looks at; an alarm with queries may look at several. */
export interface WatchedMetric {
  namespace: string;
  name: string;
  dimensions: readonly Dimension[];
  stat: string;
  period: number;
}

export function watchedMetrics(alarm: MetricAlarmInput): WatchedMetric[] {
  if (alarm.MetricName)
    return [
      {
        namespace: alarm.Namespace ?? "",
        name: alarm.MetricName,
        dimensions: alarm.Dimensions ?? [],
        stat: alarm.ExtendedStatistic ?? alarm.Statistic ?? "Average",
        period: alarm.Period ?? 60,
      },
    ];
  return (alarm.Metrics ?? []).flatMap(({ MetricStat: it }) =>
    it
      ? [
          {
            namespace: it.Metric.Namespace,
            name: it.Metric.MetricName,
            dimensions: it.Metric.Dimensions ?? [],
            stat: it.Stat,
            period: it.Period,
          },
        ]
      : [],
  );
}

export const bandComparisons: ReadonlySet<Comparison> = new Set([
  "LessThanLowerOrGreaterThanUpperThreshold",
  "LessThanLowerThreshold",
  "GreaterThanUpperThreshold",
]);

/** The query that is compared: the one that is returned and is no band. */
export function watchedQuery(alarm: MetricAlarmInput): MetricDataQuery | undefined {
  const queries = alarm.Metrics ?? [];
  const candidates = queries.filter((query) => query.Id !== alarm.ThresholdMetricId);
  return candidates.find((query) => query.ReturnData !== false) ?? candidates[0];
}

/** Width of an anomaly band in standard deviations. */
export function bandWidth(alarm: MetricAlarmInput): number | undefined {
  const band = alarm.Metrics?.find((query) => query.Id === alarm.ThresholdMetricId)?.Expression ?? "";
  const found = /ANOMALY_DETECTION_BAND\(\s*\w+\s*(?:,\s*([\d.]+))?/i.exec(band);
  return found ? Number(found[1] ?? 2) : undefined;
}

/** Seconds between datapoints: the longest period of what is computed. */
export function periodOf(alarm: MetricAlarmInput): number {
  const periods = (alarm.Metrics ?? []).flatMap((query) => [query.MetricStat?.Period, query.Period]);
  return Math.max(0, ...[alarm.Period, ...periods].map((period) => period ?? 0)) || 60;
}

export interface Condition {
  /** What is compared: a metric with the values of its dimensions, or an expression. */
  metric: string;
  of: string;
  expression: string | undefined;
  comparison: Comparison | undefined;
  threshold: number | undefined;
  width: number | undefined;
  /** M of N. */
  needed: number;
  evaluated: number;
  /** Seconds that N datapoints span. */
  span: number;
}

export function conditionOf(alarm: MetricAlarmInput): Condition {
  const query = watchedQuery(alarm);
  const watched = watchedMetrics(alarm);
  const own = query?.MetricStat
    ? watched.find(
        (each) => each.name === query.MetricStat!.Metric.MetricName && each.namespace === query.MetricStat!.Metric.Namespace,
      )
    : alarm.MetricName
      ? watched[0]
      : undefined;
  const evaluated = alarm.EvaluationPeriods ?? 1;
  return {
    metric: query?.Label ?? own?.name ?? query?.Expression ?? "",
    of: (own?.dimensions ?? []).map((each) => each.Value ?? each.Name).join(" / "),
    expression: own ? undefined : query?.Expression,
    comparison: alarm.ComparisonOperator,
    threshold: alarm.Threshold,
    width: bandWidth(alarm),
    needed: alarm.DatapointsToAlarm ?? evaluated,
    evaluated,
    span: evaluated * periodOf(alarm),
  };
}

export const signs: Record<Comparison, string> = {
  GreaterThanThreshold: ">",
  GreaterThanOrEqualToThreshold: "≥",
  LessThanThreshold: "<",
  LessThanOrEqualToThreshold: "≤",
  LessThanLowerOrGreaterThanUpperThreshold: "",
  LessThanLowerThreshold: "",
  GreaterThanUpperThreshold: "",
};

export interface Limits {
  threshold?: number | undefined;
  lower?: number | undefined;
  upper?: number | undefined;
}

/** Whether a value is bad. Without limits nothing is. */
export function isBreaching(comparison: Comparison | undefined, value: number, limits: Limits): boolean {
  const { threshold = NaN, lower = NaN, upper = NaN } = limits;
  switch (comparison) {
    case "GreaterThanThreshold":
      return value > threshold;
    case "GreaterThanOrEqualToThreshold":
      return value >= threshold;
    case "LessThanThreshold":
      return value < threshold;
    case "LessThanOrEqualToThreshold":
      return value <= threshold;
    case "LessThanLowerThreshold":
      return value < lower;
    case "GreaterThanUpperThreshold":
      return value > upper;
    case "LessThanLowerOrGreaterThanUpperThreshold":
      return value < lower || value > upper;
    case undefined:
      return false;
  }
}

export function countStates(alarms: readonly Alarm[]): Record<AlarmState, number> {
  const counts: Record<AlarmState, number> = { ALARM: 0, INSUFFICIENT_DATA: 0, OK: 0 };
  for (const alarm of alarms) counts[alarm.StateValue] += 1;
  return counts;
}

/** What needs somebody comes first. */
const urgency: Record<AlarmState, number> = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 };

export function compareAlarmStates(a: AlarmState, b: AlarmState): number {
  return urgency[a] - urgency[b];
}

export const sinceOf = (alarm: Alarm) => alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp;

/** Whether one of the metrics has all these dimensions, and, if that is said, stands in that namespace. */
export function concerns(alarm: Alarm, dimensions: Readonly<Record<string, string>>, namespace?: string): boolean {
  if (isComposite(alarm)) return false;
  const wanted = Object.entries(dimensions);
  return watchedMetrics(alarm).some(
    (metric) =>
      (namespace === undefined || metric.namespace === namespace) &&
      wanted.every(([name, value]) => metric.dimensions.some((each) => each.Name === name && each.Value === value)),
  );
}

/** What a badge counts and the list is filtered to: alarms that have all dimensions of one of these. */
export type Scope = readonly Readonly<Record<string, string>>[];

export function inScope(alarms: readonly Alarm[], scope: Scope): Alarm[] {
  return alarms.filter((alarm) => scope.some((dimensions) => concerns(alarm, dimensions)));
}

/** As it stands in the URL: `ClusterName=shop,ServiceName=cart`, alternatives after a semicolon. */
export function printScope(scope: Scope): string {
  return scope
    .map((dimensions) =>
      Object.entries(dimensions)
        .map((pair) => pair.map(encodeURIComponent).join("="))
        .join(","),
    )
    .join(";");
}

export function parseScope(text: string | undefined): Scope | undefined {
  const scope = (text ?? "").split(";").flatMap((alternative) => {
    const pairs = alternative.split(",").flatMap((part) => {
      const [name, value] = part.split("=").map(decoded);
      return name && value !== undefined ? [[name, value] as const] : [];
    });
    return pairs.length > 0 ? [Object.fromEntries(pairs)] : [];
  });
  return scope.length > 0 ? scope : undefined;
}

/** An address that was mistyped is no reason to stop. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A node of the trace map: metrics name services and canaries in these ways. Who calls a service is not the service. */
export function nodeScope(node: { name: string; kind: NodeKind }): Scope {
  const { name, kind } = node;
  const asCanary = { CanaryName: name };
  return kind === "client" ? [asCanary] : [{ ServiceName: name }, { Service: name }, asCanary];
}

export interface StateSpan {
  start: number;
  end: number;
  state: AlarmState;
  reason: string | undefined;
}

interface StateChange {
  time: number;
  state: AlarmState;
  reason: string | undefined;
}

/** From each change to the next, within a window. Before the first nothing is known. */
export function spansOf(changes: readonly StateChange[], window: Window): StateSpan[] {
  const ordered = [...changes].sort((a, b) => a.time - b.time);
  return ordered.flatMap(({ time, state, reason }, i) => {
    const start = Math.max(time, window.start);
    const end = Math.min(ordered[i + 1]?.time ?? window.end, window.end);
    return end > start ? [{ start, end, state, reason }] : [];
  });
}

interface HistoryStates {
  oldState?: { stateValue?: AlarmState; stateReason?: string };
  newState?: { stateValue?: AlarmState; stateReason?: string };
}

/** The states of a history, with what was before its first change and what is now. */
export function stateChangesOf(alarm: Alarm, history: readonly AlarmHistoryItem[]): StateChange[] {
  const changes: StateChange[] = [];
  const updates = history
    .filter((item) => item.HistoryItemType === "StateUpdate")
    .sort((a, b) => a.Timestamp - b.Timestamp);
  for (const item of updates) {
    const { oldState, newState } = parseJson<HistoryStates>(item.HistoryData) ?? {};
    if (changes.length === 0 && oldState?.stateValue)
      changes.push({ time: createdAt(history) ?? 0, state: oldState.stateValue, reason: oldState.stateReason });
    if (newState?.stateValue)
      changes.push({ time: item.Timestamp, state: newState.stateValue, reason: newState.stateReason });
  }
  const since = sinceOf(alarm);
  if (changes.length === 0 && since !== undefined)
    changes.push({ time: since, state: alarm.StateValue, reason: alarm.StateReason });
  return changes;
}

/** When the oldest thing that is known of it happened. */
function createdAt(history: readonly AlarmHistoryItem[]): number | undefined {
  const first = history.filter((item) => item.HistoryItemType === "ConfigurationUpdate").map((item) => item.Timestamp);
  return first.length > 0 ? Math.min(...first) : undefined;
}

export function parseJson<Out>(text: string | undefined): Out | undefined {
  if (!text) return undefined;
  try {
    return JSON.parse(text) as Out;
  } catch {
    return undefined;
  }
}

/** The last part of `arn:aws:cloudwatch:us-east-1:123456789012:alarm:NAME`; a mere name stays. */
export function alarmNameOf(nameOrArn: string): string {
  const found = /^arn:[^:]*:cloudwatch:[^:]*:[^:]*:alarm:(.+)$/.exec(nameOrArn);
  return found ? found[1]! : nameOrArn;
}

export function topicNameOf(arn: string): string {
  return arn.split(":").at(-1) ?? arn;
}

const inputMembers = [
  "AlarmName",
  "AlarmDescription",
  "ActionsEnabled",
  "AlarmActions",
  "OKActions",
  "InsufficientDataActions",
  "Namespace",
  "MetricName",
  "Dimensions",
  "Statistic",
  "ExtendedStatistic",
  "Period",
  "Unit",
  "Metrics",
  "EvaluationPeriods",
  "DatapointsToAlarm",
  "Threshold",
  "ThresholdMetricId",
  "ComparisonOperator",
  "TreatMissingData",
  "EvaluateLowSampleCountPercentile",
  "AlarmRule",
  "ActionsSuppressor",
  "ActionsSuppressorWaitPeriod",
  "ActionsSuppressorExtensionPeriod",
  "EvaluationWindow",
  "WarmUpConfiguration",
  "ActionConfiguration",
];

/** What would make the alarm anew: it without its state. */
export function inputOfAlarm<Input extends { AlarmName: string }>(alarm: Alarm): Input {
  const members = Object.entries(alarm).filter(([name]) => inputMembers.includes(name));
  return Object.fromEntries(members) as unknown as Input;
}
