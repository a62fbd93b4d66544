// The critical paths of many traces: read five at a time, a few calls side by side, newest first,
// and worked out one by one, so that the page stays at hand.

import { useEffect, useMemo, useRef, useState } from "react";

import { batchGetTraces, type TraceSummary } from "../../api/xray";
import type { Scan } from "../../app/use-scan";
import {
  addPath,
  emptySum,
  tracePathOf,
  type PathSum,
  type TracePath,
} from "../../model/critical-path";
import { buildWaterfall } from "../../model/waterfall";

/** Traces that are read before someone asks for more. */
export const pathStep = 500;
/** As many as BatchGetTraces takes. */
const idsOfCall = 5;
const callsAtOnce = 4;
const showEveryMs = 150;
/** Results are small, yet an open page must not grow for ever. */
const keptResults = 10_000;

export interface PathSumState {
  sum: PathSum;
  /** Traces that were looked at, of those that are to be looked at. */
  done: number;
  wanted: number;
  running: boolean;
  /** More were found than are to be looked at. */
  rest: number;
  missing: number;
  inProgress: number;
  error: Error | undefined;
  stop(): void;
  more(): void;
  retry(): void;
}

const nothing: TraceSummary[] = [];

/** A trace that gained segments is another one. */
const keyOf = (summary: TraceSummary) => `${summary.Id}@${summary.Revision ?? 0}`;

export function usePathSum(scan: Scan, filter: string): PathSumState {
  const results = useRef(new Map<string, TracePath | undefined>());
  const [limit, setLimit] = useState(pathStep);
  const [stopped, setStopped] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  const [attempt, setAttempt] = useState(0);
  const [shown, setShown] = useState(0);
  useEffect(() => {
    setLimit(pathStep);
    setStopped(false);
  }, [filter]);

  // Which ones are the newest is known when the scan has found enough.
  const ready = !scan.running || scan.summaries.length >= limit;
  const newest = useMemo(
    () =>
      ready
        ? [...scan.summaries]
            .sort((a, b) => (b.StartTime ?? 0) - (a.StartTime ?? 0))
            .slice(0, limit)
        : undefined,
    [ready, scan.summaries, limit],
  );
  // While the time range moves on, what was summed stays until the new ones are known. A page of
  // older traces leaves the newest ones as they are: calls that are under way go on.
  const before = useRef<{ filter: string; list: TraceSummary[] }>({ filter, list: nothing });
  if (newest && !(before.current.filter === filter && alike(before.current.list, newest)))
    before.current = { filter, list: newest };
  const wanted = before.current.filter === filter ? before.current.list : nothing;

  useEffect(() => {
    setError(undefined);
    if (stopped) return;
    const kept = results.current;
    if (kept.size > keptResults) kept.clear();
    const open = wanted.filter((summary) => !kept.has(keyOf(summary)));
    if (open.length === 0) return;
    const controller = new AbortController();
    const { signal } = controller;
    let last = 0;
    const show = (always = false) => {
      const now = performance.now();
      if (!always && now - last < showEveryMs) return;
      last = now;
      setShown((count) => count + 1);
    };
    const work = async () => {
      while (open.length > 0 && !signal.aborted) {
        const summaries = open.splice(0, idsOfCall);
        const answer = await batchGetTraces({ TraceIds: summaries.map((s) => s.Id) }, signal);
        const traces = new Map((answer.Traces ?? []).map((trace) => [trace.Id, trace]));
        for (const summary of summaries) {
          const trace = traces.get(summary.Id);
          kept.set(
            keyOf(summary),
            trace && tracePathOf(buildWaterfall(trace, Date.now() / 1000)),
          );
          await pause();
          if (signal.aborted) return;
        }
        show();
      }
    };
    Promise.all(Array.from({ length: callsAtOnce }, work))
      .catch((cause: unknown) => {
        if (signal.aborted) return;
        controller.abort();
        setError(cause instanceof Error ? cause : new Error(String(cause)));
      })
      .finally(() => show(true));
    return () => controller.abort();
  }, [wanted, stopped, attempt]);

  return useMemo(() => {
    const sum = emptySum();
    let [done, missing, inProgress] = [0, 0, 0];
    for (const summary of wanted) {
      const key = keyOf(summary);
      if (!results.current.has(key)) continue;
      done += 1;
      const path = results.current.get(key);
      if (!path) missing += 1;
      else if (path.running) inProgress += 1;
      else addPath(sum, path);
    }
    return {
      sum,
      done,
      wanted: wanted.length,
      running: !ready || (!stopped && !error && done < wanted.length),
      rest: Math.max(0, scan.summaries.length - wanted.length),
      missing,
      inProgress,
      error,
      stop: () => setStopped(true),
      more: () => {
        if (done === wanted.length) setLimit(limit + pathStep);
        setStopped(false);
      },
      retry: () => setAttempt((count) => count + 1),
    };
    // `shown` tells that the results have grown.
  }, [wanted, ready, stopped, error, limit, scan.summaries.length, shown]);
}

function alike(a: readonly TraceSummary[], b: readonly TraceSummary[]): boolean {
  return a.length === b.length && a.every((summary, i) => keyOf(summary) === keyOf(b[i]!));
}

/** Lets the page react between two traces. */
function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, 0));
}
