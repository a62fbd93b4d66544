// Bars of a distribution; dragging or the keyboard chooses a range of it.

import { scaleFor, ticksOf, type Bar } from "../model/histogram";
import { ChartFrame } from "./chart-frame";
import { useDrag } from "./use-drag";
import { useWidth } from "./use-width";

export interface HistogramBar extends Bar {
  /** Share drawn darker: what is also in the current choice of another chart. */
  part?: number;
}

interface HistogramChartProps {
  title: string;
  bars: readonly HistogramBar[];
  format: (value: number) => string;
  range: { from: number; to: number } | undefined;
  onRange: (range: { from: number; to: number } | undefined) => void;
  words: { showTable: string; showChart: string; count: string; value: string; help: string };
  height?: number;
  action?: React.ReactNode;
}

const margin = { left: 36, right: 12, top: 8, bottom: 20 };

export function HistogramChart(props: HistogramChartProps) {
  const { title, bars, format, words } = props;
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      action={props.action}
      table={() => ({
        columns: [words.value, words.count],
        rows: bars
          .filter((b) => b.count > 0)
          .map((b) => [`${format(b.from)} – ${format(b.to)}`, String(b.count)]),
      })}
    >
      <Bars {...props} />
    </ChartFrame>
  );
}

function Bars({ title, bars, format, range, onRange, words, height = 130 }: HistogramChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const inner = width - margin.left - margin.right;
  const low = bars[0]?.from ?? 0;
  const high = bars.at(-1)?.to ?? 1;
  const log = low > 0;
  const scale = log ? logScale(low, high) : scaleFor([high / 1.05]);
  const x = (value: number) => margin.left + scale.at(value) * inner;
  const value = (px: number) => scale.invert(Math.min(1, Math.max(0, (px - margin.left) / inner)));
  const most = Math.max(1, ...bars.map((b) => b.count));
  const floor = height - margin.bottom;
  const { drag, handlers } = useDrag(
    (d) => {
      const [from, to] = [value(d.from.x), value(d.to.x)].sort((a, b) => a - b);
      onRange({ from: from!, to: to! });
    },
    () => onRange(undefined),
  );
  const selected = (bar: Bar) => !range || (bar.to > range.from && bar.from < range.to);
  return (
    <div ref={ref} className="m-plot">
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`${title}. ${words.help}`}
        tabIndex={0}
        {...handlers}
        onKeyDown={(event) => {
          const next = keyRange(event.key, event.shiftKey, bars, range);
          if (next === "none") return;
          event.preventDefault();
          onRange(next);
        }}
      >
        <text x={margin.left - 6} y={margin.top + 8} textAnchor="end" className="m-axis">
          {most}
        </text>
        <line x1={margin.left} x2={width - margin.right} y1={floor} y2={floor} className="m-grid" />
        {bars.map((bar) => {
          const h = bar.count === 0 ? 0 : Math.max(2, (bar.count / most) * (floor - margin.top));
          return (
            <rect
              key={bar.from}
              x={x(bar.from) + 0.5}
              width={Math.max(1, x(bar.to) - x(bar.from) - 1)}
              y={floor - h}
              height={h}
              className={selected(bar) ? "m-bar" : "m-bar m-bar-off"}
            >
              <title>{`${format(bar.from)} – ${format(bar.to)}: ${bar.count}`}</title>
            </rect>
          );
        })}
        {axis(ticksOf(scale, Math.max(2, inner / 90)), x).map((tick) => (
          <text key={tick} x={x(tick)} y={height - 4} textAnchor="middle" className="m-axis">
            {format(tick)}
          </text>
        ))}
        {range && !drag && (
          <rect
            x={x(range.from)}
            width={Math.max(2, x(range.to) - x(range.from))}
            y={margin.top}
            height={floor - margin.top}
            className="m-brush"
          />
        )}
        {drag && (
          <rect
            x={Math.min(drag.from.x, drag.to.x)}
            width={Math.abs(drag.to.x - drag.from.x)}
            y={margin.top}
            height={floor - margin.top}
            className="m-brush"
          />
        )}
      </svg>
    </div>
  );
}

function logScale(low: number, high: number) {
  const a = Math.log10(low);
  const b = Math.log10(high);
  return {
    min: low,
    max: high,
    log: true,
    at: (v: number) => Math.min(1, Math.max(0, (Math.log10(Math.max(v, low)) - a) / (b - a))),
    invert: (p: number) => 10 ** (a + p * (b - a)),
  };
}

/** Leaves out labels that would run into their neighbour. */
export function axis(ticks: readonly number[], x: (value: number) => number, room = 56): number[] {
  let last = -Infinity;
  return ticks.filter((tick) => {
    if (x(tick) - last < room) return false;
    last = x(tick);
    return true;
  });
}

/** Arrows move the chosen range by a bar, with Shift they widen it, Escape clears it. */
function keyRange(
  key: string,
  shift: boolean,
  bars: readonly Bar[],
  range: { from: number; to: number } | undefined,
) {
  if (key === "Escape") return undefined;
  const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
  if (step === 0 || bars.length === 0) return "none" as const;
  if (!range) return step > 0 ? pick(bars, 0, 0) : pick(bars, bars.length - 1, bars.length - 1);
  const first = Math.max(
    0,
    bars.findIndex((b) => b.to > range.from),
  );
  const last = Math.max(
    first,
    bars.findLastIndex((b) => b.from < range.to),
  );
  if (shift)
    return step > 0 ? pick(bars, first, last + 1) : pick(bars, first, Math.max(first, last - 1));
  return pick(bars, first + step, last + step);
}

function pick(bars: readonly Bar[], first: number, last: number) {
  const clamp = (i: number) => Math.min(bars.length - 1, Math.max(0, i));
  const a = bars[clamp(first)]!;
  const b = bars[clamp(last)]!;
  // A hair inside the edges, so that the neighbours are not counted as chosen.
  return { from: a.from * 1.0001, to: b.to * 0.9999 };
}
