// Amazon CloudWatch Logs: groups, streams and events, with the names of the API.

import { call } from "./client";

export interface LogGroup {
  logGroupName: string;
  creationTime: number;
  retentionInDays?: number;
  storedBytes: number;
  logGroupClass: string;
}

export interface LogStream {
  logStreamName: string;
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
  startTime: number;
  endTime?: number | undefined;
}

/** Events, newest first; a page may have few of them, though there are more behind it. */
export function filterLogEvents(
  question: LogQuestion,
  nextToken: string | undefined,
  limit: number,
  signal?: AbortSignal,
): Promise<{ events: LogEvent[]; nextToken?: string }> {
  return logs("FilterLogEvents", { ...question, startFromHead: false, limit, nextToken }, signal);
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

/** Begins a query and waits for its end; one that nobody waits for any more is stopped. */
export async function runQuery(input: QueryInput, signal?: AbortSignal): Promise<QueryAnswer> {
  // A query that names its groups itself is given none.
  const { logGroupNames, ...rest } = input;
  const names = /^\s*SOURCE\b/i.test(input.queryString) ? {} : { logGroupNames };
  const { queryId } = await logs<{ queryId: string }>("StartQuery", { ...rest, ...names }, signal);
  for (let wait = 50; ; wait = Math.min(1_000, wait * 1.5)) {
    try {
      const answer = await logs<QueryAnswer>("GetQueryResults", { queryId }, signal);
      if (answer.status !== "Running") return answer;
      await new Promise((resolve) => setTimeout(resolve, wait));
      signal?.throwIfAborted();
    } catch (error) {
      if (signal?.aborted) void logs("StopQuery", { queryId }).catch(() => undefined);
      throw error;
    }
  }
}
