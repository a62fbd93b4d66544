// Widgets of metrics, as CloudWatch writes them: what a dashboard has, and what the page "Metrics" draws.

import type { Metric, MetricDataQuery, MetricDataResult } from "../api/cloudwatch";
import type { Window } from "./time-range";

/** A line, or several: a metric, or an expression. */
export interface WidgetMetric {
  id: string | undefined;
  expression: string | undefined;
  namespace: string;
  name: string;
  dimensions: readonly (readonly [name: string, value: string])[];
  label: string | undefined;
  stat: string | undefined;
  period: number | undefined;
  visible: boolean;
  color: string | undefined;
  right: boolean;
  /** What is not understood here, kept as it is. */
  rest: Record<string, unknown>;
}

export type WidgetView = "timeSeries" | "singleValue" | "bar" | "pie" | "gauge" | "table";

export interface MetricWidget {
  title: string | undefined;
  metrics: WidgetMetric[];
  view: WidgetView;
  stacked: boolean;
  stat: string;
  period: number | undefined;
  /** What is not understood here, kept as it is. */
  rest: Record<string, unknown>;
}

export const emptyWidget: MetricWidget = {
  title: undefined,
  metrics: [],
  view: "timeSeries",
  stacked: false,
  stat: "Average",
  period: undefined,
  rest: {},
};

export const statistics = [
  "Average",
  "Sum",
  "Minimum",
  "Maximum",
  "SampleCount",
  "p50",
  "p90",
  "p95",
  "p99",
  "IQM",
  "TM(10%:90%)",
] as const;

export const periods = [1, 10, 60, 300, 900, 3600, 6 * 3600, 86400] as const;

const views: readonly WidgetView[] = ["timeSeries", "singleValue", "bar", "pie", "gauge", "table"];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown) => (typeof value === "string" ? value : undefined);
const positive = (value: unknown) => (typeof value === "number" && value > 0 ? value : undefined);

export function parseWidget(properties: unknown): MetricWidget {
  if (!isObject(properties)) return emptyWidget;
  const { title, metrics, view, stacked, stat, period, ...rest } = properties;
  return {
    title: text(title),
    metrics: parseMetrics(Array.isArray(metrics) ? metrics : []),
    view: views.find((each) => each === view) ?? "timeSeries",
    stacked: stacked === true,
    stat: text(stat) ?? "Average",
    period: positive(period),
    rest,
  };
}

/** "." is what stands in the same place above, "..." all of that up to here. */
function parseMetrics(rows: readonly unknown[]): WidgetMetric[] {
  let above: string[] = [];
  return rows.flatMap((row) => {
    if (!Array.isArray(row)) return [];
    const last: unknown = row.at(-1);
    const options = isObject(last) ? last : {};
    const { id, expression, label, stat, period, visible, color, yAxis, ...rest } = options;
    const shared = {
      id: text(id),
      expression: text(expression),
      label: text(label),
      stat: text(stat),
      period: positive(period),
      visible: visible !== false,
      color: text(color),
      right: yAxis === "right",
      rest,
    };
    if (shared.expression !== undefined)
      return [{ ...shared, namespace: "", name: "", dimensions: [] }];
    const words: string[] = [];
    for (const word of row.filter((each) => typeof each === "string")) {
      if (word === "...") {
        const left = row.filter((each) => typeof each === "string").length - words.length - 1;
        words.push(...above.slice(words.length, above.length - left));
      } else words.push(word === "." ? (above[words.length] ?? "") : word);
    }
    if (words.length < 2) return [];
    above = words;
    const dimensions: [string, string][] = [];
    for (let i = 2; i + 1 < words.length; i += 2) dimensions.push([words[i]!, words[i + 1]!]);
    return [{ ...shared, namespace: words[0]!, name: words[1]!, dimensions }];
  });
}

export function printWidget(widget: MetricWidget): Record<string, unknown> {
  const { title, metrics, view, stacked, stat, period, rest } = widget;
  return {
    ...rest,
    ...(title ? { title } : {}),
    metrics: metrics.map(printMetric),
    view,
    stacked,
    stat,
    ...(period ? { period } : {}),
  };
}

function printMetric(metric: WidgetMetric): unknown[] {
  const { id, expression, label, stat, period, visible, color, right, rest } = metric;
  const options = {
    ...rest,
    ...(expression !== undefined ? { expression } : {}),
    ...(id ? { id } : {}),
    ...(label ? { label } : {}),
    ...(stat ? { stat } : {}),
    ...(period ? { period } : {}),
    ...(visible ? {} : { visible }),
    ...(color ? { color } : {}),
    ...(right ? { yAxis: "right" } : {}),
  };
  const words = expression === undefined ? [metric.namespace, metric.name, ...metric.dimensions.flat()] : [];
  return Object.keys(options).length > 0 ? [...words, options] : words;
}

/** A period in which a window has at most some hundred points; what is old is kept in longer ones. */
export function automaticPeriod(window: Window, now: number): number {
  const age = now - window.start;
  const coarsest = age > 63 * 86400 ? 3600 : age > 15 * 86400 ? 300 : 60;
  const wanted = (window.end - window.start) / 360;
  return Math.max(coarsest, periods.find((period) => period >= wanted) ?? 86400);
}

const idOf = (metric: WidgetMetric, place: number) => metric.id ?? `q${place + 1}`;

export function queriesOf(widget: MetricWidget, standard: number): MetricDataQuery[] {
  return widget.metrics.map((metric, place) => {
    const period = metric.period ?? widget.period ?? standard;
    const shared = {
      Id: idOf(metric, place),
      ReturnData: metric.visible,
      ...(metric.label ? { Label: metric.label } : {}),
    };
    if (metric.expression !== undefined)
      return { ...shared, Expression: metric.expression, Period: period };
    return {
      ...shared,
      MetricStat: {
        Metric: {
          Namespace: metric.namespace,
          MetricName: metric.name,
          Dimensions: metric.dimensions.map(([Name, Value]) => ({ Name, Value })),
        },
        Period: period,
        Stat: metric.stat ?? widget.stat,
      },
    };
  });
}

export interface Line {
  key: string;
  id: string;
  name: string;
  /** Counts up in the order of the rows: lines that are hidden keep their colour. */
  look: number;
  times: readonly number[];
  values: readonly number[];
  right: boolean;
}

export function linesOf(widget: MetricWidget, results: readonly MetricDataResult[]): Line[] {
  const places = new Map(widget.metrics.map((metric, place) => [idOf(metric, place), place]));
  const order = [...results].sort((a, b) => (places.get(a.Id) ?? 0) - (places.get(b.Id) ?? 0));
  const found = new Map<string, number>();
  let more = widget.metrics.length;
  return order.map((result, i) => {
    const place = places.get(result.Id) ?? 0;
    const count = found.get(result.Id) ?? 0;
    found.set(result.Id, count + 1);
    return {
      key: `${result.Id} ${i}`,
      id: result.Id,
      name: result.Label,
      look: count === 0 ? place : more++,
      times: result.Timestamps,
      values: result.Values,
      right: widget.metrics[place]?.right ?? false,
    };
  });
}

export function toWidgetMetric(metric: Metric): WidgetMetric {
  return {
    id: undefined,
    expression: undefined,
    namespace: metric.Namespace,
    name: metric.MetricName,
    dimensions: (metric.Dimensions ?? []).map((each) => [each.Name, each.Value ?? ""] as const),
    label: undefined,
    stat: undefined,
    period: undefined,
    visible: true,
    color: undefined,
    right: false,
    rest: {},
  };
}

export function isSameMetric(a: WidgetMetric, b: WidgetMetric): boolean {
  return (
    a.expression === undefined &&
    b.expression === undefined &&
    a.namespace === b.namespace &&
    a.name === b.name &&
    JSON.stringify(a.dimensions) === JSON.stringify(b.dimensions)
  );
}

/** Expressions call rows by their ids. */
export function freeId(metrics: readonly WidgetMetric[], letter: "m" | "e"): string {
  for (let number = 1; ; number += 1)
    if (metrics.every((metric) => metric.id !== `${letter}${number}`)) return `${letter}${number}`;
}

/** Names of dimensions together: what metrics of a namespace are told apart by. */
export function schemasOf(metrics: readonly Metric[]): { names: string[]; metrics: Metric[] }[] {
  const found = new Map<string, { names: string[]; metrics: Metric[] }>();
  for (const metric of metrics) {
    const names = (metric.Dimensions ?? []).map((each) => each.Name).sort();
    const key = names.join("\n");
    const schema = found.get(key) ?? { names, metrics: [] };
    schema.metrics.push(metric);
    found.set(key, schema);
  }
  return [...found.values()].sort((a, b) => a.names.length - b.names.length || a.names.join().localeCompare(b.names.join()));
}

/** Rows of times and a column for each line, as spreadsheets read them. */
export function toCsv(lines: readonly Line[], time: string): string {
  const quote = (value: string) =>
    /[",\n]/.test(value) || /^[=+\-@]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const times = [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b);
  const at = lines.map((line) => new Map(line.times.map((t, i) => [t, line.values[i]!])));
  const rows = times.map((t) => [
    new Date(t * 1000).toISOString(),
    ...at.map((values) => String(values.get(t) ?? "")),
  ]);
  return [[time, ...lines.map((line) => line.name)].map(quote), ...rows]
    .map((row) => row.join(","))
    .join("\r\n");
}
