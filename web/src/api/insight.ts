// AWS X-Ray: insights, with the names of the API.

import { post } from "./client";
import { allPages, type Paged, type ServiceId, type WindowInput } from "./xray";

export interface RequestImpactStatistics {
  FaultCount?: number;
  OkCount?: number;
  TotalCount?: number;
}

export interface Insight {
  InsightId: string;
  GroupARN?: string;
  GroupName?: string;
  RootCauseServiceId?: ServiceId;
  Categories?: string[];
  State?: "ACTIVE" | "CLOSED";
  StartTime: number;
  EndTime?: number;
  Summary?: string;
  ClientRequestImpactStatistics?: RequestImpactStatistics;
  RootCauseServiceRequestImpactStatistics?: RequestImpactStatistics;
  TopAnomalousServices?: { ServiceId?: ServiceId }[];
}

export interface InsightSummary extends Insight {
  LastUpdateTime?: number;
}

export interface InsightEvent {
  Summary?: string;
  EventTime: number;
  ClientRequestImpactStatistics?: RequestImpactStatistics;
  RootCauseServiceRequestImpactStatistics?: RequestImpactStatistics;
  TopAnomalousServices?: { ServiceId?: ServiceId }[];
}

export interface InsightImpactGraphService extends ServiceId {
  ReferenceId: number;
  Edges?: { ReferenceId: number }[];
}

export type InsightState = NonNullable<Insight["State"]>;

export function getInsightSummaries(
  input: WindowInput & { GroupName: string; States?: InsightState[] },
  signal?: AbortSignal,
): Promise<InsightSummary[]> {
  return allPages(
    "/InsightSummaries",
    input,
    (page: Paged & { InsightSummaries?: InsightSummary[] }) => page.InsightSummaries,
    signal,
  );
}

export async function getInsight(
  input: { InsightId: string },
  signal?: AbortSignal,
): Promise<Insight> {
  const answer = await post<{ Insight: Insight }>("/Insight", input, signal);
  return answer.Insight;
}

/** The newest first. */
export function getInsightEvents(
  input: { InsightId: string },
  signal?: AbortSignal,
): Promise<InsightEvent[]> {
  return allPages(
    "/InsightEvents",
    input,
    (page: Paged & { InsightEvents?: InsightEvent[] }) => page.InsightEvents,
    signal,
  );
}

export function getInsightImpactGraph(
  input: WindowInput & { InsightId: string },
  signal?: AbortSignal,
): Promise<InsightImpactGraphService[]> {
  return allPages(
    "/InsightImpactGraph",
    input,
    (page: Paged & { Services?: InsightImpactGraphService[] }) => page.Services,
    signal,
  );
}
