import type { ReactNode } from "react";
import Button from "@cloudscape-design/components/button";
import { Link } from "react-router";

import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { StateMark } from "../../components/state-mark";
import { formatBytes, formatDuration, formatTimePrecise } from "../../model/format";
import { isFailure, isInProgress, type SegmentDocument } from "../../model/segment";
import type { SegmentNode, Waterfall } from "../../model/waterfall";
import { tracePath } from "../../path";
import { segmentStateText } from "../../app/timeline-words";

interface OverviewProps {
  waterfall: Waterfall;
  node: SegmentNode;
  onSelect: (key: string | undefined, tab?: string) => void;
}

export function Overview({ waterfall, node, onSelect }: OverviewProps) {
  const { text, zone } = useSettings();
  const t = text.trace.overview;
  const { document } = node;
  const { http } = document;
  const running = isInProgress(document);
  const parentId = node.parent?.key ?? document.parent_id;
  const facts: [string, ReactNode][] = [
    [
      t.state,
      <span key="s" className="m-state">
        <StateMark state={node.state} />
        {segmentStateText(text, node.state)}
        {isFailure(node.below) &&
          !isFailure(node.state) &&
          ` (${text.state.below(segmentStateText(text, node.below))})`}
      </span>,
    ],
    [t.flags, flags(document)],
    [
      t.duration,
      running ? text.trace.inProgress : formatDuration(node.interval.end - node.interval.start),
    ],
    [t.own, formatDuration(node.selfSeconds)],
    [t.start, formatTimePrecise(document.start_time, zone)],
    [t.end, running ? text.trace.inProgress : formatTimePrecise(document.end_time, zone)],
    [
      t.request,
      http?.request?.url ? `${http.request.method ?? ""} ${http.request.url}` : undefined,
    ],
    [t.response, http?.response?.status],
    [
      t.length,
      typeof http?.response?.content_length === "number"
        ? formatBytes(http.response.content_length)
        : undefined,
    ],
    [t.client, http?.request?.client_ip],
    [t.agent, http?.request?.user_agent],
    [t.user, document.user],
    [t.name, document.name],
    [
      node.isSubsegment ? t.subsegmentId : t.id,
      <span key="i" className="m-mono">
        {document.id}
      </span>,
    ],
    [
      t.parent,
      parentId && <Parent key="p" id={parentId} waterfall={waterfall} onSelect={onSelect} />,
    ],
    [t.origin, document.origin],
    [t.namespace, document.namespace],
    [t.links, document.links?.length ? <TraceLinks key="l" links={document.links} /> : undefined],
  ];
  const notes = [
    document.inferred && text.trace.inferredHelp,
    node.orphan && text.trace.orphanHelp,
    running && text.trace.inProgressHelp,
  ].filter(Boolean);
  return (
    <>
      {notes.map((note) => (
        <div key={String(note)} className="m-note">
          {note}
        </div>
      ))}
      <dl className="m-facts m-facts-grid">
        {facts
          .filter(([, value]) => value !== undefined && value !== "" && value !== null)
          .map(([label, value]) => (
            <div key={label} className="m-fact">
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </>
  );
}

function flags(document: SegmentDocument): string {
  return (["error", "throttle", "fault"] as const).filter((flag) => document[flag]).join(", ");
}

function Parent({
  id,
  waterfall,
  onSelect,
}: {
  id: string;
  waterfall: Waterfall;
  onSelect: OverviewProps["onSelect"];
}) {
  const parent = waterfall.byId.get(id);
  if (!parent) return <span className="m-mono">{id}</span>;
  return (
    <Button variant="inline-link" onClick={() => onSelect(parent.key)}>
      {parent.service === parent.document.name
        ? parent.document.name
        : `${parent.service} › ${parent.document.name}`}
    </Button>
  );
}

function TraceLinks({ links }: { links: NonNullable<SegmentDocument["links"]> }) {
  const { printed } = useTimeRange();
  return links.map((link) =>
    link.trace_id ? (
      <div key={`${link.trace_id}${link.id}`}>
        <Link
          className="m-link m-mono"
          to={tracePath(link.trace_id, { range: printed, segment: link.id })}
        >
          {link.trace_id}
        </Link>
      </div>
    ) : null,
  );
}
