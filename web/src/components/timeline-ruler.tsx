// Time since the start of the trace; dragging over it zooms.

import type { Ref } from "react";

import { formatDuration } from "../model/format";
import { linearTicks } from "../model/histogram";
import { useDrag } from "./use-drag";

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
  help: string;
}

export interface RulerTick {
  px: number;
  label: string;
  align: string;
}

export function Ruler({ hostRef, width, zoom, ticks, onZoom, help }: RulerProps) {
  const span = Math.max(1e-9, zoom.end - zoom.start);
  const time = (px: number) => zoom.start + Math.min(1, Math.max(0, px / width)) * span;
  const { drag, handlers } = useDrag((d) => {
    const [start, end] = [time(d.from.x), time(d.to.x)].sort((a, b) => a - b);
    if (end! - start! > span / 1000) onZoom({ start: start!, end: end! });
  });
  return (
    <div
      ref={hostRef}
      className="m-ruler"
      title={help}
      data-testid="timeline-ruler"
      {...handlers}
      onDoubleClick={() => onZoom(undefined)}
    >
      {ticks.map(({ px, label, align }) => (
        <span key={px} className="m-ruler-tick" style={{ left: px, transform: align }}>
          {label}
        </span>
      ))}
      {drag && (
        <span
          className="m-ruler-brush"
          style={{
            left: Math.min(drag.from.x, drag.to.x),
            width: Math.abs(drag.to.x - drag.from.x),
          }}
        />
      )}
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
