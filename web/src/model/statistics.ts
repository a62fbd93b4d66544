// What a node or edge did in the window, in the terms of the map.

import type { ServiceStatistics } from "../api/xray";

export type State = "ok" | "error" | "throttle" | "fault";

/** Worst first: the order in which a state wins over another. */
export const statesByWeight: readonly State[] = ["fault", "throttle", "error", "ok"];

export interface Outcome {
  total: number;
  ok: number;
  error: number;
  throttle: number;
  fault: number;
  averageSeconds: number | undefined;
}

export function outcomeOf(statistics: ServiceStatistics | undefined): Outcome {
  const total = statistics?.TotalCount ?? 0;
  const throttle = statistics?.ErrorStatistics?.ThrottleCount ?? 0;
  // Some writers fill only OtherCount, others only TotalCount.
  const error =
    statistics?.ErrorStatistics?.OtherCount ??
    Math.max(0, (statistics?.ErrorStatistics?.TotalCount ?? 0) - throttle);
  const fault =
    statistics?.FaultStatistics?.TotalCount ?? statistics?.FaultStatistics?.OtherCount ?? 0;
  return {
    total,
    error,
    throttle,
    fault,
    ok: statistics?.OkCount ?? Math.max(0, total - error - throttle - fault),
    averageSeconds: total > 0 ? (statistics?.TotalResponseTime ?? 0) / total : undefined,
  };
}

export function worstState(outcome: Outcome): State {
  return statesByWeight.find((state) => outcome[state] > 0) ?? "ok";
}

export function share(outcome: Outcome, state: State): number {
  return outcome.total > 0 ? outcome[state] / outcome.total : 0;
}

export function addOutcomes(a: Outcome, b: Outcome): Outcome {
  const total = a.total + b.total;
  const seconds = (a.averageSeconds ?? 0) * a.total + (b.averageSeconds ?? 0) * b.total;
  return {
    total,
    ok: a.ok + b.ok,
    error: a.error + b.error,
    throttle: a.throttle + b.throttle,
    fault: a.fault + b.fault,
    averageSeconds: total > 0 ? seconds / total : undefined,
  };
}

/** Arcs of the ring, in a fixed order so that the eye can compare nodes. */
export function ringArcs(outcome: Outcome): { state: State; from: number; to: number }[] {
  const sum = outcome.ok + outcome.error + outcome.throttle + outcome.fault;
  if (sum === 0) return [];
  const arcs: { state: State; from: number; to: number }[] = [];
  let at = 0;
  for (const state of ["fault", "throttle", "error", "ok"] as const) {
    const part = outcome[state] / sum;
    if (part > 0) arcs.push({ state, from: at, to: at + part });
    at += part;
  }
  return arcs;
}
