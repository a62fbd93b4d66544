// GetTraceSummaries page by page, newest first, until enough is found or someone stops it.

import { useEffect, useMemo, useState } from "react";

import { useTraceSummaries } from "../api/hook";
import type { TraceSummary } from "../api/xray";
import type { Window } from "../model/time-range";

// Sorting only sees what was fetched: enough for a quarter of an hour at three requests a second.
const usualStep = 3000;

export interface Scan {
  summaries: TraceSummary[];
  processed: number;
  /** Share of the time range looked at, 0 to 1. */
  progress: number;
  running: boolean;
  pending: boolean;
  /** More is there, and nobody asked for it yet. */
  paused: boolean;
  error: Error | null;
  stop(): void;
  more(): void;
  retry(): void;
}

/** Looks at about `step` traces before it waits to be asked for more. */
export function useScan(window: Window, filter: string, step = usualStep): Scan {
  const query = useTraceSummaries(window, filter);
  const [limit, setLimit] = useState(step);
  const [stopped, setStopped] = useState(false);
  const { hasNextPage, isFetching, fetchNextPage, data, isPlaceholderData, isError } = query;

  useEffect(() => {
    setStopped(false);
    setLimit(step);
  }, [filter, step]);

  const summaries = useMemo(() => {
    const byId = new Map<string, TraceSummary>();
    for (const page of data?.pages ?? [])
      for (const s of page.TraceSummaries ?? []) byId.set(s.Id, s);
    return [...byId.values()];
  }, [data]);
  const wanted =
    hasNextPage && !isPlaceholderData && !stopped && !isError && summaries.length < limit;
  useEffect(() => {
    if (wanted && !isFetching) void fetchNextPage();
  }, [wanted, isFetching, fetchNextPage]);

  const processed = (data?.pages ?? []).reduce(
    (sum, page) => sum + (page.TracesProcessedCount ?? page.TraceSummaries?.length ?? 0),
    0,
  );
  const reached = data?.pages.at(-1)?.ApproximateTime;
  const span = Math.max(1, window.end - window.start);
  const progress = !hasNextPage
    ? 1
    : reached === undefined
      ? 0
      : Math.min(1, Math.max(0, (window.end - reached) / span));
  return {
    summaries,
    processed,
    progress,
    running: wanted || isFetching,
    pending: query.isPending,
    paused: hasNextPage && !wanted && !isFetching,
    error: query.error,
    stop: () => setStopped(true),
    more: () => {
      setStopped(false);
      setLimit(summaries.length + step);
    },
    retry: () => void query.refetch(),
  };
}
