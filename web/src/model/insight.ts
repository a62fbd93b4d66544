// What an insight says: windows of time, shares, events, and which nodes of a map it is about.

import type {
  Insight,
  InsightEvent,
  InsightImpactGraphService,
  RequestImpactStatistics,
} from "../api/insight";
import type { Service, ServiceId, TimeSeriesServiceStatistics } from "../api/xray";
import { narrowed, serviceSelector, type NodeRef } from "./filter";
import { nodeIdOf, selectorOfEdge, toServiceMap, type ServiceMap } from "./graph";
import { withinGroup } from "./group";
import { outcomeOf } from "./statistics";
import { toMinutes, type Window } from "./time-range";

/** The server draws maps and time series of at most so long. */
const longest = 6 * 3600;
/** Looks back no farther: insights are kept for so long. */
export const insightDays = 30;

export function isActive(insight: Insight): boolean {
  return insight.State === "ACTIVE";
}

export interface Impact {
  faults: number;
  total: number;
  /** Undefined when there was no request. */
  share: number | undefined;
}

export function impactOf(statistics: RequestImpactStatistics | undefined): Impact {
  const faults = statistics?.FaultCount ?? 0;
  const total = statistics?.TotalCount ?? 0;
  return { faults, total, share: total > 0 ? faults / total : undefined };
}

/** The share of faults that is usual: no member of the API has it, only the server's sentence. */
export function usualShare(summary: string | undefined): number | undefined {
  const found = /where ([\d.]+) ?% (?:is|are) usual/.exec(summary ?? "");
  return found ? Number(found[1]) / 100 : undefined;
}

export function rootCauseOf(insight: Insight): NodeRef {
  return nodeRefOf(insight.RootCauseServiceId);
}

export function nodeRefOf(id: ServiceId | undefined): NodeRef {
  return { name: id?.Name ?? "", type: id?.Type || undefined };
}

export function nodeId(node: NodeRef): string {
  return nodeIdOf({ Name: node.name, ...(node.type ? { Type: node.type } : {}) });
}

/** A minute is whole once late segments have had time to arrive. */
function lastWholeMinute(now: number): number {
  return Math.floor((now - 20) / 60) * 60;
}

export function insightWindow(insight: Insight, now: number): Window {
  const end = insight.EndTime ?? lastWholeMinute(now);
  return { start: insight.StartTime, end: Math.max(end, insight.StartTime + 60) };
}

/** The end of a window that is too long to be asked for. */
export function clipped(window: Window): Window {
  return { ...window, start: Math.max(window.start, window.end - longest) };
}

/** The insight with what was before and after it, so that one sees what is usual. */
export function chartWindow(insight: Insight, now: number): Window {
  const { start, end } = insightWindow(insight, now);
  const around = Math.min(3600, Math.max(900, end - start));
  const after = insight.EndTime === undefined ? end : Math.min(end + around / 2, lastWholeMinute(now));
  return clipped(toMinutes({ start: start - around, end: Math.max(end, after) }));
}

export function secondsOf(insight: Insight, now: number): number {
  return Math.max(0, (insight.EndTime ?? now) - insight.StartTime);
}

/** The traces in which the root cause failed. */
export function faultFilter(insight: Insight, group: string | undefined): string {
  return withinGroup(group, narrowed(serviceSelector(rootCauseOf(insight)), { states: ["fault"] }));
}

export interface ToldEvent {
  kind: "began" | "changed" | "ended";
  event: InsightEvent;
  /** Services that fail since this event; those that failed before are left out. */
  joined: NodeRef[];
}

/** Events as the server gives them, the newest first. */
export function tellEvents(events: readonly InsightEvent[], insight: Insight): ToldEvent[] {
  return events.map((event, index) => {
    const before = new Set(
      (events[index + 1]?.TopAnomalousServices ?? []).map((s) => nodeId(nodeRefOf(s.ServiceId))),
    );
    const joined = (event.TopAnomalousServices ?? [])
      .map((s) => nodeRefOf(s.ServiceId))
      .filter((node) => !before.has(nodeId(node)));
    const ended = index === 0 && !isActive(insight) && events.length > 1;
    const kind = index === events.length - 1 ? "began" : ended ? "ended" : "changed";
    return { kind, event, joined };
  });
}

/** The impact graph has no numbers: they are those of the service graph of the same time. */
export function toImpactMap(
  impact: readonly InsightImpactGraphService[],
  graph: readonly Service[],
): ServiceMap {
  const bare = toServiceMap(impact);
  const full = toServiceMap(graph);
  return {
    nodes: bare.nodes.map((node) => full.nodes.find((n) => n.id === node.id) ?? node),
    edges: bare.edges.map((edge) => full.edges.find((e) => e.id === edge.id) ?? edge),
  };
}

/** Selectors of the calls that come from outside. */
export function clientSelectors(map: ServiceMap): string[] {
  const clients = new Set(map.nodes.filter((n) => n.kind === "client").map((n) => n.id));
  return map.edges
    .filter((edge) => clients.has(edge.source))
    .map((edge) => selectorOfEdge(map, edge))
    .filter((selector) => selector !== undefined);
}

export interface FaultSeries {
  times: number[];
  total: (number | undefined)[];
  fault: (number | undefined)[];
  /** The band of faults that is usual. */
  low: (number | undefined)[];
  high: (number | undefined)[];
}

/** Per minute, the sum of some answers. */
export function toFaultSeries(
  answers: readonly (readonly TimeSeriesServiceStatistics[])[],
  window: Window,
): FaultSeries {
  const series: FaultSeries = { times: [], total: [], fault: [], low: [], high: [] };
  const byTime = answers.map(
    (buckets) => new Map(buckets.map((b) => [Math.floor(b.Timestamp / 60) * 60, b])),
  );
  for (let time = Math.ceil(window.start / 60) * 60; time < window.end; time += 60) {
    const found = byTime.map((buckets) => buckets.get(time)).filter((b) => b !== undefined);
    const outcomes = found.map((b) =>
      outcomeOf(b.ServiceSummaryStatistics ?? b.EdgeSummaryStatistics),
    );
    const forecast = found.find((b) => b.ServiceForecastStatistics)?.ServiceForecastStatistics;
    series.times.push(time);
    series.total.push(outcomes.reduce((sum, o) => sum + o.total, 0));
    series.fault.push(outcomes.reduce((sum, o) => sum + o.fault, 0));
    series.low.push(forecast?.FaultCountLow);
    series.high.push(forecast?.FaultCountHigh);
  }
  return series;
}

/** Active insights by the node of their root cause; only those that had begun in the window. */
export function insightsByNode(
  insights: readonly Insight[],
  window: Window,
  group: string | undefined,
): Map<string, Insight[]> {
  const found = new Map<string, Insight[]>();
  for (const insight of insights) {
    if (!isActive(insight) || insight.StartTime >= window.end) continue;
    if (group && insight.GroupName !== group) continue;
    const id = nodeId(rootCauseOf(insight));
    found.set(id, [...(found.get(id) ?? []), insight]);
  }
  return found;
}
