// What a list of trace summaries says: states, counts for refining, what the charts choose.

import type { AnnotationValue, TraceSummary } from "../api/xray";
import { quote, serviceSelector, type NodeRef } from "./filter";
import type { Vocabulary } from "./filter-completion";
import type { State } from "./statistics";

export function stateOfSummary(summary: TraceSummary): State {
  if (summary.HasFault) return "fault";
  if (summary.HasThrottle) return "throttle";
  if (summary.HasError) return "error";
  return "ok";
}

/** What failed below a root that answered well: the caller swallowed it, a person should not. */
export function hiddenStateOf(summary: TraceSummary): State | undefined {
  if (stateOfSummary(summary) !== "ok") return undefined;
  if ((summary.FaultRootCauses ?? []).length > 0) return "fault";
  if ((summary.ErrorRootCauses ?? []).length > 0) return "error";
  return undefined;
}

export interface Refinement {
  label: string;
  /** Type of a node, where it has one. */
  type?: string | undefined;
  term: string;
  count: number;
}

export type Refiner = "outcome" | "node" | "url" | "status" | "method" | "user";
export const refiners: readonly Refiner[] = ["outcome", "node", "url", "status", "method", "user"];

function termsOf(refiner: Refiner, summary: TraceSummary): Omit<Refinement, "count">[] {
  const { Http: http } = summary;
  switch (refiner) {
    case "outcome": {
      const state = stateOfSummary(summary);
      return [{ label: state, term: state }];
    }
    case "node":
      return nodesOf(summary).map((node) => ({
        label: node.name,
        type: node.type,
        term: serviceSelector(node),
      }));
    case "url":
      return http?.HttpURL
        ? [{ label: http.HttpURL, term: `http.url = ${quote(http.HttpURL)}` }]
        : [];
    case "status":
      return http?.HttpStatus
        ? [{ label: String(http.HttpStatus), term: `http.status = ${http.HttpStatus}` }]
        : [];
    case "method":
      return http?.HttpMethod
        ? [{ label: http.HttpMethod, term: `http.method = ${quote(http.HttpMethod)}` }]
        : [];
    case "user":
      return (summary.Users ?? []).flatMap((user) =>
        user.UserName ? [{ label: user.UserName, term: `user = ${quote(user.UserName)}` }] : [],
      );
  }
}

function nodesOf(summary: TraceSummary): NodeRef[] {
  return (summary.ServiceIds ?? [])
    .filter((id) => id.Name && id.Type !== "client")
    .map((id) => ({ name: id.Name!, type: id.Type || undefined }));
}

export function refine(refiner: Refiner, summaries: readonly TraceSummary[]): Refinement[] {
  const found = new Map<string, Refinement>();
  for (const summary of summaries) {
    const seen = new Set<string>();
    for (const refinement of termsOf(refiner, summary)) {
      const { term } = refinement;
      if (seen.has(term)) continue;
      seen.add(term);
      const entry = found.get(term) ?? { ...refinement, count: 0 };
      entry.count += 1;
      found.set(term, entry);
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count || a.label.localeCompare(b.label));
}

export function vocabularyOf(summaries: readonly TraceSummary[]): Vocabulary {
  const services = new Set<string>();
  const keys = new Set<string>();
  const values: Record<string, Set<string>> = {};
  const add = (subject: string, value: string | number | undefined) => {
    if (value !== undefined && value !== "") (values[subject] ??= new Set()).add(String(value));
  };
  for (const s of summaries) {
    for (const node of nodesOf(s)) services.add(node.name);
    for (const user of s.Users ?? []) add("user", user.UserName);
    add("http.url", s.Http?.HttpURL);
    add("http.method", s.Http?.HttpMethod);
    add("http.status", s.Http?.HttpStatus);
    add("http.clientip", s.Http?.ClientIp);
    add("http.useragent", s.Http?.UserAgent);
    for (const [key, list] of Object.entries(s.Annotations ?? {})) {
      keys.add(key);
      for (const item of list)
        if (item.AnnotationValue?.StringValue !== undefined)
          add(`annotation[${key}]`, item.AnnotationValue.StringValue);
    }
  }
  return {
    services: [...services].sort(),
    annotationKeys: [...keys].sort(),
    values: Object.fromEntries(
      Object.entries(values).map(([key, set]) => [key, [...set].sort().slice(0, 200)]),
    ),
  };
}

export function annotationText(value: AnnotationValue | undefined): string {
  const found = value?.StringValue ?? value?.NumberValue ?? value?.BooleanValue;
  return found === undefined ? "" : String(found);
}

export interface ChartChoice {
  responseTime?: { from: number; to: number } | undefined;
  time?: { start: number; end: number } | undefined;
}

export function choose(summaries: readonly TraceSummary[], choice: ChartChoice): TraceSummary[] {
  const { responseTime, time } = choice;
  return summaries.filter((s) => {
    if (
      responseTime &&
      !(
        s.ResponseTime !== undefined &&
        s.ResponseTime >= responseTime.from &&
        s.ResponseTime <= responseTime.to
      )
    )
      return false;
    return (
      !time || (s.StartTime !== undefined && s.StartTime >= time.start && s.StartTime <= time.end)
    );
  });
}
