// The service graph as the map draws it: plain nodes and edges with their numbers.

import type { HistogramEntry, Service } from "../api/xray";
import { serviceSelector, edgeSelector, type NodeRef } from "./filter";
import { mergeHistograms } from "./histogram";
import { addOutcomes, outcomeOf, worstState, type Outcome, type State } from "./statistics";

export type NodeKind =
  "client" | "service" | "database" | "queue" | "aws" | "function" | "storage" | "remote";

export interface MapNode {
  id: string;
  name: string;
  type: string | undefined;
  kind: NodeKind;
  root: boolean;
  outcome: Outcome;
  state: State;
  histogram: HistogramEntry[];
}

export interface MapEdge {
  id: string;
  source: string;
  target: string;
  link: boolean;
  outcome: Outcome;
  state: State;
  histogram: HistogramEntry[];
}

export interface ServiceMap {
  nodes: MapNode[];
  edges: MapEdge[];
}

export function nodeIdOf(service: { Name?: string; Type?: string }): string {
  return `${service.Name ?? ""}|${service.Type ?? ""}`;
}

export function kindOf(type: string | undefined): NodeKind {
  if (!type) return "service";
  const lower = type.toLowerCase();
  if (lower === "client") return "client";
  if (lower === "remote") return "remote";
  if (/dynamodb|database|rds|sql|redshift|elasticache|docdb/.test(lower)) return "database";
  if (/sqs|sns|kinesis|events|mq|kafka/.test(lower)) return "queue";
  if (/s3/.test(lower)) return "storage";
  if (/lambda/.test(lower)) return "function";
  if (/ecs|eks|ec2|elasticbeanstalk|apprunner/.test(lower)) return "service";
  return lower.startsWith("aws::") ? "aws" : "service";
}

export function toServiceMap(services: readonly Service[]): ServiceMap {
  const byReference = new Map<number, string>();
  const nodes: MapNode[] = [];
  for (const service of services) {
    const id = nodeIdOf(service);
    byReference.set(service.ReferenceId, id);
    if (nodes.some((n) => n.id === id)) continue;
    const outcome = outcomeOf(service.SummaryStatistics);
    nodes.push({
      id,
      name: service.Name ?? "",
      type: service.Type || undefined,
      kind: kindOf(service.Type),
      root: service.Root === true,
      outcome,
      state: worstState(outcome),
      histogram: service.ResponseTimeHistogram ?? [],
    });
  }
  const edges: MapEdge[] = [];
  for (const service of services)
    for (const edge of service.Edges ?? []) {
      const target = byReference.get(edge.ReferenceId);
      if (target === undefined) continue;
      const source = nodeIdOf(service);
      const outcome = outcomeOf(edge.SummaryStatistics);
      const link = edge.EdgeType?.toLowerCase() === "link";
      edges.push({
        id: `${source}→${target}${link ? "~" : ""}`,
        source,
        target,
        link,
        outcome,
        state: worstState(outcome),
        histogram: (link ? edge.ReceivedEventAgeHistogram : edge.ResponseTimeHistogram) ?? [],
      });
    }
  // The server's order may change between answers; the drawing must not.
  nodes.sort((a, b) => (a.id < b.id ? -1 : 1));
  edges.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { nodes: nodes.map((n) => withClientNumbers(n, edges)), edges };
}

/** A client sends no segments: its numbers are those of the calls it makes. */
function withClientNumbers(node: MapNode, edges: readonly MapEdge[]): MapNode {
  if (node.outcome.total > 0) return node;
  const out = edges.filter((e) => e.source === node.id && !e.link);
  if (node.kind !== "client" || out.length === 0) return node;
  const outcome = out.map((e) => e.outcome).reduce(addOutcomes);
  return {
    ...node,
    outcome,
    state: worstState(outcome),
    histogram: mergeHistograms(out.map((e) => e.histogram)),
  };
}

export function nodeSelector(node: MapNode): string {
  return serviceSelector(refOf(node));
}

export function selectorOfEdge(map: ServiceMap, edge: MapEdge): string | undefined {
  const source = map.nodes.find((n) => n.id === edge.source);
  const target = map.nodes.find((n) => n.id === edge.target);
  return source && target ? edgeSelector(refOf(source), refOf(target)) : undefined;
}

function refOf(node: MapNode): NodeRef {
  return { name: node.name, type: node.type };
}

/** Changes only when the picture has to be laid out anew. */
export function topologyKey(map: ServiceMap): string {
  return JSON.stringify([map.nodes.map((n) => n.id), map.edges.map((e) => e.id)]);
}
