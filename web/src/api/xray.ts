// AWS X-Ray: the shapes and one function per operation, with the names of the API.

import { post } from "./client";

export interface HistogramEntry {
  Value: number;
  Count: number;
}

export interface ServiceStatistics {
  OkCount?: number;
  ErrorStatistics?: { ThrottleCount?: number; OtherCount?: number; TotalCount?: number };
  FaultStatistics?: { OtherCount?: number; TotalCount?: number };
  TotalCount?: number;
  TotalResponseTime?: number;
}

export interface ServiceId {
  Name?: string;
  Names?: string[];
  AccountId?: string;
  Type?: string;
}

export interface Edge {
  ReferenceId: number;
  StartTime?: number;
  EndTime?: number;
  SummaryStatistics?: ServiceStatistics;
  ResponseTimeHistogram?: HistogramEntry[];
  EdgeType?: string;
  ReceivedEventAgeHistogram?: HistogramEntry[];
}

export interface Service extends ServiceId {
  ReferenceId: number;
  Root?: boolean;
  State?: string;
  StartTime?: number;
  EndTime?: number;
  Edges?: Edge[];
  SummaryStatistics?: ServiceStatistics;
  DurationHistogram?: HistogramEntry[];
  ResponseTimeHistogram?: HistogramEntry[];
}

export interface AnnotationValue {
  NumberValue?: number;
  BooleanValue?: boolean;
  StringValue?: string;
}

export interface RootCauseService extends ServiceId {
  Inferred?: boolean;
  EntityPath?: {
    Name?: string;
    Remote?: boolean;
    Coverage?: number;
    Exceptions?: { Name?: string; Message?: string }[];
  }[];
}

export interface RootCause {
  ClientImpacting?: boolean;
  Services?: RootCauseService[];
}

export interface TraceSummary {
  Id: string;
  StartTime?: number;
  Duration?: number;
  ResponseTime?: number;
  HasFault?: boolean;
  HasError?: boolean;
  HasThrottle?: boolean;
  IsPartial?: boolean;
  Http?: {
    HttpURL?: string;
    HttpStatus?: number;
    HttpMethod?: string;
    UserAgent?: string;
    ClientIp?: string;
  };
  Annotations?: Record<string, { AnnotationValue?: AnnotationValue; ServiceIds?: ServiceId[] }[]>;
  Users?: { UserName?: string; ServiceIds?: ServiceId[] }[];
  ServiceIds?: ServiceId[];
  AvailabilityZones?: { Name?: string }[];
  InstanceIds?: { Id?: string }[];
  EntryPoint?: ServiceId;
  FaultRootCauses?: RootCause[];
  ErrorRootCauses?: RootCause[];
  ResponseTimeRootCauses?: RootCause[];
  Revision?: number;
}

export interface Trace {
  Id: string;
  Duration?: number;
  LimitExceeded?: boolean;
  Segments?: { Id: string; Document: string }[];
}

export interface TimeSeriesServiceStatistics {
  Timestamp: number;
  EdgeSummaryStatistics?: ServiceStatistics;
  ServiceSummaryStatistics?: ServiceStatistics;
  ServiceForecastStatistics?: { FaultCountLow?: number; FaultCountHigh?: number };
  ResponseTimeHistogram?: HistogramEntry[];
}

export interface SamplingRule {
  RuleName?: string;
  RuleARN?: string;
  ResourceARN: string;
  Priority: number;
  FixedRate: number;
  ReservoirSize: number;
  ServiceName: string;
  ServiceType: string;
  Host: string;
  HTTPMethod: string;
  URLPath: string;
  Version: number;
  Attributes?: Record<string, string>;
}

export type SamplingRuleUpdate = Partial<Omit<SamplingRule, "Version">>;

export interface SamplingRuleRecord {
  SamplingRule: SamplingRule;
  CreatedAt?: number;
  ModifiedAt?: number;
}

export interface Paged {
  NextToken?: string | null;
}

/** Follows NextToken to the end: for answers that are small by nature. */
export async function allPages<Out extends Paged, Item>(
  path: string,
  input: object,
  items: (page: Out) => Item[] | undefined,
  signal: AbortSignal | undefined,
): Promise<Item[]> {
  const found: Item[] = [];
  let token: string | null | undefined;
  do {
    const page: Out = await post<Out>(path, token ? { ...input, NextToken: token } : input, signal);
    found.push(...(items(page) ?? []));
    token = page.NextToken;
  } while (token);
  return found;
}

export interface WindowInput {
  StartTime: number;
  EndTime: number;
}

export function getServiceGraph(
  input: WindowInput & { GroupName?: string },
  signal?: AbortSignal,
): Promise<Service[]> {
  return allPages(
    "/ServiceGraph",
    input,
    (page: Paged & { Services?: Service[] }) => page.Services,
    signal,
  );
}

export function getTraceGraph(
  input: { TraceIds: string[] },
  signal?: AbortSignal,
): Promise<Service[]> {
  return allPages(
    "/TraceGraph",
    input,
    (page: Paged & { Services?: Service[] }) => page.Services,
    signal,
  );
}

export function getTimeSeriesServiceStatistics(
  input: WindowInput & {
    GroupName?: string;
    EntitySelectorExpression?: string;
    Period?: number;
    ForecastStatistics?: boolean;
  },
  signal?: AbortSignal,
): Promise<TimeSeriesServiceStatistics[]> {
  return allPages(
    "/TimeSeriesServiceStatistics",
    input,
    (page: Paged & { TimeSeriesServiceStatistics?: TimeSeriesServiceStatistics[] }) =>
      page.TimeSeriesServiceStatistics,
    signal,
  );
}

export interface TraceSummariesPage extends Paged {
  TraceSummaries?: TraceSummary[];
  ApproximateTime?: number;
  TracesProcessedCount?: number;
}

export function getTraceSummaries(
  input: WindowInput & { FilterExpression?: string; NextToken?: string },
  signal?: AbortSignal,
): Promise<TraceSummariesPage> {
  return post("/TraceSummaries", input, signal);
}

export function batchGetTraces(
  input: { TraceIds: string[] },
  signal?: AbortSignal,
): Promise<{ Traces?: Trace[]; UnprocessedTraceIds?: string[] }> {
  return post("/Traces", input, signal);
}

export function getSamplingRules(signal?: AbortSignal): Promise<SamplingRuleRecord[]> {
  return allPages(
    "/GetSamplingRules",
    {},
    (page: Paged & { SamplingRuleRecords?: SamplingRuleRecord[] }) => page.SamplingRuleRecords,
    signal,
  );
}

export function createSamplingRule(input: { SamplingRule: SamplingRule }): Promise<unknown> {
  return post("/CreateSamplingRule", input);
}

export function updateSamplingRule(input: {
  SamplingRuleUpdate: SamplingRuleUpdate;
}): Promise<unknown> {
  return post("/UpdateSamplingRule", input);
}

export function deleteSamplingRule(input: { RuleName: string }): Promise<unknown> {
  return post("/DeleteSamplingRule", input);
}
