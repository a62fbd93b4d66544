// From the documents of a trace to the rows of its segment timeline.
// Rows are grouped by service, in call order; each row knows its own time (self time:
// what no child covers), so that the slowest part can be named.

import type { Trace } from "../api/xray";
import {
  isFailure,
  isInProgress,
  parseDocument,
  stateOf,
  worse,
  type SegmentDocument,
  type SegmentState,
} from "./segment";

export interface Interval {
  start: number;
  end: number;
}

export interface SegmentNode {
  kind: "segment";
  key: string;
  document: SegmentDocument;
  isSubsegment: boolean;
  orphan: boolean;
  service: string;
  serviceType: string | undefined;
  interval: Interval;
  state: SegmentState;
  /** Worst state among the subsegments under this one, itself not counted. */
  below: SegmentState;
  self: Interval[];
  selfSeconds: number;
  depth: number;
  children: SegmentNode[];
  parent: SegmentNode | undefined;
}

export interface GroupNode {
  kind: "group";
  key: string;
  name: string;
  type: string | undefined;
  inferred: boolean;
  state: SegmentState;
  interval: Interval;
  children: SegmentNode[];
}

export interface Waterfall {
  id: string;
  start: number;
  end: number;
  groups: GroupNode[];
  byId: Map<string, SegmentNode>;
  root: SegmentNode | undefined;
  firstFailure: SegmentNode | undefined;
  slowest: SegmentNode | undefined;
  segmentCount: number;
  inProgress: boolean;
  documents: SegmentDocument[];
  unreadable: number;
}

export type Row = { node: GroupNode; depth: 0 } | { node: SegmentNode; depth: number };

export function buildWaterfall(trace: Trace, now: number): Waterfall {
  const documents: SegmentDocument[] = [];
  let unreadable = 0;
  for (const segment of trace.Segments ?? []) {
    const document = parseDocument(segment.Document);
    if (document) documents.push(document);
    else unreadable += 1;
  }
  documents.sort((a, b) => a.start_time - b.start_time);

  let start = Infinity;
  let end = -Infinity;
  let open = false;
  walk(documents, (d) => {
    start = Math.min(start, d.start_time);
    end = Math.max(end, d.end_time ?? d.start_time);
    open ||= isInProgress(d);
  });
  if (!Number.isFinite(start)) start = end = 0;
  // Work that goes on is drawn up to now, yet an abandoned one must not flatten the rest.
  const openEnd = open && now - end < 60 ? Math.max(now, end) : end;
  if (open) end = Math.max(end, openEnd);

  const byId = new Map<string, SegmentNode>();
  const tops = documents.map((d) => toNode(d, undefined, { end: openEnd, byId }));
  for (const top of tops) {
    const parentId = top.document.parent_id;
    top.orphan =
      top.isSubsegment ||
      (parentId !== undefined && !byId.has(parentId) && tops.some((t) => !t.document.parent_id));
  }
  const callees = new Map<string, SegmentNode[]>();
  for (const top of tops) {
    const parentId = top.document.parent_id;
    if (parentId && byId.has(parentId))
      callees.set(parentId, [...(callees.get(parentId) ?? []), top]);
  }
  for (const node of byId.values()) setSelf(node, callees.get(node.document.id) ?? []);

  const ordered = callOrder(tops, callees, byId);
  const groups = group(ordered);
  const root = ordered.find((n) => !n.document.parent_id && !n.isSubsegment) ?? ordered[0];
  return {
    id: trace.Id,
    start,
    end,
    groups,
    byId,
    root,
    firstFailure: firstFailure(byId),
    slowest: slowest(byId),
    segmentCount: byId.size,
    inProgress: open,
    documents,
    unreadable,
  };
}

function walk(documents: readonly SegmentDocument[], visit: (d: SegmentDocument) => void): void {
  const stack = [...documents];
  for (let d = stack.pop(); d; d = stack.pop()) {
    visit(d);
    if (d.subsegments) for (const child of d.subsegments) stack.push(child);
  }
}

function toNode(
  document: SegmentDocument,
  parent: SegmentNode | undefined,
  context: { end: number; byId: Map<string, SegmentNode> },
): SegmentNode {
  const isSubsegment = parent !== undefined || document.type === "subsegment";
  const node: SegmentNode = {
    kind: "segment",
    key: document.id,
    document,
    isSubsegment,
    orphan: false,
    service: parent?.service ?? serviceName(document),
    serviceType: parent?.serviceType ?? serviceType(document),
    interval: {
      start: document.start_time,
      end: Math.max(document.start_time, document.end_time ?? context.end),
    },
    state: stateOf(document),
    below: "ok",
    self: [],
    selfSeconds: 0,
    depth: parent ? parent.depth + 1 : 1,
    children: [],
    parent,
  };
  // Two documents may claim one id; keep both rows, the first one answers to the id.
  if (context.byId.has(node.key)) node.key = `${document.id}~${context.byId.size}`;
  context.byId.set(node.key, node);
  const nested = [...(document.subsegments ?? [])].sort((a, b) => a.start_time - b.start_time);
  for (const sub of nested) {
    const child = toNode(sub, node, context);
    node.children.push(child);
    node.below = worse(node.below, worse(child.state, child.below));
  }
  return node;
}

/** An inferred segment carries the name of the call; the map names its resource. */
function serviceName(document: SegmentDocument): string {
  if (!document.inferred) return document.name;
  const { aws, origin } = document;
  const resource =
    origin === "AWS::DynamoDB::Table"
      ? aws?.table_name
      : origin === "AWS::S3::Bucket"
        ? aws?.bucket_name
        : origin === "AWS::SQS::Queue"
          ? aws?.queue_url
          : origin === "AWS::Lambda"
            ? aws?.function_name
            : undefined;
  return typeof resource === "string" && resource !== "" ? resource : document.name;
}

function serviceType(document: SegmentDocument): string | undefined {
  if (document.origin) return document.origin;
  if (document.inferred && document.sql) return "Database::SQL";
  if (document.inferred && document.namespace !== "aws") return "remote";
  return undefined;
}

function setSelf(node: SegmentNode, callees: readonly SegmentNode[]): void {
  const covered = [...node.children, ...callees]
    .map((c) => c.interval)
    .sort((a, b) => a.start - b.start);
  let at = node.interval.start;
  for (const child of covered) {
    if (child.start > at)
      node.self.push({ start: at, end: Math.min(child.start, node.interval.end) });
    at = Math.max(at, child.end);
    if (at >= node.interval.end) break;
  }
  if (at < node.interval.end) node.self.push({ start: at, end: node.interval.end });
  node.selfSeconds = node.self.reduce((sum, i) => sum + Math.max(0, i.end - i.start), 0);
}

/** Depth first along the calls: a service stands after the one that called it. */
function callOrder(
  tops: readonly SegmentNode[],
  callees: Map<string, SegmentNode[]>,
  byId: Map<string, SegmentNode>,
): SegmentNode[] {
  const ordered: SegmentNode[] = [];
  const seen = new Set<SegmentNode>();
  const visit = (top: SegmentNode) => {
    if (seen.has(top)) return;
    seen.add(top);
    ordered.push(top);
    const stack: SegmentNode[] = [top];
    for (let n = stack.pop(); n; n = stack.pop()) {
      for (const callee of callees.get(n.document.id) ?? []) visit(callee);
      for (let i = n.children.length - 1; i >= 0; i -= 1) stack.push(n.children[i]!);
    }
  };
  for (const top of tops) {
    const parentId = top.document.parent_id;
    if (!parentId || !byId.has(parentId)) visit(top);
  }
  for (const top of tops) visit(top);
  return ordered;
}

function group(ordered: readonly SegmentNode[]): GroupNode[] {
  const groups = new Map<string, GroupNode>();
  for (const node of ordered) {
    const key = `group:${node.service}|${node.serviceType ?? ""}|${node.orphan && node.isSubsegment ? node.key : ""}`;
    let found = groups.get(key);
    if (!found) {
      found = {
        kind: "group",
        key,
        name: node.service,
        type: node.serviceType,
        inferred: true,
        state: "ok",
        interval: { ...node.interval },
        children: [],
      };
      groups.set(key, found);
    }
    found.children.push(node);
    found.inferred &&= node.document.inferred === true;
    found.state = worse(found.state, worse(node.state, node.below));
    found.interval.start = Math.min(found.interval.start, node.interval.start);
    found.interval.end = Math.max(found.interval.end, node.interval.end);
  }
  return [...groups.values()];
}

/** The failure that began first and lies deepest: where the story starts. */
function firstFailure(byId: Map<string, SegmentNode>): SegmentNode | undefined {
  let best: SegmentNode | undefined;
  const rank = (n: SegmentNode) =>
    [n.state === "fault" ? 0 : 1, n.document.cause ? 0 : 1, n.interval.end] as const;
  for (const node of byId.values()) {
    if (!isFailure(node.state) || node.document.inferred) continue;
    if (!best) {
      best = node;
      continue;
    }
    const a = rank(node);
    const b = rank(best);
    const order = a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || node.depth - best.depth;
    if (order < 0) best = node;
  }
  return best;
}

function slowest(byId: Map<string, SegmentNode>): SegmentNode | undefined {
  let best: SegmentNode | undefined;
  for (const node of byId.values()) if (!best || node.selfSeconds > best.selfSeconds) best = node;
  return best;
}

export function visibleRows(waterfall: Waterfall, collapsed: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  for (const g of waterfall.groups) {
    rows.push({ node: g, depth: 0 });
    if (collapsed.has(g.key)) continue;
    const stack = [...g.children].reverse();
    for (let n = stack.pop(); n; n = stack.pop()) {
      rows.push({ node: n, depth: n.depth });
      if (collapsed.has(n.key)) continue;
      for (let i = n.children.length - 1; i >= 0; i -= 1) stack.push(n.children[i]!);
    }
  }
  return rows;
}

export function collapsibleKeys(waterfall: Waterfall): string[] {
  const keys = waterfall.groups.map((g) => g.key);
  for (const node of waterfall.byId.values()) if (node.children.length > 0) keys.push(node.key);
  return keys;
}

/** Keys that must be open for the row to be on screen. */
export function ancestorsOf(waterfall: Waterfall, node: SegmentNode): string[] {
  const keys: string[] = [];
  let top: SegmentNode = node;
  for (let n = node.parent; n; n = n.parent) {
    keys.push(n.key);
    top = n;
  }
  const owner = waterfall.groups.find((g) => g.children.includes(top));
  return owner ? [...keys, owner.key] : keys;
}

/** Segments, and parts sent by themselves, by the id of the entity that called them. */
export function calleesOf(waterfall: Waterfall): Map<string, SegmentNode[]> {
  const callees = new Map<string, SegmentNode[]>();
  for (const node of waterfall.byId.values()) {
    const parentId = node.parent ? undefined : node.document.parent_id;
    if (!parentId) continue;
    const list = callees.get(parentId);
    if (list) list.push(node);
    else callees.set(parentId, [node]);
  }
  return callees;
}
