// The map: React Flow draws what model/graph-layout placed. Knows nothing of pages.

import {
  Background,
  MiniMap,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
  type Edge,
  type Node,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import Button from "@cloudscape-design/components/button";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { topologyKey, type ServiceMap } from "../model/graph";
import {
  bringIntoView,
  extendLayout,
  extentOf,
  fitViewport,
  isInView,
  layOut,
  nodeSize,
  readableZoom,
  type Extent,
  type Layout,
  type Viewport,
} from "../model/graph-layout";
import { GraphEdge, type GraphEdgeData } from "./graph-edge";
import { GraphNode, type GraphNodeData, type NodeStyle } from "./graph-node";
import { layoutEngine, startLayoutEngine } from "./layout-engine";

export interface GraphWords {
  label: string;
  laying: string;
  zoomIn: string;
  zoomOut: string;
  fit: string;
  tidy: string;
  overview: string;
  nodeHelp: string;
  edgeHelp: string;
  type: (id: string) => string;
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
  /** Nodes that are the root cause of an insight, with words for it. */
  marks?: ReadonlyMap<string, string> | undefined;
  /** Nodes with alarms that ring, in words. */
  alarms?: ReadonlyMap<string, string> | undefined;
  height: string;
  /** How high it may grow for a map that needs it. */
  growTo?: string | undefined;
  /** Keeps the places of the nodes while the map is not shown. */
  memory?: LayoutMemory | undefined;
}

export interface LayoutMemory {
  layout?: Layout | undefined;
}

void startLayoutEngine();

const nodeTypes = { service: GraphNode };
const edgeTypes = { call: GraphEdge };
const frameMargin = 10;
// The strip on the left is for the buttons.
const toolStrip = 56;

export function GraphView(props: GraphViewProps) {
  const { height, growTo, words, selected, onSelect } = props;
  const { layout, round, tidy } = useLayout(props.map, props.memory);
  return (
    <div
      className="m-graph"
      style={{ height: layout && growTo ? grown(height, growTo, layout) : height }}
      role="region"
      aria-label={words.label}
      onKeyDown={(event) => {
        if (event.key === "Escape" && selected) onSelect(undefined, "node");
      }}
    >
      {layout ? (
        <ReactFlowProvider>
          <Flow {...props} layout={layout} round={round} onTidy={tidy} />
        </ReactFlowProvider>
      ) : (
        <div className="m-graph-wait" role="status">
          {words.laying} …
        </div>
      )}
    </div>
  );
}

function grown(height: string, growTo: string, { placed }: Layout): string {
  const wanted = Math.ceil(extentOf(placed).height * readableZoom) + 2 * frameMargin;
  return `max(${height}, min(${wanted}px, ${growTo}))`;
}

/**
 * The last layout stays until a changed topology has its own, and a small change leaves the nodes
 * where they are. `round` counts the layouts from scratch.
 */
function useLayout(map: ServiceMap, memory: LayoutMemory | undefined) {
  const key = topologyKey(map);
  const [shown, setShown] = useState<{ layout: Layout; round: number } | undefined>(() => {
    const layout = memory?.layout && extendLayout(memory.layout, map);
    return layout && { layout, round: 0 };
  });
  const last = useRef(shown?.layout);
  const latest = useRef(map);
  latest.current = map;
  const show = useCallback(
    (layout: Layout, fresh: boolean) => {
      last.current = layout;
      if (memory) memory.layout = layout;
      setShown((old) => ({ layout, round: (old?.round ?? 0) + (fresh ? 1 : 0) }));
    },
    [memory],
  );
  const request = useRef(0);
  const fromScratch = useCallback(() => {
    const mine = ++request.current;
    void layOut(latest.current, layoutEngine).then(
      (layout) => mine === request.current && show(layout, true),
    );
  }, [show]);
  useEffect(() => {
    const extended = last.current && extendLayout(last.current, latest.current);
    if (extended) {
      request.current += 1;
      show(extended, false);
    } else fromScratch();
  }, [key, show, fromScratch]);
  useEffect(() => () => void (request.current += 1), []);
  return { layout: shown?.layout, round: shown?.round ?? 0, tidy: fromScratch };
}

/** What the details speak of: a node, or an edge with both its ends. */
function extentOfSelected(
  map: ServiceMap,
  { placed }: Layout,
  selected: string | undefined,
): Extent | undefined {
  const edge = map.edges.find((e) => e.id === selected);
  const ids = edge ? [edge.source, edge.target] : selected ? [selected] : [];
  const points = ids.flatMap((id) => {
    const at = placed.get(id);
    return at ? [[id, at] as const] : [];
  });
  return points.length > 0 ? extentOf(new Map(points)) : undefined;
}

const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const motion = (ms: number) => (stillness.matches ? 0 : ms);

function Flow({
  map,
  minutes,
  style,
  selected,
  onSelect,
  focus,
  words,
  marks,
  alarms,
  layout,
  round,
  onTidy,
}: GraphViewProps & { layout: Layout; round: number; onTidy: () => void }) {
  const flow = useReactFlow();
  const width = useStore((s) => s.width);
  const height = useStore((s) => s.height);
  const positions = layout.placed;
  const extent = useMemo(() => extentOf(positions), [positions]);
  const bare = { width, height, left: toolStrip, right: frameMargin, margin: frameMargin };
  const { whole } = fitViewport(extent, bare);
  const overview = overviewSize(extent, width);
  const frame = whole ? bare : { ...bare, right: overview.width + 2 * frameMargin };
  // Until a person has moved the map, it keeps fitting its frame.
  const moved = useRef(false);
  const [seen, setSeen] = useState<string | undefined>(undefined);
  const chosen = extentOfSelected(map, layout, selected);
  const occasion = JSON.stringify([width, height, round, extent, selected]);
  useEffect(() => {
    if (width === 0 || !flow.viewportInitialized || occasion === seen) return;
    const now = flow.getViewport();
    const before = seen === undefined ? undefined : (JSON.parse(seen) as unknown[]);
    const sameFrame = before?.[0] === width && before[1] === height && before[2] === round;
    // New nodes that can be seen already are no reason to move the others.
    const stays = moved.current || (sameFrame && isInView(extent, now, frame));
    const { x, y, zoom } = fitViewport(extent, frame);
    let next: Viewport = stays ? now : { x, y, zoom };
    if (chosen) next = bringIntoView(next, chosen, frame);
    if (next.x !== now.x || next.y !== now.y || next.zoom !== now.zoom)
      void flow.setViewport(next, { duration: seen === undefined ? 0 : motion(250) });
    setSeen(occasion);
  });
  // The drawing brings a node into view that the keyboard comes to, but not an edge.
  const reveal = useRef((_id: string) => {});
  reveal.current = (id) => {
    const part = extentOfSelected(map, layout, id);
    if (part) void flow.setViewport(bringIntoView(flow.getViewport(), part, frame));
  };
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
          ariaLabel: [words.nodeLabel(node.id), marks?.get(node.id), alarms?.get(node.id)].filter(Boolean).join(", "),
          data: {
            node,
            style,
            share: node.outcome.total / mostNode,
            rate: words.rate(node.outcome.total / minutes),
            failures: words.failures(node.id),
            type: words.type(node.id),
            mark: marks?.get(node.id),
            alarm: alarms?.get(node.id),
          },
        })),
    [map, positions, selected, style, words, marks, alarms, minutes, mostNode],
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
            onFocus: (event) => {
              setHovered(edge.id);
              if (event.currentTarget.matches(":focus-visible")) reveal.current(edge.id);
            },
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
        duration: motion(300),
      });
  }, [focus, flow, positions]);

  return (
    <>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        className={seen === undefined ? "m-graph-unseen" : ""}
        ariaLabelConfig={{
          "node.a11yDescription.default": words.nodeHelp,
          "edge.a11yDescription.default": words.edgeHelp,
          "minimap.ariaLabel": words.overview,
        }}
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
        {seen !== undefined && !whole && (
          <MiniMap
            pannable
            position="top-right"
            ariaLabel={words.overview}
            style={overview}
            nodeBorderRadius={40}
            nodeClassName={(node) => `m-mini-${(node as Node<GraphNodeData>).data.node.state}`}
          />
        )}
      </ReactFlow>
      <div className="m-graph-tools">
        <Button
          iconName="zoom-in"
          ariaLabel={words.zoomIn}
          onClick={() => {
            moved.current = true;
            void flow.zoomIn({ duration: motion(150) });
          }}
        />
        <Button
          iconName="zoom-out"
          ariaLabel={words.zoomOut}
          onClick={() => {
            moved.current = true;
            void flow.zoomOut({ duration: motion(150) });
          }}
        />
        <Button
          iconName="zoom-to-fit"
          ariaLabel={words.fit}
          onClick={() => {
            moved.current = false;
            void flow.setViewport(fitViewport(extent, frame), { duration: motion(200) });
          }}
        />
        <Button
          iconSvg={<TidyIcon />}
          ariaLabel={words.tidy}
          onClick={() => {
            moved.current = false;
            onTidy();
          }}
        />
      </div>
    </>
  );
}

/** As wide as the map is to its height, and small beside it. */
function overviewSize(extent: Extent, width: number): { width: number; height: number } {
  const most = width < 600 ? { width: 64, height: 56 } : { width: 130, height: 80 };
  const scale = Math.min(most.width / extent.width, most.height / extent.height);
  return {
    width: Math.max(50, Math.round(extent.width * scale)),
    height: Math.max(36, Math.round(extent.height * scale)),
  };
}

function TidyIcon() {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d="M1.5 6h4v4h-4zM10.5 1.5h4v4h-4zM10.5 10.5h4v4h-4zM5.5 8H8M10.5 3.5H8v9h2.5" />
    </svg>
  );
}
