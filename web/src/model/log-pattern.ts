// Patterns that a query found, and how often each was found in the time before.

import type { QueryAnswer } from "../api/logs";

export interface FoundPattern {
  pattern: string;
  regex: string;
  count: number;
  /** Of all events, 0 to 1. */
  share: number;
  severity: string;
}

export function patternsOf(results: QueryAnswer["results"]): FoundPattern[] {
  const found = results.flatMap((row) => {
    const of = new Map(row.map(({ field, value }) => [field, value]));
    const pattern = of.get("@pattern");
    if (pattern === undefined) return [];
    return [
      {
        pattern,
        regex: of.get("@regexString") ?? "",
        count: Number(of.get("@sampleCount") ?? 0),
        share: Number(of.get("@ratio") ?? 0),
        severity: of.get("@severityLabel") ?? "",
      },
    ];
  });
  return found.sort((a, b) => b.count - a.count);
}

export interface PatternChange extends FoundPattern {
  before: number;
}

const greatestFirst = (a: PatternChange, b: PatternChange) => Math.abs(b.count - b.before) - Math.abs(a.count - a.before);

/** As `diff` finds them, those that changed the most first. */
export function changesOf(results: QueryAnswer["results"]): PatternChange[] {
  const before = new Map(
    results.map((row) => {
      const of = new Map(row.map(({ field, value }) => [field, value]));
      return [of.get("@pattern"), Number(of.get("@previousSampleCount") ?? 0)];
    }),
  );
  return patternsOf(results)
    .map((each) => ({ ...each, before: before.get(each.pattern) ?? 0 }))
    .sort(greatestFirst);
}

/** The same of two answers, for servers without `diff`. Shapes are told apart by their text alone. */
export function compared(now: readonly FoundPattern[], before: readonly FoundPattern[]): PatternChange[] {
  const counts = new Map<string, number>();
  for (const { pattern, count } of before) counts.set(shape(pattern), (counts.get(shape(pattern)) ?? 0) + count);
  const seen = new Set(now.map(({ pattern }) => shape(pattern)));
  return [
    ...now.map((each) => ({ ...each, before: counts.get(shape(each.pattern)) ?? 0 })),
    ...before
      .filter(({ pattern }) => !seen.has(shape(pattern)))
      .map((each) => ({ ...each, before: each.count, count: 0, share: 0 })),
  ].sort(greatestFirst);
}

/** Numbers of tokens depend on what else was found. */
function shape(pattern: string): string {
  return pattern.replaceAll(/<([A-Za-z]+)-\d+>/g, "<$1>");
}
