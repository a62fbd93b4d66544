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

export function GraphEdge(props: EdgeProps<Edge<GraphEdgeData>>) {
  const { data, selected } = props;
  if (!data) return null;
  const { edge } = data;
  // Rings sit in the upper part of a node's box; edges meet them there, not at the text.
  const lift = 0;
  const [path, labelX, labelY] = getBezierPath({
    sourceX: props.sourceX,
    sourceY: props.sourceY - lift,
    sourcePosition: props.sourcePosition,
    targetX: props.targetX,
    targetY: props.targetY - lift,
    targetPosition: props.targetPosition,
  });
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
