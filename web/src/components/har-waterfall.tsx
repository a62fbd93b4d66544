// Requests as a waterfall: one row each, virtualised, moved through with the arrow keys.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";

import { formatBytes, formatDuration } from "../model/format";
import { harPhases, isFailedRow, type HarPhase, type HarRow } from "../model/har";
import { linearTicks } from "../model/histogram";
import { useWidth } from "./use-width";

interface HarWaterfallProps {
  rows: readonly HarRow[];
  /** Milliseconds that the bars have room for. */
  total: number;
  selected: number | undefined;
  onSelect: (key: number | undefined) => void;
  words: {
    label: string;
    method: string;
    status: string;
    address: string;
    size: string;
    time: string;
    noAnswer: string;
    phases: Record<HarPhase, string>;
  };
}

const rowHeight = 26;
const headHeight = 28;

export function HarWaterfall({ rows, total, selected, onSelect, words }: HarWaterfallProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [track, width] = useWidth<HTMLSpanElement>();
  const [active, setActive] = useState(0);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    // The head stands in the same box, so that both have the same width, whatever the scroll bar takes.
    scrollMargin: headHeight,
    scrollPaddingStart: headHeight,
  });
  const current = Math.min(active, rows.length - 1);
  // The list is another one when it is narrowed.
  useEffect(() => {
    const index = rows.findIndex((row) => row.key === selected);
    if (index >= 0) setActive(index);
  }, [rows, selected]);
  const move = (index: number) => {
    const next = Math.min(rows.length - 1, Math.max(0, index));
    setActive(next);
    virtualizer.scrollToIndex(next, { align: "auto" });
    // With the details open they follow.
    if (selected !== undefined) onSelect(rows[next]!.key);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = 12;
    const next = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + page,
      PageUp: current - page,
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (next !== undefined) move(next);
    else if (event.key === "Enter" || event.key === " ") onSelect(rows[current]?.key);
    else if (event.key === "Escape" && selected !== undefined) onSelect(undefined);
    else return;
    event.preventDefault();
  };
  const span = Math.max(1, total);
  const ticks = linearTicks(0, span, Math.max(2, Math.floor(width / 90))).filter(
    // A label has to have room.
    (tick) => (tick / span) * width < width - 48,
  );
  return (
    <div className="m-har">
      <div
        ref={scroller}
        className="m-har-box"
        style={{ height: `min(50vh, ${rows.length * rowHeight + headHeight + 2}px)` }}
      >
        <div className="m-har-row m-har-head">
          <span>{words.method}</span>
          <span>{words.status}</span>
          <span>{words.address}</span>
          <span className="m-har-number">{words.size}</span>
          <span className="m-har-number">{words.time}</span>
          <span className="m-har-track" ref={track}>
            {ticks.map((tick) => (
              <span key={tick} className="m-har-tick" style={{ left: `${(tick / span) * 100}%` }}>
                {formatDuration(tick / 1000)}
              </span>
            ))}
          </span>
        </div>
        <div
          className="m-har-body"
          role="listbox"
          aria-label={words.label}
          aria-activedescendant={rows[current] ? `har-${rows[current].key}` : undefined}
          tabIndex={0}
          onKeyDown={onKeyDown}
        >
          <div role="presentation" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
            {virtualizer.getVirtualItems().map((item) => {
              const row = rows[item.index]!;
              return (
                <div
                  key={row.key}
                  id={`har-${row.key}`}
                  role="option"
                  aria-selected={row.key === selected}
                  aria-setsize={rows.length}
                  aria-posinset={item.index + 1}
                  data-testid="har-row"
                  className={`m-har-row${row.key === selected ? " m-har-selected" : ""}${item.index === current ? " m-har-active" : ""}${isFailedRow(row) ? " m-har-failed" : ""}`}
                  style={{ transform: `translateY(${item.start - headHeight}px)`, height: rowHeight }}
                  onClick={() => {
                    setActive(item.index);
                    onSelect(row.key === selected ? undefined : row.key);
                  }}
                >
                  <span>{row.method}</span>
                  <span className="m-har-status">
                    {isFailedRow(row) && "✕ "}
                    {row.status === 0 ? words.noAnswer : row.status}
                  </span>
                  <span className="m-har-address" title={row.url}>
                    <span className="m-har-host">{row.host}</span>
                    <span className="m-har-path">{row.path}</span>
                  </span>
                  <span className="m-har-number">{formatBytes(row.bytes)}</span>
                  <span className="m-har-number">{formatDuration(row.ms / 1000)}</span>
                  <Bar row={row} span={span} words={words} />
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <div className="m-legend">
        {harPhases.map((phase) => (
          <span key={phase} className="m-legend-item">
            <span className={`m-har-swatch m-har-${phase}`} aria-hidden="true" />
            {words.phases[phase]}
          </span>
        ))}
      </div>
    </div>
  );
}

function Bar({ row, span, words }: { row: HarRow; span: number; words: HarWaterfallProps["words"] }) {
  const share = (ms: number) => `${(ms / span) * 100}%`;
  const phases = harPhases.filter((phase) => (row.phases[phase] ?? 0) > 0);
  const told = phases.map((phase) => `${words.phases[phase]} ${formatDuration(row.phases[phase]! / 1000)}`);
  return (
    <span className="m-har-track" title={told.join("\n")}>
      <span className="m-har-bar" style={{ left: share(row.start), width: `max(2px, ${share(row.ms)})` }}>
        {phases.map((phase) => (
          <span key={phase} className={`m-har-${phase}`} style={{ flexGrow: row.phases[phase] }} />
        ))}
      </span>
    </span>
  );
}
