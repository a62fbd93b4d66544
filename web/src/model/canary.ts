// Canaries: what they are, how they stand, and what a link or a form makes of them. Pure.

import type { MetricAlarmInput } from "../api/alarm";
import type { Canary, CanaryRun, CanaryState } from "../api/canary";
import type { MetricDataQuery, MetricDataResult } from "../api/cloudwatch";
import { quote } from "./filter";
import { checkStepsOf, type Checks } from "./multi-checks";

export const blueprints = ["heartbeat", "api", "multi-checks", "broken-links", "visual", "workflow", "script"] as const;
export type Blueprint = (typeof blueprints)[number];

/** Those that cannot run without a browser, and those that can do less. */
export function browserNeed(blueprint: Blueprint, runtime = ""): "needed" | "useful" | "none" {
  if (blueprint === "script") return /puppeteer|playwright|selenium/.test(runtime) ? "needed" : "none";
  if (blueprint === "heartbeat") return "useful";
  return blueprint === "visual" || blueprint === "workflow" ? "needed" : "none";
}

/** Checks of HTTP only are what the console calls an API canary. */
export function blueprintOf(canary: Pick<Canary, "Code">): Blueprint {
  const name = canary.Code?.BlueprintTypes?.[0];
  if (name === "multi-checks") {
    const config = canary.Code?.BlueprintConfig as Checks | undefined;
    const steps = config?.steps ? checkStepsOf(config) : [];
    return steps.length > 0 && steps.every((step) => step.checkerType === "HTTP") ? "api" : "multi-checks";
  }
  return blueprints.find((each) => each === name && each !== "api") ?? "script";
}

export function canaryArn(canary: Pick<Canary, "Name" | "Arn" | "EngineArn">, account: string, region: string): string {
  if (canary.Arn) return canary.Arn;
  // The ARN of its engine says where it is, if the server tells.
  const [, , , engineRegion, engineAccount] = (canary.EngineArn ?? "").split(":");
  return `arn:aws:synthetics:${engineRegion || region}:${engineAccount || account}:canary:${canary.Name}`;
}

export type RunResult = "passed" | "failed" | "running" | "none";

export function resultOf(run: CanaryRun | undefined): RunResult {
  switch (run?.Status?.State) {
    case "PASSED":
      return "passed";
    case "FAILED":
      return "failed";
    case "RUNNING":
      return "running";
    default:
      return "none";
  }
}

export function stateOfCanary(canary: Pick<Canary, "Status">): CanaryState {
  return canary.Status?.State ?? "READY";
}

export const isStarted = (state: CanaryState) => state === "RUNNING" || state === "STARTING";
export const mayStart = (state: CanaryState) => state === "READY" || state === "STOPPED" || state === "ERROR";

/** Something happens right now: it is looked at again soon. */
export const isOnTheWay = (state: CanaryState) =>
  state === "CREATING" || state === "STARTING" || state === "STOPPING" || state === "UPDATING" || state === "DELETING";

/** How the last run ended, or that nothing runs any more: what the donut counts. */
export type Standing = "passed" | "failed" | "running" | "stopped" | "none";

export const standings: readonly Standing[] = ["failed", "running", "passed", "stopped", "none"];

export function standingOf(canary: Pick<Canary, "Status">, lastRun: CanaryRun | undefined): Standing {
  const state = stateOfCanary(canary);
  if (state === "STOPPED" || state === "STOPPING" || state === "ERROR") return "stopped";
  return resultOf(lastRun);
}

export function secondsOfRun(run: CanaryRun): number | undefined {
  const { Started, Completed } = run.Timeline ?? {};
  return Started === undefined || Completed === undefined ? undefined : Math.max(0, Completed - Started);
}

export const canaryNamespace = "CloudWatchSynthetics";

/** Mean and trend need sums and counts: a mean of means would be none. */
const figures = [
  ["SuccessPercent", "Sum"],
  ["SuccessPercent", "SampleCount"],
  ["Duration", "Sum"],
  ["Duration", "SampleCount"],
] as const;

/** As many points as a small line shows. */
const trendPoints = 24;

export function trendPeriod(window: { start: number; end: number }): number {
  const wanted = (window.end - window.start) / trendPoints;
  return [60, 300, 900, 3600, 6 * 3600, 86400].find((period) => period >= wanted) ?? 86400;
}

export function figureQueries(names: readonly string[], period: number): MetricDataQuery[] {
  return names.flatMap((name, i) =>
    figures.map(([metric, stat], j) => ({
      Id: `c${i}_${j}`,
      Label: name,
      MetricStat: {
        Metric: {
          Namespace: canaryNamespace,
          MetricName: metric,
          Dimensions: [{ Name: "CanaryName", Value: name }],
        },
        Period: period,
        Stat: stat,
      },
    })),
  );
}

export interface Trend {
  mean: number | undefined;
  values: number[];
}

export interface Figures {
  /** Percent. */
  success: Trend;
  /** Milliseconds. */
  duration: Trend;
}

export function figuresOf(names: readonly string[], results: readonly MetricDataResult[]): Map<string, Figures> {
  const byId = new Map(results.map((result) => [result.Id, result]));
  return new Map(
    names.map((name, i) => {
      const trend = (sums: number): Trend => {
        const [sum, count] = [byId.get(`c${i}_${sums}`), byId.get(`c${i}_${sums + 1}`)];
        const counts = new Map(count?.Timestamps.map((time, at) => [time, count.Values[at]!]));
        let [total, runs] = [0, 0];
        const values = (sum?.Timestamps ?? []).flatMap((time, at) => {
          const n = counts.get(time) ?? 0;
          if (n === 0) return [];
          total += sum!.Values[at]!;
          runs += n;
          return [sum!.Values[at]! / n];
        });
        return { mean: runs > 0 ? total / runs : undefined, values };
      };
      return [name, { success: trend(0), duration: trend(2) }];
    }),
  );
}

const longestSuggestion = 60;

/** A name out of an address: `https://www.shop.test/cart?x` becomes `shop-test-cart`. */
export function suggestName(url: string, taken: readonly string[], suffix = ""): string {
  if (!URL.canParse(url)) return "";
  const { hostname, pathname } = new URL(url);
  const base = `${hostname.replace(/^www\./, "")}${pathname}${suffix ? `-${suffix}` : ""}`
    .toLowerCase()
    .replace(/[^0-9a-z_]+/g, "-")
    .slice(0, longestSuggestion)
    .replace(/^-+|-+$/g, "");
  if (base === "") return "";
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (isCanaryName(name) && !taken.includes(name)) return name;
  }
}

/** `create` is the address of the form. */
export function isCanaryName(name: string): boolean {
  return /^[0-9a-z_-]{1,255}$/.test(name) && name !== "create";
}

/** Alarms that the console made for a canary are called so, as CloudWatch does it. */
export function alarmName(canary: string, index: number): string {
  return `Synthetics-Alarm-${canary}-${index}`;
}

/** Whether an alarm is about a canary: by its name, or by what it measures. */
export function isAlarmOf(
  canary: string,
  alarm: {
    AlarmName?: string;
    Namespace?: string;
    Dimensions?: readonly { Name: string; Value?: string }[];
    Metrics?: readonly MetricDataQuery[];
  },
): boolean {
  if (alarm.AlarmName?.startsWith(`Synthetics-Alarm-${canary}-`) && /-\d+$/.test(alarm.AlarmName))
    return alarm.AlarmName.slice(`Synthetics-Alarm-${canary}-`.length).match(/^\d+$/) !== null;
  const metrics = [
    { Namespace: alarm.Namespace, Dimensions: alarm.Dimensions },
    ...(alarm.Metrics ?? []).flatMap((query) => (query.MetricStat ? [query.MetricStat.Metric] : [])),
  ];
  return metrics.some(
    ({ Namespace, Dimensions }) =>
      Namespace === canaryNamespace &&
      (Dimensions ?? []).some(({ Name, Value }) => Name === "CanaryName" && Value === canary),
  );
}

export const proposedAlarms = ["success", "duration", "faults"] as const;
export type ProposedAlarm = (typeof proposedAlarms)[number];

/** What PutMetricAlarm is given for one of the alarms that the form proposes. */
export function alarmInput(
  canary: string,
  which: ProposedAlarm,
  secondsBetweenRuns: number | undefined,
  topics: readonly string[],
): MetricAlarmInput {
  const period = Math.max(60, secondsBetweenRuns ?? 3600);
  const metric = (MetricName: string) => ({
    Namespace: canaryNamespace,
    MetricName,
    Dimensions: [{ Name: "CanaryName", Value: canary }],
  });
  const shared = {
    AlarmName: alarmName(canary, proposedAlarms.indexOf(which) + 1),
    ...(topics.length > 0 ? { AlarmActions: [...topics], OKActions: [...topics] } : {}),
  };
  switch (which) {
    case "success":
      return {
        ...shared,
        ...metric("SuccessPercent"),
        Statistic: "Average",
        ComparisonOperator: "LessThanThreshold",
        Threshold: 90,
        Period: period,
        EvaluationPeriods: 1,
        DatapointsToAlarm: 1,
      };
    case "duration":
      return {
        ...shared,
        Metrics: [
          {
            Id: "m1",
            MetricStat: { Metric: metric("Duration"), Period: period, Stat: "Average" },
            ReturnData: true,
          },
          { Id: "ad1", Expression: "ANOMALY_DETECTION_BAND(m1, 4)", ReturnData: true },
        ],
        ComparisonOperator: "GreaterThanUpperThreshold",
        ThresholdMetricId: "ad1",
        EvaluationPeriods: 2,
        DatapointsToAlarm: 2,
      };
    case "faults":
      return {
        ...shared,
        ...metric("5xx"),
        Statistic: "Sum",
        ComparisonOperator: "GreaterThanThreshold",
        Threshold: 0,
        Period: period,
        EvaluationPeriods: 1,
        DatapointsToAlarm: 1,
        // A run without such an answer says nothing of it.
        TreatMissingData: "notBreaching",
      };
  }
}

/** The canary that a segment was written by, or that called a service, and its run, where that is known. */
export function canaryOfSegment(
  document: Parameters<typeof nameOfSegment>[0],
): { name: string; run: string | undefined } | undefined {
  const name = nameOfSegment(document);
  const run = document.annotations?.["canary_run_id"];
  return name === undefined ? undefined : { name, run: typeof run === "string" ? run : undefined };
}

function nameOfSegment(document: {
  name: string;
  origin?: string;
  annotations?: Record<string, unknown>;
  aws?: Record<string, unknown>;
  http?: { request?: { user_agent?: string } };
}): string | undefined {
  const { annotations = {}, aws, origin } = document;
  for (const key of ["aws:synthetics_canary_name", "aws_synthetics_canary_name", "canary_name"])
    if (typeof annotations[key] === "string") return annotations[key];
  for (const key of ["aws:canary_arn", "aws_canary_arn"]) {
    const arn = annotations[key];
    if (typeof arn === "string") return /:canary:([^:]+)/.exec(arn)?.[1];
  }
  const synthetics = aws?.["synthetics"] as { canary_name?: unknown } | undefined;
  if (typeof synthetics?.canary_name === "string") return synthetics.canary_name;
  if (isCanaryType(origin)) return document.name;
  // The user agent of a canary ends with its ARN.
  return /CloudWatchSynthetics\S*:canary:([0-9a-z_-]+)/.exec(document.http?.request?.user_agent ?? "")?.[1];
}

/** A type of node, or an origin of a segment, that only canaries have. */
export function isCanaryType(type: string | undefined): boolean {
  return type?.startsWith("AWS::Synthetics") ?? false;
}

/** Traces that a canary began: its own segment is in each of them. */
export function traceFilterOf(name: string): string {
  return `annotation[canary_name] = ${quote(name)}`;
}
