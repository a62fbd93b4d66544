// Why an alarm is in its state: the datapoints that decided, as they stand in the reason's data.

import type { MetricAlarm } from "../api/alarm";
import { isBreaching, parseJson, type Limits } from "./alarm";

export interface DecidingPoint extends Limits {
  time: number;
  value: number;
  samples: number | undefined;
  isBreaching: boolean;
}

export interface Reason {
  /** The newest first. */
  points: DecidingPoint[];
  breaching: number;
  /** Of the periods that are looked at, those without a datapoint. */
  missing: number;
  /** When that was. */
  at: number | undefined;
}

interface ReasonData {
  queryDate?: string;
  startDate?: string;
  period?: number;
  recentDatapoints?: (number | null)[];
  threshold?: number;
  evaluatedDatapoints?: {
    timestamp: string;
    value?: number;
    sampleCount?: number;
    threshold?: number;
    lowerThreshold?: number;
    upperThreshold?: number;
  }[];
}

/** Undefined where no datapoints decided: it is new, or somebody set its state. */
export function reasonOf(alarm: MetricAlarm): Reason | undefined {
  const data = parseJson<ReasonData>(alarm.StateReasonData);
  if (!data?.evaluatedDatapoints && !data?.recentDatapoints) return undefined;
  const points = pointsOf(data, alarm).sort((a, b) => b.time - a.time);
  const evaluated = alarm.EvaluationPeriods ?? 1;
  return {
    points,
    breaching: points.filter((point) => point.isBreaching).length,
    missing: Math.max(0, evaluated - points.length),
    at: data.queryDate ? timeOf(data.queryDate) : undefined,
  };
}

function pointsOf(data: ReasonData, alarm: MetricAlarm): DecidingPoint[] {
  const judge = (value: number, limits: Limits) => ({
    value,
    ...limits,
    isBreaching: isBreaching(alarm.ComparisonOperator, value, limits),
  });
  const threshold = data.threshold ?? alarm.Threshold;
  if (data.evaluatedDatapoints)
    return data.evaluatedDatapoints.flatMap((point) =>
      point.value === undefined
        ? []
        : [
            {
              time: timeOf(point.timestamp),
              samples: point.sampleCount,
              ...judge(point.value, {
                threshold: point.threshold ?? threshold,
                lower: point.lowerThreshold,
                upper: point.upperThreshold ?? point.threshold,
              }),
            },
          ],
    );
  // Older reasons have values alone, from a start on.
  const start = data.startDate ? timeOf(data.startDate) : NaN;
  return (data.recentDatapoints ?? []).flatMap((value, i) =>
    value === null
      ? []
      : [{ time: start + i * (data.period ?? 60), samples: undefined, ...judge(value, { threshold }) }],
  );
}

/** `2026-11-28T18:05:00.000+0000` has an offset without a colon, which not every browser reads. */
function timeOf(text: string): number {
  return Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, "$1:$2")) / 1000;
}

export interface PointRow {
  time: number;
  /** Undefined: there was none. */
  point: DecidingPoint | undefined;
}

/** The periods that were looked at, the newest first, with those that have no datapoint. */
export function pointRows(reason: Reason, period: number, evaluated: number): PointRow[] {
  const newest = reason.points[0]?.time;
  if (newest === undefined) return [];
  const at = new Map(reason.points.map((point) => [point.time, point]));
  const times = new Set(reason.points.map((point) => point.time));
  for (let i = 0; i < evaluated; i += 1) times.add(newest - i * period);
  return [...times].sort((a, b) => b - a).map((time) => ({ time, point: at.get(time) }));
}
