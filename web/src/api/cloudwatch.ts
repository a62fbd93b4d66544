// Amazon CloudWatch: metrics and dashboards, with the names of the API.

import { call } from "./client";

export interface Dimension {
  Name: string;
  Value?: string;
}

export interface Metric {
  Namespace: string;
  MetricName: string;
  Dimensions?: Dimension[];
}

export interface MetricDataQuery {
  Id: string;
  Expression?: string;
  MetricStat?: { Metric: Metric; Period: number; Stat: string; Unit?: string };
  Label?: string;
  Period?: number;
  ReturnData?: boolean;
  AccountId?: string;
}

export interface MetricDataResult {
  Id: string;
  Label: string;
  Timestamps: number[];
  Values: number[];
  StatusCode: string;
  Messages?: { Code: string; Value: string }[];
}

interface Answer {
  MetricDataResults?: MetricDataResult[];
  Messages?: { Code: string; Value: string }[];
  NextToken?: string;
}

function cloudwatch<Out>(
  operation: string,
  body: unknown,
  signal?: AbortSignal,
  account?: string,
): Promise<Out> {
  return call(`GraniteServiceVersion20100801.${operation}`, "1.0", body, signal, account);
}

/** All pages, the parts of a result put together. */
export async function getMetricData(
  queries: readonly MetricDataQuery[],
  window: { start: number; end: number },
  signal?: AbortSignal,
  account?: string,
): Promise<MetricDataResult[]> {
  const found = new Map<string, MetricDataResult>();
  let NextToken: string | undefined;
  do {
    const answer: Answer = await cloudwatch(
      "GetMetricData",
      {
        StartTime: window.start,
        EndTime: window.end,
        MetricDataQueries: queries,
        ScanBy: "TimestampAscending",
        NextToken,
      },
      signal,
      account,
    );
    for (const result of answer.MetricDataResults ?? []) {
      const key = `${result.Id} ${result.Label}`;
      const known = found.get(key);
      if (known) {
        known.Timestamps.push(...result.Timestamps);
        known.Values.push(...result.Values);
      } else found.set(key, result);
    }
    NextToken = answer.NextToken;
  } while (NextToken);
  return [...found.values()];
}

export async function listMetrics(
  input: { Namespace?: string; MetricName?: string; Dimensions?: Dimension[]; RecentlyActive?: "PT3H" },
  signal?: AbortSignal,
  mostPages = 20,
  account?: string,
): Promise<Metric[]> {
  const found: Metric[] = [];
  let NextToken: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const answer: { Metrics?: Metric[]; NextToken?: string } = await cloudwatch(
      "ListMetrics",
      { ...input, NextToken },
      signal,
      account,
    );
    found.push(...(answer.Metrics ?? []));
    NextToken = answer.NextToken;
    if (!NextToken) break;
  }
  return found;
}

export interface DashboardEntry {
  DashboardName: string;
  DashboardArn: string;
  LastModified: number;
  Size: number;
}

export async function listDashboards(signal?: AbortSignal): Promise<DashboardEntry[]> {
  const found: DashboardEntry[] = [];
  let NextToken: string | undefined;
  do {
    const page: { DashboardEntries?: DashboardEntry[]; NextToken?: string } = await cloudwatch(
      "ListDashboards",
      { NextToken },
      signal,
    );
    found.push(...(page.DashboardEntries ?? []));
    NextToken = page.NextToken;
  } while (NextToken);
  return found;
}

export function getDashboard(
  name: string,
  signal?: AbortSignal,
): Promise<{ DashboardName: string; DashboardBody: string }> {
  return cloudwatch("GetDashboard", { DashboardName: name }, signal);
}

export function putDashboard(input: {
  DashboardName: string;
  DashboardBody: string;
}): Promise<{ DashboardValidationMessages?: { DataPath: string; Message: string }[] }> {
  return cloudwatch("PutDashboard", input);
}

export function deleteDashboards(names: readonly string[]): Promise<unknown> {
  return cloudwatch("DeleteDashboards", { DashboardNames: names });
}
