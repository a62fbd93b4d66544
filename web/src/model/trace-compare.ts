// Two traces entity by entity. From the roots down, what is called under matched parents is matched
// by service and name, first where the details fit too (operation, request, query), then in order.
// What is left after that may have moved to another place of the tree: it is matched by name alone.

import { calleesOf, type SegmentNode, type Waterfall } from "./waterfall";

export type Side = "a" | "b";

export interface EntityPair {
  key: string;
  a: SegmentNode | undefined;
  b: SegmentNode | undefined;
  service: string;
  name: string;
  detail: string;
  aSeconds: number | undefined;
  bSeconds: number | undefined;
  /** B less A; what is missing on one side counts as no time there. */
  difference: number;
  ownDifference: number;
  stateChanged: boolean;
}

export function compareTraces(a: Waterfall, b: Waterfall): EntityPair[] {
  const pairs: { a: SegmentNode | undefined; b: SegmentNode | undefined }[] = [];
  const below = { a: belowOf(a), b: belowOf(b) };
  const left = { a: new Set(a.byId.values()), b: new Set(b.byId.values()) };
  const queue: [SegmentNode, SegmentNode][] = [];
  const match = (one: SegmentNode, other: SegmentNode) => {
    left.a.delete(one);
    left.b.delete(other);
    pairs.push({ a: one, b: other });
    queue.push([one, other]);
  };
  const free = (nodes: readonly SegmentNode[], side: Side) =>
    nodes.filter((node) => left[side].has(node));
  // Two requests are compared as such, whatever their first services are called.
  if (a.root && b.root) match(a.root, b.root);
  for (let next = queue.shift(); next; next = queue.shift())
    for (const key of [exactKey, nameKey])
      zip(free(below.a(next[0]), "a"), free(below.b(next[1]), "b"), key, match);
  // Not followed further down: their children are in the same pool.
  for (const key of [exactKey, nameKey]) zip([...left.a], [...left.b], key, match);
  for (const node of left.a) pairs.push({ a: node, b: undefined });
  for (const node of left.b) pairs.push({ a: undefined, b: node });
  return pairs.map(toPair);
}

/** Children in their order, then the services that were called by this entity. */
function belowOf(waterfall: Waterfall): (node: SegmentNode) => SegmentNode[] {
  const callees = calleesOf(waterfall);
  return (node) => [...node.children, ...(callees.get(node.document.id) ?? [])];
}

function zip(
  a: readonly SegmentNode[],
  b: readonly SegmentNode[],
  key: (node: SegmentNode) => string,
  match: (a: SegmentNode, b: SegmentNode) => void,
): void {
  const waiting = new Map<string, SegmentNode[]>();
  for (const node of b) {
    const list = waiting.get(key(node));
    if (list) list.push(node);
    else waiting.set(key(node), [node]);
  }
  for (const list of waiting.values()) list.reverse();
  for (const node of a) {
    const other = waiting.get(key(node))?.pop();
    if (other) match(node, other);
  }
}

function nameKey(node: SegmentNode): string {
  return [node.service, node.document.name, node.isSubsegment].join("\n");
}

function exactKey(node: SegmentNode): string {
  return `${nameKey(node)}\n${detailOf(node)}`;
}

/** What tells calls of one name apart. */
export function detailOf({ document: { aws, http, sql } }: SegmentNode): string {
  if (typeof aws?.operation === "string") return aws.operation;
  if (typeof sql?.sanitized_query === "string") return sql.sanitized_query;
  const { method, url } = http?.request ?? {};
  return url ? `${method ?? ""} ${url.replace(/^[a-z]+:\/\/[^/]+/i, "") || "/"}`.trim() : "";
}

function toPair({
  a,
  b,
}: {
  a: SegmentNode | undefined;
  b: SegmentNode | undefined;
}): EntityPair {
  const node = (a ?? b)!;
  const aSeconds = a && a.interval.end - a.interval.start;
  const bSeconds = b && b.interval.end - b.interval.start;
  return {
    key: `${a?.key ?? ""}|${b?.key ?? ""}`,
    a,
    b,
    service: node.service,
    name: node.document.name,
    detail: detailOf(node),
    aSeconds,
    bSeconds,
    difference: (bSeconds ?? 0) - (aSeconds ?? 0),
    ownDifference: (b?.selfSeconds ?? 0) - (a?.selfSeconds ?? 0),
    stateChanged: a !== undefined && b !== undefined && a.state !== b.state,
  };
}


/** How many entities are in both, only in one, and ended in another state. */
export function countPairs(pairs: readonly EntityPair[]) {
  return {
    both: pairs.filter((p) => p.a && p.b).length,
    onlyA: pairs.filter((p) => !p.b).length,
    onlyB: pairs.filter((p) => !p.a).length,
    changed: pairs.filter((p) => p.stateChanged).length,
  };
}
