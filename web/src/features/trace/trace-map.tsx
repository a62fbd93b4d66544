// The map of this one trace, foldable; folded it asks for nothing.

import ExpandableSection from "@cloudscape-design/components/expandable-section";
import { lazy, Suspense, useMemo } from "react";

import { useTraceGraph } from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { useStored, useText } from "../../app/settings";
import { typeText } from "../../app/type-text";
import type { GraphWords } from "../../components/graph-view";
import { PageLoading } from "../../components/page-loading";
import { formatCount, formatDuration, formatPercent } from "../../model/format";
import { toServiceMap, type ServiceMap } from "../../model/graph";
import { drawableNodes } from "../../model/graph-layout";
import { share } from "../../model/statistics";

const GraphView = lazy(() =>
  import("../../components/graph-view").then((m) => ({ default: m.GraphView })),
);
const style = { inside: "metrics", size: "none" } as const;
const height = "250px";

export function TraceMap({ traceId, onNode }: { traceId: string; onNode: (name: string) => void }) {
  const text = useText();
  const [open, setOpen] = useStored("trace-map-open", window.innerWidth > 700);
  const graph = useTraceGraph(traceId, open);
  const map = useMemo(() => toServiceMap(graph.data ?? []), [graph.data]);
  const tooLarge = map.nodes.length > drawableNodes;
  const words = useWords(map);
  return (
    <ExpandableSection
      variant="container"
      headerText={text.trace.map}
      expanded={open}
      onChange={({ detail }) => setOpen(detail.expanded)}
    >
      <div style={tooLarge ? {} : { minHeight: height }}>
        {graph.error ? (
          <ErrorState error={graph.error} onRetry={() => void graph.refetch()} />
        ) : graph.isPending ? (
          <PageLoading label={text.common.loading} rows={3} />
        ) : tooLarge ? (
          text.trace.mapTooLarge(map.nodes.length)
        ) : (
          <Suspense>
            <GraphView
              map={map}
              minutes={1}
              style={style}
              selected={undefined}
              words={words}
              height={height}
              growTo="440px"
              onSelect={(id, what) => {
                const node = map.nodes.find((n) => n.id === id);
                if (what === "node" && node && node.kind !== "client") onNode(node.name);
              }}
            />
          </Suspense>
        )}
      </div>
    </ExpandableSection>
  );
}

/** In one trace a rate says nothing: the number of calls stands in its place. */
function useWords(map: ServiceMap): GraphWords {
  const text = useText();
  return useMemo(() => {
    const name = (id: string) => map.nodes.find((n) => n.id === id)?.name ?? id;
    return {
      label: text.trace.map,
      laying: text.map.laying,
      zoomIn: text.map.zoomIn,
      zoomOut: text.map.zoomOut,
      fit: text.map.fit,
      tidy: text.map.tidy,
      overview: text.map.overview,
      nodeHelp: text.map.nodeHelp,
      edgeHelp: "",
      type: (id) => typeText(text, map.nodes.find((n) => n.id === id)?.type),
      rate: (calls) => `× ${formatCount(calls)}`,
      nodeLabel: (id) => {
        const node = map.nodes.find((n) => n.id === id);
        return node
          ? text.map.nodeLabel(
              node.name,
              text.map.kind[node.kind],
              formatDuration(node.outcome.averageSeconds),
              text.state[node.state],
            )
          : id;
      },
      edgeLabel: (id) => {
        const edge = map.edges.find((e) => e.id === id);
        return edge
          ? text.map.edgeLabel(
              name(edge.source),
              name(edge.target),
              formatDuration(edge.outcome.averageSeconds),
            )
          : id;
      },
      failures: (id) => {
        const node = map.nodes.find((n) => n.id === id);
        if (!node || node.state === "ok") return "";
        const part = share(node.outcome, node.state);
        return part < 1
          ? `${text.state[node.state]} ${formatPercent(part)}`
          : text.state[node.state];
      },
    };
  }, [map, text]);
}
