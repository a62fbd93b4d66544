// Answers of Logs Insights: their columns, and their rows as a file.

import type { QueryAnswer } from "../api/logs";

export interface Table {
  columns: string[];
  rows: (string | undefined)[][];
  /** Of rows that are events: what GetLogRecord takes. */
  pointers?: (string | undefined)[];
}

/** The columns of all rows, in the order in which they come; where a row is does not matter. */
export function tableOf(results: QueryAnswer["results"]): Table {
  const columns: string[] = [];
  for (const row of results)
    for (const { field } of row) if (field !== "@ptr" && !columns.includes(field)) columns.push(field);
  const rows = results.map((row) => {
    const of = new Map(row.map(({ field, value }) => [field, value]));
    return columns.map((column) => of.get(column));
  });
  const pointers = results.map((row) => row.find(({ field }) => field === "@ptr")?.value);
  return { columns, rows, pointers };
}

/** Epoch seconds of a time as answers write it, in UTC. */
export function parseQueryTime(text: string | undefined): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?$/.test(text ?? "")) return undefined;
  return Date.parse(`${text!.replace(" ", "T")}Z`) / 1000;
}

export function toCsv({ columns, rows }: Table): string {
  const cell = (value: string | undefined) =>
    value !== undefined && /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : (value ?? "");
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

export function toJson({ columns, rows }: Table): string {
  const object = (row: (string | undefined)[]) =>
    Object.fromEntries(columns.map((column, i) => [column, row[i]]).filter(([, value]) => value !== undefined));
  return JSON.stringify(rows.map(object), null, 2);
}

/** Counts over time, as the histogram's query finds them; the oldest first. */
export function barsOf({ columns, rows }: Table): { time: number; value: number }[] {
  if (columns.length < 2) return [];
  return rows
    .flatMap((row) => {
      const [time, value] = [parseQueryTime(row[0]), Number(row[1])];
      return time === undefined || !Number.isFinite(value) ? [] : [{ time, value }];
    })
    .sort((a, b) => a.time - b.time);
}

export const sampleQueries: { key: "newest" | "errors" | "perMinute" | "levels" | "shapes" | "slowest" | "traces" | "sql"; query: string }[] = [
  { key: "newest", query: "fields @timestamp, @message, @logStream\n| sort @timestamp desc\n| limit 100" },
  { key: "errors", query: "fields @timestamp, @message\n| filter @message like /(?i)error|exception/\n| limit 100" },
  { key: "perMinute", query: "stats count(*) as events by bin(1m)" },
  { key: "levels", query: "stats count(*) as events by bin(5m), level" },
  { key: "shapes", query: "pattern @message" },
  { key: "slowest", query: "filter ispresent(took_ms)\n| stats pct(took_ms, 95) as p95, max(took_ms) as most, count(*) as n by path\n| sort p95 desc" },
  { key: "traces", query: 'fields @timestamp, @message, @log\n| parse @message /(?<trace>1-[0-9a-f]{8}-[0-9a-f]{24})/\n| filter ispresent(trace) and @message like /(?i)error/\n| display @timestamp, trace, @message\n| limit 100' },
  { key: "sql", query: "SELECT `@logStream`, COUNT(*) AS events, MAX(`@timestamp`) AS latest\nFROM `<log group>`\nGROUP BY `@logStream`\nORDER BY events DESC" },
];
