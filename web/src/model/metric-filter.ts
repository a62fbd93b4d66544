// Metric filters of logs: dimensions as they are typed, and the graph of what comes out.

import type { MetricTransformation } from "../api/logs";

/** `Path=$.path, Method=$.method`; undefined: not of this form. */
export function dimensionsOf(text: string): Record<string, string> | undefined {
  const dimensions: Record<string, string> = {};
  for (const part of text.split(",").filter((each) => each.trim() !== "")) {
    const [, name, value] = /^\s*([^=\s][^=]*?)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    if (!name || !value) return undefined;
    dimensions[name] = value;
  }
  return dimensions;
}

export function printDimensions(dimensions: Record<string, string> | undefined): string {
  return Object.entries(dimensions ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

/** As a widget of metrics: with dimensions, whatever values they take. */
export function metricFilterGraph({ metricNamespace, metricName, dimensions }: MetricTransformation): string {
  const names = Object.keys(dimensions ?? {});
  const schema = [metricNamespace, ...names].map((name) => (/^[\w./#:-]+$/.test(name) ? name : `"${name}"`)).join(",");
  const metric =
    names.length > 0
      ? [{ expression: `SEARCH('{${schema}} MetricName="${metricName}"', 'Sum')`, id: "e1" }]
      : [metricNamespace, metricName];
  return JSON.stringify({ view: "timeSeries", stat: "Sum", metrics: [metric] });
}
