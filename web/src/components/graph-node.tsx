// One node of the map: a ring split by outcome, numbers or icon inside, name and type below.

import { Handle, Position, type Node, type NodeProps } from "@xyflow/react";

import { formatDuration } from "../model/format";
import type { MapNode } from "../model/graph";
import { ringArcs } from "../model/statistics";
import { AlarmMark } from "./alarm-mark";
import { InsightMark } from "./insight-mark";
import { KindIcon } from "./kind-icon";
import { StateMark } from "./state-mark";

export interface NodeStyle {
  inside: "metrics" | "icons";
  size: "none" | "health" | "traffic";
}

export interface GraphNodeData extends Record<string, unknown> {
  node: MapNode;
  style: NodeStyle;
  /** Requests of this node as a share of the busiest one. */
  share: number;
  rate: string;
  failures: string;
  /** In the language of the page. */
  type: string;
  /** Why the node has a mark: it is the root cause of an insight. */
  mark: string | undefined;
  /** In words, how many alarms ring that concern it. */
  alarm: string | undefined;
}

function radiusOf({ node, style, share }: GraphNodeData): number {
  if (style.size === "traffic") return 24 + 16 * Math.sqrt(share);
  if (style.size === "health") {
    const failed = node.outcome.total > 0 ? 1 - node.outcome.ok / node.outcome.total : 0;
    return 25 + 15 * Math.sqrt(failed);
  }
  return 40;
}

export function GraphNode({ data, selected }: NodeProps<Node<GraphNodeData>>) {
  const { node, style } = data;
  const radius = radiusOf(data);
  const metrics = style.inside === "metrics" && node.outcome.total > 0 && radius >= 36;
  return (
    <div
      className={`m-node${selected ? " m-node-selected" : ""}`}
      data-testid="map-node"
      data-name={node.name}
      data-type={node.type ?? ""}
      data-state={node.state}
    >
      <Handle type="target" position={Position.Left} className="m-handle" isConnectable={false} />
      <svg width="84" height="84" viewBox="-42 -42 84 84" aria-hidden="true">
        <circle r={radius} className="m-node-disc" />
        <Ring node={node} radius={radius} />
        {metrics ? (
          <>
            <text y="0" textAnchor="middle" className="m-node-latency">
              {formatDuration(node.outcome.averageSeconds)}
            </text>
            <text y="16" textAnchor="middle" className="m-node-rate">
              {data.rate}
            </text>
          </>
        ) : (
          <g transform="translate(-14 -14)" className="m-node-icon">
            <KindIcon kind={node.kind} size={28} />
          </g>
        )}
        {metrics && (
          <g transform={`translate(-7 ${-radius + 8})`} className="m-node-icon m-node-icon-small">
            <KindIcon kind={node.kind} size={14} />
          </g>
        )}
        {node.state !== "ok" && (
          <g transform={`translate(${radius * 0.72 - 10} ${-radius * 0.72 - 10})`}>
            <circle cx="10" cy="10" r="11.5" className="m-node-badge" />
            <StateMark state={node.state} size={20} />
          </g>
        )}
        {data.alarm && (
          <g
            transform={`translate(${radius * 0.72 - 10} ${radius * 0.72 - 10})`}
            data-testid="alarm-mark"
          >
            <circle cx="10" cy="10" r="12.5" className="m-node-badge" />
            <AlarmMark size={20} label={data.alarm} />
          </g>
        )}
        {data.mark && (
          <g
            transform={`translate(${-radius * 0.72 - 10} ${-radius * 0.72 - 10})`}
            data-testid="insight-mark"
          >
            <rect x="-1.5" y="-1.5" width="23" height="23" rx="6" className="m-node-badge" />
            <InsightMark size={20} label={data.mark} />
          </g>
        )}
      </svg>
      <div className="m-node-name" title={node.name}>
        {node.name}
      </div>
      <div className="m-node-type">{data.type}</div>
      {data.failures && (
        <div className={`m-node-failures m-text-${node.state}`}>{data.failures}</div>
      )}
      <Handle type="source" position={Position.Right} className="m-handle" isConnectable={false} />
    </div>
  );
}

function Ring({ node, radius }: { node: MapNode; radius: number }) {
  const arcs = ringArcs(node.outcome);
  if (arcs.length === 0) return <circle r={radius} className="m-ring m-ring-none" />;
  const around = 2 * Math.PI * radius;
  return arcs.map((arc) => (
    <circle
      key={arc.state}
      r={radius}
      className={`m-ring m-stroke-${arc.state}`}
      strokeDasharray={`${Math.max(2.5, (arc.to - arc.from) * around)} ${around}`}
      strokeDashoffset={-arc.from * around}
      transform="rotate(-90)"
    />
  ));
}
