// Bars of a distribution; the pointer or the keyboard chooses a range of it.

import type { ReactNode } from "react";

import { formatCount } from "../model/format";
import { logScale, scaleFor, ticksOf, type Bar } from "../model/histogram";
import { ChartFrame } from "./chart-frame";
import { BottomAxis, PlotSurface, usePlot, type PlotWords, type Rectangle } from "./plot";

interface HistogramChartProps {
  title: string;
  bars: readonly Bar[];
  format: (value: number) => string;
  range: { from: number; to: number } | undefined;
  onRange: (range: { from: number; to: number } | undefined) => void;
  words: PlotWords & { showTable: string; showChart: string; count: string; value: string };
  height?: number;
  action?: ReactNode;
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
          .map((b) => [`${format(b.from)} – ${format(b.to)}`, formatCount(b.count)]),
      })}
    >
      <Bars {...props} />
    </ChartFrame>
  );
}

function Bars({ title, bars, format, range, onRange, words, height = 130 }: HistogramChartProps) {
  const plot = usePlot(height, margin);
  const { area } = plot;
  const inner = area.right - area.left;
  const low = bars[0]?.from ?? 0;
  const high = bars.at(-1)?.to ?? 1;
  const scale = low > 0 ? logScale(low, high) : scaleFor([high / 1.05]);
  const x = (value: number) => area.left + scale.at(value) * inner;
  const value = (px: number) => scale.invert(Math.min(1, Math.max(0, (px - area.left) / inner)));
  const valuesOf = (part: Rectangle) => ({ from: value(part.left), to: value(part.right) });
  const most = Math.max(1, ...bars.map((b) => b.count));
  const selected = (bar: Bar) => !range || (bar.to > range.from && bar.from < range.to);
  return (
    <PlotSurface
      plot={plot}
      title={title}
      words={words}
      cells={{ columns: bars.length, rows: 1 }}
      applied={
        range && { left: x(range.from), right: x(range.to), top: area.top, bottom: area.bottom }
      }
      describe={(part) => {
        const { from, to } = valuesOf(part);
        const count = bars
          .filter((b) => b.from * 1.0001 >= from && b.to * 0.9999 <= to)
          .reduce((sum, b) => sum + b.count, 0);
        return `${format(from)} – ${format(to)} (${words.count} ${formatCount(count)})`;
      }}
      onChoose={(part) => onRange(valuesOf(part))}
      onClear={() => onRange(undefined)}
      onClick={() => onRange(undefined)}
    >
      <text x={area.left - 6} y={area.top + 8} textAnchor="end" className="m-axis">
        {formatCount(most)}
      </text>
      <line x1={area.left} x2={area.right} y1={area.bottom} y2={area.bottom} className="m-grid" />
      {bars.map((bar) => {
        const h = bar.count === 0 ? 0 : Math.max(2, (bar.count / most) * (area.bottom - area.top));
        return (
          <rect
            key={bar.from}
            x={x(bar.from) + 0.5}
            width={Math.max(1, x(bar.to) - x(bar.from) - 1)}
            y={area.bottom - h}
            height={h}
            className={selected(bar) ? "m-bar" : "m-bar m-bar-off"}
          >
            <title>{`${format(bar.from)} – ${format(bar.to)}: ${formatCount(bar.count)}`}</title>
          </rect>
        );
      })}
      <BottomAxis
        plot={plot}
        ticks={ticksOf(scale, Math.max(2, inner / 90))}
        x={x}
        format={format}
      />
    </PlotSurface>
  );
}
