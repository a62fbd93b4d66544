// The only place that builds URLs. Views are sharable: what a link should restore is here.

import { normalizeTraceId } from "./model/trace-id";

export const pagePath = {
  traceMap: "/trace-map",
  traces: "/traces",
  sampling: "/sampling",
  sending: "/sending-data",
} as const;

/** Query parameters that go along from page to page. */
export const rangeParameter = "range";

type Parameters = Record<string, string | undefined>;

function withQuery(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function traceMapPath(
  parameters: {
    range?: string | undefined;
    node?: string | undefined;
    edge?: string | undefined;
    view?: string | undefined;
  } = {},
): string {
  return withQuery(pagePath.traceMap, parameters);
}

export function tracesPath(
  parameters: { range?: string | undefined; filter?: string | undefined } = {},
): string {
  return withQuery(pagePath.traces, parameters);
}

export function tracePath(
  id: string,
  parameters: {
    range?: string | undefined;
    segment?: string | undefined;
    tab?: string | undefined;
  } = {},
): string {
  return withQuery(
    `${pagePath.traces}/${encodeURIComponent(normalizeTraceId(id) ?? id)}`,
    parameters,
  );
}

export function samplingPath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(pagePath.sampling, parameters);
}

export function sendingPath(parameters: { range?: string | undefined } = {}): string {
  return withQuery(pagePath.sending, parameters);
}
