// One row: name in the tree, status, HTTP code, duration, and its bar in time.

import { memo, type ReactNode } from "react";

import { formatDuration } from "../model/format";
import { isFailure, isInProgress, type SegmentState } from "../model/segment";
import type { PathPart } from "../model/critical-path";
import type { GroupNode, Interval, Row, SegmentNode } from "../model/waterfall";
import { StateMark } from "./state-mark";
import { TimelineMarks, type TimelineMark } from "./timeline-marks";
import type { Zoom } from "./timeline-ruler";

export interface TimelineWords {
  state: (state: SegmentState) => string;
  below: (state: SegmentState) => string;
  inferred: string;
  inferredHelp: string;
  orphan: string;
  orphanHelp: string;
  inProgress: string;
  inProgressHelp: string;
  group: (name: string) => string;
  type: (type: string) => string;
  bar: (start: string, duration: string) => string;
  onPath: (own: string) => string;
  offPath: string;
  /** What the marks on a row are, for those who do not see them. */
  marks?: (count: number) => string;
}

interface TimelineRowProps {
  row: Row;
  index: number;
  top: number;
  height: number;
  open: boolean;
  selected: boolean;
  active: boolean;
  zoom: Zoom;
  origin: number;
  words: TimelineWords;
  /** Whether the critical path is shown, and what of it lies in this row. */
  pathShown: boolean;
  path: PathPart | undefined;
  /** Moments of the row that lead somewhere. */
  marks?: readonly TimelineMark[] | undefined;
  /** What the timeline has before any zoom: marks beyond it stand at its edges. */
  whole: Zoom;
  onMark?: ((mark: TimelineMark) => void) | undefined;
  onToggle: () => void;
  onActivate: () => void;
}

export const TimelineRow = memo(function TimelineRow(props: TimelineRowProps) {
  const { row, index, top, height, open, selected, active, words, onToggle, onActivate } = props;
  const { node, depth } = row;
  const foldable = node.children.length > 0;
  const segment = node.kind === "segment" ? node : undefined;
  const { pathShown, path } = props;
  return (
    <div
      id={`row-${node.key}`}
      role="row"
      aria-level={depth + 1}
      aria-rowindex={index + 1}
      aria-selected={selected}
      {...(foldable ? { "aria-expanded": open } : {})}
      data-testid={segment ? "timeline-row" : "timeline-group"}
      data-segment-id={segment?.document.id}
      data-name={segment?.document.name ?? (node as GroupNode).name}
      data-service={segment?.service ?? (node as GroupNode).name}
      data-state={node.state}
      {...(pathShown && segment ? { "data-path": path ? "on" : "off" } : {})}
      className={[
        "m-row",
        pathShown && segment && !path ? "m-row-dim" : "",
        segment ? "" : "m-row-group",
        selected ? "m-row-selected" : "",
        active ? "m-row-active" : "",
      ].join(" ")}
      style={{ height, transform: `translateY(${top}px)` }}
      onClick={onActivate}
    >
      <span
        role="gridcell"
        className="m-row-name"
        style={{ paddingLeft: 6 + Math.min(depth, 12) * 16 }}
      >
        {foldable ? (
          <span
            className={`m-caret${open ? " m-caret-open" : ""}`}
            onClick={(event) => {
              event.stopPropagation();
              onToggle();
            }}
          />
        ) : (
          <span className="m-caret-none" />
        )}
        {segment ? (
          <SegmentName {...props} node={segment} />
        ) : (
          <GroupName {...props} node={node as GroupNode} />
        )}
      </span>
      <span role="gridcell" className={`m-col-state m-text-${node.state}`}>
        {segment ? words.state(segment.state) : ""}
      </span>
      <span role="gridcell" className="m-col-code">
        {segment?.document.http?.response?.status ?? ""}
      </span>
      <span role="gridcell" className="m-col-duration">
        {segment ? formatDuration(segment.interval.end - segment.interval.start) : ""}
        {segment && pathShown && (
          <span className="m-visually-hidden">
            {path ? words.onPath(formatDuration(path.ownSeconds)) : words.offPath}
          </span>
        )}
      </span>
      <span role="gridcell" className="m-row-track">
        {segment ? (
          <>
            <Bar {...props} node={segment} />
            {pathShown && path && <PathLine {...props} part={path} />}
            {props.marks && (
              <>
                <TimelineMarks marks={props.marks} zoom={props.zoom} whole={props.whole} onMark={props.onMark} />
                <span className="m-visually-hidden">{words.marks?.(props.marks.length)}</span>
              </>
            )}
          </>
        ) : (
          <GroupBar {...props} node={node as GroupNode} />
        )}
      </span>
    </div>
  );
});

function GroupName({ node, open, words }: TimelineRowProps & { node: GroupNode }) {
  return (
    <>
      {!open && isFailure(node.state) && (
        <StateMark state={node.state} label={words.below(node.state)} />
      )}
      <strong className="m-row-text">{node.name}</strong>
      {node.type && <span className="m-row-type">{words.type(node.type)}</span>}
      {node.inferred && <Tag text={words.inferred} help={words.inferredHelp} />}
    </>
  );
}

function SegmentName({ node, words }: TimelineRowProps & { node: SegmentNode }) {
  const hidden = isFailure(node.below) && !isFailure(node.state);
  const { document } = node;
  const running = isInProgress(document);
  return (
    <>
      <StateMark state={node.state} label={words.state(node.state)} />
      <span className="m-row-text" title={document.name}>
        {document.name}
      </span>
      {hidden && (
        <span className={`m-below m-text-${node.below}`} title={words.below(node.below)}>
          <StateMark state={node.below} label={words.below(node.below)} size={13} />
          <span className="m-below-text">{words.below(node.below)}</span>
        </span>
      )}
      {running && <Tag text={words.inProgress} help={words.inProgressHelp} />}
      {node.orphan && <Tag text={words.orphan} help={words.orphanHelp} />}
      {extra(node)}
    </>
  );
}

/** What tells rows of one name apart: the AWS operation or the request. */
function extra(node: SegmentNode): ReactNode {
  const { aws, http } = node.document;
  const operation = typeof aws?.operation === "string" ? aws.operation : undefined;
  const request = http?.request?.url
    ? `${http.request.method ?? ""} ${pathOf(http.request.url)}`
    : undefined;
  const text = operation ?? request;
  return text ? (
    <span className="m-row-type" title={http?.request?.url ?? text}>
      {text}
    </span>
  ) : null;
}

function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/]+/i, "") || "/";
}

function Tag({ text, help }: { text: string; help: string }) {
  return (
    <span className="m-tag" title={help}>
      {text}
    </span>
  );
}

function place(zoom: Zoom, start: number, end: number) {
  const span = Math.max(1e-9, zoom.end - zoom.start);
  const from = Math.max(0, (start - zoom.start) / span);
  const to = Math.min(1, (end - zoom.start) / span);
  if (to < 0 || from > 1) return undefined;
  return { left: `${from * 100}%`, width: `max(3px, ${Math.max(0, to - from) * 100}%)`, from, to };
}

function Bar({ node, zoom, origin, words }: TimelineRowProps & { node: SegmentNode }) {
  const at = place(zoom, node.interval.start, node.interval.end);
  if (!at) return null;
  const label = words.bar(
    formatDuration(node.interval.start - origin),
    formatDuration(node.interval.end - node.interval.start),
  );
  const running = isInProgress(node.document);
  return (
    <span
      className={`m-bar-row m-bar-${node.state}${running ? " m-bar-running" : ""}${node.document.inferred ? " m-bar-inferred" : ""}`}
      style={{ left: at.left, width: at.width }}
      title={label}
    >
      {!running &&
        node.self
          .slice(0, 60)
          .map((i) => <span key={i.start} className="m-bar-own" style={within(node, i)} />)}
    </span>
  );
}

/** Under the bar: a bracket over the time that the path spends here, thick where it is own time. */
function PathLine({ part, zoom, words }: TimelineRowProps & { part: PathPart }) {
  const title = words.onPath(formatDuration(part.ownSeconds));
  const line = (className: string) => (i: Interval) => {
    const at = place(zoom, i.start, i.end);
    return at ? (
      <span
        key={`${className}${i.start}`}
        className={className}
        style={{ left: at.left, width: at.width }}
        title={title}
      />
    ) : null;
  };
  return (
    <>
      {part.through.map(line("m-path-through"))}
      {part.own.slice(0, 200).map(line("m-path-own"))}
    </>
  );
}

function within(node: SegmentNode, part: Interval) {
  const length = Math.max(1e-9, node.interval.end - node.interval.start);
  return {
    left: `${((part.start - node.interval.start) / length) * 100}%`,
    width: `${((part.end - part.start) / length) * 100}%`,
  };
}

function GroupBar({ node, zoom }: TimelineRowProps & { node: GroupNode }) {
  const at = place(zoom, node.interval.start, node.interval.end);
  return at ? <span className="m-bar-group" style={{ left: at.left, width: at.width }} /> : null;
}
