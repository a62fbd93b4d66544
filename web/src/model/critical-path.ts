// The critical path: what the response time of a trace was spent on. From the end of the root
// backwards: the child that ended last, then what had ended before that one began, and so on.
// Where no child ran, the time is the parent's own. The parts add up to the response time.

import { isInProgress } from "./segment";
import { calleesOf, type Interval, type SegmentNode, type Waterfall } from "./waterfall";

export interface PathPart {
  node: SegmentNode;
  /** When the path leads through the entity: itself or what it waited for. */
  through: Interval[];
  /** When the path is in the entity itself. */
  own: Interval[];
  ownSeconds: number;
}

export interface CriticalPath {
  root: SegmentNode | undefined;
  /** Response time: of a root that still runs, until now. */
  seconds: number;
  running: boolean;
  byKey: ReadonlyMap<string, PathPart>;
  /** Segments whose parent is missing: nobody knows whether they were waited for. */
  apart: number;
}

interface Visit extends Interval {
  node: SegmentNode;
  /** Added to the clock of this entity so that its work lies inside the call that waited for it. */
  shift: number;
}

export function criticalPath(waterfall: Waterfall): CriticalPath {
  const { root } = waterfall;
  const callees = calleesOf(waterfall);
  const byKey = new Map<string, PathPart>();
  const path: CriticalPath = {
    root,
    seconds: root ? root.interval.end - root.interval.start : 0,
    running: root !== undefined && isInProgress(root.document),
    byKey,
    apart: countApart(waterfall),
  };
  const stack: Visit[] = root ? [{ node: root, ...root.interval, shift: 0 }] : [];
  for (let visit = stack.pop(); visit; visit = stack.pop()) {
    const { node, shift } = visit;
    // Parent ids may go in a circle.
    if (byKey.has(node.key)) continue;
    const back = ({ start, end }: Interval): Interval => ({
      start: start - shift,
      end: end - shift,
    });
    const part: PathPart = { node, through: [back(visit)], own: [], ownSeconds: 0 };
    byKey.set(node.key, part);
    let at = visit.end;
    for (const child of waitedFor(visit, callees.get(node.document.id) ?? [])) {
      if (at <= visit.start) break;
      const end = Math.min(child.end, at);
      const start = Math.max(child.start, visit.start);
      if (child.end > at + tolerance(visit) || end <= start || byKey.has(child.node.key)) continue;
      if (at > end) part.own.push(back({ start: end, end: at }));
      stack.push({ ...child, start, end });
      at = start;
    }
    if (at > visit.start) part.own.push(back({ start: visit.start, end: at }));
    part.own.reverse();
    part.ownSeconds = part.own.reduce((sum, i) => sum + i.end - i.start, 0);
  }
  return path;
}

/** Clocks are read a moment apart: an end just after the next start still counts as before it. */
function tolerance({ start, end }: Interval): number {
  return Math.min(0.001, (end - start) * 0.05);
}

/** Children and called services, the last to end first. */
function waitedFor(visit: Visit, callees: readonly SegmentNode[]): Visit[] {
  const inside = visit.node.children.map((node): Visit => moved(node, visit.shift));
  const called = callees.flatMap((node) => {
    // A part of the same process that was sent by itself has the same clock.
    if (node.isSubsegment) return [moved(node, visit.shift)];
    const callee = calleeVisit(node, visit);
    return callee ? [callee] : [];
  });
  return [...inside, ...called].sort((a, b) => b.end - a.end || a.start - b.start);
}

function moved(node: SegmentNode, shift: number): Visit {
  return { node, start: node.interval.start + shift, end: node.interval.end + shift, shift };
}

/**
 * A called service has its own clock. Work that would fit into the call but sticks out of it is
 * moved inside; of longer work, only what lies within the call was waited for.
 */
function calleeVisit(node: SegmentNode, call: Visit): Visit | undefined {
  const at = moved(node, call.shift);
  const overlaps = at.start < call.end && at.end > call.start;
  // What takes a message from a queue may begin long after the message was sent.
  if (!overlaps && call.node.document.namespace !== "remote") return undefined;
  if (at.end - at.start <= call.end - call.start) {
    const late = Math.max(0, at.end - call.end);
    const early = Math.max(0, call.start - at.start);
    return moved(node, call.shift - late + early);
  }
  const start = Math.max(at.start, call.start);
  const end = Math.min(at.end, call.end);
  return end > start ? { ...at, start, end } : undefined;
}

function countApart({ byId, root }: Waterfall): number {
  let count = 0;
  for (const node of byId.values()) {
    const parentId = node.document.parent_id;
    if (!node.parent && node !== root && !(parentId && byId.has(parentId))) count += 1;
  }
  return count;
}

/**
 * service: a service's own time · call: network and waiting · work: inside a service ·
 * inferred: a service without data of its own
 */
export type EntityKind = "service" | "call" | "work" | "inferred";

export function entityKind(node: SegmentNode): EntityKind {
  if (node.document.inferred) return "inferred";
  if (!node.isSubsegment) return "service";
  return node.document.namespace ? "call" : "work";
}

export interface PathEntry {
  key: string;
  service: string;
  serviceType: string | undefined;
  name: string;
  kind: EntityKind;
  seconds: number;
  /** Of the response time, 0 to 1. */
  share: number;
  /** How many entities of this name are on the path. */
  count: number;
  /** The one with the most own time: where a link should lead. */
  longest: SegmentNode;
}

/** Own time on the path by service and entity, most first; what took no time is left out. */
export function pathEntries(path: CriticalPath): PathEntry[] {
  const entries = new Map<string, PathEntry>();
  const longest = new Map<string, number>();
  for (const { node, ownSeconds } of path.byKey.values()) {
    if (ownSeconds <= 0) continue;
    const kind = entityKind(node);
    const key = [node.service, node.serviceType ?? "", node.document.name, kind].join("\n");
    const entry = entries.get(key) ?? {
      key,
      service: node.service,
      serviceType: node.serviceType,
      name: node.document.name,
      kind,
      seconds: 0,
      share: 0,
      count: 0,
      longest: node,
    };
    entries.set(key, entry);
    entry.seconds += ownSeconds;
    entry.count += 1;
    if (ownSeconds > (longest.get(key) ?? 0)) {
      longest.set(key, ownSeconds);
      entry.longest = node;
    }
  }
  const list = [...entries.values()];
  for (const entry of list) entry.share = path.seconds > 0 ? entry.seconds / path.seconds : 0;
  return list.sort((a, b) => b.seconds - a.seconds || a.key.localeCompare(b.key));
}

export interface PathTotal {
  key: string;
  service: string;
  serviceType: string | undefined;
  name: string;
  kind: EntityKind;
  seconds: number;
  /** In how many traces it is on the path. */
  traces: number;
  /** Where it took the most: an example to look at. */
  longest: { traceId: string; segment: string; seconds: number };
}

/** The paths of many traces, summed; `share` and averages follow from the members. */
export interface PathSum {
  traces: number;
  seconds: number;
  totals: Map<string, PathTotal>;
}

/** The path of one trace without the trace: a sum holds thousands of them. */
export interface TracePath {
  traceId: string;
  seconds: number;
  running: boolean;
  entries: (Omit<PathEntry, "longest"> & { segment: string })[];
}

export function tracePathOf(waterfall: Waterfall): TracePath {
  const path = criticalPath(waterfall);
  return {
    traceId: waterfall.id,
    seconds: path.seconds,
    running: path.running,
    entries: pathEntries(path).map(({ longest, ...entry }) => ({
      ...entry,
      segment: longest.key,
    })),
  };
}

export function emptySum(): PathSum {
  return { traces: 0, seconds: 0, totals: new Map() };
}

/** Adds one trace to a sum, in place: thousands of them are added one by one. */
export function addPath(sum: PathSum, { traceId, seconds, entries }: TracePath): void {
  sum.traces += 1;
  sum.seconds += seconds;
  for (const { key, service, serviceType, name, kind, seconds: own, segment } of entries) {
    const here = { traceId, segment, seconds: own };
    const total = sum.totals.get(key);
    if (!total) {
      const first = { key, service, serviceType, name, kind, seconds: own, traces: 1 };
      sum.totals.set(key, { ...first, longest: here });
      continue;
    }
    total.seconds += own;
    total.traces += 1;
    if (own > total.longest.seconds) total.longest = here;
  }
}
