// What an alarm watches over time: values, the limit or the band, bad datapoints marked, and below them, on the same time axis, its states.

import { useMemo, useState, type ReactNode } from "react";

import type { AlarmState } from "../api/alarm";
import type { StateSpan } from "../model/alarm";
import { linearTicks } from "../model/histogram";
import { ChartFrame, LegendItem } from "./chart-frame";
import { BottomAxis, PlotSurface, timeScale, timeTicks, usePlot, ValueAxis, type Plot, type PlotWords } from "./plot";

export interface AlarmSeries {
  name: string;
  times: readonly number[];
  values: readonly number[];
}

export interface AlarmChartProps {
  title: string;
  series: readonly AlarmSeries[];
  band: { times: readonly number[]; lower: readonly number[]; upper: readonly number[] } | undefined;
  threshold: number | undefined;
  /** By place in the first series. */
  isBad: (series: number, point: number) => boolean;
  spans: readonly StateSpan[];
  period: number;
  window: { start: number; end: number };
  format: (value: number) => string;
  formatTime: (time: number) => string;
  onZoom?: ((start: number, end: number) => void) | undefined;
  words: PlotWords & {
    showTable: string;
    showChart: string;
    time: string;
    threshold: string;
    band: string;
    breaching: string;
    state: string;
    unknown: string;
    noValues: string;
    states: Record<AlarmState, string>;
  };
  action?: ReactNode;
  height?: number;
}

const stripHeight = 20;
const looks = 6;

export function AlarmChart(props: AlarmChartProps) {
  const { title, series, band, threshold, spans, words, format, formatTime, isBad, action } = props;
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const times = useMemo(
    () => [...new Set(series.flatMap((line) => line.times))].sort((a, b) => a - b),
    [series],
  );
  const hasBad = series.some((line, s) => line.values.some((_, i) => isBad(s, i)));
  const stateAt = (time: number) => {
    const span = spans.find((each) => time >= each.start && time < each.end);
    return span ? words.states[span.state] : words.unknown;
  };
  const valueAt = (line: AlarmSeries, time: number) => {
    const place = line.times.indexOf(time);
    return place < 0 ? "–" : format(line.values[place]!);
  };
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      action={action}
      table={() =>
        series.length > 0
          ? {
              columns: [words.time, ...series.map((line) => line.name), words.state],
              rows: times.map((time) => [
                formatTime(time),
                ...series.map((line) => valueAt(line, time)),
                stateAt(time),
              ]),
            }
          : {
              words: 2,
              columns: [words.time, words.state],
              rows: spans.map((span) => [
                `${formatTime(span.start)} – ${formatTime(span.end)}`,
                words.states[span.state],
              ]),
            }
      }
      legend={
        series.length > 0 && (
          <>
            {series.map((line, i) => (
              <LegendItem
                key={line.name + i}
                mark={
                  <svg width="18" height="8" aria-hidden="true">
                    <line x1="0" x2="18" y1="4" y2="4" className={`m-alarm-line m-alarm-line-${i % looks}`} />
                  </svg>
                }
              >
                {line.name} {cursor !== undefined && <b>{valueAt(line, cursor)}</b>}
              </LegendItem>
            ))}
            {threshold !== undefined && (
              <LegendItem
                mark={
                  <svg width="18" height="8" aria-hidden="true">
                    <line x1="0" x2="18" y1="4" y2="4" className="m-alarm-limit" />
                  </svg>
                }
              >
                {words.threshold} <b>{format(threshold)}</b>
              </LegendItem>
            )}
            {band && (
              <LegendItem
                mark={
                  <svg width="18" height="10" aria-hidden="true">
                    <rect width="18" height="10" className="m-band" />
                  </svg>
                }
              >
                {words.band}
              </LegendItem>
            )}
            {hasBad && (
              <LegendItem
                mark={
                  <svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true">
                    <path d="M0-5 5 0 0 5-5 0z" className="m-alarm-bad" />
                  </svg>
                }
              >
                {words.breaching}
              </LegendItem>
            )}
            {cursor !== undefined && <LegendItem mark={null}>{`${formatTime(cursor)}: ${stateAt(cursor)}`}</LegendItem>}
          </>
        )
      }
    >
      <Body {...props} times={times} cursor={cursor} onCursor={setCursor} />
    </ChartFrame>
  );
}

interface BodyProps extends AlarmChartProps {
  times: readonly number[];
  cursor: number | undefined;
  onCursor: (time: number | undefined) => void;
}

function Body(props: BodyProps) {
  const { title, series, band, threshold, isBad, spans, period, window, format, formatTime, onZoom, words } = props;
  const { times, cursor, onCursor } = props;
  const isStripOnly = series.length === 0;
  const scale = useMemo(() => scaleOf(series, band, threshold), [series, band, threshold]);
  const height = isStripOnly ? 52 : (props.height ?? 280);
  const room = 14 + Math.max(...scale.ticks.map((tick) => format(tick).length)) * 6.4;
  const plot = usePlot(height, {
    left: isStripOnly ? 8 : Math.max(40, room),
    right: 10,
    top: 8,
    bottom: 20 + stripHeight + 8,
  });
  const { area } = plot;
  const { x, time } = timeScale(window, area);
  const y = (value: number) =>
    area.bottom - ((value - scale.low) / (scale.high - scale.low)) * (area.bottom - area.top);
  const strip = height - 20 - stripHeight;
  const hasValues = series.some((line) => line.values.length > 0);
  return (
    <PlotSurface
      plot={plot}
      title={title}
      words={words}
      cells={{ columns: Math.max(1, times.length || 60), rows: 1 }}
      applied={undefined}
      describe={(part) => `${formatTime(time(part.left))} – ${formatTime(time(part.right))}`}
      onChoose={(part) => onZoom?.(Math.round(time(part.left)), Math.round(time(part.right)))}
      onClear={() => onCursor(undefined)}
      onColumn={(column) => onCursor(column === undefined ? undefined : times[column])}
      onPointer={(px) => onCursor(px === undefined ? undefined : nearest(times, time(px)))}
    >
      <StatePatterns />
      {!isStripOnly && (
        <>
          <ValueAxis plot={plot} ticks={scale.ticks} y={y} format={format} />
          {band && <path d={bandPath(band, x, y, period)} className="m-band" />}
          {threshold !== undefined && (
            <line x1={area.left} x2={area.right} y1={y(threshold)} y2={y(threshold)} className="m-alarm-limit" />
          )}
          {series.map((line, s) => (
            <g key={line.name + s}>
              <path d={linePath(line, x, y, period)} className={`m-alarm-line m-alarm-line-${s % looks}`} />
              {line.times.map((t, i) =>
                isBad(s, i) ? (
                  <path
                    key={t}
                    d="M0-4 4 0 0 4-4 0z"
                    transform={`translate(${x(t)} ${y(line.values[i]!)})`}
                    className="m-alarm-bad"
                    data-testid="bad-point"
                  />
                ) : null,
              )}
            </g>
          ))}
          {!hasValues && (
            <text
              x={(area.left + area.right) / 2}
              y={(area.top + area.bottom) / 2}
              textAnchor="middle"
              className="m-axis"
            >
              {words.noValues}
            </text>
          )}
        </>
      )}
      <Strip plot={plot} top={strip} spans={spans} window={window} words={words} formatTime={formatTime} />
      <BottomAxis plot={plot} ticks={timeTicks(window, area.right - area.left)} x={x} format={formatTime} />
      {cursor !== undefined && cursor >= window.start && cursor <= window.end && (
        <line x1={x(cursor)} x2={x(cursor)} y1={area.top} y2={strip + stripHeight} className="m-cursor" />
      )}
    </PlotSurface>
  );
}

/** States are told apart by hatching too, and by words where there is room. */
function Strip({
  plot: { area },
  top,
  spans,
  window,
  words,
  formatTime,
}: {
  plot: Plot;
  top: number;
  spans: readonly StateSpan[];
  window: { start: number; end: number };
  words: AlarmChartProps["words"];
  formatTime: (time: number) => string;
}) {
  const { x } = timeScale(window, area);
  return (
    <g data-testid="state-strip">
      <rect x={area.left} width={area.right - area.left} y={top} height={stripHeight} className="m-strip-none" />
      {spans.map((span) => {
        const [from, to] = [x(span.start), x(span.end)];
        const label = words.states[span.state];
        return (
          <g key={span.start} data-state={span.state} className={`m-strip m-strip-${span.state}`}>
            <title>{`${formatTime(span.start)} – ${formatTime(span.end)}: ${label}${span.reason ? `\n${span.reason}` : ""}`}</title>
            <rect x={from} width={Math.max(1.5, to - from)} y={top} height={stripHeight} />
            {span.state !== "OK" && (
              <rect
                x={from}
                width={Math.max(1.5, to - from)}
                y={top}
                height={stripHeight}
                style={{ fill: `url(#m-strip-pattern-${span.state})` }}
              />
            )}
            {to - from > label.length * 8 + 16 && (
              <text x={(from + to) / 2} y={top + 14} textAnchor="middle">
                {label}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}

function StatePatterns() {
  return (
    <defs>
      <pattern id="m-strip-pattern-ALARM" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="2" height="7" className="m-strip-hatch" />
      </pattern>
      <pattern id="m-strip-pattern-INSUFFICIENT_DATA" width="6" height="6" patternUnits="userSpaceOnUse">
        <circle cx="2" cy="2" r="1" className="m-strip-dot" />
      </pattern>
    </defs>
  );
}

interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

/** The limit is always in view: a value is near it or not. */
function scaleOf(
  series: readonly AlarmSeries[],
  band: AlarmChartProps["band"],
  threshold: number | undefined,
): Scale {
  let [low, high] = [0, 0];
  const see = (value: number) => {
    if (value < low) low = value;
    if (value > high) high = value;
  };
  for (const line of series) line.values.forEach(see);
  band?.lower.forEach(see);
  band?.upper.forEach(see);
  if (threshold !== undefined) see(threshold);
  if (low === high) high = low + 1;
  const margin = (high - low) * 0.06;
  const ticks = linearTicks(low < 0 ? low - margin : low, high + margin, 4);
  return {
    low: Math.min(low < 0 ? low - margin : low, ticks[0] ?? low),
    high: Math.max(high + margin, ticks.at(-1) ?? high),
    ticks,
  };
}

type Place = (value: number) => number;

/** Parts without a missing period: an outage must not look like a line. */
function linePath(line: AlarmSeries, x: Place, y: Place, period: number): string {
  let path = "";
  for (let i = 0; i < line.times.length; i += 1) {
    const isNew = i === 0 || line.times[i]! - line.times[i - 1]! > period * 1.5;
    const isAlone = isNew && !(line.times[i + 1]! - line.times[i]! <= period * 1.5);
    path += `${isNew ? "M" : "L"}${x(line.times[i]!).toFixed(1)} ${y(line.values[i]!).toFixed(1)}`;
    // A point without neighbours would have no length.
    if (isAlone) path += "h0.1";
  }
  return path;
}

function bandPath(band: NonNullable<AlarmChartProps["band"]>, x: Place, y: Place, period: number): string {
  let path = "";
  for (let from = 0; from < band.times.length; ) {
    let to = from + 1;
    while (to < band.times.length && band.times[to]! - band.times[to - 1]! <= period * 1.5) to += 1;
    const upper = band.times.slice(from, to).map((t, i) => `${x(t).toFixed(1)} ${y(band.upper[from + i]!).toFixed(1)}`);
    const lower = band.times.slice(from, to).map((t, i) => `${x(t).toFixed(1)} ${y(band.lower[from + i]!).toFixed(1)}`);
    path += `M${[...upper, ...lower.reverse()].join("L")}Z`;
    from = to;
  }
  return path;
}

function nearest(times: readonly number[], wanted: number): number | undefined {
  let best: number | undefined;
  for (const time of times)
    if (best === undefined || Math.abs(time - wanted) < Math.abs(best - wanted)) best = time;
  return best;
}
