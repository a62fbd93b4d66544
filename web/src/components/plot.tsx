// What the charts share: the area, axes, and the surface on which a part is chosen.

import { useId, type MouseEvent, type ReactNode, type RefObject } from "react";

import type { Rectangle } from "../model/cell-selection";
import { sliderAria, usePartChoice, type PartChoiceOptions } from "./use-part-choice";
import { useWidth } from "./use-width";

export interface PlotWords {
  /** How to choose a part with the keyboard. */
  keys: string;
  /** Nothing is chosen. */
  nothing: string;
  /** What is about to be chosen, and how to go on. */
  draft: (part: string) => string;
}

export interface Plot {
  ref: RefObject<HTMLDivElement | null>;
  width: number;
  height: number;
  area: Rectangle;
}

export function usePlot(
  height: number,
  margin: { left: number; right: number; top: number; bottom: number },
): Plot {
  const [ref, width] = useWidth<HTMLDivElement>();
  return {
    ref,
    width,
    height,
    area: {
      left: margin.left,
      right: Math.max(margin.left + 1, width - margin.right),
      top: margin.top,
      bottom: height - margin.bottom,
    },
  };
}

/** Seconds since the epoch across the area, and back. */
export function timeScale(window: { start: number; end: number }, area: Rectangle) {
  const span = Math.max(1, window.end - window.start);
  const inner = area.right - area.left;
  return {
    x: (time: number) => area.left + ((time - window.start) / span) * inner,
    time: (x: number) =>
      window.start + Math.min(1, Math.max(0, (x - area.left) / inner)) * span,
  };
}

interface PlotSurfaceProps extends Omit<PartChoiceOptions, "area"> {
  plot: Plot;
  title: string;
  words: PlotWords;
  /** In words, for those who do not see the chart. */
  describe: (part: Rectangle) => string;
  /** Cells of the keyboard where they do not fill the area. */
  reach?: Rectangle | undefined;
  onPointer?: ((x: number | undefined) => void) | undefined;
  /** Drawn below: a canvas, where there is more than elements are made for. */
  underlay?: ReactNode;
  children: ReactNode;
}

export function PlotSurface(props: PlotSurfaceProps) {
  const { plot, title, words, describe, reach, onPointer, underlay, children, ...options } = props;
  const { cells, applied } = options;
  const choice = usePartChoice({ ...options, area: reach ?? plot.area });
  const hint = useId();
  const part = choice.draft ?? applied;
  const value = part ? describe(part) : words.nothing;
  const semantics =
    cells.rows === 1 ? sliderAria(choice, cells, value) : ({ role: "application" } as const);
  const left = (event: MouseEvent<Element>) =>
    event.clientX - event.currentTarget.getBoundingClientRect().left;
  return (
    <div ref={plot.ref} className="m-plot">
      {underlay}
      <svg
        width={plot.width}
        height={plot.height}
        tabIndex={0}
        aria-label={title}
        aria-describedby={hint}
        {...semantics}
        {...choice.handlers}
        {...(onPointer && {
          onMouseMove: (event: MouseEvent<Element>) => onPointer(left(event)),
          onMouseLeave: () => onPointer(undefined),
        })}
      >
        {children}
        {choice.shown && <Brush part={choice.shown} draft={choice.draft !== undefined} />}
      </svg>
      <div id={hint} className="m-plot-hint">
        {choice.draft ? words.draft(value) : words.keys}
      </div>
      {cells.rows > 1 && (
        <span className="m-visually-hidden" role="status">
          {choice.draft ? value : ""}
        </span>
      )}
    </div>
  );
}

function Brush({ part, draft }: { part: Rectangle; draft: boolean }) {
  return (
    <rect
      x={part.left}
      width={Math.max(2, part.right - part.left)}
      y={part.top}
      height={Math.max(2, part.bottom - part.top)}
      className={`m-brush${draft ? " m-brush-draft" : ""}`}
    />
  );
}

export function ValueAxis({
  plot: { area },
  ticks,
  y,
  format,
}: {
  plot: Plot;
  ticks: readonly number[];
  y: (value: number) => number;
  format: (value: number) => string;
}) {
  return ticks.map((tick) => (
    <g key={tick}>
      <line x1={area.left} x2={area.right} y1={y(tick)} y2={y(tick)} className="m-grid" />
      <text x={area.left - 6} y={y(tick) + 4} textAnchor="end" className="m-axis">
        {format(tick)}
      </text>
    </g>
  ));
}

/** Labels below the area; those that would run into their neighbour are left out. */
export function BottomAxis({
  plot: { width, height },
  ticks,
  x,
  format,
}: {
  plot: Plot;
  ticks: readonly number[];
  x: (value: number) => number;
  format: (value: number) => string;
}) {
  return withRoom(ticks, x)
    .filter((tick) => x(tick) < width - 16)
    .map((tick) => (
      <text key={tick} x={x(tick)} y={height - 4} textAnchor="middle" className="m-axis">
        {format(tick)}
      </text>
    ));
}

function withRoom(ticks: readonly number[], x: (value: number) => number, room = 56): number[] {
  let last = -Infinity;
  return ticks.filter((tick) => {
    if (x(tick) - last < room) return false;
    last = x(tick);
    return true;
  });
}

export function timeTicks(window: { start: number; end: number }, pixels: number): number[] {
  const steps = [
    1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
    604800,
  ];
  const wanted = Math.max(2, Math.floor(pixels / 90));
  const step = steps.find((s) => (window.end - window.start) / s <= wanted) ?? 2592000;
  const ticks: number[] = [];
  for (let t = Math.ceil(window.start / step) * step; t <= window.end; t += step) ticks.push(t);
  return ticks;
}

export type { Rectangle };
