// Query keys and defaults of canaries, as hook.ts has those of the rest.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { canaryNamespace, isOnTheWay, figureQueries, figuresOf, resultOf, stateOfCanary, trendPeriod } from "../model/canary";
import { parseHar } from "../model/har";
import { toMinutes, type Window } from "../model/time-range";
import {
  getArtifactText,
  getCanaries,
  getCanary,
  getCanaryGroups,
  getCanaryRuns,
  getCanarySetup,
  getGroupResources,
  getLastRuns,
  getRuntimeVersions,
  getStatusPage,
  getTry,
  getWholeRun,
  type CanaryRun,
} from "./canary";
import { getMetricData, listMetrics } from "./cloudwatch";
import { useMayRead } from "./hook";

/** Something is on its way: it is looked at again at once. */
const soonMs = 1_500;
const followMs = 15_000;

/** For the list, the palette and links together. A page in the background asks for nothing. */
export function useCanaries(enabled = true) {
  const mayRead = useMayRead();
  return useQuery({
    queryKey: ["Canaries"],
    queryFn: ({ signal }) => getCanaries(signal),
    enabled: enabled && mayRead,
    refetchInterval: (query) =>
      query.state.data?.some((canary) => isOnTheWay(stateOfCanary(canary))) ? soonMs : followMs,
    staleTime: 10_000,
  });
}

export function useLastRuns() {
  return useQuery({
    queryKey: ["CanaryLastRuns"],
    queryFn: ({ signal }) => getLastRuns(signal),
    refetchInterval: (query) =>
      [...(query.state.data?.values() ?? [])].some((run) => resultOf(run) === "running") ? 3_000 : followMs,
  });
}

/** Queries that one call of GetMetricData takes (AWS): 500. Four are asked for each canary. */
const canariesPerCall = 100;

/** Success and duration of canaries over a time, with their trends. */
export function useCanaryFigures(names: readonly string[], window: Window) {
  const what = JSON.stringify(names);
  return useQuery({
    queryKey: ["CanaryFigures", what, window.start, window.end],
    queryFn: async ({ signal }) => {
      const period = trendPeriod(window);
      const parts: string[][] = [];
      for (let i = 0; i < names.length; i += canariesPerCall) parts.push(names.slice(i, i + canariesPerCall));
      const found = await Promise.all(
        parts.map(async (part) =>
          figuresOf(part, await getMetricData(figureQueries(part, period), toMinutes(window), signal)),
        ),
      );
      return new Map(found.flatMap((each) => [...each]));
    },
    enabled: names.length > 0,
    placeholderData: (previous) => previous,
  });
}

export function useCanary(name: string) {
  return useQuery({
    queryKey: ["Canary", name],
    queryFn: ({ signal }) => getCanary(name, signal),
    refetchInterval: (query) =>
      query.state.data && isOnTheWay(stateOfCanary(query.state.data)) ? soonMs : followMs,
  });
}

/** Of a canary since a time: those of its schedule and those by hand, the newest first. */
export function useCanaryRuns(name: string, since: number) {
  // A window that moves on by seconds asks for the same runs.
  const from = Math.floor(since / 60) * 60;
  return useQuery({
    queryKey: ["CanaryRuns", name, from],
    queryFn: async ({ signal }) => {
      const [scheduled, byHand] = await Promise.all([
        getCanaryRuns(name, from, {}, signal),
        getCanaryRuns(name, from, { RunType: "DRY_RUN" }, signal),
      ]);
      const all = new Map<string, CanaryRun>([...scheduled, ...byHand].map((run) => [run.Id, run]));
      return [...all.values()].sort((a, b) => (b.Timeline?.Started ?? 0) - (a.Timeline?.Started ?? 0));
    },
    placeholderData: (previous, query) => (query?.queryKey[1] === name ? previous : undefined),
    refetchInterval: (query) => (query.state.data?.some((run) => resultOf(run) === "running") ? 2_000 : followMs),
  });
}

export function useWholeRun(name: string, run: CanaryRun | undefined) {
  const isRunning = resultOf(run) === "running";
  return useQuery({
    queryKey: ["WholeRun", name, run?.Id, isRunning],
    queryFn: ({ signal }) => getWholeRun(name, run!.Id, signal),
    enabled: run !== undefined,
    // A run that has ended does not change any more; its report may come a moment later, or be gone after its time.
    staleTime: isRunning ? 0 : 60_000,
    refetchInterval: (query) => {
      const ended = query.state.data?.Run.Timeline?.Completed;
      const isFresh = ended !== undefined && Math.abs(Date.now() / 1000 - ended) < 60;
      return isRunning || (query.state.data?.Report === null && isFresh) ? 3_000 : false;
    },
  });
}

export function useHar(key: string | undefined) {
  return useQuery({
    queryKey: ["Har", key],
    queryFn: async ({ signal }) => parseHar(await getArtifactText(key!, signal)),
    enabled: key !== undefined,
    staleTime: Infinity,
    retry: false,
  });
}

export function useCanaryTry(id: string | undefined) {
  return useQuery({
    queryKey: ["CanaryTry", id],
    queryFn: ({ signal }) => getTry(id!, signal),
    enabled: id !== undefined,
    refetchInterval: (query) => (query.state.data && query.state.data.State !== "RUNNING" ? false : 700),
    staleTime: Infinity,
    retry: false,
  });
}

export function useCanarySetup() {
  return useQuery({
    queryKey: ["CanarySetup"],
    queryFn: ({ signal }) => getCanarySetup(signal),
    staleTime: 30_000,
    retry: false,
  });
}

export function useRuntimeVersions(enabled = true) {
  return useQuery({
    queryKey: ["RuntimeVersions"],
    queryFn: ({ signal }) => getRuntimeVersions(signal),
    staleTime: 300_000,
    enabled,
    retry: false,
  });
}

/** Names of steps that have been measured. */
export function useCanarySteps(name: string) {
  return useQuery({
    queryKey: ["CanarySteps", name],
    queryFn: async ({ signal }) => {
      const metrics = await listMetrics(
        {
          Namespace: canaryNamespace,
          MetricName: "Duration",
          Dimensions: [{ Name: "CanaryName", Value: name }, { Name: "StepName" }],
        },
        signal,
        2,
      );
      const steps = metrics.flatMap((metric) => metric.Dimensions ?? []).filter(({ Name }) => Name === "StepName");
      return [...new Set(steps.flatMap(({ Value }) => Value ?? []))];
    },
    staleTime: 60_000,
  });
}

/** All groups with the ARNs of what is in them. */
export function useCanaryGroups() {
  return useQuery({
    queryKey: ["CanaryGroups"],
    queryFn: async ({ signal }) => {
      const groups = await getCanaryGroups(signal);
      return Promise.all(
        groups.map(async (group) => ({ ...group, resources: await getGroupResources(group.Id, signal) })),
      );
    },
    staleTime: 10_000,
  });
}

export function useStatusPage() {
  return useQuery({
    queryKey: ["StatusPage"],
    queryFn: ({ signal }) => getStatusPage(signal),
    // What stands in a form must not change under the hands of who fills it in.
    staleTime: Infinity,
    gcTime: 0,
  });
}

const lists = ["Canaries", "CanaryLastRuns", "CanaryGroups"];
const ofCanaries: ReadonlySet<string> = new Set([...lists, "Canary", "CanaryRuns"]);
/** What is gone is not asked for again. */
const ofLists: ReadonlySet<string> = new Set(lists);

/** Something is changed: whatever is shown of canaries is asked for again. */
export function useCanaryChange<Input, Out = unknown>(
  change: (input: Input) => Promise<Out>,
  onDone?: (out: Out, input: Input) => void,
  isDeletion = false,
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (out, input) => onDone?.(out, input),
    // Of several, some may have worked before one did not.
    onSettled: () =>
      queries.invalidateQueries({
        predicate: (query) => (isDeletion ? ofLists : ofCanaries).has(String(query.queryKey[0])),
      }),
  });
}
