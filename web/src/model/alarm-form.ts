// The form of a metric alarm: what is typed, and what is sent. What the form does not know is kept as it was.

import type { AlarmState, Comparison, MetricAlarm, MetricAlarmInput, MissingData } from "../api/alarm";
import type { Dimension, MetricDataQuery } from "../api/cloudwatch";
import { bandComparisons, bandWidth, periodOf, watchedQuery } from "./alarm";

/** A metric, or an expression over the others. */
export interface QueryDraft {
  id: string;
  metric: { namespace: string; name: string; dimensions: Dimension[] } | undefined;
  expression: string | undefined;
  stat: string;
  period: number;
  label: string | undefined;
  unit: string | undefined;
  account: string | undefined;
}

export type ActionDraft = Record<AlarmState, string[]>;

export interface AlarmDraft {
  name: string;
  description: string;
  queries: QueryDraft[];
  /** Id of what is compared. */
  watched: string;
  comparison: Comparison;
  threshold: string;
  width: string;
  needed: string;
  evaluated: string;
  missing: MissingData;
  lowSamples: "evaluate" | "ignore";
  actions: ActionDraft;
  enabled: boolean;
  rest: Partial<MetricAlarmInput>;
}

const plainStatistics = new Set(["SampleCount", "Average", "Sum", "Minimum", "Maximum"]);
const bandId = "band";

export const emptyDraft: AlarmDraft = {
  name: "",
  description: "",
  queries: [],
  watched: "",
  comparison: "GreaterThanThreshold",
  threshold: "",
  width: "2",
  needed: "3",
  evaluated: "5",
  missing: "missing",
  lowSamples: "evaluate",
  actions: { ALARM: [], OK: [], INSUFFICIENT_DATA: [] },
  enabled: true,
  rest: {},
};

export function freeQueryId(queries: readonly { id: string }[], letter: "m" | "e"): string {
  for (let number = 1; ; number += 1)
    if (queries.every((query) => query.id !== `${letter}${number}`)) return `${letter}${number}`;
}

export function metricQuery(
  id: string,
  metric: NonNullable<QueryDraft["metric"]>,
  stat = "Average",
  period = 60,
): QueryDraft {
  return { id, metric, expression: undefined, stat, period, label: undefined, unit: undefined, account: undefined };
}

export function expressionQuery(id: string, expression: string, period: number): QueryDraft {
  return { id, metric: undefined, expression, stat: "", period, label: undefined, unit: undefined, account: undefined };
}

export const isBand = (draft: AlarmDraft) => bandComparisons.has(draft.comparison);

/** Of what is compared: percentiles may have too few samples to mean anything. */
export function isPercentile(draft: AlarmDraft): boolean {
  const watched = draft.queries.find((query) => query.id === draft.watched);
  return /^p\d/.test(watched?.stat ?? "");
}

/** Parameters that other pages link to the form with. */
export const prefillNames = ["namespace", "metric", "dimensions", "stat", "period", "threshold", "comparison", "name"] as const;

export type Prefill = Partial<Record<(typeof prefillNames)[number], string | undefined>>;

const comparisonWords: Record<string, Comparison> = {
  ">": "GreaterThanThreshold",
  ">=": "GreaterThanOrEqualToThreshold",
  "<": "LessThanThreshold",
  "<=": "LessThanOrEqualToThreshold",
};

/** A draft of what a link says; what it does not say, or says wrongly, is as usual. */
export function draftOfPrefill(prefill: Prefill): AlarmDraft {
  const draft = { ...emptyDraft };
  if (prefill.name) draft.name = prefill.name;
  if (prefill.threshold && Number.isFinite(Number(prefill.threshold))) draft.threshold = prefill.threshold;
  const comparison = comparisonOf(prefill.comparison);
  if (comparison) draft.comparison = comparison;
  const period = Number(prefill.period);
  if (prefill.namespace && prefill.metric) {
    const metric = {
      namespace: prefill.namespace,
      name: prefill.metric,
      dimensions: dimensionsOfJson(prefill.dimensions),
    };
    draft.queries = [metricQuery("m1", metric, prefill.stat || "Average", period > 0 ? period : 60)];
    draft.watched = "m1";
  }
  return draft;
}

function comparisonOf(text: string | undefined): Comparison | undefined {
  if (!text) return undefined;
  if (comparisonWords[text]) return comparisonWords[text];
  return /^(Greater|Less)Than\w*Threshold$/.test(text) ? (text as Comparison) : undefined;
}

/** `{"ClusterName":"shop"}` */
function dimensionsOfJson(text: string | undefined): Dimension[] {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    return Object.entries(value).map(([Name, Value]) => ({ Name, Value: String(Value) }));
  } catch {
    return [];
  }
}

export function printPrefill(
  metric: { namespace: string; name: string; dimensions: readonly Dimension[] },
  more: Prefill = {},
): Prefill {
  const dimensions = Object.fromEntries(metric.dimensions.map((each) => [each.Name, each.Value ?? ""]));
  return {
    namespace: metric.namespace,
    metric: metric.name,
    dimensions: metric.dimensions.length > 0 ? JSON.stringify(dimensions) : undefined,
    ...more,
  };
}

export function draftOfAlarm(alarm: MetricAlarm): AlarmDraft {
  const queries = queriesOfAlarm(alarm);
  const evaluated = alarm.EvaluationPeriods ?? 1;
  const { EvaluationWindow, WarmUpConfiguration, ActionConfiguration } = alarm;
  return {
    name: alarm.AlarmName,
    description: alarm.AlarmDescription ?? "",
    queries,
    watched: watchedQuery(alarm)?.Id ?? queries[0]?.id ?? "",
    comparison: alarm.ComparisonOperator ?? "GreaterThanThreshold",
    threshold: alarm.Threshold === undefined ? "" : String(alarm.Threshold),
    width: String(bandWidth(alarm) ?? 2),
    needed: String(alarm.DatapointsToAlarm ?? evaluated),
    evaluated: String(evaluated),
    missing: (alarm.TreatMissingData as MissingData | undefined) ?? "missing",
    lowSamples: alarm.EvaluateLowSampleCountPercentile === "ignore" ? "ignore" : "evaluate",
    actions: {
      ALARM: alarm.AlarmActions ?? [],
      OK: alarm.OKActions ?? [],
      INSUFFICIENT_DATA: alarm.InsufficientDataActions ?? [],
    },
    enabled: alarm.ActionsEnabled !== false,
    rest: Object.fromEntries(
      Object.entries({ EvaluationWindow, WarmUpConfiguration, ActionConfiguration }).filter(([, value]) => value !== undefined),
    ),
  };
}

function queriesOfAlarm(alarm: MetricAlarm): QueryDraft[] {
  if (alarm.MetricName) {
    const metric = { namespace: alarm.Namespace ?? "", name: alarm.MetricName, dimensions: alarm.Dimensions ?? [] };
    const stat = alarm.ExtendedStatistic ?? alarm.Statistic ?? "Average";
    return [{ ...metricQuery("m1", metric, stat, alarm.Period ?? 60), unit: alarm.Unit }];
  }
  const period = periodOf(alarm);
  return (alarm.Metrics ?? [])
    .filter((query) => query.Id !== alarm.ThresholdMetricId)
    .map((query) => ({
      id: query.Id,
      metric: query.MetricStat && {
        namespace: query.MetricStat.Metric.Namespace,
        name: query.MetricStat.Metric.MetricName,
        dimensions: query.MetricStat.Metric.Dimensions ?? [],
      },
      expression: query.Expression,
      stat: query.MetricStat?.Stat ?? "",
      period: query.MetricStat?.Period ?? query.Period ?? period,
      label: query.Label,
      unit: query.MetricStat?.Unit,
      account: query.AccountId,
    }));
}

export type DraftMistake = "name" | "metric" | "expression" | "threshold" | "width" | "evaluated" | "needed" | "span";

const whole = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text) : NaN);

/** Longest time that an alarm looks back, in seconds: a day, or a week with periods of at least an hour (AWS). */
const longest = (period: number) => (period >= 3600 ? 7 * 86_400 : 86_400);

/** What keeps it from being sent; the server knows the rest. */
export function mistakesOf(draft: AlarmDraft): Set<DraftMistake> {
  const found = new Set<DraftMistake>();
  if (draft.name.trim() === "" || draft.name.length > 255) found.add("name");
  if (draft.queries.length === 0) found.add("metric");
  if (draft.queries.some((query) => query.expression !== undefined && query.expression.trim() === "")) found.add("expression");
  if (!isBand(draft) && (draft.threshold.trim() === "" || !Number.isFinite(Number(draft.threshold)))) found.add("threshold");
  if (isBand(draft) && !(Number(draft.width) > 0)) found.add("width");
  const [evaluated, needed] = [whole(draft.evaluated), whole(draft.needed)];
  if (!(evaluated >= 1)) found.add("evaluated");
  if (!(needed >= 1) || needed > evaluated) found.add("needed");
  const period = Math.max(60, ...draft.queries.map((query) => query.period));
  if (evaluated * period > longest(period)) found.add("span");
  return found;
}

export function inputOf(draft: AlarmDraft): MetricAlarmInput {
  return {
    ...draft.rest,
    AlarmName: draft.name.trim(),
    ...(draft.description.trim() ? { AlarmDescription: draft.description.trim() } : {}),
    ActionsEnabled: draft.enabled,
    AlarmActions: draft.actions.ALARM,
    OKActions: draft.actions.OK,
    InsufficientDataActions: draft.actions.INSUFFICIENT_DATA,
    ...whatOf(draft),
    ComparisonOperator: draft.comparison,
    EvaluationPeriods: whole(draft.evaluated),
    DatapointsToAlarm: whole(draft.needed),
    TreatMissingData: draft.missing,
    ...(isPercentile(draft) ? { EvaluateLowSampleCountPercentile: draft.lowSamples } : {}),
  };
}

function whatOf(draft: AlarmDraft): Partial<MetricAlarmInput> {
  const [first] = draft.queries;
  if (!isBand(draft) && draft.queries.length === 1 && first?.metric && !first.account && !first.label)
    return {
      Namespace: first.metric.namespace,
      MetricName: first.metric.name,
      Dimensions: first.metric.dimensions,
      ...(plainStatistics.has(first.stat) ? { Statistic: first.stat } : { ExtendedStatistic: first.stat }),
      Period: first.period,
      ...(first.unit ? { Unit: first.unit } : {}),
      Threshold: Number(draft.threshold),
    };
  const Metrics = draft.queries.map((query) => queryOf(query, query.id === draft.watched));
  if (!isBand(draft)) return { Metrics, Threshold: Number(draft.threshold) };
  const Id = freeBandId(draft.queries);
  return {
    Metrics: [...Metrics, { Id, Expression: `ANOMALY_DETECTION_BAND(${draft.watched}, ${Number(draft.width)})`, ReturnData: true }],
    ThresholdMetricId: Id,
  };
}

function freeBandId(queries: readonly { id: string }[]): string {
  return queries.some((query) => query.id === bandId) ? `${bandId}${queries.length}` : bandId;
}

function queryOf(query: QueryDraft, isReturned: boolean): MetricDataQuery {
  const shared = {
    Id: query.id,
    ReturnData: isReturned,
    ...(query.label ? { Label: query.label } : {}),
    ...(query.account ? { AccountId: query.account } : {}),
  };
  if (!query.metric) return { ...shared, Expression: query.expression ?? "", Period: query.period };
  return {
    ...shared,
    MetricStat: {
      Metric: {
        Namespace: query.metric.namespace,
        MetricName: query.metric.name,
        Dimensions: query.metric.dimensions,
      },
      Period: query.period,
      Stat: query.stat,
      ...(query.unit ? { Unit: query.unit } : {}),
    },
  };
}
