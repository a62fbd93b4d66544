// The only place that builds URLs. Views are sharable: what a link should restore is here.

import { normalizeTraceId } from "./model/trace-id";

export const pagePath = {
  traceMap: "/trace-map",
  traces: "/traces",
  traceCompare: "/traces/compare",
  analytics: "/analytics",
  insights: "/insights",
  containers: "/containers",
  /** `/metrics` itself is what Prometheus asks for. */
  metrics: "/metrics/graph",
  dashboards: "/dashboards",
  logs: "/logs",
  alarms: "/alarms",
  notifications: "/notifications",
  canaries: "/canaries",
  statusPage: "/status-page",
  groups: "/groups",
  sampling: "/sampling",
  sending: "/sending-data",
} as const;

/** Query parameters that go along from page to page. */
export const rangeParameter = "range";

type Parameters = Record<string, string | undefined>;

function withQuery(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function traceMapPath(
  parameters: {
    range?: string | undefined;
    node?: string | undefined;
    edge?: string | undefined;
    view?: string | undefined;
    group?: string | undefined;
  } = {},
): string {
  return withQuery(pagePath.traceMap, parameters);
}

export function tracesPath(
  parameters: { range?: string | undefined; filter?: string | undefined } = {},
): string {
  return withQuery(pagePath.traces, parameters);
}

export function tracePath(
  id: string,
  parameters: {
    range?: string | undefined;
    segment?: string | undefined;
    tab?: string | undefined;
    /** Present: the critical path is marked. */
    path?: string | undefined;
    /** With the tab `logs`: a line, as `printLogPlace` writes it, or a time in milliseconds. */
    line?: string | undefined;
  } = {},
): string {
  return withQuery(
    `${pagePath.traces}/${encodeURIComponent(normalizeTraceId(id) ?? id)}`,
    parameters,
  );
}

export function traceComparePath(
  parameters: {
    range?: string | undefined;
    a?: string | undefined;
    b?: string | undefined;
  } = {},
): string {
  const { a, b, ...rest } = parameters;
  const id = (text: string | undefined) => text && (normalizeTraceId(text) ?? text);
  return withQuery(pagePath.traceCompare, { a: id(a), b: id(b), ...rest });
}

export type AnalyticsView = "critical-path";

export function analyticsPath(
  parameters: {
    range?: string | undefined;
    filter?: string | undefined;
    /** Absent: attributes. */
    view?: AnalyticsView | undefined;
  } = {},
): string {
  return withQuery(pagePath.analytics, parameters);
}

export function groupsPath(
  parameters: {
    range?: string | undefined;
    /** An open form: create, edit, clone or delete. */
    action?: string | undefined;
    name?: string | undefined;
  } = {},
): string {
  return withQuery(pagePath.groups, parameters);
}

export function insightsPath(
  parameters: {
    range?: string | undefined;
    group?: string | undefined;
    state?: string | undefined;
  } = {},
): string {
  return withQuery(pagePath.insights, parameters);
}

export function insightPath(
  id: string,
  parameters: { range?: string | undefined; part?: string | undefined } = {},
): string {
  return withQuery(`${pagePath.insights}/${encodeURIComponent(id)}`, parameters);
}

export function samplingPath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(pagePath.sampling, parameters);
}

export function sendingPath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(pagePath.sending, parameters);
}

/** A cluster, a service, a task or a container; without any, all clusters. */
export function containersPath(
  place: {
    cluster?: string | undefined;
    service?: string | undefined;
    task?: string | undefined;
    container?: string | undefined;
  } = {},
  parameters: { range?: string | undefined; view?: string | undefined; account?: string | undefined } = {},
): string {
  const named: [string, string | undefined][] = [
    ["", place.cluster],
    // Tasks are found without their service: it may have none.
    ["services/", place.task ? undefined : place.service],
    ["tasks/", place.task],
    ["containers/", place.container],
  ];
  const parts = named.flatMap(([kind, name]) => (name ? [`${kind}${encodeURIComponent(name)}`] : []));
  return withQuery([pagePath.containers, ...parts].join("/"), parameters);
}

export function metricsPath(
  parameters: {
    range?: string | undefined;
    /** Properties of a widget of metrics, as JSON. */
    graph?: string | undefined;
  } = {},
): string {
  return withQuery(pagePath.metrics, parameters);
}

export function logsPath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(pagePath.logs, parameters);
}

export type LogGroupTab = "streams" | "metric-filters" | "subscription-filters";

/** Names of groups have slashes in them, so they are no part of the path. */
export function logGroupPath(
  group: string,
  parameters: {
    range?: string | undefined;
    stream?: string | undefined;
    filter?: string | undefined;
    /** A line with those around it, as `printLogPlace` writes it, or a time in milliseconds. */
    line?: string | undefined;
    /** Absent: events. */
    tab?: LogGroupTab | undefined;
  } = {},
): string {
  return withQuery(logPath.events, { group, ...parameters });
}

/** Pages below that of logs. */
export const logPath = {
  events: `${pagePath.logs}/events`,
  query: `${pagePath.logs}/query`,
  tail: `${pagePath.logs}/tail`,
} as const;

export function logQueryPath(
  parameters: {
    range?: string | undefined;
    /** Names with commas between them. */
    groups?: string | undefined;
    query?: string | undefined;
    tab?: "patterns" | undefined;
  } = {},
): string {
  return withQuery(logPath.query, parameters);
}

export function logTailPath(
  parameters: {
    range?: string | undefined;
    groups?: string | undefined;
    filter?: string | undefined;
  } = {},
): string {
  return withQuery(logPath.tail, parameters);
}

export function dashboardsPath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(pagePath.dashboards, parameters);
}

export function dashboardPath(name: string, parameters: { range?: string | undefined } = {}): string {
  return withQuery(`${pagePath.dashboards}/${encodeURIComponent(name)}`, parameters);
}

export function canariesPath(
  parameters: { range?: string | undefined; result?: string | undefined; group?: string | undefined } = {},
): string {
  return withQuery(pagePath.canaries, parameters);
}

export type CanaryTab = "monitoring" | "configuration" | "groups" | "tags";

export function canaryPath(
  name: string,
  parameters: {
    range?: string | undefined;
    /** The id of a run; absent: the newest one. */
    run?: string | undefined;
    /** Absent: availability. */
    tab?: CanaryTab | undefined;
    /** What is shown of the run. Absent: its steps. */
    part?: string | undefined;
  } = {},
): string {
  return withQuery(`${pagePath.canaries}/${encodeURIComponent(name)}`, parameters);
}

/** The form of a new canary, with what is known already. */
export function newCanaryPath(
  parameters: { range?: string | undefined; url?: string | undefined; blueprint?: string | undefined } = {},
): string {
  return withQuery(`${pagePath.canaries}/create`, parameters);
}

export function editCanaryPath(name: string, parameters: { range?: string | undefined } = {}): string {
  return withQuery(`${pagePath.canaries}/${encodeURIComponent(name)}/edit`, parameters);
}

export function statusPagePath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(pagePath.statusPage, parameters);
}

/** Pages below that of alarms. An alarm of such a name is to be found in the list, but has no page. */
export const alarmPagePath = {
  create: `${pagePath.alarms}/create`,
  createComposite: `${pagePath.alarms}/create-composite`,
  muteRules: `${pagePath.alarms}/mute-rules`,
} as const;

export function alarmsPath(
  parameters: {
    range?: string | undefined;
    state?: string | undefined;
    /** A part of their names. */
    name?: string | undefined;
    /** Dimensions that the metrics have, as `printScope` writes them. */
    scope?: string | undefined;
  } = {},
): string {
  return withQuery(pagePath.alarms, parameters);
}

export function alarmPath(name: string, parameters: { range?: string | undefined } = {}): string {
  return withQuery(`${pagePath.alarms}/${encodeURIComponent(name)}`, parameters);
}

export function alarmEditPath(name: string, parameters: { range?: string | undefined } = {}): string {
  return withQuery(`${pagePath.alarms}/${encodeURIComponent(name)}/edit`, parameters);
}

/** The form of a new alarm; what is given is filled in. */
export function createAlarmPath(
  parameters: Partial<
    Record<
      "range" | "namespace" | "metric" | "dimensions" | "stat" | "period" | "threshold" | "comparison" | "name",
      string | undefined
    >
  > = {},
): string {
  return withQuery(alarmPagePath.create, parameters);
}

export function createCompositeAlarmPath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(alarmPagePath.createComposite, parameters);
}

export function muteRulesPath(
  parameters: {
    range?: string | undefined;
    /** The form of a new rule is open, over this alarm. */
    alarm?: string | undefined;
  } = {},
): string {
  return withQuery(alarmPagePath.muteRules, parameters);
}

export function notificationsPath(
  parameters: { range?: string | undefined; topic?: string | undefined } = {},
): string {
  return withQuery(pagePath.notifications, parameters);
}
