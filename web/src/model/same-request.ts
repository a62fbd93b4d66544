// Traces of the same request as a given one: same method and URL, or else the same first service.

import type { TraceSummary } from "../api/xray";
import { quote, serviceSelector } from "./filter";
import type { SegmentNode, Waterfall } from "./waterfall";

export function sameRequestFilter(root: SegmentNode | undefined): string {
  const { method, url } = root?.document.http?.request ?? {};
  if (url)
    return [
      `http.url = ${quote(url)}`,
      ...(method ? [`http.method = ${quote(method)}`] : []),
    ].join(" AND ");
  if (!root) return "";
  return `${serviceSelector({ name: root.service, type: root.serviceType })} { root = true }`;
}

/** The others, complete ones only, the fastest first. */
export function sameRequest(
  summaries: readonly TraceSummary[],
  waterfall: Waterfall,
): TraceSummary[] {
  const entry = waterfall.root?.service;
  return summaries
    .filter(
      (s) =>
        s.Id !== waterfall.id &&
        !s.IsPartial &&
        s.ResponseTime !== undefined &&
        (entry === undefined || s.EntryPoint?.Name === undefined || s.EntryPoint.Name === entry),
    )
    .sort((a, b) => a.ResponseTime! - b.ResponseTime!);
}
