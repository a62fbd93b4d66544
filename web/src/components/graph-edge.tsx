// One edge of the map. The invisible wide path is what a pointer can hit.

import {
  BaseEdge,
  EdgeLabelRenderer,
  getBezierPath,
  type Edge,
  type EdgeProps,
} from "@xyflow/react";

import { formatDuration, formatPercent } from "../model/format";
import type { MapEdge } from "../model/graph";
import { share } from "../model/statistics";

export interface GraphEdgeData extends Record<string, unknown> {
  edge: MapEdge;
  sourceName: string;
  targetName: string;
  width: number;
  rate: string;
  hovered: boolean;
}

const columnWidth = 208;
const labelGap = 80;

/** The point of the curve that lies so far left of its end. */
function pointBefore(
  { sourceX, sourceY, targetX, targetY }: EdgeProps,
  distance: number,
): [number, number] {
  const middle = (sourceX + targetX) / 2;
  const at = (t: number, a: number, b: number, c: number, d: number) =>
    a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t ** 2 * (1 - t) + d * t ** 3;
  let [low, high] = [0, 1];
  for (let i = 0; i < 12; i += 1) {
    const t = (low + high) / 2;
    if (at(t, sourceX, middle, middle, targetX) < targetX - distance) low = t;
    else high = t;
  }
  return [targetX - distance, at(low, sourceY, sourceY, targetY, targetY)];
}

export function GraphEdge(props: EdgeProps<Edge<GraphEdgeData>>) {
  const { data, selected } = props;
  if (!data) return null;
  const { edge } = data;
  const [path, middleX, middleY] = getBezierPath(props);
  // An edge over several columns passes nodes on its way: its label stands in the last gap.
  const long = props.targetX - props.sourceX > 1.5 * columnWidth;
  const [labelX, labelY] = long ? pointBefore(props, labelGap) : [middleX, middleY];
  const marker = `arrow-${edge.state}`;
  const bad = edge.state !== "ok";
  return (
    <g
      data-testid="map-edge"
      data-source={data.sourceName}
      data-target={data.targetName}
      data-state={edge.state}
    >
      <defs>
        <marker
          id={marker}
          viewBox="0 0 10 10"
          refX="8"
          refY="5"
          markerUnits="userSpaceOnUse"
          markerWidth="14"
          markerHeight="14"
          orient="auto-start-reverse"
        >
          <path d="M0 1 9 5 0 9z" className={`m-fill-edge-${edge.state}`} />
        </marker>
      </defs>
      <BaseEdge
        path={path}
        interactionWidth={24}
        markerEnd={`url(#${marker})`}
        className={`m-edge m-edge-${edge.state}${selected ? " m-edge-selected" : ""}`}
        style={{ strokeWidth: data.width, ...(edge.link ? { strokeDasharray: "7 6" } : {}) }}
      />
      {(data.hovered || selected || bad) && (
        <EdgeLabelRenderer>
          <div
            className={`m-edge-label${data.hovered || selected ? " m-edge-label-strong" : ""}`}
            style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}
          >
            {(data.hovered || selected) && (
              <>
                {formatDuration(edge.outcome.averageSeconds)} · {data.rate}
                {bad && " · "}
              </>
            )}
            {bad && (
              <span className={`m-text-${edge.state}`}>
                {formatPercent(share(edge.outcome, edge.state))}
              </span>
            )}
          </div>
        </EdgeLabelRenderer>
      )}
    </g>
  );
}
