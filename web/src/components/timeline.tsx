// The segment timeline: a tree grid, virtualised, moved through with the arrow keys.
// Focus stays on the grid and points at the active row, since rows come and go.

import { useVirtualizer } from "@tanstack/react-virtual";
import {
  useEffect,
  useMemo,
  useRef,
  useState,
  type CSSProperties,
  type KeyboardEvent,
} from "react";

import type { CriticalPath } from "../model/critical-path";
import type { Row, Waterfall } from "../model/waterfall";
import type { PlotWords } from "./plot";
import type { TimelineMark } from "./timeline-marks";
import { TimelineRow, type TimelineWords } from "./timeline-row";
import { Ruler, rulerTicks, type Zoom } from "./timeline-ruler";
import { useWidth } from "./use-width";

interface TimelineProps {
  waterfall: Waterfall;
  rows: readonly Row[];
  collapsed: ReadonlySet<string>;
  onToggle: (key: string, open?: boolean) => void;
  selected: string | undefined;
  onSelect: (key: string) => void;
  zoom: Zoom;
  onZoom: (zoom: Zoom | undefined) => void;
  found: string | undefined;
  /** Present: the critical path is marked, and what is not on it is dimmed. */
  path?: CriticalPath | undefined;
  /** Moments that lead somewhere: of rows by their keys, and those of no row, on the ruler. */
  marks?: { byRow: ReadonlyMap<string, readonly TimelineMark[]>; ruler: readonly TimelineMark[] } | undefined;
  onMark?: ((mark: TimelineMark) => void) | undefined;
  /** Beside another timeline: narrow columns, and the page does not move to the selected row. */
  compact?: boolean;
  words: TimelineWords & {
    label: string;
    name: string;
    status: string;
    code: string;
    duration: string;
    ruler: string;
    rulerHelp: string;
    choice: PlotWords;
  };
}

const rowHeight = 32;

export function Timeline(props: TimelineProps) {
  const { waterfall, rows, collapsed, onToggle, selected, onSelect, zoom, onZoom, words } = props;
  const { compact = false } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [ruler, width] = useWidth<HTMLDivElement>();
  const ticks = rulerTicks(zoom, waterfall.start, width);
  const [active, setActive] = useState<string | undefined>(undefined);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const indexOf = useMemo(() => new Map(rows.map((row, i) => [row.node.key, i])), [rows]);
  const current =
    (active !== undefined ? indexOf.get(active) : undefined) ??
    (selected !== undefined ? indexOf.get(selected) : undefined) ??
    0;

  // A row chosen elsewhere (link, "first fault", search) is brought into sight.
  const wanted = props.found ?? selected;
  useEffect(() => {
    const index = wanted === undefined ? undefined : indexOf.get(wanted);
    if (index === undefined) return;
    setActive(wanted);
    virtualizer.scrollToIndex(index, { align: "auto" });
    if (compact) return;
    // Again when the details have opened: they cover a part of the page.
    const timers = [120, 600].map((ms) => setTimeout(() => scrollPageTo(`row-${wanted}`), ms));
    return () => timers.forEach(clearTimeout);
  }, [wanted, indexOf, virtualizer, compact]);

  // A few rows never scroll: they need no room for a scroll bar.
  const long = rows.length > 15;
  const move = (index: number) => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
    if (!row) return;
    setActive(row.node.key);
    virtualizer.scrollToIndex(indexOf.get(row.node.key)!, { align: "auto" });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[current];
    if (!row) return;
    const foldable = row.node.children.length > 0;
    const open = !collapsed.has(row.node.key);
    if (event.key === "ArrowDown") move(current + 1);
    else if (event.key === "ArrowUp") move(current - 1);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(rows.length - 1);
    else if (event.key === "PageDown") move(current + 15);
    else if (event.key === "PageUp") move(current - 15);
    else if (event.key === "ArrowRight")
      foldable && !open ? onToggle(row.node.key, true) : move(current + 1);
    else if (event.key === "ArrowLeft")
      foldable && open ? onToggle(row.node.key, false) : move(parentIndex(rows, current));
    else if (event.key === "Enter" || event.key === " ") activate(row);
    else return;
    event.preventDefault();
  };
  const activate = (row: Row) =>
    row.node.kind === "group" ? onToggle(row.node.key) : onSelect(row.node.key);

  return (
    <div className={`m-timeline${compact ? " m-timeline-compact" : ""}`} style={gridLines(ticks)}>
      <div className={`m-timeline-head${long ? "" : " m-timeline-short"}`}>
        <span aria-hidden="true">{words.name}</span>
        <span aria-hidden="true" className="m-col-state">
          {words.status}
        </span>
        <span aria-hidden="true" className="m-col-code">
          {words.code}
        </span>
        <span aria-hidden="true" className="m-col-duration">
          {words.duration}
        </span>
        <Ruler
          hostRef={ruler}
          width={width}
          zoom={zoom}
          origin={waterfall.start}
          ticks={ticks}
          onZoom={onZoom}
          label={words.ruler}
          help={words.rulerHelp}
          words={words.choice}
          marks={props.marks?.ruler}
          whole={waterfall}
          onMark={props.onMark}
        />
      </div>
      <div
        ref={scroller}
        className={`m-timeline-body${long ? "" : " m-timeline-short"}`}
        role="treegrid"
        aria-label={words.label}
        aria-rowcount={rows.length}
        aria-activedescendant={rows[current] ? `row-${rows[current].node.key}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        style={{ maxHeight: `min(68vh, ${rows.length * rowHeight + 2}px)` }}
      >
        <div
          role="presentation"
          style={{ height: virtualizer.getTotalSize(), position: "relative" }}
        >
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index]!;
            return (
              <TimelineRow
                key={row.node.key}
                row={row}
                index={item.index}
                top={item.start}
                height={rowHeight}
                open={!collapsed.has(row.node.key)}
                selected={row.node.key === selected}
                active={item.index === current}
                zoom={zoom}
                origin={waterfall.start}
                words={words}
                pathShown={props.path !== undefined}
                path={props.path?.byKey.get(row.node.key)}
                marks={props.marks?.byRow.get(row.node.key)}
                whole={waterfall}
                onMark={props.onMark}
                onToggle={() => onToggle(row.node.key)}
                onActivate={() => {
                  setActive(row.node.key);
                  activate(row);
                }}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Details at the bottom cover a part of the page: the row should stand above them. */
function scrollPageTo(id: string): void {
  const row = document.getElementById(id)?.getBoundingClientRect();
  if (!row) return;
  const pane = document.querySelector('[data-testid="details"]')?.getBoundingClientRect();
  const paneHead = 90;
  const bottom = pane && pane.left < row.right ? pane.top - paneHead : window.innerHeight;
  if (row.bottom > bottom - 40) window.scrollBy({ top: row.bottom - bottom + 120 });
  else if (row.top < 100) window.scrollBy({ top: row.top - 160 });
}

/** The lines behind the bars stand under the labels of the ruler. */
function gridLines(ticks: ReturnType<typeof rulerTicks>): CSSProperties {
  const [first, second] = ticks;
  if (!first || !second) return {};
  return {
    "--m-step": `${second.px - first.px}px`,
    "--m-offset": `${first.px}px`,
  } as CSSProperties;
}

function parentIndex(rows: readonly Row[], index: number): number {
  const depth = rows[index]!.depth;
  for (let i = index - 1; i >= 0; i -= 1) if (rows[i]!.depth < depth) return i;
  return index;
}
