// Time since the start of the trace; a range chosen on it is zoomed to.

import { useId, type Ref } from "react";

import { formatDuration } from "../model/format";
import { linearTicks } from "../model/histogram";
import type { PlotWords } from "./plot";
import { TimelineMarks, type TimelineMark } from "./timeline-marks";
import { sliderAria, usePartChoice } from "./use-part-choice";

/** The part of the trace that is shown, in epoch seconds. */
export interface Zoom {
  start: number;
  end: number;
}

interface RulerProps {
  hostRef: Ref<HTMLDivElement>;
  width: number;
  zoom: Zoom;
  origin: number;
  ticks: readonly RulerTick[];
  onZoom: (zoom: Zoom | undefined) => void;
  label: string;
  help: string;
  words: PlotWords;
  marks?: readonly TimelineMark[] | undefined;
  whole: Zoom;
  onMark?: ((mark: TimelineMark) => void) | undefined;
}

export interface RulerTick {
  px: number;
  label: string;
  align: string;
}

const cells = { columns: 20, rows: 1 };
const height = 32;

export function Ruler(props: RulerProps) {
  const { hostRef, width, zoom, origin, ticks, onZoom, label, help, words } = props;
  const span = Math.max(1e-9, zoom.end - zoom.start);
  const time = (px: number) => zoom.start + Math.min(1, Math.max(0, px / width)) * span;
  const choice = usePartChoice({
    area: { left: 0, right: width, top: 0, bottom: height },
    cells,
    applied: undefined,
    onChoose: (part) => {
      const [start, end] = [time(part.left), time(part.right)];
      if (end - start > span / 1000) onZoom({ start, end });
    },
    onClear: () => onZoom(undefined),
  });
  const hint = useId();
  const { shown, draft } = choice;
  const value = [draft ? time(draft.left) : zoom.start, draft ? time(draft.right) : zoom.end]
    .map((t) => formatDuration(Math.max(0, t - origin)))
    .join(" – ");
  return (
    <div
      ref={hostRef}
      className="m-ruler"
      title={help}
      data-testid="timeline-ruler"
      tabIndex={0}
      aria-label={label}
      aria-describedby={hint}
      {...sliderAria(choice, cells, value)}
      {...choice.handlers}
      onDoubleClick={() => onZoom(undefined)}
    >
      {ticks.map(({ px, label: text, align }) => (
        <span key={px} className="m-ruler-tick" style={{ left: px, transform: align }}>
          {text}
        </span>
      ))}
      {shown && (
        <span
          className={`m-ruler-brush${draft ? " m-ruler-draft" : ""}`}
          style={{ left: shown.left, width: shown.right - shown.left }}
        />
      )}
      {props.marks && (
        <span aria-hidden="true">
          <TimelineMarks marks={props.marks} zoom={zoom} whole={props.whole} onMark={props.onMark} />
        </span>
      )}
      <span id={hint} className="m-plot-hint">
        {draft ? words.draft(value) : words.keys}
      </span>
    </div>
  );
}

export function rulerTicks(zoom: Zoom, origin: number, width: number): RulerTick[] {
  const from = zoom.start - origin;
  const to = zoom.end - origin;
  const span = Math.max(1e-9, to - from);
  return linearTicks(from, to, Math.max(2, Math.floor(width / 95))).map((tick) => {
    const px = ((tick - from) / span) * width;
    const align = px < 20 ? "none" : px > width - 30 ? "translateX(-100%)" : "translateX(-50%)";
    return { px, label: tick === 0 ? "0" : formatDuration(tick), align };
  });
}
