// Amazon CloudWatch Logs: groups, streams and events, with the names of the API.

import { EventStreamDecoder } from "../model/event-stream";
import { isSql, namesGroups } from "../model/insights-query";
import { ApiError, call, callForStream } from "./client";

export interface LogGroup {
  logGroupName: string;
  creationTime: number;
  retentionInDays?: number;
  storedBytes: number;
  logGroupClass: string;
  /** Ends with `:*`. */
  arn?: string;
  logGroupArn?: string;
}

export interface LogStream {
  logStreamName: string;
  creationTime?: number;
  firstEventTimestamp?: number;
  lastEventTimestamp?: number;
  storedBytes: number;
}

export interface LogEvent {
  eventId: string;
  logStreamName: string;
  timestamp: number;
  ingestionTime: number;
  message: string;
}

function logs<Out>(operation: string, body: unknown, signal?: AbortSignal): Promise<Out> {
  return call(`Logs_20140328.${operation}`, "1.1", body, signal);
}

export async function getLogGroups(signal?: AbortSignal): Promise<LogGroup[]> {
  const found: LogGroup[] = [];
  let nextToken: string | undefined;
  do {
    const page: { logGroups: LogGroup[]; nextToken?: string } = await logs(
      "DescribeLogGroups",
      { nextToken },
      signal,
    );
    found.push(...page.logGroups);
    nextToken = page.nextToken;
  } while (nextToken);
  return found;
}

/** The newest first; a group may have more than anybody chooses from. */
export async function getLogStreams(
  logGroupName: string,
  signal?: AbortSignal,
  mostPages = 10,
): Promise<LogStream[]> {
  const found: LogStream[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const answer: { logStreams: LogStream[]; nextToken?: string } = await logs(
      "DescribeLogStreams",
      { logGroupName, orderBy: "LastEventTime", descending: true, nextToken },
      signal,
    );
    found.push(...answer.logStreams);
    nextToken = answer.nextToken;
    if (!nextToken) break;
  }
  return found;
}

export interface LogQuestion {
  logGroupName: string;
  logStreamNames?: string[] | undefined;
  filterPattern?: string | undefined;
  /** Milliseconds. */
  startTime?: number | undefined;
  endTime?: number | undefined;
  /** The oldest first. */
  startFromHead?: boolean;
}

/** Events, newest first unless asked otherwise; a page may have few of them, though there are more behind it. */
export function filterLogEvents(
  question: LogQuestion,
  nextToken: string | undefined,
  limit: number,
  signal?: AbortSignal,
): Promise<{ events: LogEvent[]; nextToken?: string }> {
  return logs("FilterLogEvents", { startFromHead: false, ...question, limit, nextToken }, signal);
}

export interface QueryAnswer {
  status: "Running" | "Complete" | "Failed" | "Cancelled";
  results: { field: string; value: string }[][];
  statistics: { recordsMatched: number; recordsScanned: number; bytesScanned: number };
}

export interface QueryInput {
  logGroupNames: string[];
  queryString: string;
  /** Seconds. */
  startTime: number;
  endTime: number;
}

function languageOf(query: string): "SQL" | "CWLI" {
  return isSql(query) ? "SQL" : "CWLI";
}

/** Begins a query and waits for its end; one that nobody waits for any more is stopped. */
export async function runQuery(input: QueryInput, signal?: AbortSignal): Promise<QueryAnswer> {
  // A query that names its groups itself is given none.
  const { logGroupNames, ...rest } = input;
  const names = namesGroups(input.queryString) ? {} : { logGroupNames };
  const queryLanguage = languageOf(input.queryString);
  const { queryId } = await logs<{ queryId: string }>("StartQuery", { ...rest, ...names, queryLanguage }, signal);
  for (let wait = 50; ; wait = Math.min(1_000, wait * 1.5)) {
    try {
      const answer = await logs<QueryAnswer>("GetQueryResults", { queryId }, signal);
      if (answer.status !== "Running") return answer;
      await new Promise((resolve) => setTimeout(resolve, wait));
      signal?.throwIfAborted();
    } catch (error) {
      if (signal?.aborted) void stopQuery(queryId).catch(() => undefined);
      throw error;
    }
  }
}

/** A query that begins with `SOURCE logGroups()`. Where there is no group at all, that would be an error: it finds nothing. */
export async function runQueryOfAllGroups(
  input: Omit<QueryInput, "logGroupNames">,
  signal?: AbortSignal,
): Promise<QueryAnswer> {
  const { logGroups } = await logs<{ logGroups: LogGroup[] }>("DescribeLogGroups", { limit: 1 }, signal);
  if (logGroups.length === 0)
    return { status: "Complete", results: [], statistics: { recordsMatched: 0, recordsScanned: 0, bytesScanned: 0 } };
  const answer = await runQuery({ ...input, logGroupNames: [] }, signal);
  // To find nothing is another thing.
  if (answer.status === "Failed") throw new ApiError(500, "QueryFailed", "the query over all log groups failed");
  return answer;
}

/** Most queries have ended before anybody can stop them, and to stop one that has is an error. */
async function stopQuery(queryId: string): Promise<void> {
  const { status } = await logs<QueryAnswer>("GetQueryResults", { queryId });
  if (status === "Running") await logs("StopQuery", { queryId });
}

/** All that is known of an event that a query found. */
export async function getLogRecord(
  logRecordPointer: string,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const answer = await logs<{ logRecord: Record<string, string> }>("GetLogRecord", { logRecordPointer }, signal);
  return answer.logRecord;
}

/** The fields that the newest events of a group have, the most usual ones first. */
export async function getLogGroupFields(logGroupName: string, signal?: AbortSignal): Promise<string[]> {
  const answer = await logs<{ logGroupFields?: { name: string; percent?: number }[] }>(
    "GetLogGroupFields",
    { logGroupName },
    signal,
  );
  return (answer.logGroupFields ?? []).map(({ name }) => name);
}

export interface PastQuery {
  queryId: string;
  queryString: string;
  status: string;
  createTime: number;
  logGroupName?: string;
}

export async function getQueries(signal?: AbortSignal): Promise<PastQuery[]> {
  const answer = await logs<{ queries?: PastQuery[] }>("DescribeQueries", { maxResults: 1000 }, signal);
  return answer.queries ?? [];
}

/** The groups that a query was about; its entry in the history names only the first. */
export async function getQueryGroups({ queryId, logGroupName }: PastQuery): Promise<string[]> {
  try {
    const answer = await logs<{ logGroupIdentifiers?: string[] }>("ListLogGroupsForQuery", { queryId });
    return (answer.logGroupIdentifiers ?? []).map((each) => /:log-group:([^:]+)/.exec(each)?.[1] ?? each);
  } catch {
    return logGroupName ? [logGroupName] : [];
  }
}

export interface QueryDefinition {
  queryDefinitionId: string;
  name: string;
  queryString: string;
  logGroupNames?: string[];
  lastModified?: number;
}

export async function getQueryDefinitions(signal?: AbortSignal): Promise<QueryDefinition[]> {
  return all("DescribeQueryDefinitions", "queryDefinitions", { maxResults: 1000 }, signal);
}

export function putQueryDefinition(definition: {
  /** Absent: a new one. */
  queryDefinitionId?: string | undefined;
  name: string;
  queryString: string;
  logGroupNames: string[];
}): Promise<{ queryDefinitionId: string }> {
  return logs("PutQueryDefinition", { ...definition, queryLanguage: languageOf(definition.queryString) });
}

export function deleteQueryDefinition(queryDefinitionId: string): Promise<unknown> {
  return logs("DeleteQueryDefinition", { queryDefinitionId });
}

export interface MetricTransformation {
  metricName: string;
  metricNamespace: string;
  metricValue: string;
  defaultValue?: number;
  dimensions?: Record<string, string>;
  unit?: string;
}

export interface MetricFilter {
  filterName: string;
  filterPattern: string;
  logGroupName: string;
  creationTime?: number;
  metricTransformations: MetricTransformation[];
  emitSystemFieldDimensions?: string[];
}

export function getMetricFilters(logGroupName: string, signal?: AbortSignal): Promise<MetricFilter[]> {
  return all("DescribeMetricFilters", "metricFilters", { logGroupName }, signal);
}

export function putMetricFilter(filter: Omit<MetricFilter, "creationTime">): Promise<unknown> {
  return logs("PutMetricFilter", filter);
}

export function deleteMetricFilter(filter: { logGroupName: string; filterName: string }): Promise<unknown> {
  return logs("DeleteMetricFilter", filter);
}

export interface PatternMatch {
  /** From 1. */
  eventNumber: number;
  eventMessage: string;
  extractedValues?: Record<string, string>;
}

export async function testMetricFilter(
  filterPattern: string,
  logEventMessages: readonly string[],
): Promise<PatternMatch[]> {
  const answer = await logs<{ matches?: PatternMatch[] }>("TestMetricFilter", { filterPattern, logEventMessages });
  return answer.matches ?? [];
}

export type Distribution = "Random" | "ByLogStream";

export interface SubscriptionFilter {
  filterName: string;
  filterPattern: string;
  logGroupName: string;
  destinationArn: string;
  roleArn?: string;
  distribution?: Distribution;
  creationTime?: number;
}

export function getSubscriptionFilters(logGroupName: string, signal?: AbortSignal): Promise<SubscriptionFilter[]> {
  return all("DescribeSubscriptionFilters", "subscriptionFilters", { logGroupName }, signal);
}

export function putSubscriptionFilter(filter: Omit<SubscriptionFilter, "creationTime">): Promise<unknown> {
  return logs("PutSubscriptionFilter", filter);
}

export function deleteSubscriptionFilter(filter: { logGroupName: string; filterName: string }): Promise<unknown> {
  return logs("DeleteSubscriptionFilter", filter);
}

/** All pages of a list. */
async function all<Item>(operation: string, member: string, body: object, signal?: AbortSignal): Promise<Item[]> {
  const found: Item[] = [];
  let nextToken: string | undefined;
  do {
    const page: Record<string, unknown> = await logs(operation, { ...body, nextToken }, signal);
    found.push(...((page[member] as Item[] | undefined) ?? []));
    nextToken = page["nextToken"] as string | undefined;
  } while (nextToken);
  return found;
}

export interface TailEvent {
  logGroupIdentifier: string;
  logStreamName: string;
  message: string;
  timestamp: number;
  ingestionTime: number;
}

/** Events as they come in, until the signal says stop or the server ends the session. */
export async function tailLogs(
  input: { logGroupIdentifiers: string[]; logEventFilterPattern?: string | undefined },
  onEvents: (events: TailEvent[], sampled: boolean) => void,
  onStart: () => void,
  signal: AbortSignal,
): Promise<void> {
  const body = await callForStream("Logs_20140328.StartLiveTail", input, signal);
  const decoder = new EventStreamDecoder();
  const reader = body.getReader();
  const utf8 = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const { headers, payload } of decoder.push(value)) {
      const content = JSON.parse(utf8.decode(payload) || "{}") as {
        message?: string;
        Message?: string;
        sessionMetadata?: { sampled?: boolean };
        sessionResults?: TailEvent[];
      };
      if (headers[":message-type"] === "exception")
        throw new ApiError(
          400,
          String(headers[":exception-type"] ?? "Exception"),
          content.message ?? content.Message ?? "",
        );
      if (headers[":event-type"] === "sessionStart") onStart();
      if (headers[":event-type"] === "sessionUpdate")
        onEvents(content.sessionResults ?? [], content.sessionMetadata?.sampled ?? false);
    }
  }
}
