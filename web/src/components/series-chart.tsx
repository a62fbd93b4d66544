// Many lines over time, on a canvas: a hundred of them with a thousand points each stay fluid. Gaps stay gaps; a chosen range is
// zoomed to; the crosshair reads values; the line under it, or in the legend, stands out.

import { useEffect, useMemo, useRef, useState } from "react";

import { linearTicks } from "../model/histogram";
import { ChartFrame } from "./chart-frame";
import {
  BottomAxis,
  PlotSurface,
  timeScale,
  timeTicks,
  usePlot,
  ValueAxis,
  type Plot,
  type PlotWords,
} from "./plot";

export interface ChartLine {
  key: string;
  name: string;
  /** Which colour and dash. */
  look: number;
  times: readonly number[];
  values: readonly number[];
  /** Against the axis on the right. */
  right?: boolean;
}

export interface SeriesChartProps {
  title: string;
  lines: readonly ChartLine[];
  period: number;
  window: { start: number; end: number };
  stacked: boolean;
  format: (value: number) => string;
  formatTime: (time: number) => string;
  onZoom: (start: number, end: number) => void;
  words: PlotWords & { showTable: string; showChart: string; time: string };
  cursor: number | undefined;
  onCursor: (time: number | undefined) => void;
  /** Colours are read anew when it changes. */
  dark: boolean;
  height?: number;
  action?: React.ReactNode;
  /** Gives the canvas to who wants a picture of it. */
  onCanvas?: (canvas: HTMLCanvasElement | null) => void;
}

const colours = 10;
const dashes: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

const dashOf = (look: number) => dashes[Math.floor(look / colours) % dashes.length]!;

export function SeriesChart(props: SeriesChartProps) {
  const { title, lines, words, formatTime, format, cursor, action } = props;
  const [highlighted, setHighlighted] = useState<string | undefined>(undefined);
  const times = useMemo(
    () => [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b),
    [lines],
  );
  const at = useMemo(
    () => new Map(lines.map((line) => [line.key, new Map(line.times.map((t, i) => [t, line.values[i]!]))])),
    [lines],
  );
  const shown = (line: ChartLine) => {
    const value = cursor === undefined ? line.values.at(-1) : at.get(line.key)?.get(cursor);
    return value === undefined ? "–" : format(value);
  };
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      action={action}
      table={() => ({
        columns: [words.time, ...lines.map((line) => line.name)],
        rows: times.map((t) => [
          formatTime(t),
          ...lines.map((line) => {
            const value = at.get(line.key)?.get(t);
            return value === undefined ? "–" : format(value);
          }),
        ]),
      })}
    >
      <Lines {...props} times={times} at={at} highlighted={highlighted} onHighlight={setHighlighted} />
      <div className="m-legend m-legend-many" tabIndex={lines.length > 12 ? 0 : undefined}>
        {lines.map((line) => (
          <span
            key={line.key}
            className={`m-legend-item ${highlighted === line.key ? "m-legend-on" : ""}`}
            onMouseEnter={() => setHighlighted(line.key)}
            onMouseLeave={() => setHighlighted(undefined)}
          >
            <svg width="18" height="8" aria-hidden="true">
              <line
                x1="0"
                x2="18"
                y1="4"
                y2="4"
                strokeWidth="3"
                style={{ stroke: `var(--m-series-${line.look % colours})` }}
                strokeDasharray={dashOf(line.look).join(" ")}
              />
            </svg>
            <span className="m-legend-name">{line.name}</span>
            <b className="m-legend-value">{shown(line)}</b>
          </span>
        ))}
      </div>
    </ChartFrame>
  );
}

interface LinesProps extends SeriesChartProps {
  times: readonly number[];
  at: ReadonlyMap<string, ReadonlyMap<number, number>>;
  highlighted: string | undefined;
  onHighlight: (key: string | undefined) => void;
}

interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

function scaleOf(values: Iterable<number>): Scale {
  let [low, high] = [0, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low === high) high = low + 1;
  const ticks = linearTicks(low, high + (high - low) * 0.05, 4);
  return { low, high: Math.max(high, ticks.at(-1) ?? high), ticks };
}

function Lines(props: LinesProps) {
  const { title, lines, window, stacked, format, formatTime, onZoom, words, cursor, onCursor } = props;
  const { times, at, highlighted, onHighlight, period, height = 260 } = props;
  const tops = useMemo(() => (stacked ? stack(lines, times, at) : undefined), [stacked, lines, times, at]);
  const [left, right] = useMemo(() => {
    const of = (side: boolean) =>
      lines.filter((line) => (line.right ?? false) === side).map((line) => tops?.get(line.key)?.values ?? line.values);
    const onRight = of(true);
    return [scaleOf(all(of(false))), onRight.length > 0 ? scaleOf(all(onRight)) : undefined];
  }, [lines, tops]);
  const room = (scale: Scale) => 14 + Math.max(...scale.ticks.map((tick) => format(tick).length)) * 6.4;
  const plot = usePlot(height, {
    left: Math.max(40, room(left)),
    right: right ? Math.max(20, room(right)) : 10,
    top: 8,
    bottom: 20,
  });
  const { area } = plot;
  const { x, time } = timeScale(window, area);
  const yOf = (scale: Scale) => (value: number) =>
    area.bottom - ((value - scale.low) / (scale.high - scale.low)) * (area.bottom - area.top);
  const y = yOf(left);
  return (
    <PlotSurface
      plot={plot}
      title={title}
      words={words}
      cells={{ columns: Math.max(1, times.length), rows: 1 }}
      applied={undefined}
      describe={(part) => `${formatTime(time(part.left))} – ${formatTime(time(part.right))}`}
      onChoose={(part) => onZoom(Math.round(time(part.left)), Math.round(time(part.right)))}
      onClear={() => onCursor(undefined)}
      onColumn={(column) => onCursor(column === undefined ? undefined : times[column])}
      onPointer={(px) => {
        onCursor(px === undefined ? undefined : nearest(times, time(px)));
        if (px === undefined) onHighlight(undefined);
      }}
      underlay={
        <Canvas
          plot={plot}
          lines={lines}
          window={window}
          left={left}
          right={right}
          tops={tops}
          highlighted={highlighted}
          period={period}
          dark={props.dark}
          onCanvas={props.onCanvas}
        />
      }
    >
      <ValueAxis plot={plot} ticks={left.ticks} y={y} format={format} />
      {right?.ticks.map((tick) => (
        <text key={tick} x={area.right + 6} y={yOf(right)(tick) + 4} className="m-axis">
          {format(tick)}
        </text>
      ))}
      <BottomAxis plot={plot} ticks={timeTicks(window, area.right - area.left)} x={x} format={formatTime} />
      {cursor !== undefined && cursor >= window.start && cursor <= window.end && (
        <g>
          <line x1={x(cursor)} x2={x(cursor)} y1={area.top} y2={area.bottom} className="m-cursor" />
          <text
            x={Math.min(plot.width - 30, Math.max(area.left + 24, x(cursor)))}
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

function* all(lists: readonly (readonly number[])[]): Generator<number> {
  for (const list of lists) yield* list;
}

interface Stacked {
  values: number[];
  base: number[];
}

/** Each line on top of those before it. */
function stack(
  lines: readonly ChartLine[],
  times: readonly number[],
  at: ReadonlyMap<string, ReadonlyMap<number, number>>,
): Map<string, Stacked> {
  const sums = new Map(times.map((t) => [t, 0]));
  return new Map(
    lines.map((line) => {
      const base: number[] = [];
      const values = line.times.map((t) => {
        const below = sums.get(t) ?? 0;
        base.push(below);
        const top = below + (at.get(line.key)?.get(t) ?? 0);
        sums.set(t, top);
        return top;
      });
      return [line.key, { values, base }];
    }),
  );
}

interface CanvasProps {
  plot: Plot;
  lines: readonly ChartLine[];
  window: { start: number; end: number };
  left: Scale;
  right: Scale | undefined;
  tops: ReadonlyMap<string, Stacked> | undefined;
  highlighted: string | undefined;
  period: number;
  dark: boolean;
  onCanvas?: ((canvas: HTMLCanvasElement | null) => void) | undefined;
}

/** Points beyond which lines are drawn in the plainest way: dashes and round corners take several times as long. */
const manyPoints = 20_000;

/** What draws a line, on a canvas of a plot's size. */
function penOf(
  context: CanvasRenderingContext2D,
  style: CSSStyleDeclaration,
  { plot: { area }, window, left, right, tops, period, lines }: CanvasProps,
) {
  const { x } = timeScale(window, area);
  const isMany = lines.reduce((sum, line) => sum + line.values.length, 0) > manyPoints;
  return (line: ChartLine, isHighlighted: boolean) => {
    const scale = line.right && right ? right : left;
    const y = (value: number) =>
      area.bottom - ((value - scale.low) / (scale.high - scale.low)) * (area.bottom - area.top);
    const stacked = tops?.get(line.key);
    const values = stacked?.values ?? line.values;
    const colour = style.getPropertyValue(`--m-series-${line.look % colours}`);
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineJoin = isMany && !isHighlighted ? "bevel" : "round";
    // Areas are told apart by their place; dashes of many would be a mere pattern.
    context.lineWidth = isHighlighted ? 3 : stacked ? 1 : isMany ? 1 : 1.75;
    context.setLineDash(stacked || isMany ? [] : [...dashOf(line.look)]);
    for (const [from, to] of runs(line.times, period)) {
      context.globalAlpha = 1;
      context.beginPath();
      for (let i = from; i < to; i += 1) context.lineTo(x(line.times[i]!), y(values[i]!));
      if (to - from === 1) {
        context.arc(x(line.times[from]!), y(values[from]!), 2.4, 0, 2 * Math.PI);
        context.fill();
      } else context.stroke();
      if (!stacked) continue;
      for (let i = to - 1; i >= from; i -= 1) context.lineTo(x(line.times[i]!), y(stacked.base[i]!));
      context.closePath();
      context.globalAlpha = 0.4;
      context.fill();
    }
  };
}

/** A canvas of a plot's size, ready to be drawn on in its measures. */
function begin(canvas: HTMLCanvasElement, { width, height, area }: Plot) {
  const context = canvas.getContext("2d");
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  context?.scale(ratio, ratio);
  context?.beginPath();
  context?.rect(area.left, area.top - 2, area.right - area.left, area.bottom - area.top + 4);
  context?.clip();
  return context;
}

/** All lines are drawn once, on a canvas that nobody sees; with one that stands out they are shown faded below it. */
function Canvas(props: CanvasProps) {
  const { plot, lines, window, left, right, tops, highlighted, period, dark, onCanvas } = props;
  const ref = useRef<HTMLCanvasElement>(null);
  const all = useRef<HTMLCanvasElement>(null);
  const { width, height, area } = plot;
  const drawn = [width, height, area.left, area.right, lines, window.start, window.end, left, right, tops, period, dark];
  useEffect(() => {
    if (!ref.current) return;
    all.current ??= document.createElement("canvas");
    const context = begin(all.current, plot);
    if (!context) return;
    const draw = penOf(context, getComputedStyle(ref.current), props);
    for (const line of lines) draw(line, false);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, drawn);
  useEffect(() => {
    if (!ref.current || !all.current) return;
    const context = begin(ref.current, plot);
    if (!context) return;
    const one = lines.find((line) => line.key === highlighted);
    context.globalAlpha = one ? 0.18 : 1;
    if (all.current.width > 0) context.drawImage(all.current, 0, 0, width, height);
    if (one) penOf(context, getComputedStyle(ref.current), props)(one, true);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [...drawn, highlighted]);
  useEffect(() => {
    onCanvas?.(ref.current);
    return () => onCanvas?.(null);
  }, [onCanvas]);
  return (
    <canvas ref={ref} className="m-canvas" style={{ width, height }} data-dark={dark} aria-hidden="true" />
  );
}

/** Parts without a missing period: an outage must not look like a line. */
function* runs(times: readonly number[], period: number): Generator<[from: number, to: number]> {
  let from = 0;
  for (let i = 1; i <= times.length; i += 1)
    if (i === times.length || times[i]! - times[i - 1]! > period * 1.5) {
      if (i > from) yield [from, i];
      from = i;
    }
}

function nearest(times: readonly number[], wanted: number): number | undefined {
  let [low, high] = [0, times.length - 1];
  if (high < 0) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= wanted) low = middle;
    else high = middle;
  }
  return wanted - times[low]! <= times[high]! - wanted ? times[low] : times[high];
}
