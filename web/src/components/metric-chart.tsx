// Lines over time. Gaps stay gaps, a chosen range is zoomed to, the crosshair reads values.

import { linearTicks } from "../model/histogram";
import { ChartFrame, LegendItem } from "./chart-frame";
import {
  BottomAxis,
  PlotSurface,
  timeScale,
  timeTicks,
  usePlot,
  ValueAxis,
  type PlotWords,
  type Rectangle,
} from "./plot";

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
  onZoom: (start: number, end: number) => void;
  words: PlotWords & { showTable: string; showChart: string; time: string };
  /** Shared crosshair of the charts on a page. */
  cursor: number | undefined;
  onCursor: (time: number | undefined) => void;
}

const height = 130;
const margin = { left: 56, right: 8, top: 8, bottom: 20 };

export function MetricChart(props: MetricChartProps) {
  const { title, times, series, format, formatTime, words } = props;
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
      <Lines {...props} />
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

function Lines({
  title,
  times,
  series,
  window,
  format,
  formatTime,
  onZoom,
  words,
  cursor,
  onCursor,
}: MetricChartProps) {
  const plot = usePlot(height, margin);
  const { area, width } = plot;
  const { x, time } = timeScale(window, area);
  const top = Math.max(1e-9, ...series.flatMap((s) => s.points.filter((p) => p !== undefined)));
  // Half a request means nothing: counts get whole numbers on their axis.
  const whole = series.every((s) => s.points.every((p) => p === undefined || Number.isInteger(p)));
  const ticks = linearTicks(0, top * 1.05, 3).filter((t) => !whole || Number.isInteger(t));
  const max = Math.max(top * 1.05, ticks.at(-1) ?? 0);
  const y = (v: number) => area.top + (1 - v / max) * (area.bottom - area.top);
  const step = times.length > 1 ? times[1]! - times[0]! : 60;
  const values = (t: number | undefined) => {
    const at = t === undefined ? -1 : times.indexOf(t);
    return series.map((s) => `${s.name} ${show(s.points[at], format)}`).join(", ");
  };
  return (
    <PlotSurface
      plot={plot}
      title={title}
      words={words}
      cells={{ columns: times.length, rows: 1 }}
      reach={reachOf(times, step, x, area)}
      applied={undefined}
      describe={(part) =>
        `${formatTime(time(part.left))} – ${formatTime(time(part.right))} (${values(cursor)})`
      }
      onChoose={(part) => onZoom(Math.round(time(part.left)), Math.round(time(part.right)))}
      onClear={() => onCursor(undefined)}
      onColumn={(column) => onCursor(column === undefined ? undefined : times[column])}
      onPointer={(px) => onCursor(px === undefined ? undefined : nearestTime(times, time(px)))}
    >
      <ValueAxis plot={plot} ticks={ticks} y={y} format={format} />
      <BottomAxis
        plot={plot}
        ticks={timeTicks(window, area.right - area.left)}
        x={x}
        format={formatTime}
      />
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
            y1={area.top}
            y2={area.bottom}
            className="m-cursor"
          />
          <text
            x={Math.min(width - 30, Math.max(area.left + 24, x(cursor)))}
            y={height - 4}
            textAnchor="middle"
            className="m-axis m-axis-strong"
          >
            {formatTime(cursor)}
          </text>
        </g>
      )}
    </PlotSurface>
  );
}

/** The keyboard goes from bucket to bucket: those do not begin where the window does. */
function reachOf(
  times: readonly number[],
  step: number,
  x: (time: number) => number,
  area: Rectangle,
): Rectangle {
  if (times.length === 0) return area;
  return { ...area, left: x(times[0]!), right: x(times.at(-1)! + step) };
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
