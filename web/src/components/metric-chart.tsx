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
  /** Drawn down to the axis. */
  filled?: boolean;
  points: readonly (number | undefined)[];
}

/** A band in which values are expected. */
export interface Band {
  name: string;
  low: readonly (number | undefined)[];
  high: readonly (number | undefined)[];
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
  band?: Band | undefined;
  /** A time that stands out. */
  shade?: { name: string; start: number; end: number } | undefined;
  /** Moments at which something happened, each with its words. */
  marks?: readonly Mark[] | undefined;
  /** Numbers are round in this unit: 1 unless given. */
  unitOf?: ((top: number) => number) | undefined;
}

export interface Mark {
  time: number;
  label: string;
  bad: boolean;
}

const height = 130;
const margin = { left: 56, right: 8, top: 8, bottom: 20 };

export function MetricChart(props: MetricChartProps) {
  const { title, times, series, format, formatTime, words, band, shade } = props;
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      table={() => ({
        columns: [words.time, ...series.map((s) => s.name), ...(band ? [band.name] : [])],
        rows: times.map((t, i) => [
          formatTime(t),
          ...series.map((s) => show(s.points[i], format)),
          ...(band ? [showBand(band, i, format)] : []),
        ]),
      })}
      legend={[
        ...series.map((s) => (
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
        )),
        band && (
          <LegendItem key={band.name} mark={<Swatch className="m-band" />}>
            {band.name}
            <b className="m-legend-value">{showBand(band, indexAt(props, band.high), format)}</b>
          </LegendItem>
        ),
        shade && (
          <LegendItem key={shade.name} mark={<Swatch className="m-shade" />}>
            {shade.name}
          </LegendItem>
        ),
      ]}
    >
      <Lines {...props} />
    </ChartFrame>
  );
}

function show(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? "–" : format(value);
}

function showBand(band: Band, index: number, format: (value: number) => string): string {
  const [low, high] = [band.low[index], band.high[index]];
  return low === undefined || high === undefined ? "–" : `${format(low)}–${format(high)}`;
}

/** Where the crosshair is; without one, the newest point there is. */
function indexAt({ times, cursor }: MetricChartProps, points: Series["points"]): number {
  return cursor === undefined ? points.findLastIndex((p) => p !== undefined) : times.indexOf(cursor);
}

function valueAt(props: MetricChartProps, s: Series): number | undefined {
  return s.points[indexAt(props, s.points)];
}

function Swatch({ className }: { className: string }) {
  return (
    <svg width="18" height="10" aria-hidden="true">
      <rect width="18" height="10" rx="2" className={className} />
    </svg>
  );
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
  band,
  shade,
  marks,
  unitOf,
}: MetricChartProps) {
  const lines = [...series.map((s) => s.points), ...(band ? [band.high] : [])];
  const top = Math.max(1e-9, ...lines.flatMap((points) => points.filter((p) => p !== undefined)));
  // Half a request means nothing: counts get whole numbers on their axis.
  const whole = series.every((s) => s.points.every((p) => p === undefined || Number.isInteger(p)));
  const unit = unitOf?.(top) ?? 1;
  const ticks = linearTicks(0, (top * 1.05) / unit, 3)
    .filter((t) => unit !== 1 || !whole || Number.isInteger(t))
    .map((t) => t * unit);
  const longest = Math.max(...ticks.map((t) => format(t).length));
  const plot = usePlot(height, { ...margin, left: Math.max(margin.left, 14 + longest * 6.4) });
  const { area, width } = plot;
  const { x, time } = timeScale(window, area);
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
      {shade && (
        <rect
          x={x(Math.max(window.start, shade.start))}
          width={Math.max(1, x(Math.min(window.end, shade.end)) - x(Math.max(window.start, shade.start)))}
          y={area.top}
          height={area.bottom - area.top}
          className="m-shade"
        />
      )}
      {band &&
        runs(times, band.high, step).map((run) => (
          <polygon key={run[0]!.t} className="m-band" points={bandOutline(band, run, times, x, y)} />
        ))}
      <ValueAxis plot={plot} ticks={ticks} y={y} format={format} />
      <BottomAxis
        plot={plot}
        ticks={timeTicks(window, area.right - area.left)}
        x={x}
        format={formatTime}
      />
      {series.map(
        (s) =>
          s.filled && (
            <g key={s.name} className={s.className} stroke="none">
              {runs(times, s.points, step).map((run) => (
                <polygon key={run[0]!.t} className="m-area" points={outline(run, x, y)} />
              ))}
            </g>
          ),
      )}
      {marks?.map((mark) => (
        <g key={mark.time} className={mark.bad ? "m-moment m-moment-bad" : "m-moment"}>
          <title>{`${formatTime(mark.time)} ${mark.label}`}</title>
          <line x1={x(mark.time)} x2={x(mark.time)} y1={area.top} y2={area.bottom} />
          {mark.bad ? (
            <path d={`M${x(mark.time) - 5},${area.top - 6} h10 l-5,8 z`} />
          ) : (
            <circle cx={x(mark.time)} cy={area.top - 2} r="3.5" />
          )}
        </g>
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

function outline(
  run: readonly { t: number; v: number }[],
  x: (time: number) => number,
  y: (value: number) => number,
): string {
  const [first, last] = [run[0]!, run.at(-1)!];
  const above = run.map((p) => `${x(p.t)},${y(p.v)}`);
  return [`${x(first.t)},${y(0)}`, ...above, `${x(last.t)},${y(0)}`].join(" ");
}

function bandOutline(
  band: Band,
  run: readonly { t: number; v: number }[],
  times: readonly number[],
  x: (time: number) => number,
  y: (value: number) => number,
): string {
  const above = run.map((p) => `${x(p.t)},${y(p.v)}`);
  const below = run.map((p) => `${x(p.t)},${y(band.low[times.indexOf(p.t)] ?? 0)}`);
  return [...above, ...below.reverse()].join(" ");
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
