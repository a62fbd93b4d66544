// Writing filter expressions: the console composes text, the server reads it.

import type { State } from "./statistics";

export interface NodeRef {
  name: string;
  type?: string | undefined;
}

export function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

export function idSelector(node: NodeRef): string {
  const type = node.type ? `, type: ${quote(node.type)}` : "";
  return `id(name: ${quote(node.name)}${type})`;
}

export function serviceSelector(node: NodeRef): string {
  return `service(${idSelector(node)})`;
}

export function edgeSelector(source: NodeRef, target: NodeRef): string {
  return `edge(${idSelector(source)}, ${idSelector(target)})`;
}

export interface Narrowing {
  states?: readonly State[] | undefined;
  responseTime?: { from: number; to: number } | undefined;
}

/** `service(…) { fault AND responsetime >= 0.1 AND responsetime <= 2 }` */
export function narrowed(selector: string, narrowing: Narrowing): string {
  const terms: string[] = [];
  const states = narrowing.states ?? [];
  if (states.length === 1) terms.push(states[0]!);
  else if (states.length > 1) terms.push(`(${states.join(" OR ")})`);
  if (narrowing.responseTime) {
    terms.push(...rangeTerms("responsetime", narrowing.responseTime));
  }
  return terms.length > 0 ? `${selector} { ${terms.join(" AND ")} }` : selector;
}

export function rangeTerms(keyword: string, range: { from: number; to: number }): string[] {
  return [`${keyword} >= ${decimal(range.from)}`, `${keyword} <= ${decimal(range.to)}`];
}

function decimal(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** Adds a term to what is there; an OR at the top level is put in brackets first. */
export function and(expression: string, term: string): string {
  const base = expression.trim();
  if (base === "") return term;
  if (base.includes(term)) return base;
  const guarded = /\bor\b/i.test(base.replace(/"(?:[^"\\]|\\.)*"/g, "")) ? `(${base})` : base;
  return `${guarded} AND ${term}`;
}
