// Positions for the map: ELK's layered layout, left to right by call direction. A pure function
// of the topology, so refreshed numbers never move a node; and what was placed stays where it is
// while nodes come and go, so that a person finds it again.

import type { ElkNode } from "elkjs/lib/elk-api";

import type { ServiceMap } from "./graph";

export interface Point {
  x: number;
  y: number;
}

/** Places of the nodes on the map, and those of nodes that left and may come back. */
export interface Layout {
  placed: ReadonlyMap<string, Point>;
  known: ReadonlyMap<string, Point>;
}

export type LayoutEngine = (graph: ElkNode) => Promise<ElkNode>;

/** Beyond this many nodes a drawing says nothing any more, and laying it out takes minutes. */
export const drawableNodes = 400;

export const nodeSize = { width: 168, height: 140 } as const;
const ringMiddle = 44;
const gap = { x: 40, y: 8 } as const;

export function toElk(map: ServiceMap): ElkNode {
  return {
    id: "map",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.spacing.nodeNode": String(gap.y),
      "elk.spacing.edgeNode": "20",
      "elk.layered.spacing.nodeNodeBetweenLayers": String(gap.x),
      "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
      "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
      "elk.separateConnectedComponents": "true",
      "elk.spacing.componentComponent": "40",
      "elk.randomSeed": "1",
    },
    children: map.nodes.map((node) => ({
      id: node.id,
      width: nodeSize.width,
      height: nodeSize.height,
      layoutOptions: {
        "elk.portConstraints": "FIXED_POS",
        ...(node.kind === "client" ? { "elk.layered.layering.layerConstraint": "FIRST" } : {}),
      },
      // Edges meet the ring, which stands above the middle of the box.
      ports: [
        { id: `${node.id}<`, x: 0, y: ringMiddle, width: 0, height: 0 },
        { id: `${node.id}>`, x: nodeSize.width, y: ringMiddle, width: 0, height: 0 },
      ],
    })),
    edges: map.edges
      // A service that calls itself has no say in the layers.
      .filter((edge) => edge.source !== edge.target)
      .map((edge) => ({
        id: edge.id,
        sources: [`${edge.source}>`],
        targets: [`${edge.target}<`],
      })),
  };
}

export function fromElk(laidOut: ElkNode): Map<string, Point> {
  return new Map((laidOut.children ?? []).map((c) => [c.id, { x: c.x ?? 0, y: c.y ?? 0 }]));
}

/** From scratch, forgetting what was. Without the engine the map is plainer, but it is there. */
export async function layOut(map: ServiceMap, engine: LayoutEngine): Promise<Layout> {
  let placed: Map<string, Point>;
  try {
    placed = fromElk(await engine(toElk(map)));
  } catch (error) {
    console.error("The map could not be laid out by ELK:", error);
    placed = placeRest(map, new Map());
  }
  return { placed, known: placed };
}

/**
 * The same layout for a map that has changed a little: what has a place keeps it, what is new
 * stands beside its neighbours. Undefined when too little is left of the old map to build on.
 */
export function extendLayout(old: Layout, map: ServiceMap): Layout | undefined {
  const kept = map.nodes.filter((node) => old.placed.has(node.id));
  if (kept.length * 2 < Math.max(map.nodes.length, old.placed.size)) return undefined;
  const placed = new Map(kept.map((node) => [node.id, old.placed.get(node.id)!]));
  for (const node of map.nodes) {
    const before = old.known.get(node.id);
    if (!placed.has(node.id) && before && isFree(before, placed)) placed.set(node.id, before);
  }
  placeRest(map, placed);
  return { placed, known: new Map([...old.known, ...placed]) };
}

/** Those with a neighbour first: a chain of new nodes grows from where it hangs on. */
function placeRest(map: ServiceMap, placed: Map<string, Point>): Map<string, Point> {
  const called = new Set(map.edges.flatMap((e) => (e.source === e.target ? [] : [e.target])));
  for (;;) {
    const waiting = map.nodes.filter((node) => !placed.has(node.id));
    if (waiting.length === 0) return placed;
    const node =
      waiting.find((n) => neighbours(map, n.id, placed).length > 0) ??
      waiting.find((n) => !called.has(n.id)) ??
      waiting[0]!;
    placed.set(node.id, freePlace(wantedPlace(map, node.id, placed), placed));
  }
}

interface Neighbour {
  at: Point;
  caller: boolean;
}

function neighbours(map: ServiceMap, id: string, placed: ReadonlyMap<string, Point>): Neighbour[] {
  return map.edges.flatMap((edge): Neighbour[] => {
    if (edge.source === edge.target) return [];
    const caller = edge.target === id;
    if (!caller && edge.source !== id) return [];
    const at = placed.get(caller ? edge.source : edge.target);
    return at ? [{ at, caller }] : [];
  });
}

/** A column behind its callers, else before what it calls, at the height of both. */
function wantedPlace(map: ServiceMap, id: string, placed: ReadonlyMap<string, Point>): Point {
  if (placed.size === 0) return { x: 0, y: 0 };
  const around = neighbours(map, id, placed);
  const column = nodeSize.width + gap.x;
  const callers = around.filter((n) => n.caller);
  if (around.length === 0) {
    const points = [...placed.values()];
    return {
      x: Math.min(...points.map((p) => p.x)),
      y: Math.max(...points.map((p) => p.y)) + nodeSize.height + gap.y,
    };
  }
  return {
    x:
      callers.length > 0
        ? Math.max(...callers.map((n) => n.at.x)) + column
        : Math.min(...around.map((n) => n.at.x)) - column,
    y: around.reduce((sum, n) => sum + n.at.y, 0) / around.length,
  };
}

function isFree(point: Point, placed: ReadonlyMap<string, Point>): boolean {
  for (const other of placed.values())
    if (
      Math.abs(other.x - point.x) < nodeSize.width + gap.x / 2 &&
      Math.abs(other.y - point.y) < nodeSize.height + gap.y
    )
      return false;
  return true;
}

/** The free place in this column that is nearest; below wins over above. */
function freePlace(wanted: Point, placed: ReadonlyMap<string, Point>): Point {
  const step = (nodeSize.height + gap.y) / 4;
  for (let i = 0; ; i += 1)
    for (const y of i === 0 ? [wanted.y] : [wanted.y + i * step, wanted.y - i * step]) {
      const point = { x: wanted.x, y };
      if (isFree(point, placed)) return point;
    }
}

export interface Extent extends Point {
  width: number;
  height: number;
}

export function extentOf(placed: ReadonlyMap<string, Point>): Extent {
  const points = [...placed.values()];
  if (points.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  const x = Math.min(...points.map((p) => p.x));
  const y = Math.min(...points.map((p) => p.y));
  return {
    x,
    y,
    width: Math.max(...points.map((p) => p.x)) + nodeSize.width - x,
    height: Math.max(...points.map((p) => p.y)) + nodeSize.height - y,
  };
}

/** The smallest text on the map in pixels, see theme.css, and the size below which nobody reads. */
const smallestText = 13;
const readableText = 11;
export const readableZoom = readableText / smallestText;

export interface Viewport extends Point {
  zoom: number;
}

export interface Frame {
  width: number;
  height: number;
  /** Room for what stands on the map: buttons, and the overview when it does not fit. */
  left: number;
  right: number;
  margin: number;
}

/**
 * All of the map, if it can be read at that size. If not, the beginning of it at a size that
 * can: calls run from left to right, and a person moves on from there.
 */
export function fitViewport(extent: Extent, frame: Frame): Viewport & { whole: boolean } {
  const width = Math.max(1, frame.width - frame.left - frame.right);
  const height = Math.max(1, frame.height - 2 * frame.margin);
  const fitting = Math.min(width / extent.width, height / extent.height);
  const zoom = Math.min(1.1, Math.max(readableZoom, fitting));
  const start = (room: number, length: number) => Math.max(0, (room - length * zoom) / 2);
  return {
    x: frame.left + start(width, extent.width) - extent.x * zoom,
    y: frame.margin + start(height, extent.height) - extent.y * zoom,
    zoom,
    whole: fitting >= readableZoom,
  };
}

/** Whether a part of the map can be seen whole. */
export function isInView(part: Extent, viewport: Viewport, frame: Frame): boolean {
  const left = part.x * viewport.zoom + viewport.x;
  const top = part.y * viewport.zoom + viewport.y;
  return (
    left >= 0 &&
    top >= 0 &&
    left + part.width * viewport.zoom <= frame.width &&
    top + part.height * viewport.zoom <= frame.height
  );
}

/** Moved as little as it takes to see a part; its beginning, when it is larger than the frame. */
export function bringIntoView(viewport: Viewport, part: Extent, frame: Frame): Viewport {
  const shift = (from: number, length: number, low: number, high: number) =>
    from + length > high ? Math.max(high - from - length, low - from) : Math.max(0, low - from);
  const { zoom } = viewport;
  return {
    zoom,
    x:
      viewport.x +
      shift(
        part.x * zoom + viewport.x,
        part.width * zoom,
        frame.left,
        frame.width - frame.right,
      ),
    y:
      viewport.y +
      shift(
        part.y * zoom + viewport.y,
        part.height * zoom,
        frame.margin,
        frame.height - frame.margin,
      ),
  };
}
