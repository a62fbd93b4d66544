// Two sets of traces in one chart: bars on one axis, counts over one clock.

import type { TraceSummary } from "../api/xray";
import { toBars, type Bar } from "./histogram";
import type { Window } from "./time-range";

export interface SetBar extends Bar {
  /** Traces of A and of B; `count` is their sum. */
  a: number;
  b: number;
}

export function toSetBars(
  a: readonly TraceSummary[],
  b: readonly TraceSummary[],
  bins: number,
): SetBar[] {
  const entries = (summaries: readonly TraceSummary[]) =>
    summaries.flatMap((s) =>
      s.ResponseTime === undefined ? [] : [{ Value: s.ResponseTime, Count: 1 }],
    );
  const [inA, inB] = [entries(a), entries(b)];
  const bars = toBars([...inA, ...inB], bins).map((bar): SetBar => ({ ...bar, a: 0, b: 0 }));
  const add = (list: ReturnType<typeof entries>, side: "a" | "b") => {
    for (const { Value: value } of list) {
      const bar = bars.find((one) => value < one.to) ?? bars.at(-1);
      if (bar) bar[side] += 1;
    }
  };
  add(inA, "a");
  add(inB, "b");
  return bars;
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400];

/** Starts of the buckets that cover a window, at round distances from its start. */
export function bucketsOf(window: Window, wanted = 40): { times: number[]; step: number } {
  const span = window.end - window.start;
  const step = steps.find((s) => span / s <= wanted) ?? Math.ceil(span / wanted);
  const times: number[] = [];
  for (let t = window.start; t < window.end; t += step) times.push(t);
  return { times, step };
}

/**
 * Traces in each bucket. `from` is how far back the set was looked through: what lies before is
 * unknown, not zero. `shift` moves a set of another time range onto the same clock.
 */
export function countOverTime(
  summaries: readonly TraceSummary[],
  { times, step }: ReturnType<typeof bucketsOf>,
  { from, end, shift }: { from: number; end: number; shift: number },
): (number | undefined)[] {
  const counts = times.map((t): number | undefined =>
    t + step > from + shift && t < end + shift ? 0 : undefined,
  );
  const first = times[0] ?? 0;
  for (const { StartTime: time } of summaries) {
    if (time === undefined) continue;
    const index = Math.floor((time + shift - first) / step);
    if (index in counts) counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}
