import { useMemo } from "react";

import { useText } from "../../app/settings";
import type { GraphWords } from "../../components/graph-view";
import type { Catalogue } from "../../i18n/en";
import { formatDuration, formatPercent, formatRate } from "../../model/format";
import type { MapNode, ServiceMap } from "../../model/graph";
import { share, type Outcome, type State } from "../../model/statistics";

export function failuresText(text: Catalogue, outcome: Outcome): string {
  return (["fault", "throttle", "error"] as const)
    .filter((state) => outcome[state] > 0)
    .slice(0, 2)
    .map((state) => `${stateText(text, state)} ${formatPercent(share(outcome, state))}`)
    .join(" · ");
}

export function stateText(text: Catalogue, state: State): string {
  return text.state[state];
}

/** X-Ray's own word where it has one; a client's is the only one that is not a type of something. */
export function typeText(text: Catalogue, node: MapNode): string {
  return node.kind === "client" ? text.map.kind.client : (node.type ?? text.map.kind[node.kind]);
}

export function useGraphWords(map: ServiceMap, minutes: number): GraphWords {
  const text = useText();
  return useMemo(() => {
    const numbers = (outcome: Outcome) =>
      outcome.total === 0
        ? text.map.noNumbers
        : [
            formatDuration(outcome.averageSeconds),
            formatRate(outcome.total / minutes),
            failuresText(text, outcome),
          ]
            .filter(Boolean)
            .join(", ");
    return {
      label: text.map.mapLabel,
      laying: text.map.laying,
      zoomIn: text.map.zoomIn,
      zoomOut: text.map.zoomOut,
      fit: text.map.fit,
      rate: formatRate,
      nodeLabel: (id) => {
        const node = map.nodes.find((n) => n.id === id);
        return node
          ? text.map.nodeLabel(
              node.name,
              text.map.kind[node.kind],
              numbers(node.outcome),
              stateText(text, node.state),
            )
          : id;
      },
      edgeLabel: (id) => {
        const edge = map.edges.find((e) => e.id === id);
        const name = (nodeId: string) => map.nodes.find((n) => n.id === nodeId)?.name ?? nodeId;
        return edge
          ? text.map.edgeLabel(name(edge.source), name(edge.target), numbers(edge.outcome))
          : id;
      },
      failures: (id) => {
        const node = map.nodes.find((n) => n.id === id);
        return node ? failuresText(text, node.outcome) : "";
      },
    };
  }, [map, minutes, text]);
}
