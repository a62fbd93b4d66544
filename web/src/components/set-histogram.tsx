// The distribution of two sets in one chart: A as bars, B as a line of steps over them, both as
// shares of their set once there are two. A range chosen on it is applied to A.

import { formatCount, formatPercent } from "../model/format";
import { logScale, scaleFor, ticksOf } from "../model/histogram";
import type { SetBar } from "../model/set-chart";
import { ChartFrame, LegendItem } from "./chart-frame";
import { BottomAxis, PlotSurface, usePlot, type PlotWords, type Rectangle } from "./plot";

interface Range {
  from: number;
  to: number;
}

interface SetHistogramProps {
  title: string;
  bars: readonly SetBar[];
  /** Whether there is a second set. */
  two: boolean;
  format: (value: number) => string;
  range: Range | undefined;
  onRange: (range: Range | undefined) => void;
  words: PlotWords & {
    showTable: string;
    showChart: string;
    value: string;
    a: string;
    b: string;
    count: string;
  };
  height?: number;
}

const margin = { left: 46, right: 12, top: 8, bottom: 20 };

export function SetHistogram(props: SetHistogramProps) {
  const { title, bars, two, format, words } = props;
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      table={() => ({
        columns: [words.value, words.a, ...(two ? [words.b] : [])],
        rows: bars
          .filter((bar) => bar.a + bar.b > 0)
          .map((bar) => [
            `${format(bar.from)} – ${format(bar.to)}`,
            formatCount(bar.a),
            ...(two ? [formatCount(bar.b)] : []),
          ]),
      })}
      legend={
        two && (
          <>
            <LegendItem
              mark={
                <svg width="14" height="12" aria-hidden="true">
                  <rect x="1" y="1" width="12" height="10" className="m-bar" />
                </svg>
              }
            >
              {words.a}
            </LegendItem>
            <LegendItem
              mark={
                <svg width="20" height="12" aria-hidden="true">
                  <path d="M1 9h6V3h6v6h6" className="m-set-b" />
                </svg>
              }
            >
              {words.b}
            </LegendItem>
          </>
        )
      }
    >
      <Plane {...props} />
    </ChartFrame>
  );
}

function Plane({
  title,
  bars,
  two,
  format,
  range,
  onRange,
  words,
  height = 130,
}: SetHistogramProps) {
  const plot = usePlot(height, margin);
  const { area } = plot;
  const inner = area.right - area.left;
  const low = bars[0]?.from ?? 0;
  const high = bars.at(-1)?.to ?? 1;
  const scale = low > 0 ? logScale(low, high) : scaleFor([high / 1.05]);
  const x = (value: number) => area.left + scale.at(value) * inner;
  const value = (px: number) => scale.invert(Math.min(1, Math.max(0, (px - area.left) / inner)));
  const valuesOf = (part: Rectangle) => ({ from: value(part.left), to: value(part.right) });
  const sum = (side: "a" | "b") => bars.reduce((total, bar) => total + bar[side], 0);
  // Sets of different size are only comparable as shares.
  const [wholeA, wholeB] = two ? [Math.max(1, sum("a")), Math.max(1, sum("b"))] : [1, 1];
  const most = Math.max(1e-9, ...bars.flatMap((bar) => [bar.a / wholeA, bar.b / wholeB]));
  const y = (height: number) => area.bottom - (height / most) * (area.bottom - area.top);
  const label = (bar: SetBar) =>
    [
      `${format(bar.from)} – ${format(bar.to)}`,
      `${words.a}: ${formatCount(bar.a)}`,
      ...(two ? [`${words.b}: ${formatCount(bar.b)}`] : []),
    ].join("\n");
  const selected = (bar: SetBar) => !range || (bar.to > range.from && bar.from < range.to);
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
          .filter((bar) => bar.from * 1.0001 >= from && bar.to * 0.9999 <= to)
          .reduce((total, bar) => total + bar.a, 0);
        return `${format(from)} – ${format(to)} (${words.count} ${formatCount(count)})`;
      }}
      onChoose={(part) => onRange(valuesOf(part))}
      onClear={() => onRange(undefined)}
      onClick={() => onRange(undefined)}
    >
      <text x={area.left - 6} y={area.top + 8} textAnchor="end" className="m-axis">
        {two ? formatPercent(most) : formatCount(most)}
      </text>
      <line x1={area.left} x2={area.right} y1={area.bottom} y2={area.bottom} className="m-grid" />
      {bars.map((bar) => (
        <rect
          key={bar.from}
          x={x(bar.from) + 0.5}
          width={Math.max(1, x(bar.to) - x(bar.from) - 1)}
          y={bar.a === 0 ? area.bottom : Math.min(area.bottom - 2, y(bar.a / wholeA))}
          height={bar.a === 0 ? 0 : Math.max(2, area.bottom - y(bar.a / wholeA))}
          className={selected(bar) ? "m-bar" : "m-bar m-bar-off"}
        >
          <title>{label(bar)}</title>
        </rect>
      ))}
      {two && (
        <path
          className="m-set-b"
          d={bars
            .map((bar, i) => {
              const top = y(bar.b / wholeB);
              return `${i === 0 ? `M${x(bar.from)} ${area.bottom}` : ""}V${top}H${x(bar.to)}`;
            })
            .concat(`V${area.bottom}`)
            .join("")}
        />
      )}
      <BottomAxis
        plot={plot}
        ticks={ticksOf(scale, Math.max(2, inner / 90))}
        x={x}
        format={format}
      />
    </PlotSurface>
  );
}
