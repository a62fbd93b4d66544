// What a query counted, drawn: over time, or as amounts.

import { useState } from "react";

import type { QueryInput } from "../../api/logs";
import { chartWords } from "../../app/chart-words";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PieChart } from "../../components/pie-chart";
import { SeriesChart } from "../../components/series-chart";
import { formatClock, formatCount, formatTime } from "../../model/format";
import { topAmounts, type QueryChart } from "../../model/log-chart";

export type ChartKind = "line" | "stacked" | "bar" | "pie";

/** More would be a tangle. */
const mostLines = 40;
const mostBars = 50;
const mostSlices = 10;

export function QueryChartView({ chart, kind, input }: { chart: QueryChart; kind: ChartKind; input: QueryInput }) {
  const { text, zone, dark } = useSettings();
  const t = text.log;
  const { setRange } = useTimeRange();
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const window = { start: input.startTime, end: input.endTime };
  if (kind === "pie")
    return (
      <PieChart
        title={t.views.pie}
        slices={topAmounts(chart.amounts, mostSlices, t.others).map((amount, look) => ({ ...amount, look }))}
      />
    );
  if (kind === "bar" || !chart.series) {
    const amounts = topAmounts(chart.amounts, mostBars, t.others);
    const top = Math.max(1e-9, ...amounts.map(({ value }) => value));
    return (
      <table className="m-values-table" aria-label={t.views.bar}>
        <tbody>
          {amounts.map(({ name, value }, look) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="m-values-bar">
                <span
                  style={{
                    width: `${(Math.max(0, value) / top) * 100}%`,
                    background: `var(--m-series-${look % 10})`,
                  }}
                />
              </td>
              <td className="m-number-cell">{formatCount(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    );
  }
  return (
    <SeriesChart
      title={chart.series.length > mostLines ? t.firstLines(mostLines, chart.series.length) : t.overTime}
      lines={chart.series.slice(0, mostLines).map((line, look) => ({ ...line, look }))}
      period={chart.period}
      window={window}
      stacked={kind === "stacked"}
      format={formatCount}
      formatTime={(time) =>
        window.end - window.start > 86400
          ? formatTime(time, zone).slice(5, 16)
          : formatClock(time, zone, chart.period < 60)
      }
      onZoom={(start, end) => {
        setCursor(undefined);
        setRange({ kind: "absolute", start, end });
      }}
      words={{ ...chartWords(text), time: text.common.time }}
      cursor={cursor}
      onCursor={setCursor}
      dark={dark}
    />
  );
}
