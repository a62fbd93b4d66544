// Counts over time as bars; a bar that is clicked, or a part that is drawn, is chosen.

import type { ReactNode } from "react";

import { formatCount } from "../model/format";
import { linearTicks } from "../model/histogram";
import { ChartFrame } from "./chart-frame";
import { BottomAxis, PlotSurface, timeScale, timeTicks, usePlot, ValueAxis, type PlotWords } from "./plot";

interface TimeBarsProps {
  title: string;
  /** Begin of each bar, in epoch seconds, and how many there are; bars without any may be left out. */
  bars: readonly { time: number; value: number }[];
  step: number;
  window: { start: number; end: number };
  formatTime: (time: number) => string;
  onChoose: (start: number, end: number) => void;
  words: PlotWords & { showTable: string; showChart: string; time: string; count: string };
  height?: number;
  action?: ReactNode;
}

export function TimeBars(props: TimeBarsProps) {
  const { title, bars, words, formatTime, action } = props;
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      action={action}
      table={() => ({
        columns: [words.time, words.count],
        rows: bars.map((bar) => [formatTime(bar.time), formatCount(bar.value)]),
      })}
    >
      <Bars {...props} />
    </ChartFrame>
  );
}

function Bars({ title, bars, step, window, formatTime, onChoose, words, height = 110 }: TimeBarsProps) {
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const ticks = linearTicks(0, most * 1.05, 3).filter((tick) => most > 4 ? true : Number.isInteger(tick));
  const room = Math.max(...ticks.map((tick) => formatCount(tick).length)) * 6.6 + 14;
  const plot = usePlot(height, { left: Math.max(36, room), right: 10, top: 8, bottom: 20 });
  const { area } = plot;
  const { x, time } = timeScale(window, area);
  const top = Math.max(most, ticks.at(-1) ?? 0);
  const y = (value: number) => area.bottom - (value / top) * (area.bottom - area.top);
  const first = Math.floor(window.start / step) * step;
  const columns = Math.max(1, Math.ceil((window.end - first) / step));
  const within = (t: number) => Math.min(area.right, Math.max(area.left, x(t)));
  const barAt = (t: number) => Math.floor(t / step) * step;
  return (
    <PlotSurface
      plot={plot}
      title={title}
      words={words}
      cells={{ columns, rows: 1 }}
      reach={{ ...area, left: x(first), right: x(first + columns * step) }}
      applied={undefined}
      describe={(part) => {
        const [from, to] = [time(part.left), time(part.right)];
        const count = bars
          .filter((bar) => bar.time + step / 2 >= from && bar.time + step / 2 <= to)
          .reduce((sum, bar) => sum + bar.value, 0);
        return `${formatTime(from)} – ${formatTime(to)} (${words.count} ${formatCount(count)})`;
      }}
      onChoose={(part) => {
        const [start, end] = [Math.round(time(part.left)), Math.round(time(part.right))];
        if (end > start) onChoose(start, end);
      }}
      onClear={() => undefined}
      onClick={({ x: px }) => {
        if (px >= area.left && px <= area.right) onChoose(barAt(time(px)), barAt(time(px)) + step);
      }}
    >
      <ValueAxis plot={plot} ticks={ticks} y={y} format={formatCount} />
      {bars
        .filter((bar) => bar.value > 0 && bar.time + step > window.start && bar.time < window.end)
        .map((bar) => {
          const [from, to] = [within(bar.time), within(bar.time + step)];
          const h = Math.max(2, area.bottom - y(bar.value));
          return (
            <rect
              key={bar.time}
              x={from + 0.5}
              width={Math.max(1, to - from - 1)}
              y={area.bottom - h}
              height={h}
              className="m-bar"
            >
              <title>{`${formatTime(bar.time)} – ${formatTime(bar.time + step)}: ${formatCount(bar.value)}`}</title>
            </rect>
          );
        })}
      <BottomAxis plot={plot} ticks={timeTicks(window, area.right - area.left)} x={x} format={formatTime} />
    </PlotSurface>
  );
}
