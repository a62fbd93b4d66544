// Query keys and defaults of alarms and notifications, as hook.ts has those of the rest.

import { useMutation, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";

import type { Window } from "../model/time-range";
import {
  describeAlarmContributors,
  describeAlarmHistory,
  describeAlarms,
  getAlarmTags,
  getMuteRules,
  previewAlarm,
  type MetricAlarmInput,
} from "./alarm";
import { useMayRead } from "./hook";
import { getDeliveries, getNotificationSetup, getSubscriptions, getTopics } from "./topic";

/** All alarms, for pages, badges and the list of pages together. A page in the background asks for nothing. */
export function useAlarms() {
  const mayRead = useMayRead();
  return useQuery({
    queryKey: ["Alarms"],
    queryFn: ({ signal }) => describeAlarms({}, signal),
    enabled: mayRead,
    refetchInterval: 30_000,
    staleTime: 25_000,
  });
}

const followMs = 10_000;

/** Null where there is none of that name. */
export function useAlarm(name: string) {
  return useQuery({
    queryKey: ["Alarm", name],
    queryFn: async ({ signal }) => (await describeAlarms({ AlarmNames: [name] }, signal))[0] ?? null,
    refetchInterval: followMs,
  });
}

export function useAlarmHistory(name: string) {
  return useQuery({
    queryKey: ["AlarmHistory", name],
    queryFn: ({ signal }) => describeAlarmHistory({ AlarmName: name }, signal),
    refetchInterval: followMs,
  });
}

export function useAlarmContributors(name: string, enabled: boolean) {
  return useQuery({
    queryKey: ["AlarmContributors", name],
    queryFn: ({ signal }) => describeAlarmContributors(name, signal),
    enabled,
    refetchInterval: followMs,
    retry: false,
  });
}

export function useAlarmTags(arn: string | undefined) {
  return useQuery({
    queryKey: ["AlarmTags", arn],
    queryFn: ({ signal }) => getAlarmTags(arn!, signal),
    enabled: arn !== undefined,
    // What stands in a form must not change under the hands of who fills it in.
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
}

/** Undefined: there is nothing to look at yet. */
export function useAlarmPreview(alarm: MetricAlarmInput | undefined, window: Window) {
  // Neither name nor actions change what an alarm does.
  const asked = alarm && withoutActions(alarm);
  const what = JSON.stringify(asked);
  return useQuery({
    queryKey: ["AlarmPreview", what, window.start, window.end],
    queryFn: ({ signal }) => previewAlarm(asked!, window, signal),
    enabled: asked !== undefined,
    retry: false,
    // Keep the lines while the window moves on, but never those of something else.
    placeholderData: (previous, query) => (query?.queryKey[1] === what ? previous : undefined),
  });
}

function withoutActions(alarm: MetricAlarmInput): MetricAlarmInput {
  const { AlarmActions: _a, OKActions: _o, InsufficientDataActions: _i, Tags: _t, AlarmDescription: _d, ...rest } = alarm;
  return { ...rest, AlarmName: "preview" };
}

export function useMuteRules(enabled = true) {
  const mayRead = useMayRead();
  return useQuery({
    queryKey: ["MuteRules"],
    queryFn: ({ signal }) => getMuteRules({}, signal),
    enabled: enabled && mayRead,
    refetchInterval: 30_000,
    staleTime: 25_000,
    retry: false,
  });
}

export function useTopics() {
  return useQuery({ queryKey: ["Topics"], queryFn: ({ signal }) => getTopics(signal), retry: false });
}

/** Of each topic, in the order of the topics. */
export function useSubscriptions(topics: readonly string[]) {
  return useQueries({
    queries: topics.map((topic) => ({
      queryKey: ["Subscriptions", topic],
      queryFn: ({ signal }: { signal: AbortSignal }) => getSubscriptions(topic, signal),
    })),
    combine: (answers) => ({
      of: new Map(topics.map((topic, i) => [topic, answers[i]?.data])),
      error: answers.find((answer) => answer.error)?.error ?? null,
    }),
  });
}

export function useDeliveries(of: { alarm?: string | undefined; topic?: string | undefined }) {
  return useQuery({
    queryKey: ["Deliveries", of.alarm, of.topic],
    queryFn: ({ signal }) => getDeliveries(of, signal),
    // What is on its way is watched until it arrives.
    refetchInterval: (query) =>
      query.state.data?.some((delivery) => delivery.State === "PENDING") ? 2_000 : followMs,
    retry: false,
  });
}

export function useNotificationSetup() {
  return useQuery({
    queryKey: ["NotificationSetup"],
    queryFn: ({ signal }) => getNotificationSetup(signal),
    staleTime: 60_000,
    retry: false,
  });
}

const ofAlarms: ReadonlySet<string> = new Set([
  "Alarms",
  "Alarm",
  "AlarmHistory",
  "AlarmContributors",
  "AlarmTags",
  "MuteRules",
  "Topics",
  "Subscriptions",
  "Deliveries",
]);

/** Something is changed: whatever is shown of alarms is asked for again. */
export function useAlarmChange<Input>(change: (input: Input) => Promise<unknown>, onDone?: (input: Input) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (_, input) => {
      void queries.invalidateQueries({ predicate: (query) => ofAlarms.has(String(query.queryKey[0])) });
      onDone?.(input);
    },
  });
}
