// Positions for the map: ELK's layered layout, left to right by call direction.
// A pure function of the topology, so refreshed numbers never move a node.

import type { ElkNode } from "elkjs/lib/elk-api";

import type { ServiceMap } from "./graph";

export interface Point {
  x: number;
  y: number;
}

/** Beyond this many nodes a drawing says nothing any more, and laying it out takes minutes. */
export const drawableNodes = 400;

export const nodeSize = { width: 168, height: 132 } as const;

export function toElk(map: ServiceMap): ElkNode {
  return {
    id: "map",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.spacing.nodeNode": "8",
      "elk.layered.spacing.nodeNodeBetweenLayers": "70",
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
      ...(node.kind === "client"
        ? { layoutOptions: { "elk.layered.layering.layerConstraint": "FIRST" } }
        : {}),
    })),
    edges: map.edges
      // A service that calls itself has no say in the layers.
      .filter((edge) => edge.source !== edge.target)
      .map((edge) => ({ id: edge.id, sources: [edge.source], targets: [edge.target] })),
  };
}

export function fromElk(laidOut: ElkNode): Map<string, Point> {
  return new Map((laidOut.children ?? []).map((c) => [c.id, { x: c.x ?? 0, y: c.y ?? 0 }]));
}

let elk: Promise<typeof import("elkjs/lib/elk.bundled.js")> | undefined;

/** ELK is large: whoever will need it soon may ask for it ahead of time. */
export function loadElk() {
  elk ??= import("elkjs/lib/elk.bundled.js");
  return elk;
}

export async function layOut(map: ServiceMap): Promise<Map<string, Point>> {
  const { default: Elk } = await loadElk();
  return fromElk(await new Elk().layout(toElk(map)));
}
