// Lines over time. Gaps stay gaps, dragging chooses a range, the crosshair reads values.

import { useState } from "react";

import { linearTicks } from "../model/histogram";
import { ChartFrame, LegendItem } from "./chart-frame";
import { useDrag } from "./use-drag";
import { useWidth } from "./use-width";

export interface Series {
  name: string;
  className: string;
  /** SVG dash pattern: lines differ in form as well as in colour. */
  dash?: string;
  points: readonly (number | undefined)[];
}

interface MetricChartProps {
  title: string;
  times: readonly number[];
  series: readonly Series[];
  window: { start: number; end: number };
  format: (value: number) => string;
  formatTime: (time: number) => string;
  onZoom?: (start: number, end: number) => void;
  words: { showTable: string; showChart: string; time: string };
  /** Shared crosshair of the charts on a page. */
  cursor: number | undefined;
  onCursor: (time: number | undefined) => void;
}

const height = 130;
const margin = { left: 56, right: 8, top: 8, bottom: 20 };

export function MetricChart(props: MetricChartProps) {
  const { title, times, series, window, format, formatTime, words } = props;
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      table={() => ({
        columns: [words.time, ...series.map((s) => s.name)],
        rows: times.map((t, i) => [formatTime(t), ...series.map((s) => show(s.points[i], format))]),
      })}
      legend={series.map((s) => (
        <LegendItem
          key={s.name}
          mark={
            <svg width="18" height="8" aria-hidden="true">
              <line
                x1="0"
                x2="18"
                y1="4"
                y2="4"
                className={s.className}
                strokeWidth="2.5"
                strokeDasharray={s.dash}
              />
            </svg>
          }
        >
          {s.name}
          <b className="m-legend-value">{show(valueAt(props, s), format)}</b>
        </LegendItem>
      ))}
    >
      <Plot {...props} key={`${window.start}-${window.end}`} />
    </ChartFrame>
  );
}

function show(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? "–" : format(value);
}

function valueAt({ times, cursor }: MetricChartProps, s: Series): number | undefined {
  if (cursor === undefined) return s.points.findLast((p) => p !== undefined);
  const index = times.indexOf(cursor);
  return index < 0 ? undefined : s.points[index];
}

function Plot({
  title,
  times,
  series,
  window,
  format,
  formatTime,
  onZoom,
  cursor,
  onCursor,
}: MetricChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const [focus, setFocus] = useState(false);
  const inner = width - margin.left - margin.right;
  const span = Math.max(1, window.end - window.start);
  const x = (t: number) => margin.left + ((t - window.start) / span) * inner;
  const time = (px: number) =>
    window.start + Math.min(1, Math.max(0, (px - margin.left) / inner)) * span;
  const top = Math.max(1e-9, ...series.flatMap((s) => s.points.filter((p) => p !== undefined)));
  // Half a request means nothing: counts get whole numbers on their axis.
  const whole = series.every((s) => s.points.every((p) => p === undefined || Number.isInteger(p)));
  const ticks = linearTicks(0, top * 1.05, 3).filter((t) => !whole || Number.isInteger(t));
  const max = Math.max(top * 1.05, ticks.at(-1) ?? 0);
  const y = (v: number) => margin.top + (1 - v / max) * (height - margin.top - margin.bottom);
  const nearest = (px: number) => nearestTime(times, time(px));
  const { drag, handlers } = useDrag((d) => {
    const [a, b] = [time(d.from.x), time(d.to.x)].sort((p, q) => p - q);
    onZoom?.(Math.floor(a!), Math.ceil(b!));
  });
  const step = times.length > 1 ? times[1]! - times[0]! : 60;
  return (
    <div ref={ref} className="m-plot">
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={title}
        tabIndex={0}
        {...handlers}
        onFocus={() => setFocus(true)}
        onBlur={() => {
          setFocus(false);
          onCursor(undefined);
        }}
        onKeyDown={(event) => {
          const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
          if (move === 0 || times.length === 0) return;
          event.preventDefault();
          const at = cursor === undefined ? (move > 0 ? -1 : times.length) : times.indexOf(cursor);
          onCursor(times[Math.min(times.length - 1, Math.max(0, at + move))]);
        }}
        onMouseMove={(event) =>
          onCursor(nearest(event.clientX - event.currentTarget.getBoundingClientRect().left))
        }
        onMouseLeave={() => !focus && onCursor(undefined)}
      >
        {ticks.map((tick) => (
          <g key={tick}>
            <line
              x1={margin.left}
              x2={width - margin.right}
              y1={y(tick)}
              y2={y(tick)}
              className="m-grid"
            />
            <text x={margin.left - 6} y={y(tick) + 4} textAnchor="end" className="m-axis">
              {format(tick)}
            </text>
          </g>
        ))}
        {timeTicks(window, inner)
          .filter((tick) => x(tick) < width - 16)
          .map((tick) => (
            <text key={tick} x={x(tick)} y={height - 4} textAnchor="middle" className="m-axis">
              {formatTime(tick)}
            </text>
          ))}
        {series.map((s) => (
          <g key={s.name} className={s.className} fill="none">
            {runs(times, s.points, step).map((run) =>
              run.length === 1 ? (
                <circle
                  key={run[0]!.t}
                  cx={x(run[0]!.t)}
                  cy={y(run[0]!.v)}
                  r="2.4"
                  className="m-dot"
                />
              ) : (
                <polyline
                  key={run[0]!.t}
                  strokeWidth="2"
                  strokeDasharray={s.dash}
                  strokeLinejoin="round"
                  points={run.map((p) => `${x(p.t)},${y(p.v)}`).join(" ")}
                />
              ),
            )}
          </g>
        ))}
        {cursor !== undefined && cursor >= window.start && cursor <= window.end && (
          <g>
            <line
              x1={x(cursor)}
              x2={x(cursor)}
              y1={margin.top}
              y2={height - margin.bottom}
              className="m-cursor"
            />
            <text
              x={Math.min(width - 30, Math.max(margin.left + 24, x(cursor)))}
              y={height - 4}
              textAnchor="middle"
              className="m-axis m-axis-strong"
            >
              {formatTime(cursor)}
            </text>
          </g>
        )}
        {drag && (
          <rect
            x={Math.min(drag.from.x, drag.to.x)}
            width={Math.abs(drag.to.x - drag.from.x)}
            y={margin.top}
            height={height - margin.top - margin.bottom}
            className="m-brush"
          />
        )}
      </svg>
    </div>
  );
}

function nearestTime(times: readonly number[], wanted: number): number | undefined {
  let best: number | undefined;
  for (const t of times)
    if (best === undefined || Math.abs(t - wanted) < Math.abs(best - wanted)) best = t;
  return best;
}

/** Splits at missing points and at missing buckets: an outage must not look like a line. */
function runs(times: readonly number[], points: readonly (number | undefined)[], step: number) {
  const found: { t: number; v: number }[][] = [];
  let run: { t: number; v: number }[] = [];
  times.forEach((t, i) => {
    const v = points[i];
    const previous = run.at(-1);
    if (v === undefined || (previous && t - previous.t > step * 1.5)) {
      if (run.length > 0) found.push(run);
      run = [];
    }
    if (v !== undefined) run.push({ t, v });
  });
  if (run.length > 0) found.push(run);
  return found;
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
