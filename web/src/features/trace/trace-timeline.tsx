// The timeline with its tools: fold, zoom, find, and the two jumps a person wants first.

import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Toggle from "@cloudscape-design/components/toggle";
import { useEffect, useMemo, useState } from "react";

import { chartWords } from "../../app/chart-words";
import { useText } from "../../app/settings";
import { useTimelineWords } from "../../app/timeline-words";
import { useUrlState } from "../../app/url-state";
import { StateMark } from "../../components/state-mark";
import { Timeline } from "../../components/timeline";
import type { Zoom } from "../../components/timeline-ruler";
import { criticalPath } from "../../model/critical-path";
import { formatDuration } from "../../model/format";
import {
  ancestorsOf,
  collapsibleKeys,
  visibleRows,
  type SegmentNode,
  type Waterfall,
} from "../../model/waterfall";
import { PathSummary } from "./path-summary";
import { marksOf, type TraceLogs } from "./use-trace-logs";

interface TraceTimelineProps {
  waterfall: Waterfall;
  selected: string | undefined;
  onSelect: (key: string | undefined, tab?: string, line?: string) => void;
  logs: TraceLogs;
}

export function TraceTimeline({ waterfall, selected, onSelect, logs }: TraceTimelineProps) {
  const text = useText();
  const words = useTimelineWords();
  const url = useUrlState();
  const pathShown = url.get("path") !== undefined;
  const path = useMemo(
    () => (pathShown ? criticalPath(waterfall) : undefined),
    [pathShown, waterfall],
  );
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [zoom, setZoom] = useState<Zoom | undefined>(undefined);
  const [found, setFound] = useState<string | undefined>(undefined);
  const rows = useMemo(() => visibleRows(waterfall, collapsed), [waterfall, collapsed]);
  const reveal = (node: SegmentNode) =>
    setCollapsed((old) => {
      const above = ancestorsOf(waterfall, node).filter((key) => old.has(key));
      return above.length === 0 ? old : new Set([...old].filter((key) => !above.includes(key)));
    });
  // A row that the address or the details point to must not stay folded away.
  useEffect(() => {
    const node = selected === undefined ? undefined : waterfall.byId.get(selected);
    if (node) reveal(node);
  }, [selected, waterfall]);
  const toggle = (key: string, open?: boolean) =>
    setCollapsed((old) => {
      const next = new Set(old);
      if (open ?? old.has(key)) next.delete(key);
      else next.add(key);
      return next;
    });
  const jump = (key: string) => {
    onSelect(key, "overview");
    // The address does not change when it is selected already, yet it may be out of sight.
    if (key === selected)
      document.getElementById(`row-${key}`)?.scrollIntoView({ block: "center" });
  };
  const { firstFailure, slowest } = waterfall;
  const { lines } = logs;
  const marks = useMemo(() => marksOf(lines), [lines]);
  const errors = lines.filter(({ level }) => level === "error").length;
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={path ? text.criticalPath.marked : text.trace.pale}
          actions={
            <SpaceBetween direction="horizontal" size="xs" alignItems="center">
              <Toggle
                checked={pathShown}
                onChange={({ detail }) => url.set({ path: detail.checked ? "on" : undefined })}
              >
                <span title={text.criticalPath.help}>{text.criticalPath.show}</span>
              </Toggle>
              <FindInTimeline
                waterfall={waterfall}
                onFound={(node) => {
                  reveal(node);
                  setFound(node.key);
                }}
              />
              <Button onClick={() => setCollapsed(new Set())}>{text.trace.expandAll}</Button>
              <Button onClick={() => setCollapsed(new Set(collapsibleKeys(waterfall)))}>
                {text.trace.collapseAll}
              </Button>
              <Button disabled={!zoom} onClick={() => setZoom(undefined)}>
                {text.trace.resetZoom}
              </Button>
            </SpaceBetween>
          }
        >
          {text.trace.timeline}
        </Header>
      }
    >
      <div className="m-links m-jumps">
        {firstFailure && (
          <Button
            variant="inline-link"
            onClick={() =>
              onSelect(firstFailure.key, firstFailure.document.cause ? "exceptions" : "overview")
            }
          >
            <span className="m-state" data-testid="first-fault">
              <StateMark state={firstFailure.state} size={14} />
              {text.trace.firstFault(label(firstFailure))}
            </span>
          </Button>
        )}
        {slowest && slowest.selfSeconds > 0 && waterfall.segmentCount > 1 && (
          <Button
            variant="inline-link"
            iconName="status-pending"
            onClick={() => onSelect(slowest.key, "overview")}
          >
            <span data-testid="slowest">
              {text.trace.slowest(
                label(slowest),
                formatDuration(slowest.selfSeconds),
                formatDuration(waterfall.end - waterfall.start),
              )}
            </span>
          </Button>
        )}
        {lines.length > 0 && (
          <Button variant="inline-link" iconName="file" onClick={() => onSelect(selected, "logs")}>
            <span data-testid="trace-log-count">
              {errors > 0 ? text.trace.logs.linesErrors(lines.length, errors) : text.trace.logs.lines(lines.length)}
            </span>
          </Button>
        )}
      </div>
      {path && <PathSummary path={path} onSelect={jump} />}
      <Timeline
        waterfall={waterfall}
        rows={rows}
        collapsed={collapsed}
        onToggle={toggle}
        selected={selected}
        onSelect={(key) => onSelect(key)}
        zoom={
          zoom ?? { start: waterfall.start, end: Math.max(waterfall.end, waterfall.start + 1e-6) }
        }
        onZoom={setZoom}
        found={found}
        path={path}
        marks={marks}
        onMark={(mark) => onSelect(selected, "logs", mark.key.split(" ")[0])}
        words={{
          ...words,
          marks: text.trace.logs.lines,
          label: text.trace.timelineLabel,
          name: text.trace.name,
          status: text.trace.state,
          code: text.trace.code,
          duration: text.trace.duration,
          ruler: text.trace.ruler,
          rulerHelp: text.trace.rulerHelp,
          choice: chartWords(text),
        }}
      />
    </Container>
  );
}

function label(node: SegmentNode): string {
  return node.service !== node.document.name
    ? `${node.service} › ${node.document.name}`
    : node.document.name;
}

/** Enter goes to the next row whose name, request, query or exception has the text. */
function FindInTimeline({
  waterfall,
  onFound,
}: {
  waterfall: Waterfall;
  onFound: (node: SegmentNode) => void;
}) {
  const text = useText();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(-1);
  const hits = useMemo(() => {
    const wanted = typed.trim().toLowerCase();
    if (wanted === "") return [];
    return [...waterfall.byId.values()].filter((n) => searchText(n).includes(wanted));
  }, [typed, waterfall]);
  return (
    <div className="m-find">
      <Input
        type="search"
        value={typed}
        placeholder={text.trace.find}
        ariaLabel={text.trace.find}
        onChange={({ detail }) => {
          setTyped(detail.value);
          setAt(-1);
        }}
        onKeyDown={({ detail }) => {
          if (detail.key !== "Enter" || hits.length === 0) return;
          const next = (at + (detail.shiftKey ? hits.length - 1 : 1)) % hits.length;
          setAt(next);
          onFound(hits[next]!);
        }}
      />
      <span className="m-find-count" role="status">
        {typed.trim() === ""
          ? ""
          : hits.length === 0
            ? text.trace.noRow
            : text.common.of(String(Math.max(at + 1, 0)), String(hits.length))}
      </span>
    </div>
  );
}

function searchText(node: SegmentNode): string {
  const d = node.document;
  const parts = [
    d.name,
    d.id,
    d.http?.request?.url,
    d.sql?.sanitized_query,
    d.aws?.operation,
    d.cause ? JSON.stringify(d.cause) : "",
  ];
  return parts.filter(Boolean).join("\n").toLowerCase();
}
