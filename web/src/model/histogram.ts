// Percentiles and bars from {Value, Count} lists and from plain values.

import type { HistogramEntry } from "../api/xray";

export function percentile(entries: readonly HistogramEntry[], p: number): number | undefined {
  const sorted = [...entries].sort((a, b) => a.Value - b.Value);
  const total = sorted.reduce((sum, entry) => sum + entry.Count, 0);
  if (total === 0) return undefined;
  const rank = Math.max(1, Math.ceil((p / 100) * total));
  let seen = 0;
  for (const entry of sorted) {
    seen += entry.Count;
    if (seen >= rank) return entry.Value;
  }
  return sorted.at(-1)!.Value;
}

export function mergeHistograms(lists: readonly (readonly HistogramEntry[])[]): HistogramEntry[] {
  const counts = new Map<number, number>();
  for (const list of lists)
    for (const entry of list) counts.set(entry.Value, (counts.get(entry.Value) ?? 0) + entry.Count);
  return [...counts].map(([Value, Count]) => ({ Value, Count })).sort((a, b) => a.Value - b.Value);
}

export interface Bar {
  from: number;
  to: number;
  count: number;
}

/**
 * Bars of equal width on a linear or logarithmic axis. Response times spread over
 * decades (5 ms and 5 s in one list), so the caller mostly wants the logarithm.
 */
export function toBars(entries: readonly HistogramEntry[], bins: number): Bar[] {
  const used = entries.filter((entry) => entry.Count > 0);
  if (used.length === 0) return [];
  const scale = scaleFor(used.map((entry) => entry.Value));
  const bars: Bar[] = [];
  for (let i = 0; i < bins; i += 1)
    bars.push({ from: scale.invert(i / bins), to: scale.invert((i + 1) / bins), count: 0 });
  for (const entry of used) {
    const index = Math.min(bins - 1, Math.max(0, Math.floor(scale.at(entry.Value) * bins)));
    bars[index]!.count += entry.Count;
  }
  return bars;
}

export interface Scale {
  min: number;
  max: number;
  log: boolean;
  at(value: number): number;
  invert(position: number): number;
}

/** Logarithmic when the values span more than a factor of 20, else linear from 0. */
export function scaleFor(values: readonly number[]): Scale {
  let low = Infinity;
  let high = 0;
  for (const value of values) {
    if (value > 0 && value < low) low = value;
    if (value > high) high = value;
  }
  if (!Number.isFinite(low)) low = 0.001;
  if (high <= 0) high = 0.001;
  const log = high / low > 20;
  const min = log ? Math.max(1e-6, low * 0.9) : 0;
  const max = high * 1.05;
  if (!log)
    return {
      min,
      max,
      log,
      at: (value) => Math.min(1, Math.max(0, value / max)),
      invert: (position) => position * max,
    };
  return logScale(min, max);
}

export function logScale(min: number, max: number): Scale {
  const a = Math.log10(min);
  const b = Math.log10(max);
  return {
    min,
    max,
    log: true,
    at: (value) => Math.min(1, Math.max(0, (Math.log10(Math.max(value, min)) - a) / (b - a))),
    invert: (position) => 10 ** (a + position * (b - a)),
  };
}

/** Round positions for an axis: 1-2-5 steps, or decades when logarithmic. */
export function ticksOf(scale: Scale, wanted = 5): number[] {
  if (scale.log) {
    const ticks: number[] = [];
    const first = Math.floor(Math.log10(scale.min));
    const last = Math.ceil(Math.log10(scale.max));
    const sparse = last - first > 3;
    for (let e = first; e <= last; e += 1)
      for (const m of sparse ? [1] : [1, 3])
        if (m * 10 ** e >= scale.min && m * 10 ** e <= scale.max) ticks.push(m * 10 ** e);
    return ticks;
  }
  return linearTicks(scale.min, scale.max, wanted);
}

export function linearTicks(min: number, max: number, wanted = 5): number[] {
  if (!(max > min)) return [min];
  const raw = (max - min) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const ticks: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i += 1)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}
