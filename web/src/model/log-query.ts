// Answers of Logs Insights: their columns, and their rows as a file.

import type { QueryAnswer } from "../api/logs";

export interface Table {
  columns: string[];
  rows: (string | undefined)[][];
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
  return { columns, rows };
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

/** Numbers over time, where that is what an answer has: a column of times first, and a number behind it. */
export function barsOf({ columns, rows }: Table): { time: number; value: number }[] | undefined {
  if (columns.length < 2 || rows.length < 2) return undefined;
  const bars = rows.map((row) => ({
    time: /^\d{4}-\d{2}-\d{2} [\d:.]+$/.test(row[0] ?? "") ? Date.parse(`${row[0]!.replace(" ", "T")}Z`) / 1000 : NaN,
    value: Number(row[1]),
  }));
  if (bars.some((bar) => !Number.isFinite(bar.time) || !Number.isFinite(bar.value))) return undefined;
  return bars.sort((a, b) => a.time - b.time);
}

export const sampleQueries: { key: "newest" | "errors" | "perMinute" | "shapes" | "slowest"; query: string }[] = [
  { key: "newest", query: "fields @timestamp, @message, @logStream\n| sort @timestamp desc\n| limit 100" },
  { key: "errors", query: "fields @timestamp, @message\n| filter @message like /(?i)error|exception/\n| limit 100" },
  { key: "perMinute", query: "stats count(*) as events by bin(1m)" },
  { key: "shapes", query: "pattern @message" },
  { key: "slowest", query: "filter ispresent(took_ms)\n| stats pct(took_ms, 95) as p95, max(took_ms) as most, count(*) as n by path\n| sort p95 desc" },
];
