// The map: React Flow draws what model/graph-layout placed. Knows nothing of pages.

import {
  Background,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
  type Edge,
  type FitViewOptions,
  type Node,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import Button from "@cloudscape-design/components/button";
import { useEffect, useMemo, useRef, useState } from "react";

import { topologyKey, type ServiceMap } from "../model/graph";
import { layOut, loadElk, nodeSize, type Point } from "../model/graph-layout";
import { GraphEdge, type GraphEdgeData } from "./graph-edge";
import { GraphNode, type GraphNodeData, type NodeStyle } from "./graph-node";

export interface GraphWords {
  label: string;
  laying: string;
  zoomIn: string;
  zoomOut: string;
  fit: string;
  nodeLabel: (id: string) => string;
  edgeLabel: (id: string) => string;
  rate: (perMinute: number) => string;
  failures: (id: string) => string;
}

interface GraphViewProps {
  map: ServiceMap;
  minutes: number;
  style: NodeStyle;
  selected: string | undefined;
  onSelect: (id: string | undefined, what: "node" | "edge") => void;
  /** Changes when a node should be brought to the middle. */
  focus?: { id: string; at: number } | undefined;
  words: GraphWords;
  height: string;
}

void loadElk();

// The strip on the left is for the buttons.
const fit: FitViewOptions = {
  padding: { left: "56px", right: "16px", y: "8px" },
  maxZoom: 1.15,
};

const nodeTypes = { service: GraphNode };
const edgeTypes = { call: GraphEdge };

export function GraphView(props: GraphViewProps) {
  const positions = usePositions(props.map);
  return (
    <div
      className="m-graph"
      style={{ height: props.height }}
      role="region"
      aria-label={props.words.label}
    >
      {positions ? (
        <ReactFlowProvider>
          <Flow {...props} positions={positions} />
        </ReactFlowProvider>
      ) : (
        <div className="m-graph-wait" role="status">
          {props.words.laying} …
        </div>
      )}
    </div>
  );
}

/** The last layout stays until a changed topology has its own. */
function usePositions(map: ServiceMap): Map<string, Point> | undefined {
  const key = topologyKey(map);
  const [laid, setLaid] = useState<{ key: string; positions: Map<string, Point> } | undefined>(
    undefined,
  );
  const latest = useRef(map);
  latest.current = map;
  useEffect(() => {
    let current = true;
    void layOut(latest.current).then((positions) => current && setLaid({ key, positions }));
    return () => {
      current = false;
    };
  }, [key]);
  return laid?.positions;
}

function Flow({
  map,
  minutes,
  style,
  selected,
  onSelect,
  focus,
  words,
  positions,
}: GraphViewProps & { positions: Map<string, Point> }) {
  const flow = useReactFlow();
  const size = useStore((s) => `${s.width}×${s.height}`);
  // Until a person has moved the map, it keeps fitting its frame.
  const moved = useRef(false);
  useEffect(() => {
    if (!moved.current) void flow.fitView(fit);
  }, [size, positions, flow]);
  const [hovered, setHovered] = useState<string | undefined>(undefined);
  const most = Math.max(1, ...map.edges.map((e) => e.outcome.total));
  const mostNode = Math.max(1, ...map.nodes.map((n) => n.outcome.total));

  const nodes = useMemo<Node<GraphNodeData>[]>(
    () =>
      map.nodes
        .filter((node) => positions.has(node.id))
        .map((node) => ({
          id: node.id,
          type: "service",
          position: positions.get(node.id)!,
          width: nodeSize.width,
          height: nodeSize.height,
          selected: node.id === selected,
          draggable: false,
          ariaLabel: words.nodeLabel(node.id),
          data: {
            node,
            style,
            share: node.outcome.total / mostNode,
            rate: words.rate(node.outcome.total / minutes),
            failures: words.failures(node.id),
            dimmed: false,
          },
        })),
    [map, positions, selected, style, words, minutes, mostNode],
  );
  const edges = useMemo<Edge<GraphEdgeData>[]>(
    () =>
      map.edges
        .filter((edge) => positions.has(edge.source) && positions.has(edge.target))
        .map((edge) => ({
          id: edge.id,
          source: edge.source,
          target: edge.target,
          type: "call",
          selected: edge.id === selected,
          ariaLabel: words.edgeLabel(edge.id),
          // The label that a pointer gets by hovering, the keyboard gets by focus.
          domAttributes: {
            onFocus: () => setHovered(edge.id),
            onBlur: () => setHovered(undefined),
          },
          zIndex: edge.id === selected || edge.id === hovered ? 5 : 0,
          data: {
            edge,
            sourceName: map.nodes.find((n) => n.id === edge.source)?.name ?? edge.source,
            targetName: map.nodes.find((n) => n.id === edge.target)?.name ?? edge.target,
            width: 1.5 + 4.5 * Math.sqrt(edge.outcome.total / most),
            rate: words.rate(edge.outcome.total / minutes),
            hovered: edge.id === hovered,
          },
        })),
    [map, positions, selected, hovered, words, minutes, most],
  );

  useEffect(() => {
    if (!focus) return;
    moved.current = true;
    const at = positions.get(focus.id);
    if (at)
      void flow.setCenter(at.x + nodeSize.width / 2, at.y + nodeSize.height / 2, {
        zoom: 1.1,
        duration: 300,
      });
  }, [focus, flow, positions]);

  return (
    <>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        fitView
        fitViewOptions={fit}
        onMove={(event) => {
          if (event) moved.current = true;
        }}
        minZoom={0.1}
        maxZoom={2.5}
        nodesConnectable={false}
        nodesDraggable={false}
        edgesFocusable
        zoomOnDoubleClick={false}
        // The page scrolls with the wheel; the map zooms with Ctrl/⌘ + wheel or the buttons.
        zoomOnScroll={false}
        preventScrolling={false}
        panOnDrag
        proOptions={{ hideAttribution: true }}
        onNodeClick={(_, node) => onSelect(node.id, "node")}
        onEdgeClick={(_, edge) => onSelect(edge.id, "edge")}
        onEdgeMouseEnter={(_, edge) => setHovered(edge.id)}
        onEdgeMouseLeave={() => setHovered(undefined)}
        onPaneClick={() => onSelect(undefined, "node")}
        onNodesChange={(changes) => {
          // Enter or Space on a focused node arrives as a change of selection.
          for (const change of changes)
            if (change.type === "select" && change.selected && change.id !== selected)
              onSelect(change.id, "node");
        }}
        onEdgesChange={(changes) => {
          for (const change of changes)
            if (change.type === "select" && change.selected && change.id !== selected)
              onSelect(change.id, "edge");
        }}
      >
        <Background gap={24} size={1} className="m-graph-dots" />
      </ReactFlow>
      <div className="m-graph-tools">
        <Button
          iconName="zoom-in"
          ariaLabel={words.zoomIn}
          onClick={() => void flow.zoomIn({ duration: 150 })}
        />
        <Button
          iconName="zoom-out"
          ariaLabel={words.zoomOut}
          onClick={() => void flow.zoomOut({ duration: 150 })}
        />
        <Button
          iconName="zoom-to-fit"
          ariaLabel={words.fit}
          onClick={() => {
            moved.current = false;
            void flow.fitView({ ...fit, duration: 200 });
          }}
        />
      </div>
    </>
  );
}
