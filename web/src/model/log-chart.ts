// What `stats … by …` found, as lines over time and as amounts of groups.

import { parseQueryTime, type Table } from "./log-query";

export interface ChartSeries {
  key: string;
  name: string;
  times: number[];
  values: number[];
}

export interface QueryChart {
  /** Over time; undefined where it was not grouped by time. */
  series: ChartSeries[] | undefined;
  /** Seconds between two points. */
  period: number;
  /** Each group with its sum over time, the greatest first. */
  amounts: { name: string; value: number }[];
}

const isNumber = (text: string | undefined) => text !== undefined && text.trim() !== "" && Number.isFinite(Number(text));
const bare = (name: string) => name.replaceAll(/[\s`]/g, "").toLowerCase();

/** `by`: the columns that are grouped by. Undefined: there is nothing to draw. */
export function chartOf(table: Table, by: readonly string[] | undefined): QueryChart | undefined {
  if (!by || table.rows.length === 0) return undefined;
  const named = new Set(by.map(bare));
  const columns = table.columns.map((name, i) => ({ name, i, cells: table.rows.map((row) => row[i]) }));
  const keys = columns.filter(({ name }) => named.has(bare(name)));
  const time = keys.find(({ cells }) => cells.every((cell) => parseQueryTime(cell) !== undefined));
  const values = columns.filter(
    (column) => !keys.includes(column) && column.cells.some(isNumber) && column.cells.every((cell) => cell === undefined || cell === "" || isNumber(cell)),
  );
  if (values.length === 0) return undefined;
  const groups = keys.filter((column) => column !== time);
  const found = new Map<string, ChartSeries & { sum: number }>();
  table.rows.forEach((row) => {
    for (const value of values) {
      if (!isNumber(row[value.i])) continue;
      const of = groups.map(({ i }) => row[i] ?? "–");
      const name = [...of, ...(values.length > 1 || of.length === 0 ? [value.name] : [])].join(" · ");
      const line = found.get(name) ?? { key: name, name, times: [], values: [], sum: 0 };
      found.set(name, line);
      line.sum += Number(row[value.i]);
      if (!time) continue;
      line.times.push(parseQueryTime(row[time.i])!);
      line.values.push(Number(row[value.i]));
    }
  });
  const ordered = [...found.values()].sort((a, b) => b.sum - a.sum);
  const series = time && ordered.map(inOrder);
  return {
    series,
    period: series ? periodOf(series) : 0,
    amounts: ordered.map(({ name, sum }) => ({ name, value: sum })),
  };
}

function inOrder({ key, name, times, values }: ChartSeries): ChartSeries {
  const order = times.map((_, i) => i).sort((a, b) => times[a]! - times[b]!);
  return { key, name, times: order.map((i) => times[i]!), values: order.map((i) => values[i]!) };
}

function periodOf(series: readonly ChartSeries[]): number {
  const times = [...new Set(series.flatMap(({ times }) => times))].sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  return gaps.length > 0 ? Math.min(...gaps) : 60;
}

/** The greatest ones, and all others together. */
export function topAmounts(
  amounts: QueryChart["amounts"],
  most: number,
  others: string,
): { name: string; value: number }[] {
  if (amounts.length <= most) return amounts;
  const rest = amounts.slice(most - 1).reduce((sum, { value }) => sum + value, 0);
  return [...amounts.slice(0, most - 1), { name: others, value: rest }];
}
