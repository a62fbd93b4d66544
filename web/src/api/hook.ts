// Query keys and defaults in one place. Answers stay on screen while newer ones load.

import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { type Window, wholeMinutes } from "../model/time-range";
import { getHealth } from "./server";
import {
  batchGetTraces,
  getSamplingRules,
  getServiceGraph,
  getTimeSeriesServiceStatistics,
  getTraceGraph,
  getTraceSummaries,
  type Trace,
} from "./xray";

const input = (window: Window) => ({ StartTime: window.start, EndTime: window.end });

export function useServiceGraph(window: Window, enabled = true) {
  return useQuery({
    queryKey: ["ServiceGraph", window.start, window.end],
    queryFn: ({ signal }) => getServiceGraph(input(wholeMinutes(window)), signal),
    placeholderData: keepPreviousData,
    enabled,
  });
}

export function useTraceGraph(traceId: string, enabled: boolean) {
  return useQuery({
    queryKey: ["TraceGraph", traceId],
    queryFn: ({ signal }) => getTraceGraph({ TraceIds: [traceId] }, signal),
    enabled,
  });
}

export function useTimeSeries(window: Window, selector: string, period: number) {
  return useQuery({
    queryKey: ["TimeSeries", selector, period, window.start, window.end],
    queryFn: ({ signal }) =>
      getTimeSeriesServiceStatistics(
        { ...input(wholeMinutes(window)), EntitySelectorExpression: selector, Period: period },
        signal,
      ),
    // Keep the lines while the window moves on, but never those of another node.
    placeholderData: (previous, query) => (query?.queryKey[1] === selector ? previous : undefined),
  });
}

function isRunning(trace: Trace | undefined): boolean {
  const segments = trace?.Segments ?? [];
  if (!segments.some((s) => /"in_progress":\s*true/.test(s.Document))) return false;
  const started = Number.parseInt(trace!.Id.slice(2, 10), 16);
  return Math.abs(Date.now() / 1000 - started) < 600;
}

export function useTrace(traceId: string) {
  return useQuery({
    queryKey: ["Traces", traceId],
    queryFn: async ({ signal }) => {
      const answer = await batchGetTraces({ TraceIds: [traceId] }, signal);
      return answer.Traces?.[0] ?? null;
    },
    // A trace that still runs is followed to its end, an abandoned one is not.
    refetchInterval: (query) => (isRunning(query.state.data ?? undefined) ? 3000 : false),
  });
}

export function useTraceSummaries(window: Window, filter: string) {
  return useInfiniteQuery({
    queryKey: ["TraceSummaries", filter, window.start, window.end],
    queryFn: ({ signal, pageParam }) =>
      getTraceSummaries(
        {
          ...input(window),
          ...(filter ? { FilterExpression: filter } : {}),
          ...(pageParam ? { NextToken: pageParam } : {}),
        },
        signal,
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.NextToken || undefined,
    staleTime: Infinity,
    placeholderData: (previous, query) => (query?.queryKey[1] === filter ? previous : undefined),
  });
}

export function useSamplingRules() {
  return useQuery({
    queryKey: ["SamplingRules"],
    queryFn: ({ signal }) => getSamplingRules(signal),
  });
}

export function useHealth(everyMs: number | false = false) {
  return useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => getHealth(signal),
    refetchInterval: everyMs,
  });
}
