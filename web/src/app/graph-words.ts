import { useMemo } from "react";

import { useText } from "./settings";
import { typeText } from "./type-text";
import type { GraphWords } from "../components/graph-view";
import type { Catalogue } from "../i18n/en";
import { formatDuration, formatPercent, formatRate } from "../model/format";
import type { ServiceMap } from "../model/graph";
import { share, type Outcome, type State } from "../model/statistics";

export function failuresText(text: Catalogue, outcome: Outcome): string {
  return (["fault", "throttle", "error"] as const)
    .filter((state) => outcome[state] > 0)
    .slice(0, 2)
    // A line may break between the two, not within one.
    .map((state) => `${stateText(text, state)} ${formatPercent(share(outcome, state))}`)
    .map((part) => part.replaceAll(" ", "\u00a0"))
    .join(" · ");
}

export function stateText(text: Catalogue, state: State): string {
  return text.state[state];
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
      tidy: text.map.tidy,
      overview: text.map.overview,
      nodeHelp: text.map.nodeHelp,
      edgeHelp: text.map.edgeHelp,
      type: (id) => typeText(text, map.nodes.find((n) => n.id === id)?.type),
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
