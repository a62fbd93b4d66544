// The services that fail because of the root cause, and who calls them.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { lazy, Suspense, useMemo } from "react";
import { useNavigate } from "react-router";

import { useInsightImpactGraph, useServiceGraph } from "../../api/hook";
import type { Insight } from "../../api/insight";
import { ErrorState } from "../../app/error-state";
import { useGraphWords } from "../../app/graph-words";
import { useText } from "../../app/settings";
import { PageLoading } from "../../components/page-loading";
import { drawableNodes } from "../../model/graph-layout";
import { nodeId, rootCauseOf, toImpactMap } from "../../model/insight";
import { printTimeRange, type Window } from "../../model/time-range";
import { traceMapPath } from "../../path";

const GraphView = lazy(() =>
  import("../../components/graph-view").then((m) => ({ default: m.GraphView })),
);
const style = { inside: "metrics", size: "none" } as const;
const height = "280px";

interface ImpactMapProps {
  insight: Insight;
  window: Window;
  group: string | undefined;
}

export function ImpactMap({ insight, window, group }: ImpactMapProps) {
  const text = useText();
  const t = text.insight;
  const navigate = useNavigate();
  const impact = useInsightImpactGraph(insight.InsightId, window);
  const numbers = useServiceGraph(window, group);
  const map = useMemo(
    () => toImpactMap(impact.data ?? [], numbers.data ?? []),
    [impact.data, numbers.data],
  );
  const minutes = Math.max(1, (window.end - window.start) / 60);
  const words = useGraphWords(map, minutes);
  const cause = nodeId(rootCauseOf(insight));
  const marks = useMemo(() => new Map([[cause, t.rootCause]]), [cause, t]);
  const open = (id: string | undefined, what: "node" | "edge") => {
    if (id === undefined) return;
    const range = printTimeRange({ kind: "absolute", ...window });
    void navigate(traceMapPath({ range, group, [what]: id }));
  };
  return (
    <Container header={<Header variant="h2">{t.impactMap}</Header>}>
      {impact.error ? (
        <ErrorState error={impact.error} onRetry={() => void impact.refetch()} />
      ) : impact.isPending || numbers.isPending ? (
        <PageLoading label={text.common.loading} rows={3} />
      ) : map.nodes.length === 0 ? (
        <div className="m-text-quiet">{t.noMap}</div>
      ) : map.nodes.length > drawableNodes ? (
        text.trace.mapTooLarge(map.nodes.length)
      ) : (
        <Suspense fallback={<div style={{ height }} />}>
          <GraphView
            map={map}
            minutes={minutes}
            style={style}
            // A map that is wider than its frame shows this part of itself.
            selected={cause}
            words={{ ...words, label: t.impactMap, nodeHelp: t.mapHelp, edgeHelp: t.mapHelp }}
            marks={marks}
            height={height}
            onSelect={open}
          />
        </Suspense>
      )}
    </Container>
  );
}
