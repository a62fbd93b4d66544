// The lines of logs that belong to a trace: how they are asked for, and to which segment each belongs.

import type { QueryAnswer } from "../api/logs";
import { levelOf, type LogLevel } from "./log";
import { ownQueryMark } from "./insights-query";
import { isAt, printLogPlace, type LogPlace } from "./log-place";
import type { SegmentNode, Waterfall } from "./waterfall";

export const mostTraceLines = 1000;

/** Lines that have one of the ids, as X-Ray or as OpenTelemetry writes it, in all groups; the oldest first. */
export function traceLogQuery(ids: readonly string[], limit = mostTraceLines, direction: "asc" | "desc" = "asc"): string {
  const likes = ids
    .flatMap((id) => [id, id.replace(/^1-([0-9a-f]{8})-/, "$1")])
    .map((id) => `@message like "${id}"`);
  return [
    "SOURCE logGroups()",
    "fields @timestamp, @log, @logStream, @message",
    `filter ${likes.join(" or ")}`,
    `sort @timestamp ${direction}`,
    `limit ${limit}`,
  ].join("\n| ");
}

/** The same, as the console asks for it without being told to. */
export const ownTraceLogQuery = (...given: Parameters<typeof traceLogQuery>) => `${traceLogQuery(...given)}\n${ownQueryMark}`;

export interface FoundLine {
  /** Milliseconds. */
  timestamp: number;
  group: string;
  stream: string;
  message: string;
  level: LogLevel;
}

/** Lines as a query finds them: `@log` is `<account>:<group>`, times are in UTC. */
export function foundLinesOf(results: QueryAnswer["results"]): FoundLine[] {
  return results.flatMap((row) => {
    const of = new Map(row.map(({ field, value }) => [field, value]));
    const timestamp = Date.parse(`${(of.get("@timestamp") ?? "").replace(" ", "T")}Z`);
    const message = of.get("@message");
    if (Number.isNaN(timestamp) || message === undefined) return [];
    return [
      {
        timestamp,
        group: (of.get("@log") ?? "").replace(/^\d+:/, ""),
        stream: of.get("@logStream") ?? "",
        message,
        level: levelOf(message),
      },
    ];
  });
}

export interface TraceLine extends FoundLine {
  key: string;
  node: SegmentNode | undefined;
}

export function traceLinesOf(results: QueryAnswer["results"], waterfall: Waterfall): TraceLine[] {
  const find = segmentFinder(waterfall);
  const seen = new Map<string, number>();
  return foundLinesOf(results).map((line) => {
    // The same after more lines have come in: what is open stays open.
    const place = `${printLogPlace(line)} ${line.stream}`;
    const count = seen.get(place) ?? 0;
    seen.set(place, count + 1);
    return { ...line, key: `${place} ${count}`, node: find(line) };
  });
}

/** By the segment's id in the message; else by the group that a segment names; else by the service's name. */
function segmentFinder(waterfall: Waterfall): (line: FoundLine) => SegmentNode | undefined {
  const nodes = [...waterfall.byId.values()];
  const byName = new Map<string, SegmentNode[]>();
  const byGroup = new Map<string, SegmentNode[]>();
  const put = (map: Map<string, SegmentNode[]>, name: string, node: SegmentNode) =>
    map.set(name, [...(map.get(name) ?? []), node]);
  for (const node of nodes) {
    for (const group of groupsOf(node)) put(byGroup, group, node);
    if (!node.parent && !node.document.inferred) put(byName, node.service.toLowerCase(), node);
  }
  return (line) => {
    const named = [...line.message.matchAll(/(?<![0-9A-Za-z])[0-9a-f]{16}(?![0-9A-Za-z])/gi)].flatMap(
      ([id]) => waterfall.byId.get(id.toLowerCase()) ?? [],
    );
    // A line that names its parent too belongs to what began last.
    if (named.length > 0) return named.reduce((a, b) => (b.interval.start > a.interval.start ? b : a));
    const time = line.timestamp / 1000;
    const inGroup = byGroup.get(line.group);
    if (inGroup) return closest(inGroup, time);
    for (const part of [line.group.split("/").at(-1)!, ...line.stream.split("/")]) {
      const found = part && byName.get(part.toLowerCase());
      if (found) return closest(found, time);
    }
    return undefined;
  };
}

/** The groups that a segment says its logs are in. */
function groupsOf(node: SegmentNode): string[] {
  const listed = node.document.aws?.["cloudwatch_logs"];
  if (!Array.isArray(listed)) return [];
  return listed.flatMap((each: { log_group?: unknown; arn?: unknown } | null) => {
    if (typeof each?.log_group === "string") return [each.log_group];
    const group = typeof each?.arn === "string" ? /:log-group:([^:]+)/.exec(each.arn)?.[1] : undefined;
    return group ? [group] : [];
  });
}

/** The shortest that goes on at a time; if none does, the one that is nearest to it. */
function closest(nodes: readonly SegmentNode[], time: number): SegmentNode {
  const away = ({ interval }: SegmentNode) => Math.max(0, interval.start - time, time - interval.end);
  const length = ({ interval }: SegmentNode) => interval.end - interval.start;
  return nodes.reduce((a, b) => (away(b) - away(a) || length(b) - length(a)) < 0 ? b : a);
}

/** Whether a line is of a segment or of what is within it. */
export function isWithin(line: TraceLine, node: SegmentNode): boolean {
  for (let at = line.node; at; at = at.parent) if (at === node) return true;
  return false;
}

/** Lines within this many milliseconds of the nearest one were written for the same reason. */
const together = 20;

/** The lines that are meant: exactly one, or those nearest to a time, of a segment if it has any. */
export function meantLines(lines: readonly TraceLine[], place: LogPlace | undefined, node?: SegmentNode): Set<TraceLine> {
  if (!place) return new Set();
  const exact = lines.filter((line) => isAt(place, line));
  if (exact.length > 0) return new Set(exact);
  const ofNode = node ? lines.filter((line) => isWithin(line, node)) : [];
  const choice = ofNode.length > 0 ? ofNode : lines;
  const away = (line: TraceLine) => Math.abs(line.timestamp - place.time);
  const least = Math.min(...choice.map(away));
  return new Set(choice.filter((line) => away(line) <= least + together));
}

/** Lines that say the same of different requests: how many of them there are, and the newest one. */
export interface Reason<Line> {
  line: Line;
  count: number;
  level: LogLevel;
}

const loudness: Record<LogLevel, number> = { error: 2, warning: 1, other: 0 };

/** What the loudest lines say, the most frequent first: ids and numbers tell them apart no more. */
export function reasonsOf<Line extends FoundLine>(lines: readonly Line[]): Reason<Line>[] {
  const loudest = Math.max(0, ...lines.map(({ level }) => loudness[level]));
  const reasons = new Map<string, Reason<Line>>();
  for (const line of lines) {
    if (loudness[line.level] < loudest) continue;
    const shape = line.message.replaceAll(/\b[0-9a-f]{8,}\b/gi, "#").replaceAll(/\d+(\.\d+)?/g, "#");
    const found = reasons.get(shape);
    if (!found) reasons.set(shape, { line, count: 1, level: line.level });
    else {
      found.count += 1;
      if (line.timestamp > found.line.timestamp) found.line = line;
    }
  }
  return [...reasons.values()].sort((a, b) => b.count - a.count);
}
