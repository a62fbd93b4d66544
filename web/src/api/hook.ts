// Query keys and defaults in one place. Answers stay on screen while newer ones load.

import {
  useInfiniteQuery,
  useMutation,
  useQueries,
  useQuery,
  useQueryClient,
  type QueryClient,
} from "@tanstack/react-query";

import { useAskedAccount } from "./account";
import { foundLinesOf, ownTraceLogQuery } from "../model/trace-log";
import { toMinutes, type Window, wholeMinutes } from "../model/time-range";
import {
  getDashboard,
  getMetricData,
  listDashboards,
  listMetrics,
  type MetricDataQuery,
} from "./cloudwatch";
import {
  getAccounts,
  getClusters,
  getDefaultInsights,
  getRuntimes,
  getServices,
  getStateChanges,
  getTaskDefinition,
  getTasks,
  putDefaultInsights,
  updateClusterInsights,
} from "./ecs";
import { getGroups, listTagsForResource } from "./group";
import {
  getInsight,
  getInsightEvents,
  getInsightImpactGraph,
  getInsightSummaries,
  type InsightState,
  type InsightSummary,
} from "./insight";
import {
  filterLogEvents,
  getLogGroupFields,
  getLogGroups,
  getLogRecord,
  getLogStreams,
  getMetricFilters,
  getQueries,
  getQueryDefinitions,
  getSubscriptionFilters,
  runQuery,
  runQueryOfAllGroups,
  type LogEvent,
  type LogQuestion,
  type QueryInput,
} from "./logs";
import { getHealth, getSession, signIn, signOut, type Session } from "./server";
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
const inGroup = (group: string | undefined) => (group ? { GroupName: group } : {});

export function useServiceGraph(window: Window, group?: string, enabled = true) {
  return useQuery({
    queryKey: ["ServiceGraph", group, window.start, window.end],
    queryFn: ({ signal }) =>
      getServiceGraph({ ...input(wholeMinutes(window)), ...inGroup(group) }, signal),
    // Keep the map while the window moves on, but never that of another group.
    placeholderData: (previous, query) => (query?.queryKey[1] === group ? previous : undefined),
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

export function useTimeSeries(window: Window, selector: string, period: number, group?: string) {
  return useQuery({
    queryKey: ["TimeSeries", selector, period, group, window.start, window.end],
    queryFn: ({ signal }) =>
      getTimeSeriesServiceStatistics(
        {
          ...input(wholeMinutes(window)),
          ...inGroup(group),
          EntitySelectorExpression: selector,
          Period: period,
        },
        signal,
      ),
    // Keep the lines while the window moves on, but never those of another node.
    placeholderData: (previous, query) =>
      query?.queryKey[1] === selector && query.queryKey[3] === group ? previous : undefined,
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

export function useGroups() {
  return useQuery({ queryKey: ["Groups"], queryFn: ({ signal }) => getGroups(signal) });
}

export function useTags(arn: string | undefined) {
  return useQuery({
    queryKey: ["Tags", arn],
    queryFn: ({ signal }) => listTagsForResource({ ResourceARN: arn! }, signal),
    enabled: arn !== undefined,
    // What stands in a form must not change under the hands of who fills it in.
    staleTime: 0,
    gcTime: 0,
  });
}

/** Of several groups together, the newest first. */
async function insightsOf(
  groups: readonly string[],
  window: Window,
  state: InsightState | undefined,
  signal: AbortSignal,
): Promise<InsightSummary[]> {
  const answers = await Promise.all(
    groups.map((GroupName) =>
      getInsightSummaries(
        { ...input(window), GroupName, ...(state ? { States: [state] } : {}) },
        signal,
      ),
    ),
  );
  return answers.flat().sort((a, b) => b.StartTime - a.StartTime);
}

export function useInsights(
  groups: readonly string[],
  window: Window,
  state: InsightState | undefined,
) {
  const what = JSON.stringify([groups, state]);
  return useQuery({
    queryKey: ["InsightSummaries", what, window.start, window.end],
    queryFn: ({ signal }) => insightsOf(groups, window, state, signal),
    placeholderData: (previous, query) => (query?.queryKey[1] === what ? previous : undefined),
    enabled: groups.length > 0,
  });
}

/** What goes on now, in all groups. A page in the background asks for nothing. */
export function useActiveInsights() {
  const mayRead = useMayRead();
  return useQuery({
    enabled: mayRead,
    queryKey: ["ActiveInsights"],
    queryFn: async ({ signal }) => {
      const groups = await getGroups(signal);
      const watched = groups.filter((group) => group.InsightsConfiguration?.InsightsEnabled);
      const now = Math.floor(Date.now() / 1000);
      const names = watched.map((group) => group.GroupName);
      return insightsOf(names, { start: now - 60, end: now + 60 }, "ACTIVE", signal);
    },
    refetchInterval: 30_000,
    staleTime: 25_000,
  });
}

const followMs = 15_000;

export function useInsight(id: string) {
  return useQuery({
    queryKey: ["Insight", id],
    queryFn: ({ signal }) => getInsight({ InsightId: id }, signal),
    refetchInterval: (query) => (query.state.data?.State === "ACTIVE" ? followMs : false),
  });
}

export function useInsightEvents(id: string, active: boolean) {
  return useQuery({
    queryKey: ["InsightEvents", id, active],
    queryFn: ({ signal }) => getInsightEvents({ InsightId: id }, signal),
    refetchInterval: active ? followMs : false,
    placeholderData: (previous, query) => (query?.queryKey[1] === id ? previous : undefined),
  });
}

export function useInsightImpactGraph(id: string, window: Window) {
  return useQuery({
    queryKey: ["InsightImpactGraph", id, window.start, window.end],
    queryFn: ({ signal }) => getInsightImpactGraph({ ...input(window), InsightId: id }, signal),
    placeholderData: (previous, query) => (query?.queryKey[1] === id ? previous : undefined),
  });
}

/** Per minute, one answer for each selector; with the expected band of faults, where selectors name services. */
export function useFaultSeries(
  selectors: readonly string[],
  window: Window,
  group: string | undefined,
  forecast: boolean,
) {
  const what = JSON.stringify([selectors, group, forecast]);
  return useQuery({
    queryKey: ["FaultSeries", what, window.start, window.end],
    queryFn: ({ signal }) =>
      Promise.all(
        selectors.map((selector) =>
          getTimeSeriesServiceStatistics(
            {
              ...input(window),
              ...inGroup(group),
              EntitySelectorExpression: selector,
              Period: 60,
              ...(forecast ? { ForecastStatistics: true } : {}),
            },
            signal,
          ),
        ),
      ),
    placeholderData: (previous, query) => (query?.queryKey[1] === what ? previous : undefined),
  });
}

export const sessionKey = ["session"] as const;

/** Nothing of what one person saw stays for the next one. */
function become(queries: QueryClient, session: Session) {
  queries.setQueryData(sessionKey, session);
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionKey[0] });
}

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({ mutationFn: signIn, onSuccess: (session) => become(queries, session) });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({ mutationFn: signOut, onSuccess: (session) => become(queries, session) });
}

export function useSession() {
  return useQuery({
    queryKey: sessionKey,
    queryFn: ({ signal }) => getSession(signal),
    staleTime: Infinity,
    gcTime: Infinity,
    // Everything on a page asks this: without an answer, not all of them try again, but one does now and then.
    retryOnMount: false,
    refetchInterval: (query) => (query.state.data ? false : 5_000),
  });
}

/** Whether who is signed in may create, edit and delete. */
export function useMayChange(): boolean {
  return (useSession().data?.role ?? "admin") === "admin";
}

/** Whether who is signed in may see anything. */
export function useMayRead(): boolean {
  return useSession().data?.role !== "write";
}

export function useHealth(everyMs: number | false = false) {
  return useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => getHealth(signal),
    refetchInterval: everyMs,
  });
}

export function useAccounts() {
  return useQuery({
    queryKey: ["Accounts"],
    queryFn: ({ signal }) => getAccounts(signal),
    staleTime: 60_000,
  });
}

export function useClusters() {
  const account = useAskedAccount();
  return useQuery({
    queryKey: ["Clusters", account],
    queryFn: ({ signal }) => getClusters(signal, account),
  });
}

/** Those of all accounts that can be seen, each account with what its metrics say; nothing of an account is its own. */
export function useAllClusters(
  accounts: readonly (string | undefined)[],
  queries: readonly MetricDataQuery[],
  window: Window,
) {
  const what = JSON.stringify(queries);
  return useQueries({
    queries: accounts.map((account) => ({
      queryKey: ["Clusters", account, what, window.start, window.end],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const [clusters, figures] = await Promise.all([
          getClusters(signal, account),
          getMetricData(queries, toMinutes(window), signal, account),
        ]);
        return { clusters, figures };
      },
      placeholderData: (previous: unknown) => previous as undefined,
    })),
    combine: (answers) => ({
      all: answers.flatMap((answer) => (answer.data ? [answer.data] : [])),
      isPending: answers.some((answer) => answer.isPending),
      error: answers.find((answer) => answer.error)?.error ?? null,
      refetch: () => Promise.all(answers.map((answer) => answer.refetch())),
    }),
  });
}

export function useClusterServices(cluster: string) {
  const account = useAskedAccount();
  return useQuery({
    queryKey: ["Services", cluster, account],
    queryFn: ({ signal }) => getServices(cluster, signal, account),
  });
}

export function useTasks(cluster: string) {
  const account = useAskedAccount();
  return useQuery({
    queryKey: ["Tasks", cluster, account],
    queryFn: ({ signal }) => getTasks(cluster, signal, account),
  });
}

export function useMetricData(queries: readonly MetricDataQuery[], window: Window, enabled = true) {
  const account = useAskedAccount();
  const what = JSON.stringify([account, queries]);
  return useQuery({
    queryKey: ["MetricData", what, window.start, window.end],
    queryFn: ({ signal }) => getMetricData(queries, toMinutes(window), signal, account),
    // Keep the lines while the window moves on, but never those of something else.
    placeholderData: (previous, query) => (query?.queryKey[1] === what ? previous : undefined),
    enabled: enabled && queries.length > 0,
  });
}

export function useStateChanges(
  place: Partial<Record<"cluster" | "service" | "task" | "container", string | undefined>>,
  window: Window,
) {
  const account = useAskedAccount();
  const what = JSON.stringify([account, place]);
  return useQuery({
    queryKey: ["StateChanges", what, window.start, window.end],
    queryFn: ({ signal }) =>
      getStateChanges({ ...place, from: window.start, to: window.end }, signal, account),
    placeholderData: (previous, query) => (query?.queryKey[1] === what ? previous : undefined),
  });
}

export function useTaskDefinition(arn: string | undefined) {
  const account = useAskedAccount();
  return useQuery({
    queryKey: ["TaskDefinition", arn, account],
    queryFn: ({ signal }) => getTaskDefinition(arn!, signal, account),
    enabled: arn !== undefined,
    staleTime: 60_000,
  });
}

export function useLogGroups() {
  return useQuery({ queryKey: ["LogGroups"], queryFn: ({ signal }) => getLogGroups(signal) });
}

export function useLogStreams(group: string) {
  return useQuery({
    queryKey: ["LogStreams", group],
    queryFn: ({ signal }) => getLogStreams(group, signal),
    staleTime: 30_000,
  });
}

/** Events on a page of the viewer. */
const eventsOnPage = 500;

/** Events, newest first; with `follow` they are asked for again and again. */
export function useLogEvents(question: LogQuestion, follow: boolean) {
  const { logGroupName, logStreamNames, filterPattern } = question;
  const what = JSON.stringify([logGroupName, logStreamNames, filterPattern]);
  return useInfiniteQuery({
    queryKey: ["LogEvents", what, question.startTime, question.endTime],
    queryFn: ({ pageParam, signal }) => filterLogEvents(question, pageParam, eventsOnPage, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextToken,
    placeholderData: (previous, query) => (query?.queryKey[1] === what ? previous : undefined),
    refetchInterval: follow ? 2_000 : false,
  });
}

/** Lines on each side of one, at first and with each press of a button. */
const linesAround = 50;

/** Events before and after a time, in pages from there; each has both its first event and its last. */
export function useLinesAround(group: string, stream: string | undefined, time: number) {
  const question = { logGroupName: group, logStreamNames: stream ? [stream] : undefined };
  const page = (part: Partial<LogQuestion>) => ({
    queryKey: ["LinesAround", group, stream, time, part],
    queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) =>
      filledPage({ ...question, ...part }, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: { nextToken?: string | undefined }) => last.nextToken,
    staleTime: 60_000,
  });
  return {
    before: useInfiniteQuery(page({ endTime: time })),
    after: useInfiniteQuery(page({ startTime: time, startFromHead: true })),
  };
}

/** Pages may be empty though there are events behind them: a few are asked for until there is something to show. */
async function filledPage(question: LogQuestion, token: string | undefined, signal: AbortSignal) {
  const events: LogEvent[] = [];
  let nextToken = token;
  for (let i = 0; i < 20; i += 1) {
    const page = await filterLogEvents(question, nextToken, linesAround, signal);
    events.push(...page.events);
    nextToken = page.nextToken;
    if (!nextToken || events.length >= linesAround) break;
  }
  return { events, nextToken };
}

export function useLogRecord(pointer: string) {
  return useQuery({
    queryKey: ["LogRecord", pointer],
    queryFn: ({ signal }) => getLogRecord(pointer, signal),
    staleTime: Infinity,
    retry: false,
  });
}

/** For completion: who cannot be asked has none. */
export function useLogFields(groups: readonly string[]) {
  return useQueries({
    queries: groups.slice(0, 5).map((group) => ({
      queryKey: ["LogFields", group],
      queryFn: ({ signal }: { signal: AbortSignal }) => getLogGroupFields(group, signal),
      staleTime: 300_000,
      retry: false,
    })),
    combine: (answers) => [...new Set(answers.flatMap(({ data }) => data ?? []))],
  });
}

export function useQueryHistory(enabled: boolean) {
  return useQuery({ queryKey: ["QueryHistory"], queryFn: ({ signal }) => getQueries(signal), enabled });
}

export function useQueryDefinitions(enabled: boolean) {
  return useQuery({
    queryKey: ["QueryDefinitions"],
    queryFn: ({ signal }) => getQueryDefinitions(signal),
    enabled,
    retry: false,
  });
}

export function useMetricFilters(group: string) {
  return useQuery({
    queryKey: ["MetricFilters", group],
    queryFn: ({ signal }) => getMetricFilters(group, signal),
    retry: false,
  });
}

export function useSubscriptionFilters(group: string) {
  return useQuery({
    queryKey: ["SubscriptionFilters", group],
    queryFn: ({ signal }) => getSubscriptionFilters(group, signal),
    retry: false,
  });
}

/** A query that was asked for, once: nobody wants it again because the page is looked at again. */
export function useLogQuery(input: QueryInput | undefined) {
  return useQuery({
    queryKey: ["LogQuery", input],
    queryFn: ({ signal }) => runQuery(input!, signal),
    enabled: input !== undefined,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    retry: false,
  });
}

/** The lines of a trace that ended then; while it is fresh, what is still on its way comes too. */
export function useTraceLines(input: Omit<QueryInput, "logGroupNames">, end: number) {
  const isFresh = () => Math.abs(Date.now() / 1000 - end) < 60;
  return useQuery({
    queryKey: ["TraceLines", input],
    queryFn: ({ signal }) => runQueryOfAllGroups(input, signal),
    placeholderData: (previous, query) => {
      const asked = query?.queryKey[1] as typeof input | undefined;
      return asked?.queryString === input.queryString ? previous : undefined;
    },
    refetchInterval: (query) => (isFresh() && !query.state.error ? 5_000 : false),
    staleTime: 60_000,
    retry: false,
  });
}

/** As many traces as say why, and a query can name. */
const failedTraces = 20;

/** What the newest traces of a filter logged; times are widened, as for one trace. */
export function useFailedLines(filter: string, window: Window) {
  return useQuery({
    queryKey: ["FailedLines", filter, window.start, window.end],
    queryFn: async ({ signal }) => {
      const page = await getTraceSummaries({ ...input(window), FilterExpression: filter }, signal);
      const traces = (page.TraceSummaries ?? [])
        .sort((a, b) => (b.StartTime ?? 0) - (a.StartTime ?? 0))
        .slice(0, failedTraces)
        .map(({ Id }) => Id);
      if (traces.length === 0) return { traces, lines: [] };
      const answer = await runQueryOfAllGroups(
        {
          queryString: ownTraceLogQuery(traces, 1000, "desc"),
          startTime: Math.floor(window.start) - 300,
          endTime: Math.ceil(window.end) + 300,
        },
        signal,
      );
      return { traces, lines: foundLinesOf(answer.results) };
    },
    // Nobody reads lines that are exchanged under the eyes.
    placeholderData: (previous, query) => (query?.queryKey[1] === filter ? previous : undefined),
    staleTime: 60_000,
    retry: false,
  });
}

export function useUpdateClusterInsights() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: updateClusterInsights,
    onSuccess: () => queries.invalidateQueries({ queryKey: ["Clusters"] }),
  });
}

export function useDefaultInsights() {
  return useQuery({
    queryKey: ["DefaultInsights"],
    queryFn: ({ signal }) => getDefaultInsights(signal),
  });
}

export function usePutDefaultInsights() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: putDefaultInsights,
    onSuccess: () => queries.invalidateQueries({ queryKey: ["DefaultInsights"] }),
  });
}

/** Where a task was that is gone: its metrics say it. */
export function usePastPlace(task: string | undefined, enabled: boolean) {
  const account = useAskedAccount();
  return useQuery({
    queryKey: ["PastPlace", task, account],
    queryFn: async ({ signal }) => {
      const metrics = await listMetrics(
        {
          Namespace: "ECS/ContainerInsights",
          MetricName: "CpuUtilized",
          Dimensions: [{ Name: "TaskId", Value: task! }],
        },
        signal,
        1,
        account,
      );
      const value = (name: string) =>
        metrics.flatMap((metric) => metric.Dimensions ?? []).find((each) => each.Name === name)?.Value;
      return { family: value("TaskDefinitionFamily"), service: value("ServiceName") };
    },
    enabled,
    staleTime: Infinity,
  });
}

export function useRuntimes(window: Window) {
  return useQuery({
    queryKey: ["Runtimes", window.start, window.end],
    queryFn: ({ signal }) => getRuntimes(window, signal),
    placeholderData: (previous) => previous,
    staleTime: 30_000,
  });
}

/** All that had values within the last two weeks. */
export function useMetrics() {
  return useQuery({
    queryKey: ["Metrics"],
    queryFn: ({ signal }) => listMetrics({}, signal, 60),
    staleTime: 60_000,
  });
}

export function useDashboards() {
  return useQuery({ queryKey: ["Dashboards"], queryFn: ({ signal }) => listDashboards(signal) });
}

export function useDashboard(name: string) {
  return useQuery({
    queryKey: ["Dashboard", name],
    queryFn: ({ signal }) => getDashboard(name, signal),
    // What is being edited must not change under the hands of who does it.
    staleTime: Infinity,
  });
}
